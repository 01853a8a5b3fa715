//! Passwords: Argon2id in PHC form, hashed in few places at once, and failures counted so that guessing is slow while
//! who is right is never turned away (SECURITY UI-04, UI-06). Sessions are `session`'s.
//!
//! The password is always checked first; a throttle only changes what a *failure* is answered. What bounds a flood is
//! the hashing itself: [`SLOTS`] at once, [`QUEUE`] waiting, and a place that failed often has one lane of its own, so
//! that it cannot take the slots of others.

use std::net::IpAddr;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, CustomizedPasswordHasher, Params, PasswordVerifier, Version};
use causeway_protocol::records::Person;
use causeway_protocol::secret::{PasswordHash, Secret};
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, Reason, Refusal};
use causeway_storage::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::{System, random};
use crate::node::{Node, refusal_of};
use crate::shared::Shared;
use crate::throttle::{Key, Throttle};

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at once: 19 MiB and one core each.
const SLOTS: usize = 2;
/// Sign-ins that wait for a slot; one more is told to come back.
const QUEUE: usize = 128;
/// The same for places that failed often.
const SUSPECT_QUEUE: usize = 16;
/// The longest password that is looked at, in bytes.
pub const MAX_PASSWORD: usize = 1_024;
/// The longest address (RFC 5321 4.5.3.1.3).
pub const MAX_EMAIL: usize = 254;
/// Failures of one account, from anywhere, in a window: the next is answered "wait".
const ACCOUNT_FAILURES: u32 = 10;
/// Failures from one place, on any account.
const PLACE_FAILURES: u32 = 50;
const WINDOW: Seconds = Seconds(15 * 60);

/// What is kept in memory: where hashing happens, and who failed.
pub struct SignIns {
    slots: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    suspect_lane: Arc<Semaphore>,
    suspect_queue: Arc<Semaphore>,
    accounts: Throttle,
    places: Throttle,
}

impl Default for SignIns {
    fn default() -> Self {
        let permits = |count| Arc::new(Semaphore::new(count));
        Self {
            slots: permits(SLOTS),
            queue: permits(QUEUE),
            suspect_lane: permits(1),
            suspect_queue: permits(SUSPECT_QUEUE),
            accounts: Throttle::new(ACCOUNT_FAILURES, WINDOW),
            places: Throttle::new(PLACE_FAILURES, WINDOW),
        }
    }
}

impl SignIns {
    /// Runs work that costs what a hash costs. The permits move into the work: a request that is given up does not free
    /// a slot that is still used.
    async fn run<T: Send + 'static>(
        &self,
        suspect: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let queue = if suspect { &self.suspect_queue } else { &self.queue };
        let seat = queue.clone().try_acquire_owned().map_err(|_| Reason::SignInBusy.refuse())?;
        let lane = if suspect { Some(permit(&self.suspect_lane).await?) } else { None };
        let slot = permit(&self.slots).await?;
        let held = (seat, lane, slot);
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(held);
            result
        });
        done.await.map_err(|_| Reason::Internal.refuse())
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    semaphore.clone().acquire_owned().await.map_err(|_| Reason::Draining.refuse())
}

/// Why nobody was signed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Denied {
    /// The reason: the same for an unknown address, a wrong password and somebody who is switched off.
    pub refusal: Refusal,
    /// When to try again, if there is something to wait for.
    pub wait: Option<Seconds>,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, wait: None }
    }
}

/// Checks an address and a password. An unknown address costs the same work.
pub async fn check(shared: &Shared, email: &str, password: &str, from: IpAddr) -> Result<Person, Denied> {
    let (node, sign_ins) = (&shared.node, &shared.sign_ins);
    let email = email.trim().to_lowercase();
    let keys = (Key::of(&[b"account", email.as_bytes()]), Key::of(&[b"place", &place(from)]));
    if email.is_empty() || email.len() > MAX_EMAIL || password.is_empty() || password.len() > MAX_PASSWORD {
        return Err(failed(node, sign_ins, keys));
    }
    let person = node.store.person_by_email(&email).await.map_err(refusal_of)?;
    let kept = person.as_ref().map_or_else(decoy, |person| person.password.clone());
    let (typed, salt) = (Secret::new(password), node.random());
    let suspect = sign_ins.places.wait(keys.1, node.clock.monotonic_nanos()).is_some();
    let verdict = sign_ins.run(suspect, move || verify(typed.expose(), &kept, salt)).await?;
    match person.filter(|person| verdict.right && person.active) {
        None => Err(failed(node, sign_ins, keys)),
        Some(mut person) => {
            sign_ins.accounts.forgive(keys.0);
            if let Some(renewed) = verdict.renewed {
                renew(node, &mut person, renewed).await;
            }
            Ok(person)
        }
    }
}

fn failed(node: &Node, sign_ins: &SignIns, (account, place): (Key, Key)) -> Denied {
    let now = node.clock.monotonic_nanos();
    let waits = [sign_ins.accounts.failed(account, now), sign_ins.places.failed(place, now)];
    match waits.into_iter().flatten().max() {
        None => Reason::SignInFailed.refuse().into(),
        Some(wait) => Denied { refusal: Reason::SignInThrottled.refuse(), wait: Some(wait) },
    }
}

/// The same password under today's parameters. If that cannot be written now, the next sign-in tries again.
async fn renew(node: &Node, person: &mut Person, password: PasswordHash) {
    let change = Change::SetPassword { person: person.id, password: password.clone(), end_sessions: false, act: None };
    match node.apply(change).await {
        Ok(_) => person.password = password,
        Err(refusal) => tracing::warn!(reason = refusal.reason.name(), "a password was not rehashed"),
    }
}

/// An address's place: the whole of an IPv4 address, the /64 of an IPv6 one, since a household has that many.
fn place(from: IpAddr) -> [u8; 8] {
    let mut place = [0; 8];
    match from.to_canonical() {
        IpAddr::V4(address) => place[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => place.copy_from_slice(&address.octets()[..8]),
    }
    place
}

/// What is kept of a password. Waits for a hashing slot.
pub async fn hash(shared: &Shared, password: &str) -> Result<PasswordHash, Refusal> {
    let (password, salt) = (Secret::new(password), shared.node.random());
    shared.sign_ins.run(false, move || hash_with(password.expose(), salt)).await?
}

/// The same at once, on a thread that may block: where nothing listens yet and there is no queue.
pub fn hash_now(password: &str) -> Result<PasswordHash, Refusal> {
    hash_with(password, random(&System))
}

/// Whether this is the password, at once like [`hash_now`].
pub fn is_now(password: &str, kept: &PasswordHash) -> bool {
    phc::PasswordHash::new(&kept.0).is_ok_and(|kept| hasher().verify_password(password.as_bytes(), &kept).is_ok())
}

fn hash_with(password: &str, salt: [u8; 16]) -> Result<PasswordHash, Refusal> {
    let hashed = hasher().hash_password_with_params(password.as_bytes(), &salt, parameters());
    hashed.map(|hash: phc::PasswordHash| PasswordHash(hash.to_string())).map_err(|_| Reason::Internal.refuse())
}

struct Verdict {
    right: bool,
    renewed: Option<PasswordHash>,
}

/// Whether this is the password, and a new hash if the kept one has other parameters than today's.
fn verify(password: &str, kept: &PasswordHash, salt: [u8; 16]) -> Verdict {
    let Ok(parsed) = phc::PasswordHash::new(&kept.0) else {
        tracing::error!("a kept password is no PHC string");
        return Verdict { right: false, renewed: None };
    };
    let right = hasher().verify_password(password.as_bytes(), &parsed).is_ok();
    let renewed = if right && !is_current(&parsed) { hash_with(password, salt).ok() } else { None };
    Verdict { right, renewed }
}

fn is_current(kept: &phc::PasswordHash) -> bool {
    let current = |params: Params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES);
    kept.algorithm.as_str() == "argon2id" && kept.version == Some(19) && Params::try_from(kept).is_ok_and(current)
}

/// Nobody's password: as much work as anybody's.
fn decoy() -> PasswordHash {
    let nothing = "A".repeat(43);
    PasswordHash(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$AAAAAAAAAAAAAAAAAAAAAA${nothing}"))
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters())
}

fn parameters() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within Argon2's limits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ui_06_c_04_passwords_are_kept_as_argon2id() {
        let kept = hash_now("correct horse").unwrap();
        assert!(kept.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.0);
        assert!(!kept.0.contains("correct"));
        assert_ne!(kept, hash_now("correct horse").unwrap(), "the salt is fresh");
        let right = verify("correct horse", &kept, [1; 16]);
        assert!(right.right && right.renewed.is_none());
        assert!(!verify("Correct horse", &kept, [1; 16]).right);
    }

    #[test]
    fn ui_06_c_04_older_parameters_are_renewed() {
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let kept: phc::PasswordHash =
            old.hash_password_with_params(b"correct horse", &[7; 16], Params::new(8_192, 1, 1, None).unwrap()).unwrap();
        let verdict = verify("correct horse", &PasswordHash(kept.to_string()), [1; 16]);
        let renewed = verdict.renewed.expect("renewed");
        assert!(verdict.right && verify("correct horse", &renewed, [2; 16]).right);
        assert!(verify("correct horse", &renewed, [2; 16]).renewed.is_none());
        assert!(verify("wrong", &PasswordHash(kept.to_string()), [1; 16]).renewed.is_none());
    }

    #[test]
    fn ui_04_the_decoy_is_no_password() {
        assert!(phc::PasswordHash::new(&decoy().0).is_ok_and(|decoy| is_current(&decoy)), "it costs what others cost");
        assert!(!verify("", &decoy(), [0; 16]).right && !verify("A", &decoy(), [0; 16]).right);
    }

    #[test]
    fn ui_04_a_household_is_one_place() {
        let place_of = |text: &str| place(text.parse().unwrap());
        assert_eq!(place_of("2001:db8:1:2::1"), place_of("2001:db8:1:2:ffff::9"));
        assert_ne!(place_of("2001:db8:1:2::1"), place_of("2001:db8:1:3::1"));
        assert_eq!(place_of("::ffff:192.0.2.7"), place_of("192.0.2.7"));
    }

    #[tokio::test]
    async fn c_04_two_hash_at_once_off_the_request_threads_and_the_others_wait() {
        let sign_ins = Arc::new(SignIns::default());
        let here = std::thread::current().id();
        let (entered, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let (gate, _) = tokio::sync::broadcast::channel::<()>(1);
        let mut waiting = tokio::task::JoinSet::new();
        for n in 0..10 {
            let (sign_ins, entered, mut open) = (sign_ins.clone(), entered.clone(), gate.subscribe());
            waiting.spawn(async move {
                let work = move || {
                    entered.send((n, std::thread::current().id())).unwrap();
                    let _closed = open.blocking_recv();
                };
                sign_ins.run(false, work).await
            });
        }
        for _ in 0..2 {
            assert_ne!(seen.recv().await.unwrap().1, here);
        }
        // Everybody has asked by now, and two are in: as many as there are slots.
        assert_eq!(SLOTS, 2);
        assert_eq!((sign_ins.queue.available_permits(), sign_ins.slots.available_permits()), (QUEUE - 10, 0));
        assert!(seen.try_recv().is_err());
        drop(gate);
        assert!(waiting.join_all().await.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn ui_04_a_full_queue_sheds_and_suspects_keep_to_their_lane() {
        let sign_ins = SignIns::default();
        let held: Vec<_> =
            (0..SUSPECT_QUEUE).map(|_| sign_ins.suspect_queue.clone().try_acquire_owned().unwrap()).collect();
        assert_eq!(sign_ins.run(true, || 1).await, Err(Reason::SignInBusy.refuse()));
        assert_eq!(sign_ins.run(false, || 1).await, Ok(1), "others are served all the same");
        drop(held);
        assert_eq!(sign_ins.run(true, || 1).await, Ok(1));
    }
}
