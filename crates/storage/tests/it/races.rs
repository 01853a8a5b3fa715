//! Many callers, one code or one refresh token: exactly one wins.

use std::sync::Arc;

use causeway_protocol::records::FamilyDigest;
use causeway_protocol::{Change, Outcome};
use causeway_storage::Store;
use tokio::sync::Barrier;

use crate::fixture::{NOW, World, consumer};

const CALLERS: u8 = 64;

/// All callers start together; answers how many were applied.
async fn race<S: Store>(world: &Arc<World<S>>, change: impl Fn(u8) -> Change) -> usize {
    let start = Arc::new(Barrier::new(CALLERS as usize));
    let callers: Vec<_> = (0..CALLERS)
        .map(|n| {
            let (world, start, change) = (Arc::clone(world), Arc::clone(&start), change(n));
            tokio::spawn(async move {
                start.wait().await;
                world.apply(change).await
            })
        })
        .collect();
    let mut won = 0;
    for caller in callers {
        won += usize::from(matches!(caller.await.expect("no panic"), Outcome::Applied(_)));
    }
    won
}

pub(crate) async fn one_code<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    let world = Arc::new(world);
    let won = race(&world, |n| {
        let mut change = world.redemption(7, connection, as_of);
        change.family.digest = FamilyDigest([n; 16]);
        Change::CreateFamily(change)
    })
    .await;
    assert_eq!(won, 1, "one code was redeemed {won} times");
    assert_eq!(world.count("families").await, 1);
}

pub(crate) async fn o1_06_one_nonce<S: Store>(world: World<S>) {
    let world = Arc::new(world);
    let won = race(&world, |_| Change::SpendOnce { digest: [1; 16], expires_at: NOW }).await;
    assert_eq!(won, 1, "one nonce was used {won} times");
}

pub(crate) async fn tsm_07_one_exchange<S: Store>(world: World<S>) {
    let consumer = world.put_consumer(consumer("ck", world.customer)).await;
    let world = Arc::new(world);
    let won = race(&world, |n| Change::Exchange(world.exchange(u32::from(n) + 1, consumer, 0b11))).await;
    assert_eq!(won, 1, "one pair was exchanged {won} times");
    assert_eq!((world.count("connections").await, world.count("families").await), (1, 1));
}

pub(crate) async fn one_refresh_token<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(7, connection, as_of))).await;
    let world = Arc::new(world);
    for generation in 0..20 {
        let won = race(&world, |_| Change::MoveFamily(world.refresh(7, generation, connection, as_of))).await;
        assert_eq!(won, 1, "generation {generation} was used {won} times");
    }
    assert_eq!(world.family(7, connection).await.expect("stands").generation, 20);
}
