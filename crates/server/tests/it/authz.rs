//! The listener that Envoy asks, from beside Envoy: what is no good question gets no good answer. Good ones stand in `proxies`.

use std::net::SocketAddr;

use bytes::Bytes;
use causeway_testkit::client::raw;
use causeway_testkit::platform::Builder;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

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
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{to}{path}")).header("content-type", kind);
    let reply = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
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
