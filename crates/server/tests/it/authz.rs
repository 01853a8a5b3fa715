//! The listener that Envoy asks, from beside Envoy: what is no good question gets no good answer. Good ones stand in `proxies`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use causeway_protocol::profile::{Budget, Profile};
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_server::platform::Settings;
use causeway_testkit::actors::ACME;
use causeway_testkit::client::raw;
use causeway_testkit::platform::{Builder, TempDir};
use causeway_testkit::world::OLIVIA;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::listen::tls_files;

pub(crate) const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Sends one request over HTTP/2, and answers gRPC's code.
async fn code(to: SocketAddr, path: &str, kind: &str, body: impl Into<Bytes>) -> String {
    ask(to, path, kind, body).await.0
}

/// What Envoy asks about a call, as gRPC carries it (numbers as in Envoy's API: attributes 4, request 2, http).
pub(crate) fn question(method: &str, path: &str, headers: &[(&str, &str)]) -> Bytes {
    let part = |tag: u8, bytes: &[u8]| -> Vec<u8> {
        let mut length = Vec::new();
        prost::encoding::encode_varint(bytes.len() as u64, &mut length);
        [&[tag << 3 | 2], length.as_slice(), bytes].concat()
    };
    let entry = |(name, value): &(&str, &str)| [part(1, name.as_bytes()), part(2, value.as_bytes())].concat();
    let headers: Vec<u8> = headers.iter().flat_map(|header| part(3, &entry(header))).collect();
    let http = [part(2, method.as_bytes()), headers, part(4, path.as_bytes())].concat();
    let message = part(1, &part(4, &part(2, &http)));
    [&[0], &(message.len() as u32).to_be_bytes()[..], &message].concat().into()
}

/// Sends one request over HTTP/2, and answers gRPC's code and the message.
pub(crate) async fn ask(to: SocketAddr, path: &str, kind: &str, body: impl Into<Bytes>) -> (String, Bytes) {
    let request = Request::post(format!("http://{to}{path}")).header("content-type", kind);
    send(TcpStream::connect(to).await.unwrap(), request.body(Full::new(body.into())).unwrap()).await
}

/// The same on a connection that stands, with whatever the request bears.
async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> (String, Bytes)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let reply = sender.send_request(request).await.unwrap();
    assert_eq!(reply.status().as_u16(), 200);
    let body = reply.into_body().collect().await.unwrap();
    let code = body.trailers().and_then(|trailers| trailers.get("grpc-status")).expect("gRPC ends with a code");
    (code.to_str().unwrap().to_owned(), body.to_bytes())
}

#[tokio::test]
async fn bg_14_what_is_no_question_of_envoys_is_no_pass() {
    let tune = |settings: &mut causeway_server::platform::Settings| {
        settings.authz_listen = Some(([127, 0, 0, 1], 0).into());
    };
    let platform = Builder::new().tune(tune).start().await;
    let to = platform.authz_address();
    for (path, kind, body, wanted) in [
        ("/grpc.health.v1.Health/Check", "application/grpc", &b"\0\0\0\0\0"[..], "12"),
        (CHECK, "application/json", b"{}", "12"),
        (CHECK, "application/grpc", b"\x01\0\0\0\0", "12"),
        (CHECK, "application/grpc", b"", "3"),
        (CHECK, "application/grpc", b"\0\0\0\0\0", "3"),
        (CHECK, "application/grpc", b"\0\0\0\0\x02\xff\xff", "3"),
    ] {
        assert_eq!(code(to, path, kind, body).await, wanted, "{path} {kind} {body:?}");
    }
    let large = [&b"\0\0\x10\0\0"[..], &vec![0; 1024 * 1024]].concat();
    assert_eq!(code(to, CHECK, "application/grpc", large).await, "8");
    let http1 = raw(to, b"GET /guard/check HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!http1.starts_with(b"HTTP/1"), "{http1:?}");
}

const KEY: &str = "authz-key-of-the-tests-0123456789";

/// A question about a call of this token, with these `authorization`s beside it.
fn borne(to: SocketAddr, token: &str, keys: &[&str]) -> Request<Full<Bytes>> {
    let headers = [("host", "api"), ("authorization", &format!("Bearer {token}"))];
    let body = question("GET", "/v1/leads?site_id=2101", &headers);
    let request = Request::post(format!("http://{to}{CHECK}")).header("content-type", "application/grpc");
    let request = keys.iter().fold(request, |request, key| request.header("authorization", *key));
    request.body(Full::new(body)).unwrap()
}

/// Whoever asks spends the customer's budget: an address is not enough where many stand behind one.
#[tokio::test]
async fn bg_14_without_the_key_nobody_is_answered_and_no_budget_is_spent() {
    let tune = |settings: &mut Settings| {
        settings.authz_listen = Some(([127, 0, 0, 1], 0).into());
        settings.authz_key = Some(Secret::new(KEY));
    };
    let budget = |profile: &mut Profile| profile.api.budgets = vec![Budget { requests: 2, per: Seconds(60) }];
    let platform = Builder::new().profile(budget).tune(tune).start().await;
    let (to, token) = (platform.authz_address(), ACME.connect(&platform, OLIVIA).await.access);
    let right = format!("Bearer {KEY}");
    let (wrong, basic) = (format!("Bearer {KEY}0"), format!("Basic {KEY}"));
    let strange: [&[&str]; 6] = [&[], &[&wrong], &["Bearer "], &[KEY], &[&right, &wrong], &[&basic]];
    for keys in strange {
        let (code, answer) = send(TcpStream::connect(to).await.unwrap(), borne(to, &token, keys)).await;
        assert_eq!((code.as_str(), answer.len()), ("16", 0), "{keys:?}");
    }
    for _ in 0..2 {
        let (code, answer) = send(TcpStream::connect(to).await.unwrap(), borne(to, &token, &[&right])).await;
        assert_eq!(code, "0");
        assert!(String::from_utf8_lossy(&answer).contains("x-causeway-customer"), "it passes: {answer:?}");
    }
    let (_, answer) = send(TcpStream::connect(to).await.unwrap(), borne(to, &token, &[&right])).await;
    assert!(
        !String::from_utf8_lossy(&answer).contains("x-causeway-customer"),
        "both of the budget were left, and no more"
    );
}

#[tokio::test]
async fn t_01_envoy_is_answered_over_tls_and_not_in_the_clear_where_it_is_said_so() {
    let dir = TempDir::new();
    let files = tls_files(&dir.0, "first");
    let cert = CertificateDer::from_pem_file(&files.cert).unwrap();
    let tune = move |settings: &mut Settings| {
        settings.authz_listen = Some(([127, 0, 0, 1], 0).into());
        (settings.tls, settings.authz_tls) = (Some(files.clone()), true);
    };
    let platform = Builder::new().tune(tune).start().await;
    let to = platform.authz_address();
    let mut roots = RootCertStore::empty();
    roots.add(cert).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let stream =
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(to).await.unwrap()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(send(stream, borne(to, "x", &[])).await.0, "0", "a good answer: that the token is bad");
    let clear = raw(to, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!clear.windows(4).any(|four| four == [0, 0, 0, 4]), "no settings frame: {clear:?}");
}
