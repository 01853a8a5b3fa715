//! Headers as foreign clients really sent them, byte for byte: each to a listener at [`ORIGIN`], signing as its manual says.
//! `cargo xtask test clients` runs the same clients against the program.

use super::*;

const ORIGIN: &str = "http://127.0.0.1:39227";

/// (the client, the target of its request line, its Authorization header)
const SENT: &[(&str, &str, &str)] = &[
    (
        "ruby-oauth 0.5.4",
        "/api/v1/locations?q=a+b%26c%3Dd%2F%C3%BC%E2%98%83%7E-._%21*%27%28%29%2B%2525&x=2&x=10&x=&a%5B%5D=3",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c", oauth_nonce="MO54tsxuiYMit50wqycL6qsSI7kYQPIpgMSWV3MiIU","#,
            r#" oauth_signature="ikDMDvBKKgujD%2B6C0HP5Hsc9um4%3D", oauth_signature_method="HMAC-SHA1","#,
            r#" oauth_timestamp="1795302264", oauth_token="t%2Fk", oauth_version="1.0""#,
        ),
    ),
    (
        "ruby-oauth 0.5.4",
        "/api/v1/locations?plus=a+b&lower=%c3%bc&bare&=nameless",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c", oauth_nonce="MfR1Bxd39lYhfl9Amj3QTh430n7mH17zGrWbjpAU","#,
            r#" oauth_signature="lW2Dz4U1bpIStx4RFxoYlg1d0LA%3D", oauth_signature_method="HMAC-SHA1","#,
            r#" oauth_timestamp="1795302264", oauth_token="t%2Fk", oauth_version="1.0""#,
        ),
    ),
    (
        "ruby-oauth 0.5.4",
        "/api/v1/locations",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c", oauth_nonce="gasaqqxKeJiBXHQR1o2xCSCOo6sTXzW8IdZAydvLs","#,
            r#" oauth_signature="Ogb6JeR2TSnAM2RRreUDXmakhvA%3D", oauth_signature_method="HMAC-SHA1","#,
            r#" oauth_timestamp="1795302264", oauth_version="1.0""#,
        ),
    ),
    (
        "ruby-oauth 0.5.4",
        "/api/v1/locations?q=a+b%26c%3Dd%2F%C3%BC%E2%98%83%7E-._%21*%27%28%29%2B%2525&x=2&x=10&x=&a%5B%5D=3",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c", oauth_nonce="MnfQbat77FC9fgG1zo9awILp3xXpUzc9aoB0OFNnY","#,
            r#" oauth_signature="cdFCtSdvY5GwS2bH3lt5vnuH0Ck%3D", oauth_signature_method="HMAC-SHA1","#,
            r#" oauth_timestamp="1795302264", oauth_version="1.0""#,
        ),
    ),
    (
        "requests-oauthlib 2.0.0",
        "/api/v1/locations?q=a+b%26c%3Dd%2F%C3%BC%E2%98%83~-._%21%2A%27%28%29%2B%2525&x=2&x=10&x=&c%40=1&c2=2&a%5B%5D=3",
        concat!(
            r#"OAuth oauth_nonce="61601044467589770321795302264", oauth_timestamp="1795302264","#,
            r#" oauth_version="1.0", oauth_signature_method="HMAC-SHA1", oauth_consumer_key="ck%20c","#,
            r#" oauth_token="t%2Fk", oauth_signature="lAShQkHktVA%2FvSXeRS7JdzYmUwU%3D""#,
        ),
    ),
    (
        "requests-oauthlib 2.0.0",
        "/api/v1/locations?plus=a+b&lower=%C3%BC&bare&=nameless",
        concat!(
            r#"OAuth oauth_nonce="32758722738049488931795302264", oauth_timestamp="1795302264","#,
            r#" oauth_version="1.0", oauth_signature_method="HMAC-SHA1", oauth_consumer_key="ck%20c","#,
            r#" oauth_token="t%2Fk", oauth_signature="QwCN0bW4yKU2DYfJ6wWG7Vc12Ug%3D""#,
        ),
    ),
    (
        "requests-oauthlib 2.0.0",
        "/api/v1/locations",
        concat!(
            r#"OAuth oauth_nonce="103227359790228143341795302264", oauth_timestamp="1795302264","#,
            r#" oauth_version="1.0", oauth_signature_method="HMAC-SHA1", oauth_consumer_key="ck%20c","#,
            r#" oauth_signature="NpSYUMDKKM5dyvUKO5q9YuD4zaE%3D""#,
        ),
    ),
    (
        "requests-oauthlib 2.0.0",
        "/api/v1/locations?q=a+b%26c%3Dd%2F%C3%BC%E2%98%83~-._%21%2A%27%28%29%2B%2525&x=2&x=10&x=&c%40=1&c2=2&a%5B%5D=3",
        concat!(
            r#"OAuth oauth_nonce="38106587952294273661795302264", oauth_timestamp="1795302264","#,
            r#" oauth_version="1.0", oauth_signature_method="HMAC-SHA1", oauth_consumer_key="ck%20c","#,
            r#" oauth_signature="fVt0mR2DyDV7JOd8z22Dufy4tIk%3D""#,
        ),
    ),
    (
        "npm oauth 0.10.2",
        "/api/v1/locations",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c",oauth_nonce="WqsRpUhHQeXbciPfyJqqVrEbEkTSZ2Ul","#,
            r#"oauth_signature_method="HMAC-SHA1",oauth_timestamp="1795302264",oauth_version="1.0","#,
            r#"oauth_signature="YDtordSfMKBqXPOxY1StTJ0wVOk%3D""#,
        ),
    ),
    (
        "npm oauth 0.10.2",
        "/api/v1/locations?q=a%20b%26c%3Dd%2F%C3%BC%E2%98%83~-._!*%27()%2B%2525&empty=&c%40=1&c2=2&a%5B%5D=3&plus=a+b&lower=%c3%bc&bare&=nameless",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c",oauth_nonce="GrQmd9pNd4G6wWl3tzwwb4JbGLZMHwsp","#,
            r#"oauth_signature_method="HMAC-SHA1",oauth_timestamp="1795302264",oauth_token="t%2Fk","#,
            r#"oauth_version="1.0",oauth_signature="sJ6qCrrbeW5PQKkkr2hLzsBsPtc%3D""#,
        ),
    ),
    (
        "npm oauth 0.10.2",
        "/api/v1/locations?q=a%20b%26c%3Dd%2F%C3%BC%E2%98%83~-._!*%27()%2B%2525&empty=&c%40=1&c2=2&a%5B%5D=3&plus=a+b&lower=%c3%bc&bare&=nameless",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c",oauth_nonce="HEyFpeOPSskdASnqUl2NMEFUaZ9JWPat","#,
            r#"oauth_signature_method="HMAC-SHA1",oauth_timestamp="1795302264",oauth_version="1.0","#,
            r#"oauth_signature="zjl6MEmXJjX151Id36gu4qRKdq8%3D""#,
        ),
    ),
    (
        "PHP oauth 2.0.7",
        "/api/v1/locations?q=a%20b%26c%3Dd%2F%C3%BC%E2%98%83~-._%21%2A%27%28%29%2B%2525&x=&x=10&x=2&empty=",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c",oauth_signature_method="HMAC-SHA1","#,
            r#"oauth_nonce="1556568036b0223785d6537.68450078",oauth_timestamp="1795302264",oauth_version="1.0","#,
            r#"oauth_token="t%2Fk",oauth_signature="WuFGcEljmYMUTVdXPN52tN25y4s%3D""#,
        ),
    ),
    (
        "PHP oauth 2.0.7",
        "/api/v1/locations?plus=a+b&lower=%c3%bc",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c",oauth_signature_method="HMAC-SHA1","#,
            r#"oauth_nonce="31162301576b0223785d7250.98158365",oauth_timestamp="1795302264",oauth_version="1.0","#,
            r#"oauth_token="t%2Fk",oauth_signature="k8pWjgcURN%2Buj3N3luG39Zhx90M%3D""#,
        ),
    ),
    (
        "PHP oauth 2.0.7",
        "/api/v1/locations",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c",oauth_signature_method="HMAC-SHA1","#,
            r#"oauth_nonce="33213777416b0223785d7d15.08515661",oauth_timestamp="1795302264",oauth_version="1.0","#,
            r#"oauth_signature="ssdjykLOYecQUicfcbLVm2x49wA%3D""#,
        ),
    ),
    (
        "PHP oauth 2.0.7",
        "/api/v1/locations?q=a%20b%26c%3Dd%2F%C3%BC%E2%98%83~-._%21%2A%27%28%29%2B%2525&x=&x=10&x=2&empty=",
        concat!(
            r#"OAuth oauth_consumer_key="ck%20c",oauth_signature_method="HMAC-SHA1","#,
            r#"oauth_nonce="40232713786b0223785d86b6.50081752",oauth_timestamp="1795302264",oauth_version="1.0","#,
            r#"oauth_signature="k0%2B4BMERx1OaHU12pgEV6%2FcwtFk%3D""#,
        ),
    ),
];

#[test]
fn tsm_13_headers_from_ruby_python_node_and_php_verify() {
    let (consumer, token) = (Secret::new("c&s"), Secret::new("t%s"));
    for (client, ..) in SENT {
        // Each with a token and two-legged.
        let with =
            |token: bool| SENT.iter().any(|(other, _, head)| other == client && head.contains("oauth_token") == token);
        assert!(with(true) && with(false), "{client}");
    }
    for (client, sent, authorization) in SENT {
        let (path, query) = sent.split_once('?').map_or((*sent, None), |(path, query)| (path, Some(query)));
        let request = read(Some(authorization), query, None).unwrap().unwrap();
        let target = Target { method: "GET", origin: ORIGIN, path };
        let token = request.token.as_deref().map(|sent| {
            assert_eq!(sent, "t/k", "{client}");
            &token
        });
        assert_eq!(request.consumer_key, "ck c", "{client}");
        assert!(request.verify(&target, &consumer, token), "{client}: {sent}");
        assert!(!request.verify(&Target { method: "POST", ..target }, &consumer, token), "{client}: {sent}");
        let more = format!("{}&site_id=2", query.unwrap_or("a=b"));
        let tampered = read(Some(authorization), Some(&more), None).unwrap().unwrap();
        assert!(!tampered.verify(&target, &consumer, token), "{client}: {sent}");
    }
}
