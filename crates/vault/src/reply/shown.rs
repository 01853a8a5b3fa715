//! Answers for people: what came, with secrets masked and the customer's data left out.

use serde_json::{Map, Value};

use super::{Answer, decode, is_success};
use crate::platform::Platform;
use crate::show;

/// So many characters of an error's body are shown.
const EXCERPT: usize = 400;

/// An answer of the token endpoint for people: names, values, secrets masked. Values of unknown fields are left out.
pub fn shown_tokens(platform: &Platform, answer: &Answer) -> String {
    let prefixes = &platform.profile.token.prefixes;
    let mut lines = vec![answer.status.to_string()];
    let Ok(all) = decode::fields(answer) else {
        if !answer.body.is_empty() {
            lines.push(format!("{} bytes that hold no tokens", answer.body.len()));
        }
        return lines.join("\n");
    };
    let fields = decode::token_fields(&all, &platform.profile.partner);
    let named = |name: &str| fields.get(name).map(|value| (name.to_owned(), plain(value)));
    for (name, prefix) in [("access_token", &prefixes.access), ("refresh_token", &prefixes.refresh)] {
        lines.extend(named(name).map(|(name, value)| format!("{name} = {}", show::hidden(&value, prefix))));
    }
    for name in ["token_type", "expires_in", "expires_at", "scope", "created_at"] {
        lines.extend(named(name).map(|(name, value)| format!("{name} = {}", show::excerpt(&value, 300))));
    }
    if let Some(said) = decode::refusal(&all, fields) {
        let both = [("error", said.code), ("error_description", said.words)];
        let lines_of = both.into_iter().filter(|(_, text)| !text.is_empty());
        lines.extend(lines_of.map(|(name, text)| format!("{name} = {}", show::excerpt(&text, 300))));
    }
    lines.join("\n")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An answer of the API for people: an error as it is, data in outline.
pub fn shown_call(answer: &Answer) -> String {
    let mut lines = vec![answer.status.to_string()];
    lines.extend(answer.challenge.as_ref().map(|text| format!("WWW-Authenticate: {}", show::excerpt(text, 300))));
    lines.extend(answer.retry_after.map(|wait| format!("Retry-After: {}", wait.0)));
    if is_success(answer.status) {
        // The customer's data stay out of the timeline: their outline is enough to understand the call.
        lines.push(format!("{} bytes", answer.body.len()));
        lines.extend(serde_json::from_slice(&answer.body).ok().map(|value| outline(&value)));
    } else if !answer.body.is_empty() {
        let beginning = &answer.body[..answer.body.len().min(4 * EXCERPT)];
        lines.push(show::excerpt(&String::from_utf8_lossy(beginning), EXCERPT));
    }
    lines.join("\n")
}

/// The shape of an answer without its values: names, and how many of what.
fn outline(value: &Value) -> String {
    let names = |fields: &Map<String, Value>| {
        let names: Vec<String> = fields.keys().take(20).map(|name| show::excerpt(name, 40)).collect();
        format!("{{ {}{} }}", names.join(", "), if fields.len() > 20 { ", …" } else { "" })
    };
    let of = |value: &Value| match value {
        Value::Array(items) => match items.first() {
            Some(Value::Object(first)) => format!("{} × {}", items.len(), names(first)),
            _ => format!("{} items", items.len()),
        },
        Value::Object(fields) => names(fields),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "text".to_owned(),
        other => other.to_string(),
    };
    match value {
        Value::Object(fields) => {
            let line = |(name, value): (&String, &Value)| format!("{} = {}", show::excerpt(name, 40), of(value));
            fields.iter().take(20).map(line).collect::<Vec<_>>().join("\n")
        }
        other => of(other),
    }
}
