//! What a reply says of the end of OAuth 1.0: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and the link beside them.
//! Pure. What to do about it is the reader's.

use causeway_protocol::UnixTime;
use http::HeaderMap;

/// The longest link that is kept.
const MAX_LINK: usize = 500;
const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The end of OAuth 1.0, as a platform announces it. Empty where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// It says that 1.0 is deprecated, or when it ends.
    pub deprecated: bool,
    /// Since when, if that is said.
    pub since: Option<UnixTime>,
    /// From when on it will be refused.
    pub ends_at: Option<UnixTime>,
    /// Where the migration is explained: an https address.
    pub guide: Option<String>,
}

impl Notice {
    /// Reads the headers of a reply. What cannot be read is as if it were not there.
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let deprecation = text("deprecation").filter(|value| !value.is_empty() && *value != "false");
        let ends_at = text("sunset").and_then(http_date);
        if deprecation.is_none() && ends_at.is_none() {
            return Self::default();
        }
        let links = headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
        Self {
            deprecated: true,
            since: deprecation.and_then(date),
            ends_at,
            guide: links.flat_map(|value| value.split(", <")).find_map(guide),
        }
    }
}

/// RFC 9745 2.1: `@` and seconds; drafts before it used the date of HTTP, or `true`.
fn date(text: &str) -> Option<UnixTime> {
    match text.strip_prefix('@') {
        Some(seconds) => seconds.parse().ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds)).map(UnixTime),
        None => http_date(text),
    }
}

/// The year 9999's end, as a date can say it.
const MAX_SECONDS: i64 = 253_402_300_799;

/// RFC 9110 5.6.7, the form that senders must use: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<UnixTime> {
    let (_weekday, rest) = text.split_once(", ")?;
    let parts: Vec<&str> = rest.split([' ', ':']).collect();
    let &[day, month, year, hour, minute, second, "GMT"] = parts.as_slice() else { return None };
    let number = |text: &str, digits: usize, most: i64| -> Option<i64> {
        let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| plain && *number <= most)
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let (year, day) = (number(year, 4, 9999)?, number(day, 2, 31)?);
    let time = number(hour, 2, 23)? * 3600 + number(minute, 2, 59)? * 60 + number(second, 2, 60)?;
    let leap_years = |year: i64| year / 4 - year / 100 + year / 400;
    let this_leap = i64::from(month > 1 && leap_years(year) != leap_years(year - 1));
    let days = (year - 1970) * 365 + leap_years(year - 1) - leap_years(1969) + DAYS_BEFORE[month] + this_leap + day - 1;
    (year >= 1970 && day > 0).then(|| UnixTime(days * 86_400 + time))
}

/// RFC 8288: the address of a link that explains the deprecation or the end.
fn guide(link: &str) -> Option<String> {
    let (address, rest) = link.trim_start_matches('<').split_once('>')?;
    let rel = rest.split(';').find_map(|part| part.trim().strip_prefix("rel="))?.trim_matches('"');
    let explains = rel.split(' ').any(|word| matches!(word, "deprecation" | "sunset"));
    let plain = address.starts_with("https://") && address.len() <= MAX_LINK;
    (explains && plain && address.bytes().all(|byte| byte.is_ascii_graphic())).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn tsm_22_both_headers_and_the_link_are_read() {
        let notice = Notice::read(&headers(&[
            ("deprecation", "@1767225600"),
            ("sunset", "Wed, 01 Jul 2026 00:00:00 GMT"),
            ("link", "<https://a.example/next>; rel=\"next\", <https://a.example/guide>; rel=\"deprecation\""),
        ]));
        let expected = Notice {
            deprecated: true,
            since: Some(UnixTime(1_767_225_600)),
            ends_at: Some(UnixTime(1_782_864_000)),
            guide: Some("https://a.example/guide".to_owned()),
        };
        assert_eq!(notice, expected);
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
        ] {
            assert_eq!(http_date(text), Some(UnixTime(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none_and_nothing_breaks() {
        for text in
            ["", "soon", "Wed, 1 Jul 2026 00:00:00 GMT", "Wed, 01 Jul 2026 25:00:00 GMT", "@-5", "@99999999999999"]
        {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(Notice::read(&headers(&[("sunset", "soon"), ("deprecation", "false")])), Notice::default());
        let drafted = Notice::read(&headers(&[("deprecation", "true"), ("link", "<javascript:x>; rel=deprecation")]));
        assert_eq!(drafted, Notice { deprecated: true, ..Notice::default() });
    }
}
