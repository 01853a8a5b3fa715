//! The table of routes, on one screen. Paths come from the profile; the Host header picks the table (`http::listen`).
//! A handler is `async fn name(State(edge): State<Edge>, request: Request) -> Response`.

use axum::Router;
use axum::routing::{any, get, post};
use causeway_protocol::profile::HostWord;

use crate::http::log::{GUARD_CHECK, INTROSPECT, TOKEN};
use crate::http::short::{Routes, Shorts, way};
use crate::http::{
    accounts, admin, forward_auth, health, introspect, metadata, oauth1, pages, proxy, revoke, token, userinfo,
};
use crate::shared::{Edge, Shared};

/// What stands on the login host: the authorization endpoint and everything a person sees.
pub fn login(edge: &Edge) -> Routes<Edge> {
    let paths = &edge.node.profile.endpoints;
    let pages = Routes::default()
        .route(&paths.authorize, get(pages::authorize::show).post(pages::authorize::show))
        .route("/sign-in", get(pages::sign_in::show).post(pages::sign_in::submit))
        .route("/sign-out", get(pages::sign_in::ask_out).post(pages::sign_in::out))
        .route("/consent", post(pages::consent::submit))
        .route(&paths.connected_apps, get(pages::connected::list))
        .route(&format!("{}/{{id}}", paths.connected_apps), get(pages::connected::show))
        .route(&format!("{}/{{id}}/disconnect", paths.connected_apps), post(pages::connected::disconnect))
        .route(pages::legacy::PATH, get(pages::legacy::list))
        .route("/staff/oauth1.csv", get(pages::legacy::csv))
        .route(&paths.apps, get(pages::apps::list))
        .route(&format!("{}/new", paths.apps), get(pages::apps::new).post(pages::apps::create))
        .route(&format!("{}/{{id}}", paths.apps), get(pages::apps::show))
        .route(&format!("{}/{{id}}/edit", paths.apps), get(pages::apps::edit).post(pages::apps::fill))
        .route(&format!("{}/{{id}}/secret", paths.apps), post(pages::apps::secret))
        .route(&format!("{}/{{id}}/switch", paths.apps), post(pages::apps::switch))
        .route(&format!("{}/{{id}}/review", paths.apps), post(pages::apps::review))
        .route("/logos/{app}/{digest}", get(pages::apps::logo))
        .route("/", get(pages::home))
        .route("/static/{file}", get(pages::asset))
        .method_not_allowed_fallback(pages::wrong_method)
        .route("/.well-known/oauth-authorization-server", get(metadata::show).fallback(health::wrong_method));
    programs(edge, HostWord::Login).merge(pages).merge(accounts_pages(edge)).merge(oauth1_pages(edge))
}

/// Where a person allows an OAuth 1.0 application.
fn oauth1_pages(edge: &Edge) -> Routes<Edge> {
    let Some(rules) = &edge.node.profile.oauth1 else { return Routes::default() };
    Routes::default()
        .route(&rules.authorize, get(pages::oauth1::show).post(pages::oauth1::submit))
        .method_not_allowed_fallback(pages::wrong_method)
}

/// The other two legs of OAuth 1.0.
fn oauth1_calls(edge: &Edge) -> Routes<Edge> {
    let Some(rules) = &edge.node.profile.oauth1 else { return Routes::default() };
    Routes::default()
        .route(&rules.request_token, any(oauth1::request_token))
        .route(&rules.access_token, any(oauth1::access_token))
}

/// Where nobody signs in to connect an app, and apps register accounts: the way back, the mini-app, the developer's list.
fn accounts_pages(edge: &Edge) -> Routes<Edge> {
    let router = Routes::default().route(pages::go_back::PATH, post(pages::go_back::submit));
    let Some(rules) = &edge.node.profile.accounts else { return router };
    let (mini_app, list) = (&rules.mini_app, format!("{}/{{id}}/accounts", edge.node.profile.endpoints.apps));
    let one = format!("{list}/{{account}}");
    router
        .route(mini_app, get(pages::mini_app::show))
        .route(&format!("{mini_app}/connect/{{provider}}"), get(pages::mini_app::connect))
        .route(&format!("{mini_app}/callback/{{provider}}"), get(pages::mini_app::callback))
        .route(&format!("{mini_app}/disconnect"), post(pages::mini_app::disconnect))
        .route(&format!("{mini_app}/take-back"), post(pages::mini_app::take_back))
        .route(&list, get(pages::accounts::list).post(pages::accounts::add))
        .route(&one, get(pages::accounts::show).post(pages::accounts::edit))
        .route(&format!("{one}/delete"), post(pages::accounts::delete))
        .method_not_allowed_fallback(pages::wrong_method)
}

/// The calls with which an app looks after its accounts.
fn accounts_calls(edge: &Edge) -> Routes<Edge> {
    let Some(rules) = &edge.node.profile.accounts else { return Routes::default() };
    Routes::default()
        .route(&rules.register, any(accounts::register))
        .route(&rules.edit, any(accounts::edit))
        .route(&rules.delete, any(accounts::delete))
        .route(&rules.sign_in, any(accounts::sign_in))
}

/// What stands on the API host, before the guarded API.
pub fn api(edge: &Edge) -> Routes<Edge> {
    programs(edge, HostWord::Api)
        .route(forward_auth::PATH, any(forward_auth::check::<Shared>))
        .merge(accounts_calls(edge))
        .merge(oauth1_calls(edge))
}

/// The token endpoint and its kin, on the host that the profile says.
fn programs(edge: &Edge, host: HostWord) -> Routes<Edge> {
    let paths = &edge.node.profile.endpoints;
    let userinfo = paths.userinfo.as_ref().filter(|_| paths.userinfo_host == host);
    let router = userinfo.map_or_else(Routes::default, |path| Routes::default().route(path, any(userinfo::handle)));
    if paths.token_host != host {
        return router;
    }
    let mut router = router
        .route(&paths.token, any(token::handle))
        .route(&paths.revoke, any(revoke::handle))
        .route(&paths.introspect, any(introspect::handle));
    if let Some(refresh) = &paths.refresh {
        router = router.route(refresh, any(token::handle_refresh));
    }
    router
}

/// What stands on every listener, before the Host header counts.
pub fn always() -> Router<Edge> {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(health::wrong_method)
}

/// What stands on the admin listener only.
pub fn admin() -> Router<Edge> {
    Router::new()
        .route("/metrics", get(health::metrics))
        .route(forward_auth::PATH, any(forward_auth::check_on_admin::<Shared>))
        .route("/edge/{*call}", any(crate::edge::door::door))
        .route("/admin", any(admin::door))
        .route("/admin/", any(admin::door))
        .route("/admin/{*call}", any(admin::door))
        .method_not_allowed_fallback(health::wrong_method)
}

/// Where everything on the API host that is no endpoint goes: through the guard.
pub fn fallback(router: Router<Edge>) -> Router<Edge> {
    router.fallback(proxy::guarded::<Shared>)
}

/// The short ways of the programs' endpoints, where the profile says that they stand. `firsts`: the first parts of that host's
/// own routes, where the guarded API stands there too.
pub fn shorts(edge: &Edge, hosts: &[HostWord], firsts: Option<Vec<String>>) -> Shorts {
    let paths = &edge.node.profile.endpoints;
    let mut shorts = Shorts::default();
    if hosts.contains(&paths.token_host) {
        shorts = shorts.exact(&paths.token, TOKEN, way(edge, token::handle)).exact(
            &paths.introspect,
            INTROSPECT,
            way(edge, introspect::handle),
        );
    }
    match firsts {
        None => shorts,
        Some(firsts) => shorts
            .exact(forward_auth::PATH, GUARD_CHECK, way(edge, forward_auth::check::<Shared>))
            .guarded(firsts, way(edge, proxy::guarded::<Shared>)),
    }
}
