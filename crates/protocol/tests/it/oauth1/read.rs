//! What a request must look like to be read as OAuth 1.0 (RFC 5849 3.1 to 3.5), and that no bytes do harm.

use super::*;
use crate::draw::Draw;

#[test]
fn o1_03_a_request_without_oauth_parameters_is_none() {
    let no = [
        (None, None, None),
        (Some("Bearer abc"), Some("site_id=1&name=%zz&oauthx=1"), Some("a=%zz&=&b")),
        (Some("OAuthy oauth_nonce=\"1\""), Some(""), Some("")),
        (Some(""), Some("xoauth_token=1"), None),
    ];
    for (authorization, query, body) in no {
        assert!(read(authorization, query, body).unwrap().is_none(), "{authorization:?} {query:?} {body:?}");
    }
}

#[test]
fn o1_03_more_than_one_place_is_refused() {
    let (all, one) = (usual(), "oauth_token=t");
    let of = |authorization: Option<&str>, query, body| read(authorization, query, body).unwrap_err().reason;
    let (head, query) = (header(&all, ","), form(&all));
    assert_eq!(of(Some(&head), Some(one), None), Reason::CredentialsTwice);
    assert_eq!(of(Some(&head), Some("a=b&%6fauth%5Ftoken=t"), None), Reason::CredentialsTwice, "escaped is the same");
    assert_eq!(of(Some(&head), None, Some(one)), Reason::CredentialsTwice);
    assert_eq!(of(None, Some(&query), Some(one)), Reason::CredentialsTwice);
    assert_eq!(of(Some("oauth"), Some(&query), Some(&query)), Reason::CredentialsTwice);
    // A bearer token beside it is the guard's to refuse: here it is another scheme.
    assert!(read(Some("Bearer abc"), Some(&query), None).unwrap().is_some());
}

#[test]
fn o1_03_a_repeated_oauth_name_is_refused() {
    for (name, value) in usual() {
        assert_eq!(refused(&usual_but("", &[(&name, &value)])), Reason::ParameterRepeated, "{name}");
    }
    assert_eq!(refused(&usual_but("", &[("oauth_x", "1"), ("oauth_x", "1")])), Reason::ParameterRepeated);
    let twice = "OAuth realm=\"a\", realm=\"a\"";
    assert_eq!(read(Some(twice), None, None).unwrap_err().reason, Reason::ParameterRepeated);
    // Others may stand there as often as they like.
    assert!(read(Some(&header(&usual(), ",")), Some("a=1&a=1&realm=1&realm=2"), None).unwrap().is_some());
}

#[test]
fn o1_07_a_missing_or_empty_parameter_is_named() {
    for (name, _) in usual() {
        assert_eq!(refused(&usual_but(&name, &[])), Reason::ParameterMissing, "{name}");
        assert_eq!(refused(&usual_but(&name, &[(&name, "")])), Reason::ParameterMissing, "{name}");
        let refusal = read(Some(&header(&usual_but(&name, &[]), ",")), None, None).unwrap_err();
        assert_eq!(refusal.detail.as_deref(), Some(&name[..]));
    }
    for bare in ["OAuth", "oauth ", "OAuth ,, ,", "OAuth realm=\"x\""] {
        assert_eq!(read(Some(bare), None, None).unwrap_err().reason, Reason::ParameterMissing, "{bare}");
    }
}

#[test]
fn o1_04_unknown_and_unsupported_methods_are_refused() {
    let name = "oauth_signature_method";
    for method in ["PLAINTEXT", "RSA-SHA1", "RSA-SHA256", "HMAC-SHA512", "hmac-sha1", "HMAC-SHA1 ", "none"] {
        assert_eq!(refused(&usual_but(name, &[(name, method)])), Reason::OAuth1MethodUnsupported, "{method}");
    }
    for (sent, allowed, good) in [
        ("HMAC-SHA1", &[SignatureMethod::HmacSha1][..], true),
        ("HMAC-SHA256", &[SignatureMethod::HmacSha1], false),
        ("HMAC-SHA1", &[SignatureMethod::HmacSha256], false),
        ("HMAC-SHA256", SignatureMethod::ALL, true),
        ("HMAC-SHA1", &[], false),
    ] {
        let query = form(&usual_but(name, &[(name, sent)]));
        let outcome = OAuth1Request::read(None, Some(&query), None, allowed);
        match outcome {
            Ok(request) => assert!(good && request.unwrap().method.word() == sent),
            Err(refusal) => assert!(!good && refusal.reason == Reason::OAuth1MethodUnsupported),
        }
    }
}

#[test]
fn o1_05_the_version_is_absent_or_1_0() {
    for wrong in ["2.0", "1.0a", "1", "", "1.0 "] {
        assert_eq!(refused(&usual_but("", &[("oauth_version", wrong)])), Reason::OAuth1VersionUnsupported, "{wrong}");
    }
    assert!(read(Some(&header(&usual_but("", &[("oauth_version", "1.0")]), ",")), None, None).unwrap().is_some());
}

#[test]
fn o1_06_a_timestamp_is_a_positive_integer() {
    let name = "oauth_timestamp";
    for wrong in
        ["0", "-1", "+1", "1.5", "0x10", "01", " 1", "1e3", "1234567890123", "१२३", "abc", "18446744073709551617"]
    {
        assert_eq!(refused(&usual_but(name, &[(name, wrong)])), Reason::OAuth1Malformed, "{wrong}");
    }
    let request = read(None, Some(&form(&usual_but(name, &[(name, "137131200")]))), None).unwrap().unwrap();
    assert_eq!(request.timestamp, UnixTime(137_131_200));
}

#[test]
fn o1_07_values_have_bounds() {
    for (name, most) in [
        ("oauth_consumer_key", 128),
        ("oauth_nonce", 128),
        ("oauth_signature", 128),
        ("oauth_token", 128),
        ("oauth_verifier", 128),
        ("oauth_callback", 2_048),
    ] {
        let fits = usual_but(name, &[(name, &"v".repeat(most))]);
        assert!(read(Some(&header(&fits, ",")), None, None).unwrap().is_some(), "{name}");
        assert_eq!(refused(&usual_but(name, &[(name, &"v".repeat(most + 1))])), Reason::OAuth1Malformed, "{name}");
        assert_eq!(refused(&usual_but(name, &[(name, "a\u{0}b")])), Reason::OAuth1Malformed, "{name}");
        let raw = format!("{}&{name}=%ff", form(&usual_but(name, &[])));
        assert_eq!(read(None, Some(&raw), None).unwrap_err().reason, Reason::OAuth1Malformed, "{name} is not UTF-8");
    }
}

#[test]
fn o1_07_there_are_at_most_256_parameters_and_8192_bytes_of_header() {
    let head = header(&usual(), ",");
    let many = |count: usize| vec!["a=b"; count].join("&");
    assert!(read(Some(&head), Some(&many(200)), Some(&many(51))).unwrap().is_some());
    assert_eq!(read(Some(&head), Some(&many(200)), Some(&many(52))).unwrap_err().reason, Reason::OAuth1Malformed);
    let long = format!("{head},x=\"{}\"", "y".repeat(8_192));
    assert_eq!(read(Some(&long), None, None).unwrap_err().reason, Reason::OAuth1Malformed);
}

#[test]
fn o1_02_a_plus_is_a_plus_in_the_header_and_a_space_in_a_form() {
    let of =
        |authorization: Option<&str>, query: Option<&str>| read(authorization, query, None).unwrap().unwrap().nonce;
    assert_eq!(of(Some(&header(&usual(), ",").replace("\"n\"", "\"a+b/c\"")), None), "a+b/c");
    assert_eq!(of(None, Some(&form(&usual()).replace("nonce=n", "nonce=a+b%2Bc"))), "a b+c");
}

#[test]
fn o1_02_what_is_no_escape_is_refused() {
    let head = header(&usual(), ",");
    for wrong in ["a=%", "a=%4", "a=%zz", "%=1", "a=%+1", "a=1%2"] {
        assert_eq!(read(Some(&head), Some(wrong), None).unwrap_err().reason, Reason::OAuth1Malformed, "{wrong}");
        assert_eq!(read(Some(&head), None, Some(wrong)).unwrap_err().reason, Reason::OAuth1Malformed, "{wrong}");
    }
    let in_header = head.replace("\"n\"", "\"n%2\"");
    assert_eq!(read(Some(&in_header), None, None).unwrap_err().reason, Reason::OAuth1Malformed);
}

#[test]
fn tsm_13_headers_in_any_order_with_any_separator() {
    let mut pairs = usual_but("", &[("oauth_token", "t"), ("oauth_version", "1.0"), ("oauth_callback", "oob")]);
    let mut draw = Draw(13);
    for _ in 0..200 {
        for at in (1..pairs.len()).rev() {
            pairs.swap(at, draw.below(at as u64 + 1) as usize);
        }
        let between = [",", ", ", " , ", ",\t", ",  "][draw.below(5) as usize];
        let scheme = ["OAuth", "oauth", "OAUTH", "oAuth"][draw.below(4) as usize];
        let realm =
            ["", "realm=\"\"", "realm=\"https://x/?a=1, b=2\"", "Realm=\"%zz \\\"q\\\"\""][draw.below(4) as usize];
        let mut text = header(&pairs, between).replacen("OAuth", scheme, 1);
        if !realm.is_empty() {
            text = format!("{text}{between}{realm}");
        }
        let request = read(Some(&text), None, None).unwrap().unwrap();
        assert_eq!((&request.consumer_key[..], request.token.as_deref()), ("ck", Some("t")), "{text}");
        assert_eq!((request.callback.as_deref(), request.verifier.as_deref()), (Some("oob"), None), "{text}");
        let target = Target { method: "GET", origin: "https://x", path: "/" };
        assert!(!request.base_string(&target).to_ascii_lowercase().contains("realm"), "{text}");
    }
}

#[test]
fn tsm_13_an_empty_token_is_none_but_is_signed() {
    let request = read(Some(&header(&usual_but("", &[("oauth_token", "")]), ",")), None, None).unwrap().unwrap();
    assert_eq!(request.token, None);
    let target = Target { method: "GET", origin: "https://x", path: "/" };
    assert!(request.base_string(&target).ends_with("%26oauth_token%3D"));
}

#[test]
fn o1_03_a_header_that_is_not_well_formed_is_refused() {
    let head = header(&usual(), ",");
    for wrong in [
        "OAuth abc",
        "OAuth oauth_nonce",
        "OAuth oauth_nonce=1",
        "OAuth oauth_nonce=\"1",
        "OAuth oauth_nonce='1'",
        "OAuth oauth_nonce=\"1\" oauth_x=\"2\"",
        "OAuth oauth_nonce=\"1\"; oauth_x=\"2\"",
        "OAuth =\"1\"",
        "OAuth oauth nonce=\"1\"",
        "OAuth oauth_nonce=\"a\\b\"",
        &format!("{head}x"),
        &format!("{head}\""),
        &head.replace(',', ";"),
    ] {
        assert_eq!(read(Some(wrong), None, None).unwrap_err().reason, Reason::OAuth1Malformed, "{wrong}");
    }
    // A comma too many says nothing twice.
    assert!(read(Some(&format!("{head}, ,")), None, None).unwrap().is_some());
}

#[test]
fn o1_07_what_was_sent_is_not_in_debug_output() {
    let pairs = usual_but("", &[("oauth_token", "hunter2"), ("oauth_verifier", "hunter3")]);
    let request = read(Some(&header(&pairs, ",")), Some("q=hunter4"), None).unwrap();
    assert_eq!(format!("{request:?}"), "Some(OAuth1Request(\"ck\", HMAC-SHA1, 1700000000))");
}

#[test]
fn o1_03_any_bytes_are_read_or_refused() {
    let words: &[&str] = &[
        "OAuth ",
        "oauth_nonce",
        "oauth_token",
        "oauth_signature_method",
        "oauth_",
        "=\"",
        "\"",
        ",",
        ", ",
        "=",
        "&",
        "%",
        "%2",
        "%25",
        "+",
        "\\",
        "realm",
        "HMAC-SHA1",
        "1.0",
        "é",
        "\u{0}",
        " ",
        "1700000000",
        "%ff",
        "a",
    ];
    let whole = usual();
    let mut draw = Draw(1_003);
    for round in 0..20_000 {
        let mut piece = |with_whole: bool| {
            let mut text = String::new();
            if with_whole {
                text.push_str(&if round % 2 == 0 { header(&whole, ",") } else { form(&whole) });
            }
            for _ in 0..draw.below(12) {
                let word = words[draw.below(words.len() as u64) as usize];
                // Somewhere inside, so that whole requests are broken in their middle too.
                let at = (0..=text.len())
                    .filter(|at| text.is_char_boundary(*at))
                    .nth(draw.below(text.len() as u64 + 1) as usize);
                text.insert_str(at.unwrap_or(text.len()), word);
            }
            text
        };
        let (authorization, query, body) = (piece(round % 4 == 0), piece(round % 4 == 1), piece(round % 4 == 3));
        if let Ok(Some(request)) = read(Some(&authorization), Some(&query), Some(&body)) {
            assert!((1..=128).contains(&request.nonce.len()) && (1..=128).contains(&request.consumer_key.len()));
            assert!(request.timestamp.0 > 0 && request.token.as_deref() != Some(""));
            let target = Target { method: &query, origin: &authorization, path: &body };
            assert!(!request.verify(&target, &Secret::new(query.clone()), None));
        }
    }
}
