//! The stream over TLS: an edge listens to a node whose certificate its own CA signed, and to no other (T-01, C-10).

use std::path::Path;
use std::process::Command;

use causeway_guard::remote::Patience;
use causeway_server::edge::process::{Process, Settings};
use causeway_server::http::tls::TlsFiles;
use causeway_testkit::platform::{Builder, TempDir};
use causeway_testkit::wait::in_the_end;
use causeway_testkit::{Call, PATIENCE, Platform, until};

use super::world::{EDGE_KEY, LEADS, node_key};

/// An authority, and a certificate for 127.0.0.1 that it signed, made by the `openssl` command.
fn authority(dir: &Path, name: &str) -> (Vec<u8>, TlsFiles) {
    let openssl = |line: String| {
        let done = Command::new("openssl").args(line.split(' ')).current_dir(dir).output().expect("openssl is there");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(format!("req -x509 {key} -days 3650 -subj /CN={name} -keyout {name}-ca.key -out {name}-ca.pem"));
    openssl(format!("req {key} -subj /CN=node -keyout {name}.key -out {name}.csr"));
    std::fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(format!(
        "x509 -req -in {name}.csr -CA {name}-ca.pem -CAkey {name}-ca.key -set_serial 1 -days 3650 -extfile names -out {name}.pem"
    ));
    let files = TlsFiles { cert: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) };
    (std::fs::read(dir.join(format!("{name}-ca.pem"))).unwrap(), files)
}

async fn listening(platform: &Platform, node: String, ca: Option<Vec<u8>>) -> Process {
    let key = causeway_protocol::secret::Secret::new(EDGE_KEY);
    let upstream = "http://127.0.0.1:9".to_owned();
    let mut settings = Settings::new(platform.profile().clone(), vec![node], key, upstream);
    settings.node_ca = ca;
    settings.patience = Patience { connect: PATIENCE, answer: PATIENCE, silence: PATIENCE, key: PATIENCE };
    settings.stale_limit = PATIENCE;
    settings.api_url = Some(platform.api().to_owned());
    Process::start(settings).await.expect("the guard starts")
}

async fn trouble(edge: &Process) -> String {
    until("it says why", async || edge.outpost().remote.trouble().is_some()).await;
    edge.outpost().remote.trouble().unwrap_or_default()
}

#[tokio::test]
async fn c_10_an_edge_listens_to_a_node_that_its_own_ca_signed_and_to_no_other() {
    let dir = TempDir::new();
    let (ours, files) = authority(&dir.0, "ours");
    let (theirs, _) = authority(&dir.0, "theirs");
    let tune = move |settings: &mut causeway_server::platform::Settings| {
        node_key(settings);
        settings.tls = Some(files.clone());
        settings.admin_tls = true;
    };
    let platform = Builder::new().tune(tune).start().await;
    let node = format!("https://{}", platform.admin_address());

    let edge = listening(&platform, node.clone(), Some(ours.clone())).await;
    in_the_end("it hears the node", edge.outpost().remote.loaded()).await;
    assert!(edge.outpost().remote.is_fresh());
    let host = platform.api().trim_start_matches("https://").to_owned();
    let judged = Call::get(LEADS).host(&host).bearer("x").send(edge.address()).await;
    assert_eq!((judged.status, judged.refusal()), (401, 601), "it judges");
    edge.stop().await;

    for ca in [Some(theirs), None] {
        let stranger = listening(&platform, node.clone(), ca).await;
        let why = trouble(&stranger).await;
        assert!(why.starts_with(&node) && why.contains("invalid peer certificate: UnknownIssuer"), "{why}");
        let put_off = Call::get(LEADS).host(&host).bearer("x").send(stranger.address()).await;
        assert!(!stranger.outpost().remote.is_fresh() && put_off.status != 200, "{}", put_off.text());
        stranger.stop().await;
    }
    // The right authority, and a name that is not in the certificate.
    let elsewhere = format!("https://localhost:{}", platform.admin_address().port());
    let stranger = listening(&platform, elsewhere, Some(ours)).await;
    let why = trouble(&stranger).await;
    assert!(why.contains("invalid peer certificate") && why.contains("localhost"), "{why}");
    stranger.stop().await;
}
