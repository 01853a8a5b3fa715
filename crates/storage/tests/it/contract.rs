//! The contract: every change and every read of [`Store`], each stale condition by itself, the races; run on every engine.

use std::future::Future;

use causeway_storage::sqlite::Options;
use causeway_storage::{Engine, Model, Sqlite, Store};

use crate::fixture::{TempDir, World};
use crate::{accounts, configured, families, legacy, merged, races, records};

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
    families::cut_token(world().await).await;
    merged::past_its_budget_an_app_is_cut_once(world().await).await;
    merged::however_often_the_feed_and_the_set_stop_growing(world().await).await;
    merged::what_is_refused_by_another_cut_needs_no_entry(world().await).await;
    merged::a_budget_comes_back_as_entries_leave(world().await).await;
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
    families::nobody_decides(world().await).await;
    families::families_of_a_connection(world().await).await;
    configured::app_fields(world().await).await;
    configured::replace_app(world().await).await;
    configured::logos(world().await).await;
    configured::people_and_teams(world().await).await;
    configured::creators(world().await).await;
    legacy::o1_06_spent_once(world().await).await;
    legacy::consumers(world().await).await;
    legacy::consumer_tokens(world().await).await;
    legacy::o1_12_temporaries(world().await).await;
    legacy::o1_12_temporaries_stale(world().await).await;
    legacy::tsm_07_exchange_connects(world().await).await;
    legacy::tsm_12_exchange_widens(world().await).await;
    legacy::exchange_stale(world().await).await;
    legacy::tsm_12_exchange_undoes_no_revocation(world().await).await;
    legacy::exchange_makes_room(world().await).await;
    legacy::tsm_17_extension(world().await).await;
    legacy::report(world().await).await;
    legacy::sweep_slices(world().await).await;
    accounts::api_keys(world().await).await;
    accounts::orc_02_accounts(world().await).await;
    accounts::orc_02_taken(world().await).await;
    accounts::orc_06_deleted(world().await).await;
    races::one_code(world().await).await;
    races::o1_06_one_nonce(world().await).await;
    races::tsm_07_one_exchange(world().await).await;
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
