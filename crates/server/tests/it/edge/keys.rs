//! What an edge is given, to the byte, and what becomes of a key that it lost.

use causeway_protocol::seal::{KeyRing, OpenAccess, SealError};
use causeway_protocol::time::Seconds;
use causeway_protocol::token::AccessToken;
use causeway_protocol::{Position, UnixTime};
use causeway_server::jobs;
use causeway_testkit::actors::ACME;
use causeway_testkit::client::base64;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Call, Platform};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::{EDGE_KEY, Edge, LEADS, builder};

/// The first bytes of the stream, up to a sign of life.
async fn stream(platform: &Platform) -> String {
    let mut stream = TcpStream::connect(platform.admin_address()).await.unwrap();
    let head = format!(
        "GET /edge/stream HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {EDGE_KEY}\r\n\r\n",
        platform.admin_address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains("\"line\":\"beat\"") {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn an_edge_is_given_its_access_keys_and_no_root_no_secret_no_person() {
    let platform = builder().keys(&[2, 1]).start().await;
    ACME.connect(&platform, OLIVIA).await;
    let sent = stream(&platform).await;
    let node = &platform.edge.node;
    for key in &node.ring().access_keys().keys {
        assert!(sent.contains(&base64(key.bytes.as_ref())), "it is given access key {}", key.id);
    }
    assert!(sent.contains("\"acme\"") && sent.contains("application/x-ndjson") && sent.contains("no-store"));
    let mut never: Vec<String> = [[2u8; 32], [1; 32]].iter().map(|root| base64(root)).collect();
    never.push(base64(node.ring().derive("oauth1 secret").as_ref()));
    for app in node.held.apps() {
        for kept in &app.secrets {
            never.push(base64(&kept.mac));
            never.push(kept.mac.iter().map(|byte| byte.to_string()).collect::<Vec<_>>().join(","));
            never.push(kept.mac.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        never.extend(app.redirect_uris.iter().cloned());
    }
    never.extend(["argon2", "@", "acme-secret", "redirect", "secret", "password"].map(str::to_owned));
    for text in never {
        assert!(!sent.contains(&text), "{text} in {sent}");
    }
}

/// What somebody can make who has the access key of before any replacement, and a token to look at.
fn forged(platform: &Platform, seen: &AccessToken) -> String {
    let leaked = KeyRing::parse("tripleseat", &KeyRing::line(1, &[1; 32])).unwrap();
    let mut token = seen.clone();
    (token.bearer.as_of, token.issued, token.noise) = (Position(i64::MAX), platform.clock.now(), [66; 4]);
    leaked.seal("ts_at_", &token, UnixTime(0))
}

#[tokio::test]
async fn a_key_that_an_edge_lost_is_replaced_and_nobody_connects_again() {
    let platform = builder().start().await;
    let edge = Edge::of(&platform).await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let lost = edge.keys();
    let seen = lost.open_access("ts_at_", &pair.access, platform.clock.now()).expect("an access key opens");
    for here in [
        edge.get(&forged(&platform, &seen), LEADS).await,
        platform.at_api(Call::get(LEADS).bearer(&forged(&platform, &seen))).await,
    ] {
        assert_eq!(here.status, 200, "who has the key can forge calls to the API that it guards");
    }

    let replaced = platform.at_admin(Call::post("/admin/audiences/0/key")).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    edge.caught_up(&platform).await;
    let at_node = async |token: &str| platform.at_api(Call::get(LEADS).bearer(token)).await.refusal();
    for token in [&pair.access, &forged(&platform, &seen)] {
        assert_eq!((at_node(token).await, edge.get(token, LEADS).await.refusal()), (601, 601));
    }
    // Nobody has to connect again.
    let fresh = ACME.refresh(&platform, &pair.refresh).await;
    assert_eq!(fresh.status, 200, "{}", fresh.text());
    let access = fresh.member("access_token");
    assert_eq!((at_node(&access).await, edge.get(&access, LEADS).await.status), (0, 200));
    assert_eq!(lost.open_access("ts_at_", &access, platform.clock.now()), Err(SealError::UnknownKey(1)));
    assert_eq!(platform.at_admin(Call::post("/admin/audiences/1/key")).await.status, 404);

    // The replacement outlives its feed entry, and a restart.
    let refresh = fresh.member("refresh_token");
    platform.clock.advance(Seconds(3 * 86_400));
    jobs::sweep(&platform.edge).await;
    let platform = platform.restart().await;
    let forged = forged(&platform, &seen);
    assert_eq!(platform.at_api(Call::get(LEADS).bearer(&forged)).await.refusal(), 601);
    let again = ACME.refresh(&platform, &refresh).await;
    let access = again.member("access_token");
    assert_eq!(platform.at_api(Call::get(LEADS).bearer(&access)).await.status, 200, "{}", again.text());
}

#[tokio::test]
async fn an_edge_that_has_not_heard_of_the_new_key_yet_knows_that_it_does_not_know() {
    let platform = builder().start().await;
    let door = super::world::Door::to(platform.admin_address()).await;
    let edge = Edge::at_door_without_patience(&platform, &door).await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    door.shut();
    assert_eq!(platform.at_admin(Call::post("/admin/audiences/0/key")).await.status, 200);
    let access = ACME.refresh(&platform, &pair.refresh).await.member("access_token");
    assert_eq!(edge.get(&access, LEADS).await.refused(), (503, "temporarily_unavailable".into(), 803));
    door.leads_to(platform.admin_address());
    edge.caught_up(&platform).await;
    assert_eq!(edge.get(&access, LEADS).await.status, 200);
    assert_eq!(edge.get(&pair.access, LEADS).await.refusal(), 601);
}
