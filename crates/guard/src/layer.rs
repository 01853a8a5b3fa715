//! The check as a tower layer, for Rust services that guard themselves: axum, hyper, whatever takes an `http::Request`.
//! Which calls pass is `check`'s business; how long a caller may take to send one is the server's.
//!
//! Put it outside everything that rewrites the URI, the method or the headers: what is checked must be what is served.
//!
//! ```text
//! let app = Router::new().route("/v1/leads", get(leads)).layer(GuardLayer::new(guard, authority));
//! async fn leads(pass: Extension<Pass>) { … pass.tenant() … }
//! ```

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use tower::{Layer, Service};

use causeway_protocol::Reason;

use crate::authority::Authority;
use crate::body;
use crate::call::{Admitted, Call, Carried, Credential, Pass};
use crate::check::{Guard, MAX_SITE_BODY};
use crate::denied::Denied;
use crate::identity::is_identity;
use crate::query::Query;
use crate::reply::tell_left;

type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request behind the layer: whole where the guard had to look into it, else as it came.
pub type Checked<B> = Either<Full<Bytes>, B>;
/// The body of an answer: the guard's own, or that of the service behind.
pub type Answered<R> = Either<Full<Bytes>, R>;

/// Guards every service that it is laid around. Cheap to clone; all clones share budgets and authority.
#[derive(Debug)]
pub struct GuardLayer<A> {
    gate: Arc<Gate<A>>,
}

/// A service behind the guard. A call that passes carries its [`Pass`] in the extensions and the identity headers, and none
/// of a caller's own that look like these; any other gets the guard's answer, and the service never hears of it.
#[derive(Debug)]
pub struct Guarded<A, S> {
    gate: Arc<Gate<A>>,
    inner: S,
}

struct Gate<A> {
    guard: Arc<Guard>,
    authority: Arc<A>,
}

impl<A> std::fmt::Debug for Gate<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl<A: Authority> GuardLayer<A> {
    /// With this guard, which asks this authority.
    pub fn new(guard: Arc<Guard>, authority: Arc<A>) -> Self {
        Self { gate: Arc::new(Gate { guard, authority }) }
    }
}

impl<A> Clone for GuardLayer<A> {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone() }
    }
}

impl<A, S: Clone> Clone for Guarded<A, S> {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone(), inner: self.inner.clone() }
    }
}

impl<A, S> Layer<S> for GuardLayer<A> {
    type Service = Guarded<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { gate: self.gate.clone(), inner }
    }
}

impl<A, S, B, R> Service<Request<B>> for Guarded<A, S>
where
    A: Authority + 'static,
    S: Service<Request<Checked<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answered<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // What was polled ready goes with the call, and its clone stays (tower::Service, "Be careful when cloning").
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = self.gate.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let (pass, body) = match gate.admit(&parts, body).await {
                Ok(admitted) => admitted,
                Err(denied) => return Ok(gate.guard.reply(&denied).map(|text| Either::Left(Full::new(text)))),
            };
            let left = pass.left().filter(|_| gate.guard.api().budget_headers);
            gate.mark(&mut parts, pass);
            let mut answer = inner.call(Request::from_parts(parts, body)).await?.map(Either::Right);
            if let Some(left) = left {
                tell_left(answer.headers_mut(), left);
            }
            Ok(answer)
        })
    }
}

impl<A: Authority> Gate<A> {
    async fn admit<B>(&self, parts: &Parts, body: B) -> Result<(Pass, Checked<B>), Denied>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let mut content = framed(parts, body)?;
        let call = Call {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            headers: &parts.headers,
            now: self.authority.now(),
            monotonic_nanos: self.authority.monotonic_nanos(),
        };
        let mut admitted = self.begin(&call, &mut content).await?;
        if admitted.wants_body() {
            let whole = content.whole(call.headers).await?;
            if matches!(admitted.who.credential, Credential::Token { .. }) && self.holds_oauth1(&call, &whole) {
                return Err(Reason::CredentialsTwice.into());
            }
            admitted.read_body(call.headers, &whole)?;
        }
        let pass = self.guard.finish(admitted, self.authority.held(), self.authority.customers()).await?;
        if let Some(connection) = pass.connection() {
            self.authority.passed(connection, call.now);
        }
        Ok((pass, content.into_body()))
    }

    /// Who calls, by whichever credential. Nothing is read of the body for somebody whose token is not good.
    async fn begin<B>(&self, call: &Call<'_>, content: &mut Content<B>) -> Result<Admitted, Denied>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let (guard, held) = (&self.guard, self.authority.held());
        match guard.carried(call)? {
            Carried::ApiKey(key) => guard.begin_as(call, guard.api_key(call, key, held)?, held),
            Carried::OAuth1 => self.signed(call, content).await,
            // RFC 5849 3.5.2: a form may carry the parameters itself.
            Carried::Token
                if self.may_be_signed(call) && self.holds_oauth1(call, &content.whole(call.headers).await?) =>
            {
                self.signed(call, content).await
            }
            Carried::Token => self.token(call).await,
        }
    }

    /// A token. A key that is not held may have come meanwhile (TOKENS 3).
    async fn token(&self, call: &Call<'_>) -> Result<Admitted, Denied> {
        let (guard, held, keys) = (&self.guard, self.authority.held(), self.authority.keys());
        match guard.begin(call, held, keys.as_ref()) {
            Err(denied) if denied.reason == Reason::KeyUnknown => {
                let header = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                let text = header.and_then(|value| value.split_once(' ')).map_or("", |(_, text)| text.trim());
                match Box::pin(self.authority.newer_keys(&keys, text)).await {
                    Some(keys) => guard.begin(call, held, keys.as_ref()),
                    None => Err(denied),
                }
            }
            begun => begun,
        }
    }

    /// A call that OAuth 1.0 signed: it has no access token that could be invalid.
    async fn signed<B>(&self, call: &Call<'_>, content: &mut Content<B>) -> Result<Admitted, Denied>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let form = match is_bodiless(call.method) || !body::may_be_a_form(call.headers) {
            true => None,
            false => Some(content.whole(call.headers).await?),
        };
        let who = self.authority.judge(call, form.as_deref()).await?;
        self.guard.begin_as(call, who, self.authority.held()).map_err(|denied| match denied.reason {
            Reason::TokenInvalid => Denied { reason: Reason::OAuth1Refused, ..denied },
            _ => denied,
        })
    }

    fn may_be_signed(&self, call: &Call<'_>) -> bool {
        self.guard.takes_oauth1()
            && !is_bodiless(call.method)
            && !call.headers.contains_key(AUTHORIZATION)
            && body::may_be_a_form(call.headers)
    }

    fn holds_oauth1(&self, call: &Call<'_>, whole: &[u8]) -> bool {
        self.guard.takes_oauth1()
            && body::may_be_a_form(call.headers)
            && std::str::from_utf8(whole).is_ok_and(|form| Query::read(Some(form), None).oauth)
    }

    /// Says who calls, in the guard's words alone.
    fn mark(&self, parts: &mut Parts, pass: Pass) {
        let theirs: Vec<_> = parts.headers.keys().filter(|name| is_identity(name.as_str())).cloned().collect();
        theirs.iter().for_each(|name| drop(parts.headers.remove(name)));
        parts.headers.extend(pass.identity(&self.authority.held().scopes()));
        parts.extensions.insert(pass);
    }
}

/// The body of a call, while it is looked into.
enum Content<B> {
    Whole(Bytes),
    Stream(B),
    /// Could not be read: the call is over.
    Lost,
}

impl<B> Content<B>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    /// The whole body, if it is not too large; read once.
    async fn whole(&mut self, headers: &HeaderMap) -> Result<Bytes, Denied> {
        let whole = match std::mem::replace(self, Content::Lost) {
            Content::Whole(whole) => whole,
            Content::Stream(body) => collect(headers, body).await?,
            Content::Lost => return Err(Reason::BodyUnreadable.into()),
        };
        *self = Content::Whole(whole.clone());
        Ok(whole)
    }

    fn into_body(self) -> Checked<B> {
        match self {
            Content::Whole(whole) => Either::Left(Full::new(whole)),
            Content::Stream(body) => Either::Right(body),
            Content::Lost => Either::Left(Full::default()),
        }
    }
}

async fn collect<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Denied>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    // A body that announces more is not read at all.
    if announced(headers).is_none_or(|length| length > MAX_SITE_BODY as u64) {
        return Err(Reason::BodyWithheld.into());
    }
    match Limited::new(body, MAX_SITE_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Reason::BodyWithheld.into()),
        Err(_) => Err(Denied::from(Reason::BodyUnreadable).about("the body ended early")),
    }
}

/// What Content-Length says, 0 without one; `None` for what is no number.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH).map_or(Some(0), |value| value.to_str().ok()?.parse().ok())
}

fn is_bodiless(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// Nobody looks for a site in the body of a GET, and some frameworks do (RFC 9110 9.3.1): one that announces a body is
/// refused, and whoever stands behind gets none.
fn framed<B: Body<Data = Bytes>>(parts: &Parts, body: B) -> Result<Content<B>, Denied> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(Content::Stream(body));
    }
    let announces = parts.headers.contains_key(TRANSFER_ENCODING) || announced(&parts.headers) != Some(0);
    match announces {
        true => Err(Denied::from(Reason::HeaderMalformed).about("content-length")),
        false => Ok(Content::Whole(Bytes::new())),
    }
}
