//! A way to the database that can be cut, for machines on which no network can be made: bytes that come while it is cut are held,
//! and nobody is told. What they say is nobody's business here.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How soon a cut is noticed.
const LOOK: Duration = Duration::from_millis(10);

/// One node's way.
pub(super) struct Relay {
    /// Where the node finds it.
    pub(super) port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    ended: AtomicBool,
}

impl Relay {
    /// To a port of this machine.
    pub(super) fn to(port: u16) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("no relay: {e}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let own = listener.local_addr().map_err(failed)?.port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(&listener, port, &shared));
        Ok(Self { port: own, state })
    }

    /// From now on, nothing passes.
    pub(super) fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
    }
}

impl State {
    /// Waits until something may pass; `false` at the end.
    fn passes(&self) -> bool {
        while self.cut.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst) {
            thread::sleep(LOOK);
        }
        !self.ended.load(Ordering::SeqCst)
    }
}

fn accept(listener: &TcpListener, port: u16, state: &Arc<State>) {
    while state.passes() {
        let Ok((near, _)) = listener.accept() else {
            thread::sleep(LOOK);
            continue;
        };
        let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
        let (Ok(near_again), Ok(far_again)) = (near.try_clone(), far.try_clone()) else { continue };
        for (from, to) in [(near, far_again), (far, near_again)] {
            let state = Arc::clone(state);
            thread::spawn(move || copy(from, to, &state));
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, state: &State) {
    // An accepted socket may have inherited that it does not wait.
    let prepared = from.set_nonblocking(false).and_then(|()| from.set_read_timeout(Some(LOOK)));
    let mut buffer = [0; 16 * 1024];
    while prepared.is_ok() && state.passes() {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        if !state.passes() || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // A cut hides also that somebody has hung up.
    state.passes();
    let _either_way = to.shutdown(std::net::Shutdown::Both);
}
