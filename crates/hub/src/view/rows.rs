//! The accounts of a platform as a card lists them: each with its state, its scheme, and the way to connect or show it.

use causeway_protocol::UnixTime;
use causeway_protocol::params::append_query;
use causeway_vault::legacy::Scheme;
use causeway_vault::{Platform, Status};

use super::facts::Known;
use crate::accounts;
use crate::hub::{Inner, MAIN, card_url};

/// The accounts of a platform.
pub(super) struct AccountsView {
    pub(super) title: &'static str,
    pub(super) summary: String,
    /// Folded, until somebody wants to see them.
    pub(super) is_folded: bool,
    pub(super) rows: Vec<RowView>,
    /// There are more than the rows; perhaps a page that lists them.
    pub(super) more: Option<Option<String>>,
    /// Whether the dashboard can register accounts; as many lines at once.
    pub(super) registers: Option<usize>,
}

pub(super) struct RowView {
    pub(super) label: String,
    /// The account's id, where it has a name.
    pub(super) id: Option<String>,
    pub(super) look: &'static str,
    pub(super) state: &'static str,
    /// What its calls carry, where that may differ.
    pub(super) scheme: Option<&'static str>,
    pub(super) is_chosen: bool,
    /// Shows it; nothing where there is nothing to show.
    pub(super) show: Option<String>,
    /// Word and address of connecting it, where a link may.
    pub(super) connect: Option<(&'static str, String)>,
}

impl Known {
    pub(super) fn label(&self) -> &str {
        let customer = self.connection.as_ref().and_then(|connection| connection.customer.as_ref());
        self.name.as_ref().or(customer).map_or(&self.account, String::as_str)
    }

    /// How it stands, in two or three words.
    pub(super) fn state(&self, now: UnixTime) -> (&'static str, &'static str) {
        match self.connection.as_ref().map(|connection| (&connection.status, connection.ends_soon(now))) {
            Some((Status::Connected, true)) => ("warn", "Ends soon"),
            Some((Status::Connected, false)) => ("good", "Connected"),
            Some((Status::ReconnectNeeded { .. }, _)) => ("bad", "Reconnect needed"),
            Some((Status::Disconnected { .. }, _)) => ("new", "Not connected"),
            None if self.scheme().is_some() => ("new", "Not moved yet"),
            None => ("new", "Not connected"),
        }
    }

    pub(super) fn scheme(&self) -> Option<Scheme> {
        self.row.as_ref().and_then(|row| row.scheme)
    }
}

/// What is listed.
pub(super) struct Listed<'a> {
    pub(super) own: Option<&'a Known>,
    pub(super) accounts: &'a [Known],
    pub(super) more: Option<Option<u64>>,
}

/// The list of accounts, where there is more than the partner's own.
pub(super) fn list(
    hub: &Inner,
    platform: &Platform,
    listed: &Listed<'_>,
    chosen: Option<&Known>,
    is_open: bool,
) -> Option<AccountsView> {
    let Listed { own, accounts, more } = *listed;
    let registers = hub.api_key(platform).map(|_| accounts::MOST);
    let names = platform.names_accounts();
    if accounts.is_empty() && registers.is_none() {
        return None;
    }
    let now = hub.vault.now();
    let mut rows: Vec<RowView> = accounts.iter().map(|known| row(platform, known, chosen, now)).collect();
    if let Some(own) = own.filter(|own| own.connection.is_some()) {
        let label = "This dashboard’s own connection".to_owned();
        rows.insert(0, RowView { label, id: None, ..row(platform, own, chosen, now) });
    }
    let count = |scheme| accounts.iter().filter(|known| known.scheme() == Some(scheme)).count();
    let summary = match (more, names) {
        (Some(Some(all)), _) => format!("the first {} of {all}", accounts.len()),
        (Some(None), _) => format!("the first {}", accounts.len()),
        (None, true) => {
            let connected = accounts.iter().filter(|known| known.state(now).0 != "new").count();
            format!("{connected} of {} connected", accounts.len())
        }
        (None, false) => {
            let (new, old) = (count(Scheme::OAuth2), count(Scheme::OAuth1));
            if old == 0 { format!("all {new} on OAuth 2.0") } else { format!("{new} on OAuth 2.0, {old} on OAuth 1.0") }
        }
    };
    let title = if names { "Accounts" } else { "Customers by account" };
    let more = more.map(|_| platform.profile.oauth1.as_ref().map(|_| format!("/migrate/{}", platform.key())));
    Some(AccountsView { title, summary, is_folded: !names && !is_open, rows, more, registers })
}

fn row(platform: &Platform, known: &Known, chosen: Option<&Known>, now: UnixTime) -> RowView {
    let (look, state) = known.state(now);
    let label = known.label().to_owned();
    let needs_person = look != "good";
    let word = if known.connection.is_some() { "Reconnect" } else { "Connect" };
    let shows = known.connection.is_some() || known.scheme().is_some();
    RowView {
        id: Some(known.account.clone()).filter(|id| *id != label),
        label,
        look,
        state,
        scheme: platform.profile.oauth1.as_ref().and(known.scheme()).map(Scheme::word),
        is_chosen: chosen.is_some_and(|chosen| chosen.account == known.account),
        show: shows.then(|| card_url(platform.key(), &known.account)),
        connect: needs_person.then(|| (word, connect_url(platform, Some(&known.account)))),
    }
}

/// Where connecting begins; with the account, if it is not the partner's own.
pub(super) fn connect_url(platform: &Platform, account: Option<&str>) -> String {
    let pairs: Vec<(&str, &str)> =
        account.filter(|account| *account != MAIN).map(|account| ("account", account)).into_iter().collect();
    append_query(&format!("/connect/{}", platform.key()), &pairs)
}
