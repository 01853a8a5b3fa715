//! The smallest load balancer that an operator could have: round robin over the nodes that say that they are ready, one connection
//! a request. A refused connection goes to the next node; what was sent to one is never sent to another.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::partition_nodes::status;

/// How often nodes are asked whether they are ready.
const HEALTH: Duration = Duration::from_millis(100);
/// A request's head and body, at most.
const MOST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(15);

/// See the module.
pub(super) struct Balancer {
    state: Arc<State>,
}

struct State {
    nodes: Vec<Node>,
    next: AtomicUsize,
    ended: AtomicBool,
}

struct Node {
    authority: String,
    ready: AtomicBool,
    /// The operator took it out.
    drained: AtomicBool,
    busy: AtomicUsize,
    served: AtomicUsize,
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
        };
        let nodes = nodes.into_iter().map(node).collect();
        let state = Arc::new(State { nodes, next: AtomicUsize::new(0), ended: AtomicBool::new(false) });
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
        node.ready.store(false, Ordering::SeqCst);
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

impl State {
    fn ask(&self) {
        while !self.ended.load(Ordering::SeqCst) {
            for node in self.nodes.iter().filter(|node| !node.drained.load(Ordering::SeqCst)) {
                node.ready.store(status(&node.authority, "/readyz") == Some(200), Ordering::SeqCst);
            }
            thread::sleep(HEALTH);
        }
    }

    /// One request; the node says that it closes, and so does this.
    fn serve(&self, mut client: TcpStream) {
        let Some(request) = read_request(&mut client) else { return };
        for _ in 0..self.nodes.len() * 2 {
            let node = &self.nodes[self.next.fetch_add(1, Ordering::SeqCst) % self.nodes.len()];
            node.busy.fetch_add(1, Ordering::SeqCst);
            let out = node.drained.load(Ordering::SeqCst) || !node.ready.load(Ordering::SeqCst);
            let way = if out { None } else { TcpStream::connect(&node.authority).ok() };
            let served = way.map(|mut way| pass(&request, &mut way, &mut client));
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

/// The request with the wish that the node closes behind its answer.
fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let (mut request, mut buffer) = (Vec::new(), [0; 8 * 1024]);
    loop {
        let read = client.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
            if request.len() > MOST {
                return None;
            }
            continue;
        };
        let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if request.len() >= head + 4 + length.unwrap_or(0).min(MOST) {
            request.splice(head..head, b"\r\nConnection: close".iter().copied());
            return Some(request);
        }
    }
}

fn pass(request: &[u8], way: &mut TcpStream, client: &mut TcpStream) {
    let mut buffer = [0; 16 * 1024];
    let sent = way.set_read_timeout(Some(PATIENCE)).and_then(|()| way.write_all(request));
    if sent.is_err() {
        return;
    }
    while let Ok(read) = way.read(&mut buffer) {
        if read == 0 || client.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
