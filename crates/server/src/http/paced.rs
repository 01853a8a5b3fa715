//! How long a client may take, phase by phase (SECURITY R-13): the head of a request, its body, reading our reply,
//! silence between two requests. What is sent does not belong here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The limits of one listener.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the first byte of a request (or from the connection's beginning) to the end of its headers, TLS included.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// What a body gets at once; each kibibyte received buys a further second.
    pub body: Duration,
    /// Without a byte of our reply being taken.
    pub stall: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(10), idle: seconds(75), body: seconds(10), stall: seconds(30) }
    }
}

/// Where a connection stands. The connection and its current request share it.
#[derive(Clone, Debug, Default)]
pub struct Phase(Arc<Stands>);

#[derive(Debug, Default)]
struct Stands {
    now: AtomicU8,
    ends: AtomicBool,
}

const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;

impl Phase {
    /// A request's head is complete.
    pub fn busy(&self) {
        self.0.now.store(BUSY, Ordering::Relaxed);
    }

    /// The next reply is the last one.
    pub fn end(&self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn ends(&self) -> bool {
        self.0.ends.load(Ordering::Relaxed)
    }

    /// Whether a request is being answered.
    pub fn is_busy(&self) -> bool {
        self.now() == BUSY
    }

    /// The reply was handed over.
    fn idle(&self) {
        self.0.now.store(IDLE, Ordering::Relaxed);
    }

    fn now(&self) -> u8 {
        self.0.now.load(Ordering::Relaxed)
    }
}

/// A connection that is closed when its other end takes too long.
pub struct Paced<S> {
    io: S,
    pace: Pace,
    phase: Phase,
    /// The phase seen last and since when.
    seen: (u8, Instant),
    waiting: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    /// Wraps an open connection.
    pub fn new(io: S, pace: Pace, phase: Phase) -> Self {
        Self { io, pace, phase, seen: (HEAD, Instant::now()), waiting: None, stalled: None }
    }

    /// Nothing has come: is it time to give up? The timer is left alone while it is early enough, so that a busy
    /// connection arms it once in a while and not once a request.
    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let phase = self.phase.now();
        if self.seen.0 != phase {
            self.seen = (phase, Instant::now());
        }
        let limit = match phase {
            HEAD => self.pace.head,
            IDLE => self.pace.idle,
            _ => return false,
        };
        let deadline = self.seen.1 + limit;
        let timer = self.waiting.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return true;
            }
            timer.as_mut().reset(deadline);
        }
        false
    }

    fn stall<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let deadline = Instant::now() + self.pace.stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_pending() {
            return if self.overdue(cx) { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending };
        }
        if buf.filled().len() > before && self.phase.now() == IDLE {
            self.phase.0.now.store(HEAD, Ordering::Relaxed);
            self.seen = (HEAD, Instant::now());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.stall(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.stall(cx, shut)
    }
}

/// The body came too slowly: the read ends with this.
#[derive(Clone, Copy, Debug)]
pub struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body came too slowly")
    }
}

impl std::error::Error for TooSlow {}

/// A request's body that must keep up a kibibyte a second.
pub struct PacedBody<B> {
    body: B,
    ends: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> PacedBody<B> {
    /// Starts counting now.
    pub fn new(body: B, pace: &Pace) -> Self {
        Self { body, ends: Instant::now() + pace.body, timer: None }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl<B: Body<Data = Bytes> + Unpin> Body for PacedBody<B>
where
    B::Error: Into<Failure>,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            let length = data.map_or(0, Bytes::len) as u64;
            self.ends += Duration::from_millis(length * 1000 / 1024);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let ends = self.ends;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(ends)));
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= ends {
                return Poll::Ready(Some(Err(TooSlow.into())));
            }
            timer.as_mut().reset(ends);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A reply's body; once it was handed over the connection waits for the next request.
pub struct Reply {
    body: axum::body::Body,
    phase: Phase,
}

impl Reply {
    /// Wraps the body of a reply.
    pub fn new(body: axum::body::Body, phase: Phase) -> Self {
        Self { body, phase }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.phase.idle();
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
