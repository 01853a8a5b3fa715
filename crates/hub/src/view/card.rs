//! One platform's card: its state in words, its tokens, its data, and what can be done.

use std::sync::PoisonError;

use causeway_protocol::UnixTime;
use causeway_protocol::profile::Profile;
use causeway_vault::{Connection, LifeFrom, Platform, Site, Status, Tokens};

use super::steps::{Stage, StepView, UNFOLDED, stages, steps};
use crate::data::{Section, Seen};
use crate::hub::{ACCOUNT, Hint, Inner, Notice};
use crate::session::Session;
use crate::words;

/// See the module. `look` is a class of the style sheet: `new`, `good` or `bad`.
pub(super) struct Card {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) monogram: String,
    pub(super) look: &'static str,
    pub(super) state: &'static str,
    pub(super) sentence: String,
    pub(super) notice: Option<Notice>,
    /// Goes with every form.
    pub(super) mark: String,
    pub(super) body: Body,
    pub(super) stages: Vec<Stage>,
    /// The latest exchanges, newest first ...
    pub(super) steps: Vec<StepView>,
    /// ... and those before them, folded.
    pub(super) earlier: Vec<StepView>,
}

/// What stands below a card's head.
pub(super) enum Body {
    /// Not connected (any more): what connecting would do.
    Invite(Invite),
    /// Connected.
    Live(Box<LiveView>),
    /// The platform ended it.
    Ended(Ended),
}

pub(super) struct Invite {
    pub(super) asks: Vec<Permission>,
    pub(super) hints: Vec<Hint>,
    pub(super) host: String,
    pub(super) cut_where: String,
}

pub(super) struct Ended {
    pub(super) reason: String,
    pub(super) at: Moment,
    pub(super) hints: Vec<Hint>,
}

pub(super) struct LiveView {
    pub(super) customer: Option<String>,
    /// The platform told no name.
    pub(super) customer_is_id: bool,
    pub(super) sites: Vec<SiteView>,
    pub(super) tokens: Option<TokensView>,
    pub(super) permissions: Vec<Permission>,
    pub(super) seen: Option<SeenView>,
    pub(super) since: Moment,
    pub(super) cut_where: String,
}

pub(super) struct SiteView {
    pub(super) site: Site,
    pub(super) chosen: bool,
}

pub(super) struct TokensView {
    pub(super) access: String,
    /// `None`: nobody says; it lives until a call is refused.
    pub(super) access_ends: Option<Moment>,
    /// Who says so.
    pub(super) said_by: &'static str,
    pub(super) refresh: Option<String>,
    pub(super) refresh_ends: Option<Moment>,
    pub(super) obtained: Moment,
}

/// A scope word and its sentence.
pub(super) struct Permission {
    pub(super) word: String,
    pub(super) sentence: String,
}

pub(super) struct SeenView {
    pub(super) at: Moment,
    pub(super) site: Option<String>,
    pub(super) sections: Vec<Section>,
}

/// A time in words, with the exact one.
pub(super) struct Moment {
    pub(super) words: String,
    pub(super) exact: String,
}

fn past(now: UnixTime, at: UnixTime) -> Moment {
    Moment { words: words::ago(now, at), exact: words::exact(at) }
}

fn future(now: UnixTime, at: UnixTime) -> Moment {
    Moment { words: words::ahead(now, at), exact: words::exact(at) }
}

pub(super) fn card(
    hub: &Inner,
    session: &Session,
    platform: &Platform,
    connection: Option<&Connection>,
    tokens: Option<Tokens>,
    notice: Option<Notice>,
) -> Card {
    let profile = &platform.profile;
    let now = hub.vault.now();
    let hints = || hub.settings.hints.get(platform.key()).cloned().unwrap_or_default();
    let happened = hub.vault.timeline(platform.key(), ACCOUNT);
    let mut steps = steps(&happened, now);
    let (look, state, sentence, body) = match connection.map(|connection| (connection, &connection.status)) {
        Some((connection, Status::Connected)) => {
            let sentence = connected_words(profile, connection, tokens.as_ref(), now);
            let seen = hub.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&connection.id).cloned();
            let live = live(profile, connection, tokens, seen, now);
            ("good", "Connected", sentence, Body::Live(Box::new(live)))
        }
        Some((_, Status::ReconnectNeeded { reason, at })) => {
            let sentence = format!("{} ended the connection at {}", profile.name, words::moment(now, *at));
            let ended = Ended { reason: reason.clone(), at: past(now, *at), hints: hints() };
            ("bad", "Reconnect needed", sentence, Body::Ended(ended))
        }
        Some((_, Status::Disconnected { at })) => {
            let sentence = format!("you disconnected it at {}", words::moment(now, *at));
            ("new", "Not connected", sentence, Body::Invite(invite(platform, hints())))
        }
        None => ("new", "Not connected", "nothing is shared".to_owned(), Body::Invite(invite(platform, hints()))),
    };
    Card {
        key: platform.key().to_owned(),
        name: profile.name.clone(),
        monogram: profile.brand.monogram.clone(),
        look,
        state,
        sentence,
        notice,
        mark: session.form_mark(),
        body,
        stages: stages(&happened, &profile.name),
        earlier: steps.split_off(steps.len().min(UNFOLDED)),
        steps,
    }
}

/// "2 sites · token renews in 43 min".
fn connected_words(profile: &Profile, connection: &Connection, tokens: Option<&Tokens>, now: UnixTime) -> String {
    let active = connection.sites.iter().filter(|site| site.active).count();
    let mut parts = Vec::new();
    if profile.partner.sites_path.is_some() && !connection.sites.is_empty() {
        let word = profile.brand.sites_word.as_str();
        let word = if active == 1 { word.strip_suffix('s').unwrap_or(word) } else { word };
        parts.push(format!("{active} {word}"));
    }
    match (tokens.and_then(|tokens| tokens.renews), connection.access_ends) {
        (Some(at), _) if at > now => parts.push(format!("token renews {}", words::ahead(now, at))),
        (Some(_), _) => parts.push("token renews with the next call".to_owned()),
        (None, Some(end)) => parts.push(format!("token ends {}", words::ahead(now, end))),
        (None, None) => parts.push("token has no known end".to_owned()),
    }
    if connection.ends_soon(now) {
        let end = connection.refresh_ends.map_or_else(String::new, |end| words::ahead(now, end));
        parts.push(format!("connect again soon: it ends {end}"));
    }
    parts.join(" · ")
}

fn live(
    profile: &Profile,
    connection: &Connection,
    tokens: Option<Tokens>,
    seen: Option<Seen>,
    now: UnixTime,
) -> LiveView {
    let name_of = |id: &String| connection.sites.iter().find(|site| site.id == *id).map(|site| site.name.clone());
    let sites = connection
        .sites
        .iter()
        .map(|site| SiteView { site: site.clone(), chosen: connection.site.as_ref() == Some(&site.id) });
    LiveView {
        customer: connection.customer.clone(),
        customer_is_id: connection
            .customer
            .as_deref()
            .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit())),
        sites: sites.collect(),
        tokens: tokens.map(|tokens| TokensView {
            access: tokens.access,
            access_ends: connection.access_ends.map(|end| future(now, end)),
            said_by: match connection.life_from {
                LifeFrom::Reply => "the platform said so",
                LifeFrom::Token => "the token says so",
                LifeFrom::Profile => "by the platform's documents",
                LifeFrom::Nobody => "nobody says when it ends",
            },
            refresh: tokens.refresh,
            refresh_ends: connection.refresh_ends.map(|at| future(now, at)),
            obtained: past(now, connection.obtained),
        }),
        permissions: permissions(profile, connection.scope.split_whitespace()),
        seen: seen.map(|seen| SeenView {
            at: past(now, seen.at),
            site: seen.site.as_ref().map(|id| name_of(id).unwrap_or_else(|| id.clone())),
            sections: seen.sections,
        }),
        since: past(now, connection.connected_at),
        cut_where: profile.brand.cut_where.clone(),
    }
}

fn invite(platform: &Platform, hints: Vec<Hint>) -> Invite {
    let host = platform.login_url.split_once("://").map_or("", |(_, rest)| rest);
    Invite {
        asks: permissions(&platform.profile, platform.scopes.iter().map(String::as_str)),
        hints,
        host: host.to_owned(),
        cut_where: platform.profile.brand.cut_where.clone(),
    }
}

/// Words that the profile does not know are shown as they are.
fn permissions<'a>(profile: &Profile, words: impl Iterator<Item = &'a str>) -> Vec<Permission> {
    let permission = |word: &str| {
        let known = profile.scopes.iter().find(|scope| scope.name == word);
        Permission { word: word.to_owned(), sentence: known.map_or_else(String::new, |scope| scope.sentence.clone()) }
    };
    words.take(50).map(permission).collect()
}
