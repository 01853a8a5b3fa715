//! Seals: what they hold comes back, and nothing else opens (TOKENS 3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::family::FamilySecret;
use causeway_protocol::profile;
use causeway_protocol::seal::{KeyRing, SealError, Sealed};
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{AccessToken, Code, RefreshToken, SiteSet};
use causeway_protocol::{AudienceId, ScopeSet, UnixTime};

use crate::draw::Draw;
use crate::sample::{self, NOON, ring, ring_of};

const PREFIX: &str = "ts_at_";

/// Seals `value`, opens it, and seals again: equal both ways.
fn there_and_back<T: Sealed + PartialEq + std::fmt::Debug>(ring: &KeyRing, value: &T) {
    let text = ring.seal(PREFIX, value, NOON);
    assert_eq!(ring.open::<T>(PREFIX, &text, NOON).as_ref(), Ok(value));
    assert_eq!(ring.seal(PREFIX, value, NOON), text, "sealing is deterministic");
}

#[test]
fn c_06_what_was_sealed_comes_back() {
    let (ring, mut draw) = (ring(&[1]), Draw(1));
    for _ in 0..500 {
        there_and_back(&ring, &sample::access(&mut draw));
        there_and_back(&ring, &sample::refresh(&mut draw));
        there_and_back(&ring, &sample::code(&mut draw));
    }
}

#[test]
fn c_06_every_kind_stays_within_255_characters_for_the_largest_grant() {
    let ring = ring(&[9]);
    let (bearer, scopes) = (sample::largest_bearer(), ScopeSet(u128::MAX));
    let access = AccessToken {
        bearer,
        sites: SiteSet::All,
        scopes,
        audience: AudienceId(i64::MAX),
        issued: UnixTime(i64::MAX),
        life: Seconds(i64::MAX),
        noise: [0xff; 4],
    };
    let refresh = RefreshToken { bearer, generation: u32::MAX, scopes, secret: FamilySecret([0xff; 16]) };
    let code = Code {
        bearer,
        scopes,
        redirect: [0xff; 16],
        redirect_sent: true,
        challenge: Some([0xff; 32]),
        expires_at: UnixTime(i64::MAX),
        secret: FamilySecret([0xff; 16]),
    };
    for (key, text) in profile::SHIPPED {
        let prefixes = profile::parse(key, text).unwrap().token.prefixes;
        let texts = [
            ring.seal(&prefixes.access, &access, NOON),
            ring.seal(&prefixes.refresh, &refresh, NOON),
            ring.seal(&prefixes.code, &code, NOON),
        ];
        for text in texts {
            assert!(text.len() <= 255, "{key}: {} characters", text.len());
        }
    }
}

#[test]
fn attack_32_every_bit_flip_and_every_truncation_is_refused() {
    let (ring, mut draw) = (ring(&[1]), Draw(2));
    let texts = [
        ring.seal(PREFIX, &sample::access(&mut draw), NOON),
        ring.seal(PREFIX, &sample::refresh(&mut draw), NOON),
        ring.seal(PREFIX, &sample::code(&mut draw), NOON),
    ];
    let opens = |text: &str| {
        ring.open::<AccessToken>(PREFIX, text, NOON).is_ok()
            || ring.open::<RefreshToken>(PREFIX, text, NOON).is_ok()
            || ring.open::<Code>(PREFIX, text, NOON).is_ok()
    };
    for text in texts {
        assert!(opens(&text));
        for end in 0..text.len() {
            assert!(!opens(&text[..end]), "the first {end} characters open");
            assert!(!opens(&text[text.len() - end..]), "the last {end} characters open");
        }
        let sealed = URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&changed))), "bit {bit}");
            // With the checksum put right only the cryptography stands in the way.
            let end = changed.len() - 4;
            let sum = crc32(&changed[..end]).to_be_bytes();
            changed[end..].copy_from_slice(&sum);
            if changed != sealed {
                assert!(!opens(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&changed))), "bit {bit}, sum put right");
            }
        }
        for padded in [format!("{text}="), format!("{text}A"), format!(" {text}"), format!("{text}\n")] {
            assert!(!opens(&padded));
        }
    }
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

#[test]
fn cg_12_no_kind_opens_as_another_whatever_its_prefix() {
    let (ring, mut draw) = (ring(&[1]), Draw(3));
    for _ in 0..100 {
        let access = ring.seal(PREFIX, &sample::access(&mut draw), NOON);
        let refresh = ring.seal(PREFIX, &sample::refresh(&mut draw), NOON);
        let code = ring.seal(PREFIX, &sample::code(&mut draw), NOON);
        for other in [&refresh, &code] {
            assert!(ring.open::<AccessToken>(PREFIX, other, NOON).is_err());
        }
        for other in [&access, &code] {
            assert!(ring.open::<RefreshToken>(PREFIX, other, NOON).is_err());
        }
        for other in [&access, &refresh] {
            assert!(ring.open::<Code>(PREFIX, other, NOON).is_err());
        }
    }
}

#[test]
fn cg_12_another_platform_or_another_key_opens_nothing() {
    let mut draw = Draw(4);
    let token = sample::access(&mut draw);
    let text = ring(&[1]).seal(PREFIX, &token, NOON);
    let open = |ring: &KeyRing| ring.open::<AccessToken>(PREFIX, &text, NOON);
    assert_eq!(open(&ring_of("otesse", &[1])), Err(SealError::Forged));
    let same_id = KeyRing::parse("tripleseat", &KeyRing::line(1, &[2; 32])).unwrap();
    assert_eq!(open(&same_id), Err(SealError::Forged));
    assert_eq!(open(&ring(&[2])), Err(SealError::UnknownKey(1)));
    assert_eq!(ring(&[1]).open::<AccessToken>("ts_rt_", &text, NOON), Err(SealError::Junk));
}

#[test]
fn r_23_an_old_key_still_opens_and_the_newest_seals() {
    let mut draw = Draw(5);
    let token = sample::refresh(&mut draw);
    let (before, after) = (ring(&[1]), ring(&[2, 1]));
    let old = before.seal(PREFIX, &token, NOON);
    assert_eq!(after.open(PREFIX, &old, NOON).as_ref(), Ok(&token));
    let new = after.seal(PREFIX, &token, NOON);
    assert_ne!(old, new);
    assert_eq!(after.newest(), 2);
    assert_eq!(before.open::<RefreshToken>(PREFIX, &new, NOON), Err(SealError::UnknownKey(2)));
    // A secret kept under the old pepper verifies as well.
    assert!(after.verify("s3cret", &[before.verifier("s3cret")]));
    assert!(!after.verify("s3cret!", &[before.verifier("s3cret")]));
    assert!(!before.verify("s3cret", &[after.verifier("s3cret")]), "its pepper is gone");
    assert!(!after.verify("", &[]));
}

#[test]
fn cg_02_the_code_key_rolls_at_midnight_and_outlives_it_by_a_day() {
    let (ring, mut draw) = (ring(&[1]), Draw(6));
    let midnight = UnixTime(NOON.0 / 86_400 * 86_400 + 86_400);
    let code = sample::code(&mut draw);
    let last = ring.seal(PREFIX, &code, midnight - Seconds(1));
    let first = ring.seal(PREFIX, &code, midnight);
    assert_ne!(last, first, "the key is another");
    let opens = |text: &str, at: UnixTime| ring.open::<Code>(PREFIX, text, at).is_ok();
    assert!(opens(&last, midnight - Seconds(1)));
    assert!(opens(&last, midnight), "sealed a second ago");
    assert!(opens(&last, midnight + Seconds(86_399)));
    assert!(!opens(&last, midnight + Seconds(86_400)), "two days on the key is gone");
    assert!(opens(&first, midnight - Seconds(1)), "a clock a little behind");
    assert!(!opens(&first, midnight - Seconds(86_401)));
    // 256 days later the day's byte is the same again, the key is not.
    assert!(!opens(&last, midnight + Seconds(255 * 86_400)));
    // Other kinds do not roll.
    let token = ring.seal(PREFIX, &sample::access(&mut draw), NOON);
    assert!(ring.open::<AccessToken>(PREFIX, &token, NOON + Seconds(400 * 86_400)).is_ok());
}

#[test]
fn c_13_a_key_file_is_refused_by_line_and_never_shown() {
    let good = KeyRing::line(1, &[1; 32]);
    let twice = format!("# newest first\n{good}\n\n{good}\n");
    let cases = [
        ("", "holds no key"),
        ("# nothing\n\n", "holds no key"),
        ("nonsense", "line 1: wants an id"),
        ("70000 AAAA", "line 1: the id is not a number"),
        ("1 c2hvcnQ=", "line 1: the key is not 32 bytes"),
        ("1 §§§", "line 1: the key is not base64"),
        (&twice, "line 4: key id 1 stands twice"),
    ];
    for (text, says) in cases {
        let problems = KeyRing::parse("tripleseat", text).unwrap_err();
        assert!(problems[0].starts_with(says), "{problems:?}");
        assert!(!problems[0].contains("c2hvcnQ"), "{problems:?}");
    }
    assert_eq!(format!("{:?}", ring(&[2, 1])), "KeyRing(tripleseat, keys [2, 1])");
}
