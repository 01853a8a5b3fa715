//! What our signer signs, our verifier takes; whatever is changed on the way, it does not.

use causeway_protocol::oauth1::{Signing, sign, split_url};

use super::*;
use crate::draw::Draw;

/// Characters that need every rule of encoding: unreserved, reserved, what forms use, controls, and all lengths of UTF-8.
const CHARACTERS: &[char] = &[
    'a', 'Z', '0', '-', '.', '_', '~', '!', '*', '\'', '(', ')', '&', '=', '+', ' ', '%', '/', '?', '#', '@', ':', ';',
    '[', ']', '"', '\\', '\n', '\u{7f}', 'ü', '☃', '🦀',
];

fn word(draw: &mut Draw, most: u64) -> String {
    (0..draw.below(most + 1)).map(|_| CHARACTERS[draw.below(CHARACTERS.len() as u64) as usize]).collect()
}

/// A query or form text: repeated names, empty ones, pairs without `=`, and several ways to write the same.
fn awkward(draw: &mut Draw) -> String {
    let pairs = (0..draw.below(6)).map(|_| {
        let (name, value) = (word(draw, 3), word(draw, 6));
        match draw.below(5) {
            0 => encode(&name),
            1 => format!("{}={}", encode(&name).replace("%20", "+"), encode(&value).replace("%20", "+")),
            2 => format!("{}={}", encode(&name).to_ascii_lowercase(), encode(&value).replace("%7E", "~")),
            _ => format!("{}={}", encode(&name), encode(&value)),
        }
    });
    pairs.collect::<Vec<_>>().join("&")
}

struct Signed {
    method: &'static str,
    url: String,
    body: Option<String>,
    header: String,
    consumer: Secret,
    token: Option<(String, Secret)>,
}

impl Signed {
    fn draw(draw: &mut Draw) -> Self {
        let method = ["GET", "POST", "PUT", "DELETE", "patch"][draw.below(5) as usize];
        let origin =
            ["https://api.example.test", "http://127.0.0.1:8080", "HTTPS://API.Example.test:443", "https://[::1]:8443"];
        let path = ["", "/", "/api/v1/locations", "/a%20b/%C3%BC;x=1/", "/a//b/../c"];
        let (origin, path) = (origin[draw.below(4) as usize], path[draw.below(5) as usize]);
        let query = if draw.below(4) == 0 { String::new() } else { format!("?{}", awkward(draw)) };
        let url = format!("{origin}{path}{query}");
        let body = (draw.below(3) == 0).then(|| awkward(draw));
        let consumer = Secret::new(word(draw, 20));
        let token = (draw.below(2) == 0).then(|| (format!("t{}", draw.id()), Secret::new(word(draw, 20))));
        let by = Signing {
            consumer_key: "a key/with=marks",
            consumer_secret: &consumer,
            token: token.as_ref().map(|(token, secret)| (&token[..], secret)),
            method: SignatureMethod::ALL[draw.below(2) as usize],
            nonce: &format!("n{}", draw.id()),
            timestamp: UnixTime(1_700_000_000 + draw.below(1_000_000) as i64),
            extra: if draw.below(5) == 0 { &[("oauth_callback", "https://x/?a=b c")] } else { &[] },
        };
        let header = sign(method, &url, body.as_deref().map(str::as_bytes), &by).unwrap();
        Self { method, url, body, header, consumer, token }
    }

    /// As the provider sees it. The header may be refused where it was tampered with.
    fn verifies(&self) -> bool {
        let (origin, path, query) = split_url(&self.url).unwrap();
        let Ok(Some(request)) = read(Some(&self.header), query, self.body.as_deref()) else { return false };
        let token_secret = self.token.as_ref().map(|(_, secret)| secret);
        request.verify(&Target { method: self.method, origin, path }, &self.consumer, token_secret)
    }
}

#[test]
fn tsm_24_tsm_13_what_the_signer_signs_verifies_with_every_rule_of_encoding() {
    let mut draw = Draw(24);
    for _ in 0..3_000 {
        let signed = Signed::draw(&mut draw);
        assert!(signed.verifies(), "{} {} {:?} {}", signed.method, signed.url, signed.body, signed.header);
        let (origin, path, query) = split_url(&signed.url).unwrap();
        let request = read(Some(&signed.header), query, signed.body.as_deref()).unwrap().unwrap();
        assert_eq!(request.token.as_ref(), signed.token.as_ref().map(|(token, _)| token));
        // RFC 5849 3.4.1.2: case and default port of scheme and host do not matter.
        let target = Target { method: "get", origin: &origin.to_ascii_uppercase(), path };
        let same = Target { method: "GET", origin, path };
        assert_eq!(request.base_string(&target), request.base_string(&same));
    }
}

#[test]
fn tsm_14_whatever_is_tampered_with_does_not_verify() {
    let mut draw = Draw(14);
    for _ in 0..2_000 {
        let mut signed = Signed::draw(&mut draw);
        let what = draw.below(9);
        match what {
            0 => signed.method = if signed.method == "GET" { "HEAD" } else { "GET" },
            1 => signed.url = signed.url.replacen("://", "://x", 1),
            2 => {
                let end = signed.url.find('?').unwrap_or(signed.url.len());
                // After an authority only, one slash is what an empty path already means.
                let bare = signed.url[..end].matches('/').count() < 3;
                signed.url.insert_str(end, if bare { "/x" } else { "/" });
            }
            3 => {
                let joiner = if signed.url.contains('?') { "&" } else { "?" };
                signed.url.push_str(joiner);
                signed.url.push_str("site_id=2");
            }
            4 => signed.body = Some(format!("{}&a=b", signed.body.unwrap_or_default())),
            5 => signed.consumer = Secret::new(format!("{}x", signed.consumer.expose())),
            6 => match &mut signed.token {
                Some((_, secret)) => *secret = Secret::new(format!("{}x", secret.expose())),
                none => *none = Some((String::new(), Secret::new("x"))),
            },
            7 => signed.url = format!("x{}", signed.url),
            _ => {
                // One character of the header, whichever.
                let at = 6 + draw.below(signed.header.len() as u64 - 6) as usize;
                let old = signed.header.as_bytes()[at];
                let new = if old == b'x' { "y" } else { "x" };
                signed.header.replace_range(at..=at, new);
            }
        }
        assert!(!signed.verifies(), "{what}: {} {} {:?} {}", signed.method, signed.url, signed.body, signed.header);
    }
}

#[test]
fn o1_01_scheme_host_and_port_are_normalised_and_the_path_is_as_sent() {
    let request = read(Some(&header(&usual(), ",")), None, None).unwrap().unwrap();
    for (origin, path, wanted) in [
        ("HTTP://EXAMPLE.com:80", "/r%20v/X", "http://example.com/r%20v/X"),
        ("https://www.example.net:8080", "/", "https://www.example.net:8080/"),
        ("https://x:443", "", "https://x/"),
        ("http://x:443", "/a//b/../%7e;c=1", "http://x:443/a//b/../%7e;c=1"),
        ("https://x:80/", "/", "https://x:80/"),
        ("http://[2001:DB8::1]", "/", "http://[2001:db8::1]/"),
        ("http://[::1]:80", "/", "http://[::1]/"),
        ("http://[::1]:8080", "/", "http://[::1]:8080/"),
    ] {
        let base = request.base_string(&Target { method: "get", origin, path });
        assert!(base.starts_with(&format!("GET&{}&oauth_consumer_key", encode(wanted))), "{wanted}: {base}");
    }
}

#[test]
fn o1_08_the_origin_is_the_one_that_is_configured() {
    let consumer = Secret::new("cs");
    let by = Signing {
        consumer_key: "ck",
        consumer_secret: &consumer,
        token: None,
        method: SignatureMethod::HmacSha1,
        nonce: "n",
        timestamp: UnixTime(1_700_000_000),
        extra: &[],
    };
    let header = sign("GET", "https://api.example.com/api/v1/locations?a=1", None, &by).unwrap();
    let request = read(Some(&header), Some("a=1"), None).unwrap().unwrap();
    let verifies =
        |origin| request.verify(&Target { method: "GET", origin, path: "/api/v1/locations" }, &consumer, None);
    for outer in [
        "https://api.example.com",
        "https://API.example.com:443",
        "HTTPS://api.example.com/",
        "https://api.example.com:",
    ] {
        assert!(verifies(outer), "{outer}");
    }
    for inner in [
        "http://api.example.com",
        "http://127.0.0.1:8080",
        "https://api.example.com:8443",
        "https://api.example.com:80",
    ] {
        assert!(!verifies(inner), "{inner}");
    }
}

#[test]
fn o1_09_the_rfc_is_followed_where_clients_do_not_and_nothing_else_is_tried() {
    let base = |query: &str| {
        let request = read(Some(&header(&usual(), ",")), Some(query), None).unwrap().unwrap();
        request.base_string(&Target { method: "GET", origin: "https://x:443", path: "/" })
    };
    // Encoded, then sorted: `%` stands before the digits, while `@` and `[` would stand behind them.
    assert!(base("c2=&c@=").contains("&c%2540%3D%26c2%3D%26oauth_"), "{}", base("c2=&c@="));
    assert!(base("a%5B%5D=1&a=2&aa=3").contains("&a%3D2%26a%255B%255D%3D1%26aa%3D3%26oauth_"));
    // A raw plus is a space, the default port is dropped.
    assert!(base("x=a+b").contains("x%3Da%2520b") && base("").contains("&https%3A%2F%2Fx%2F&"));
    // The other readings do not verify: ruby-oauth's and PHP's order, and npm oauth-1.0a's plus.
    let consumer = Secret::new("cs");
    for (wrong, query) in [("c2=&c@=", "c2=&c%40="), ("x%3Da%252Bb", "x=a+b")] {
        let target = Target { method: "GET", origin: "https://x", path: "/" };
        let right = base(query);
        let other = if query.starts_with('c') {
            right.replace("c%2540%3D%26c2%3D", "c2%3D%26c%2540%3D")
        } else {
            right.replace("x%3Da%2520b", wrong)
        };
        assert_ne!(right, other);
        let made = |base: &str| {
            let signature = causeway_protocol::oauth1::signature(SignatureMethod::HmacSha1, base, "cs", "");
            let pairs = usual_but("oauth_signature", &[("oauth_signature", &signature)]);
            read(Some(&header(&pairs, ",")), Some(query), None).unwrap().unwrap()
        };
        assert!(made(&right).verify(&target, &consumer, None), "{query}");
        assert!(!made(&other).verify(&target, &consumer, None), "{query}");
    }
}

#[test]
fn o1_13_a_body_that_is_no_form_is_not_signed() {
    let consumer = Secret::new("cs");
    let by = Signing {
        consumer_key: "ck",
        consumer_secret: &consumer,
        token: None,
        method: SignatureMethod::HmacSha1,
        nonce: "n",
        timestamp: UnixTime(1_700_000_000),
        extra: &[("oauth_body_hash", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")],
    };
    let header = sign("POST", "https://x/r", None, &by).unwrap();
    let request = read(Some(&header), None, None).unwrap().unwrap();
    assert!(request.verify(&Target { method: "POST", origin: "https://x", path: "/r" }, &consumer, None));
    assert!(
        request.base_string(&Target { method: "POST", origin: "https://x", path: "/r" }).contains("oauth_body_hash")
    );
}

#[test]
fn tsm_24_the_signer_refuses_what_could_not_verify() {
    let consumer = Secret::new("cs");
    let by = Signing {
        consumer_key: "ck",
        consumer_secret: &consumer,
        token: None,
        method: SignatureMethod::HmacSha1,
        nonce: "n",
        timestamp: UnixTime(1_700_000_000),
        extra: &[],
    };
    for (url, body, reason) in [
        ("/api/v1", None, Reason::OAuth1Malformed),
        ("https:///x", None, Reason::OAuth1Malformed),
        ("https://me@x/", None, Reason::OAuth1Malformed),
        ("https://x/?a=%zz", None, Reason::OAuth1Malformed),
        ("https://x/?oauth_token=t", None, Reason::CredentialsTwice),
        ("https://x/", Some(&b"oauth_token=t"[..]), Reason::CredentialsTwice),
    ] {
        assert_eq!(sign("GET", url, body, &by).unwrap_err().reason, reason, "{url}");
    }
    let twice = Signing { extra: &[("oauth_nonce", "m")], ..by };
    assert_eq!(sign("GET", "https://x/", None, &twice).unwrap_err().reason, Reason::ParameterRepeated);
    // A fragment is never sent, so it is not signed.
    assert_eq!(sign("GET", "https://x/#a?b", None, &by).unwrap(), sign("GET", "https://x/", None, &by).unwrap());
}
