//! Independent chains of refreshes: each token is sent exactly once, the new one takes its place.
//!
//! A chain whose refresh is refused is dropped and counted. A chain whose reply never came keeps its token and its
//! Idempotency-Key, so that it can ask again after a restart.

use std::collections::VecDeque;

use serde_json::Value;

use crate::chain::Chain;
use crate::connect::write_form;
use crate::http::Url;
use crate::meter::Work;

/// A queue of chains.
pub struct Refresh {
    url: Url,
    queue: VecDeque<Chain>,
    /// Send an Idempotency-Key with each refresh.
    keyed: bool,
    /// The app says who it is in a header (RFC 6749 2.3.1) and not in the body: some peers know nothing else.
    basic: bool,
    /// How many more to send.
    left: u64,
    count: u64,
    /// Refreshes that were answered with a new pair.
    pub moved: u64,
    /// Refusals, as status and body.
    pub refused: Vec<(u16, String)>,
    /// Chains whose reply never came.
    pub uncertain: Vec<Chain>,
}

impl Refresh {
    /// Chains to be moved, at most `most` times altogether.
    pub fn new(url: Url, chains: Vec<Chain>, keyed: bool, most: u64) -> Self {
        let queue = chains.into();
        Self { url, queue, keyed, basic: false, left: most, count: 0, moved: 0, refused: vec![], uncertain: vec![] }
    }

    /// With the app's secret in a header.
    #[must_use]
    pub fn basic(self, basic: bool) -> Self {
        Self { basic, ..self }
    }

    /// The chains as they stand at the end.
    pub fn into_chains(self) -> Vec<Chain> {
        self.queue.into_iter().chain(self.uncertain).collect()
    }
}

/// The request that moves a chain, under the key that it holds.
pub fn write_refresh(request: &mut Vec<u8>, url: &Url, chain: &Chain, token: &str) {
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", token)
        .append_pair("client_id", &chain.client_id)
        .append_pair("client_secret", &chain.client_secret)
        .finish();
    let key = [("Idempotency-Key", chain.pending.as_str())];
    write_form(request, url, &body, if chain.pending.is_empty() { &[] } else { &key });
}

fn write_with_header(request: &mut Vec<u8>, url: &Url, chain: &Chain) {
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", &chain.refresh)
        .finish();
    write_form(request, url, &body, &[("Authorization", &basic(&chain.client_id, &chain.client_secret))]);
}

/// `Basic …` of plain names.
fn basic(id: &str, secret: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for three in format!("{id}:{secret}").as_bytes().chunks(3) {
        let byte = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Takes a reply's new pair into the chain; `false` if there is none.
pub fn take_pair(chain: &mut Chain, status: u16, body: &[u8]) -> bool {
    let reply: Value = if status == 200 { serde_json::from_slice(body).unwrap_or_default() } else { Value::Null };
    let (Some(access), Some(refresh)) = (reply["access_token"].as_str(), reply["refresh_token"].as_str()) else {
        return false;
    };
    chain.access = access.to_string();
    chain.spent = std::mem::replace(&mut chain.refresh, refresh.to_string());
    chain.pending.clear();
    true
}

impl Work for Refresh {
    type Job = Chain;

    fn next(&mut self, request: &mut Vec<u8>) -> Option<Chain> {
        self.left = self.left.checked_sub(1)?;
        let mut chain = self.queue.pop_front()?;
        self.count += 1;
        if self.keyed {
            // Unique over the run's chains: the token that is spent is in no other request.
            let end = chain.refresh.len().saturating_sub(16);
            chain.pending = format!("bench-{}-{}", self.count, &chain.refresh[end..]);
        }
        match self.basic {
            true => write_with_header(request, &self.url, &chain),
            false => write_refresh(request, &self.url, &chain, &chain.refresh),
        }
        Some(chain)
    }

    fn done(&mut self, mut chain: Chain, status: u16, body: &[u8]) -> bool {
        let good = take_pair(&mut chain, status, body);
        if good {
            self.moved += 1;
            self.queue.push_back(chain);
        } else if status >= 500 {
            self.uncertain.push(chain);
        } else {
            self.refused.push((status, String::from_utf8_lossy(body).into_owned()));
        }
        good
    }

    fn lost(&mut self, chain: Chain) {
        self.uncertain.push(chain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_who_the_app_is() {
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("a", "b"), "Basic YTpi");
        assert_eq!(basic("a", "bc"), "Basic YTpiYw==");
    }
}
