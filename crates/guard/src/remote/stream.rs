//! Listens to one node after the other, and keeps what is held right. How a line reads is `wire`'s business.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use causeway_protocol::access_keys::AccessKeys;
use causeway_protocol::legacy::ApiKey;
use causeway_protocol::records::{App, Cuts};
use causeway_protocol::taken_back::TakenBack;
use causeway_protocol::{Position, Scopes, Subject};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use super::Shared;
use super::wire::{self, Line, MAX_LINE, VERSION};

/// Between two attempts, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// A stream that lasted so long was a good one: the next attempt comes at once.
const GOOD: Duration = Duration::from_secs(10);
/// Two machines' monotonic clocks run apart; after so long the edge asks anew, so that they are compared anew.
const LONGEST: Duration = Duration::from_secs(300);
/// So many signs of life in a row from a node that is itself cut off, and another one is asked.
const PATIENCE: u32 = 4;

/// Why a stream ended, in words.
type Ended = String;

/// Listens for ever.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut pause = PAUSE.0;
    // Whether the feed can be continued from where we stand: not before a whole state was read.
    let mut loaded = false;
    loop {
        let began = Instant::now();
        let why = listen(&shared, &mut loaded).await;
        let node = shared.nodes.current().to_owned();
        match why {
            // The same node at once: only the clocks are to be compared anew.
            Ok(()) => continue,
            Err(why) => {
                tracing::warn!(node, why, "the stream from the node ended");
                *shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{node}: {why}"));
            }
        }
        shared.nodes.go_on();
        if began.elapsed() >= GOOD {
            pause = PAUSE.0;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Listens to the current node until it ends. `Ok`: it lasted long enough.
async fn listen(shared: &Shared, loaded: &mut bool) -> Result<(), Ended> {
    // Before the question leaves: whatever the node's clock says in its answer, it said it later than this.
    let asked_at = shared.clock.monotonic_nanos();
    let began = Instant::now();
    let name = utf8_percent_encode(&shared.name, NON_ALPHANUMERIC);
    let mut path = format!("/edge/stream?edge={}&name={name}", shared.id.0);
    if *loaded {
        path.push_str(&format!("&after={}", shared.held.head().0));
    }
    let answer = shared.nodes.open(&path).await?;
    let body = answer.into_body();
    let mut lines = Lines { body, silence: shared.patience.silence, read: Zeroizing::new(Vec::new()), at: 0 };
    let Line::Hello { version, platform, at, whole } = lines.next().await? else {
        return Err("it does not begin as a stream does".to_owned());
    };
    if version != VERSION {
        return Err(format!("it speaks version {version} of the stream, and this program version {VERSION}"));
    }
    if platform != shared.platform {
        return Err(format!("it is a node of \"{platform}\", and this is a guard of \"{}\"", shared.platform));
    }
    if !whole && !*loaded {
        return Err("it sends no whole state".to_owned());
    }
    let mut session = Session { shared, asked_at, hello_at: at, fresh_until: 0, building: None, stale: 0 };
    if whole {
        session.building = Some(Building::default());
    }
    tracing::info!(node = shared.nodes.current(), whole, "listening");
    while began.elapsed() < LONGEST {
        let outcome = session.take(lines.next().await?);
        *loaded |= session.building.is_none();
        if let Err(why) = outcome {
            // What is held may lack something: the next stream begins with a whole state.
            *loaded = false;
            return Err(why);
        }
        if session.stale >= PATIENCE && shared.nodes.len() > 1 {
            return Err("it is cut off from its store".to_owned());
        }
    }
    Ok(())
}

/// One stream.
struct Session<'a> {
    shared: &'a Shared,
    asked_at: u64,
    hello_at: u64,
    fresh_until: u64,
    /// A whole state that is not complete yet. What was held before stays until it is.
    building: Option<Building>,
    /// Signs of life in a row that said "cut off".
    stale: u32,
}

#[derive(Default)]
struct Building {
    cuts: Vec<(Subject, Cuts)>,
    apps: Vec<App>,
    api_keys: Vec<ApiKey>,
    scopes: Vec<String>,
}

impl Session<'_> {
    fn take(&mut self, line: Line) -> Result<(), Ended> {
        let unreadable = || "it sent something that this version cannot read".to_owned();
        let held = &self.shared.held;
        match line {
            Line::Hello { .. } => return Err("it began twice".to_owned()),
            Line::Keys { cut, keys } => {
                let exported = wire::exported(&self.shared.platform, cut, &keys).ok_or_else(unreadable)?;
                let mut held = self.shared.keys.write().unwrap_or_else(PoisonError::into_inner);
                if exported.cut < held.cut() {
                    return Err("it has not heard yet that the access key was replaced".to_owned());
                }
                let fresh = AccessKeys::new(&exported, Some(held.as_ref()));
                *held = Arc::new(fresh);
            }
            Line::Scopes { words } => match &mut self.building {
                Some(building) => building.scopes = words,
                None => held.set_scopes(Scopes::new(words)),
            },
            Line::Cuts { cuts } => {
                let cuts = wire::cuts(&cuts).ok_or_else(unreadable)?;
                self.building.as_mut().ok_or_else(unreadable)?.cuts.extend(cuts);
            }
            Line::Records { apps, api_keys } => {
                let apps = apps.into_iter().map(|app| app.app().ok_or_else(unreadable));
                let api_keys = api_keys.into_iter().map(|key| key.key().ok_or_else(unreadable));
                let (apps, api_keys): (Vec<App>, Vec<ApiKey>) =
                    (apps.collect::<Result<_, _>>()?, api_keys.collect::<Result<_, _>>()?);
                match &mut self.building {
                    Some(building) => {
                        building.apps.extend(apps);
                        building.api_keys.extend(api_keys);
                    }
                    None => {
                        apps.into_iter().for_each(|app| held.put_app(app));
                        api_keys.into_iter().for_each(|key| held.put_api_key(key));
                    }
                }
            }
            Line::Loaded { head } => {
                let Building { cuts, apps, api_keys, scopes } = self.building.take().ok_or_else(unreadable)?;
                held.replace(TakenBack::new(Position(head), cuts), apps, api_keys, Scopes::new(scopes));
            }
            Line::Feed { entries } => {
                let entries = wire::entries(&entries).ok_or_else(unreadable)?;
                let (_the_node_sent_the_records_before, absorbed) = held.absorb(&entries);
                absorbed.map_err(|_| "entries of the feed are missing".to_owned())?;
            }
            Line::Beat { at, head, fresh_for, forgotten } => {
                self.beat(at, Position(head), fresh_for, Position(forgotten));
            }
            Line::Other => {}
        }
        Ok(())
    }

    /// The node looked at its own clock, then at everything else. Its clock is another machine's; but `hello_at` was
    /// read after we asked, so what it read later by so much was read later than `asked_at` by as much. A beat that a
    /// network kept for long is therefore as old as it is.
    fn beat(&mut self, at: u64, head: Position, fresh_for: Option<u64>, forgotten: Position) {
        let Shared { held, clock, stale_limit, beats, .. } = self.shared;
        if self.building.is_some() || held.head() < head || fresh_for == Some(0) {
            self.stale += 1;
            return;
        }
        self.stale = 0;
        let since = at.saturating_sub(self.hello_at);
        let heard_at = self.asked_at.saturating_add(since).min(clock.monotonic_nanos());
        // No longer than the node itself would go on: a stale node makes no fresh edge.
        let limit = fresh_for.map_or(*stale_limit, |millis| millis.saturating_mul(1_000_000).min(*stale_limit));
        let until = heard_at.saturating_add(limit);
        if until > self.fresh_until {
            self.fresh_until = until;
            held.heard(heard_at, limit);
        }
        if forgotten > held.forgotten() && forgotten <= head {
            held.forget(forgotten);
        }
        beats.send_modify(|beats| *beats += 1);
    }
}

/// The lines of a body as they come.
struct Lines {
    body: Incoming,
    silence: Duration,
    read: Zeroizing<Vec<u8>>,
    /// What stands before this was taken.
    at: usize,
}

impl Lines {
    async fn next(&mut self) -> Result<Line, Ended> {
        let mut looked = self.at;
        loop {
            if let Some(end) = self.read[looked..].iter().position(|byte| *byte == b'\n') {
                let line = serde_json::from_slice(&self.read[self.at..looked + end]);
                self.at = looked + end + 1;
                // The text may hold keys, so the parser's own words are not repeated.
                return line.map_err(|_| "a line could not be read".to_owned());
            }
            if self.read.len() - self.at > MAX_LINE {
                return Err("a line is too long".to_owned());
            }
            self.read.drain(..self.at);
            self.at = 0;
            looked = self.read.len();
            let frame = timeout(self.silence, self.body.frame()).await.map_err(|_| "it fell silent".to_owned())?;
            let frame = frame.ok_or_else(|| "it closed the stream".to_owned())?.map_err(|error| error.to_string())?;
            if let Some(data) = frame.data_ref() {
                self.read.extend_from_slice(data);
            }
        }
    }
}
