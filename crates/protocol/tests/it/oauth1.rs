//! OAuth 1.0 signatures: published vectors, what is read and what is refused, and signer against verifier.
//! Nonces that were used, consumers and ends of life are tested with the server.

use causeway_protocol::oauth1::{OAuth1Request, SignatureMethod, Target, within_window};
use causeway_protocol::params::encode;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal, UnixTime};

mod foreign;
mod read;
mod signer;
mod vectors;

type Owned = Vec<(String, String)>;

fn owned(pairs: &[(&str, &str)]) -> Owned {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What every signed request has. The signature is none.
fn usual() -> Owned {
    owned(&[
        ("oauth_consumer_key", "ck"),
        ("oauth_nonce", "n"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1700000000"),
        ("oauth_signature", "x"),
    ])
}

/// The usual ones without one, and with others.
fn usual_but(without: &str, with: &[(&str, &str)]) -> Owned {
    usual().into_iter().filter(|(name, _)| name != without).chain(owned(with)).collect()
}

fn header(pairs: &Owned, between: &str) -> String {
    let quoted: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
    format!("OAuth {}", quoted.join(between))
}

fn form(pairs: &Owned) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

fn read(
    authorization: Option<&str>,
    query: Option<&str>,
    body: Option<&str>,
) -> Result<Option<OAuth1Request>, Refusal> {
    OAuth1Request::read(authorization, query, body.map(str::as_bytes), SignatureMethod::ALL)
}

/// The refusal of parameters that stand in the header; the same is demanded where they stand in query and body.
fn refused(pairs: &Owned) -> Reason {
    let reason = read(Some(&header(pairs, ", ")), None, None).unwrap_err().reason;
    assert_eq!(read(None, Some(&form(pairs)), None).unwrap_err().reason, reason, "in the query");
    assert_eq!(read(None, None, Some(&form(pairs))).unwrap_err().reason, reason, "in the body");
    reason
}

#[test]
fn o1_06_tsm_14_a_timestamp_is_good_inside_the_window_only() {
    let (now, window) = (UnixTime(1_700_000_000), Seconds(300));
    for (offset, good) in [(0, true), (-300, true), (300, true), (-301, false), (301, false), (7_200, false)] {
        assert_eq!(within_window(UnixTime(now.0 + offset), now, window), good, "{offset}");
    }
    for timestamp in [UnixTime(i64::MAX), UnixTime(i64::MIN), UnixTime(0)] {
        assert!(!within_window(timestamp, now, window));
    }
    assert!(within_window(now, now, Seconds(0)) && !within_window(now, now + Seconds(1), Seconds(-5)));
}
