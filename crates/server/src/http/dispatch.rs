//! One request on its way in and out: its id and source, which table of routes it meets (Host), panics, faults, the log
//! line and the counters. What a route answers does not belong here.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use causeway_protocol::profile::{HostWord, Profile};
use causeway_protocol::{Reason, Refusal};
use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Method, Request, Uri, Version};
use hyper::body::{Body as _, Incoming};
use tower::Service;

use super::faults::{Faults, Gone};
use super::front::House;
use super::headers::{About, RequestId, Source, X_REQUEST_ID};
use super::log::{INTROSPECT, TOKEN};
use super::paced::{Pace, PacedBody, Phase, Reply};
use super::short::{Answer, Routes, Shorts};
use super::{forward_auth, log, reply};
use crate::router;
use crate::shared::Edge;
use crate::trust::TrustedProxies;

/// Adds routes to the API table: for tests.
pub type Hook = fn(Router<Edge>) -> Router<Edge>;

/// What stands on one listener.
pub struct Site {
    house: Arc<dyn House>,
    /// `/healthz` and `/readyz`: before the Host header counts.
    always: Router,
    table: Table,
    /// Words for the paths that are counted by name.
    names: HashMap<String, &'static str>,
    /// Words that tokens and secrets begin with, for the log.
    prefixes: Vec<String>,
    ids: log::Ids,
    /// On purpose, of this node.
    faults: Option<(Edge, Arc<Faults>)>,
}

enum Table {
    /// By its own address, a loopback name or the name of an origin: another name could be anybody's who lets it point here,
    /// and a page of theirs could read the answers (DNS rebinding).
    Own { address: Option<IpAddr>, names: Vec<String>, table: Router },
    /// By authority, lower-cased, in every spelling. `lone` serves HTTP/1.0 requests without a Host.
    ByHost { hosts: Vec<Host>, lone: String },
}

struct Host {
    spellings: Vec<String>,
    table: Router,
    shorts: Shorts,
}

/// Who answers.
enum Begun {
    /// A handler whose place is known.
    Short(Answer),
    /// Whoever the table finds.
    Table(Pin<Box<dyn Future<Output = Result<Response, Gone>> + Send>>),
    /// Nobody has to.
    Refused(Box<Response>),
}

/// What is kept of a request while it is answered. The future of a request is moved about: what it holds is little.
struct Asked {
    began: u64,
    method: Method,
    uri: Uri,
    endpoint: &'static str,
    id: RequestId,
    source: IpAddr,
}

impl Site {
    /// The platform's own hosts. `lone` is the origin whose table a request without any Host meets (HTTP/1.0).
    pub fn public(edge: Edge, lone: &str, faults: Faults, hook: Option<Hook>) -> Self {
        let (login, api) = (spellings(&edge.node.origins.login), spellings(&edge.node.origins.api));
        let finish = |router: Router<Edge>| router.with_state(edge.clone());
        // Everything the hook adds is in the table only: where there is one, the guarded API is found there too.
        let api_host = |spellings, routes: Routes<Edge>, words: &[HostWord]| {
            let (router, firsts) = routes.into_parts();
            let (router, firsts) = hook.map_or((router.clone(), Some(firsts)), |hook| (hook(router), None));
            let shorts = router::shorts(&edge, words, firsts);
            Host { spellings, table: finish(router::fallback(router)), shorts }
        };
        let hosts = if login == api {
            let both = router::login(&edge).merge(router::api(&edge));
            vec![api_host(login, both, &[HostWord::Login, HostWord::Api])]
        } else {
            let (router, _) = router::login(&edge).into_parts();
            let table = finish(router.fallback(super::pages::nothing_here));
            let shorts = router::shorts(&edge, &[HostWord::Login], None);
            let login = Host { spellings: login, table, shorts };
            vec![login, api_host(api, router::api(&edge), &[HostWord::Api])]
        };
        let table = Table::ByHost { hosts, lone: spellings(lone).swap_remove(0) };
        let always = router::always().with_state(edge.clone());
        let faults = Some((edge.clone(), Arc::new(faults))).filter(|(_, faults)| !faults.is_empty());
        Self::new(edge, always, table, faults)
    }

    /// The admin listener, bound to this address.
    pub fn admin(edge: Edge, bound: Option<SocketAddr>) -> Self {
        let table = router::admin().fallback(nothing_here).with_state(edge.clone());
        let origins = [&edge.node.origins.login, &edge.node.origins.api];
        let of = |origin: &&String| origin.split_once("://").and_then(|(_, host)| name_of(host)).map(str::to_owned);
        let mut names: Vec<String> = origins.iter().filter_map(of).collect();
        names.push("localhost".to_owned());
        let address = bound.map(|bound| bound.ip().to_canonical());
        let always = router::always().with_state(edge.clone());
        Self::new(edge, always, Table::Own { address, names, table }, None)
    }

    /// A guard at the edge: one host, `origin`, or none said at all.
    pub fn of_guard(house: Arc<dyn House>, origin: &str, always: Router, table: Router, shorts: Shorts) -> Self {
        let spellings = spellings(origin);
        let lone = spellings[0].clone();
        Self::new(house, always, Table::ByHost { hosts: vec![Host { spellings, table, shorts }], lone }, None)
    }

    /// Its own listener beside it, bound to this address.
    pub fn of_guards_admin(house: Arc<dyn House>, bound: Option<SocketAddr>, always: Router, table: Router) -> Self {
        let address = bound.map(|bound| bound.ip().to_canonical());
        Self::new(house, always, Table::Own { address, names: vec!["localhost".to_owned()], table }, None)
    }

    fn new(house: Arc<dyn House>, always: Router, table: Table, faults: Option<(Edge, Arc<Faults>)>) -> Self {
        let names = names(house.profile());
        let words = &house.profile().token.prefixes;
        let prefixes = [&words.access, &words.refresh, &words.code, &words.secret].map(Clone::clone);
        let of_keys = house.profile().api_keys.as_ref().and_then(|rules| rules.bearer_prefix.clone());
        let prefixes = prefixes.into_iter().chain(of_keys).filter(|prefix| !prefix.is_empty()).collect();
        let ids = log::Ids::new(house.entropy());
        Self { house, always, table, names, prefixes, ids, faults }
    }

    /// The process that it belongs to.
    pub fn house(&self) -> &dyn House {
        self.house.as_ref()
    }

    /// Answers one request. `Err` closes the connection without a byte (a fault that was asked for).
    pub async fn answer(
        self: Arc<Self>,
        peer: SocketAddr,
        pace: Pace,
        phase: Phase,
        request: Request<Incoming>,
    ) -> Result<Response<Reply>, Gone> {
        phase.busy();
        let (asked, begun) = self.begin(peer, &pace, request);
        let answered = match begun {
            Begun::Short(answer) => survived(answer).await,
            Begun::Table(answer) => survived(answer).await.transpose()?,
            Begun::Refused(response) => Some(*response),
        };
        let response = answered.unwrap_or_else(|| {
            self.house.metrics().panics.inc();
            tracing::error!(endpoint = asked.endpoint, "a request panicked");
            reply::refused(&Reason::Internal.refuse())
        });
        Ok(self.end(&asked, response, phase))
    }

    fn begin(&self, peer: SocketAddr, pace: &Pace, request: Request<Incoming>) -> (Asked, Begun) {
        let began = self.house.clock().monotonic_nanos();
        let (mut parts, body) = request.into_parts();
        let proxies = self.house.proxies();
        let trusted = proxies.trusts(peer.ip());
        let source = proxies.source(peer.ip(), &parts.headers);
        let id = self.ids.of(&parts.headers, trusted);
        let trusted = trusted || self.house.askers().trusts(peer.ip());
        parts.extensions.insert(About { source: Source(source), trusted, id: id.clone() });
        let body = if body.is_end_stream() { Body::empty() } else { Body::new(PacedBody::new(body, pace)) };
        // The URI's text is shared, not copied.
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let request = Request::from_parts(parts, body);
        let (endpoint, begun) = match self.route(peer, &request) {
            Ok((table, shorts)) => match shorts.and_then(|shorts| shorts.of(uri.path())) {
                Some((name, way)) if name != TOKEN || self.faults.is_none() => (name, Begun::Short(way(request))),
                _ => self.look_up(table, request),
            },
            Err(refusal) => (self.name(uri.path()), Begun::Refused(Box::new(reply::refused(&refusal)))),
        };
        (Asked { began, method, uri, endpoint, id, source }, begun)
    }

    fn look_up(&self, table: &Router, request: Request<Body>) -> (&'static str, Begun) {
        let endpoint = self.name(request.uri().path());
        let mut table = table.clone();
        let begun = match self.faults.clone().filter(|_| endpoint == TOKEN) {
            None => Begun::Table(Box::pin(async move { table.call(request).await.map_err(|never| match never {}) })),
            Some((edge, faults)) => Begun::Table(Box::pin(async move { faults.around(&edge, table, request).await })),
        };
        (endpoint, begun)
    }

    fn end(&self, asked: &Asked, mut response: Response, phase: Phase) -> Response<Reply> {
        let Asked { began, method, uri, endpoint, id, source } = asked;
        response.headers_mut().insert(X_REQUEST_ID, id.0.clone());
        if phase.ends() {
            // Whoever keeps connections for later learns in time that this one is not for later.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let nanos = self.house.clock().monotonic_nanos().saturating_sub(*began);
        let refused = response.extensions().get::<Reason>().copied();
        self.count(endpoint, &response, refused, nanos);
        if *endpoint != HEALTH {
            let (method, status, id) = (method.as_str(), response.status().as_u16(), id.as_str());
            let (micros, prefixes, path) = (nanos / 1000, self.prefixes.as_slice(), uri.path());
            log::write(&log::Line { method, path, endpoint, status, micros, id, source: *source, refused, prefixes });
        }
        response.map(|body| Reply::new(body, phase))
    }

    fn name(&self, path: &str) -> &'static str {
        let below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        match self.names.get(path) {
            Some(name) => name,
            None if below("/static") => "static",
            None if below("/admin") => "admin",
            None if below("/edge") => "edge",
            None if below("/logos") => "logo",
            None if self.house.profile().accounts.as_ref().is_some_and(|rules| below(&rules.mini_app)) => MINI_APP,
            None if below(&self.house.profile().endpoints.connected_apps) => CONNECTED,
            None if below(&self.house.profile().endpoints.apps) => APPS,
            None => log::GUARDED,
        }
    }

    fn count(&self, endpoint: &'static str, response: &Response, refused: Option<Reason>, nanos: u64) {
        let metrics = self.house.metrics();
        metrics.request(endpoint, response.status().as_u16());
        if let Some(reason) = refused {
            metrics.refusal(reason);
        }
        if endpoint == TOKEN {
            metrics.token_seconds.observe(nanos as f64 / 1e9);
        }
    }

    /// The table that a request meets, and the short ways beside it.
    fn route<B>(&self, peer: SocketAddr, request: &Request<B>) -> Result<(&Router, Option<&Shorts>), Refusal> {
        let asked = host_of(request);
        if matches!(request.uri().path(), "/healthz" | "/readyz") {
            // Whichever it is, and a probe may well say none; but nobody says two.
            let twice = request.headers().get_all(HOST).iter().nth(1).is_some();
            return if twice { asked.map(|_| (&self.always, None)) } else { Ok((&self.always, None)) };
        }
        let asked = asked?;
        let (hosts, lone) = match &self.table {
            Table::Own { address, names, table } => {
                let own = asked.is_none_or(|host| is_own(host, *address, names));
                return if own { Ok((table, None)) } else { Err(Reason::HostUnknown.refuse()) };
            }
            Table::ByHost { hosts, lone } => (hosts, lone),
        };
        let table_of = |name: &str| {
            let named = |spelling: &String| spelling.eq_ignore_ascii_case(name);
            hosts.iter().find(|host| host.spellings.iter().any(named)).map(|host| (&host.table, Some(&host.shorts)))
        };
        let forwarded = || {
            // Who may only ask the guard is believed only when asking it.
            let asker = Some(self.house.askers()).filter(|_| request.uri().path() == forward_auth::PATH);
            let by = |proxies: &TrustedProxies| proxies.trusts(peer.ip());
            let believed = [Some(self.house.proxies()), asker].into_iter().flatten().find(|proxies| by(proxies))?;
            believed.forwarded_host(peer.ip(), request.headers())
        };
        let found = table_of(asked.unwrap_or(lone)).or_else(|| table_of(forwarded()?));
        found.ok_or_else(|| Reason::HostUnknown.refuse())
    }
}

/// What comes of it, or `None` after a panic. A panic ends this request and no other: the future is dropped, the node's own state
/// lives behind locks that forgive it, and the panic's hook has reported it already.
async fn survived<T>(mut answer: Pin<Box<dyn Future<Output = T> + Send>>) -> Option<T> {
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_reported) => Poll::Ready(None),
    })
    .await
}

async fn nothing_here() -> Response {
    reply::refused(&Reason::NoSuchPage.refuse())
}

const HEALTH: &str = "health";
const CONNECTED: &str = "connected-apps";
const MINI_APP: &str = "mini-app";
const APPS: &str = "apps";

fn names(profile: &Profile) -> HashMap<String, &'static str> {
    let paths = &profile.endpoints;
    let mut names: HashMap<String, &'static str> = [
        ("/healthz", HEALTH),
        ("/readyz", HEALTH),
        ("/metrics", "metrics"),
        ("/sign-in", "sign-in"),
        ("/sign-out", "sign-out"),
        ("/consent", "consent"),
        (super::pages::go_back::PATH, "go-back"),
        (forward_auth::PATH, log::GUARD_CHECK),
        ("/.well-known/oauth-authorization-server", "metadata"),
    ]
    .into_iter()
    .map(|(path, name)| (path.to_owned(), name))
    .collect();
    let own = [
        (&paths.authorize, "authorize"),
        (&paths.token, TOKEN),
        (&paths.revoke, "revoke"),
        (&paths.introspect, INTROSPECT),
        (&paths.connected_apps, CONNECTED),
        (&paths.apps, APPS),
    ];
    names.extend(own.into_iter().map(|(path, name)| (path.clone(), name)));
    names.extend(paths.refresh.iter().map(|path| (path.clone(), TOKEN)));
    if let Some(rules) = &profile.oauth1 {
        let own = [
            (&rules.request_token, "oauth1-request-token"),
            (&rules.authorize, "oauth1-authorize"),
            (&rules.access_token, "oauth1-access-token"),
        ];
        names.extend(own.into_iter().map(|(path, name)| (path.clone(), name)));
    }
    if let Some(rules) = &profile.accounts {
        let own = [
            (&rules.register, "register-account"),
            (&rules.edit, "edit-account"),
            (&rules.delete, "delete-account"),
            (&rules.sign_in, "sign-in-account"),
            (&rules.mini_app, MINI_APP),
        ];
        names.extend(own.into_iter().map(|(path, name)| (path.clone(), name)));
    }
    names.extend(paths.userinfo.iter().map(|path| (path.clone(), "userinfo")));
    names
}

/// What a request asks for: an absolute target's authority (RFC 9112 3.2.2), else Host. HTTP/1.1 must say one, and
/// nobody may say two.
fn host_of<B>(request: &Request<B>) -> Result<Option<&str>, Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Reason::HeaderMalformed.about("Host was sent twice"));
    }
    if host.is_none() && request.version() >= Version::HTTP_11 {
        return Err(Reason::HeaderMalformed.about("Host is missing"));
    }
    match (request.uri().authority(), host) {
        (Some(authority), _) => Ok(Some(authority.as_str())),
        (None, Some(host)) => host.to_str().map(Some).map_err(|_| Reason::HeaderMalformed.about("Host")),
        (None, None) => Ok(None),
    }
}

/// An authority without its port; `None` for what is no plain one.
fn name_of(authority: &str) -> Option<&str> {
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let (name, port) = match authority[end..].find(':') {
        Some(at) => (&authority[..end + at], &authority[end + at + 1..]),
        None => (authority, ""),
    };
    (!name.contains('@') && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

/// Whether this Host means the admin listener itself. Bound to every address, it is known by any: an address cannot be made
/// to point elsewhere.
fn is_own(host: &str, bound: Option<IpAddr>, names: &[String]) -> bool {
    let Some(name) = name_of(host) else { return false };
    if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return true;
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let Ok(address) = bare.parse::<IpAddr>().map(|address| address.to_canonical()) else { return false };
    address.is_loopback() || bound.is_some_and(|bound| bound.is_unspecified() || bound == address)
}

/// `https://Host` → `host` and `host:443`; `http://host:8080` → itself only.
fn spellings(origin: &str) -> Vec<String> {
    let (scheme, host) = origin.split_once("://").unwrap_or(("http", origin));
    let (host, port) = (host.to_ascii_lowercase(), if scheme == "https" { ":443" } else { ":80" });
    match host.strip_suffix(port) {
        Some(bare) => vec![bare.to_owned(), host.clone()],
        None if host.rsplit(']').next().is_some_and(|end| end.contains(':')) => vec![host],
        None => vec![host.clone(), host + port],
    }
}
