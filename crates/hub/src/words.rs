//! Times as people say them. Exact ones are UTC: the server does not know where the reader is.

use causeway_protocol::UnixTime;
use causeway_protocol::time::Seconds;

/// "43 min", "1 h 54 min", "12 days".
pub(crate) fn length(length: Seconds) -> String {
    let seconds = length.0.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, seconds / 60);
    match (days, hours, minutes) {
        (2.., ..) => format!("{days} days"),
        (_, 1.., _) if minutes % 60 == 0 => format!("{hours} h"),
        (_, 1.., _) => format!("{hours} h {} min", minutes % 60),
        (_, _, 1..) => format!("{minutes} min"),
        _ => "less than a minute".to_owned(),
    }
}

/// "in 43 min", "now".
pub(crate) fn ahead(now: UnixTime, at: UnixTime) -> String {
    if at <= now { "now".to_owned() } else { format!("in {}", length(at.since(now))) }
}

/// "3 min ago", "just now".
pub(crate) fn ago(now: UnixTime, at: UnixTime) -> String {
    if now.since(at).0 < 60 { "just now".to_owned() } else { format!("{} ago", length(now.since(at))) }
}

/// "14:02".
pub(crate) fn clock(at: UnixTime) -> String {
    let seconds = at.0.rem_euclid(86_400);
    format!("{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)
}

/// "2026-11-21 14:02:31 UTC".
pub(crate) fn exact(at: UnixTime) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02} {}:{:02} UTC", clock(at), at.0.rem_euclid(60))
}

/// "14:02 UTC" today, with the date on other days.
pub(crate) fn moment(now: UnixTime, at: UnixTime) -> String {
    if now.0.div_euclid(86_400) == at.0.div_euclid(86_400) {
        return format!("{} UTC", clock(at));
    }
    let (year, month, day) = at.date();
    format!("{} UTC on {year:04}-{month:02}-{day:02}", clock(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        for (seconds, text) in [
            (5, "less than a minute"),
            (60, "1 min"),
            (2_580, "43 min"),
            (3_600, "1 h"),
            (6_840, "1 h 54 min"),
            (90_000, "25 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(length(Seconds(seconds)), text);
        }
        let at = UnixTime(1_795_269_751);
        assert_eq!(exact(at), "2026-11-21 14:02:31 UTC");
        assert_eq!(moment(at, at), "14:02 UTC");
        assert_eq!(moment(at + Seconds::DAY, at), "14:02 UTC on 2026-11-21");
        assert_eq!(exact(UnixTime(951_782_400)), "2000-02-29 00:00:00 UTC");
        assert_eq!((ahead(at, at), ago(at, at)), ("now".to_owned(), "just now".to_owned()));
    }
}
