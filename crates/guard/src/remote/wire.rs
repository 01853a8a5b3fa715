//! What a node says to a guard at the edge, and the edge to a node: JSON, one object a line on the stream. Both ends
//! read and write these very types. Roots, client secrets, passwords and people are in none of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_protocol::access_keys::{AccessKey, Exported};
use causeway_protocol::legacy::ApiKey;
use causeway_protocol::records::{App, AppStatus, ClientKind, Customer, Cuts, FeedEntry, FeedEvent, Site, Visibility};
use causeway_protocol::{
    ApiKeyId, AppId, CustomerId, Position, Reason, Refusal, ScopeSet, SiteId, Subject, SubjectKind, UnixTime,
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// The dialect. An edge refuses another.
pub const VERSION: u32 = 1;
/// The longest line, in bytes.
pub const MAX_LINE: usize = 1024 * 1024;
/// So many things stand in one line at most.
pub const MAX_BATCH: usize = 500;

/// A line of `GET /edge/stream`. Lines of kinds that came later are read as [`Line::Other`] and skipped.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The profile's key.
        platform: String,
        /// The node's monotonic clock in nanoseconds, read after it was asked.
        at: u64,
        /// Whether a whole state follows, up to [`Line::Loaded`]; else the feed goes on where the edge stood.
        whole: bool,
    },
    /// Every access key of the audience, in the place of those before. It stands before the entry that replaced them.
    Keys {
        /// See [`Exported::cut`].
        cut: i64,
        /// Newest first.
        keys: Vec<WireKey>,
    },
    /// The scope registry, whole.
    Scopes {
        /// By number.
        words: Vec<String>,
    },
    /// Part of a whole state: what is cut or off.
    Cuts {
        /// (kind, id, access, all, off).
        cuts: Vec<(i64, i64, i64, i64, bool)>,
    },
    /// Records as they stand now, of a whole state or because they changed.
    Records {
        /// Apps.
        apps: Vec<WireApp>,
        /// API keys.
        api_keys: Vec<WireApiKey>,
    },
    /// The end of a whole state: it holds everything up to this position.
    Loaded {
        /// The feed's head.
        head: i64,
    },
    /// Feed entries, oldest first, without gaps; what they changed stands in a line before.
    Feed {
        /// (position, at, kind, id, event).
        entries: Vec<(i64, i64, i64, i64, i64)>,
    },
    /// A sign of life.
    Beat {
        /// The node's monotonic clock in nanoseconds, read before it looked at the rest.
        at: u64,
        /// The feed's head at that time; everything up to it was sent.
        head: i64,
        /// For how long from then the node itself would go on judging, in milliseconds, if it heard no more; zero: it
        /// does not. `None`: for ever, it is the only one.
        fresh_for: Option<u64>,
    },
    /// Of a later version.
    #[serde(other)]
    Other,
}

/// One access key. The text is wiped when dropped, and does not print.
#[derive(Serialize, Deserialize)]
pub struct WireKey {
    id: u16,
    key: String,
}

impl Drop for WireKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl fmt::Debug for WireKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireKey({})", self.id)
    }
}

/// What a guard needs of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireApp {
    id: i64,
    client_id: String,
    name: String,
    active: bool,
    /// 0 pending, 1 approved, 2 rejected.
    status: u8,
    home: Option<i64>,
    private_to: Option<i64>,
    public_client: bool,
    /// Hexadecimal.
    scopes: String,
}

/// What a guard needs of an API key: its digest, never the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireApiKey {
    id: i64,
    digest: String,
    customer: Option<i64>,
    app: Option<i64>,
    active: bool,
}

/// The answer of `GET /edge/customers/{id}`, or `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCustomer {
    id: i64,
    external_id: String,
    name: String,
    active: bool,
    /// (id, external id, name, active).
    sites: Vec<(i64, String, String, bool)>,
}

/// The body of `POST /edge/judge`: a call that OAuth 1.0 signed, as it came.
#[derive(Debug, Serialize, Deserialize)]
pub struct Signed {
    /// As sent.
    pub method: String,
    /// As sent, escapes and all.
    pub path: String,
    /// As sent.
    pub query: Option<String>,
    /// The header's value.
    pub authorization: Option<String>,
    /// Base64 of the body, only where the call says that it is a form; at most 256 KiB before encoding.
    pub form: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Judged {
    /// When OAuth 1.0 ends for this caller, in seconds since the Unix epoch.
    pub ends_at: Option<i64>,
    /// What the node found.
    pub verdict: Verdict,
}

/// See [`Judged`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The signature is right, and came for the first time.
    Good {
        /// Who signed.
        consumer: i64,
        /// Whose data.
        customer: i64,
        /// For whom it acts.
        user: i64,
        /// Hexadecimal.
        scopes: String,
    },
    /// It holds no parameters of OAuth 1.0 after all.
    Unsigned,
    /// The refusal's number, and what it is about.
    Refused {
        /// See [`Reason::number`].
        number: u16,
        /// Which parameter.
        detail: Option<String>,
    },
}

/// The body of `POST /edge/report`: what happened at the edge since the last one. Fields may be added: a node skips
/// those that it does not know.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Connections and when they were last used.
    #[serde(default)]
    pub used: Vec<(i64, i64)>,
    /// Calls signed by OAuth 1.0 that passed: (consumer, day, route, calls, last at).
    #[serde(default)]
    pub signed: Vec<(i64, i64, String, u64, i64)>,
}

/// The most that one report says of each.
pub const MAX_REPORT: usize = 2_000;

impl Line {
    /// On the wire, with its newline. It may hold keys: the text is wiped when dropped.
    pub fn text(&self) -> Zeroizing<String> {
        // A line is numbers and texts: nothing that JSON cannot say.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        Zeroizing::new(text)
    }

    /// The access keys as a line.
    pub fn keys(exported: &Exported) -> Self {
        let key = |key: &AccessKey| WireKey { id: key.id, key: STANDARD.encode(key.bytes.as_ref()) };
        Line::Keys { cut: exported.cut.0, keys: exported.keys.iter().map(key).collect() }
    }

    /// Entries as a line.
    pub fn feed(entries: &[FeedEntry]) -> Self {
        let one = |entry: &FeedEntry| {
            let FeedEntry { position, at, subject, event } = *entry;
            (position.0, at.0, subject.kind as i64, subject.id, event as i64)
        };
        Line::Feed { entries: entries.iter().map(one).collect() }
    }

    /// Cuts as a line.
    pub fn cuts(cuts: &[(Subject, Cuts)]) -> Self {
        let one =
            |(subject, cuts): &(Subject, Cuts)| (subject.kind as i64, subject.id, cuts.access.0, cuts.all.0, cuts.off);
        Line::Cuts { cuts: cuts.iter().map(one).collect() }
    }
}

/// The reverse of [`Line::keys`]; `None` for what is no key.
pub(super) fn exported(platform: &str, cut: i64, keys: &[WireKey]) -> Option<Exported> {
    let key = |key: &WireKey| {
        let bytes = Zeroizing::new(STANDARD.decode(&key.key).ok()?);
        Some(AccessKey { id: key.id, bytes: Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?) })
    };
    let keys = keys.iter().map(key).collect::<Option<_>>()?;
    Some(Exported { platform: platform.to_owned(), cut: Position(cut), keys })
}

/// The reverse of [`Line::feed`]. `None` for a subject or an event that this version does not know: then it must not go
/// on.
pub(super) fn entries(sent: &[(i64, i64, i64, i64, i64)]) -> Option<Vec<FeedEntry>> {
    let one = |&(position, at, kind, id, event): &_| {
        let subject = Subject { kind: SubjectKind::from_number(kind)?, id };
        let event = FeedEvent::from_number(event)?;
        Some(FeedEntry { position: Position(position), at: UnixTime(at), subject, event })
    };
    sent.iter().map(one).collect()
}

/// The reverse of [`Line::cuts`].
pub(super) fn cuts(sent: &[(i64, i64, i64, i64, bool)]) -> Option<Vec<(Subject, Cuts)>> {
    let one = |&(kind, id, access, all, off): &_| {
        let subject = Subject { kind: SubjectKind::from_number(kind)?, id };
        Some((subject, Cuts { access: Position(access), all: Position(all), off }))
    };
    sent.iter().map(one).collect()
}

/// A scope set as hexadecimal digits: JSON's numbers are too small.
pub fn scopes(set: ScopeSet) -> String {
    format!("{:x}", set.0)
}

/// The reverse of [`scopes`].
pub fn read_scopes(text: &str) -> Option<ScopeSet> {
    u128::from_str_radix(text, 16).ok().map(ScopeSet)
}

impl From<&App> for WireApp {
    fn from(app: &App) -> Self {
        Self {
            id: app.id.0,
            client_id: app.client_id.clone(),
            name: app.name.clone(),
            active: app.active,
            status: match app.status {
                AppStatus::Pending => 0,
                AppStatus::Approved => 1,
                AppStatus::Rejected => 2,
            },
            home: app.home.map(|home| home.0),
            private_to: match app.visibility {
                Visibility::Public => None,
                Visibility::Private(owner) => Some(owner.0),
            },
            public_client: app.kind == ClientKind::Public,
            scopes: scopes(app.scopes),
        }
    }
}

impl WireApp {
    /// The app, without everything that only a node needs.
    pub(super) fn app(self) -> Option<App> {
        Some(App {
            id: AppId(self.id),
            client_id: self.client_id,
            name: self.name,
            owner: String::new(),
            description: String::new(),
            info_url: String::new(),
            kind: if self.public_client { ClientKind::Public } else { ClientKind::Confidential },
            visibility: self.private_to.map_or(Visibility::Public, |owner| Visibility::Private(CustomerId(owner))),
            status: match self.status {
                0 => AppStatus::Pending,
                1 => AppStatus::Approved,
                2 => AppStatus::Rejected,
                _ => return None,
            },
            active: self.active,
            verified: false,
            pkce_required: false,
            secrets: Vec::new(),
            redirect_uris: Vec::new(),
            scopes: read_scopes(&self.scopes)?,
            registered_by: None,
            home: self.home.map(CustomerId),
            providers: Vec::new(),
            logo: None,
            review_note: String::new(),
        })
    }
}

impl From<&ApiKey> for WireApiKey {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            digest: STANDARD.encode(key.digest),
            customer: key.customer.map(|id| id.0),
            app: key.app.map(|id| id.0),
            active: key.active,
        }
    }
}

impl WireApiKey {
    pub(super) fn key(self) -> Option<ApiKey> {
        Some(ApiKey {
            id: ApiKeyId(self.id),
            digest: STANDARD.decode(&self.digest).ok()?.try_into().ok()?,
            customer: self.customer.map(CustomerId),
            app: self.app.map(AppId),
            hint: String::new(),
            active: self.active,
        })
    }
}

impl From<&Customer> for WireCustomer {
    fn from(customer: &Customer) -> Self {
        let site = |site: &Site| (site.id.0, site.external_id.clone(), site.name.clone(), site.active);
        Self {
            id: customer.id.0,
            external_id: customer.external_id.clone(),
            name: customer.name.clone(),
            active: customer.active,
            sites: customer.sites.iter().map(site).collect(),
        }
    }
}

impl WireCustomer {
    pub(super) fn customer(self) -> Customer {
        let site = |(id, external_id, name, active)| Site { id: SiteId(id), external_id, name, active, creator: None };
        Customer {
            id: CustomerId(self.id),
            external_id: self.external_id,
            name: self.name,
            active: self.active,
            sites: self.sites.into_iter().map(site).collect(),
        }
    }
}

impl From<&Refusal> for Verdict {
    fn from(refusal: &Refusal) -> Self {
        Verdict::Refused { number: refusal.reason.number(), detail: refusal.detail.clone() }
    }
}

/// A reason by its number; one that came later is read as "not good".
pub(super) fn reason(number: u16) -> Reason {
    Reason::ALL.iter().copied().find(|reason| reason.number() == number).unwrap_or(Reason::OAuth1Refused)
}
