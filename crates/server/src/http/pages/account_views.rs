//! The pages around accounts as structs: back to the app, the mini-app, a visit that is over, and the developer's list. The
//! handlers fill them with text that `words` has made harmless, or that somebody typed a moment ago; the templates escape it.

use askama::Template;
use causeway_protocol::accounts::{MAX_NAME, field};
use causeway_protocol::authorize::MAX_ACCOUNT;

use super::views::{AppCard, Frame, Problem};
use super::words::When;

/// A request that is wrong, where nobody signs in: said here first, with a button back to the app.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "go_back.html")]
pub struct GoBack {
    /// The shared part.
    pub frame: Frame,
    /// What happened.
    pub title: &'static str,
    /// The refusal.
    pub problem: Problem,
    /// For the developer, folded: what, and what about it.
    pub developer: Vec<(&'static str, String)>,
    /// The host that the person will return to.
    pub returns_to: String,
    /// The sealed request: its one button goes back.
    pub request: String,
}

/// A provider in the mini-app.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The profile's key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// The letter on its mark.
    pub initial: String,
    /// `good`, `calm` or `warn`: a class of the style sheet.
    pub look: &'static str,
    /// In a word or two.
    pub word: &'static str,
    /// Since when it is connected.
    pub since: Option<When>,
    /// Where the button leads; nothing where it cannot be connected now.
    pub connect: Option<String>,
    /// It is connected, and may be disconnected.
    pub ends: bool,
    /// Binds the disconnect button to this visit and provider.
    pub token: String,
}

/// The mini-app.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "mini_app.html")]
pub struct MiniApp {
    /// The shared part.
    pub frame: Frame,
    /// Whose it is.
    pub app: AppCard,
    /// The account's name.
    pub account: String,
    /// The account's id.
    pub account_id: String,
    /// Path of the mini-app.
    pub path: String,
    /// The app's providers.
    pub offers: Vec<Offer>,
    /// Good news: the name of a provider, and what became of it.
    pub notice: Option<(String, &'static str)>,
    /// Bad news.
    pub problem: Option<Problem>,
    /// The app may query this account since then.
    pub allowed: Option<When>,
    /// Binds the button that takes it back to this visit.
    pub token: String,
}

/// In place of the mini-app, for somebody who is not in.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "visit_over.html")]
pub struct VisitOver {
    /// The shared part.
    pub frame: Frame,
    /// What happened.
    pub title: &'static str,
    /// The refusal.
    pub problem: Problem,
    /// The same address without the token: a visit may last still.
    pub again: String,
}

/// An account in its developer's list.
#[derive(Clone, Debug, Default)]
pub struct AccountRow {
    /// Its page.
    pub href: String,
    /// The id that the app chose.
    pub id: String,
    /// Its name.
    pub name: String,
    /// "Online" or "Offline".
    pub status: &'static str,
    /// `good` or `calm`: a class of the style sheet.
    pub look: &'static str,
    /// Since when it is connected.
    pub since: Option<When>,
}

/// What stands in a form's fields.
#[derive(Clone, Debug, Default)]
pub struct AccountFields {
    /// See `protocol::accounts::Fields`.
    pub id: String,
    /// See `id`.
    pub name: String,
    /// See `id`.
    pub timezone: String,
    /// See `id`.
    pub currency: String,
}

/// The accounts of an app.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "accounts.html")]
pub struct Accounts {
    /// The shared part.
    pub frame: Frame,
    /// Whose.
    pub app: AppCard,
    /// Its page.
    pub app_path: String,
    /// What the client id is called.
    pub id_word: String,
    /// On the wire.
    pub client_id: String,
    /// Path of this page.
    pub path: String,
    /// The rows of this page.
    pub rows: Vec<AccountRow>,
    /// This is not the first page.
    pub later: bool,
    /// The next page.
    pub next: Option<String>,
    /// Good news.
    pub notice: Option<&'static str>,
    /// Why nothing was added.
    pub problem: Option<Problem>,
    /// What was typed.
    pub typed: AccountFields,
    /// Binds the form to this session and app.
    pub token: String,
}

/// One account, to change or delete.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "account.html")]
pub struct Account {
    /// The shared part.
    pub frame: Frame,
    /// Whose.
    pub app: AppCard,
    /// On the wire.
    pub client_id: String,
    /// The list.
    pub list: String,
    /// Path of this page.
    pub path: String,
    /// As it stands.
    pub row: AccountRow,
    /// What stands in the form.
    pub typed: AccountFields,
    /// Why nothing was changed.
    pub problem: Option<Problem>,
    /// Binds the form to this session and account.
    pub token: String,
    /// The same for deleting.
    pub delete_token: String,
}
