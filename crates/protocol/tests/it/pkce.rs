//! PKCE (RFC 7636), with the published vector.

use causeway_protocol::pkce::{challenge_of, is_verifier, matches, parse_challenge};
use serde_json::Value;

/// The published vectors, copied into this repository.
pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/oauth_vectors.json")).unwrap()
}

#[test]
fn cg_08_the_vector_of_rfc_7636_appendix_b() {
    let all = vectors();
    let vectors = all["pkce"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let (verifier, challenge) =
            (vector["code_verifier"].as_str().unwrap(), vector["code_challenge"].as_str().unwrap());
        assert_eq!(challenge_of(verifier), challenge);
        let parsed = parse_challenge(challenge).unwrap();
        assert!(matches(&parsed, verifier));
        assert!(!matches(&parsed, &format!("{verifier}x")));
        assert!(!matches(&parsed, challenge), "the challenge is not its own verifier: plain is off");
    }
}

#[test]
fn cg_08_a_verifier_is_43_to_128_unreserved_characters() {
    for (length, fits) in [(0, false), (42, false), (43, true), (128, true), (129, false)] {
        let verifier = "a".repeat(length);
        assert_eq!(is_verifier(&verifier), fits, "{length}");
        let challenge = parse_challenge(&challenge_of(&verifier)).unwrap();
        assert_eq!(matches(&challenge, &verifier), fits, "{length}");
    }
    for wrong in ["+", "/", "=", " ", "é", "%", "\n"] {
        assert!(!is_verifier(&format!("{wrong}{}", "a".repeat(60))), "{wrong}");
    }
    assert!(is_verifier(&"-._~aZ09".repeat(8)));
}

#[test]
fn az_10_a_challenge_is_exactly_43_characters_of_base64url() {
    let good = challenge_of(&"a".repeat(43));
    assert!(parse_challenge(&good).is_some());
    let bad = [
        String::new(),
        good[..42].to_owned(),
        format!("{good}A"),
        format!("{good}="),
        "a".repeat(128),
        good.replace(|c: char| c.is_ascii_alphanumeric(), "+"),
    ];
    for challenge in bad {
        assert!(parse_challenge(&challenge).is_none(), "{challenge}");
    }
}
