//! A wire between a program and a server on loopback, which a test cuts as networks do: nothing is closed, nothing arrives any
//! more. What is said over it is not this file's business.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// See the module. Dropping it closes everything.
#[derive(Debug)]
pub struct Wire {
    at: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    /// What connects now is accepted and never carried.
    dark: AtomicBool,
    /// Each piece waits for so many milliseconds on its way.
    delay: AtomicU64,
    ended: AtomicBool,
    pairs: Mutex<Vec<Arc<Pair>>>,
}

/// A connection: the program's end, the server's, and whether bytes are swallowed.
#[derive(Debug)]
struct Pair {
    near: TcpStream,
    far: Option<TcpStream>,
    lost: AtomicBool,
}

impl Wire {
    /// A wire to this port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn to(port: u16) -> Wire {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback answers");
        let at = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            target: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            dark: AtomicBool::new(false),
            delay: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            pairs: Mutex::default(),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || accepting.accept(&listener));
        Wire { at, state }
    }

    /// Its near end.
    pub fn port(&self) -> u16 {
        self.at.port()
    }

    /// From now on nothing arrives on either side, and nobody is told: connections stay open, new ones are accepted.
    pub fn go_dark(&self) {
        self.state.dark.store(true, Ordering::SeqCst);
        for pair in self.state.pairs().iter() {
            pair.lost.store(true, Ordering::SeqCst);
        }
    }

    /// New connections are carried again; those of before stay silent for ever, as behind a router that has forgotten them.
    pub fn come_back(&self) {
        self.state.dark.store(false, Ordering::SeqCst);
    }

    /// Each piece of bytes waits on its way, in both directions.
    pub fn delay(&self, by: Duration) {
        self.state.delay.store(by.as_millis().try_into().unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes who accepts.
        TcpStream::connect(self.at).ok();
        for pair in self.state.pairs().drain(..) {
            pair.close();
        }
    }
}

impl State {
    fn pairs(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Pair>>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming().flatten() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let dark = self.dark.load(Ordering::SeqCst);
            let far = if dark { None } else { TcpStream::connect(self.target).ok() };
            if !dark && far.is_none() {
                near.shutdown(Shutdown::Both).ok();
                continue;
            }
            near.set_nodelay(true).ok();
            far.iter().for_each(|far| drop(far.set_nodelay(true)));
            let pair = Arc::new(Pair { near, far, lost: AtomicBool::new(dark) });
            self.pairs().push(Arc::clone(&pair));
            if let Some(far) = &pair.far
                && let (Ok(near), Ok(far)) = (pair.near.try_clone(), far.try_clone())
            {
                for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
                    let (state, pair) = (Arc::clone(&self), Arc::clone(&pair));
                    if let (Ok(from), Ok(to)) = (from, to) {
                        thread::spawn(move || state.carry(&pair, from, to));
                    }
                }
            }
        }
    }

    /// Moves bytes one way until one side hangs up. The end itself is lost as well.
    fn carry(&self, pair: &Pair, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = [0; 16 * 1024];
        loop {
            let read = from.read(&mut piece).unwrap_or(0);
            let delay = self.delay.load(Ordering::SeqCst);
            if delay > 0 && read > 0 {
                thread::sleep(Duration::from_millis(delay));
            }
            match (pair.lost.load(Ordering::SeqCst), read) {
                (true, 0) => return,
                (true, _) => {}
                (false, read) => {
                    if read == 0 || to.write_all(&piece[..read]).is_err() {
                        return pair.close();
                    }
                }
            }
        }
    }
}

impl Pair {
    fn close(&self) {
        self.near.shutdown(Shutdown::Both).ok();
        self.far.iter().for_each(|far| drop(far.shutdown(Shutdown::Both)));
    }
}
