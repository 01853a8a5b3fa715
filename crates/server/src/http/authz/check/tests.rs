//! What is read out of Envoy's messages, whatever they hold, and what it is told.

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use prost::Message as _;

use super::*;

fn http(headers: &[(&str, &str)]) -> message::HttpRequest {
    message::HttpRequest {
        method: "GET".to_owned(),
        path: "/v1/sites?a=b".to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Default::default()
    }
}

fn asking(http: message::HttpRequest) -> message::CheckRequest {
    let request = message::Request { http: Some(http) };
    message::CheckRequest { attributes: Some(message::Attributes { request: Some(request) }) }
}

fn asked(http: message::HttpRequest) -> Result<Asked, Reason> {
    Asked::of(asking(http)).expect("it is about a call").map_err(|denied| denied.reason)
}

fn body(http: message::HttpRequest) -> Result<Seen, Reason> {
    asked(http)?.seen().map_err(|denied| denied.reason)
}

#[test]
fn bg_14_a_call_is_read_as_it_was_sent() {
    let call = asked(http(&[(":path", "/x"), (":authority", "a"), ("authorization", "Bearer x"), ("accept", "é")]));
    let call = call.unwrap();
    let question = call.question().unwrap();
    assert_eq!((question.method, question.target), ("GET", "/v1/sites?a=b"));
    assert_eq!(question.headers.len(), 2);
    assert_eq!(question.headers[AUTHORIZATION], "Bearer x");
    // Headers as they were sent count more than the same with commas between.
    let pair = |key: &str, value: &str, raw: &'static [u8]| message::HeaderValue {
        key: key.to_owned(),
        value: value.to_owned(),
        raw_value: Bytes::from_static(raw),
    };
    let map = vec![pair("authorization", "", b"Bearer a"), pair("authorization", "Bearer b", b"")];
    let header_map = Some(message::HeaderMap { headers: map });
    let twice = asked(message::HttpRequest { header_map, ..http(&[("authorization", "Bearer a,Bearer b")]) }).unwrap();
    let values: Vec<_> = twice.headers.get_all(AUTHORIZATION).iter().collect();
    assert_eq!(values, ["Bearer a", "Bearer b"]);
    for odd in [[("a b", "x")], [("", "x")], [("a", "x\r\ny: z")], [("a", "\0")]] {
        assert_eq!(asked(http(&odd)).err(), Some(Reason::HeaderMalformed), "{odd:?}");
    }
    let many: Vec<String> = (0..=MAX_HEADERS).map(|n| format!("h{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(asked(http(&many)).err(), Some(Reason::HeaderMalformed));
    assert!(Asked::of(message::CheckRequest::default()).is_none());
}

#[test]
fn ms_04_only_a_whole_body_is_looked_into() {
    let with = |method: &str, headers: &[(&str, &str)], raw: &'static [u8], text: &str| {
        let (raw_body, body) = (Bytes::from_static(raw), text.to_owned());
        message::HttpRequest { method: method.to_owned(), raw_body, body, ..http(headers) }
    };
    assert_eq!(body(with("POST", &[("content-length", "2")], b"{}", "")), Ok(Seen::Whole("{}".into())));
    assert_eq!(body(with("POST", &[], b"", "{}")), Ok(Seen::Whole("{}".into())));
    assert_eq!(body(with("POST", &[("content-length", "9")], b"", "")), Ok(Seen::Nothing), "none came along");
    assert_eq!(body(with("POST", &[("content-length", "9")], b"{}", "")), Ok(Seen::Part));
    let partly = [("x-envoy-auth-partial-body", "true")];
    assert_eq!(body(with("POST", &partly, b"{}", "")), Ok(Seen::Part));
    assert_eq!(body(with("POST", &[("content-length", "x")], b"", "")), Err(Reason::HeaderMalformed));
    assert_eq!(body(with("GET", &[("content-length", "2")], b"", "")), Err(Reason::HeaderMalformed));
    assert_eq!(body(with("GET", &[], b"{}", "")), Err(Reason::HeaderMalformed));
    assert_eq!(body(with("GET", &[("content-length", "0")], b"", "")), Ok(Seen::Nothing));
}

#[test]
fn bg_15_what_a_caller_sent_under_our_names_is_taken_off() {
    let mut judged = Response::new(Bytes::new());
    for (name, value) in [("x-causeway-app", "acme"), ("sunset", "soon"), ("cache-control", "no-store")] {
        judged.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let theirs = [
        ("x-causeway-app", "other"),
        ("x-causeway-site", "9"),
        ("x_causeway_customer", "9"),
        ("authorization", "Bearer x"),
        ("x-api-key", "k"),
        ("accept", "*/*"),
    ];
    let caller = asked(http(&theirs)).unwrap().headers;
    let rules = ApiKeyRules { query: None, header: Some("X-Api-Key".into()), bearer_prefix: None, scopes: vec![] };
    let told = answer(&judged, &caller, Some(&rules));
    assert_eq!(told.status, Some(message::Status { code: 0 }));
    let Some(message::Answer::Ok(mut passed)) = told.answer else { panic!("it passed") };
    passed.headers_to_remove.sort();
    assert_eq!(passed.headers_to_remove, ["authorization", "x-api-key", "x-causeway-site", "x_causeway_customer"]);
    let names = |headers: &[message::HeaderValueOption]| -> Vec<String> {
        headers.iter().map(|option| option.header.as_ref().unwrap().key.clone()).collect()
    };
    assert_eq!(names(&passed.headers), ["x-causeway-app"]);
    assert_eq!(passed.headers[0].append_action, 2, "in the place of the caller's");
    assert_eq!(names(&passed.response_headers_to_add), ["sunset"]);
}

#[test]
fn bg_14_a_refusal_is_told_whole() {
    // As the guard makes one: the status is no business of this file.
    let guard = causeway_guard::Guard::new(&causeway_protocol::profile::shipped("tripleseat").unwrap());
    let told = |reason: Reason| {
        let wait = Some(causeway_protocol::time::Seconds(7));
        let judged = guard.reply(&Denied { retry_after: wait, ..reason.into() });
        let told = answer(&judged, &HeaderMap::new(), None);
        let Some(message::Answer::Denied(denied)) = told.answer else { panic!("{reason:?} passed") };
        assert_eq!(denied.body.as_bytes(), judged.body());
        let has = |name: &HeaderName| {
            denied.headers.iter().any(|option| option.header.as_ref().unwrap().key == name.as_str())
        };
        let challenged = has(&WWW_AUTHENTICATE);
        assert!(has(&RETRY_AFTER) && has(&CONTENT_TYPE) && !has(&CONNECTION));
        (told.status.unwrap().code, denied.status.unwrap().code, challenged)
    };
    assert_eq!(told(Reason::TokenInvalid), (16, 401, true));
    assert_eq!(told(Reason::SiteForbidden), (7, 403, false));
    assert_eq!(told(Reason::BudgetSpent), (7, 429, false));
    assert_eq!(told(Reason::BodyWithheld), (7, 413, false));
}

#[test]
fn unknown_fields_are_skipped() {
    let whole = asking(http(&[("authorization", "Bearer x")])).encode_to_vec();
    // Field 99, of each wire type, before and behind.
    let (varint, fixed64, bytes, fixed32) = (
        &[0x98, 6, 5][..],
        &[0x99, 6, 1, 2, 3, 4, 5, 6, 7, 8][..],
        &[0x9a, 6, 2, 7, 7][..],
        &[0x9d, 6, 1, 2, 3, 4][..],
    );
    let read = message::CheckRequest::decode([varint, fixed64, &whole, bytes, fixed32].concat().as_slice()).unwrap();
    assert_eq!(read, asking(http(&[("authorization", "Bearer x")])));
}

#[test]
fn no_message_whatever_breaks_the_reader() {
    let one = message::HeaderValue { key: "accept".to_owned(), value: "a".to_owned(), ..Default::default() };
    let map = message::HeaderMap { headers: vec![one] };
    let full = asking(message::HttpRequest {
        method: "POST".to_owned(),
        body: "a".to_owned(),
        raw_body: Bytes::from_static(b"b"),
        header_map: Some(map),
        ..http(&[("authorization", "Bearer x"), ("content-length", "1")])
    });
    let (good, mut state, mut read) = (full.encode_to_vec(), 0x9e37_79b9_7f4a_7c15u64, 0);
    let mut next = |below: usize| {
        // xorshift64: the same messages at every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for _ in 0..50_000 {
        let mut bytes = good.clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, next(256) as u8),
                _ => bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x7f]).for_each(drop),
            }
        }
        let Ok(message) = message::CheckRequest::decode(bytes.as_slice()) else { continue };
        if let Some(Ok(asked)) = Asked::of(message) {
            read += usize::from(asked.question().is_ok());
        }
    }
    assert!(read > 1_000, "some of them are still good: {read}");
    // A message in a message, as deep as it fits: field 1 of field 1.
    let mut deep = Vec::new();
    for _ in 0..1_000 {
        let mut outer = vec![0x0a];
        prost::encoding::encode_varint(deep.len() as u64, &mut outer);
        outer.append(&mut deep);
        deep = outer;
    }
    let _either_way = message::CheckRequest::decode(deep.as_slice());
}
