//! Loads seeds into the store: once each (by digest), every field as written. What a seed file may hold is `seed`'s
//! business.

use std::collections::HashMap;

use causeway_protocol::authorize::MAX_REDIRECT_URI;
use causeway_protocol::records::{Act, App, Customer, Person, Site, Visibility};
use causeway_protocol::secret::{PasswordHash, Secret};
use causeway_protocol::{AppId, Change, CustomerId, Outcome, Refusal, Row, ScopeSet, SiteId, UserId};
use causeway_storage::Store;

use crate::flows::passwords;
use crate::node::Node;
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

/// Loads a file unless it was loaded already. It is marked as loaded last: after a crash it is loaded again, which
/// changes nothing that is right.
///
/// # Errors
/// One line.
pub async fn load(node: &Node, file: &SeedFile) -> Result<(), String> {
    let failed = |refusal: Refusal| format!("{}: {}", file.name, refusal.description());
    if node.store.seed_loaded(file.digest).await.map_err(|error| format!("{}: {error}", file.name))? {
        return Ok(());
    }
    // Hashing takes longest: it runs beside the rest.
    let hashes = hash_all(&file.seed.people);
    let mut customers = HashMap::new();
    for customer in &file.seed.customers {
        let id = put_customer(node, customer).await.map_err(failed)?;
        customers.insert(customer.id.clone(), id);
    }
    for app in &file.seed.apps {
        let owner = find(node, &customers, app.customer.as_deref()).await?;
        put_app(node, app, owner).await.map_err(failed)?;
    }
    let hashes = hashes.await.map_err(|why| format!("{}: {why}", file.name))?;
    for (person, password) in file.seed.people.iter().zip(hashes) {
        let customer = find(node, &customers, person.customer.as_deref()).await?;
        put_person(node, person, customer, password).await.map_err(failed)?;
    }
    node.apply(Change::MarkSeed(file.digest)).await.map_err(failed)?;
    Ok(())
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

/// People are hashed on so many threads at once: each takes 19 MiB and a core.
const LANES: usize = 2;

type Hashed = Result<Vec<PasswordHash>, String>;

/// Hashes everybody's password, in the order of the list, while the caller does something else.
fn hash_all(people: &[SeedPerson]) -> impl Future<Output = Hashed> {
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let passwords = people.iter().skip(lane).step_by(LANES);
            let passwords: Vec<Secret> = passwords.map(|person| Secret::new(person.password.expose())).collect();
            tokio::task::spawn_blocking(move || {
                passwords.iter().map(|password| passwords::hash_now(password.expose())).collect::<Vec<_>>()
            })
        })
        .collect();
    let count = people.len();
    async move {
        let mut done = Vec::new();
        for lane in lanes {
            done.push(lane.await.map_err(|error| error.to_string())?.into_iter());
        }
        let in_order = (0..count).filter_map(|at| done[at % LANES].next());
        in_order.collect::<Result<_, _>>().map_err(|refusal| refusal.description())
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

async fn put_customer(node: &Node, seed: &SeedCustomer) -> Result<CustomerId, Refusal> {
    let site = |site: &crate::seed::SeedSite| Site {
        id: SiteId(0),
        external_id: site.id.clone(),
        name: site.name.clone(),
        active: site.active,
    };
    let customer = Customer {
        id: CustomerId(0),
        external_id: seed.id.clone(),
        name: seed.name.clone(),
        active: seed.active,
        sites: seed.sites.iter().map(site).collect(),
    };
    match node.apply(Change::PutCustomer(customer, act(node, "customer.put"))).await? {
        Outcome::Applied(applied) => match applied.row {
            Row::Customer(customer) => Ok(customer.id),
            _ => Ok(CustomerId(0)),
        },
        Outcome::Stale => Err(causeway_protocol::Reason::StoreBusy.refuse()),
    }
}

async fn put_app(node: &Node, seed: &SeedApp, owner: Option<CustomerId>) -> Result<(), Refusal> {
    let scopes = node.held.scopes().set(seed.scopes.split(' ').filter(|word| !word.is_empty()));
    let app = App {
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
    };
    node.apply(Change::PutApp(app, act(node, "app.put"))).await.map(drop)
}

async fn put_person(
    node: &Node,
    seed: &SeedPerson,
    customer: Option<CustomerId>,
    password: PasswordHash,
) -> Result<(), Refusal> {
    let person =
        Person { id: UserId(0), email: seed.email.clone(), role: seed.role, customer, password, active: seed.active };
    node.apply(Change::PutPerson(person, act(node, "person.put"))).await.map(drop)
}
