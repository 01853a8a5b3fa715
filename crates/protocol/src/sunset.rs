//! The end of OAuth 1.0: who may still call with it, and when (TSM-16, TSM-17; PLATFORMS A6, A8). Pure: the dates are the
//! profile's, or what overrides them. How replies warn is told elsewhere.

use crate::profile::OAuth1Rules;
use crate::{Reason, Refusal, UnixTime};

/// How OAuth 1.0 stands at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is served.
    Allowed,
    /// It is refused for a while, to rehearse its end.
    Paused,
    /// It is over.
    Ended,
}

/// When it ends for a customer whose extension reaches until then: an extension never shortens. `None`: no end.
pub fn ends_at(rules: &OAuth1Rules, extended_until: Option<UnixTime>) -> Option<UnixTime> {
    rules.ends_at.map(|end| extended_until.map_or(end, |until| until.max(end)))
}

/// How it stands now for such a customer. An extension is a promise that it works until then, rehearsals included.
pub fn standing(rules: &OAuth1Rules, extended_until: Option<UnixTime>, now: UnixTime) -> Standing {
    if extended_until.is_some_and(|until| now < until) {
        return Standing::Allowed;
    }
    if ends_at(rules, extended_until).is_some_and(|end| now >= end) {
        return Standing::Ended;
    }
    let paused = rules.brown_outs.iter().any(|one| one.from <= now && now < one.from + one.lasts);
    if paused { Standing::Paused } else { Standing::Allowed }
}

impl Standing {
    /// What a call is answered that is not served, with the address of the migration guide.
    pub fn refusal(self, rules: &OAuth1Rules) -> Option<Refusal> {
        let reason = match self {
            Standing::Allowed => return None,
            Standing::Paused => Reason::OAuth1Paused,
            Standing::Ended => Reason::OAuth1Ended,
        };
        Some(rules.guide.as_ref().map_or(reason.refuse(), |guide| reason.about(guide.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::BrownOut;
    use crate::time::Seconds;

    const END: UnixTime = UnixTime(1_000_000);

    fn rules() -> OAuth1Rules {
        let mut profile = crate::profile::shipped("tripleseat").expect("shipped");
        let mut rules = profile.oauth1.take().expect("it has OAuth 1.0");
        rules.ends_at = Some(END);
        rules.brown_outs = vec![BrownOut { from: END - Seconds(500), lasts: Seconds(100) }];
        rules
    }

    #[test]
    fn tsm_17_it_ends_to_the_second_and_an_extension_overrides() {
        let rules = rules();
        let at = |seconds: i64, extended| standing(&rules, extended, UnixTime(END.0 + seconds));
        assert_eq!((at(-1, None), at(0, None)), (Standing::Allowed, Standing::Ended));
        let longer = Some(END + Seconds(50));
        assert_eq!((at(49, longer), at(50, longer)), (Standing::Allowed, Standing::Ended));
        let shorter = Some(END - Seconds(50));
        assert_eq!((at(-1, shorter), at(0, shorter)), (Standing::Allowed, Standing::Ended), "it never shortens");
        assert_eq!(ends_at(&rules, longer), longer);
        assert_eq!(ends_at(&rules, shorter), Some(END));
    }

    #[test]
    fn tsm_17_brown_outs_have_a_first_and_a_last_second() {
        let rules = rules();
        let at = |seconds: i64, extended| standing(&rules, extended, UnixTime(END.0 + seconds));
        let seen = [at(-501, None), at(-500, None), at(-401, None), at(-400, None)];
        assert_eq!(seen, [Standing::Allowed, Standing::Paused, Standing::Paused, Standing::Allowed]);
        assert_eq!(at(-450, Some(END + Seconds(1))), Standing::Allowed, "who was promised longer is not rehearsed");
    }

    #[test]
    fn without_an_end_nothing_ends() {
        let rules = OAuth1Rules { ends_at: None, brown_outs: Vec::new(), ..rules() };
        assert_eq!(standing(&rules, None, UnixTime(i64::MAX)), Standing::Allowed);
        assert_eq!(ends_at(&rules, Some(END)), None);
        assert!(Standing::Allowed.refusal(&rules).is_none());
    }
}
