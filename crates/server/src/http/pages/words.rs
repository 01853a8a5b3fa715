//! Text for pages: names that cannot deceive, times and lengths as people say them, and the host that a URI leads to.
//! HTML escaping is the templates' own; no record of the store is known here.

use causeway_protocol::UnixTime;
use causeway_protocol::profile::OAuth1Rules;
use causeway_protocol::registration::lookalike::{MAX_MARKS, is_combining, is_ignorable, skeleton};
use causeway_protocol::time::Seconds;
use url::Url;

/// The longest name that a page shows, in characters.
const NAME: usize = 80;
/// The longest text that a developer is shown of what was received, in characters.
const RECEIVED: usize = 200;
/// The longest address that a page shows, in characters.
const ADDRESS: usize = 1_100;
/// The longest paragraph that a page shows, in characters.
const PARAGRAPH: usize = 400;

/// A name as somebody registered it, made harmless (SECURITY AR-12): nothing invisible, nothing that turns the
/// direction of text, no mark that looks like a seal of approval, and not long enough to push anything out of view.
pub fn name(text: &str) -> String {
    let shown = clean(text, NAME);
    if shown.is_empty() { "No name".to_owned() } else { shown }
}

/// The same for a paragraph, which may be empty.
pub fn paragraph(text: &str) -> String {
    clean(text, PARAGRAPH)
}

/// The letter on an app's mark.
pub fn initial(text: &str) -> String {
    clean(text, NAME)
        .chars()
        .find(|c| c.is_alphanumeric())
        .map_or_else(|| "?".to_owned(), |c| c.to_uppercase().collect())
}

fn clean(text: &str, longest: usize) -> String {
    let mut out = String::new();
    let (mut length, mut marks) = (0, 0);
    for c in text.chars().map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c }).filter(|c| !deceives(*c)) {
        marks = if is_combining(c) { marks + 1 } else { 0 };
        if marks > MAX_MARKS || (c == ' ' && (out.is_empty() || out.ends_with(' '))) {
            continue;
        }
        if length == longest {
            return format!("{}…", out.trim_end());
        }
        out.push(c);
        length += 1;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Invisible, direction-turning and ignorable characters, and marks that would pass for ours.
fn deceives(c: char) -> bool {
    is_ignorable(c)
        || matches!(
            c,
            '\u{2611}'
                | '\u{2705}'
                | '\u{2713}'
                | '\u{2714}'
                | '\u{221a}'
                | '\u{1f5f8}'
                | '\u{1f5f9}'
                | '\u{1f6e1}'
                | '\u{1f510}'
                | '\u{1f512}'
        )
}

/// Whether a registered name claims what only the platform can say: its own name, or that somebody checked it.
pub fn poses(text: &str, platform: &str) -> bool {
    let text = skeleton(text);
    [platform, "verified", "official"].map(skeleton).iter().any(|claim| !claim.is_empty() && text.contains(claim))
}

/// "A, B and C".
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// An address in parts that a line may break between: after `@` and `.`, and nowhere else.
pub fn breakable(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['@', '.'])
}

/// What somebody sent, for a developer to compare: everything but visible ASCII escaped, cut after 200 characters.
pub fn received(text: &str) -> String {
    escaped(text, RECEIVED)
}

/// An address that is registered, whole and inert.
pub fn address(text: &str) -> String {
    escaped(text, ADDRESS)
}

fn escaped(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let before = shown.len();
        if c.is_ascii_graphic() && c != '\\' {
            shown.push(c)
        } else {
            shown.extend(c.escape_unicode())
        }
        if shown.len() > longest {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

/// "1 site", "2 sites", from a word in plural.
pub fn count(number: usize, plural: &str) -> String {
    let word = if number == 1 { plural.strip_suffix('s').unwrap_or(plural) } else { plural };
    format!("{number} {word}")
}

/// The first letter in capitals: a sentence of the profile that stands alone.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// A length of time: "1 year", "10 years", else as [`Seconds`] prints.
pub fn length(time: Seconds) -> String {
    const YEAR: i64 = 365 * Seconds::DAY.0;
    if time.0 >= YEAR && time.0 % YEAR == 0 { count((time.0 / YEAR) as usize, "years") } else { time.to_string() }
}

/// A moment: how long ago, and exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// "3 minutes ago"
    pub ago: String,
    /// "21 November 2026, 20:06 UTC"
    pub exact: String,
    /// RFC 3339, for machines.
    pub machine: String,
}

/// A moment as seen from `now`.
pub fn when(at: UnixTime, now: UnixTime) -> When {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let ((year, month, day), rest) = (at.date(), at.0.rem_euclid(Seconds::DAY.0));
    let (hour, minute) = (rest / 3_600, rest / 60 % 60);
    When {
        ago: ago(now.since(at)),
        exact: format!("{day} {} {year}, {hour:02}:{minute:02} UTC", MONTHS[month as usize - 1]),
        machine: at.rfc3339(),
    }
}

/// "1 July 2026, 00:00 UTC"
pub fn exact(at: UnixTime) -> String {
    when(at, at).exact
}

/// What a customer with OAuth 1.0 keys should know now; `None` where nothing ends.
pub fn legacy(rules: &OAuth1Rules, now: UnixTime) -> Option<String> {
    let what = "Some of your integrations still use OAuth 1.0.";
    match (rules.ends_at, rules.deprecated_at) {
        (Some(end), _) if now >= end => {
            let but = "their calls are refused, unless you were given more time.";
            Some(format!("{what} It ended on {}: {but}", exact(end)))
        }
        (Some(end), _) => Some(format!("{what} It ends on {}. Until then they have to move to OAuth 2.0.", exact(end))),
        (None, Some(_)) => Some(format!("{what} It is deprecated: they should move to OAuth 2.0.")),
        (None, None) => None,
    }
}

fn ago(passed: Seconds) -> String {
    let (number, unit) = match passed.0 {
        0..60 => return "just now".to_owned(),
        n @ 60..3_600 => (n / 60, "minutes"),
        n @ 3_600..86_400 => (n / 3_600, "hours"),
        n @ 86_400..5_184_000 => (n / 86_400, "days"),
        n @ 5_184_000..63_072_000 => (n / 2_592_000, "months"),
        n => (n / 31_536_000, "years"),
    };
    format!("{} ago", count(number as usize, unit))
}

/// Where a redirect URI leads, as a person would check it: the host in its ASCII form, so that no letter poses as
/// another.
pub fn returns_to(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            let host = url.host_str().unwrap_or_default();
            let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            if matches!(url.host_str(), Some("127.0.0.1" | "[::1]")) {
                format!("an app on this computer ({host})")
            } else {
                host
            }
        }
        Ok(url) => format!("an app on this device ({})", url.scheme()),
        Err(_) => "the app".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ar_12_names_lose_what_deceives() {
        assert_eq!(name("Acme\u{202e}gnikooB\u{200b} \u{2714}\u{fe0f} Verified\r\n\0"), "AcmegnikooB Verified");
        assert_eq!(name("\u{202e}\u{200b}"), "No name");
        assert_eq!(name(&"x".repeat(500)).chars().count(), NAME + 1);
        assert_eq!(name("e\u{301}\u{301}\u{301}\u{301}"), "e\u{301}\u{301}");
        assert!(poses("Triple seat  Support", "Tripleseat") && poses("OFFICIAL app", "Tripleseat"));
        assert!(!poses("Acme Booking", "Tripleseat"));
    }

    #[test]
    fn what_was_received_is_shown_escaped_and_short() {
        assert_eq!(received("https://a.example/cb?x=<b>"), "https://a.example/cb?x=<b>", "the template escapes this");
        assert_eq!(received("a b\u{202e}\\\r\n"), "a\\u{20}b\\u{202e}\\u{5c}\\u{d}\\u{a}");
        assert_eq!(received(&"x".repeat(200)).chars().count(), 200);
        assert_eq!(received(&"x".repeat(9_000)).chars().count(), 201);
        assert!(received(&"\u{200b}".repeat(9_000)).chars().count() <= 201);
    }

    #[test]
    fn addresses_break_after_their_marks_only() {
        assert_eq!(breakable("ada.l@harbour.example").collect::<Vec<_>>(), ["ada.", "l@", "harbour.", "example"]);
    }

    #[test]
    fn times_read_as_people_say_them() {
        let at = UnixTime(1_795_291_560);
        let seen = when(at, at + Seconds(200));
        assert_eq!((seen.ago.as_str(), seen.exact.as_str()), ("3 minutes ago", "21 November 2026, 20:06 UTC"));
        assert_eq!(seen.machine, "2026-11-21T20:06:00Z");
        assert_eq!(when(UnixTime(951_782_400), UnixTime(0)).exact, "29 February 2000, 00:00 UTC");
        assert_eq!(when(UnixTime(-1), UnixTime(0)).exact, "31 December 1969, 23:59 UTC");
        assert_eq!(
            (length(Seconds(3_650 * 86_400)), length(Seconds(90 * 86_400))),
            ("10 years".into(), "90 days".into())
        );
    }

    #[test]
    fn the_host_is_the_one_that_is_gone_to() {
        assert_eq!(returns_to("https://app.example:8443/cb?x=https://other.example"), "app.example:8443");
        assert_eq!(returns_to("https://bank.example@evil.example/cb"), "evil.example");
        assert!(returns_to("https://\u{430}cme.example/cb").starts_with("xn--"), "a Cyrillic letter shows");
        assert_eq!(returns_to("http://127.0.0.1:4711"), "an app on this computer (127.0.0.1:4711)");
        assert_eq!(returns_to("com.example.app:/cb"), "an app on this device (com.example.app)");
    }
}
