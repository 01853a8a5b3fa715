//! Slow and silent clients cost a seat for a while, never the dashboard.

use std::io::ErrorKind;
use std::net::SocketAddr;

use axum::routing::{get, post};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;

use super::*;

const LONG: Duration = Duration::from_secs(600);
const PATIENT: Limits = Limits { connections: 3, head: LONG, body: LONG, stall: LONG };

async fn start(limits: Limits, router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_within(limits, listener, router, std::future::pending()));
    address
}

fn router() -> Router {
    Router::new().route("/", get(|| async { "alive" })).route("/form", post(|body: String| async { body }))
}

async fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(text.as_bytes()).await.unwrap();
    socket
}

/// Everything until the other end closes.
async fn rest(mut socket: TcpStream) -> String {
    let mut text = Vec::new();
    let _reset_is_closed_too = socket.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n";
const SLOW: &str = "POST /form HTTP/1.1\r\nhost: hub\r\ncontent-length: 100\r\n\r\nx";

#[tokio::test]
async fn r_13_silent_clients_make_room_for_the_next_one() {
    let address = start(PATIENT, router()).await;
    let mut silent = Vec::new();
    for _ in 0..PATIENT.connections * 4 {
        silent.push(send(address, SLOW).await);
    }
    let reply = rest(send(address, GET).await).await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("alive"), "{reply}");
    assert_eq!(rest(silent.remove(0)).await, "", "the one who kept us waiting longest was closed");
}

#[tokio::test]
async fn r_13_a_body_must_come_in_time_and_be_short() {
    let address = start(Limits { body: Duration::from_millis(1), ..PATIENT }, router()).await;
    let reply = rest(send(address, SLOW).await).await;
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
    let address = start(PATIENT, router()).await;
    let whole = SLOW.replace("content-length: 100", "connection: close\r\ncontent-length: 1");
    assert!(rest(send(address, &whole).await).await.ends_with("\r\n\r\nx"));
    let long = format!("{}{}", SLOW.replace("100", "65537"), "x".repeat(65_536));
    let reply = rest(send(address, &long).await).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
}

#[tokio::test]
async fn r_13_whoever_is_being_answered_keeps_the_seat() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = (Arc::clone(&arrived), Arc::clone(&go));
    let slow = get(move || async move {
        held.0.notify_one();
        held.1.notified().await;
        "at last"
    });
    let address = start(Limits { connections: 1, ..PATIENT }, Router::new().route("/", slow)).await;
    let first = send(address, GET).await;
    arrived.notified().await;
    let mut second = TcpStream::connect(address).await.unwrap();
    let mut reply = String::new();
    second.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
    go.notify_one();
    assert!(rest(first).await.ends_with("at last"));
}

#[tokio::test]
async fn r_13_a_reply_that_nobody_takes_ends_the_connection() {
    let (near, _far) = tokio::io::duplex(8);
    let mut stalling = Stalling::new(near, Duration::from_millis(1));
    let error = stalling.write_all(&[0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
