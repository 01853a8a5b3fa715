//! Take-backs are budgeted per app (TOKENS 6): past it, entries merge into one cut, the feed and the set stop growing, and
//! nothing that was refused is accepted. Who gets which answer over HTTP is the server's business.

use causeway_protocol::change::Applied;
use causeway_protocol::records::FeedEvent;
use causeway_protocol::taken_back::{PERMITTED_SKEW, TakenBack, Verdict};
use causeway_protocol::time::Seconds;
use causeway_protocol::token::Bearer;
use causeway_protocol::{
    AppId, AudienceId, Change, ConnectionId, FamilyId, Outcome, Position, ScopeSet, Subject, SubjectKind, UnixTime,
    UserId,
};
use causeway_storage::Store;

use crate::fixture::{NOW, World, act, sweep};

const BUDGET: u32 = 3;
const LIFE: Seconds = Seconds(300);

impl<S: Store> World<S> {
    /// Token `n` of an app for itself, sealed at this position.
    pub(crate) fn own_token(&self, app: AppId, n: u64, as_of: Position) -> Bearer {
        let (connection, user, customer) = (ConnectionId(0), UserId::NOBODY, self.customer);
        Bearer { family: FamilyId::lone(app, n), connection, as_of, app, user, customer }
    }

    async fn head(&self) -> Position {
        self.store.boot().await.expect("boot").head
    }

    /// A token sealed now and taken back at once.
    async fn in_and_out(&self, app: AppId, n: u64, at: UnixTime) -> Applied {
        let token = self.own_token(app, n, self.head().await);
        self.applied(cut_at(token, at)).await
    }

    async fn grown(&self) -> (u64, u64) {
        (self.count("feed").await, self.count("cuts").await)
    }
}

fn cut_at(bearer: Bearer, at: UnixTime) -> Change {
    Change::CutToken { bearer, budget: BUDGET, act: causeway_protocol::records::Act { at, ..act("token.revoked") } }
}

fn cut(bearer: Bearer) -> Change {
    cut_at(bearer, NOW)
}

fn subjects(applied: &Applied) -> Vec<Subject> {
    assert!(applied.feed.iter().all(|entry| entry.event == FeedEvent::CutAll), "{applied:?}");
    applied.feed.iter().map(|entry| entry.subject).collect()
}

/// What a node that loads now says of a token.
async fn verdict<S: Store>(world: &World<S>, token: &Bearer) -> Verdict {
    let boot = world.store.boot().await.expect("boot");
    TakenBack::new(boot.head, boot.cuts).access(token.as_of, token.subjects(AudienceId(0)))
}

pub(crate) async fn past_its_budget_an_app_is_cut_once<S: Store>(world: World<S>) {
    let itself = Subject::app_itself(world.app);
    let (sealed, before) = (world.head().await, world.grown().await);
    let mine: Vec<Bearer> = (0..8).map(|n| world.own_token(world.app, n, sealed)).collect();
    let other = world.own_token(world.other_app, 0, sealed);
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    for token in &mine[..3] {
        assert_eq!(subjects(&world.applied(cut(*token)).await), [token.family.into()]);
        world.stale(cut(*token)).await;
    }
    assert_eq!(verdict(&world, &mine[3]).await, Verdict::Live);
    let audited = world.count("audit").await;
    let merged = world.applied(cut(mine[3])).await;
    assert_eq!((subjects(&merged), merged.position), (vec![itself], merged.feed[0].position));
    assert_eq!(world.count("audit").await, audited + 1);
    let tail = world.store.audit_tail(1).await.expect("audit");
    assert!(tail[0].3 == "token.revoked" && tail[0].4.contains("more than 3 one by one"), "{tail:?}");
    // Everything from before it is refused already, whether it was named or not: no more entries.
    for token in &mine {
        assert!(matches!(verdict(&world, token).await, Verdict::Cut(_)), "{token:?}");
        world.stale(cut(*token)).await;
    }
    assert_eq!(world.grown().await, (before.0 + 4, before.1 + 4));
    // Nobody else: another app's own token, and what people connected this app to.
    assert_eq!(verdict(&world, &other).await, Verdict::Live);
    world.applied(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
    let connected = Bearer { family: FamilyId(9), connection, ..mine[0] };
    assert_eq!(verdict(&world, &connected).await, Verdict::Live);
    // The rule of cuts: dead is what was sealed before the cut's own position was seen, and nothing after that.
    let almost = world.own_token(world.app, 20, Position(merged.position.0 - 1));
    assert_eq!(verdict(&world, &almost).await, Verdict::Cut(itself));
    world.stale(cut(almost)).await;
    let fresh = world.own_token(world.app, 21, merged.position);
    assert_eq!(verdict(&world, &fresh).await, Verdict::Live);
    // One that was sealed after it moves the cut: refused, and nothing grew.
    let moved = world.applied(cut(fresh)).await;
    assert_eq!(subjects(&moved), [itself]);
    assert_eq!(verdict(&world, &fresh).await, Verdict::Cut(itself));
    assert_eq!(world.grown().await, (before.0 + 4, before.1 + 4));
    // Another app has a budget of its own.
    assert_eq!(subjects(&world.applied(cut(other)).await), [other.family.into()]);
}

pub(crate) async fn however_often_the_feed_and_the_set_stop_growing<S: Store>(world: World<S>) {
    let before = world.grown().await;
    let start = world.head().await;
    let mut stood = vec![(start, world.store.boot().await.expect("boot").cuts)];
    let mut tokens = Vec::new();
    for n in 0..40 {
        // Others' entries come between.
        if n % 10 == 9 {
            world.switch(world.other_app, n % 20 == 19).await;
        }
        tokens.push(world.own_token(world.app, n, world.head().await));
        world.in_and_out(world.app, n, NOW).await;
        let boot = world.store.boot().await.expect("boot");
        stood.push((boot.head, boot.cuts));
    }
    let after = world.grown().await;
    assert_eq!(after, (before.0 + u64::from(BUDGET) + 1 + 4, before.1 + u64::from(BUDGET) + 1 + 1));
    let now = world.store.boot().await.expect("boot");
    // Wherever a node stood, it reads on without a gap, in pieces of any size, and knows the same in the end.
    for (head, cuts) in stood {
        for piece in [1, 7, 500] {
            let mut set = TakenBack::new(head, cuts.clone());
            while set.head() < now.head {
                let tail = world.tail(set.head(), piece).await;
                assert_eq!(tail.head, now.head);
                assert!((1..=piece as usize).contains(&tail.entries.len()), "{:?} by {piece}: {tail:?}", set.head());
                tail.entries.iter().for_each(|entry| set.absorb(entry).expect("no gap"));
            }
            assert_eq!(set.len(), now.cuts.len(), "from {head:?} by {piece}");
            assert!(now.cuts.iter().all(|(subject, cuts)| set.cuts(*subject) == *cuts));
            for token in &tokens {
                let said = set.access(token.as_of, token.subjects(AudienceId(0)));
                assert!(matches!(said, Verdict::Cut(_)), "{token:?}: {said:?}");
            }
        }
    }
}

pub(crate) async fn what_is_refused_by_another_cut_needs_no_entry<S: Store>(world: World<S>) {
    let token = |n, as_of| world.own_token(world.app, n, as_of);
    let sealed = world.head().await;
    world.applied(Change::SetAppScopes { app: world.app, scopes: ScopeSet(0b1), act: act("app.scopes") }).await;
    world.stale(cut(token(1, sealed))).await;
    let sealed = world.head().await;
    world.switch(world.customer, false).await;
    world.stale(cut(token(2, sealed))).await;
    world.switch(world.customer, true).await;
    let sealed = world.head().await;
    assert_eq!(subjects(&world.applied(cut(token(3, sealed))).await), [token(3, sealed).family.into()]);
    // Two of an app that came to share a number end together, but one that was sealed later is not taken for ended.
    let later = token(3, world.head().await);
    assert_eq!(verdict(&world, &later).await, Verdict::Live);
    world.applied(cut(later)).await;
    assert!(matches!(verdict(&world, &later).await, Verdict::Cut(_)));
}

pub(crate) async fn a_budget_comes_back_as_entries_leave<S: Store>(world: World<S>) {
    world.applied(Change::RaiseAccessLife(LIFE)).await;
    let ends = |at: UnixTime| at + LIFE + PERMITTED_SKEW + Seconds(1);
    let itself = Subject::app_itself(world.app);
    let before = world.grown().await.1;
    for n in 0..3 {
        world.in_and_out(world.app, n, NOW).await;
    }
    let late = NOW + Seconds(100);
    for n in 3..6 {
        assert_eq!(subjects(&world.in_and_out(world.app, n, late).await), [itself]);
    }
    assert_eq!(world.grown().await.1, before + 4);
    // The single ones leave: there is room again, and the cut, which is the oldest entry now, still stands.
    world.applied(Change::Sweep(sweep(ends(NOW)))).await;
    assert_eq!(world.grown().await, (1, before + 1));
    let oldest = world.store.feed(Position::ZERO, 1).await.expect("feed")[0];
    assert_eq!((oldest.subject, oldest.event), (itself, FeedEvent::CutAll));
    for n in 6..9 {
        let token = FamilyId::lone(world.app, n);
        assert_eq!(subjects(&world.in_and_out(world.app, n, ends(NOW)).await), [token.into()]);
    }
    // No cut takes the oldest entry's place: a node that has read up to it must find what follows.
    let unseen = world.own_token(world.app, 3, Position(oldest.position.0 - 1));
    assert_eq!(subjects(&world.in_and_out(world.app, 9, ends(NOW)).await), [itself]);
    assert_eq!(world.store.feed(Position::ZERO, 1).await.expect("feed")[0].position, oldest.position);
    assert!(matches!(verdict(&world, &unseen).await, Verdict::Cut(_)));
    for n in 10..14 {
        world.in_and_out(world.app, n, ends(NOW)).await;
    }
    assert_eq!(world.grown().await, (5, before + 4), "the oldest, three single ones, the last cut");
    let follows = world.store.feed(oldest.position, 500).await.expect("feed");
    assert_eq!(follows.first().map(|entry| entry.position), Some(oldest.position.next()));
    // In slices, each with what was replaced inside it.
    for left in [4, 3, 2, 1, 0] {
        let slice = causeway_protocol::change::Sweep { limit: 1, ..sweep(ends(ends(NOW))) };
        world.applied(Change::Sweep(slice)).await;
        assert_eq!(world.grown().await.0, left);
    }
    assert_eq!(world.grown().await.1, before, "cuts of what only access tokens had leave with their entries");
    let boot = world.store.boot().await.expect("boot");
    assert!(boot.cuts.iter().all(|(subject, _)| subject.kind != SubjectKind::AppItself), "{:?}", boot.cuts);
    assert_eq!(world.store.feed(Position::ZERO, 500).await.expect("feed"), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_budget_is_one_over_all_nodes() {
    let cluster = crate::postgres::cluster();
    let database = cluster.database();
    let first = World::new(crate::postgres::node(cluster, &database).await).await;
    let nodes = [std::sync::Arc::new(first), {
        let second = crate::postgres::node(cluster, &database).await;
        std::sync::Arc::new(World::new(second).await)
    }];
    let before = nodes[0].grown().await;
    let sealed = nodes[0].head().await;
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..60 {
        let world = std::sync::Arc::clone(&nodes[n % 2]);
        callers.spawn(async move { world.apply(cut(world.own_token(world.app, n as u64, sealed))).await });
    }
    let outcomes = callers.join_all().await;
    let applied = outcomes.iter().filter(|outcome| **outcome != Outcome::Stale).count();
    assert_eq!(applied, BUDGET as usize + 1, "all were sealed before the cut");
    assert_eq!(nodes[1].grown().await, (before.0 + 4, before.1 + 4));
}
