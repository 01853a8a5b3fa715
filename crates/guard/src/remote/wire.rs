//! What a node says to a guard at the edge, and the edge to a node: JSON, one object a line on the stream. Both ends
//! read and write these very types. Roots, client secrets, passwords and people are in none of them.

mod records;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_protocol::access_keys::{AccessKey, Exported};
use causeway_protocol::cluster::{NodeId, Share, Used};
use causeway_protocol::records::{Cuts, FeedEntry, FeedEvent};
use causeway_protocol::{AppId, CustomerId, Position, Reason, Refusal, ScopeSet, Subject, SubjectKind, UnixTime};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

pub use records::{WireApiKey, WireApp, WireCustomer};

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
        /// No living token is older than the cuts up to here: what keeps an edge's set as small as a node's.
        #[serde(default)]
        forgotten: i64,
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
    /// What this edge used of budgets that are kept together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<WireShare>,
    /// Where this edge stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// Where an edge stands, as it says itself: for people to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The number by which it opened its stream.
    pub edge: i64,
    /// Up to where it has read the feed.
    pub position: i64,
    /// For how long it would go on judging if it heard no more, in milliseconds.
    pub fresh_for: u64,
}

/// The answer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Heard {
    /// What everybody but this edge used, as the node's own share; where the edge told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<WireShare>,
    /// Among how many a budget is shared before anybody has heard of anybody's calls; 0: an earlier version, which says nothing.
    #[serde(default)]
    pub nodes: u64,
}

/// A [`Share`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireShare {
    node: i64,
    number: u64,
    /// (customer, app, passed, refused); at most [`Share::MOST`].
    used: Vec<(i64, i64, u32, u32)>,
}

impl WireShare {
    /// What `node` used, in its telling of this number.
    pub fn new(node: NodeId, number: u64, used: &[Used]) -> Self {
        let one = |used: &Used| (used.customer.0, used.app.0, used.passed, used.refused);
        Self { node: node.0, number, used: used.iter().map(one).collect() }
    }

    /// Taken in at this wall time in milliseconds; `None` for one that is too long.
    pub fn share(&self, at_millis: u64) -> Option<Share> {
        let one = |&(customer, app, passed, refused): &_| {
            let (customer, app) = (CustomerId(customer), AppId(app));
            Used { customer, app, passed, refused }
        };
        let used = self.used.iter().map(one).collect();
        let share = Share { node: NodeId(self.node), number: self.number, at_millis, used };
        (share.used.len() <= Share::MOST).then_some(share)
    }
}

/// The most that one report says of each; one that says more is refused whole.
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

impl From<&Refusal> for Verdict {
    fn from(refusal: &Refusal) -> Self {
        Verdict::Refused { number: refusal.reason.number(), detail: refusal.detail.clone() }
    }
}

/// A reason by its number; one that came later is read as "not good".
pub(super) fn reason(number: u16) -> Reason {
    Reason::ALL.iter().copied().find(|reason| reason.number() == number).unwrap_or(Reason::OAuth1Refused)
}
