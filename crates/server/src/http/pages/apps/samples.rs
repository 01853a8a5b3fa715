//! Samples of the pages of apps, for tests and for people to look at. No handler uses them.

use askama::Template;
use causeway_protocol::Reason;
use causeway_protocol::profile::Profile;
use causeway_protocol::registration::Field;

use super::super::views::{AppCard, Frame, Health, May, Support};
use super::super::{problem, words};
use super::views::*;

/// What the samples speak of.
pub struct Given<'a> {
    /// Whose pages.
    pub profile: &'a Profile,
    /// For somebody who is signed in.
    pub frame: Frame,
    /// Which app.
    pub app: AppCard,
    /// The customer's name.
    pub customer: String,
    /// A few permissions.
    pub may: May,
}

fn render(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

const URIS: [&str; 2] = ["https://app.acme-booking.example/oauth/callback", "http://localhost:3000/callback"];

impl Given<'_> {
    fn trail(&self) -> Trail {
        super::trail(self.profile)
    }

    fn id(&self) -> String {
        "7f3c1d0a94be42d68c52e1f0a9b7d3c47f3c1d0a94be42d68c52e1f0a9b7d3c4".to_owned()
    }

    fn href(&self) -> String {
        format!("{}/7", self.profile.endpoints.apps)
    }

    fn waits(&self) -> Health {
        Health {
            look: "warn",
            word: "Waits for review",
            why: "Until it is approved, only the account that made it can connect it.",
        }
    }

    fn list(&self) -> Apps {
        let row = |state: Health| Row {
            href: self.href(),
            app: self.app.clone(),
            client_id: self.id(),
            reach: format!("Only {}", self.customer),
            state,
        };
        Apps {
            frame: self.frame.clone(),
            trail: self.trail(),
            whose: format!("Apps that {} makes, and that people connect to {}.", self.customer, self.profile.name),
            id_word: self.profile.registration.id_word.clone(),
            rows: vec![
                row(Health { look: "good", word: "Ready", why: "" }),
                row(self.waits()),
                row(Health { look: "bad", word: "Rejected", why: "" }),
            ],
            next: Some(format!("{}?after=7", self.profile.endpoints.apps)),
            support: Support { text: "help.harbour.example".to_owned(), href: None },
            ..Apps::default()
        }
    }

    fn form(&self) -> AppForm {
        let scopes = self.profile.scopes.iter().take(6).enumerate().map(|(n, word)| Choice {
            value: word.name.clone(),
            sentence: words::sentence(&word.sentence),
            risky: word.risky,
            chosen: n % 2 == 1,
        });
        let provider =
            |name: &str, chosen| Choice { value: name.to_owned(), sentence: name.to_owned(), risky: false, chosen };
        AppForm {
            frame: self.frame.clone(),
            trail: self.trail(),
            heading: "New application".to_owned(),
            action: format!("{}/new", self.profile.endpoints.apps),
            back: self.profile.endpoints.apps.clone(),
            button: "Register application",
            hidden: vec![("token", "dG9rZW4".to_owned()), ("form", "Zm9ybQ".to_owned())],
            link_word: self.profile.registration.link_word.clone(),
            most_uris: 10,
            public_client: Some(false),
            private: Some(true),
            customer: self.customer.clone(),
            scopes: scopes.collect(),
            providers: vec![provider("Storefront", true), provider("Mailings", false)],
            asks_logo: true,
            consequence: "It can be connected at once.",
            ..AppForm::default()
        }
    }

    fn wrong(&self) -> AppForm {
        let says = |field: Field, says: &str| (field, says.to_owned());
        AppForm {
            heading: format!("Edit {}", self.app.name),
            button: "Save",
            name: self.app.name.clone(),
            description: self.app.name.clone(),
            link: self.app.name.clone(),
            redirect_uris: format!("http://app.example/cb\n{}", self.app.name),
            logo_of: Some(self.app.clone()),
            problems: vec![
                says(Field::Name, "A name has at most 80 characters."),
                says(
                    Field::Link,
                    "This must be a whole address such as https://app.example, of at most 500 characters.",
                ),
                says(
                    Field::RedirectUris,
                    "http://app.example/cb must begin with https: only addresses of this computer may do without.",
                ),
                (Field::RedirectUris, format!("{} is not a whole address.", self.app.name)),
                says(Field::Scopes, "Choose at least one permission: an app without any could be granted nothing."),
                says(Field::Logo, "The image is larger than 64 KiB."),
            ],
            problem: Some(problem(&Reason::FormIncomplete.refuse())),
            ..self.form()
        }
    }

    fn facts(&self) -> AppFacts {
        let rules = &self.profile.registration;
        AppFacts {
            client_id: (rules.id_word.clone(), self.id()),
            kind: "Confidential: it runs on a server and keeps a secret",
            reach: "Any customer".to_owned(),
            redirect_uris: URIS.map(str::to_owned).to_vec(),
            may: self.may.clone(),
            link: (rules.link_word.clone(), "https://acme-booking.example".to_owned()),
            providers: vec!["Storefront".to_owned(), "Mailings".to_owned()],
            accounts: Some(format!("{}/accounts", self.href())),
            note: String::new(),
        }
    }

    fn one(&self) -> OneApp {
        OneApp {
            frame: self.frame.clone(),
            trail: self.trail(),
            href: self.href(),
            app: self.app.clone(),
            state: Health { look: "good", word: "Ready", why: "" },
            facts: self.facts(),
            notice: Some("Saved."),
            seen: "c2Vlbg".to_owned(),
            secret_token: Some("dG9rZW4".to_owned()),
            switch_token: Some("dG9rZW4".to_owned()),
            active: true,
            ..OneApp::default()
        }
    }

    fn review(&self) -> OneApp {
        let review = Review {
            token: "dG9rZW4".to_owned(),
            note: self.app.name.clone(),
            problem: Some("Say why: the app’s maker will read it.".to_owned()),
            ..Review::default()
        };
        let facts = AppFacts { note: self.app.name.clone(), ..self.facts() };
        OneApp { state: self.waits(), facts, review: Some(review), notice: None, may_switch_on: true, ..self.one() }
    }

    fn secret(&self) -> AppSecret {
        AppSecret {
            frame: self.frame.clone(),
            trail: self.trail(),
            heading: format!("{} is registered", self.app.name),
            app: self.app.clone(),
            href: self.href(),
            id_word: self.profile.registration.id_word.clone(),
            client_id: self.id(),
            secret: Some(format!(
                "{}-not-a-secret-only-a-sample-of-one-0123456789",
                self.profile.token.prefixes.secret
            )),
            says: "It can be connected from now on.".to_owned(),
        }
    }

    /// Every page in every state.
    pub fn all(&self) -> Vec<(&'static str, String)> {
        let staff = Apps { waiting: 2, ..self.list() };
        let queue = Apps { waiting: 2, only_waiting: true, ..self.list() };
        let none = Apps { rows: Vec::new(), next: None, ..self.list() };
        let off = OneApp {
            active: false,
            switch_token: None,
            state: Health {
                look: "warn",
                word: "Switched off",
                why: "Nobody can connect it, and its calls are refused.",
            },
            ..self.one()
        };
        let again = AppSecret { secret: None, ..self.secret() };
        vec![
            ("apps", render(&self.list())),
            ("apps-staff", render(&staff)),
            ("apps-queue", render(&queue)),
            ("apps-none", render(&none)),
            ("app-new", render(&self.form())),
            ("app-wrong", render(&self.wrong())),
            ("app-one", render(&self.one())),
            ("app-off", render(&off)),
            ("app-review", render(&self.review())),
            ("app-secret", render(&self.secret())),
            ("app-secret-before", render(&again)),
        ]
    }

    /// The pages that show what somebody else chose.
    pub fn hostile(&self) -> Vec<(&'static str, String)> {
        vec![
            ("apps-hostile", render(&self.list())),
            ("app-wrong-hostile", render(&self.wrong())),
            ("app-review-hostile", render(&self.review())),
            ("app-secret-hostile", render(&self.secret())),
        ]
    }
}
