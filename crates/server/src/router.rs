//! The table of routes, on one screen. Paths come from the profile; the Host header picks the table (`http::listen`).
//! A handler is `async fn name(State(edge): State<Edge>, request: Request) -> Response`.

use axum::Router;
use axum::routing::{any, get, post};

use crate::http::{admin, forward_auth, health, introspect, metadata, pages, proxy, revoke, token};
use crate::shared::Edge;

/// What stands on the login host: the authorization endpoint and everything a person sees.
pub fn login(edge: &Edge) -> Router<Edge> {
    let paths = &edge.node.profile.endpoints;
    Router::new()
        .route(&paths.authorize, get(pages::authorize::show).post(pages::authorize::show))
        .route("/sign-in", get(pages::sign_in::show).post(pages::sign_in::submit))
        .route("/sign-out", get(pages::sign_in::ask_out).post(pages::sign_in::out))
        .route("/consent", post(pages::consent::submit))
        .route(&paths.connected_apps, get(pages::connected::list))
        .route(&format!("{}/{{id}}", paths.connected_apps), get(pages::connected::show))
        .route(&format!("{}/{{id}}/disconnect", paths.connected_apps), post(pages::connected::disconnect))
        .route("/", get(pages::home))
        .route("/static/{file}", get(pages::asset))
        .method_not_allowed_fallback(pages::wrong_method)
        .route("/.well-known/oauth-authorization-server", get(metadata::show).fallback(health::wrong_method))
}

/// What stands on the API host: the token endpoint and the guarded API.
pub fn api(edge: &Edge) -> Router<Edge> {
    let paths = &edge.node.profile.endpoints;
    let mut router = Router::new()
        .route(&paths.token, any(token::handle))
        .route(&paths.revoke, any(revoke::handle))
        .route(&paths.introspect, any(introspect::handle))
        .route(&paths_of_guard_check(), any(forward_auth::check));
    if let Some(refresh) = &paths.refresh {
        router = router.route(refresh, any(token::handle));
    }
    router
}

fn paths_of_guard_check() -> String {
    "/guard/check".to_owned()
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
        .route("/guard/check", any(forward_auth::check_on_admin))
        .route("/admin", any(admin::door))
        .route("/admin/", any(admin::door))
        .route("/admin/{*call}", any(admin::door))
        .method_not_allowed_fallback(health::wrong_method)
}

/// Where everything on the API host that is no endpoint goes: through the guard.
pub fn fallback(router: Router<Edge>) -> Router<Edge> {
    router.fallback(proxy::guarded)
}
