//! Who is signed in. The cookie holds a random secret, the store its digest; both limits are enforced from the row.
//! Cookies themselves are the pages' business, passwords are `passwords`'.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::records::{Person, Session};
use causeway_protocol::seal::sha256;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, Outcome, Reason, Refusal};
use causeway_storage::Store;

use crate::node::{Node, refusal_of};

/// Unseen for this long: signed out. Longer than a working day's pauses, shorter than a night and a morning.
pub const IDLE: Seconds = Seconds(12 * 3_600);
/// However much seen: signed out.
pub const ABSOLUTE: Seconds = Seconds(7 * 86_400);
/// `seen_at` is written at most this often: looking around costs no commit a page.
const TOUCH_EVERY: Seconds = Seconds(60);
/// 256 bits in base64url.
const SECRET_LENGTH: usize = 43;

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The row.
    pub session: Session,
    /// Who, as the store knows them now.
    pub person: Person,
    /// What this session's forms are bound by: not to be had from the store.
    forms: [u8; 32],
}

impl SignedIn {
    /// What a sealed consent form is bound to.
    pub fn digest(&self) -> [u8; 16] {
        sha256(&[b"consent", &self.session.digest])
    }

    /// What a form that does `what` must carry (SECURITY UI-01, attack 17): unguessable, of this session, for this
    /// deed.
    pub fn token(&self, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(sha256::<16>(&[b"form", &self.forms, what.as_bytes()]))
    }

    /// Whether a form carries it.
    pub fn owns(&self, token: &str, what: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), self.token(what).as_bytes()).is_ok()
    }
}

fn digest(secret: &str) -> [u8; 32] {
    sha256(&[b"session", secret.as_bytes()])
}

/// Who holds this cookie, if it is good and the person is not switched off. Marks the session as seen.
pub async fn find(node: &Node, secret: Option<&str>) -> Result<Option<SignedIn>, Refusal> {
    let Some(secret) = secret.filter(|secret| secret.len() == SECRET_LENGTH) else { return Ok(None) };
    let Some(session) = node.store.session(digest(secret)).await.map_err(refusal_of)? else { return Ok(None) };
    let now = node.now();
    if now.since(session.seen_at) >= IDLE || now.since(session.created_at) >= ABSOLUTE {
        return Ok(None);
    }
    let Some(person) = node.store.person(session.person).await.map_err(refusal_of)?.filter(|person| person.active)
    else {
        return Ok(None);
    };
    if now.since(session.seen_at) >= TOUCH_EVERY {
        // Whether or not this can be written: the page is served, and the next one tries again.
        if let Err(refusal) = node.apply(Change::TouchSession { digest: session.digest, seen_at: now }).await {
            tracing::warn!(reason = refusal.reason.name(), "a session was not touched");
        }
    }
    Ok(Some(SignedIn { session, person, forms: sha256(&[b"session forms", secret.as_bytes()]) }))
}

/// Signs somebody in under a new secret, whatever the browser held before (SECURITY UI-05): the old session ends.
pub async fn start(node: &Node, person: Person, before: Option<&str>) -> Result<(Secret, SignedIn), Refusal> {
    end(node, before).await?;
    let secret = URL_SAFE_NO_PAD.encode(node.random::<32>());
    let now = node.now();
    let session = Session { digest: digest(&secret), person: person.id, created_at: now, seen_at: now };
    match node.apply(Change::StartSession(session.clone())).await? {
        // Switched off between the password and here: as if the password were wrong.
        Outcome::Stale => Err(Reason::SignInFailed.refuse()),
        Outcome::Applied(_) => {
            let forms = sha256(&[b"session forms", secret.as_bytes()]);
            Ok((Secret::new(secret), SignedIn { session, person, forms }))
        }
    }
}

/// Ends a session in the store: the cookie is worth nothing any more, wherever it was copied to. None is fine.
pub async fn end(node: &Node, secret: Option<&str>) -> Result<(), Refusal> {
    let Some(secret) = secret.filter(|secret| secret.len() == SECRET_LENGTH) else { return Ok(()) };
    let digest = digest(secret);
    // A cookie that nobody knows costs a read, no write.
    if node.store.session(digest).await.map_err(refusal_of)?.is_none() {
        return Ok(());
    }
    node.apply(Change::EndSession(digest)).await.map(drop)
}
