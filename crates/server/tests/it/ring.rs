//! The ring of keys while the node runs (TOKENS 3, SECURITY R-23): what another node sealed with a newer key is good
//! here as soon as the key file says so, and is never called bad before.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use causeway_protocol::seal::{KeyRing, Sealed};
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{AccessToken, Code, RefreshToken};
use causeway_server::platform::KeysAt;
use causeway_testkit::actors::{ACME, Pair};
use causeway_testkit::platform::TempDir;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Builder, Call, Consent, Platform};

/// The text of a key file: key n is 32 times the byte n, newest first, as the testkit has it.
fn text(keys: &[u8]) -> String {
    let lines: Vec<String> = keys.iter().map(|key| KeyRing::line(u16::from(*key), &[*key; 32])).collect();
    lines.join("\n")
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A platform whose keys are in this file.
async fn start(path: &Path) -> Platform {
    start_as(Builder::new(), path).await
}

async fn start_as(builder: Builder, path: &Path) -> Platform {
    let path = path.to_owned();
    builder.tune(move |settings| settings.keys = KeysAt::File(path.clone())).start().await
}

/// The same contents under another node's newest key.
fn resealed<T: Sealed>(platform: &Platform, prefix: &str, text: &str, other: &KeyRing) -> String {
    let node = &platform.edge.node;
    let value: T = node.ring().open(prefix, text, node.now()).unwrap();
    other.seal(prefix, &value, node.now())
}

async fn sites(platform: &Platform, access: &str) -> (u16, u16) {
    let reply = platform.at_api(Call::get("/v1/sites").bearer(access)).await;
    (reply.status, reply.refusal())
}

/// The same call asked by a proxy.
async fn asked(platform: &Platform, access: &str) -> u16 {
    let call = Call::get("/guard/check").header("X-Original-Method", "GET").header("X-Original-URI", "/v1/sites");
    call.bearer(access).send(platform.admin_address()).await.status
}

#[tokio::test]
async fn r_23_what_another_node_sealed_with_a_newer_key_is_good_once_the_key_is_here() {
    let dir = TempDir::new();
    let file = dir.0.join("keys");
    write(&file, &text(&[1]));
    let platform = start(&file).await;
    let other = KeyRing::parse("tripleseat", &text(&[2, 1])).unwrap();
    let prefixes = platform.profile().token.prefixes.clone();
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    let code = resealed::<Code>(&platform, &prefixes.code, &code, &other);
    let pair = ACME.connect(&platform, OLIVIA).await;
    let pair = Pair {
        access: resealed::<AccessToken>(&platform, &prefixes.access, &pair.access, &other),
        refresh: resealed::<RefreshToken>(&platform, &prefixes.refresh, &pair.refresh, &other),
    };
    let unknown = (503, "temporarily_unavailable".to_owned(), 803);
    assert_eq!(sites(&platform, &pair.access).await, (503, 803), "the file was read and does not hold it");
    write(&file, &text(&[2, 1]));
    // Read at most once a second, whoever asks for whatever.
    assert_eq!(sites(&platform, &pair.access).await, (503, 803));
    assert_eq!(asked(&platform, &pair.access).await, 503);
    for reply in [
        ACME.exchange(&platform, &code).await,
        ACME.refresh(&platform, &pair.refresh).await,
        ACME.revoke(&platform, &pair.refresh).await,
        ACME.introspect(&platform, &pair.access).await,
    ] {
        assert_eq!(reply.refused(), unknown);
        assert_ne!(reply.header("retry-after"), "");
    }
    assert_eq!(platform.edge.node.ring().ids(), [1]);
    platform.clock.advance(Seconds(1));
    assert_eq!(sites(&platform, &pair.access).await, (200, 0));
    assert_eq!(platform.edge.node.ring().ids(), [2, 1]);
    assert_eq!(asked(&platform, &pair.access).await, 200);
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
    let next = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
    let opened = KeyRing::parse("tripleseat", &text(&[2])).unwrap();
    let now = platform.clock.now();
    assert!(opened.open::<RefreshToken>(&prefixes.refresh, &next.refresh, now).is_ok(), "the newest key seals");
    assert!(ACME.is_active(&platform, &next.access).await);
}

#[tokio::test]
async fn r_23_each_endpoint_reads_the_ring_again_by_itself() {
    type Ask = for<'a> fn(&'a Platform, &'a str, &'a Pair) -> std::pin::Pin<Box<dyn Future<Output = u16> + 'a>>;
    let asks: [(&str, Ask); 6] = [
        ("exchange", |platform, code, _| Box::pin(async { ACME.exchange(platform, code).await.status })),
        ("refresh", |platform, _, pair| Box::pin(async { ACME.refresh(platform, &pair.refresh).await.status })),
        ("revoke", |platform, _, pair| Box::pin(async { ACME.revoke(platform, &pair.access).await.status })),
        ("introspect", |platform, _, pair| Box::pin(async { ACME.introspect(platform, &pair.refresh).await.status })),
        ("guard", |platform, _, pair| Box::pin(async { sites(platform, &pair.access).await.0 })),
        ("forward-auth", |platform, _, pair| Box::pin(asked(platform, &pair.access))),
    ];
    let dir = TempDir::new();
    let file = dir.0.join("keys");
    for (name, ask) in asks {
        write(&file, &text(&[1]));
        let platform = start(&file).await;
        let other = KeyRing::parse("tripleseat", &text(&[2])).unwrap();
        let prefixes = &platform.profile().token.prefixes;
        let code = platform.grant(Consent::new("acme", OLIVIA)).await;
        let code = resealed::<Code>(&platform, &prefixes.code, &code, &other);
        let pair = ACME.connect(&platform, OLIVIA).await;
        let access = resealed::<AccessToken>(&platform, &prefixes.access, &pair.access, &other);
        let refresh = resealed::<RefreshToken>(&platform, &prefixes.refresh, &pair.refresh, &other);
        write(&file, &text(&[2, 1]));
        assert_eq!(ask(&platform, &code, &Pair { access, refresh }).await, 200, "{name}");
    }
}

#[tokio::test]
async fn r_23_a_key_that_was_removed_is_503_and_never_a_false_no() {
    let dir = TempDir::new();
    let file = dir.0.join("keys");
    write(&file, &text(&[2, 1]));
    let platform = start(&file).await;
    // Under key 2, unlike the secret of the seed, so that the app can still prove itself.
    let secret = platform.renew_secret("acme").await;
    let app = causeway_testkit::Partner { secret: Some(Box::leak(secret.into_boxed_str())), ..ACME };
    let pair = app.connect(&platform, OLIVIA).await;
    write(&file, &text(&[3, 2]));
    platform.edge.node.rings.reload().await.unwrap();
    assert_eq!(platform.edge.node.ring().ids(), [3, 2]);
    assert_eq!(sites(&platform, &pair.access).await, (200, 0));
    write(&file, &text(&[5]));
    platform.edge.node.rings.reload().await.unwrap_err();
    assert_eq!(platform.edge.node.ring().ids(), [3, 2], "keys that do not fit the data replace nothing");
    let next = Pair::of(&app.refresh(&platform, &pair.refresh).await);
    write(&file, &text(&[4, 3]));
    platform.edge.node.rings.reload().await.unwrap();
    assert_eq!(sites(&platform, &pair.access).await, (503, 803), "key 2 is gone");
    assert_eq!(sites(&platform, &next.access).await, (200, 0), "key 3 is not");
    // The app's secret is kept under key 2: that it cannot be compared is not the app's fault either.
    assert_eq!(app.refresh(&platform, &next.refresh).await.refused(), (503, "temporarily_unavailable".to_owned(), 803));
}

#[tokio::test]
async fn r_23_a_key_file_that_is_not_good_replaces_nothing() {
    // With data that say which keys made them, and with a store that does not.
    for builder in [Builder::new(), Builder::new().model()] {
        let dir = TempDir::new();
        let file = dir.0.join("keys");
        write(&file, &text(&[1]));
        let platform = start_as(builder, &file).await;
        let pair = ACME.connect(&platform, OLIVIA).await;
        let swapped = KeyRing::line(1, &[9; 32]);
        for (wrong, says) in [("", "holds no key"), ("1 short", "line 1"), (&swapped, "key 1 is ")] {
            write(&file, wrong);
            let why = platform.edge.node.rings.reload().await.unwrap_err();
            assert!(why.contains(says) && !why.contains('\n'), "{why}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(platform.edge.node.rings.reload().await.is_err());
        assert_eq!(sites(&platform, &pair.access).await, (200, 0));
        assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200);
    }
}
