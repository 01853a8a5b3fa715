//! Loads seeds into the store: once each (by digest). A seed only adds what is not there, every field as written: what
//! the operator did since is never undone. What a seed file may hold is `seed`'s business.

mod more;

use std::collections::HashMap;

use causeway_protocol::authorize::MAX_REDIRECT_URI;
use causeway_protocol::records::{Act, App, Customer, Membership, Person, Site, Visibility};
use causeway_protocol::secret::{PasswordHash, Secret};
use causeway_protocol::{AppId, Change, CustomerId, Outcome, Refusal, Row, ScopeSet, SiteId, UserId};
use causeway_storage::Store;

use crate::flows::passwords;
use crate::node::{Node, refusal_of};
use crate::seed::{Seed, SeedApp, SeedCustomer, SeedPerson};

/// A seed and where it came from.
#[derive(Clone, Debug)]
pub struct SeedFile {
    /// For messages: the path, or "the demo's seed".
    pub name: String,
    /// SHA-256 of the text: a file is loaded once.
    pub digest: [u8; 32],
    /// What it says.
    pub seed: Seed,
}

impl SeedFile {
    /// A seed that was read from `text`.
    pub fn new(name: impl Into<String>, text: &str, seed: Seed) -> Self {
        Self { name: name.into(), digest: causeway_protocol::seal::sha256(&[text.as_bytes()]), seed }
    }
}

/// Loads a file unless it was loaded already: adds the apps, people, customers and sites that are not there, and touches
/// no row that is. Answers how those that were kept differ from the file, one line each. It is marked as loaded last:
/// after a crash it is loaded again, which adds what is still missing.
///
/// # Errors
/// One line.
pub async fn load(node: &Node, file: &SeedFile) -> Result<Vec<String>, String> {
    let failed = |refusal: Refusal| format!("{}: {}", file.name, refusal.description());
    let named = |why: String| format!("{}: {why}", file.name);
    if node.store.seed_loaded(file.digest).await.map_err(|error| named(error.to_string()))? {
        return Ok(Vec::new());
    }
    let (mut kept, mut people) = (Kept::default(), Vec::new());
    for person in &file.seed.people {
        people.push(node.store.person_by_email(&person.email).await.map_err(|error| named(error.to_string()))?);
    }
    // Hashing takes longest: it runs beside the rest.
    let passwords = look_at_all(&file.seed.people, &people);
    let mut customers = HashMap::new();
    for customer in &file.seed.customers {
        let id = add_customer(node, customer, &mut kept).await.map_err(failed)?;
        customers.insert(customer.id.clone(), id);
    }
    for app in &file.seed.apps {
        let owner = find(node, &customers, app.customer.as_deref()).await?;
        let wanted = app_of(node, app, owner);
        match node.app(&app.client_id) {
            Some(old) => kept.app(&old, &wanted, has_secret_of(node, &old, app)),
            None => node.apply(Change::PutApp(wanted, act(node, "app.put"))).await.map(drop).map_err(failed)?,
        }
    }
    more::accounts(node, &file.seed, &mut kept).await.map_err(named)?;
    let passwords = passwords.await.map_err(named)?;
    for ((person, old), password) in file.seed.people.iter().zip(people).zip(passwords) {
        let customer = find(node, &customers, person.customer.as_deref()).await?;
        match (old, password) {
            (Some(old), password) => kept.person(&old, person, customer, matches!(password, Password::Same)),
            (None, Password::Fresh(hash)) => add_person(node, person, customer, &customers, hash).await?,
            (None, _) => return Err(named("a password was not hashed".to_owned())),
        }
    }
    more::load(node, &file.seed, &customers, &mut kept).await.map_err(named)?;
    node.apply(Change::MarkSeed(file.digest)).await.map_err(failed)?;
    Ok(kept.0)
}

/// How rows that were kept differ from a seed, one line each. No line tells a value.
#[derive(Default)]
struct Kept(Vec<String>);

impl Kept {
    fn note(&mut self, what: &str, id: &str, fields: &[(&str, bool)]) {
        let differ: Vec<&str> = fields.iter().filter(|(_, same)| !same).map(|(field, _)| *field).collect();
        if !differ.is_empty() {
            self.0.push(format!("kept: {what} {id} differs from the seed in {}", differ.join(", ")));
        }
    }

    fn app(&mut self, old: &App, new: &App, same_secret: bool) {
        let fields = [
            ("name", old.name == new.name),
            ("owner", old.owner == new.owner),
            ("description", old.description == new.description),
            ("info_url", old.info_url == new.info_url),
            ("kind", old.kind == new.kind),
            ("visibility", old.visibility == new.visibility),
            ("status", old.status == new.status),
            ("active", old.active == new.active),
            ("verified", old.verified == new.verified),
            ("pkce_required", old.pkce_required == new.pkce_required),
            ("client_secret", same_secret),
            // The demo adds one.
            ("redirect_uris", new.redirect_uris.iter().all(|uri| old.redirect_uris.contains(uri))),
            ("scopes", old.scopes == new.scopes),
        ];
        self.note("app", &new.client_id, &fields);
    }

    fn person(&mut self, old: &Person, seed: &SeedPerson, customer: Option<CustomerId>, same_password: bool) {
        let fields = [
            ("role", old.role == seed.role),
            ("customer", old.customer == customer),
            ("password", same_password),
            ("active", old.active == seed.active),
        ];
        self.note("person", &seed.email, &fields);
    }
}

fn has_secret_of(node: &Node, old: &App, seed: &SeedApp) -> bool {
    match &seed.client_secret {
        Some(secret) => node.ring().verify(secret.expose(), &old.secrets),
        None => old.secrets.is_empty(),
    }
}

/// Makes an app return to these addresses and no others: the demo's dashboard stands on another port each time.
///
/// # Errors
/// One line.
pub async fn set_redirect_uris(node: &Node, client_id: &str, uris: &[String]) -> Result<(), String> {
    let Some(known) = node.app(client_id).filter(|app| app.redirect_uris != uris) else { return Ok(()) };
    if uris.iter().any(|uri| uri.len() > MAX_REDIRECT_URI) {
        return Err(format!("{client_id}: a redirect URI has at most {MAX_REDIRECT_URI} characters"));
    }
    let app = App { redirect_uris: uris.to_vec(), ..App::clone(&known) };
    let change = Change::PutApp(app, act(node, "app.put"));
    node.apply(change).await.map(drop).map_err(|refusal| refusal.description())
}

fn act(node: &Node, verb: &'static str) -> Act {
    Act { at: node.now(), actor: "seed".to_owned(), verb, subject: None, detail: String::new() }
}

/// Passwords are looked at on so many threads at once: each takes 19 MiB and a core.
const LANES: usize = 2;

/// What became of a seed's password.
enum Password {
    /// Of somebody new: what is kept of it.
    Fresh(PasswordHash),
    /// Of somebody who is there, and has it.
    Same,
    /// Of somebody who is there, and has another one.
    Another,
}

/// Hashes the passwords of who is new and compares those of who is there, in the order of the list, while the caller does
/// something else.
fn look_at_all(
    people: &[SeedPerson],
    there: &[Option<Person>],
) -> impl Future<Output = Result<Vec<Password>, String>> + use<> {
    let look = |(password, kept): &(Secret, Option<PasswordHash>)| match kept {
        None => passwords::hash_now(password.expose()).map(Password::Fresh),
        Some(kept) if passwords::is_now(password.expose(), kept) => Ok(Password::Same),
        Some(_) => Ok(Password::Another),
    };
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let mine = people.iter().zip(there).skip(lane).step_by(LANES);
            let mine: Vec<(Secret, Option<PasswordHash>)> = mine
                .map(|(seed, old)| (Secret::new(seed.password.expose()), old.as_ref().map(|old| old.password.clone())))
                .collect();
            tokio::task::spawn_blocking(move || mine.iter().map(look).collect::<Vec<_>>())
        })
        .collect();
    let count = people.len();
    async move {
        let mut done = Vec::new();
        for lane in lanes {
            done.push(lane.await.map_err(|error| error.to_string())?.into_iter());
        }
        let in_order = (0..count).filter_map(|at| done[at % LANES].next());
        in_order.collect::<Result<_, _>>().map_err(|refusal: Refusal| refusal.description())
    }
}

async fn find(
    node: &Node,
    known: &HashMap<String, CustomerId>,
    id: Option<&str>,
) -> Result<Option<CustomerId>, String> {
    let Some(id) = id else { return Ok(None) };
    if let Some(found) = known.get(id) {
        return Ok(Some(*found));
    }
    let found = node.store.customer_by_external(id).await.map_err(|error| error.to_string())?;
    found.map(|customer| Some(customer.id)).ok_or_else(|| format!("there is no customer {id}"))
}

/// Adds a customer, or to one that is there the sites that it has not.
async fn add_customer(node: &Node, seed: &SeedCustomer, kept: &mut Kept) -> Result<CustomerId, Refusal> {
    let site = |site: &crate::seed::SeedSite| Site {
        id: SiteId(0),
        external_id: site.id.clone(),
        name: site.name.clone(),
        active: site.active,
        creator: None,
    };
    let mut customer = Customer {
        id: CustomerId(0),
        external_id: seed.id.clone(),
        name: seed.name.clone(),
        active: seed.active,
        sites: seed.sites.iter().map(site).collect(),
    };
    if let Some(old) = node.store.customer_by_external(&seed.id).await.map_err(refusal_of)? {
        kept.note("customer", &seed.id, &[("name", old.name == seed.name), ("active", old.active == seed.active)]);
        customer.sites.retain(|site| {
            let there = old.sites.iter().find(|held| held.external_id == site.external_id);
            if let Some(held) = there {
                let fields = [("name", held.name == site.name), ("active", held.active == site.active)];
                kept.note("site", &site.external_id, &fields);
            }
            there.is_none()
        });
        if customer.sites.is_empty() {
            return Ok(old.id);
        }
        // What is there stays as it is; the sites are added to its own.
        let sites = old.sites.iter().cloned().chain(customer.sites).collect();
        customer = Customer { sites, ..old };
    }
    match node.apply(Change::PutCustomer(customer, act(node, "customer.put"))).await? {
        Outcome::Applied(applied) => match applied.row {
            Row::Customer(customer) => Ok(customer.id),
            _ => Ok(CustomerId(0)),
        },
        Outcome::Stale => Err(causeway_protocol::Reason::StoreBusy.refuse()),
    }
}

/// An app as a seed wants it.
fn app_of(node: &Node, seed: &SeedApp, owner: Option<CustomerId>) -> App {
    let scopes = node.held.scopes().set(seed.scopes.split(' ').filter(|word| !word.is_empty()));
    App {
        id: AppId(0),
        client_id: seed.client_id.clone(),
        name: seed.name.clone(),
        owner: seed.owner.clone(),
        description: seed.description.clone(),
        info_url: seed.info_url.clone(),
        kind: seed.kind,
        visibility: owner.filter(|_| seed.private).map_or(Visibility::Public, Visibility::Private),
        status: seed.status,
        active: seed.active,
        verified: seed.verified,
        pkce_required: seed.pkce_required,
        secrets: seed.client_secret.iter().map(|secret| node.ring().verifier(secret.expose())).collect(),
        redirect_uris: seed.redirect_uris.clone(),
        // The seed's reader compared the words with the profile.
        scopes: scopes.unwrap_or(ScopeSet::EMPTY),
        registered_by: None,
        home: None,
        providers: seed.providers.clone(),
        logo: None,
        review_note: String::new(),
    }
}

async fn add_person(
    node: &Node,
    seed: &SeedPerson,
    customer: Option<CustomerId>,
    known: &HashMap<String, CustomerId>,
    password: PasswordHash,
) -> Result<(), String> {
    let mut teams = Vec::new();
    for team in &seed.teams {
        let customer = find(node, known, Some(&team.customer)).await?;
        teams.extend(customer.map(|customer| Membership { customer, role: team.role }));
    }
    teams.sort_unstable_by_key(|team| team.customer);
    let person = Person {
        id: UserId(0),
        email: seed.email.clone(),
        name: seed.name.clone(),
        role: seed.role,
        customer,
        teams,
        password,
        active: seed.active,
    };
    let put = node.apply(Change::PutPerson(person, act(node, "person.put"))).await;
    put.map(drop).map_err(|refusal| refusal.description())
}
