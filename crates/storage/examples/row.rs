//! The probe of the family's row: bytes per family and connection, and refreshes a second against R64, in one run.
//! `cargo run --release -p causeway-storage --example row -- [ROWS] [SECONDS] [DIR]`; not a test, and asserts nothing.

#![allow(clippy::print_stdout, reason = "a probe prints what it found")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use causeway_protocol::change::{Allow, Applied, CreateFamily, Decide, MoveFamily};
use causeway_protocol::records::{
    Act, App, AppStatus, ClientKind, Customer, Decided, Decision, Family, FamilyDigest, Person, Role, SubjectKey,
    Visibility,
};
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    AppId, Change, ConnectionId, CustomerId, FamilyId, Outcome, Position, Row, ScopeSet, UnixTime, UserId,
};
use causeway_storage::sqlite::Options;
use causeway_storage::{Sqlite, Store};

type Failure = Box<dyn std::error::Error>;

const NOW: i64 = 1_795_000_000;
const APPS: u64 = 1000;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let rows: u64 = arguments.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |n| n.parse())?;
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("causeway-row"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let length = Duration::from_secs(seconds);
    let runtime = tokio::runtime::Runtime::new()?;
    let mut chains = runtime.block_on(fill(&dir.join("data"), rows))?;
    sizes(&dir.join("data/causeway.db"), rows)?;
    let r64_file = dir.join("r64.db");
    r64_fill(&r64_file, rows)?;
    println!("{:>28} {:>10} {:>10} {:>6} {:>14}", "", "refresh/s", "R64/s", "ratio", "CPU us, R64's");
    for round in 1..=3 {
        let idle = cpu_seconds()?;
        let (r64, r64_done) = r64_run(&r64_file, length, round)?;
        let r64_cpu = (cpu_seconds()? - idle) * 1e6 / r64_done;
        for (name, batch, tasks) in [
            ("64 a commit", 64, 0),
            ("256 a commit", 256, 0),
            ("apply, 64 tasks", 256, 64),
            ("apply, 256 tasks", 256, 256),
        ] {
            let store = Sqlite::open_with(&dir.join("data"), Options { batch, ..Options::default() })?;
            let idle = cpu_seconds()?;
            let (rate, done) = if tasks == 0 {
                runtime.block_on(by_batch(&store, &mut chains, batch, length))?
            } else {
                runtime.block_on(by_task(Arc::new(store), &mut chains, tasks, length))?
            };
            let cpu = (cpu_seconds()? - idle) * 1e6 / done;
            println!("{name:>28} {rate:>10.0} {r64:>10.0} {:>6.2} {cpu:>7.1} {r64_cpu:>6.1}", rate / r64);
        }
    }
    let store = Arc::new(Sqlite::open(&dir.join("data"))?);
    for tasks in [1, 64] {
        let rate = runtime.block_on(by_reader(&store, &mut chains, tasks, length))?;
        println!("{:>28} {rate:>10.0} a second", format!("standing, {tasks} tasks"));
    }
    drop(store);
    sizes(&dir.join("data/causeway.db"), rows)?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// A number without pattern: splitmix64.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn act(verb: &'static str) -> Act {
    Act { at: UnixTime(NOW), actor: "person:1".to_owned(), verb, subject: None, detail: String::new() }
}

struct Chain {
    family: FamilyId,
    connection: ConnectionId,
    app: AppId,
    customer: CustomerId,
    generation: u32,
    digest: FamilyDigest,
}

impl Chain {
    fn refresh(&self) -> Change {
        Change::MoveFamily(MoveFamily {
            family: self.family,
            generation: self.generation,
            digest: self.digest,
            as_of: Position(i64::MAX),
            connection: self.connection,
            app: self.app,
            customer: self.customer,
            user: UserId(1),
            now: UnixTime(NOW + 1000),
            idle: Seconds(Seconds::DAY.0 * 365),
            key_id: 1,
            retry: None,
            wanted: ScopeSet(u128::MAX),
        })
    }
}

fn applied(outcome: Outcome) -> Result<Applied, Failure> {
    match outcome {
        Outcome::Applied(applied) => Ok(applied),
        Outcome::Stale => Err("stale".into()),
    }
}

async fn fill(dir: &Path, rows: u64) -> Result<Vec<Chain>, Failure> {
    let store = Sqlite::open(dir)?;
    let customers = rows.div_ceil(APPS);
    let mut puts = vec![Change::PutPerson(
        Person {
            id: UserId(0),
            email: "admin@example.com".to_owned(),
            name: String::new(),
            role: Role::CustomerAdmin,
            customer: None,
            teams: Vec::new(),
            password: PasswordHash("x".to_owned()),
            active: true,
        },
        act("seed.loaded"),
    )];
    puts.extend((0..APPS).map(|n| Change::PutApp(app(n), act("seed.loaded"))));
    puts.extend((0..customers).map(|n| {
        let external_id = format!("{n:06}");
        let customer =
            Customer { id: CustomerId(0), name: format!("Customer {n}"), external_id, active: true, sites: Vec::new() };
        Change::PutCustomer(customer, act("seed.loaded"))
    }));
    store.apply_many(puts).await?;
    let mut chains = Vec::new();
    // Every pair of app and customer once, in an order without pattern.
    let mut pairs: Vec<u64> = (0..rows).collect();
    pairs.sort_unstable_by_key(|n| mix(*n));
    for slice in pairs.chunks(500) {
        let pair = |n: u64| (AppId((n % APPS) as i64 + 1), CustomerId((n / APPS) as i64 + 1));
        let decisions = slice.iter().map(|n| decide(*n, pair(*n))).collect();
        let mut redeemed = Vec::new();
        for (n, outcome) in slice.iter().zip(store.apply_many(decisions).await?) {
            let Row::Decided(Decided { connection: Some(connection), .. }) = applied(outcome)?.row else {
                return Err("no connection".into());
            };
            let (app, customer) = pair(*n);
            let family = FamilyId::at(NOW as u64 * 1000 + chains.len() as u64, mix(*n) as u32);
            let mut digest = FamilyDigest([0; 16]);
            digest.0[..8].copy_from_slice(&mix(!*n).to_be_bytes());
            digest.0[8..].copy_from_slice(&mix(*n).to_be_bytes());
            let chain = Chain { family, connection, app, customer, generation: 0, digest };
            redeemed.push(create(&chain));
            chains.push(chain);
        }
        store.apply_many(redeemed).await?;
    }
    Ok(chains)
}

fn app(n: u64) -> App {
    App {
        id: AppId(0),
        client_id: format!("client-{n}"),
        name: format!("App {n}"),
        owner: "Partner".to_owned(),
        description: String::new(),
        info_url: String::new(),
        kind: ClientKind::Public,
        visibility: Visibility::Public,
        status: AppStatus::Approved,
        active: true,
        verified: false,
        pkce_required: true,
        secrets: Vec::new(),
        redirect_uris: Vec::new(),
        scopes: ScopeSet(0xff),
        registered_by: None,
        home: None,
        providers: Vec::new(),
        logo: None,
        review_note: String::new(),
    }
}

fn decide(n: u64, (app, customer): (AppId, CustomerId)) -> Change {
    let mut transaction = [0; 16];
    transaction[..8].copy_from_slice(&mix(n).to_be_bytes());
    Change::Decide(Decide {
        decided: Decided {
            transaction,
            decision: Decision::Allow,
            at: UnixTime(NOW),
            expires_at: UnixTime(NOW + 1800),
            as_of: Position::ZERO,
            connection: None,
        },
        allow: Some(Allow {
            app,
            subject: SubjectKey::Customer(customer),
            customer,
            person: UserId(1),
            scopes: ScopeSet(0b1111),
        }),
        act: act("connection.allowed"),
    })
}

fn create(chain: &Chain) -> Change {
    Change::CreateFamily(CreateFamily {
        family: Family {
            id: chain.family,
            generation: 0,
            digest: chain.digest,
            moved_at: UnixTime(NOW),
            ends_at: UnixTime(NOW + Seconds::DAY.0 * 1000),
            connection: chain.connection,
            scopes: ScopeSet(0b1111),
            repudiated: false,
            key_id: 1,
            retry: None,
        },
        as_of: Position(i64::MAX),
        app: chain.app,
        customer: chain.customer,
        user: UserId(1),
        max_families: 4,
        act: act("family.created"),
    })
}

#[allow(clippy::disallowed_methods, reason = "a probe measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// One caller that commits `batch` refreshes of families chosen at random.
async fn by_batch(store: &Sqlite, chains: &mut [Chain], batch: usize, length: Duration) -> Result<(f64, f64), Failure> {
    let (start, mut done) = (now(), 0_usize);
    while start.elapsed() < length {
        let mut picked: Vec<usize> =
            (0..batch).map(|n| (mix((done + n) as u64) % chains.len() as u64) as usize).collect();
        picked.sort_unstable();
        picked.dedup();
        // A commit takes them as they come, not in the order of their pages.
        picked.sort_unstable_by_key(|n| mix(*n as u64));
        let outcomes = store.apply_many(picked.iter().map(|n| chains[*n].refresh()).collect()).await?;
        for (n, outcome) in picked.iter().zip(outcomes) {
            applied(outcome)?;
            chains[*n].generation += 1;
        }
        done += picked.len();
    }
    Ok((done as f64 / start.elapsed().as_secs_f64(), done as f64))
}

/// As many callers, each with a share of the families, through the queue.
async fn by_task(
    store: Arc<Sqlite>,
    chains: &mut Vec<Chain>,
    tasks: usize,
    length: Duration,
) -> Result<(f64, f64), Failure> {
    let (start, done) = (now(), Arc::new(AtomicU64::new(0)));
    let share = chains.len().div_ceil(tasks);
    let mut running = Vec::new();
    while !chains.is_empty() {
        let mut own = chains.split_off(chains.len().saturating_sub(share));
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        running.push(tokio::spawn(async move {
            let mut turn = own.len() as u64;
            while start.elapsed() < length {
                turn = mix(turn);
                let at = (turn % own.len() as u64) as usize;
                if let Ok(Outcome::Applied(_)) = store.apply(own[at].refresh()).await {
                    own[at].generation += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
            own
        }));
    }
    for task in running {
        chains.extend(task.await?);
    }
    let done = done.load(Ordering::Relaxed) as f64;
    Ok((done / start.elapsed().as_secs_f64(), done))
}

/// The authoritative read of a token's subjects, through the readers.
async fn by_reader(
    store: &Arc<Sqlite>,
    chains: &mut Vec<Chain>,
    tasks: usize,
    length: Duration,
) -> Result<f64, Failure> {
    let (start, done, all) = (now(), Arc::new(AtomicU64::new(0)), Arc::new(std::mem::take(chains)));
    let mut running = Vec::new();
    for task in 0..tasks {
        let (store, done, all) = (Arc::clone(store), Arc::clone(&done), Arc::clone(&all));
        running.push(tokio::spawn(async move {
            let mut turn = task as u64;
            while start.elapsed() < length {
                turn = mix(turn);
                let one = &all[(turn % all.len() as u64) as usize];
                let read = store.standing(one.family, one.connection, one.app, one.customer, UserId(1)).await;
                done.fetch_add(u64::from(read.is_ok_and(|found| found.family.is_some())), Ordering::Relaxed);
            }
        }));
    }
    for task in running {
        task.await?;
    }
    *chains = Arc::into_inner(all).ok_or("a reader still runs")?;
    Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// What this process has used of all processors so far.
fn cpu_seconds() -> Result<f64, Failure> {
    let about = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = about.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    // A tick is a hundredth of a second on every Linux that we build for.
    Ok(ticks as f64 / 100.0)
}

/// Bytes on disk, table by table.
fn sizes(file: &Path, rows: u64) -> Result<(), Failure> {
    let db = rusqlite::Connection::open(file)?;
    let mut ours = 0;
    for name in ["families", "connections", "connections_subject", "connections_customer"] {
        let bytes: i64 = db.query_row(
            "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = ?1 AND aggregate = 1",
            [name],
            |row| row.get(0),
        )?;
        println!("{name:>28} {:>6.1} bytes a row", bytes as f64 / rows as f64);
        ours += bytes;
    }
    println!("{:>28} {:>6.1} bytes a family with its connection", "together", ours as f64 / rows as f64);
    let log = file.with_extension("db-wal").metadata().map_or(0, |about| about.len());
    println!("{:>28} {:>6} MiB, its log {} MiB", "file", file.metadata()?.len() >> 20, log >> 20);
    Ok(())
}

fn key(n: u64) -> [u8; 32] {
    let mut key = [0; 32];
    for (at, part) in key.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&mix(n.wrapping_mul(4).wrapping_add(at as u64)).to_be_bytes());
    }
    key
}

/// R64's table: a token a row, under 32 random bytes.
fn r64_fill(file: &Path, rows: u64) -> Result<(), Failure> {
    let db = rusqlite::Connection::open(file)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE tokens (key BLOB PRIMARY KEY, value BLOB NOT NULL, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    )?;
    let mut keys: Vec<[u8; 32]> = (0..rows).map(key).collect();
    keys.sort_unstable();
    let all = db.unchecked_transaction()?;
    for key in keys {
        db.prepare_cached("INSERT INTO tokens VALUES (?1, ?2, 0)")?.execute((key, [7_u8; 160]))?;
    }
    all.commit()?;
    Ok(())
}

/// R64: mark a random old row used, insert a new one, 64 a commit.
fn r64_run(file: &Path, length: Duration, round: u64) -> Result<(f64, f64), Failure> {
    let db = rusqlite::Connection::open(file)?;
    db.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096; PRAGMA cache_size = -65536; PRAGMA mmap_size = 1073741824;",
    )?;
    let (start, mut done) = (now(), 0_u64);
    while start.elapsed() < length {
        let batch = db.unchecked_transaction()?;
        for _ in 0..64 {
            let old = key(mix(done ^ (round << 40)) % 1_000_000);
            db.prepare_cached("UPDATE tokens SET used = 1 WHERE key = ?1")?.execute([old])?;
            let new = key((round << 40) + done);
            db.prepare_cached("INSERT INTO tokens VALUES (?1, ?2, 0)")?.execute((new, [7_u8; 160]))?;
            done += 1;
        }
        batch.commit()?;
    }
    Ok((done as f64 / start.elapsed().as_secs_f64(), done as f64))
}
