//! The short ways: what is called tens of thousands of times a second goes past axum's table, which would only clone the
//! handler, box it and read the path once more. What a handler answers does not belong here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::MethodRouter;
use http::Request;

use super::log::GUARDED;

/// An answer on its way.
pub type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A handler with its state.
type Way = Box<dyn Fn(Request<Body>) -> Answer + Send + Sync>;

/// A handler that takes every method, with its state.
pub fn way<S, H, F>(state: &Arc<S>, handler: H) -> Way
where
    S: Send + Sync + 'static,
    H: Fn(State<Arc<S>>, Request<Body>) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let state = state.clone();
    Box::new(move |request| Box::pin(handler(State(state.clone()), request)))
}

/// A table of routes that knows which first parts of a path are its own.
pub struct Routes<S> {
    router: Router<S>,
    firsts: Vec<String>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { router: Router::new(), firsts: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// One more route (axum's syntax of paths).
    pub fn route(mut self, path: &str, method_router: MethodRouter<S>) -> Self {
        self.firsts.push(first(path).to_owned());
        self.router = self.router.route(path, method_router);
        self
    }

    /// Another table's routes as well.
    pub fn merge(mut self, other: Self) -> Self {
        self.firsts.extend(other.firsts);
        self.router = self.router.merge(other.router);
        self
    }

    /// What answers a method that none of the routes so far takes.
    pub fn method_not_allowed_fallback<H, T>(mut self, handler: H) -> Self
    where
        H: axum::handler::Handler<T, S>,
        T: 'static,
    {
        self.router = self.router.method_not_allowed_fallback(handler);
        self
    }

    /// axum's table, and the first parts of its paths.
    pub fn into_parts(self) -> (Router<S>, Vec<String>) {
        (self.router, self.firsts)
    }
}

/// `/v1/leads` → `v1`
fn first(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').map_or(path, |(first, _)| first)
}

/// The short ways of one host.
#[derive(Default)]
pub struct Shorts {
    exact: Vec<(String, &'static str, Way)>,
    /// Where everything goes that begins with none of these.
    rest: Option<(Vec<String>, Way)>,
}

impl Shorts {
    /// This very path goes there, and is counted under this name.
    pub fn exact(mut self, path: &str, name: &'static str, way: Way) -> Self {
        self.exact.push((path.to_owned(), name, way));
        self
    }

    /// Whatever begins with none of the table's own first parts is a guarded call.
    pub fn guarded(mut self, mut firsts: Vec<String>, way: Way) -> Self {
        firsts.sort_unstable();
        firsts.dedup();
        // A route that may begin with anything leaves nothing over.
        if !firsts.iter().any(|first| first.contains('{')) {
            self.rest = Some((firsts, way));
        }
        self
    }

    /// The short way of this path, if it has one, and the name of the endpoint.
    pub fn of(&self, path: &str) -> Option<(&'static str, &Way)> {
        if let Some((_, name, way)) = self.exact.iter().find(|(exact, ..)| exact == path) {
            return Some((name, way));
        }
        let (taken, way) = self.rest.as_ref()?;
        let first = first(path);
        if taken.iter().any(|taken| taken == first) { None } else { Some((GUARDED, way)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Way {
        way(&Arc::new(()), |_, _| async { Response::default() })
    }

    #[test]
    fn a_path_that_begins_as_a_route_does_takes_the_table() {
        let routes: Routes<()> = Routes::default()
            .route("/", axum::routing::any(|| async {}))
            .route("/oauth2/token", axum::routing::any(|| async {}))
            .route("/logos/{app}", axum::routing::any(|| async {}));
        let (_, firsts) = routes.into_parts();
        let shorts = Shorts::default().exact("/oauth2/token", "token", nowhere()).guarded(firsts, nowhere());
        let name = |path| shorts.of(path).map(|(name, _)| name);
        assert_eq!(name("/oauth2/token"), Some("token"));
        for path in ["/", "", "/oauth2", "/oauth2/", "/oauth2/token/", "/logos/x", "/logos"] {
            assert_eq!(name(path), None, "{path}");
        }
        for path in ["/v1/leads", "/oauth2x/token", "//", "/%6fauth2/token", "*"] {
            assert_eq!(name(path), Some(GUARDED).filter(|_| path != "//"), "{path}");
        }
    }

    #[test]
    fn where_a_route_may_begin_with_anything_there_is_no_rest() {
        let shorts = Shorts::default().guarded(vec!["{anything}".to_owned()], nowhere());
        assert!(shorts.of("/v1/leads").is_none());
    }
}
