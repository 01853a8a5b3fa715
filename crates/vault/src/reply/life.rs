//! How long tokens live. The ladder, best first: the reply says it, the token itself says it, the profile says it,
//! nobody does. An end that cannot be read is no end: the next rung counts, as a pair is worth more than its label.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::UnixTime;
use causeway_protocol::profile::PartnerRules;
use causeway_protocol::time::Seconds;
use serde_json::{Map, Value};

use super::LifeFrom;

/// A longer life is cut to this.
const LONGEST: Seconds = Seconds(3_650 * Seconds::DAY.0);
/// A larger number of seconds since the epoch lies beyond the year 5000: it counts milliseconds.
const MILLIS: f64 = 100_000_000_000.0;

/// When an access token ends, and who says so.
pub(super) fn of_access(
    fields: &Map<String, Value>,
    token: &str,
    partner: &PartnerRules,
    now: UnixTime,
) -> (Option<UnixTime>, LifeFrom) {
    let said = end(fields, &["expires_in"], &["expires_at"], now);
    let rungs = [
        (said, LifeFrom::Reply),
        (of_jwt(token, now), LifeFrom::Token),
        (partner.default_access_life.map(|life| now + life), LifeFrom::Profile),
    ];
    rungs.into_iter().find(|(end, _)| end.is_some()).unwrap_or((None, LifeFrom::Nobody))
}

/// When a refresh token ends, if the reply says so.
pub(super) fn of_refresh(fields: &Map<String, Value>, now: UnixTime) -> Option<UnixTime> {
    let lives = ["refresh_token_expires_in", "refresh_expires_in"];
    end(fields, &lives, &["refresh_token_expires_at", "refresh_expires_at"], now)
}

/// A life counts from now, so it is asked for first: an instant is by the platform's clock.
fn end(fields: &Map<String, Value>, lives: &[&str], instants: &[&str], now: UnixTime) -> Option<UnixTime> {
    let life = lives.iter().find_map(|name| number(fields.get(*name)?)).filter(|seconds| *seconds >= 0.0);
    let life = life.map(|seconds| now + Seconds(seconds.min(LONGEST.0 as f64) as i64));
    life.or_else(|| instants.iter().find_map(|name| instant(fields.get(*name)?)))
}

/// A number, or a text that is one: whole or decimal.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// Seconds or milliseconds since the epoch, or a date and time of RFC 3339.
fn instant(value: &Value) -> Option<UnixTime> {
    let Some(number) = number(value) else { return date(value.as_str()?) };
    let seconds = if number >= MILLIS { number / 1000.0 } else { number };
    (1.0..MILLIS).contains(&seconds).then_some(UnixTime(seconds as i64))
}

/// `2026-07-01T12:30:00.5+02:00` (RFC 3339 5.6).
fn date(text: &str) -> Option<UnixTime> {
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19)?);
    let marks = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    if marks.iter().any(|(at, mark)| text.get(*at..at + 1) != Some(*mark)) || !(1..=12).contains(&month) {
        return None;
    }
    let offset = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let east = match offset.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), clock) => {
            let (hours, minutes) = clock.split_once(':')?;
            let east = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
            if sign == "+" { east } else { -east }
        }
        _ => return None,
    };
    // Years counted from March, so that the leap day comes last.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = years * 365 + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    let days = days + (months * 153 + 2) / 5 + day - 719_469;
    Some(UnixTime(days * 86_400 + hour * 3_600 + minute * 60 + second - east))
}

/// `exp` of a JWT (RFC 7519 4.1.4), read without any proof: the platform checks the token, we only plan by it. With
/// `iat` beside it, its life counts from now, so that clocks need not agree.
fn of_jwt(token: &str, now: UnixTime) -> Option<UnixTime> {
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts[..] else { return None };
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
    let claim = |name: &str| claims.get(name).and_then(number);
    let exp = claim("exp").filter(|exp| (1.0..MILLIS).contains(exp))?;
    match claim("iat").map(|iat| exp - iat) {
        Some(life) if (1.0..=LONGEST.0 as f64).contains(&life) => Some(now + Seconds(life as i64)),
        _ => Some(UnixTime(exp as i64)),
    }
}
