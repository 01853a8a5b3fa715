//! What stands in the vault's file, and who can read it.

use std::sync::Arc;
use std::sync::{Mutex, OnceLock};

use causeway_protocol::time::Seconds;
use causeway_vault::{Limits, MasterKeys, Vault};

use super::world::{CLIENT_SECRET, KEY, Seeded, World, connect, leads};

fn contains(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window == what.as_bytes())
}

#[tokio::test]
async fn core_20_tokens_are_encrypted_and_their_ends_scope_and_status_are_kept() {
    let world = World::new().await;
    let mut platform = world.platform();
    platform.profile.partner.refresh_life = Some(Seconds(365 * 86_400));
    platform.profile.partner.refresh_slides = true;
    let vault = world.vault_of(platform);
    let connection = connect(&vault).await;
    vault.begin("tripleseat", "main", "s").await.unwrap();
    vault.refresh_now(connection.id).await.unwrap();
    vault.call(connection.id, &leads()).await.unwrap();
    let connection = vault.connection(connection.id).await.unwrap();
    assert_eq!(connection.access_ends.unwrap().since(connection.obtained).0, 7200);
    assert_eq!(connection.refresh_ends.unwrap().since(connection.obtained).0, 365 * 86_400);
    assert_eq!(connection.scope, "leads:read events:read");
    let bytes = world.store_bytes();
    assert!(contains(&bytes, "leads:read events:read"), "the file is read where the rows stand");
    let sent = world.fake.seen("/token");
    for secret in [
        "access-number",
        "refresh-number",
        "ts_at_",
        "ts_rt_",
        CLIENT_SECRET,
        "good-code",
        sent[0].form["code_verifier"].as_str(),
        sent[1].headers["idempotency-key"].as_str(),
    ] {
        assert!(!contains(&bytes, secret), "{secret}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn c_13_the_file_is_ours_alone_and_stays_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await;
    let vault = world.vault();
    connect(&vault).await;
    for name in ["vault.db", "vault.db-wal"] {
        let mode = std::fs::metadata(world.directory.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(vault);
    std::fs::set_permissions(world.directory.join("vault.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let problems = open(&world, KEY).unwrap_err();
    assert!(problems[0].contains("chmod 600"), "{problems:?}");
}

fn open(world: &World, keys: &str) -> Result<Vault, Vec<String>> {
    let keys = MasterKeys::parse(keys).unwrap();
    let entropy = Arc::new(Seeded::new(77));
    Vault::open(&world.directory, keys, vec![world.platform()], Limits::default(), world.clock.clone(), entropy)
}

#[tokio::test]
async fn c_05_a_wrong_key_file_is_refused_at_the_start_and_nothing_is_lost() {
    let world = World::new().await;
    let id = connect(&world.vault()).await.id;
    let other = "1 //////////////////////////////////////////8=";
    let problems = open(&world, other).unwrap_err();
    assert!(problems[0].contains("does not hold the key of this vault"), "{problems:?}");
    assert_eq!(world.vault().call(id, &leads()).await.unwrap().status, 200);
}

#[tokio::test]
async fn c_05_a_new_master_key_stands_beside_the_old_one() {
    let world = World::new().await;
    let id = connect(&world.vault()).await.id;
    let both = format!("2 //////////////////////////////////////////8=\n{KEY}");
    let vault = open(&world, &both).unwrap();
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    vault.refresh_now(id).await.unwrap();
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_key_file_is_made_once_for_its_owner_alone() {
    let world = World::new().await;
    let path = world.directory.join("vault.keys");
    MasterKeys::open_or_make(&path, &Seeded::new(1)).unwrap();
    let first = std::fs::read_to_string(&path).unwrap();
    MasterKeys::open_or_make(&path, &Seeded::new(2)).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(MasterKeys::open_or_make(&path, &Seeded::new(3)).unwrap_err()[0].contains("chmod 600"));
    }
}

#[tokio::test]
async fn pv_05_an_envelope_moved_to_another_row_or_field_does_not_open() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    let db = rusqlite::Connection::open(world.directory.join("vault.db")).unwrap();
    db.execute("UPDATE connections SET access = refresh", []).unwrap();
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, causeway_protocol::Reason::StoreFailed);
    db.execute("UPDATE connections SET id = 7", []).unwrap();
    assert!(vault.call(7, &leads()).await.is_err());
    assert_eq!(world.fake.seen("/leads").len(), 0, "nothing of it was sent");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn pv_05_c_09_the_log_holds_no_secret() {
    static LOG: OnceLock<Log> = OnceLock::new();
    let log = LOG.get_or_init(Log::default).clone();
    let writer = log.clone();
    // For the whole process: every other test's secrets are looked for as well.
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).init();
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    vault.call(id, &leads()).await.unwrap();
    world.fake.revoke_everything();
    let refusal = vault.call(id, &leads()).await.unwrap_err();
    let said = format!("{refusal:?} {:?}", vault.connections().await.unwrap());
    let mut text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("/oauth2/token"), "the log was written");
    text.push_str(&said);
    for secret in ["access-number", "refresh-number", CLIENT_SECRET, "good-code"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
