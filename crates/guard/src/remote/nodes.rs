//! The way to the nodes: addresses, the key, TLS, and one question at a time. What the answers mean does not belong
//! here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use causeway_protocol::secret::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Patience;
use crate::held::Unavailable;

/// The largest answer that is not a stream: a customer with all its sites.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
/// Questions at once; more are refused, so that nobody makes this process hold thousands.
const QUESTIONS: usize = 256;

/// The nodes of a platform.
pub(super) struct Nodes {
    addresses: Vec<String>,
    /// The one that the stream comes from, and that is asked first.
    current: AtomicUsize,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// How long an answer may take.
    answer: Duration,
    key: HeaderValue,
    seats: Semaphore,
}

/// Whether a question may be asked again elsewhere when nobody knows whether it was heard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing.
    Freely,
    /// It uses something up.
    IfUnheard,
}

impl Nodes {
    /// # Errors
    /// One line for each address or certificate that is not good.
    pub(super) fn new(
        addresses: &[String],
        key: &Secret,
        ca: Option<&[u8]>,
        patience: Patience,
    ) -> Result<Self, Vec<String>> {
        let mut problems: Vec<String> = addresses.iter().filter_map(|node| address(node).err()).collect();
        if addresses.is_empty() {
            problems.push("say where a node's admin listener is".to_owned());
        }
        let key = HeaderValue::try_from(format!("Bearer {}", key.expose())).map(|mut key| {
            key.set_sensitive(true);
            key
        });
        let client = client(ca, patience.connect);
        match (key, client) {
            (Ok(key), Ok(client)) if problems.is_empty() => Ok(Self {
                addresses: addresses.iter().map(|node| node.trim_end_matches('/').to_owned()).collect(),
                current: AtomicUsize::new(0),
                client,
                answer: patience.answer,
                key,
                seats: Semaphore::new(QUESTIONS),
            }),
            (key, client) => {
                problems.extend(key.err().map(|_| "the edge key holds characters that no header carries".to_owned()));
                problems.extend(client.err());
                Err(problems)
            }
        }
    }

    /// The node that is asked first.
    pub(super) fn current(&self) -> &str {
        &self.addresses[self.current.load(Ordering::Relaxed) % self.addresses.len()]
    }

    /// From now on the next one is.
    pub(super) fn go_on(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Opens a stream from the current node. `Err` says why not, in words.
    pub(super) async fn open(&self, path: &str) -> Result<Response<Incoming>, String> {
        let request = self.request(self.current(), Method::GET, path, Bytes::new())?;
        let answer =
            timeout(self.answer, self.client.request(request)).await.map_err(|_| "no answer in time".to_owned())?;
        let answer = answer.map_err(|error| with_cause(&error))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status if status.is_client_error() => {
                Err(format!("it answered {status}: is this its edge key, and its admin listener?"))
            }
            status => Err(format!("it answered {status}")),
        }
    }

    /// Asks the current node, and the others when that fails.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        repeat: Repeat,
    ) -> Result<T, Unavailable> {
        let _seat = self.seats.try_acquire().map_err(|_| Unavailable)?;
        let first = self.current.load(Ordering::Relaxed);
        for at in 0..self.addresses.len() {
            let node = &self.addresses[(first + at) % self.addresses.len()];
            let request = self.request(node, method.clone(), path, body.clone()).map_err(|_| Unavailable)?;
            match timeout(self.answer, self.client.request(request)).await {
                Ok(Ok(answer)) if answer.status().is_success() => return read(answer, self.answer).await,
                Ok(Err(error)) if error.is_connect() => {}
                _ if repeat == Repeat::Freely => {}
                _ => return Err(Unavailable),
            }
        }
        Err(Unavailable)
    }

    fn request(&self, node: &str, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
        let request = Request::builder().method(method).uri(format!("{node}{path}"));
        let request = request.header(AUTHORIZATION, &self.key).header(CONTENT_TYPE, "application/json");
        request.body(Full::new(body)).map_err(|error| error.to_string())
    }
}

async fn read<T: DeserializeOwned>(answer: Response<Incoming>, patience: Duration) -> Result<T, Unavailable> {
    let body = timeout(patience, Limited::new(answer.into_body(), MAX_ANSWER).collect()).await;
    let body = body.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?.to_bytes();
    serde_json::from_slice(&body).map_err(|_| Unavailable)
}

/// An error with what caused it: "client error (Connect): Connection refused".
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Keys travel on this way: beyond loopback it wants TLS.
fn address(node: &str) -> Result<(), String> {
    let wrong = || format!("node \"{node}\": not an address such as https://10.0.0.5:9090");
    let uri = node.parse::<Uri>().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        _ if uri.query().is_some() => Err(wrong()),
        Some("https") => Ok(()),
        Some("http") if loopback => Ok(()),
        Some("http") => Err(format!("node \"{node}\": keys travel on this way; beyond loopback it wants https")),
        _ => Err(wrong()),
    }
}

fn client(ca: Option<&[u8]>, connect: Duration) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match ca {
        Some(pem) => config.with_root_certificates(roots(pem)?),
        None => match config.clone().with_native_roots() {
            Ok(config) => config,
            // A machine without roots can still talk to a node beside it.
            Err(_) => config.with_root_certificates(rustls::RootCertStore::empty()),
        },
    };
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let config = config.with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(20));
    Ok(builder.build(connector.wrap_connector(tcp)))
}

fn roots(pem: &[u8]) -> Result<rustls::RootCertStore, String> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "the nodes' certificates are no PEM".to_owned())?;
        store.add(certificate).map_err(|error| format!("the nodes' certificates: {error}"))?;
    }
    if store.is_empty() { Err("the nodes' certificates: there is none in the file".to_owned()) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_travel_in_the_open_on_this_machine_only() {
        for good in ["http://127.0.0.1:9090", "http://localhost:9090/", "http://[::1]:1", "https://10.0.0.5:9090"] {
            assert_eq!(address(good), Ok(()), "{good}");
        }
        for bad in ["http://10.0.0.5:9090", "http://node.example", "http://127.0.0.1.example/"] {
            assert!(address(bad).is_err_and(|why| why.contains("wants https")), "{bad}");
        }
        for bad in ["", "10.0.0.5:9090", "ftp://127.0.0.1", "/x", "https://a/?b"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
