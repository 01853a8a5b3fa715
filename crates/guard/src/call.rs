//! What goes into a check and what comes out of it. Plain values; `check` makes them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use http::HeaderMap;

use causeway_protocol::records::{App, Customer, Site};
use causeway_protocol::token::Bearer;
use causeway_protocol::{
    ApiKeyId, AudienceId, ConnectionId, ConsumerId, CustomerId, Position, ScopeSet, Subject, UnixTime, UserId,
};

use crate::budget::Left;
use crate::query::Given;

/// One API call, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// As sent: methods are case-sensitive (RFC 9110 9.1).
    pub method: &'a str,
    /// The raw path, undecoded. What is matched is what must be forwarded.
    pub path: &'a str,
    /// The raw query.
    pub query: Option<&'a str>,
    /// As sent.
    pub headers: &'a HeaderMap,
    /// Wall time, for expiry.
    pub now: UnixTime,
    /// Nanoseconds of a clock that never goes back, for budgets.
    pub monotonic_nanos: u64,
}

/// By what a call is made.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An access token of an app.
    Token {
        /// What it says.
        bearer: Bearer,
        /// Whose it is.
        app: Arc<App>,
    },
    /// A signature of an OAuth 1.0 consumer (RFC 5849).
    Consumer(ConsumerId),
    /// An API key of a customer.
    ApiKey(ApiKeyId),
}

/// Who calls: what a good token says, or what a node found out about a signature or an API key.
#[derive(Clone, Debug)]
pub struct Identified {
    /// By what.
    pub credential: Credential,
    /// Whose data.
    pub customer: CustomerId,
    /// For whom it acts; [`UserId::NOBODY`] where no person allowed it.
    pub user: UserId,
    /// What it may do, as things stand now.
    pub scopes: ScopeSet,
}

impl Identified {
    /// Everything whose taking back ends it. Something that is looked up at every call has no position of its own: it is as
    /// fresh as the newest entry, and only switches count.
    pub(crate) fn subjects(&self, audience: AudienceId) -> (Position, [Subject; 6]) {
        let standing = |own: Subject| {
            let all: Subject = audience.into();
            (Position(i64::MAX), [own, self.customer.into(), self.user.into(), all, all, all])
        };
        match &self.credential {
            Credential::Token { bearer, .. } => (bearer.as_of, bearer.subjects(audience)),
            Credential::Consumer(id) => standing((*id).into()),
            Credential::ApiKey(id) => standing((*id).into()),
        }
    }

    /// The app that calls, where one does.
    pub fn app(&self) -> Option<&Arc<App>> {
        match &self.credential {
            Credential::Token { app, .. } => Some(app),
            Credential::Consumer(_) | Credential::ApiKey(_) => None,
        }
    }

    /// Under which connection, where there is one: not where an app calls for itself.
    pub fn connection(&self) -> Option<ConnectionId> {
        match &self.credential {
            Credential::Token { bearer, .. } => (!bearer.family.is_lone()).then_some(bearer.connection),
            Credential::Consumer(_) | Credential::ApiKey(_) => None,
        }
    }
}

/// What a call carries to say who makes it, before anybody looked whether it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried<'a> {
    /// An access token, or nothing at all: [`crate::Guard::begin`] deals with both.
    Token,
    /// Parameters of OAuth 1.0, in the header or in the query.
    OAuth1,
    /// An API key.
    ApiKey(&'a str),
}

/// A call whose token is good for its route. Site and budget are still open.
#[derive(Debug)]
pub struct Admitted {
    pub(crate) who: Identified,
    pub(crate) route: usize,
    pub(crate) item: Option<Range<usize>>,
    pub(crate) wants_body: bool,
    pub(crate) site_parameter: Option<Arc<str>>,
    pub(crate) in_query: Given,
    pub(crate) in_body: Given,
    /// Where the feed stood when the token was found good.
    pub(crate) judged_at: Position,
    pub(crate) monotonic_nanos: u64,
}

impl Admitted {
    /// Whether a site may stand in this call's body: then buffer it, up to [`crate::MAX_SITE_BODY`], and give it to
    /// [`Admitted::read_body`]. A larger one is `BodyWithheld`.
    pub fn wants_body(&self) -> bool {
        self.wants_body
    }
}

/// A call that may go on: who makes it, for whom, with what. Only a check makes one.
#[derive(Clone, Debug)]
pub struct Pass {
    pub(crate) who: Identified,
    pub(crate) customer: Arc<Customer>,
    pub(crate) route: usize,
    pub(crate) item: Option<Range<usize>>,
    /// Which of the customer's sites, by index.
    pub(crate) site: Option<usize>,
    /// What is left of the budget.
    pub(crate) left: Option<Left>,
}

impl Pass {
    /// By what the call is made.
    pub fn credential(&self) -> &Credential {
        &self.who.credential
    }

    /// Whose app calls; `None` for a 1.0 signature or an API key.
    pub fn app(&self) -> Option<&App> {
        self.who.app().map(AsRef::as_ref)
    }

    /// Whose data it reaches.
    pub fn customer(&self) -> &Customer {
        &self.customer
    }

    /// Who allowed it; [`UserId::NOBODY`] where no person did.
    pub fn user(&self) -> UserId {
        self.who.user
    }

    /// Under which connection; `None` for a 1.0 signature, an API key, or an app that calls for itself.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.who.connection()
    }

    /// What it may do, as things stand now: the intersection of the token's scopes and the app's.
    pub fn scopes(&self) -> ScopeSet {
        self.who.scopes
    }

    /// The site of this call, if it is about one.
    pub fn site(&self) -> Option<&Site> {
        self.customer.sites.get(self.site?)
    }

    /// Every site that calls like this one may be made for.
    pub fn active_sites(&self) -> impl Iterator<Item = &Site> {
        self.customer.sites.iter().filter(|site| site.active)
    }

    /// What is left of the budget after this call; `None` where there is none.
    pub fn left(&self) -> Option<Left> {
        self.left
    }

    /// The index of the matched route in the profile's list.
    pub fn route(&self) -> usize {
        self.route
    }

    /// The part of the path that the route's last `{name}` stands for, without a suffix, decoded. Only paths whose escapes are
    /// UTF-8 pass.
    pub fn item<'a>(&self, path: &'a str) -> Option<Cow<'a, str>> {
        Some(percent_encoding::percent_decode_str(path.get(self.item.clone()?)?).decode_utf8_lossy())
    }

    /// The key to this customer's records. There is no other way to one (SECURITY MS-06).
    pub fn tenant(&self) -> Tenant<'_> {
        let reach = self.site().map_or(Reach::ActiveSites, Reach::One);
        Tenant { customer: &self.customer, reach }
    }
}

/// Whose records a call may reach: a customer, and one site or all active ones. Only a [`Pass`] makes one, so a reader of
/// records that asks for it cannot forget the tenant.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'a> {
    customer: &'a Customer,
    reach: Reach<'a>,
}

/// Which sites.
#[derive(Clone, Copy, Debug)]
pub enum Reach<'a> {
    /// The call is about this site.
    One(&'a Site),
    /// The call is about the whole customer.
    ActiveSites,
}

impl<'a> Tenant<'a> {
    /// Our number of the customer.
    pub fn id(&self) -> CustomerId {
        self.customer.id
    }

    /// The customer.
    pub fn customer(&self) -> &'a Customer {
        self.customer
    }

    /// Which sites.
    pub fn reach(&self) -> Reach<'a> {
        self.reach
    }

    /// Whether something at this site (the platform's id), or at none, may be seen.
    pub fn sees(&self, site: Option<&str>) -> bool {
        let Some(id) = site else { return true };
        match self.reach {
            Reach::One(one) => one.external_id == id,
            Reach::ActiveSites => self.customer.sites.iter().any(|site| site.active && site.external_id == id),
        }
    }
}
