//! Requests to be signed, drawn by seed: one kind for each rule of RFC 5849 3.4.1 and 3.6, and one of everything.
//!
//! All are requests that HTTP can carry. What a signer makes of them is not known here.

use serde_json::{Value, json};

/// The kinds, by number.
pub(super) const KINDS: &[&str] = &[
    "plain",
    "reserved marks",
    "UTF-8",
    "plus and space",
    "repeated names",
    "sorted once encoded",
    "empty names and values",
    "other ways to escape",
    "ports and upper case",
    "odd paths",
    "form body",
    "marks in secrets",
    "two-legged",
    "HMAC-SHA256",
    "everything",
];
const EVERYTHING: usize = KINDS.len() - 1;

/// A request and who signs it.
pub(super) struct Ask {
    pub(super) kind: usize,
    pub(super) method: &'static str,
    pub(super) origin: &'static str,
    pub(super) path: &'static str,
    pub(super) query: Option<String>,
    pub(super) body: Option<String>,
    pub(super) signature_method: &'static str,
    pub(super) token: Option<String>,
    consumer_secret: String,
    token_secret: String,
    pub(super) timestamp: String,
    pub(super) nonce: String,
}

pub(super) const CONSUMER_KEY: &str = "a key/with=marks";

impl Ask {
    /// As the signers read it.
    pub(super) fn json(&self) -> Value {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        json!({
            "method": self.method,
            "url": format!("{}{}{query}", self.origin, self.path),
            "body": self.body,
            "consumer_key": CONSUMER_KEY,
            "consumer_secret": self.consumer_secret,
            "token": self.token,
            "token_secret": self.token.is_some().then_some(&self.token_secret),
            "signature_method": self.signature_method,
            "timestamp": self.timestamp,
            "nonce": self.nonce,
        })
    }

    /// The parameters of the header, without the signature.
    pub(super) fn own(&self) -> Vec<(&'static str, &str)> {
        let mut own = vec![
            ("oauth_consumer_key", CONSUMER_KEY),
            ("oauth_nonce", &self.nonce),
            ("oauth_signature_method", self.signature_method),
            ("oauth_timestamp", &self.timestamp),
            ("oauth_version", "1.0"),
        ];
        own.extend(self.token.as_ref().map(|token| ("oauth_token", &token[..])));
        own
    }
}

/// So many requests, evenly of all kinds.
pub(super) fn draw(seed: u64, many: u64) -> Vec<Ask> {
    let mut dice = Dice(seed.wrapping_mul(0x0a_0a_51_67));
    (0..many).map(|number| ask(&mut dice, number as usize % KINDS.len())).collect()
}

fn ask(dice: &mut Dice, kind: usize) -> Ask {
    // In a request of everything, each rule is needed every second time.
    let mut wants = |name: &str| KINDS[kind] == name || (kind == EVERYTHING && dice.below(2) == 0);
    let bodied = wants("form body");
    let style = Style {
        marks: wants("reserved marks"),
        wide: wants("UTF-8"),
        spaces: wants("plus and space"),
        repeated: wants("repeated names"),
        sorted: wants("sorted once encoded"),
        empty: wants("empty names and values"),
        escapes: wants("other ways to escape"),
    };
    let (odd_origin, odd_path) = (wants("ports and upper case"), wants("odd paths"));
    let (two_legged, sha256, marked) = (wants("two-legged"), wants("HMAC-SHA256"), wants("marks in secrets"));
    let secret = |dice: &mut Dice| if marked { dice.word(&[PLAIN, MARKS, WIDE], 20) } else { dice.word(&[PLAIN], 20) };
    Ask {
        kind,
        method: if bodied {
            dice.one(&["POST", "PUT", "PATCH"])
        } else {
            dice.one(&["GET", "GET", "POST", "PUT", "DELETE"])
        },
        origin: dice.one(if odd_origin { ODD_ORIGINS } else { &["https://api.example.test"] }),
        path: dice.one(if odd_path { ODD_PATHS } else { &["/api/v1/locations"] }),
        query: (dice.below(8) > 0).then(|| style.form(dice)),
        body: bodied.then(|| style.form(dice)),
        signature_method: if sha256 { "HMAC-SHA256" } else { "HMAC-SHA1" },
        token: (!two_legged).then(|| format!("t{}", dice.below(1_000_000))),
        consumer_secret: secret(dice),
        token_secret: secret(dice),
        timestamp: (1_600_000_000 + dice.below(400_000_000)).to_string(),
        nonce: format!("n{}", dice.next()),
    }
}

const PLAIN: &str = "abcXYZ0189-._~";
const MARKS: &str = "!*'()&=+%/?#@:;[]\"\\|$,^`{}<> ";
const WIDE: &str = "\u{e9}\u{fc}\u{2603}\u{6f22}\u{1f980}\u{7f}\u{80}";
/// Marks that may stand raw in a query and mean themselves.
const RAW: &str = "!*'()$,:@/?;[]|";

const ODD_ORIGINS: &[&str] = &[
    "https://api.example.test:443",
    "http://api.example.test:80",
    "https://api.example.test:80",
    "http://api.example.test:443",
    "http://127.0.0.1:8080",
    "HTTPS://API.Example.Test",
    "Http://LOCALHOST:9000",
    "http://[::1]:8080",
];
const ODD_PATHS: &[&str] = &[
    "",
    "/",
    "/a%20b/%C3%BC",
    "/a%2fb",
    "/a//b/../c/",
    "/r;x=1/s;y",
    "/r;",
    "/~u/-._!$&()*+,=:@",
    "/it's",
    "/%7Eu/%41",
];

/// How a query or form text is written.
struct Style {
    marks: bool,
    wide: bool,
    spaces: bool,
    repeated: bool,
    sorted: bool,
    empty: bool,
    escapes: bool,
}

impl Style {
    fn form(&self, dice: &mut Dice) -> String {
        let mut pairs: Vec<String> = (0..1 + dice.below(5)).map(|_| self.pair(dice)).collect();
        if self.empty && dice.below(3) == 0 {
            pairs.insert(dice.below(pairs.len() as u64) as usize, String::new());
        }
        pairs.join("&")
    }

    fn pair(&self, dice: &mut Dice) -> String {
        let mut letters = vec![PLAIN];
        letters.extend(
            [(self.marks || self.escapes, MARKS), (self.wide, WIDE), (self.spaces, " +")]
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, set)| *set),
        );
        let name = match () {
            () if self.repeated && dice.below(2) == 0 => dice.one(&["a", "b"]).to_owned(),
            // Unencoded, `@` `[` and what is not ASCII stand behind letters and digits; encoded, before.
            () if self.sorted && dice.below(3) > 0 => {
                dice.one(&["c@", "c2", "cZ", "a[]", "a", "aa", "a-b", "a.b", "a b", "\u{e9}", "z", "~"]).to_owned()
            }
            () => format!("{}{}", dice.one(&["n", "p", "q"]), dice.word(&letters, 3)),
        };
        let value = dice.word(&letters, 6);
        let (name, value) = (self.written(&name, dice), self.written(&value, dice));
        match if self.empty { dice.below(5) } else { 9 } {
            0 => name,
            1 => format!("{name}="),
            2 => format!("={value}"),
            _ => format!("{name}={value}"),
        }
    }

    /// A text, escaped in one of the ways that mean it.
    fn written(&self, text: &str, dice: &mut Dice) -> String {
        let mut out = String::new();
        for byte in text.bytes() {
            let letter = char::from(byte);
            let plain = byte.is_ascii_alphanumeric() || "-._~".contains(letter);
            let way = if self.escapes { dice.below(4) } else { 0 };
            match way {
                _ if letter == ' ' && self.spaces && dice.below(2) == 0 => out.push('+'),
                1 if plain => out.push_str(&format!("%{byte:02X}")),
                1 | 2 if RAW.contains(letter) => out.push(letter),
                3 if !plain => out.push_str(&format!("%{byte:02x}")),
                _ if plain => out.push(letter),
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
        out
    }
}

/// SplitMix64 (Steele et al. 2014): the same draw on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len() as u64) as usize]
    }

    /// Up to so many letters, each from one of the sets.
    fn word(&mut self, sets: &[&'static str], most: u64) -> String {
        let many = self.below(most + 1);
        let letter = |dice: &mut Self| {
            let set = dice.one(sets);
            let at = dice.below(set.chars().count() as u64) as usize;
            set.chars().nth(at)
        };
        (0..many).filter_map(|_| letter(self)).collect()
    }
}
