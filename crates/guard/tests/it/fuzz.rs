//! Random headers, paths, queries and bodies from a fixed seed: nothing panics, nothing passes without a good token, and
//! whatever passes is what the profile allows.

use causeway_guard::Call;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::world::{NOW, World, bearer};

/// SplitMix64: enough to wander about.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn some<'a>(&mut self, words: &[&'a str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| words[self.below(words.len())]).collect::<Vec<&'a str>>().concat()
    }
}

const PATHS: &[&str] = &[
    "/v1",
    "/api/v1",
    "/leads",
    "/sites",
    "/events",
    "/",
    "//",
    ".",
    "..",
    "%2e",
    "%2F",
    ";",
    "\\",
    ".json",
    ".JSON",
    "5",
    "%",
    "%25",
    "%00",
    "%c3%a9",
    "é",
    "LEADS",
    "?",
    "#",
    " ",
    "{id}",
    "**",
    "a",
    "/locations",
];
const QUERIES: &[&str] = &[
    "site_id",
    "=",
    "&",
    ";",
    "11",
    "12",
    "21",
    "[]",
    "%5b",
    "SITE_ID",
    "access_token",
    "oauth_token",
    "%73ite_id",
    "+",
    "%",
    "é",
    "\0",
    "page=1",
    "&&",
    "site_id=12",
];
const HEADERS: &[&str] = &[
    "Bearer",
    "bearer",
    " ",
    "  ",
    "\t",
    ",",
    "ts_at_",
    "ts_rt_",
    "AAAA",
    "=",
    "Basic",
    "OAuth oauth_token=\"x\"",
    ".",
    "-",
    "_",
    "é",
    "\"",
];
const BODIES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"site_id\"",
    ":",
    "12",
    "21",
    ",",
    "null",
    "\"a\"",
    "\\u0000",
    "1e999",
    "site_id=12",
    "&",
    "\u{feff}",
    " ",
];

#[tokio::test]
async fn nothing_passes_without_a_good_token() {
    let world = World::new();
    let good = world.seal(&world.token());
    let mut dice = Dice(2);
    for _ in 0..60_000 {
        let mut headers = HeaderMap::new();
        for _ in 0..dice.below(3) {
            let mut text = dice.some(HEADERS, 6);
            if dice.below(4) == 0 {
                // A good token with one byte changed, or cut, is none.
                let mut bytes = good.clone().into_bytes();
                let at = dice.below(bytes.len());
                if dice.below(2) == 0 {
                    bytes.truncate(at)
                } else {
                    bytes[at] ^= 1 << dice.below(7)
                }
                text = format!("Bearer {}", String::from_utf8_lossy(&bytes));
            }
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                headers.append(AUTHORIZATION, value);
            }
        }
        let (path, query) = (dice.some(PATHS, 6), dice.some(QUERIES, 5));
        let method = ["GET", "POST", "HEAD", "", "get", "OPTIONS"][dice.below(6)];
        let call = Call { method, path: &path, query: Some(&query), headers: &headers, now: NOW, monotonic_nanos: 0 };
        let denied = world.guard.begin(&call, &world.held, &world.ring).expect_err("nobody proved anything");
        let reply = world.guard.reply(&denied);
        assert!(matches!(reply.status().as_u16(), 400 | 401 | 503), "{denied:?} for {headers:?}");
    }
}

#[tokio::test]
async fn whatever_passes_is_allowed() {
    let world = World::with(|profile| profile.api.budgets.clear());
    let mut headers = bearer(&world.seal(&world.token()));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut dice = Dice(3);
    let mut passed = 0;
    for _ in 0..60_000 {
        let path = match dice.below(3) {
            0 => "/v1/leads".to_owned(),
            1 => format!("/api/v1/sites{}", dice.some(&[".json", "/5", "/..", ";", "%2f"], 2)),
            _ => dice.some(PATHS, 6),
        };
        let (query, body) = (dice.some(QUERIES, 5), dice.some(BODIES, 6));
        let method = ["GET", "POST", "HEAD", "DELETE"][dice.below(4)];
        let call = Call { method, path: &path, query: Some(&query), headers: &headers, now: NOW, monotonic_nanos: 0 };
        let Ok(mut admitted) = world.guard.begin(&call, &world.held, &world.ring) else { continue };
        if admitted.wants_body() && admitted.read_body(&headers, body.as_bytes()).is_err() {
            continue;
        }
        let Ok(pass) = world.guard.finish(admitted, &world.held, &world.source).await else { continue };
        passed += 1;
        let plain = path.strip_prefix("/api").unwrap_or(&path);
        assert!(plain.starts_with("/v1/") && !plain.contains("..") && !plain.contains("//"), "{path}");
        let site = pass.site().map(|site| site.external_id.as_str());
        assert!(matches!(site, None | Some("11" | "12")), "{site:?}");
        assert!(site.is_some() || plain.starts_with("/v1/sites") || plain.starts_with("/v1/locations"), "{path}");
        assert!(!query.starts_with("site_id=21") && !query.contains("&site_id=21"), "{query}");
    }
    assert!(passed > 1_000, "{passed}: the test must not pass for lack of passes");
}
