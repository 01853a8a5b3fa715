//! The check itself. What a call is checked against stands beside it in `held`; how an answer reads on the wire, in `reply`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};

use causeway_protocol::client_credentials;
use causeway_protocol::cluster::{NodeId, Share, Used};
use causeway_protocol::profile::{ApiRules, Profile, SitePlace};
use causeway_protocol::seal::{OpenAccess, SealError, sha256};
use causeway_protocol::taken_back::{PERMITTED_SKEW, Verdict};
use causeway_protocol::time::Seconds;
use causeway_protocol::{AppId, AudienceId, Position, Reason, UserId};

use crate::body;
use crate::budget::Budgets;
use crate::call::{Admitted, Call, Carried, Credential, Identified, Pass};
use crate::credential::{self, Foreign};
use crate::denied::Denied;
use crate::held::{CustomerSource, Held};
use crate::query::{Given, Query};
use crate::reply;
use crate::routes::{Found, Routes};
use crate::site;

/// The largest body that is buffered to find the site in it.
pub const MAX_SITE_BODY: usize = 256 * 1024;

/// How long to wait for what a guard should know and does not.
const NOT_READY: Seconds = Seconds(1);

/// One platform's guard: the profile's rules, compiled, and the budgets. See the crate for how a call goes through it.
pub struct Guard {
    name: String,
    prefix: String,
    audience: AudienceId,
    api: ApiRules,
    site_parameter: Option<Arc<str>>,
    foreign: Foreign,
    routes: Routes,
    budgets: Budgets,
}

impl Guard {
    /// The guard of this platform.
    pub fn new(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            prefix: profile.token.prefixes.access.clone(),
            audience: AudienceId(0),
            api: profile.api.clone(),
            site_parameter: profile.api.site_parameter.as_deref().map(Arc::from),
            foreign: Foreign::of(profile),
            routes: Routes::new(profile),
            budgets: Budgets::new(&profile.api.budgets, profile.api.budget_key),
        }
    }

    /// What the call carries. Two credentials are an error, whichever (TOKENS 7).
    pub fn carried<'a>(&self, call: &Call<'a>) -> Result<Carried<'a>, Denied> {
        credential::carried(call.headers, call.query, &self.foreign)
    }

    /// Who calls with a token, and may they call this route at all? The order is a defence: nothing about routes, scopes or
    /// sites is told to anybody without a good token.
    pub fn begin(&self, call: &Call<'_>, held: &Held, ring: &impl OpenAccess) -> Result<Admitted, Denied> {
        let query = Query::read(call.query, self.site_parameter.as_deref());
        let text = credential::bearer(call.headers, &query)?;
        let (who, judged_at) = self.token(text, call, held, ring)?;
        self.admit(call, who, judged_at, query, held)
    }

    /// The same for somebody whom the node identified: a verified OAuth 1.0 signature, or an API key.
    pub fn begin_as(&self, call: &Call<'_>, who: Identified, held: &Held) -> Result<Admitted, Denied> {
        let query = Query::read(call.query, self.site_parameter.as_deref());
        let judged_at = self.live(&who, held, call.monotonic_nanos)?;
        self.admit(call, who, judged_at, query, held)
    }

    /// Who calls with an API key that is held (CAL-10): for [`Guard::begin_as`]. It is found by its digest, so the time that it
    /// takes says nothing about a key that is nearly right. An app's own key names no customer: it is good for the app's own
    /// endpoints only.
    pub fn api_key(&self, call: &Call<'_>, key: &str, held: &Held) -> Result<Identified, Denied> {
        let found = held.api_key(&sha256(&[key.as_bytes()])).filter(|found| found.active);
        let known = found.and_then(|found| Some((found.id, found.customer?)));
        let scopes = self.foreign.key_scopes(&held.scopes());
        let (Some((id, customer)), Some(scopes)) = (known, scopes) else {
            return Err(unknown(Reason::ApiKeyInvalid, call, held));
        };
        Ok(Identified { credential: Credential::ApiKey(id), customer, user: UserId::NOBODY, scopes })
    }

    /// Whether calls may be signed by OAuth 1.0 here.
    pub fn takes_oauth1(&self) -> bool {
        self.foreign.oauth1()
    }

    /// Who a token stands for, without any route: for the userinfo endpoint.
    pub fn identify(&self, call: &Call<'_>, held: &Held, ring: &impl OpenAccess) -> Result<Identified, Denied> {
        let query = Query::read(call.query, None);
        let text = credential::bearer(call.headers, &query)?;
        self.token(text, call, held, ring).map(|(who, _)| who)
    }

    /// Takes one call off the caller's budgets: for endpoints that are no route of the API (userinfo).
    pub fn spend(&self, who: &Identified, monotonic_nanos: u64) -> Result<(), Denied> {
        let app = who.app().map_or(AppId(0), |app| app.id);
        self.budgets.take(who.customer, app, monotonic_nanos).map(drop).map_err(|no| Denied {
            retry_after: Some(no.wait),
            left: no.left,
            ..Denied::from(Reason::BudgetSpent)
        })
    }

    /// What this node has to tell the others of budgets that are kept together (`Store::share`): running sums, about four times a
    /// second. Bounded by [`Share::MOST`]; mostly empty.
    pub fn used(&self) -> Vec<Used> {
        self.budgets.publish()
    }

    /// Takes in what every other node stands with; regularly, also where that is nothing. A node that hears nothing at all
    /// goes on with the part of each budget that it has.
    pub fn take_in_shares(&self, shares: &[Share], monotonic_nanos: u64) {
        self.budgets.take_in(shares, monotonic_nanos);
    }

    /// The same at an edge, where there is one share at most: what its node said that everybody else used, and how many nodes and
    /// edges that node knows of.
    pub fn take_in_at_edge(&self, shares: &[Share], nodes: u64, monotonic_nanos: u64) {
        self.budgets.take_in_at_edge(shares, nodes, monotonic_nanos);
    }

    /// How many keep budgets together: the nodes that this one hears, itself and its edges.
    pub fn nodes(&self) -> u64 {
        self.budgets.nodes()
    }

    /// Takes in what an edge of this node used, and answers what everybody else used: the edge takes that in as this node's
    /// share.
    pub fn relay_share(&self, edge: &Share, monotonic_nanos: u64) -> Vec<Used> {
        self.budgets.relay(edge, monotonic_nanos)
    }

    /// The answer alone, for an edge whose own use does not count here.
    pub fn used_but(&self, edge: NodeId) -> Vec<Used> {
        self.budgets.used_but(edge)
    }

    fn admit(
        &self,
        call: &Call<'_>,
        who: Identified,
        judged_at: Position,
        query: Query,
        held: &Held,
    ) -> Result<Admitted, Denied> {
        let (route, item) = match self.routes.find(call.method, call.path) {
            Found::Route(route, item) => (route, item),
            Found::OtherMethod(allow) => {
                return Err(Denied { allow: Some(allow), ..Denied::from(Reason::MethodNotAllowed) });
            }
            Found::Unknown => return Err(Reason::RouteUnknown.into()),
            Found::Malformed(why) => return Err(Denied::from(Reason::PathMalformed).about(why)),
        };
        // The method that was checked is the one that counts.
        if query.method {
            return Err(Denied::from(Reason::ParameterMalformed).about("_method"));
        }
        let registry = held.scopes();
        if self.routes.wanted(route, &registry).is_some_and(|wanted| !wanted.touches(who.scopes)) {
            let scope = self.routes.scope_to_name(route, &registry);
            let detail = Some(scope.clone());
            return Err(Denied { scope: Some(scope), detail, ..Denied::from(Reason::ScopeInsufficient) });
        }
        Ok(Admitted {
            who,
            route,
            item,
            wants_body: self.wants_body(call, self.routes.rule(route).site),
            site_parameter: self.site_parameter.clone(),
            in_query: query.site,
            in_body: Given::Not,
            judged_at,
            monotonic_nanos: call.monotonic_nanos,
        })
    }

    /// Must the body be looked into? Where the profile expects the site in it, and wherever else a reader behind us could find a
    /// site, or another method, in it. A GET has none; whoever serves calls refuses one that does.
    fn wants_body(&self, call: &Call<'_>, place: SitePlace) -> bool {
        let sites = self.site_parameter.is_some();
        if sites && matches!(place, SitePlace::Form | SitePlace::Json) {
            return true;
        }
        let none = matches!(call.method, "GET" | "HEAD");
        !none && if sites { body::may_name_a_site(call.headers) } else { body::may_be_a_form(call.headers) }
    }

    /// Is the token good, and at which position of the feed was that so? Every no is the same `TokenInvalid` (SECURITY BG-04);
    /// not knowing is none (BG-09).
    fn token(
        &self,
        text: &str,
        call: &Call<'_>,
        held: &Held,
        ring: &impl OpenAccess,
    ) -> Result<(Identified, Position), Denied> {
        let now = call.now;
        let token = ring.open_access(&self.prefix, text, now).map_err(|error| match error {
            SealError::UnknownKey(_) => Denied { retry_after: Some(NOT_READY), ..Denied::from(Reason::KeyUnknown) },
            SealError::Junk | SealError::Forged => Reason::TokenInvalid.into(),
        })?;
        // No leeway at the end; at the start, as far as node clocks may differ (TOKENS 6).
        if now >= token.expires_at() || token.issued > now + PERMITTED_SKEW || token.audience != self.audience {
            return Err(Reason::TokenInvalid.into());
        }
        let bearer = token.bearer;
        let app = held.app(bearer.app);
        let app = app.filter(|app| app.serves(bearer.customer) && client_credentials::stands(&bearer, app));
        // A token from after what was read here may be an app's that nobody has told of yet.
        let behind = bearer.as_of > held.head();
        let no = || if behind { not_ready() } else { unknown(Reason::TokenInvalid, call, held) };
        let app = app.ok_or_else(no)?;
        // TOKENS 2: the token is an upper bound; what the app may do now is the other half. A narrowed connection has
        // `cut_access`, so its older tokens are dead already.
        let scopes = token.scopes.intersect(app.scopes);
        let (customer, user) = (bearer.customer, bearer.user);
        let who = Identified { credential: Credential::Token { bearer, app }, customer, user, scopes };
        let judged_at = self.live(&who, held, call.monotonic_nanos)?;
        Ok((who, judged_at))
    }

    /// Is nothing that the caller names taken back or off? Answers as of when.
    fn live(&self, who: &Identified, held: &Held, monotonic_nanos: u64) -> Result<Position, Denied> {
        let (as_of, subjects) = who.subjects(self.audience);
        match held.judge(as_of, subjects, monotonic_nanos) {
            Ok((Verdict::Live, position)) => Ok(position),
            Ok(_) => Err(Reason::TokenInvalid.into()),
            Err(_) => Err(not_ready()),
        }
    }

    /// For which site, and is there budget? The customer is asked of `source` once, then held.
    pub async fn finish(&self, call: Admitted, held: &Held, source: &impl CustomerSource) -> Result<Pass, Denied> {
        let customer = held.customer(call.who.customer, source).await.map_err(|_| not_ready())?;
        let customer = customer.filter(|customer| customer.active).ok_or(Denied::from(Reason::TokenInvalid))?;
        // A body or the customer may have been waited for: what was taken back meanwhile counts (SECURITY BG-07).
        if held.head() != call.judged_at {
            self.live(&call.who, held, call.monotonic_nanos)?;
        }
        let rules = site::Rules {
            parameter: self.site_parameter.as_deref(),
            form: self.api.site_id_form,
            place: self.routes.rule(call.route).site,
        };
        let site = site::choose(rules, &call.in_query, &call.in_body, &customer)?;
        let left = self
            .budgets
            .take(customer.id, call.who.app().map_or(AppId(0), |app| app.id), call.monotonic_nanos)
            .map_err(|no| Denied { retry_after: Some(no.wait), left: no.left, ..Denied::from(Reason::BudgetSpent) })?;
        let Admitted { who, route, item, .. } = call;
        Ok(Pass { who, customer, route, item, site, left })
    }

    /// Both halves at once, for callers that have no body to show (forward-auth): the site is what the query says.
    pub async fn check(
        &self,
        call: &Call<'_>,
        held: &Held,
        ring: &impl OpenAccess,
        source: &impl CustomerSource,
    ) -> Result<Pass, Denied> {
        self.finish(self.begin(call, held, ring)?, held, source).await
    }

    /// The answer to a call that does not pass, in the profile's shape.
    pub fn reply(&self, denied: &Denied) -> Response<Bytes> {
        reply::denied(denied, &self.api, &self.name)
    }

    /// The profile's rules that it was made of.
    pub fn api(&self) -> &ApiRules {
        &self.api
    }
}

impl Admitted {
    /// Takes the site from the buffered body; wanted only where [`Admitted::wants_body`] says so.
    pub fn read_body(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<(), Denied> {
        if self.wants_body {
            self.in_body = body::site(headers, body, self.site_parameter.as_deref())?;
        }
        Ok(())
    }
}

/// Something that is not held: a no only from a guard that knows all there is (SECURITY BG-09).
fn unknown(reason: Reason, call: &Call<'_>, held: &Held) -> Denied {
    if held.is_ready() && held.is_fresh(call.monotonic_nanos) { reason.into() } else { not_ready() }
}

fn not_ready() -> Denied {
    Denied { retry_after: Some(NOT_READY), ..Denied::from(Reason::GuardNotReady) }
}
