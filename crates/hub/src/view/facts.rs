//! What is known of one platform before its card is laid out: its accounts, which of them the card is about, and when
//! something happened last. How that looks is `card.rs`'s.

use causeway_protocol::Refusal;
use causeway_protocol::params::Params;
use causeway_vault::legacy::Account;
use causeway_vault::timeline::StepKind;
use causeway_vault::{Connection, Platform};

use crate::hub::{Inner, MAIN};

/// Accounts that a card lists.
pub(super) const LISTED: u32 = 20;

/// What somebody asks to see.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) platform: Option<String>,
    pub(super) account: Option<String>,
}

impl Wanted {
    pub(super) fn of(query: &Params) -> Self {
        let text = |name: &str| query.get(name).ok().flatten().map(str::to_owned);
        Self { platform: text("show"), account: text("account") }
    }
}

/// See the module.
pub(super) struct Facts<'a> {
    pub(super) platform: &'a Platform,
    /// The partner's own account, where accounts are not named.
    pub(super) own: Option<Known>,
    /// Listed accounts, but not that one.
    pub(super) accounts: Vec<Known>,
    /// There are more than are listed: how many there are in all, as far as that is known.
    pub(super) more: Option<Option<u64>>,
    /// The account that the card is about; none where accounts are named and nothing happened with any.
    pub(super) chosen: Option<Known>,
    /// When somebody did something here last, in milliseconds since the epoch; 0: never.
    pub(super) last: u64,
}

/// An account, with its connection.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) account: String,
    /// For people, where it has a name.
    pub(super) name: Option<String>,
    pub(super) connection: Option<Connection>,
    /// Its consumer pair, if it has one.
    pub(super) row: Option<Account>,
    last: u64,
}

impl<'a> Facts<'a> {
    pub(super) async fn gather(hub: &Inner, platform: &'a Platform, wanted: &Wanted) -> Result<Facts<'a>, Refusal> {
        let vault = &hub.vault;
        let rows = vault.accounts(platform.key(), "", LISTED + 2).await?;
        let mut accounts = Vec::new();
        for row in rows.into_iter().filter(|row| row.account != MAIN) {
            accounts.push(known(hub, platform, row).await?);
        }
        let is_cut = accounts.len() > LISTED as usize;
        accounts.truncate(LISTED as usize);
        let more = if is_cut { Some(pairs(hub, platform).await?) } else { None };
        let own = if platform.names_accounts() { None } else { Some(own(hub, platform).await?) };
        let asked = wanted.account.as_ref().filter(|_| wanted.platform.as_deref() == Some(platform.key()));
        let chosen = match asked {
            Some(name) => match accounts.iter().find(|known| known.account == *name) {
                Some(known) => Some(known.clone()),
                None => named(hub, platform, name).await?.or(own.clone()),
            },
            None => own.clone().or_else(|| busiest(&accounts)),
        };
        let last = accounts.iter().chain(&own).chain(&chosen).map(|known| known.last).max().unwrap_or(0);
        Ok(Facts { platform, own, accounts, more, chosen, last })
    }
}

/// How many pairs the platform's migration knows.
async fn pairs(hub: &Inner, platform: &Platform) -> Result<Option<u64>, Refusal> {
    match hub.vault.campaign(platform.key()) {
        Ok(campaign) => Ok(Some(campaign.progress().await?.counts.pairs())),
        Err(_) => Ok(None),
    }
}

/// The one with a connection with which something happened last.
fn busiest(accounts: &[Known]) -> Option<Known> {
    accounts.iter().filter(|known| known.connection.is_some()).max_by_key(|known| known.last).cloned()
}

async fn known(hub: &Inner, platform: &Platform, row: Account) -> Result<Known, Refusal> {
    let connection = match row.connection {
        Some(id) => Some(hub.vault.connection(id).await?),
        None => None,
    };
    let last = last(hub, platform, &row.account, connection.as_ref());
    Ok(Known { account: row.account.clone(), name: row.name.clone(), connection, row: Some(row), last })
}

/// One that is not among those listed.
async fn named(hub: &Inner, platform: &Platform, account: &str) -> Result<Option<Known>, Refusal> {
    match hub.vault.account(platform.key(), account).await? {
        Some(row) => known(hub, platform, row).await.map(Some),
        None => Ok(None),
    }
}

/// The partner's own, connected or not.
async fn own(hub: &Inner, platform: &Platform) -> Result<Known, Refusal> {
    let nothing = || {
        let last = last(hub, platform, MAIN, None);
        Known { account: MAIN.to_owned(), name: None, connection: None, row: None, last }
    };
    Ok(named(hub, platform, MAIN).await?.unwrap_or_else(nothing))
}

/// What the vault does by itself does not count.
fn last(hub: &Inner, platform: &Platform, account: &str, connection: Option<&Connection>) -> u64 {
    let steps = hub.vault.timeline(platform.key(), account);
    let done = steps.iter().filter(|step| step.kind != StepKind::Refresh).map(|step| step.at).max();
    let connected = connection.map(|connection| connection.connected_at.0.unsigned_abs() * 1_000);
    done.into_iter().chain(connected).max().unwrap_or(0)
}
