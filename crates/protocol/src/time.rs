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
