//! The pages: each one is a struct, a template, and samples (`samples`). Nothing here reads a record or decides; the
//! handlers fill the fields with text that `words` has made harmless, and the templates escape it.

use askama::Template;

use super::words::{self, When};

/// What every page shares.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The platform's name.
    pub platform: String,
    /// The letters on its mark.
    pub monogram: String,
    /// File names below `/static/`.
    pub style: String,
    /// See `style`.
    pub brand: String,
    /// See `style`.
    pub icon: String,
    /// Who is signed in, where the page shows it on top.
    pub person: Option<String>,
    /// Where else this person may look, where that is more than one page.
    pub tabs: Vec<Tab>,
    /// Path of the connected-apps page.
    pub apps_path: String,
    /// Finds this request in the log; empty where no layer gave one.
    pub request_id: String,
}

/// A page that the bar on top leads to.
#[derive(Clone, Debug, Default)]
pub struct Tab {
    /// Where.
    pub href: String,
    /// What it is called.
    pub text: String,
    /// It is this one, or above it.
    pub here: bool,
}

/// An app's logo, or the letter in its place.
#[derive(Clone, Debug, Template)]
#[template(path = "mark.html")]
pub struct Mark<'a> {
    logo: &'a str,
    initial: &'a str,
    size: &'static str,
}

/// An app as pages show it.
#[derive(Clone, Debug, Default)]
pub struct AppCard {
    /// Its name.
    pub name: String,
    /// The letter on its mark.
    pub initial: String,
    /// Address of its logo; empty: the letter stands for it.
    pub logo: String,
    /// Who made it.
    pub owner: String,
    /// One paragraph, or nothing.
    pub description: String,
    /// The host of its maker's page, or nothing. Never a link: these pages lead nowhere else.
    pub info: String,
    /// Did the platform check the maker?
    pub verified: bool,
    /// It is not verified, and its name sounds as if it were.
    pub poses: bool,
    /// Only this customer can connect it.
    pub private: bool,
}

impl AppCard {
    /// Its mark, in a size of the style sheet ("big", or nothing).
    pub(super) fn mark(&self, size: &'static str) -> Mark<'_> {
        Mark { logo: &self.logo, initial: &self.initial, size }
    }
}

/// A refusal in words.
#[derive(Clone, Debug, Default)]
pub struct Problem {
    /// What happened.
    pub sentence: String,
    /// What to do next.
    pub next: String,
    /// `C-<number>` without the letter.
    pub number: u16,
}

/// The sign-in page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    /// The shared part.
    pub frame: Frame,
    /// Which app asks, if one does and is known.
    pub app: Option<AppCard>,
    /// The sealed pending request.
    pub request: Option<String>,
    /// What was typed before.
    pub email: String,
    /// Why the last try failed.
    pub problem: Option<Problem>,
    /// Good news ("You are signed out.").
    pub notice: Option<&'static str>,
    /// Who is signed in and asked for another account.
    pub current: Option<String>,
    /// Signing in leads to the apps.
    pub then_apps: bool,
    /// Signing in leads to the question about this OAuth 1.0 request token.
    pub oauth_token: Option<String>,
}

/// One permission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// "See your leads"
    pub sentence: String,
    /// Marked.
    pub risky: bool,
}

/// Permissions under their headings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct May {
    /// "It may see"
    pub see: Vec<Line>,
    /// "It may change"
    pub change: Vec<Line>,
    /// Everything else.
    pub stay: Vec<Line>,
}

impl May {
    /// Heading, icon and lines of each group that has any.
    pub(super) fn groups(&self) -> Vec<(&'static str, &'static str, &[Line])> {
        let all =
            [("It may see", "see", &self.see), ("It may change", "change", &self.change), ("Also", "stay", &self.stay)];
        all.into_iter()
            .filter(|(_, _, lines)| !lines.is_empty())
            .map(|(label, icon, lines)| (label, icon, &lines[..]))
            .collect()
    }
}

/// An account that may be chosen.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Its number: what the form sends.
    pub number: String,
    /// Its name.
    pub name: String,
    /// "Your own account", or what the person is there, and its sites.
    pub about: String,
}

/// The consent page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "consent.html")]
pub struct Consent {
    /// The shared part.
    pub frame: Frame,
    /// Who asks.
    pub app: AppCard,
    /// Completes "… wants to".
    pub wants: String,
    /// Who is asked: the address, or the account's name where nobody signs in.
    pub person: String,
    /// The account's id where nobody signs in; else empty.
    pub account: String,
    /// "Administrator"
    pub role: &'static str,
    /// The customer's name.
    pub customer: String,
    /// The connection belongs to the person, not to the whole customer.
    pub personal: bool,
    /// The customer is nobody's but the person's own: a platform with teams.
    pub own: bool,
    /// The accounts that may be chosen, the working default first; empty where there is nothing to choose.
    pub choices: Vec<Choice>,
    /// The same request for somebody else.
    pub another: String,
    /// "2 sites", or nothing.
    pub sites_title: String,
    /// Names of the active sites, the first few.
    pub sites: Vec<String>,
    /// How many more there are.
    pub more_sites: usize,
    /// What is asked for.
    pub may: May,
    /// What it can never do.
    pub never: String,
    /// "1 year": ends by itself when unused for so long.
    pub idle: String,
    /// "10 years": ends in any case.
    pub absolute: String,
    /// Where to cut it later.
    pub cut_where: String,
    /// The host that the person will return to.
    pub returns_to: String,
    /// The sealed form.
    pub request: String,
}

/// In place of consent, for a person who may not allow this.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "hindered.html")]
pub struct Hindered {
    /// The shared part.
    pub frame: Frame,
    /// Who asks.
    pub app: AppCard,
    /// Who is signed in.
    pub person: String,
    /// The account's id where nobody signs in; else empty.
    pub account: String,
    /// Why not.
    pub title: &'static str,
    /// The refusal.
    pub problem: Problem,
    /// The same request for somebody else.
    pub another: String,
    /// The sealed form: its one button denies.
    pub request: String,
}

/// A way on.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// A path of ours.
    pub href: String,
    /// What it says.
    pub text: &'static str,
}

/// Where help is.
#[derive(Clone, Debug, Default)]
pub struct Support {
    /// Host and path; empty where the profile names none.
    pub text: String,
    /// The address, on pages of settings only: a page of the OAuth flow leads nowhere else.
    pub href: Option<String>,
}

/// A refusal.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "refused.html")]
pub struct Refused {
    /// The shared part.
    pub frame: Frame,
    /// What happened.
    pub title: &'static str,
    /// What it means for the reader.
    pub meaning: &'static str,
    /// The refusal.
    pub problem: Problem,
    /// What to do next leads here.
    pub way: Way,
    /// For the developer, folded: what, and what about it.
    pub developer: Vec<(&'static str, String)>,
    /// Where help is.
    pub support: Support,
}

/// A row of the list of connected apps.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its details.
    pub href: String,
    /// Which app.
    pub app: AppCard,
    /// What it may do, in short.
    pub may: String,
    /// Some of it is marked.
    pub risky: bool,
    /// "2 sites"
    pub sites: String,
    /// Who connected it.
    pub by: String,
    /// When.
    pub since: Option<When>,
    /// When it called last.
    pub used: Option<When>,
    /// How it is.
    pub health: Health,
}

impl Row {
    /// Who connected it, in parts that a line may break between.
    fn by_parts(&self) -> impl Iterator<Item = &str> {
        words::breakable(&self.by)
    }
}

/// How a connection is.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// `good`, `calm` or `warn`: a class of the style sheet.
    pub look: &'static str,
    /// In a word or two.
    pub word: &'static str,
    /// Why, if it is not well.
    pub why: &'static str,
}

/// The list of connected apps.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "connected.html")]
pub struct Connected {
    /// The shared part.
    pub frame: Frame,
    /// Whose.
    pub customer: String,
    /// The accounts to switch between; empty where there is but one.
    pub accounts: Vec<Tab>,
    /// What the platform calls sites, with a capital; empty where there are none.
    pub sites_word: String,
    /// The rows of this page.
    pub rows: Vec<Row>,
    /// The app that was disconnected a moment ago.
    pub gone: Option<String>,
    /// This is not the first page.
    pub later: bool,
    /// The first page.
    pub first: String,
    /// The next page.
    pub next: Option<String>,
    /// Where help is.
    pub support: Support,
    /// OAuth 1.0 ends, and this customer still has a key of it (TSM-16).
    pub legacy: Option<LegacyNote>,
}

/// What a customer with OAuth 1.0 keys should know.
#[derive(Clone, Debug, Default)]
pub struct LegacyNote {
    /// What ends, and when.
    pub sentence: String,
    /// Where the way out is explained.
    pub guide: Option<String>,
}

/// One connection.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "connection.html")]
pub struct Connection {
    /// The shared part.
    pub frame: Frame,
    /// Whose.
    pub customer: String,
    /// The list that it is in.
    pub list: String,
    /// As in the list.
    pub row: Row,
    /// What it may do.
    pub may: May,
    /// "2 sites", or nothing.
    pub sites_title: String,
    /// Names of the active sites, the first few.
    pub sites: Vec<String>,
    /// How many more there are.
    pub more_sites: usize,
    /// "1 year"
    pub idle: String,
    /// "10 years"
    pub absolute: String,
    /// Binds the button to this session and this connection.
    pub token: String,
    /// It is one person's, not everybody's of the customer.
    pub personal: bool,
}

/// Asks before signing out.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "sign_out.html")]
pub struct SignOut {
    /// The shared part.
    pub frame: Frame,
    /// Who is signed in.
    pub person: String,
}

/// Who still calls with OAuth 1.0.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "legacy.html")]
pub struct Legacy {
    /// The shared part.
    pub frame: Frame,
    /// "It ends on 2026-07-01."
    pub ends: String,
    /// So many days count.
    pub days: i64,
    /// In numbers.
    pub totals: crate::flows::legacy::Totals,
    /// The rows of this page.
    pub rows: Vec<LegacyRow>,
    /// This is not the first page.
    pub later: bool,
    /// The next page.
    pub next: Option<String>,
}

/// One consumer.
#[derive(Clone, Debug, Default)]
pub struct LegacyRow {
    /// Its name.
    pub customer: String,
    /// The platform's own id.
    pub customer_id: String,
    /// `oauth_consumer_key`.
    pub key: String,
    /// Whether it works.
    pub active: bool,
    /// The day until which it may go on after the end.
    pub extended: Option<String>,
    /// Within the days that count.
    pub calls: u64,
    /// The busiest route.
    pub route: String,
    /// When it called last.
    pub last: Option<When>,
    /// To how many apps it was exchanged.
    pub exchanges: u64,
}

/// Asks a person about an OAuth 1.0 application.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "oauth1_consent.html")]
pub struct OAuth1Consent {
    /// The shared part.
    pub frame: Frame,
    /// Whose application it is.
    pub customer: String,
    /// `oauth_consumer_key`.
    pub key: String,
    /// Who is signed in.
    pub person: String,
    /// What it may do.
    pub may: May,
    /// "1 July 2026, 00:00 UTC"; empty: no end.
    pub ends: String,
    /// A verifier comes back: whoever goes on is the browser that was asked.
    pub proves_return: bool,
    /// The host to return to; empty: none.
    pub returns_to: String,
    /// Where the form goes.
    pub action: String,
    /// The request token.
    pub oauth_token: String,
    /// Binds the buttons to this session and this request token.
    pub token: String,
}

/// After an OAuth 1.0 application was answered that names no address to return to.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "oauth1_done.html")]
pub struct OAuth1Done {
    /// The shared part.
    pub frame: Frame,
    /// What was answered.
    pub title: &'static str,
    /// What is to be typed into the application.
    pub verifier: Option<String>,
}
