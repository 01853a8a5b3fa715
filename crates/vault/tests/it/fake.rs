//! A small platform on a loopback port, with faults: what a test wants to go wrong goes wrong, everything else is real.
//! It rotates refresh tokens strictly, honours Idempotency-Key, and remembers every request that it was sent.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What shall go wrong with one request.
pub(crate) enum Fault {
    /// Answer so, and do nothing.
    Say(u16, Vec<(&'static str, String)>, String),
    /// Do it, then close without a byte.
    LoseReply,
    /// Do it, then never answer.
    Hang,
    /// Say that it arrived, wait for the test, then go on as usual.
    Wait(Arc<Notify>, Arc<Notify>),
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) form: HashMap<String, String>,
    /// As it came.
    pub(crate) body: String,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    faults: HashMap<String, VecDeque<Fault>>,
    /// How many pairs were handed out.
    issued: u32,
    access: Option<String>,
    refresh: Option<String>,
    last: Option<(String, String, u32)>,
    revoked: bool,
    expires_in: Option<i64>,
    always_401: bool,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) base: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { base, state: Arc::default() };
        fake.state.lock().unwrap().expires_in = Some(7200);
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let fake = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| fake.clone().handle(request));
                    let _closed = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        fake
    }

    /// The next request to a path that ends so goes wrong; faults queue up.
    pub(crate) fn fault(&self, path: &str, fault: Fault) {
        self.state.lock().unwrap().faults.entry(path.to_owned()).or_default().push_back(fault);
    }

    /// Nothing goes wrong any more.
    pub(crate) fn is_well(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    pub(crate) fn say(&self, path: &str, status: u16, body: &str) {
        self.fault(path, Fault::Say(status, Vec::new(), body.to_owned()));
    }

    pub(crate) fn revoke_everything(&self) {
        self.state.lock().unwrap().revoked = true;
    }

    pub(crate) fn refuse_every_access_token(&self) {
        self.state.lock().unwrap().always_401 = true;
    }

    pub(crate) fn tokens_live(&self, seconds: Option<i64>) {
        self.state.lock().unwrap().expires_in = seconds;
    }

    /// Requests to a path that ends so, in order.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        self.state.lock().unwrap().seen.iter().filter(|seen| seen.path.ends_with(path)).cloned().collect()
    }

    pub(crate) fn refreshes(&self) -> Vec<Seen> {
        let is_refresh = |seen: &Seen| seen.form.get("grant_type").is_some_and(|grant| grant == "refresh_token");
        self.seen("/token").into_iter().filter(is_refresh).collect()
    }

    pub(crate) fn pairs_issued(&self) -> u32 {
        self.state.lock().unwrap().issued
    }

    async fn handle(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, &'static str> {
        let seen = read(request).await.unwrap();
        let fault = {
            let mut state = self.state.lock().unwrap();
            state.seen.push(seen.clone());
            let hit =
                state.faults.iter_mut().find(|(path, queue)| seen.path.ends_with(path.as_str()) && !queue.is_empty());
            hit.and_then(|(_, queue)| queue.pop_front())
        };
        match fault {
            Some(Fault::Say(status, headers, body)) => {
                let mut answer = Response::builder().status(status);
                for (name, value) in headers {
                    answer = answer.header(name, value);
                }
                return Ok(answer.body(Full::from(body)).unwrap());
            }
            Some(Fault::Wait(arrived, go)) => {
                arrived.notify_one();
                go.notified().await;
            }
            Some(Fault::LoseReply) => {
                self.answer(&seen);
                return Err("lost");
            }
            Some(Fault::Hang) => {
                self.answer(&seen);
                std::future::pending::<Infallible>().await;
            }
            None => {}
        }
        let (status, body) = self.answer(&seen);
        Ok(Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Full::from(body))
            .unwrap())
    }

    fn answer(&self, seen: &Seen) -> (u16, String) {
        let mut state = self.state.lock().unwrap();
        let form = |name: &str| seen.form.get(name).cloned().unwrap_or_default();
        match seen.path.as_str() {
            "/oauth2/token" if form("client_secret") != super::world::CLIENT_SECRET => {
                (401, r#"{"error":"invalid_client"}"#.to_owned())
            }
            "/oauth2/token" if form("grant_type") == "authorization_code" => {
                if form("code") == "good-code" {
                    state.pair(None)
                } else {
                    bad_grant("no such code")
                }
            }
            "/oauth2/token" => {
                let (token, key) = (form("refresh_token"), seen.headers.get("idempotency-key").cloned());
                if state.revoked {
                    return bad_grant("The authorization was revoked.");
                }
                let known = Some((token.clone(), key.clone().unwrap_or_default(), state.issued));
                if state.last.is_some() && state.last == known {
                    return (200, state.show());
                }
                if state.refresh.as_ref() != Some(&token) {
                    return bad_grant("used before");
                }
                state.pair(key.map(|key| (token, key)))
            }
            "/oauth2/revoke" => {
                state.revoked = true;
                (200, "{}".to_owned())
            }
            path if path.starts_with("/v1/") => {
                let bearer = state.access.as_ref().map(|token| format!("Bearer {token}"));
                let good = !state.revoked && !state.always_401 && seen.headers.get("authorization") == bearer.as_ref();
                match path {
                    _ if !good => (401, r#"{"error":"invalid_token"}"#.to_owned()),
                    "/v1/sites" => (200, SITES.to_owned()),
                    _ => (200, r#"{"results":[{"id":1,"first_name":"Ada"}]}"#.to_owned()),
                }
            }
            _ => (404, "{}".to_owned()),
        }
    }
}

const SITES: &str = r#"{"results":[
    {"id":2101,"customer_id":4100,"name":"Waterfront","active":true},
    {"id":2102,"customer_id":4100,"name":"Old Town","active":true},
    {"id":2103,"customer_id":4100,"name":"Pavilion","active":false}]}"#;

fn bad_grant(said: &str) -> (u16, String) {
    (400, format!(r#"{{"error":"invalid_grant","error_description":"{said}"}}"#))
}

impl State {
    fn pair(&mut self, replaced: Option<(String, String)>) -> (u16, String) {
        self.issued += 1;
        self.access = Some(format!("ts_at_access-number-{:04}", self.issued));
        self.refresh = Some(format!("ts_rt_refresh-number-{:04}", self.issued));
        self.last = replaced.map(|(token, key)| (token, key, self.issued));
        (200, self.show())
    }

    fn show(&self) -> String {
        let expires = self.expires_in.map_or(String::new(), |seconds| format!(r#""expires_in":{seconds},"#));
        format!(
            r#"{{"access_token":"{}","token_type":"Bearer",{expires}"refresh_token":"{}","created_at":1,
                "scope":"leads:read events:read"}}"#,
            self.access.as_deref().unwrap_or_default(),
            self.refresh.as_deref().unwrap_or_default()
        )
    }
}

async fn read(request: Request<Incoming>) -> Result<Seen, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers =
        head.headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or_default().to_owned())).collect();
    let form = form_urlencoded::parse(&body).into_owned().collect();
    let (line, path) = (format!("{} {}", head.method, head.uri), head.uri.path().to_owned());
    Ok(Seen { line, path, headers, form, body: String::from_utf8_lossy(&body).into_owned() })
}
