//! The contract: every change and every read of [`Store`], each stale condition by itself, the races; run on every engine.

use std::future::Future;

use causeway_storage::sqlite::Options;
use causeway_storage::{Engine, Model, Sqlite, Store};

use crate::fixture::{TempDir, World};
use crate::{families, races, records};

/// Everything an engine must do. Each part gets a world of its own.
pub(crate) async fn all<S: Store, F: Future<Output = World<S>>>(world: impl Fn() -> F) {
    families::decide(world().await).await;
    families::decide_again(world().await).await;
    families::another_customer(world().await).await;
    families::decide_stale(world().await).await;
    families::create(world().await).await;
    families::create_stale(world().await).await;
    families::too_many(world().await).await;
    families::advance(world().await).await;
    families::advance_stale(world().await).await;
    families::repudiate(world().await).await;
    families::cut(world().await).await;
    families::standing(world().await).await;
    families::lists(world().await).await;
    records::switches(world().await).await;
    records::apps(world().await).await;
    records::apps_replaced(world().await).await;
    records::customers(world().await).await;
    records::people(world().await).await;
    records::sessions(world().await).await;
    records::small_things(world().await).await;
    records::feed_and_boot(world().await).await;
    records::audit(world().await).await;
    records::sweep_slices(world().await).await;
    records::sweep_keeps_evidence(world().await).await;
    races::one_code(world().await).await;
    races::one_refresh_token(world().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn model_holds_the_contract() {
    all(|| World::new(Engine::Model(Model::default()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_holds_the_contract() {
    let dir = TempDir::new();
    let next = std::cell::Cell::new(0);
    all(|| {
        next.set(next.get() + 1);
        World::new(Engine::Sqlite(Sqlite::open(&dir.path().join(next.get().to_string())).expect("opens")))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_with_batches_of_one_holds_the_contract() {
    let dir = TempDir::new();
    let next = std::cell::Cell::new(0);
    let options = Options { batch: 1, readers: 1, ..Options::default() };
    all(|| {
        next.set(next.get() + 1);
        World::new(Sqlite::open_with(&dir.path().join(next.get().to_string()), options).expect("opens"))
    })
    .await;
}
