//! Samples of the pages around accounts, for tests and for people to look at. No handler uses them.

use askama::Template;
use causeway_protocol::Reason;
use causeway_protocol::profile::Profile;

use super::account_views::*;
use super::problem;
use super::samples::Sample;
use super::views::{AppCard, Frame};
use super::words::{self, When};

/// What the samples speak of.
pub struct Given<'a> {
    /// Whose pages.
    pub profile: &'a Profile,
    /// For anybody.
    pub frame: Frame,
    /// For somebody who is signed in.
    pub signed: Frame,
    /// Which app.
    pub app: AppCard,
    /// A name that somebody chose: of an account, of a provider.
    pub name: &'a str,
    /// Some days ago.
    pub since: Option<When>,
}

fn render(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

impl Given<'_> {
    fn offer(&self, name: &str, look: &'static str, word: &'static str) -> Offer {
        let connected = look == "good";
        Offer {
            key: "example".to_owned(),
            name: words::name(name),
            initial: words::initial(name),
            look,
            word,
            since: self.since.clone().filter(|_| connected),
            connect: Some("/integrations/connect/example".to_owned())
                .filter(|_| !connected && word.starts_with(['N', 'M'])),
            ends: connected,
            token: "dG9rZW4".to_owned(),
        }
    }

    fn mini_app(&self, offers: Vec<Offer>) -> MiniApp {
        MiniApp {
            frame: self.frame.clone(),
            app: self.app.clone(),
            account: words::name(self.name),
            account_id: "example-user-account".to_owned(),
            path: "/integrations".to_owned(),
            offers,
            notice: None,
            problem: None,
            allowed: self.since.clone(),
            token: "dG9rZW4".to_owned(),
        }
    }

    fn row(&self, id: &str, online: bool) -> AccountRow {
        AccountRow {
            href: "/developer/apps/1/accounts/3".to_owned(),
            id: words::name(id),
            name: words::name(self.name),
            status: if online { "Online" } else { "Offline" },
            look: if online { "good" } else { "calm" },
            since: self.since.clone().filter(|_| online),
        }
    }

    fn typed(&self) -> AccountFields {
        AccountFields {
            id: String::new(),
            name: words::paragraph(self.name),
            timezone: "America/New_York".to_owned(),
            currency: "USD".to_owned(),
        }
    }

    fn list(&self, rows: Vec<AccountRow>) -> Accounts {
        Accounts {
            frame: self.signed.clone(),
            app: self.app.clone(),
            app_path: "/developer/apps/1".to_owned(),
            id_word: self.profile.registration.id_word.clone(),
            client_id: "6a1c0cac-02c3-4e03-8b93-eb922bf089c0".to_owned(),
            path: "/developer/apps/1/accounts".to_owned(),
            rows,
            later: false,
            next: None,
            notice: None,
            problem: None,
            typed: AccountFields { name: String::new(), timezone: "UTC".to_owned(), ..self.typed() },
            token: "dG9rZW4".to_owned(),
        }
    }

    fn one(&self) -> Account {
        Account {
            frame: self.signed.clone(),
            app: self.app.clone(),
            client_id: "6a1c0cac-02c3-4e03-8b93-eb922bf089c0".to_owned(),
            list: "/developer/apps/1/accounts".to_owned(),
            path: "/developer/apps/1/accounts/3".to_owned(),
            row: self.row("example-user-account", true),
            typed: self.typed(),
            problem: None,
            token: "dG9rZW4".to_owned(),
            delete_token: "dG9rZW4".to_owned(),
        }
    }

    fn go_back(&self, title: &'static str, reason: Reason, detail: &str) -> GoBack {
        GoBack {
            frame: self.frame.clone(),
            title,
            problem: problem(&reason.refuse()),
            developer: vec![
                ("About", words::name(detail)),
                ("Error", reason.wire().word().to_owned()),
                ("To fix it", reason.next_step().to_owned()),
            ],
            returns_to: "app.acme-booking.example".to_owned(),
            request: "AQABAG".repeat(60),
        }
    }

    /// Every page in every state.
    pub fn kind(&self) -> Vec<Sample> {
        let offers = || {
            vec![
                self.offer("Table Book", "good", "Connected"),
                self.offer("Day Planner", "calm", "Not connected"),
                self.offer("Home Helpers", "warn", "Must be connected again"),
                self.offer("Ledger", "calm", "Out of order"),
            ]
        };
        let over = VisitOver {
            frame: self.frame.clone(),
            title: "This link was good once",
            problem: problem(&Reason::SignInTokenSpent.refuse()),
            again: "/integrations?account-id=example-user-account".to_owned(),
        };
        let notice = Some(("Table Book".to_owned(), "is connected."));
        let trouble = Some(problem(&Reason::PlatformUnreachable.refuse()));
        let rows = || vec![self.row("example-user-account", true), self.row("copper-kettle", false)];
        let wrong = Some(problem(&Reason::AccountTaken.refuse()));
        vec![
            ("go-back", render(&self.go_back("This link names no account", Reason::AccountMissing, "account_id"))),
            ("mini-app", render(&MiniApp { notice, ..self.mini_app(offers()) })),
            ("mini-app-trouble", render(&MiniApp { problem: trouble, allowed: None, ..self.mini_app(offers()) })),
            ("mini-app-none", render(&self.mini_app(Vec::new()))),
            ("visit-over", render(&over)),
            ("accounts", render(&Accounts { notice: Some("The account is added."), ..self.list(rows()) })),
            ("accounts-none", render(&self.list(Vec::new()))),
            ("accounts-wrong", render(&Accounts { problem: wrong, typed: self.typed(), ..self.list(rows()) })),
            ("account", render(&self.one())),
        ]
    }

    /// The same with everything that an attacker chooses.
    pub fn hostile(&self) -> Vec<Sample> {
        let offers = vec![self.offer(self.name, "good", "Connected"), self.offer(self.name, "calm", "Not connected")];
        let row = || self.row(self.name, true);
        // Only its first word: tests that look into tags cut values at spaces.
        let word = words::paragraph(self.name.split(' ').next().unwrap_or_default());
        let typed = || AccountFields { id: word.clone(), name: word.clone(), ..self.typed() };
        vec![
            ("mini-app-hostile", render(&self.mini_app(offers))),
            ("accounts-hostile", render(&Accounts { typed: typed(), ..self.list(vec![row(), row()]) })),
            ("account-hostile", render(&Account { row: row(), typed: typed(), ..self.one() })),
        ]
    }
}
