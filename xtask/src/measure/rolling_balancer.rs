//! The smallest load balancer that an operator could have: round robin over the nodes that say that they are ready, on connections
//! that it keeps. A refused connection goes to the next node; what was sent to one is never sent again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::partition_nodes::status;
use crate::stopwatch::Stopwatch;

/// How often nodes are asked whether they are ready.
const HEALTH: Duration = Duration::from_millis(100);
/// A request's head and body, at most.
const MOST: usize = 64 * 1024;
/// So long a connection is kept: less than nodes leave an idle one open.
const KEPT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(15);

/// See the module.
pub(super) struct Balancer {
    state: Arc<State>,
}

struct State {
    nodes: Vec<Node>,
    next: AtomicUsize,
    ended: AtomicBool,
    /// Nodes that took a request and answered nothing, and what was seen of it.
    broken: Mutex<Vec<(usize, String)>>,
}

struct Node {
    authority: String,
    ready: AtomicBool,
    /// The operator took it out.
    drained: AtomicBool,
    busy: AtomicUsize,
    served: AtomicUsize,
    /// Kept for later.
    idle: Mutex<Vec<(TcpStream, Stopwatch)>>,
}

impl Balancer {
    /// In front of these nodes, at a port that is bound already.
    pub(super) fn start(listener: TcpListener, nodes: Vec<String>) -> Self {
        let node = |authority| Node {
            authority,
            ready: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            idle: Mutex::default(),
        };
        let nodes = nodes.into_iter().map(node).collect();
        let state = Arc::new(State {
            nodes,
            next: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            broken: Mutex::default(),
        });
        let (health, front) = (Arc::clone(&state), Arc::clone(&state));
        thread::spawn(move || health.ask());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if front.ended.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&front);
                thread::spawn(move || state.serve(client));
            }
        });
        Self { state }
    }

    /// Sends a node nothing more, and waits until it has answered everything.
    pub(super) fn drain(&self, node: usize) {
        let node = &self.state.nodes[node];
        node.drained.store(true, Ordering::SeqCst);
        while node.busy.load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_millis(2));
        }
        node.is_ready(false);
    }

    /// Takes it in again as soon as it says that it is ready; waits for that.
    pub(super) fn admit(&self, node: usize) -> Result<(), String> {
        let node = &self.state.nodes[node];
        node.drained.store(false, Ordering::SeqCst);
        for _ in 0..300 {
            if node.ready.load(Ordering::SeqCst) {
                return Ok(());
            }
            thread::sleep(HEALTH);
        }
        Err(format!("{} does not get ready", node.authority))
    }

    /// Who took a request without answering it, since this was last asked.
    pub(super) fn broken(&self) -> Vec<(usize, String)> {
        std::mem::take(&mut *held(&self.state.broken))
    }

    /// Requests that each node answered.
    pub(super) fn served(&self) -> Vec<usize> {
        self.state.nodes.iter().map(|node| node.served.load(Ordering::SeqCst)).collect()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
    }
}

impl Node {
    /// Whether it may be asked. One that may not will have closed what is kept when it may again.
    fn is_ready(&self, ready: bool) {
        let mut idle = held(&self.idle);
        self.ready.store(ready, Ordering::SeqCst);
        if !ready {
            idle.clear();
        }
    }

    fn keep(&self, way: TcpStream) {
        let mut idle = held(&self.idle);
        if self.ready.load(Ordering::SeqCst) {
            idle.push((way, Stopwatch::start()));
        }
    }

    /// One that is kept, the newest first, or a new one; `None` when that is refused.
    fn way(&self) -> Option<TcpStream> {
        let kept = held(&self.idle).pop();
        let fresh = kept.filter(|(_, since)| since.elapsed() < KEPT).map(|(way, _)| way);
        fresh.or_else(|| TcpStream::connect(&self.authority).ok())
    }

    /// `Err` when no whole reply came back. Nothing is given to the client then: it sees that it was failed.
    fn pass(&self, request: &[u8], mut way: TcpStream, client: &mut TcpStream) -> Result<(), String> {
        let prepared = way.set_read_timeout(Some(PATIENCE));
        prepared.and_then(|()| way.write_all(request)).map_err(|e| format!("while it was asked: {e}"))?;
        let (mut reply, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        let closes = loop {
            if let Some(closes) = ends(&reply, false) {
                break closes;
            }
            match way.read(&mut buffer) {
                Ok(0) => break ends(&reply, true).ok_or_else(|| format!("hung up after {} bytes", reply.len()))?,
                Ok(read) => reply.extend_from_slice(&buffer[..read]),
                Err(e) => return Err(format!("while it was to answer: {e}, after {} bytes", reply.len())),
            }
        };
        if !closes {
            self.keep(way);
        }
        if let Some(head) = find(&reply, b"\r\n\r\n").filter(|_| !closes) {
            reply.splice(head..head, b"\r\nConnection: close".iter().copied());
        }
        // Whoever asked may have given up meanwhile.
        let _gone = client.write_all(&reply);
        Ok(())
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Whether a reply is whole, and then whether its connection ends with it. What has no length ends with its connection.
fn ends(reply: &[u8], hung_up: bool) -> Option<bool> {
    let head = find(reply, b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&reply[..head]).to_ascii_lowercase();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    match field("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => (reply.len() >= head + 4 + length).then(|| field("connection") == Some("close")),
        None if field("transfer-encoding").is_some() => reply.ends_with(b"\r\n0\r\n\r\n").then_some(true),
        None => hung_up.then_some(true),
    }
}

impl State {
    fn ask(&self) {
        while !self.ended.load(Ordering::SeqCst) {
            for node in self.nodes.iter().filter(|node| !node.drained.load(Ordering::SeqCst)) {
                node.is_ready(status(&node.authority, "/readyz") == Some(200));
            }
            thread::sleep(HEALTH);
        }
    }

    /// One request; to the client it says that it closes.
    fn serve(&self, mut client: TcpStream) {
        let Some(request) = read_request(&mut client) else { return };
        for _ in 0..self.nodes.len() * 2 {
            let number = self.next.fetch_add(1, Ordering::SeqCst) % self.nodes.len();
            let node = &self.nodes[number];
            node.busy.fetch_add(1, Ordering::SeqCst);
            let out = node.drained.load(Ordering::SeqCst) || !node.ready.load(Ordering::SeqCst);
            let way = if out { None } else { node.way() };
            let served = way.map(|way| node.pass(&request, way, &mut client));
            if let Some(Err(why)) = &served {
                held(&self.broken).push((number, why.clone()));
            }
            if served.is_some() {
                node.served.fetch_add(1, Ordering::SeqCst);
            }
            node.busy.fetch_sub(1, Ordering::SeqCst);
            if served.is_some() {
                return;
            }
        }
        let _gone = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let (mut request, mut buffer) = (Vec::new(), [0; 8 * 1024]);
    loop {
        let read = client.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let Some(head) = find(&request, b"\r\n\r\n") else {
            if request.len() > MOST {
                return None;
            }
            continue;
        };
        let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if request.len() >= head + 4 + length.unwrap_or(0).min(MOST) {
            return Some(request);
        }
    }
}
