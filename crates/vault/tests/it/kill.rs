//! A process that is killed in the middle of refreshing, again and again: whatever the instant, nobody is stranded.
//! The process is this very test binary, started for the test named `child`.

use std::process::{Command, Stdio};
use std::sync::Arc;

use causeway_vault::clock::System;
use causeway_vault::{Limits, MasterKeys, Vault};

use super::world::{KEY, TestClock, World, connect, leads, platform};

const ROUNDS: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn r_02_pv_02_kill_9_in_the_middle_of_refreshing_strands_nobody() {
    let world = World::new().await;
    let id = connect(&world.vault()).await.id;
    for round in 0..ROUNDS {
        let issued = world.fake.pairs_issued();
        let mut child = start(&world, id);
        // A different instant each time: somewhere after the next pairs were handed out.
        while world.fake.pairs_issued() <= issued + round % 4 {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            tokio::task::yield_now().await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let vault = world.vault();
        assert_eq!(vault.refresh_now(id).await.unwrap().status, causeway_vault::Status::Connected, "round {round}");
        assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200, "round {round}");
    }
    assert!(world.fake.pairs_issued() > ROUNDS);
}

fn start(world: &World, id: i64) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored"])
        .env("VAULT_CHILD", format!("{}|{}|{id}", world.fake.base, world.directory.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "started by the test above, and killed by it"]
#[allow(clippy::disallowed_methods, reason = "the parent says by its environment what to work on")]
async fn child() {
    let Ok(said) = std::env::var("VAULT_CHILD") else { return };
    let parts: Vec<&str> = said.split('|').collect();
    let keys = MasterKeys::parse(KEY).unwrap();
    let platforms = vec![platform(parts[0])];
    let clock = Arc::new(TestClock::default());
    let vault = Vault::open(parts[1].as_ref(), keys, platforms, Limits::default(), clock, Arc::new(System));
    let vault = vault.unwrap();
    loop {
        vault.refresh_now(parts[2].parse().unwrap()).await.unwrap();
    }
}
