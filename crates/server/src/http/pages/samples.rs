//! Samples of every page and state, with harmless and with hostile names: what tests render and people look at.
//! No handler uses them.

use askama::Template;
use causeway_protocol::profile::Profile;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, ScopeSet, Scopes, UnixTime};

use super::consent::permissions;
use super::look::Look;
use super::views::*;
use super::words::{self, When};

/// One rendered page: a short name, and HTML.
pub type Sample = (&'static str, String);

/// Every page in every state, for this platform.
pub fn all(profile: &Profile) -> Vec<Sample> {
    let kind = Names {
        app: ("Acme Booking", "Acme Software Ltd"),
        person: "ada@harbour.example",
        customer: "Harbour Hospitality",
        sites: &["Harbour House", "The Old Mill"],
    };
    let long = format!("{HOSTILE} {}", "W".repeat(500));
    let cruel = Names {
        app: (&long, &long),
        person: "\"><svg/onload=alert(1)>@evil.example",
        customer: &long,
        sites: &[long.as_str(); 8],
    };
    let (kind, cruel) = (Maker { profile, names: kind }, Maker { profile, names: cruel });
    let mut pages = kind.sign_in();
    pages.extend(kind.asked());
    pages.extend(kind.refused());
    pages.extend(kind.connected());
    pages.extend(kind.oauth1());
    pages.extend(kind.legacy());
    pages.extend(kind.apps(kind.app()).all());
    pages.extend(kind.accounts(kind.app()).kind());
    pages.extend(cruel.accounts(cruel.card(cruel.names.app, false)).hostile());
    pages.extend(cruel.hostile());
    pages.extend(cruel.apps(cruel.card(cruel.names.app, false)).hostile());
    pages.extend(cruel.oauth1().into_iter().skip(1).take(1).map(|(_, html)| ("oauth1-consent-hostile", html)));
    pages
}

/// What an attacker would register.
pub const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u{202e}elpirT\u{2066} \u{200b}\
    \u{1f469}\u{200d}\u{1f4bb} javascript:alert(1) {{7*7}} \u{2714} Official Verified";

struct Names<'a> {
    app: (&'a str, &'a str),
    person: &'a str,
    customer: &'a str,
    sites: &'a [&'a str],
}

struct Maker<'a> {
    profile: &'a Profile,
    names: Names<'a>,
}

const NOW: UnixTime = UnixTime(1_795_291_560);

fn at(ago: i64) -> Option<When> {
    Some(words::when(NOW - Seconds(ago), NOW))
}

fn seal() -> String {
    "AQABAG".repeat(60)
}

fn problem(reason: Reason) -> Problem {
    super::problem(&reason.refuse())
}

fn render(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

fn working() -> Health {
    Health { look: "good", word: "Working", why: "" }
}

fn paused() -> Health {
    let why = "This app is switched off, so its calls are refused. It goes on when the app is switched on again.";
    Health { look: "warn", word: "Paused", why }
}

impl Maker<'_> {
    fn frame(&self) -> Frame {
        super::frame(self.profile, &Look::of(self.profile), "01JD8Q4W7Z0K")
    }

    fn signed_frame(&self) -> Frame {
        Frame { person: Some(words::name(self.names.person)), ..self.frame() }
    }

    fn card(&self, (name, owner): (&str, &str), verified: bool) -> AppCard {
        AppCard {
            name: words::name(name),
            initial: words::initial(name),
            logo: String::new(),
            owner: words::name(owner),
            description: words::paragraph("Turns web enquiries into leads, and keeps your calendar in step."),
            info: "acme-booking.example".to_owned(),
            verified,
            poses: !verified && words::poses(name, &self.profile.name),
            private: false,
        }
    }

    fn app(&self) -> AppCard {
        self.card(self.names.app, true)
    }

    fn young(&self) -> AppCard {
        self.card(("LeadSpark", "Jo Parker"), false)
    }

    /// The first words of the profile, so many of each group.
    fn may(&self, count: usize) -> May {
        use causeway_protocol::profile::ScopeGroup::{Change, See, Stay};
        let of = |group| self.profile.scopes.iter().filter(move |word| word.group == group).take(count);
        let words: Vec<String> = [See, Change, Stay].into_iter().flat_map(of).map(|word| word.name.clone()).collect();
        let all = ScopeSet((1 << words.len()) - 1);
        permissions(self.profile, &Scopes::new(words), all)
    }

    fn sign_in(&self) -> Vec<Sample> {
        let plain = || SignIn { frame: self.frame(), ..SignIn::default() };
        let asked = || SignIn { app: Some(self.app()), request: Some(seal()), ..plain() };
        let person = || self.names.person.to_owned();
        let wrong = |reason| SignIn { email: person(), problem: Some(problem(reason)), ..asked() };
        vec![
            ("sign-in", render(&plain())),
            ("sign-in-app", render(&asked())),
            ("sign-in-wrong", render(&wrong(Reason::SignInFailed))),
            ("sign-in-wait", render(&wrong(Reason::SignInThrottled))),
            ("sign-in-another", render(&SignIn { current: Some(person()), ..asked() })),
            ("signed-out", render(&SignIn { notice: Some("You are signed out."), ..plain() })),
            ("sign-out", render(&SignOut { frame: self.frame(), person: person() })),
        ]
    }

    fn consent(&self, app: AppCard, may: May) -> Consent {
        let brand = &self.profile.brand;
        let sites_title = words::count(self.names.sites.len(), &brand.sites_word);
        Consent {
            frame: self.frame(),
            app,
            wants: format!("see and change data of {} at {sites_title}", words::name(self.names.customer)),
            person: words::name(self.names.person),
            account: String::new(),
            role: "Administrator",
            customer: words::name(self.names.customer),
            personal: false,
            own: false,
            choices: Vec::new(),
            another: "/oauth2/authorize?client_id=acme&prompt=select_account".to_owned(),
            sites_title,
            sites: self.names.sites.iter().map(|site| words::name(site)).collect(),
            more_sites: self.names.sites.len() / 8 * 40,
            may,
            never: brand.never.clone(),
            idle: words::length(self.profile.token.refresh_life.idle),
            absolute: words::length(self.profile.token.refresh_life.absolute),
            cut_where: brand.cut_where.clone(),
            returns_to: "app.acme-booking.example".to_owned(),
            request: seal(),
        }
    }

    /// The same for somebody who helps to run two teams.
    fn choosing(&self, consent: Consent) -> Consent {
        let choice = |number: &str, name: &str, about: &str| Choice {
            number: number.to_owned(),
            name: words::name(name),
            about: about.to_owned(),
        };
        let choices = vec![
            choice("7", self.names.person, "Your own account"),
            choice("12", self.names.customer, "Team: you are an administrator"),
            choice("31", "Night shift", "Team: you are an administrator"),
        ];
        let wants = "see and change data of the account that you choose".to_owned();
        Consent { wants, choices, own: true, sites: Vec::new(), sites_title: String::new(), ..consent }
    }

    /// Where nobody signs in.
    fn consent_of_account(&self) -> Consent {
        let customer = words::name(self.names.customer);
        Consent {
            wants: format!("stay connected to {customer}"),
            person: customer,
            account: "example-user-account".to_owned(),
            role: "",
            sites_title: String::new(),
            sites: Vec::new(),
            ..self.consent(self.app(), self.may(1))
        }
    }

    fn hindered(&self, title: &'static str, reason: Reason) -> Hindered {
        Hindered {
            frame: self.frame(),
            app: self.app(),
            person: words::name(self.names.person),
            account: String::new(),
            title,
            problem: problem(reason),
            another: "/oauth2/authorize?client_id=acme&prompt=select_account".to_owned(),
            request: seal(),
        }
    }

    fn asked(&self) -> Vec<Sample> {
        vec![
            ("consent", render(&self.consent(self.app(), self.may(2)))),
            ("consent-account", render(&self.consent_of_account())),
            ("consent-unverified", render(&self.consent(self.young(), self.may(1)))),
            ("consent-choose", render(&self.choosing(self.consent(self.app(), self.may(2))))),
            ("hindered", render(&self.hindered("An administrator has to do this", Reason::NotApprover))),
        ]
    }

    fn refusal(&self, title: &'static str, reason: Reason, developer: Vec<(&'static str, String)>) -> Refused {
        Refused {
            frame: self.frame(),
            title,
            meaning: "Nothing was shared.",
            problem: problem(reason),
            way: Way { href: "/".to_owned(), text: "Go to your account" },
            developer,
            support: Support { text: "help.harbour.example".to_owned(), href: None },
        }
    }

    fn refused(&self) -> Vec<Sample> {
        let developer = vec![
            ("Parameter", "redirect_uri".to_owned()),
            ("Expected", "One of the app’s registered redirect URIs, byte for byte.".to_owned()),
            ("To fix it", Reason::RedirectUnregistered.next_step().to_owned()),
        ];
        vec![
            ("refused-link", render(&self.refusal("This link is broken", Reason::RedirectUnregistered, developer))),
            ("refused-expired", render(&self.refusal("Please look at this again", Reason::FormExpired, Vec::new()))),
        ]
    }

    fn row(&self, app: AppCard, health: Health, used: Option<When>) -> Row {
        Row {
            href: format!("{}/12", self.profile.endpoints.connected_apps),
            app,
            may: "see your leads and who sent them, create leads and change them and 3 more".to_owned(),
            risky: health.look == "warn",
            sites: words::count(2, &self.profile.brand.sites_word),
            by: words::name(self.names.person),
            since: at(86_400 * 12),
            used,
            health,
        }
    }

    fn list(&self, rows: Vec<Row>) -> Connected {
        Connected {
            frame: self.signed_frame(),
            customer: words::name(self.names.customer),
            sites_word: words::sentence(&self.profile.brand.sites_word),
            accounts: Vec::new(),
            rows,
            gone: None,
            later: false,
            first: self.profile.endpoints.connected_apps.clone(),
            next: None,
            support: Support {
                text: "help.harbour.example".to_owned(),
                href: Some("https://help.harbour.example".to_owned()),
            },
            legacy: None,
        }
    }

    fn one(&self, row: Row, may: May) -> Connection {
        Connection {
            frame: self.signed_frame(),
            customer: words::name(self.names.customer),
            list: self.profile.endpoints.connected_apps.clone(),
            sites_title: row.sites.clone(),
            row,
            may,
            sites: self.names.sites.iter().map(|site| words::name(site)).collect(),
            more_sites: self.names.sites.len() / 8 * 40,
            idle: words::length(self.profile.token.refresh_life.idle),
            absolute: words::length(self.profile.token.refresh_life.absolute),
            token: "dG9rZW4".to_owned(),
            personal: false,
        }
    }

    fn connected(&self) -> Vec<Sample> {
        let fresh = Health { look: "calm", word: "Not used yet", why: "" };
        let rows = vec![
            self.row(self.app(), working(), at(200)),
            Row { since: at(86_400 * 400), ..self.row(self.young(), paused(), at(86_400 * 3)) },
            Row { since: at(40), ..self.row(self.card(("Tablewise", "Tablewise Inc."), true), fresh, None) },
        ];
        let gone = Connected { gone: Some("LeadSpark".to_owned()), ..self.list(rows[..1].to_vec()) };
        let tab = |href: &str, text: &str, here| Tab { href: href.to_owned(), text: words::name(text), here };
        let tabs = || vec![tab("/apps", self.names.person, false), tab("/apps?account=12", self.names.customer, true)];
        let of_team = Connected { accounts: tabs(), ..self.list(rows[..1].to_vec()) };
        vec![
            ("connected-team", render(&of_team)),
            ("connected-gone", render(&gone)),
            ("connected-none", render(&self.list(Vec::new()))),
            ("connection", render(&self.one(rows[0].clone(), self.may(2)))),
            ("connection-paused", render(&self.one(rows[1].clone(), self.may(1)))),
            ("connected-legacy", render(&Connected { legacy: Some(self.legacy_note()), ..self.list(rows.clone()) })),
            ("connected", render(&self.list(rows))),
        ]
    }

    fn legacy(&self) -> Vec<Sample> {
        let row = |key: &str, calls, exchanges, last| LegacyRow {
            customer: words::name(self.names.customer),
            customer_id: "4100".to_owned(),
            key: words::name(key),
            active: true,
            extended: None,
            calls,
            route: if calls > 0 { "GET /leads".to_owned() } else { String::new() },
            last,
            exchanges,
        };
        let rows = vec![
            row("harbour-4f81c0de77", 18_204, 0, at(40)),
            LegacyRow { extended: Some("2026-09-30".to_owned()), ..row("mill-91b2", 12, 1, at(86_400)) },
            LegacyRow { active: false, ..row("old-mill-2014", 0, 0, None) },
        ];
        let totals = crate::flows::legacy::Totals { active: 2, calling: 2, left: 1, exchanged: 1, more: false };
        let ends = "It ends on 2026-07-01.".to_owned();
        let frame = self.signed_frame();
        let full = Legacy { frame, ends, days: 30, totals, rows, later: false, next: None };
        let empty = Legacy { totals: Default::default(), rows: Vec::new(), ..full.clone() };
        vec![("legacy", render(&full)), ("legacy-empty", render(&empty))]
    }

    fn legacy_note(&self) -> LegacyNote {
        let sentence = "Some of your integrations still use OAuth 1.0. It ends on 1 July 2027, 00:00 UTC.".to_owned();
        LegacyNote { sentence, guide: Some("https://help.harbour.example/oauth".to_owned()) }
    }

    fn oauth1(&self) -> Vec<Sample> {
        let asked = || OAuth1Consent {
            frame: self.frame(),
            customer: words::name(self.names.customer),
            key: words::name(self.names.app.0),
            person: words::name(self.names.person),
            may: self.may(2),
            ends: "1 July 2027, 00:00 UTC".to_owned(),
            proves_return: true,
            returns_to: "legacy.acme.example".to_owned(),
            action: "/oauth/authorize1".to_owned(),
            oauth_token: "AbCd".repeat(8),
            token: "dG9rZW4".to_owned(),
        };
        let old = OAuth1Consent { proves_return: false, returns_to: String::new(), ends: String::new(), ..asked() };
        let done = OAuth1Done { frame: self.frame(), title: "You said no", verifier: None };
        let typed = OAuth1Done {
            frame: self.frame(),
            title: "The application may connect",
            verifier: Some("7K2M9QX4T0AB".to_owned()),
        };
        let sign_in = SignIn { frame: self.frame(), oauth_token: Some("AbCd".repeat(8)), ..SignIn::default() };
        vec![
            ("oauth1-sign-in", render(&sign_in)),
            ("oauth1-consent", render(&asked())),
            ("oauth1-consent-old", render(&old)),
            ("oauth1-verifier", render(&typed)),
            ("oauth1-done", render(&done)),
        ]
    }

    fn apps(&self, app: AppCard) -> super::apps::samples::Given<'_> {
        let tab = |text: &str, here| Tab { href: "/settings/sample".to_owned(), text: text.to_owned(), here };
        let frame = Frame { tabs: vec![tab("Connected apps", false), tab("OAuth apps", true)], ..self.signed_frame() };
        let customer = words::name(self.names.customer);
        super::apps::samples::Given { profile: self.profile, frame, app, customer, may: self.may(2) }
    }

    fn accounts(&self, app: AppCard) -> super::account_samples::Given<'_> {
        let (frame, signed) = (self.frame(), self.signed_frame());
        let name = self.names.customer;
        super::account_samples::Given { profile: self.profile, frame, signed, app, name, since: at(86_400 * 3) }
    }

    fn hostile(&self) -> Vec<Sample> {
        let evil = || AppCard {
            description: words::paragraph(self.names.app.0),
            info: "xn--evil.example".to_owned(),
            ..self.card(self.names.app, false)
        };
        let sign_in = SignIn {
            frame: self.frame(),
            app: Some(evil()),
            request: Some(seal()),
            email: self.names.person.to_owned(),
            problem: Some(problem(Reason::SignInFailed)),
            ..SignIn::default()
        };
        let row = || self.row(evil(), paused(), None);
        let list = Connected {
            gone: Some(words::name(self.names.app.0)),
            later: true,
            next: Some(format!("{}?after=12", self.profile.endpoints.connected_apps)),
            ..self.list(vec![row(), row()])
        };
        let developer = vec![("Parameter", words::name(self.names.app.0))];
        vec![
            ("sign-in-hostile", render(&sign_in)),
            ("consent-hostile", render(&self.consent(evil(), self.may(20)))),
            ("consent-choose-hostile", render(&self.choosing(self.consent(evil(), self.may(2))))),
            (
                "hindered-hostile",
                render(&Hindered { app: evil(), ..self.hindered("This app is private", Reason::AppPrivate) }),
            ),
            ("refused-hostile", render(&self.refusal("This link is broken", Reason::ParameterRepeated, developer))),
            ("connected-hostile", render(&list)),
            ("connection-hostile", render(&self.one(row(), self.may(20)))),
        ]
    }
}
