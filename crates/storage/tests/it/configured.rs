//! The contract of what apps, sites and people carry beside their names: reviews, logos, creators, teams.

use causeway_protocol::legacy::Logo;
use causeway_protocol::records::{App, AppStatus, Customer, FeedEvent, Membership, Person, Role, Site};
use causeway_protocol::{AppId, Applied, Change, CustomerId, Row, ScopeSet, Subject, UserId};
use causeway_storage::Store;

use crate::fixture::{World, act, app, customer, person, verifier};

fn events(applied: &Applied) -> Vec<(Subject, FeedEvent)> {
    applied.feed.iter().map(|entry| (entry.subject, entry.event)).collect()
}

async fn stored<S: Store>(world: &World<S>, app: AppId) -> App {
    world.store.app(app).await.expect("read").expect("stands")
}

fn logo(byte: u8) -> Logo {
    Logo { content_type: "image/png".to_owned(), bytes: vec![byte; 64 * 1024] }
}

pub(crate) async fn app_fields<S: Store>(world: World<S>) {
    let full = App {
        registered_by: Some(world.user),
        home: Some(world.customer),
        providers: vec!["google".to_owned(), "acme".to_owned()],
        review_note: "Looks fine.".to_owned(),
        ..app("three")
    };
    let id = world.put_app(full.clone()).await;
    assert_eq!(stored(&world, id).await, App { id, ..full.clone() });
    assert_eq!(world.store.boot().await.expect("boot").apps.last(), Some(&App { id, ..full.clone() }));
    let audited = world.count("audit").await;
    world.put_app(full.clone()).await;
    assert_eq!(world.count("audit").await, audited, "the same again is no act");
    let fewer = App { providers: vec!["acme".to_owned()], home: None, registered_by: None, ..full };
    let applied = world.applied(Change::PutApp(fewer.clone(), act("app.put"))).await;
    assert_eq!(events(&applied), [(id.into(), FeedEvent::Changed)]);
    assert_eq!(stored(&world, id).await, App { id, ..fewer });
}

pub(crate) async fn replace_app<S: Store>(world: World<S>) {
    let expected = stored(&world, world.app).await;
    let replace = |expected: &App, app: &App| Change::ReplaceApp {
        expected: Box::new(expected.clone()),
        app: Box::new(app.clone()),
        act: act("app.edited"),
    };
    let named = App { name: "Renamed".to_owned(), review_note: "Checked".to_owned(), ..expected.clone() };
    let applied = world.applied(replace(&expected, &named)).await;
    assert_eq!(
        (events(&applied), &applied.row),
        (vec![(world.app.into(), FeedEvent::Changed)], &Row::App(named.clone()))
    );
    assert_eq!(stored(&world, world.app).await, named);
    // What stands is not what was expected any more; and nobody becomes somebody else.
    world.stale(replace(&expected, &named)).await;
    world.stale(replace(&App { secrets: vec![verifier(9)], ..named.clone() }, &expected)).await;
    world.stale(replace(&App { id: AppId(99), ..named.clone() }, &expected)).await;
    world.stale(replace(&named, &App { id: world.other_app, ..named.clone() })).await;
    world.stale(replace(&named, &App { client_id: "client-two".to_owned(), ..named.clone() })).await;
    let audited = world.count("audit").await;
    assert_eq!(events(&world.applied(replace(&named, &named)).await), []);
    assert_eq!(world.count("audit").await, audited, "the same again is no act");
    let narrow = App { scopes: ScopeSet(1), ..named.clone() };
    assert_eq!(events(&world.applied(replace(&named, &narrow)).await), [(world.app.into(), FeedEvent::CutAccess)]);
    // A review: whoever could be used, by anybody or by its own customer, and now cannot, is cut.
    let pending = App { status: AppStatus::Pending, home: Some(world.customer), ..narrow.clone() };
    let cut = vec![(world.app.into(), FeedEvent::CutAccess)];
    assert_eq!(events(&world.applied(replace(&narrow, &pending)).await), cut);
    let rejected = App { status: AppStatus::Rejected, review_note: "No.".to_owned(), ..pending.clone() };
    assert_eq!(events(&world.applied(replace(&pending, &rejected)).await), cut);
    let approved = App { status: AppStatus::Approved, active: false, ..rejected.clone() };
    let approval = events(&world.applied(replace(&rejected, &approved)).await);
    assert_eq!(approval, [(world.app.into(), FeedEvent::Off), (world.app.into(), FeedEvent::Changed)]);
}

pub(crate) async fn logos<S: Store>(world: World<S>) {
    let set = |app, logo: Option<Logo>| Change::SetLogo { app, logo, act: act("app.logo") };
    let held = async || world.store.logo(world.app).await.expect("read");
    assert_eq!(held().await, None);
    let first = world.applied(set(world.app, Some(logo(1)))).await;
    assert_eq!(events(&first), [(world.app.into(), FeedEvent::Changed)]);
    let one = stored(&world, world.app).await;
    assert_eq!((first.row, one.logo.is_some()), (Row::App(one.clone()), true));
    assert_eq!(held().await, Some(logo(1)));
    assert_eq!(world.store.logo(world.other_app).await.expect("read"), None);
    let audited = world.count("audit").await;
    assert_eq!(world.applied(set(world.app, Some(logo(1)))).await.row, Row::App(one.clone()));
    assert_eq!(world.count("audit").await, audited, "the same again is no act");
    world.applied(set(world.app, Some(logo(2)))).await;
    let two = stored(&world, world.app).await;
    assert_ne!(one.logo, two.logo, "another image has another address");
    assert_eq!(world.count("logos").await, 1);
    // Whoever puts or edits an app says nothing about its logo.
    world.put_app(App { name: "Other".to_owned(), ..app("one") }).await;
    let named = stored(&world, world.app).await;
    assert_eq!(named.logo, two.logo);
    let edit = App { name: "Third".to_owned(), logo: None, ..named.clone() };
    let edit = Change::ReplaceApp { expected: Box::new(named), app: Box::new(edit), act: act("app.edited") };
    let Row::App(edited) = world.applied(edit).await.row else { panic!("an app") };
    assert_eq!(edited.logo, two.logo);
    world.applied(set(world.app, None)).await;
    assert_eq!((held().await, stored(&world, world.app).await.logo), (None, None));
    assert_eq!(world.count("logos").await, 0);
    world.stale(set(AppId(99), Some(logo(1)))).await;
}

pub(crate) async fn people_and_teams<S: Store>(world: World<S>) {
    let team = |customer, role| Membership { customer, role };
    let (first, second) = (world.customer, world.other_customer);
    let named = Person {
        name: "Ada".to_owned(),
        customer: Some(second),
        teams: vec![team(second, Role::Member), team(first, Role::CustomerAdmin)],
        ..person("ada@one.example")
    };
    let ada = world.put_person(named.clone()).await;
    let sorted = vec![team(first, Role::CustomerAdmin), team(second, Role::Member)];
    let wanted = Person { id: ada, teams: sorted, ..named.clone() };
    assert_eq!(world.store.person(ada).await.expect("read"), Some(wanted.clone()));
    assert_eq!(world.store.person_by_email("Ada@one.example").await.expect("read"), Some(wanted));
    let put = async |person: Person| events(&world.applied(Change::PutPerson(person, act("person.put"))).await);
    assert_eq!(put(named.clone()).await, [], "another order is no other person");
    let left = Person { teams: vec![team(first, Role::CustomerAdmin)], ..named };
    assert_eq!(put(left.clone()).await, [(ada.into(), FeedEvent::Changed)]);
    assert_eq!(world.store.person(ada).await.expect("read").expect("stands").teams, left.teams);
    // Everybody in this world is the first customer's admin, but Ada.
    let first_of = async |customer, role| -> Option<UserId> {
        world.store.first_person(customer, role).await.expect("read").map(|person| person.id)
    };
    assert_eq!(first_of(first, Role::CustomerAdmin).await, Some(world.user));
    assert_eq!(first_of(second, Role::CustomerAdmin).await, Some(ada));
    assert_eq!(first_of(second, Role::Member).await, None);
    assert_eq!(first_of(CustomerId(99), Role::CustomerAdmin).await, None);
    world.switch(world.user, false).await;
    assert_eq!(first_of(first, Role::CustomerAdmin).await, Some(world.other_user), "only who is on");
}

pub(crate) async fn creators<S: Store>(world: World<S>) {
    let mut made = customer("c1", &["s1", "s2"]);
    made.sites[1].creator = Some(world.user);
    let applied = world.applied(Change::PutCustomer(made, act("customer.put"))).await;
    assert_eq!(events(&applied), [(world.customer.into(), FeedEvent::Changed)]);
    let stands: Customer = world.store.customer(world.customer).await.expect("read").expect("stands");
    assert_eq!(stands.sites.iter().map(|site| site.creator).collect::<Vec<_>>(), [None, Some(world.user)]);
    let site = Site { active: false, ..stands.sites[1].clone() };
    world.applied(Change::PutCustomer(Customer { sites: vec![site], ..stands.clone() }, act("customer.put"))).await;
    let stands = world.store.customer(world.customer).await.expect("read").expect("stands");
    assert_eq!((stands.sites[1].creator, stands.sites[1].active), (Some(world.user), false));
}
