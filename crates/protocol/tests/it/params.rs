//! Parameters: read once, strictly, without panicking (SECURITY T-04 to T-06, T-12).

use causeway_protocol::Reason;
use causeway_protocol::params::{MAX_PARAMS, MAX_VALUE, Params, append_query, encode};

use crate::draw::Draw;

fn reason(text: &[u8]) -> Reason {
    Params::form(text).unwrap_err().reason
}

#[test]
fn t_04_a_repeated_parameter_is_refused_even_with_the_same_value() {
    let params = Params::form(b"code=a&x=1&code=a&scope=").unwrap();
    assert_eq!(params.get("code").unwrap_err().reason, Reason::ParameterRepeated);
    assert_eq!(params.get("x").unwrap(), Some("1"));
    // An encoded name is the same name; an empty repetition is one as well.
    for text in [&b"code=a&c%6fde=b"[..], b"code=a&code=", b"code=&code=", b"code&code"] {
        let params = Params::form(text).unwrap();
        assert_eq!(params.get("code").unwrap_err().reason, Reason::ParameterRepeated);
    }
    let mut both = Params::form(b"code=a").unwrap();
    both.extend(Params::form(b"code=a").unwrap()).unwrap();
    assert_eq!(both.get("code").unwrap_err().reason, Reason::ParameterRepeated);
}

#[test]
fn t_05_an_empty_parameter_is_absent() {
    let params = Params::form(b"scope=&state&code=x").unwrap();
    assert_eq!(params.get("scope").unwrap(), None);
    assert_eq!(params.get("state").unwrap(), None);
    assert!(params.has("scope"));
    assert_eq!(params.require("scope").unwrap_err().reason, Reason::ParameterMissing);
}

#[test]
fn t_12_hostile_bytes_get_a_specific_refusal() {
    for text in [&b"code=%00"[..], b"code=a%0d%0ab", b"%0a=1", b"code=%C0%AF", b"code=%ff", b"code=\xf0\x28"] {
        assert_eq!(reason(text), Reason::ParameterMalformed, "{text:?}");
    }
    assert_eq!(reason(format!("code={}", "x".repeat(MAX_VALUE + 1)).as_bytes()), Reason::ParameterMalformed);
    assert_eq!(reason(format!("{}=1", "n".repeat(201)).as_bytes()), Reason::ParameterMalformed);
    assert_eq!(reason("a=1&".repeat(MAX_PARAMS + 1).as_bytes()), Reason::ParameterMalformed);
    // An escape that is none stays as it is; it is decoded once, never twice.
    let params = Params::form(b"a=%zz&b=%2525&c=1+2%2B3").unwrap();
    assert_eq!(params.get("a").unwrap(), Some("%zz"));
    assert_eq!(params.get("b").unwrap(), Some("%25"));
    assert_eq!(params.get("c").unwrap(), Some("1 2+3"), "a plus is a space, %2B a plus (RFC 6749 appendix B)");
}

#[test]
fn t_12_any_bytes_are_read_or_refused() {
    let alphabet = b"abc=&%+;\x00\x7f\xc3\xa4 0123456789ABCDEFabcdef";
    let mut draw = Draw(7);
    for _ in 0..5_000 {
        let length = draw.below(80);
        let text: Vec<u8> = (0..length).map(|_| alphabet[draw.below(alphabet.len() as u64) as usize]).collect();
        if let Ok(params) = Params::form(&text) {
            for name in ["a", "b", "c", ""] {
                if let Ok(Some(value)) = params.get(name) {
                    assert!(!value.is_empty() && !value.chars().any(char::is_control));
                }
            }
        }
    }
}

#[test]
fn az_08_any_value_survives_its_way_through_a_query() {
    let mut draw = Draw(8);
    for _ in 0..1_000 {
        let length = draw.below(40);
        let value: String =
            (0..length).filter_map(|_| char::from_u32(draw.below(0x3000) as u32)).filter(|c| !c.is_control()).collect();
        let url = append_query("https://x.example/cb?a=b", &[("state", &value), ("code", "c")]);
        let (_, query) = url.split_once('?').unwrap();
        let params = Params::form(query.as_bytes()).unwrap();
        assert_eq!(params.get("state").unwrap().unwrap_or(""), value);
        assert_eq!(params.get("a").unwrap(), Some("b"), "the registered query is kept (RFC 6749 3.1.2)");
    }
    assert_eq!(encode("a b+c~é"), "a%20b%2Bc~%C3%A9");
    assert_eq!(append_query("https://x/?", &[("a", "1")]), "https://x/?a=1");
    assert_eq!(append_query("https://x", &[("a", "1")]), "https://x?a=1");
}

#[test]
fn t_12_what_was_sent_is_not_in_debug_output() {
    let params = Params::form(b"client_secret=hunter2&code=abc").unwrap();
    assert_eq!(format!("{params:?}"), r#"["client_secret", "code"]"#);
}
