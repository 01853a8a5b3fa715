//! The same over PostgreSQL, with a real server that a test stops and starts.

use std::sync::LazyLock;

use causeway_server::platform::{KeysAt, Platform as Server, StoreAt};
use causeway_testbed::postgres::Cluster;

use super::*;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);

fn fresh() -> Common {
    Common::Database(CLUSTER.url(&CLUSTER.database()))
}

#[tokio::test]
async fn bg_09_r_10_over_postgres_what_one_node_writes_all_know() {
    let nodes = Builder::new().on(&fresh()).started(3).await;
    nodes.iter().for_each(|node| node.patient(true));
    what_one_writes_all_know(&nodes).await;
    beats(&nodes.iter().collect::<Vec<_>>(), 2).await;
    assert_eq!(metric(&nodes[0], "causeway_nodes").await, 3.0);
}

#[tokio::test]
async fn r_05_r_09_a_database_that_is_away_ends_service_at_the_limit_and_costs_nothing() {
    let cluster = Cluster::start();
    let common = Common::Database(cluster.url(&cluster.database()));
    let nodes = Builder::new().on(&common).started(1).await;
    let node = &nodes[0];
    node.patient(true);
    let pair = ACME.connect(node, OLIVIA).await;
    assert_eq!(sites(node, &pair.access).await.0, 200);
    read(node).await;
    cluster.kill();
    node.patient(false);
    assert_eq!(sites(node, &pair.access).await.0, 200, "the guard goes on for a while");
    let refused = ACME.refresh(node, &pair.refresh).await;
    assert_eq!((refused.status, refused.member("error")), (503, "temporarily_unavailable".into()));
    assert!(!refused.header("retry-after").is_empty());
    node.clock.advance(Seconds(6));
    assert_eq!(sites(node, &pair.access).await, (503, 611));
    assert_eq!(ready(node).await.0, 503);
    cluster.run();
    // It comes back by itself; nobody calls the tailer here.
    until("it judges again", async || sites(node, &pair.access).await.0 == 200).await;
    node.patient(true);
    assert_eq!(ACME.refresh(node, &pair.refresh).await.status, 200, "the refresh token was not burnt");
}

#[tokio::test]
async fn r_23_a_key_that_is_another_one_elsewhere_seals_nothing() {
    let (dir, common) = (TempDir::new(), fresh());
    let files = ["a", "b"].map(|name| dir.0.join(name));
    let mut nodes = Vec::new();
    for (number, file) in (0..).zip(files.clone()) {
        write(&file, &[1]);
        let keys = move |settings: &mut causeway_server::platform::Settings| settings.keys = KeysAt::File(file.clone());
        nodes.push(Builder::new().on(&common).chance(1 + number).tune(keys).start().await);
    }
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    write(&files[0], &[2, 1]);
    a.edge.node.rings.reload().await.unwrap();
    beats(&[a], 1).await;
    let line = |id, byte| causeway_protocol::seal::KeyRing::line(id, &[byte; 32]);
    std::fs::write(&files[1], format!("{}\n{}", line(2, 9), line(1, 1))).unwrap();
    b.edge.node.rings.reload().await.unwrap();
    beats(&[b, a, b], 2).await;
    for node in &nodes {
        assert_eq!(node.edge.node.ring().sealing(), 1, "the same id, but not the same key");
    }
    write(&files[1], &[2, 1]);
    // Put right, it is used.
    assert!(b.edge.node.rings.reload().await.is_ok());
    beats(&[b, a, b], 2).await;
    assert_eq!(a.edge.node.ring().sealing(), 2);
}

#[tokio::test]
async fn r_31_a_database_that_cannot_be_used_is_one_clear_line_without_the_password() {
    let url = CLUSTER.url(&CLUSTER.database());
    let dir = TempDir::new();
    let start = |url: String, keys: KeysAt| async move {
        let profile = causeway_protocol::profile::shipped("tripleseat").unwrap();
        let settings = causeway_server::platform::Settings::new(
            profile,
            StoreAt::Database(causeway_protocol::secret::Secret::new(url)),
            keys,
        );
        match Server::start(settings).await {
            Ok(_) => vec!["it started".to_owned()],
            Err(problems) => problems,
        }
    };
    let file = |keys: &[u8]| {
        let path = dir.0.join(format!("keys{keys:?}"));
        write(&path, keys);
        KeysAt::File(path)
    };
    let wrong = url.replacen("not%20a%20secret", "hunter2", 1);
    let (nowhere, missing) = (url.replacen(&CLUSTER.port().to_string(), "1", 1), format!("{url}-missing"));
    for bad in [wrong, nowhere, missing] {
        let problems = start(bad.clone(), file(&[1])).await;
        assert_eq!((problems.len(), problems[0].lines().count()), (1, 1), "{problems:?}");
        assert_ne!(problems[0], "it started", "{bad}");
        assert!(!problems[0].contains("hunter2") && !problems[0].contains(causeway_testbed::postgres::PASSWORD));
    }
    // The keys that the database was made with are known in it.
    drop(Builder::new().on(&Common::Database(url.clone())).keys(&[2, 1]).start().await);
    let other = {
        let path = dir.0.join("other");
        write(&path, &[2]);
        std::fs::write(&path, causeway_protocol::seal::KeyRing::line(2, &[9; 32])).unwrap();
        KeysAt::File(path)
    };
    for (keys, says) in
        [(other, "key 2 is not the one"), (file(&[7]), "none of the keys"), (KeysAt::BesideData, "--keys")]
    {
        let problems = start(url.clone(), keys).await;
        assert!(problems[0].contains(says), "{problems:?}");
    }
    let absent = start(url, KeysAt::File(dir.0.join("absent"))).await;
    assert!(absent[0].contains("copy it here"), "{absent:?}");
}
