//! One platform's card: its state in words, its accounts, and what can be done. What stands below the head of an account
//! that calls is `live.rs`'s.

use causeway_protocol::profile::{AccountProof, Profile};
use causeway_protocol::records::Role;
use causeway_protocol::{Refusal, UnixTime};
use causeway_vault::legacy::Scheme;
use causeway_vault::{Connection, Platform, Status, Tokens};

use super::facts::{Facts, Known};
use super::live::{LegacyView, LiveView, Moment, past};
use super::rows::{AccountsView, Listed, connect_url, list};
use super::steps::{Stage, StepView, UNFOLDED, stages, steps};
use crate::hub::{Hint, Inner, MAIN, Notice, card_url};
use crate::session::Session;
use crate::words;

/// See the module. `look` is a class of the style sheet: `new`, `good`, `warn` or `bad`.
pub(super) struct Card {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) monogram: String,
    /// Which of several accounts it is about.
    pub(super) about: Option<String>,
    pub(super) look: &'static str,
    pub(super) state: &'static str,
    pub(super) sentence: String,
    pub(super) notice: Option<Notice>,
    /// Goes with every form ...
    pub(super) mark: String,
    /// ... and so does this.
    pub(super) account: String,
    /// Where connecting begins.
    pub(super) connect: String,
    /// Opens a closed card that has something to show.
    pub(super) details: Option<String>,
    /// Where customers are moved from OAuth 1.0.
    pub(super) migrate: Option<String>,
    pub(super) is_open: bool,
    pub(super) accounts: Option<AccountsView>,
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
    /// It calls with its OAuth 1.0 pair.
    Legacy(LegacyView),
    /// The platform ended it.
    Ended(Ended),
}

pub(super) struct Invite {
    pub(super) asks: Vec<Permission>,
    pub(super) hints: Vec<Hint>,
    pub(super) host: String,
    pub(super) cut_where: String,
    /// Nobody signs in there: the link says which account it is.
    pub(super) by_link: bool,
    /// Who says yes.
    pub(super) who: &'static str,
}

pub(super) struct Ended {
    pub(super) reason: String,
    pub(super) at: Moment,
    pub(super) who: &'static str,
    pub(super) hints: Vec<Hint>,
}

/// A scope word and its sentence.
pub(super) struct Permission {
    pub(super) word: String,
    pub(super) sentence: String,
}

pub(super) async fn card(
    hub: &Inner,
    session: &Session,
    facts: Facts<'_>,
    is_open: bool,
    notice: Option<Notice>,
) -> Result<Card, Refusal> {
    let Facts { platform, own, accounts, more, chosen, .. } = facts;
    let (profile, now) = (&platform.profile, hub.vault.now());
    let account = chosen.as_ref().map_or(MAIN, |known| known.account.as_str()).to_owned();
    let (look, state, sentence, body) = standing(hub, platform, &accounts, chosen.as_ref()).await?;
    let happened = hub.vault.timeline(platform.key(), &account);
    let mut steps = if is_open { steps(&happened, now) } else { Vec::new() };
    let has_more = chosen.as_ref().is_some_and(|known| known.connection.is_some()) || !happened.is_empty();
    let about = chosen.as_ref().filter(|known| known.account != MAIN).map(|known| known.label().to_owned());
    Ok(Card {
        key: platform.key().to_owned(),
        name: profile.name.clone(),
        monogram: profile.brand.monogram.clone(),
        about,
        look,
        state,
        sentence,
        notice,
        mark: session.form_mark(),
        connect: connect_url(platform, chosen.as_ref().map(|known| known.account.as_str())),
        details: (has_more && !is_open).then(|| card_url(platform.key(), &account)),
        migrate: profile.oauth1.as_ref().filter(|rules| rules.exchange).map(|_| format!("/migrate/{}", platform.key())),
        is_open,
        accounts: list(
            hub,
            platform,
            &Listed { own: own.as_ref(), accounts: &accounts, more },
            chosen.as_ref(),
            is_open,
        ),
        account,
        body,
        stages: stages(&happened, &profile.name),
        earlier: steps.split_off(steps.len().min(UNFOLDED)),
        steps,
    })
}

/// Look, state, sentence and body of the account that the card is about.
async fn standing(
    hub: &Inner,
    platform: &Platform,
    accounts: &[Known],
    chosen: Option<&Known>,
) -> Result<(&'static str, &'static str, String, Body), Refusal> {
    let (profile, now) = (&platform.profile, hub.vault.now());
    let invite = || Body::Invite(invite(hub, platform));
    let Some(known) = chosen else {
        let connected = accounts.iter().filter(|known| known.state(now).1 == "Connected").count();
        let sentence = format!("{connected} of {} accounts connected", accounts.len());
        return Ok(("new", "Not connected", sentence, invite()));
    };
    let seen = hub.seen(platform.key(), &known.account);
    Ok(match known.connection.as_ref().map(|connection| (connection, &connection.status)) {
        Some((connection, Status::Connected)) => {
            let tokens = hub.vault.tokens(connection.id).await?;
            let sentence = connected_words(profile, connection, tokens.as_ref(), now);
            let live = LiveView::of(hub, platform, connection, tokens, seen);
            let look = if connection.ends_soon(now) { "warn" } else { "good" };
            (look, "Connected", sentence, Body::Live(Box::new(live)))
        }
        Some((_, Status::ReconnectNeeded { reason, at })) => {
            let sentence = format!("{} ended the connection at {}", profile.name, words::moment(now, *at));
            let (at, who, hints) = (past(now, *at), approver(profile), hints(hub, platform));
            let ended = Ended { reason: reason.clone(), at, who, hints };
            ("bad", "Reconnect needed", sentence, Body::Ended(ended))
        }
        Some((_, Status::Disconnected { at })) => {
            ("new", "Not connected", format!("you disconnected it at {}", words::moment(now, *at)), invite())
        }
        None if known.scheme() == Some(Scheme::OAuth1) => {
            let legacy = LegacyView::of(hub, known.row.as_ref(), seen);
            ("new", "On OAuth 1.0", "its calls are signed with the consumer pair".to_owned(), Body::Legacy(legacy))
        }
        None => ("new", "Not connected", "nothing is shared".to_owned(), invite()),
    })
}

/// "2 sites · token renews in 43 min".
fn connected_words(profile: &Profile, connection: &Connection, tokens: Option<&Tokens>, now: UnixTime) -> String {
    let active = connection.sites.iter().filter(|site| site.active).count();
    let mut parts = Vec::new();
    if profile.partner.sites_path.is_some() && !connection.sites.is_empty() {
        let word = profile.brand.sites_word.as_str();
        let word = if active == 1 { word.strip_suffix('s').unwrap_or(word) } else { word };
        parts.push(format!("{active} {word}"));
    } else if let (None, Some(customer)) = (&profile.partner.sites_path, &connection.customer) {
        parts.push(customer.clone());
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

fn invite(hub: &Inner, platform: &Platform) -> Invite {
    let host = platform.login_url.split_once("://").map_or("", |(_, rest)| rest);
    let profile = &platform.profile;
    Invite {
        asks: permissions(profile, causeway_vault::speech::asked(platform).into_iter()),
        hints: hints(hub, platform),
        host: host.to_owned(),
        cut_where: profile.brand.cut_where.clone(),
        by_link: profile.policy.account_proof == AccountProof::None,
        who: approver(profile),
    }
}

fn hints(hub: &Inner, platform: &Platform) -> Vec<Hint> {
    hub.settings.hints.get(platform.key()).cloned().unwrap_or_default()
}

/// Who says yes or no.
fn approver(profile: &Profile) -> &'static str {
    match &profile.policy {
        policy if policy.account_proof == AccountProof::None => "Whoever holds the account’s link",
        policy if !policy.approvers.contains(&Role::Member) => "An administrator of the customer",
        policy if policy.teams => "Whoever signs in, for the own account or for a team,",
        _ => "Whoever signs in",
    }
}

/// Words that the profile does not know are shown as they are.
pub(super) fn permissions<'a>(profile: &Profile, words: impl Iterator<Item = &'a str>) -> Vec<Permission> {
    let permission = |word: &str| {
        let known = profile.scopes.iter().find(|scope| scope.name == word);
        Permission { word: word.to_owned(), sentence: known.map_or_else(String::new, |scope| scope.sentence.clone()) }
    };
    words.take(50).map(permission).collect()
}
