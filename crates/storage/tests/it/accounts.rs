//! The contract of accounts that apps register, and of API keys.

use causeway_protocol::change::Allow;
use causeway_protocol::legacy::{Account, ApiKey};
use causeway_protocol::records::{Customer, FeedEvent, SubjectKey};
use causeway_protocol::{ApiKeyId, AppId, Applied, Change, ConnectionId, CustomerId, Row, ScopeSet, Subject, UserId};
use causeway_storage::{Page, Store};

use crate::fixture::{NOW, World, account, act, api_key, customer, family_id};

fn events(applied: &Applied) -> Vec<(Subject, FeedEvent)> {
    applied.feed.iter().map(|entry| (entry.subject, entry.event)).collect()
}

pub(crate) async fn api_keys<S: Store>(world: World<S>) {
    let put = async |key: ApiKey| world.applied(Change::PutApiKey(key, act("api_key.put"))).await;
    let read = async |n: u8| world.store.api_key([n; 32]).await.expect("read");
    assert_eq!(read(1).await, None);
    let customers = api_key(1, Some(world.customer), None);
    let made = put(customers.clone()).await;
    let id = read(1).await.expect("stands").id;
    assert_eq!(events(&made), [(id.into(), FeedEvent::Changed)], "every node holds every key");
    assert_eq!(read(1).await, Some(ApiKey { id, ..customers.clone() }));
    put(api_key(2, None, Some(world.app))).await;
    let other = read(2).await.expect("stands");
    assert_eq!((other.customer, other.app, other.id != id), (None, Some(world.app), true));
    let audited = world.count("audit").await;
    put(customers.clone()).await;
    assert_eq!(world.count("audit").await, audited, "the same again is no act");
    let moved = ApiKey { customer: Some(world.other_customer), ..customers };
    assert_eq!(events(&put(moved.clone()).await), [(id.into(), FeedEvent::Changed)]);
    assert_eq!(read(1).await, Some(ApiKey { id, ..moved.clone() }));
    let off = ApiKey { active: false, ..moved.clone() };
    assert_eq!(events(&put(off).await), [(id.into(), FeedEvent::Off)]);
    assert!(!read(1).await.expect("stands").active);
    assert_eq!(events(&world.switch(id, true).await), [(id.into(), FeedEvent::On)]);
    assert_eq!(read(1).await, Some(ApiKey { id, ..moved }));
    let switch = |id: ApiKeyId, active| Change::Switch { subject: id.into(), active, act: act("switched") };
    world.stale(switch(id, true)).await;
    world.stale(switch(ApiKeyId(99), false)).await;
    let made_off = ApiKey { active: false, ..api_key(3, None, Some(world.app)) };
    let made = events(&put(made_off).await);
    let id = read(3).await.expect("stands").id;
    assert_eq!(made, [(id.into(), FeedEvent::Off), (id.into(), FeedEvent::Changed)]);
    assert_eq!(world.count("api_keys").await, 3);
    assert_eq!(world.store.boot().await.expect("boot").api_keys.last(), read(3).await.as_ref());
}

pub(crate) async fn orc_02_accounts<S: Store>(world: World<S>) {
    let wanted = account(world.app, "acc-1");
    let applied = world.applied(Change::RegisterAccount(wanted.clone(), act("account.registered"))).await;
    let Row::Customer(made) = applied.row else { panic!("a customer") };
    let is = Customer { id: made.id, name: "Account acc-1".to_owned(), ..customer("acc-1", &[]) };
    assert_eq!((&made, applied.feed), (&is, Vec::new()));
    assert_eq!(world.store.customer(made.id).await.expect("read"), Some(is.clone()));
    assert_eq!(world.store.customer_by_external("acc-1").await.expect("read"), Some(is));
    let stands = Account { customer: made.id, ..wanted };
    assert_eq!(world.store.account(made.id).await.expect("read"), Some(stands.clone()));
    assert_eq!(world.store.account_by_external("acc-1").await.expect("read"), Some(stands.clone()));
    assert_eq!(world.store.account(world.customer).await.expect("read"), None, "not every customer is an account");
    assert_eq!(world.store.account_by_external("c1").await.expect("read"), None);
    // Pages, of one app.
    let second = world.register(account(world.app, "acc-2")).await;
    let others = world.register(account(world.other_app, "acc-3")).await;
    let list = async |app, after, limit| -> Vec<CustomerId> {
        let found = world.store.accounts(app, Page { after, limit }).await.expect("read");
        found.into_iter().map(|account| account.customer).collect()
    };
    assert_eq!(list(world.app, None, 500).await, [made.id, second]);
    assert_eq!(list(world.app, None, 1).await, [made.id]);
    assert_eq!(list(world.app, Some(made.id), u32::MAX).await, [second]);
    assert_eq!(list(world.other_app, None, 500).await, [others]);
    assert_eq!(list(AppId(99), None, 500).await, []);
    // An edit changes three fields and no others.
    let edit = |account: Account| Change::EditAccount(account, act("account.edited"));
    let (name, timezone, currency) = ("New".to_owned(), "UTC".to_owned(), "EUR".to_owned());
    let edited = Account { name, timezone, currency, ..stands.clone() };
    let strange = Account {
        external_id: "acc-9".to_owned(),
        created_at: NOW - causeway_protocol::time::Seconds(9),
        ..edited.clone()
    };
    assert_eq!(events(&world.applied(edit(strange)).await), [(made.id.into(), FeedEvent::Changed)]);
    assert_eq!(world.store.account(made.id).await.expect("read"), Some(edited.clone()));
    assert_eq!(world.store.customer(made.id).await.expect("read").expect("stands").name, "New");
    let audited = world.count("audit").await;
    assert!(world.applied(edit(edited.clone())).await.feed.is_empty());
    assert_eq!(world.count("audit").await, audited, "the same again is no act");
    world.stale(edit(Account { app: world.other_app, name: "Stolen".to_owned(), ..edited.clone() })).await;
    world.stale(edit(Account { customer: world.customer, ..edited.clone() })).await;
    world.stale(edit(Account { customer: CustomerId(99), ..edited })).await;
}

pub(crate) async fn orc_02_taken<S: Store>(world: World<S>) {
    world.register(account(world.app, "acc-1")).await;
    let again = |app, id: &str| Change::RegisterAccount(account(app, id), act("account.registered"));
    world.stale(again(world.app, "acc-1")).await;
    world.stale(again(world.other_app, "acc-1")).await;
    // An id is unique on the platform, not among accounts.
    world.stale(again(world.app, "c1")).await;
}

pub(crate) async fn orc_06_deleted<S: Store>(world: World<S>) {
    let id = world.register(account(world.app, "acc-1")).await;
    let allow =
        |subject| Allow { app: world.app, subject, customer: id, person: UserId::NOBODY, scopes: ScopeSet(0b11) };
    let consent = |n, subject| {
        let mut change = world.consent(n, 0b11);
        change.allow = Some(allow(subject));
        change
    };
    let first = world.decide(consent(1, SubjectKey::Customer(id))).await;
    let second = world.decide(consent(2, SubjectKey::User(world.user))).await.connection.expect("allowed");
    let (connection, as_of) = (first.connection.expect("allowed"), first.as_of);
    let mut redeem = world.redemption(1, connection, as_of);
    (redeem.customer, redeem.user) = (id, UserId::NOBODY);
    world.applied(Change::CreateFamily(redeem)).await;
    // Somebody else's connection is not concerned.
    let untouched = world.connect(3, 0b11).await.0;
    let delete = |customer, app| Change::DeleteAccount { customer, app, act: act("account.deleted") };
    world.stale(delete(id, world.other_app)).await;
    world.stale(delete(world.customer, world.app)).await;
    world.stale(delete(CustomerId(99), world.app)).await;
    let audited = world.count("audit").await;
    let applied = world.applied(delete(id, world.app)).await;
    assert_eq!(
        events(&applied),
        [
            (connection.into(), FeedEvent::CutAll),
            (second.into(), FeedEvent::CutAll),
            (id.into(), FeedEvent::CutAll),
            (id.into(), FeedEvent::Off),
        ]
    );
    assert_eq!(world.count("audit").await, audited + 3, "two connections, and the account");
    let live = async |id: ConnectionId| world.store.connection(id).await.expect("read").expect("stays").live;
    assert_eq!((live(connection).await, live(second).await, live(untouched).await), (false, false, true));
    // The account is gone, nothing has its id, and its customer is off for ever.
    assert_eq!(world.store.account(id).await.expect("read"), None);
    assert_eq!(world.store.account_by_external("acc-1").await.expect("read"), None);
    assert_eq!(world.store.customer_by_external("acc-1").await.expect("read"), None);
    assert_eq!(world.count("accounts").await, 0);
    let gone = world.store.customer(id).await.expect("read").expect("the customer stays, as evidence");
    assert!(!gone.active);
    assert!(gone.external_id.starts_with(char::is_control), "{:?}: nobody's id", gone.external_id);
    world.stale(Change::Switch { subject: id.into(), active: true, act: act("switched") }).await;
    world.stale(delete(id, world.app)).await;
    world
        .stale(Change::EditAccount(Account { customer: id, ..account(world.app, "acc-1") }, act("account.edited")))
        .await;
    world.stale(Change::Decide(consent(4, SubjectKey::Customer(id)))).await;
    let mut refresh = world.refresh(1, 0, connection, applied.position);
    (refresh.customer, refresh.user) = (id, UserId::NOBODY);
    world.stale(Change::MoveFamily(refresh)).await;
    let standing = world.store.standing(family_id(1), connection, world.app, id, UserId::NOBODY).await.expect("read");
    assert_eq!((standing.off, standing.connection), (true, Some((ScopeSet(0b11), false))));
    // The same id again is another account, and only the same app's.
    let audited = world.count("audit").await;
    let again = |app| Change::RegisterAccount(account(app, "acc-1"), act("account.registered"));
    world.stale(again(world.other_app)).await;
    assert_eq!(world.store.customer_by_external("acc-1").await.expect("read"), None, "nothing half made");
    assert_eq!((world.count("audit").await, world.count("account_ids").await), (audited, 1));
    let again = world.register(account(world.app, "acc-1")).await;
    assert_ne!(again, id);
    assert_eq!(world.count("account_ids").await, 1);
    assert_eq!(world.store.account_by_external("acc-1").await.expect("read").expect("stands").customer, again);
    // One that staff had switched off already goes as well.
    world.switch(again, false).await;
    let applied = world.applied(delete(again, world.app)).await;
    assert_eq!(events(&applied), [(again.into(), FeedEvent::CutAll)]);
    // However often it goes.
    world.stale(Change::RegisterAccount(account(world.other_app, "acc-1"), act("account.registered"))).await;
}
