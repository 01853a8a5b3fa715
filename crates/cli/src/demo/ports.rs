//! The demo's ports: each origin has one of its own (CONTRACTS, "Origins"). What listens there is not known here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use super::problem;
use crate::{Failure, terminal};

/// After a taken port so many further ones are tried.
const TRIES: u16 = 200;

/// Gives out ports one after the other, from a first one on; with port 0 whatever is free.
pub(super) struct Ports {
    ip: IpAddr,
    next: u16,
}

/// The dashboard's sockets: `localhost` means 127.0.0.1 to some clients and ::1 to others.
pub(super) struct Both {
    pub(super) port: u16,
    pub(super) sockets: Vec<TcpListener>,
}

impl Ports {
    pub(super) fn from(listen: SocketAddr) -> Self {
        Self { ip: listen.ip(), next: listen.port() }
    }

    /// The next free port.
    pub(super) fn take(&mut self, what: &str) -> Result<TcpListener, Failure> {
        let wanted = self.next;
        for _ in 0..TRIES {
            let address = SocketAddr::new(self.ip, self.next);
            let bound = TcpListener::bind(address);
            if self.next == 0 {
                return bound.map_err(|error| problem(format!("{what}: cannot listen on {address}: {error}")));
            }
            let port = self.next;
            self.next = self.next.checked_add(1).ok_or_else(|| problem("there are no more ports"))?;
            match bound {
                Ok(socket) => {
                    if port != wanted {
                        terminal::err(&format!("causeway: port {wanted} is taken; {what} is on {port}"));
                    }
                    return Ok(socket);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(problem(format!("{what}: cannot listen on {address}: {error}"))),
            }
        }
        Err(problem(format!("{what}: the ports from {wanted} on are all taken")))
    }

    /// The next port that is free on 127.0.0.1 and, where the machine has it, on ::1.
    pub(super) fn take_both(&mut self, what: &str) -> Result<Both, Failure> {
        for _ in 0..TRIES {
            let first = self.take(what)?;
            let port = first.local_addr().map_err(|error| problem(error.to_string()))?.port();
            let other: IpAddr = match self.ip {
                IpAddr::V4(_) => std::net::Ipv6Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
            };
            match TcpListener::bind((other, port)) {
                Ok(second) => return Ok(Both { port, sockets: vec![first, second] }),
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                // No IPv6 here: `localhost` means one address only.
                Err(_) => return Ok(Both { port, sockets: vec![first] }),
            }
        }
        Err(problem(format!("{what}: no port is free on both 127.0.0.1 and ::1")))
    }
}
