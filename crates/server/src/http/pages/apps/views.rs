//! The pages of apps as structs: list, form, one app, its secret. The handlers fill them with text that `words` has made
//! harmless, or that somebody typed a moment ago; the templates escape it.

use askama::Template;
use causeway_protocol::registration::{Field, MAX_DESCRIPTION, MAX_LINK, MAX_NAME, MAX_NOTE};

use super::super::views::{AppCard, Frame, Health, May, Problem, Support};

/// What stands above every page of apps.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// "OAuth Apps"
    pub title: String,
    /// Where it stands: "Settings", "Integrations".
    pub places: Vec<String>,
    /// The list.
    pub path: String,
}

/// A row of the list.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The app's page.
    pub href: String,
    /// Which.
    pub app: AppCard,
    /// Its client id.
    pub client_id: String,
    /// "Any customer"
    pub reach: String,
    /// Where it stands.
    pub state: Health,
}

/// The list of apps.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "apps.html")]
pub struct Apps {
    /// The shared part.
    pub frame: Frame,
    /// Above.
    pub trail: Trail,
    /// Whose apps: "Your apps, and …".
    pub whose: String,
    /// What the client id is called.
    pub id_word: String,
    /// The rows of this page.
    pub rows: Vec<Row>,
    /// How many wait for this person's review.
    pub waiting: usize,
    /// Only those are shown.
    pub only_waiting: bool,
    /// This is not the first page.
    pub later: bool,
    /// The next page.
    pub next: Option<String>,
    /// Where help is.
    pub support: Support,
}

/// Something that can be ticked.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What it means.
    pub sentence: String,
    /// Marked.
    pub risky: bool,
    /// Ticked.
    pub chosen: bool,
}

/// The form of a new app, and of one that is edited.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "apps_form.html")]
pub struct AppForm {
    /// The shared part.
    pub frame: Frame,
    /// Above.
    pub trail: Trail,
    /// "New application"
    pub heading: String,
    /// Where it is sent.
    pub action: String,
    /// Where it is left to.
    pub back: String,
    /// What the button says.
    pub button: &'static str,
    /// Hidden fields.
    pub hidden: Vec<(&'static str, String)>,
    /// See [`Wish`](causeway_protocol::registration::Wish): as it was typed.
    pub name: String,
    /// See `name`.
    pub description: String,
    /// See `name`.
    pub link: String,
    /// What the link is called.
    pub link_word: String,
    /// See `name`.
    pub redirect_uris: String,
    /// So many may be named.
    pub most_uris: u32,
    /// Asked only of new apps: is it public? `None`: not asked.
    pub public_client: Option<bool>,
    /// Only for this customer? `None`: not asked.
    pub private: Option<bool>,
    /// The own customer.
    pub customer: String,
    /// Every permission, where they are chosen.
    pub scopes: Vec<Choice>,
    /// Every provider.
    pub providers: Vec<Choice>,
    /// Whether a logo can be uploaded.
    pub asks_logo: bool,
    /// The app as it is, where it has a logo.
    pub logo_of: Option<AppCard>,
    /// What will happen when it is sent.
    pub consequence: &'static str,
    /// What is wrong with the fields.
    pub problems: Vec<(Field, String)>,
    /// Why it was not saved.
    pub problem: Option<Problem>,
}

impl AppForm {
    fn says(&self, field: Field) -> Vec<&str> {
        self.problems.iter().filter(|(known, _)| *known == field).map(|(_, says)| says.as_str()).collect()
    }

    fn lines(&self) -> usize {
        (self.redirect_uris.lines().count() + 1).clamp(3, 10)
    }
}

/// A line of an app's facts.
#[derive(Clone, Debug, Default)]
pub struct AppFacts {
    /// What the client id is called, and it.
    pub client_id: (String, String),
    /// "Confidential: it keeps a secret"
    pub kind: &'static str,
    /// Who can connect it.
    pub reach: String,
    /// Where it returns to.
    pub redirect_uris: Vec<String>,
    /// What it may be granted.
    pub may: May,
    /// What its link is called, and where it leads.
    pub link: (String, String),
    /// Providers that its users may connect.
    pub providers: Vec<String>,
    /// The page of its accounts.
    pub accounts: Option<String>,
    /// What staff said.
    pub note: String,
}

/// One app.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "apps_one.html")]
pub struct OneApp {
    /// The shared part.
    pub frame: Frame,
    /// Above.
    pub trail: Trail,
    /// Its own address.
    pub href: String,
    /// Which.
    pub app: AppCard,
    /// Where it stands.
    pub state: Health,
    /// What is to be known.
    pub facts: AppFacts,
    /// Good news.
    pub notice: Option<&'static str>,
    /// Binds the forms to what is shown.
    pub seen: String,
    /// For the form that makes a new secret; `None` where there is none.
    pub secret_token: Option<String>,
    /// For the form that switches; `None` where this person may not.
    pub switch_token: Option<String>,
    /// Whether it is on now.
    pub active: bool,
    /// This person may switch it on again.
    pub may_switch_on: bool,
    /// For the form that decides; `None` where nobody asks.
    pub review: Option<Review>,
}

/// The reviewer's form.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// Binds it.
    pub token: String,
    /// As it was typed.
    pub note: String,
    /// Who makes it was checked.
    pub verified: bool,
    /// May it be approved, or is it?
    pub approved: bool,
    /// What is wrong with the note.
    pub problem: Option<String>,
}

/// An app's secret, this one time.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "apps_secret.html")]
pub struct AppSecret {
    /// The shared part.
    pub frame: Frame,
    /// Above.
    pub trail: Trail,
    /// "Acme Booking is registered"
    pub heading: String,
    /// Which.
    pub app: AppCard,
    /// Its page.
    pub href: String,
    /// What the client id is called.
    pub id_word: String,
    /// It.
    pub client_id: String,
    /// `None`: a public app has none, or it was shown before.
    pub secret: Option<String>,
    /// What to know about it.
    pub says: String,
}
