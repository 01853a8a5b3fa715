//! Wall time as the protocol sees it: whole seconds. It is only for expiry; "before" and "after" are the feed's positions.
//! No clock is read here: the caller passes the time in.

use std::fmt;
use std::ops::{Add, Sub};

/// Seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// From milliseconds since the epoch, rounded down.
    pub fn from_millis(millis: u64) -> Self {
        Self((millis / 1000) as i64)
    }

    /// Year, month and day in UTC (Howard Hinnant's `civil_from_days`).
    pub fn date(self) -> (i64, i64, i64) {
        let shifted = self.0.div_euclid(86_400) + 719_468;
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year + era * 400 + i64::from(month <= 2), month, day)
    }

    /// RFC 3339 in UTC, to the second: "2026-07-01T00:00:00Z".
    pub fn rfc3339(self) -> String {
        let ((year, month, day), second) = (self.date(), self.0.rem_euclid(86_400));
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// How long from `earlier` to `self`; zero when `earlier` lies ahead.
    pub fn since(self, earlier: UnixTime) -> Seconds {
        Seconds(self.0.saturating_sub(earlier.0).max(0))
    }
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub i64);

impl Seconds {
    /// One day.
    pub const DAY: Seconds = Seconds(86_400);
}

impl Add<Seconds> for UnixTime {
    type Output = UnixTime;
    fn add(self, length: Seconds) -> UnixTime {
        UnixTime(self.0.saturating_add(length.0))
    }
}

impl Sub<Seconds> for UnixTime {
    type Output = UnixTime;
    fn sub(self, length: Seconds) -> UnixTime {
        UnixTime(self.0.saturating_sub(length.0))
    }
}

impl fmt::Display for Seconds {
    /// In the words a person would use: "2 hours", "365 days".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            n if n >= 86_400 && n % 86_400 == 0 => (n / 86_400, "day"),
            n if n >= 3_600 && n % 3_600 == 0 => (n / 3_600, "hour"),
            n if n >= 60 && n % 60 == 0 => (n / 60, "minute"),
            n => (n, "second"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_rfc_3339() {
        assert_eq!(UnixTime(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(UnixTime(951_782_400).rfc3339(), "2000-02-29T00:00:00Z");
        assert_eq!(UnixTime(1_782_863_999).rfc3339(), "2026-06-30T23:59:59Z");
        assert_eq!(UnixTime(-1).rfc3339(), "1969-12-31T23:59:59Z");
    }
}
