//! Who stands in front of us: which peers are proxies of the operator's, and what their forwarding headers mean
//! (SECURITY T-02). Which header says what is decided here and nowhere else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;

/// Forwarding chains longer than this are not followed further.
const MAX_HOPS: usize = 32;

/// A block of addresses: `10.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads `address` or `address/bits`.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let base: IpAddr =
            address.parse().map_err(|_| format!("\"{text}\" is not an address block such as 10.0.0.0/8"))?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits =
            bits.map_or(Ok(most), str::parse).map_err(|_| format!("\"{text}\": the part after / is not a number"))?;
        if bits > most {
            return Err(format!("\"{text}\": at most {most} bits"));
        }
        Ok(Self { base: masked(base, bits), bits })
    }

    /// Whether every address lies in it.
    pub fn is_everybody(&self) -> bool {
        self.bits == 0
    }

    /// Whether the address lies in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.base
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// The operator's proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<Cidr>);

impl TrustedProxies {
    /// Whether this peer's forwarding headers count.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|block| block.contains(address))
    }

    /// Where a request comes from: the peer or, behind a trusted proxy, the rightmost address of `X-Forwarded-For` that
    /// is not one of our proxies. Whatever stands left of it was written by somebody we do not know.
    pub fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut known = peer.to_canonical();
        if !self.trusts(known) {
            return known;
        }
        let values: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        for hop in values.iter().rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS) {
            let Some(address) = address_of(hop.trim()) else { return known };
            known = address;
            if !self.trusts(known) {
                return known;
            }
        }
        known
    }

    /// The Host that the browser asked for, as a trusted proxy says it: the last `X-Forwarded-Host`.
    pub fn forwarded_host<'a>(&self, peer: IpAddr, headers: &'a HeaderMap) -> Option<&'a str> {
        if !self.trusts(peer) {
            return None;
        }
        let last = headers.get_all("x-forwarded-host").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next().map(str::trim).filter(|host| !host.is_empty())
    }
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]:443`.
fn address_of(hop: &str) -> Option<IpAddr> {
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    hop.parse::<std::net::SocketAddr>().ok().map(|with_port| with_port.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(blocks: &[&str]) -> TrustedProxies {
        TrustedProxies(blocks.iter().map(|block| Cidr::parse(block).unwrap()).collect())
    }

    fn forwarded(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (http::HeaderName::from_static("x-forwarded-for"), value.parse().unwrap())).collect()
    }

    #[test]
    fn blocks_hold_what_they_say() {
        let block = Cidr::parse("10.1.0.0/16").unwrap();
        assert!(block.contains("10.1.255.1".parse().unwrap()) && !block.contains("10.2.0.1".parse().unwrap()));
        assert!(Cidr::parse("0.0.0.0/0").unwrap().contains("192.0.2.9".parse().unwrap()));
        assert!(Cidr::parse("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(!Cidr::parse("0.0.0.0/0").unwrap().contains("::1".parse().unwrap()));
        for wrong in ["10.0.0.0/33", "x", "10.0.0.0/", "::1/129", "10.0.0.0/-1"] {
            assert!(Cidr::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn t_02_only_a_trusted_peer_is_believed_and_only_up_to_the_first_stranger() {
        let ours = proxies(&["10.0.0.0/8"]);
        let source = |peer: &str, values: &[&str]| ours.source(peer.parse().unwrap(), &forwarded(values)).to_string();
        assert_eq!(source("192.0.2.1", &["203.0.113.7"]), "192.0.2.1");
        assert_eq!(source("10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(source("10.0.0.1", &["1.1.1.1, 203.0.113.7, 10.0.0.2"]), "203.0.113.7");
        assert_eq!(source("10.0.0.1", &["1.1.1.1", "203.0.113.7:9, 10.0.0.2"]), "203.0.113.7");
        assert_eq!(source("10.0.0.1", &["203.0.113.7, junk"]), "10.0.0.1");
        assert_eq!(source("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(source("::ffff:10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
    }
}
