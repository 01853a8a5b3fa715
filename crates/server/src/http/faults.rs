//! Faults on purpose, for partners' tests: the token endpoint of a loopback instance misbehaves, with a chance that a
//! seed makes repeatable. Nothing here is reachable without `--fault`.

use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use causeway_protocol::Reason;
use causeway_protocol::params::Params;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use tower::Service;

use super::{body, reply};
use crate::shared::Edge;

/// The largest reply that is looked into.
const MAX_REPLY: usize = 64 * 1024;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Does everything, then closes the connection without a byte.
    LoseReply,
    /// Answers 200 with an error body, and does nothing.
    ErrorIn200,
    /// Leaves `expires_in` out.
    NoExpiry,
    /// Waits before the reply.
    Slow(Duration),
    /// Answers 500, and does nothing.
    Fail,
    /// Uses the new refresh token once more itself: the client's pair is superseded when it arrives.
    RotateTwice,
}

impl Kind {
    /// Its name in `--fault`.
    fn word(self) -> &'static str {
        match self {
            Kind::LoseReply => "lose-reply",
            Kind::ErrorIn200 => "error-in-200",
            Kind::NoExpiry => "no-expiry",
            Kind::Slow(_) => "slow",
            Kind::Fail => "500",
            Kind::RotateTwice => "rotate-twice",
        }
    }
}

/// One fault and how often it strikes, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// How often.
    pub chance: f64,
}

/// Everything that `--fault` asked for.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    dice: Mutex<u64>,
}

/// The reply is lost on purpose: the connection closes without a byte.
#[derive(Clone, Copy, Debug)]
pub struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the reply was lost on purpose")
    }
}

impl std::error::Error for Gone {}

/// What `--fault` says: the token endpoint's faults, and how far the clock runs ahead, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// On the token endpoint.
    pub faults: Vec<Fault>,
    /// `skew`: negative runs behind.
    pub skew: i64,
}

impl Plan {
    /// Reads `NAME[:VALUE][=PROBABILITY],…`; every problem at once.
    ///
    /// # Errors
    /// One line per problem.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut plan, mut problems) = (Self::default(), Vec::new());
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match one(item) {
                Ok(Item::Fault(fault)) => plan.faults.push(fault),
                Ok(Item::Skew(seconds)) => plan.skew = seconds,
                Err(why) => problems.push(format!("fault \"{item}\": {why}")),
            }
        }
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }
}

enum Item {
    Fault(Fault),
    Skew(i64),
}

fn one(item: &str) -> Result<Item, String> {
    let (named, chance) = item.split_once('=').map_or((item, None), |(named, chance)| (named, Some(chance)));
    let (name, value) = named.split_once(':').map_or((named, None), |(name, value)| (name, Some(value)));
    let wrong = "the part after = is a chance from 0 to 1";
    let parsed = chance.map(|chance| chance.parse::<f64>().map_err(|_| wrong.to_owned())).transpose()?;
    if parsed.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
        return Err(wrong.to_owned());
    }
    let length = || value.ok_or_else(|| format!("wants a length, as in {name}:2s")).and_then(millis);
    let kind = match name {
        "skew" if chance.is_some() => return Err("skew has no chance: a clock is wrong always".to_owned()),
        "skew" => return Ok(Item::Skew(length()? / 1000)),
        "slow" => Kind::Slow(Duration::from_millis(length()?.try_into().map_err(|_| "nobody can wait that long")?)),
        _ if value.is_some() => return Err(format!("{name} takes no value")),
        "lose-reply" => Kind::LoseReply,
        "error-in-200" => Kind::ErrorIn200,
        "no-expiry" => Kind::NoExpiry,
        "500" => Kind::Fail,
        "rotate-twice" => Kind::RotateTwice,
        _ => {
            return Err(
                "unknown; there are lose-reply, error-in-200, no-expiry, skew:90s, slow:2s, 500 and rotate-twice"
                    .to_owned(),
            );
        }
    };
    Ok(Item::Fault(Fault { kind, chance: parsed.unwrap_or(1.0) }))
}

/// `250ms`, `90s`, `-90s`, `2m`, `1h`; at most a day.
fn millis(text: &str) -> Result<i64, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("\"{text}\" is not a length such as 250ms, 90s or 2m")),
    };
    let number: i64 = number.parse().map_err(|_| format!("\"{text}\" is not a length such as 250ms, 90s or 2m"))?;
    let length = number.saturating_mul(unit);
    if length.abs() > 86_400_000 { Err("at most a day".to_owned()) } else { Ok(length) }
}

impl Faults {
    /// These faults; `seed` makes their chances repeatable.
    pub fn new(list: Vec<Fault>, seed: u64) -> Self {
        Self { list, dice: Mutex::new(seed) }
    }

    /// Nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// SplitMix64: good enough for chances, and the same everywhere.
    fn roll(&self) -> f64 {
        let mut state = self.dice.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }

    /// One request of the token endpoint, with what strikes this time.
    pub async fn around(&self, edge: &Edge, mut table: Router, request: Request<Body>) -> Result<Response, Gone> {
        let struck: Vec<Kind> = self.list.iter().filter(|fault| self.roll() < fault.chance).map(|f| f.kind).collect();
        let has = |kind: Kind| struck.contains(&kind);
        let pause = struck.iter().find_map(|kind| if let Kind::Slow(pause) = kind { Some(*pause) } else { None });
        let mut response = if has(Kind::Fail) {
            reply::refused(&Reason::Internal.refuse())
        } else if has(Kind::ErrorIn200) {
            error_in_200()
        } else if has(Kind::RotateTwice) {
            rotate_twice(edge, &mut table, request).await
        } else {
            call(&mut table, request).await
        };
        if has(Kind::NoExpiry) {
            response = without_expiry(response).await;
        }
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        for kind in &struck {
            tracing::info!(target: "fault", fault = kind.word(), status = response.status().as_u16());
        }
        if has(Kind::LoseReply) { Err(Gone) } else { Ok(response) }
    }
}

async fn call(table: &mut Router, request: Request<Body>) -> Response {
    match table.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn error_in_200() -> Response {
    let refusal = Reason::Internal.refuse();
    let text = serde_json::json!({"error": refusal.reason.wire().word(), "error_description": refusal.description()});
    reply::json(text.to_string())
}

/// A reply whose body was read: the object in it, if it is one.
async fn read(response: Response) -> (http::response::Parts, Bytes, Option<Map<String, Value>>) {
    let (parts, body) = response.into_parts();
    let whole = http_body_util::Limited::new(body, MAX_REPLY).collect().await;
    let bytes = whole.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let object = serde_json::from_slice(&bytes).ok();
    (parts, bytes, object)
}

async fn without_expiry(response: Response) -> Response {
    let (mut parts, bytes, object) = read(response).await;
    let Some(mut object) = object else { return Response::from_parts(parts, Body::from(bytes)) };
    object.remove("expires_in");
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(object).to_string()))
}

async fn rotate_twice(edge: &Edge, table: &mut Router, request: Request<Body>) -> Response {
    let (parts, whole) = request.into_parts();
    let bytes = match body::collect(&parts.headers, whole, body::MAX_BODY).await {
        Ok(bytes) => bytes,
        Err(refusal) => return reply::refused(&refusal),
    };
    let (headers, uri) = (parts.headers.clone(), edge.node.profile.endpoints.token.clone());
    let first = call(table, Request::from_parts(parts, Body::from(bytes.clone()))).await;
    let (parts, text, object) = read(first).await;
    let token = object.as_ref().and_then(|object| object.get("refresh_token")?.as_str());
    if let Some(again) = token.and_then(|token| refresh(&headers, &bytes, &uri, token)) {
        drop(call(table, again).await);
    }
    Response::from_parts(parts, Body::from(text))
}

/// The same client's next refresh. Only clients that speak forms are imitated.
fn refresh(headers: &HeaderMap, bytes: &[u8], uri: &str, token: &str) -> Option<Request<Body>> {
    let sent = Params::form(bytes).ok()?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token);
    for name in ["client_id", "client_secret"] {
        if let Ok(Some(value)) = sent.get(name) {
            form.append_pair(name, value);
        }
    }
    let mut request = Request::post(uri).body(Body::from(form.finish())).ok()?;
    *request.headers_mut() = headers.clone();
    request.headers_mut().remove(CONTENT_LENGTH);
    request.headers_mut().remove(super::headers::IDEMPOTENCY_KEY);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_reads_what_the_manual_shows() {
        let plan = Plan::parse("lose-reply=0.25, slow:2s,skew:90s,500").unwrap();
        assert_eq!(plan.skew, 90);
        let slow = Kind::Slow(Duration::from_secs(2));
        let wanted = [(Kind::LoseReply, 0.25), (slow, 1.0), (Kind::Fail, 1.0)];
        assert_eq!(plan.faults, wanted.map(|(kind, chance)| Fault { kind, chance }));
        assert_eq!(Plan::parse("skew:-90s").unwrap().skew, -90);
    }

    #[test]
    fn every_wrong_fault_is_named() {
        let wrong = "explode,slow,slow:soon,lose-reply=2,500:x,skew:90s=0.5,no-expiry=x,skew:48h";
        let problems = Plan::parse(wrong).unwrap_err();
        assert_eq!(problems.len(), 8, "{problems:#?}");
    }

    #[test]
    fn the_seed_makes_chances_repeatable() {
        let rolls = |seed| -> Vec<f64> {
            let faults = Faults::new(Vec::new(), seed);
            (0..1000).map(|_| faults.roll()).collect()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
        let hits = rolls(1).into_iter().filter(|roll| *roll < 0.25).count();
        assert!((200..300).contains(&hits), "{hits}");
    }
}
