//! The platform's own API behind the guard, as bytes: what it does with a connection is the test's.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use causeway_testkit::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// Listens until dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    served: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Backend {
    /// Every connection is handed to `serve`.
    pub(crate) async fn start<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback answers");
        let address = listener.local_addr().expect("loopback answers");
        let served = Arc::new(AtomicUsize::new(0));
        let count = served.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self { address, served, task }
    }

    /// Answers every request of a connection with these bytes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                while let Some(request) = Request::read(&mut stream).await {
                    let _gone = (stream.write_all(&answer).await, request);
                }
            }
        })
        .await
    }

    /// Answers with the request's own head and body, as text.
    pub(crate) async fn echo() -> Self {
        Self::start(|mut stream| async move {
            while let Some(request) = Request::read(&mut stream).await {
                let echoed = [request.head.as_bytes(), &request.body].concat();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", echoed.len());
                let _gone = stream.write_all(&[head.as_bytes(), &echoed].concat()).await;
            }
        })
        .await
    }

    /// As `--upstream`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where nobody listens: the address is held, so that no other test's server comes to stand there, nor the caller's own end.
pub(crate) struct Absent(TcpSocket);

impl Absent {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("loopback answers");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("loopback answers");
        Self(socket)
    }

    /// Where somebody listened a moment ago.
    pub(crate) async fn after(address: SocketAddr) -> Self {
        let held = || {
            let socket = TcpSocket::new_v4()?;
            // Connections from before may still be ending there.
            socket.set_reuseaddr(true)?;
            socket.bind(address).map(|()| socket)
        };
        let mut found = None;
        until("nobody listens any more", async || {
            found = held().ok();
            found.is_some()
        })
        .await;
        Self(found.expect("it was waited for"))
    }

    /// As `--upstream`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("a bound socket has an address"))
    }
}

/// One request, read whole.
pub(crate) struct Request {
    /// Up to and with the empty line.
    pub(crate) head: String,
    /// Without chunks.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// `None` when the connection ends before a whole one came.
    pub(crate) async fn read(stream: &mut TcpStream) -> Option<Self> {
        let head = head(stream).await?;
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        let body = if lower.contains("transfer-encoding: chunked") {
            chunks(stream).await?
        } else {
            exactly(stream, length.unwrap_or(0)).await?
        };
        Some(Self { head, body })
    }
}

/// A request's or answer's head, with its empty line.
pub(crate) async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn exactly(stream: &mut TcpStream, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

/// One chunk; empty at the end.
pub(crate) async fn chunk(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.ok()?);
    }
    let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim(), 16).ok()?;
    let bytes = exactly(stream, size).await?;
    exactly(stream, 2).await?;
    Some(bytes)
}

async fn chunks(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let next = chunk(stream).await?;
        if next.is_empty() {
            return Some(body);
        }
        body.extend_from_slice(&next);
    }
}
