//! A platform that is about to end OAuth 1.0: it verifies signatures, exchanges pairs as TOKENS 5 rules it, and goes wrong
//! when a test wants it to. It remembers every request.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use causeway_protocol::oauth1::{OAuth1Request, SignatureMethod, Target};
use causeway_protocol::secret::Secret;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub(crate) const CLIENT_SECRET: &str = "very-secret-client-secret";

/// What shall go wrong with one exchange.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Answer so, and do nothing.
    Say(u16, Option<u32>, &'static str),
    /// Do it, then close without a byte.
    LoseReply,
    /// Say that it arrived, wait for the test, then go on as usual.
    Wait(Arc<Notify>, Arc<Notify>),
}

/// A consumer, and what came of it here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consumer {
    pub(crate) secret: String,
    pub(crate) token_secret: Option<String>,
    /// Answered exchanges and lost ones: each gave another access token of the one family.
    pub(crate) exchanges: u32,
    pub(crate) refreshes: u32,
    /// How often it was asked for, refused or not.
    pub(crate) asked: u32,
}

#[derive(Default)]
struct State {
    consumers: BTreeMap<String, Consumer>,
    /// By consumer key; of all where it is empty.
    faults: HashMap<String, VecDeque<Fault>>,
    /// So many of a hundred exchanges lose their reply, and as many answer 500.
    percent: u64,
    dice: u64,
    nonces: Vec<String>,
    signed: Vec<String>,
    calls: VecDeque<(u16, &'static str)>,
    bodies: Vec<(String, Option<String>)>,
    revoked: bool,
    lost: u32,
    /// Exchanges beyond so many get no answer.
    most: Option<u32>,
}

#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) base: String,
    state: Arc<Mutex<State>>,
}

impl Provider {
    /// With consumers `key-1` to `key-COUNT`.
    pub(crate) async fn start(count: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self { base, state: Arc::default() };
        for n in 1..=count {
            provider.consumer(&format!("key-{n}"), &format!("secret-{n}+/&é"), None);
        }
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let provider = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| provider.clone().handle(request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _closed = connection.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        provider
    }

    pub(crate) fn consumer(&self, key: &str, secret: &str, token_secret: Option<&str>) {
        let token_secret = token_secret.map(str::to_owned);
        let consumer = Consumer { secret: secret.to_owned(), token_secret, ..Consumer::default() };
        self.state.lock().unwrap().consumers.insert(key.to_owned(), consumer);
    }

    /// The list that a partner would have of them.
    pub(crate) fn list(&self) -> String {
        let mut text = "account,consumer_key,consumer_secret\n".to_owned();
        for (key, consumer) in &self.state.lock().unwrap().consumers {
            text.push_str(&format!("account-of-{key},{key},{}\n", consumer.secret));
        }
        text
    }

    pub(crate) fn consumers(&self) -> BTreeMap<String, Consumer> {
        self.state.lock().unwrap().consumers.clone()
    }

    pub(crate) fn fault(&self, key: &str, fault: Fault) {
        self.state.lock().unwrap().faults.entry(key.to_owned()).or_default().push_back(fault);
    }

    pub(crate) fn faults(&self, percent: u64) {
        self.state.lock().unwrap().percent = percent;
    }

    /// Whoever asks for more exchanges than these, counted from the beginning, waits in vain.
    pub(crate) fn answers_at_most(&self, most: Option<u32>) {
        self.state.lock().unwrap().most = most;
    }

    /// The next API call is answered so, whoever calls.
    pub(crate) fn answer_call(&self, status: u16, body: &'static str) {
        self.state.lock().unwrap().calls.push_back((status, body));
    }

    /// The customers ended every grant.
    pub(crate) fn revoke(&self) {
        self.state.lock().unwrap().revoked = true;
    }

    /// How many replies were lost after the exchange was done.
    pub(crate) fn lost(&self) -> u32 {
        self.state.lock().unwrap().lost
    }

    /// How many exchanges were asked for.
    pub(crate) fn asked(&self) -> u32 {
        self.state.lock().unwrap().consumers.values().map(|consumer| consumer.asked).sum()
    }

    /// The Authorization headers of calls that were signed rightly.
    pub(crate) fn signed(&self) -> Vec<String> {
        self.state.lock().unwrap().signed.clone()
    }

    /// Bodies of token requests, each with its Authorization header.
    pub(crate) fn bodies(&self) -> Vec<(String, Option<String>)> {
        self.state.lock().unwrap().bodies.clone()
    }

    async fn handle(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, &'static str> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let header = head.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let json = |status: u16, text: String| {
            let answer = Response::builder().status(status).header("content-type", "application/json");
            answer.body(Full::from(text)).unwrap()
        };
        if head.uri.path() != "/oauth2/token" {
            return Ok(self.call(&head, header.as_deref()));
        }
        let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
        let fault = self.struck(&form, String::from_utf8(body.to_vec()).unwrap(), header);
        let most = self.state.lock().unwrap().most;
        if most.is_some_and(|most| self.asked() > most) {
            return std::future::pending().await;
        }
        match fault {
            Some(Fault::Say(status, retry_after, text)) => {
                let mut answer = json(status, text.to_owned());
                if let Some(seconds) = retry_after {
                    answer.headers_mut().insert("retry-after", seconds.to_string().parse().unwrap());
                }
                return Ok(answer);
            }
            Some(Fault::Wait(arrived, go)) => {
                arrived.notify_one();
                go.notified().await;
            }
            Some(Fault::LoseReply) => {
                let (status, _) = self.grant(&form);
                self.state.lock().unwrap().lost += u32::from(status == 200);
                return Err("lost");
            }
            None => {}
        }
        let (status, text) = self.grant(&form);
        Ok(json(status, text))
    }

    fn struck(&self, form: &HashMap<String, String>, body: String, header: Option<String>) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.bodies.push((body, header));
        let key = form.get("consumer_key").cloned().unwrap_or_default();
        if let Some(consumer) = state.consumers.get_mut(&key) {
            consumer.asked += 1;
        }
        let named = [key.as_str(), ""].iter().find_map(|key| state.faults.get_mut(*key)?.pop_front());
        state.dice = state.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let roll = (state.dice >> 33) % 100;
        named.or(match roll {
            _ if roll < state.percent => Some(Fault::LoseReply),
            _ if roll < 2 * state.percent => Some(Fault::Say(500, None, "")),
            _ => None,
        })
    }

    fn grant(&self, form: &HashMap<String, String>) -> (u16, String) {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if field("client_secret") != CLIENT_SECRET {
            return (401, r#"{"error":"invalid_client"}"#.to_owned());
        }
        let mut state = self.state.lock().unwrap();
        let revoked = state.revoked;
        if field("grant_type") == "refresh_token" {
            let (key, generation) = field("refresh_token").strip_prefix("rt:").unwrap().rsplit_once(':').unwrap();
            let consumer = state.consumers.get_mut(key).unwrap();
            if revoked || generation != consumer.refreshes.to_string() {
                return refused("The authorization was revoked.");
            }
            consumer.refreshes += 1;
            return (200, tokens(key, consumer));
        }
        assert_eq!(field("grant_type"), "oauth1_exchange");
        let key = field("consumer_key");
        match state.consumers.get_mut(key) {
            Some(consumer) if consumer.secret == field("consumer_secret") => {
                if revoked || consumer.refreshes > 0 {
                    return refused("C-531: This pair was exchanged already, and its refresh token was used since.");
                }
                consumer.exchanges += 1;
                (200, tokens(key, consumer))
            }
            _ => refused("C-530: The consumer key and secret are not an active OAuth 1.0 pair."),
        }
    }

    fn call(&self, head: &http::request::Parts, header: Option<&str>) -> Response<Full<Bytes>> {
        let mut state = self.state.lock().unwrap();
        let header = header.unwrap_or_default();
        let key = match header.strip_prefix("Bearer at:") {
            Some(rest) => rest.rsplit_once(':').map(|(key, _)| key.to_owned()).filter(|_| !state.revoked),
            None => state.verify(&self.base, head, header),
        };
        let mut answer = Response::builder().header("content-type", "application/json");
        if header.starts_with("OAuth ") {
            answer = answer
                .header("deprecation", "@1767225600")
                .header("sunset", "Wed, 01 Jul 2026 00:00:00 GMT")
                .header("link", "<https://guide.example/oauth2>; rel=\"deprecation\"; type=\"text/html\"");
        }
        let (status, text) = match (state.calls.pop_front(), key) {
            (Some((status, body)), _) => (status, body.to_owned()),
            (None, Some(key)) => (200, format!(r#"{{"customer":"{key}"}}"#)),
            (None, None) => (401, r#"{"error":"invalid_token"}"#.to_owned()),
        };
        answer.status(status).body(Full::from(text)).unwrap()
    }
}

impl State {
    /// Whose signature it is.
    fn verify(&mut self, base: &str, head: &http::request::Parts, header: &str) -> Option<String> {
        let request = OAuth1Request::read(Some(header), head.uri.query(), None, SignatureMethod::ALL).ok()??;
        let consumer = self.consumers.get(&request.consumer_key)?;
        let target = Target { method: head.method.as_str(), origin: base, path: head.uri.path() };
        let token_secret = consumer.token_secret.as_ref().map(|secret| Secret::new(secret.as_str()));
        let good = request.verify(&target, &Secret::new(consumer.secret.as_str()), token_secret.as_ref())
            && request.token.is_some() == token_secret.is_some()
            && !self.nonces.contains(&request.nonce);
        if !good {
            return None;
        }
        self.nonces.push(request.nonce);
        self.signed.push(header.to_owned());
        Some(request.consumer_key)
    }
}

fn tokens(key: &str, consumer: &Consumer) -> String {
    let access = consumer.exchanges + consumer.refreshes;
    format!(
        r#"{{"access_token":"at:{key}:{access}","token_type":"Bearer","expires_in":7200,
            "refresh_token":"rt:{key}:{}","scope":"read write","created_at":1}}"#,
        consumer.refreshes
    )
}

fn refused(said: &str) -> (u16, String) {
    (400, format!(r#"{{"error":"invalid_grant","error_description":"{said}"}}"#))
}
