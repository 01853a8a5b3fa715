//! Ports of loopback for programs that bind their own, and come back to them after a restart. Who listens there is not this
//! file's business.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

/// So many ports, just below those of the system.
const ROOM: u32 = 12_000;
/// Processes that run beside each other begin so far apart.
const APART: u32 = 101;

/// A port at which nobody listens, and which nobody is given by accident: it lies below those that the system takes for
/// connections and for whoever asks for any port. No two calls of a process answer the same one, until all were answered.
///
/// # Panics
/// When loopback has none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let end = first_of_the_system();
    let room = ROOM.min(end.saturating_sub(1_024));
    for _ in 0..room {
        let number = std::process::id().wrapping_mul(APART).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(end - 1 - number % room).expect("below the end of the ports");
        if is_free(port) {
            return port;
        }
    }
    // The system takes them all: whichever was free a moment ago.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback answers");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn is_free(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn first_of_the_system() -> u32 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|first| first.parse().ok());
    first.filter(|first| (1_024..=u32::from(u16::MAX)).contains(first)).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_given_a_port_twice_nor_one_of_the_systems() {
        let mut ports: Vec<u16> = (0..50).map(|_| free_port()).collect();
        if first_of_the_system() > 1_024 + ROOM {
            assert!(ports.iter().all(|port| u32::from(*port) < first_of_the_system()), "{ports:?}");
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn a_port_at_which_somebody_listens_is_not_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback answers");
        assert!(!is_free(taken.local_addr().expect("bound").port()));
    }
}
