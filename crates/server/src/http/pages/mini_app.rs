//! The mini-app's pages (ORC-11): in by a link of the app, a list of providers, out to one and back, and the buttons that end
//! something. Who is in, and what a provider said, is `flows::mini_app`'s.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::params::{Params, append_query};
use causeway_protocol::{Reason, Refusal};
use http::Method;
use http::request::Parts;

use super::account_views::{MiniApp, Offer, VisitOver};
use super::browser::{Visitor, same_origin};
use super::{FormEnds, card, form, frame_of, page, path_part, problem, refused, with_cookie, words};
use crate::flows::mini_app::{self, Guest, OfferState};
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// Names of the parameters, as the platform's page prints them (A27).
const ACCOUNT: &str = "account-id";
const APP: &str = "app-id";
const TOKEN: &str = "token";
/// What the buttons end.
const TAKE_BACK: &str = "take back";

/// GET: with a token, in; without one, the list for who is in.
pub async fn show(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visitor = Visitor::of(&edge.node, &parts.headers);
    let answered = async {
        let query = Params::form(parts.uri.query().unwrap_or_default().as_bytes())?;
        let (app, account) = (query.get(APP)?.unwrap_or_default(), query.get(ACCOUNT)?.unwrap_or_default());
        if let Some(token) = query.get(TOKEN)? {
            // Whoever only looks whether a link is alive (chat programs, mail scanners) must not use it up.
            if parts.method == Method::HEAD {
                return Err(Reason::MethodNotAllowed.refuse());
            }
            let entered = mini_app::enter(&edge.node, app, account, token).await?;
            let cookie = visitor.enter(&entered.visit, entered.life);
            // The token is worth nothing any more, but it need not stand in the address either.
            return Ok(with_cookie(reply::see_other(&home(&edge, app, account, &[])), cookie));
        }
        let guest = mini_app::guest(&edge.node, visitor.visit()).await?;
        if !guest.is(app, account) {
            return Err(Reason::SignInTokenForeign.refuse());
        }
        list(&edge, &parts, &guest, &query).await
    };
    answered.await.unwrap_or_else(|refusal| over(&edge, &parts, &refusal))
}

async fn list(edge: &Shared, parts: &Parts, guest: &Guest, query: &Params) -> Result<Response, Refusal> {
    let now = edge.node.now();
    let offers = guest.offers(edge).await?;
    let named = |name: &str| {
        let key = query.get(name).ok()??;
        offers.iter().find(|offer| offer.key == key).map(|offer| words::name(&offer.name))
    };
    let notice = match (named("connected"), named("disconnected"), query.has("taken-back")) {
        (Some(name), ..) => Some((name, "is connected.")),
        (_, Some(name), _) => Some((name, "is disconnected.")),
        (.., true) => Some((words::name(&guest.app.name), "can no longer ask about this account.")),
        _ => None,
    };
    let trouble = query.get("trouble").ok().flatten().and_then(|number| number.parse::<u16>().ok());
    let trouble = trouble.and_then(|number| Reason::ALL.iter().find(|reason| reason.number() == number));
    let view = MiniApp {
        frame: frame_of(edge, parts),
        app: card(&guest.app, &edge.node.profile),
        account: words::name(&guest.account.name),
        account_id: words::name(&guest.account.external_id),
        path: path(edge).to_owned(),
        offers: offers.iter().map(|offer| shown(edge, guest, offer, now)).collect(),
        notice,
        problem: trouble.map(|reason| problem(&reason.refuse())),
        allowed: guest.own(&edge.node).await?.map(|own| words::when(own.allowed_at, now)),
        token: guest.token(TAKE_BACK),
    };
    Ok(page(Kind::Ok, &view, FormEnds::Here))
}

fn shown(edge: &Shared, guest: &Guest, offer: &mini_app::Offer, now: causeway_protocol::UnixTime) -> Offer {
    let (look, word) = match offer.state {
        OfferState::Open => ("calm", "Not connected"),
        OfferState::Connected(_) => ("good", "Connected"),
        OfferState::Ended => ("warn", "Must be connected again"),
        OfferState::NotReady => ("calm", "Not available here yet"),
    };
    let connect = matches!(offer.state, OfferState::Open | OfferState::Ended);
    Offer {
        key: offer.key.clone(),
        name: words::name(&offer.name),
        initial: words::initial(&offer.name),
        look,
        word,
        since: match offer.state {
            OfferState::Connected(at) => Some(words::when(at, now)),
            _ => None,
        },
        connect: connect.then(|| {
            let token = guest.token(&connects(&offer.key));
            append_query(&format!("{}/connect/{}", path(edge), offer.key), &[(TOKEN, &token)])
        }),
        ends: matches!(offer.state, OfferState::Connected(_)),
        token: guest.token(&deed(&offer.key)),
    }
}

fn deed(provider: &str) -> String {
    format!("disconnect {provider}")
}

fn connects(provider: &str) -> String {
    format!("connect {provider}")
}

/// GET, `token`: off to a provider. A link, not a form: where a provider leads on to, no policy of ours can name.
pub async fn connect(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let guest = visitor(&edge, &parts).await?;
        let provider = path_part(&parts, 0);
        let query = Params::form(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
        // The page may have been opened by a visit to another account, and the cookie is of the latest one.
        if !guest.owns(query.get(TOKEN).ok().flatten().unwrap_or_default(), &connects(provider)) {
            return Err(Reason::FormForeign.refuse());
        }
        Ok(match guest.connect(&edge, provider).await {
            Ok(url) => reply::see_other(&url),
            Err(refusal) => reply::see_other(&trouble(&edge, &guest, &refusal)),
        })
    };
    answered.await.unwrap_or_else(|refusal| over(&edge, &parts, &refusal))
}

/// GET: back from a provider. Answered by a redirect: no page is shown under an address that holds a code.
pub async fn callback(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        let guest = visitor(&edge, &parts).await?;
        let provider = path_part(&parts, 0);
        let query = Params::form(parts.uri.query().unwrap_or_default().as_bytes());
        let finished = match query {
            Ok(query) => guest.finish(&edge, provider, &query).await,
            Err(_) => Err(Reason::CallbackStateUnknown.refuse()),
        };
        Ok(reply::see_other(&match finished {
            Ok(()) => home_of(&edge, &guest, &[("connected", provider)]),
            Err(refusal) => {
                tracing::warn!(provider, reason = refusal.reason.name(), "a provider was not connected");
                trouble(&edge, &guest, &refusal)
            }
        }))
    };
    answered.await.unwrap_or_else(|refusal| over(&edge, &parts, &refusal))
}

/// POST: `provider`, `token`.
pub async fn disconnect(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let guest = visitor(&edge, &parts).await?;
        let fields = form(&parts.headers, body).await?;
        let provider = fields.require("provider")?;
        if !guest.owns(fields.require("token")?, &deed(provider)) {
            return Err(Reason::FormForeign.refuse());
        }
        Ok(reply::see_other(&match guest.disconnect(&edge, provider).await {
            Ok(()) => home_of(&edge, &guest, &[("disconnected", provider)]),
            Err(refusal) => trouble(&edge, &guest, &refusal),
        }))
    };
    answered.await.unwrap_or_else(|refusal| over(&edge, &parts, &refusal))
}

/// POST: `token`. The app's own connection ends.
pub async fn take_back(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let guest = visitor(&edge, &parts).await?;
        let fields = form(&parts.headers, body).await?;
        if !guest.owns(fields.require("token")?, TAKE_BACK) {
            return Err(Reason::FormForeign.refuse());
        }
        Ok(reply::see_other(&match guest.take_back(&edge.node).await {
            Ok(()) => home_of(&edge, &guest, &[("taken-back", "1")]),
            Err(refusal) => trouble(&edge, &guest, &refusal),
        }))
    };
    answered.await.unwrap_or_else(|refusal| over(&edge, &parts, &refusal))
}

async fn visitor(edge: &Shared, parts: &Parts) -> Result<Guest, Refusal> {
    mini_app::guest(&edge.node, Visitor::of(&edge.node, &parts.headers).visit()).await
}

fn path(edge: &Shared) -> &str {
    edge.node.profile.accounts.as_ref().map_or("/", |accounts| accounts.mini_app.as_str())
}

fn home(edge: &Shared, app: &str, account: &str, more: &[(&str, &str)]) -> String {
    let mut pairs = vec![(ACCOUNT, account), (APP, app)];
    pairs.extend_from_slice(more);
    append_query(path(edge), &pairs)
}

fn home_of(edge: &Shared, guest: &Guest, more: &[(&str, &str)]) -> String {
    home(edge, &guest.app.client_id, &guest.account.external_id, more)
}

/// The list again, with what went wrong by its number: nobody can put words of their own on the page.
fn trouble(edge: &Shared, guest: &Guest, refusal: &Refusal) -> String {
    home_of(edge, guest, &[("trouble", &refusal.reason.number().to_string())])
}

/// For who is not in, or not any more.
fn over(edge: &Shared, parts: &Parts, refusal: &Refusal) -> Response {
    let title = match refusal.reason {
        Reason::SignInTokenSpent => "This link was good once",
        Reason::SignInTokenForeign => "This link does not work",
        Reason::VisitOver => "Please come in again",
        Reason::AppNotAvailable | Reason::AccountNotFound | Reason::NoCustomer => "There is nothing here any more",
        _ => return refused::page(edge, parts, refusal.clone()),
    };
    let query = Params::form(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let text = |name| query.get(name).ok().flatten().unwrap_or_default();
    let again = home(edge, text(APP), text(ACCOUNT), &[]);
    let view = VisitOver { frame: frame_of(edge, parts), title, problem: problem(refusal), again };
    page(Kind::Refused(refusal.reason), &view, FormEnds::Here)
}
