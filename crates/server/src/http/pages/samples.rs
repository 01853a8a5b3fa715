//! Samples of every page and state, with harmless and with hostile names: what tests render and people look at.
//! No handler uses them.

use askama::Template;

use super::look::Look;
use super::views::*;
use super::words::{self, When};
use causeway_protocol::UnixTime;
use causeway_protocol::profile::Profile;
use causeway_protocol::time::Seconds;

/// One rendered page: a short name, and HTML.
pub type Sample = (&'static str, String);

/// Every page in every state, for this platform.
pub fn all(profile: &Profile) -> Vec<Sample> {
    let mut pages = plain(profile);
    for (name, html) in [
        "sign-in-hostile",
        "consent-hostile",
        "hindered-hostile",
        "refused-hostile",
        "connected-hostile",
        "connection-hostile",
    ]
    .into_iter()
    .zip(hostile(profile))
    {
        pages.push((name, html));
    }
    pages
}

fn frame(profile: &Profile, person: Option<&str>) -> Frame {
    let mut frame = super::frame(profile, &Look::of(profile), "01JD8Q4W7Z0K");
    frame.person = person.map(str::to_owned);
    frame
}

fn app(name: &str, owner: &str, verified: bool, platform: &str) -> AppCard {
    AppCard {
        name: words::name(name),
        initial: words::initial(name),
        owner: words::name(owner),
        description: words::paragraph("Turns web enquiries into leads, and keeps your calendar in step."),
        info: "acme-booking.example".to_owned(),
        verified,
        poses: !verified && words::poses(name, platform),
        private: false,
    }
}

fn line(sentence: &str, risky: bool) -> Line {
    Line { sentence: words::sentence(sentence), risky }
}

fn may() -> May {
    May {
        see: vec![
            line("see your leads and who sent them", false),
            line("see your events, their dates and their status", false),
        ],
        change: vec![line("create leads and change them", false)],
        stay: vec![],
    }
}

fn all_of_it() -> May {
    May {
        see: vec![line("see everything in your account: leads, events, bookings, contacts and accounts", false)],
        change: vec![line(
            "create and change everything in your account: leads, events, bookings, contacts and accounts",
            true,
        )],
        stay: vec![],
    }
}

fn problem(reason: causeway_protocol::Reason) -> Problem {
    Problem { sentence: reason.sentence().into(), next: reason.next_step().into(), number: reason.number() }
}

fn seal() -> String {
    "AQABAG".repeat(60)
}

fn consent(frame: Frame, app: AppCard, may: May) -> Consent {
    Consent {
        frame,
        app,
        wants: "see and change data of Harbour Hospitality at 2 sites".to_owned(),
        person: "ada@harbour.example".to_owned(),
        role: "Administrator",
        customer: "Harbour Hospitality".to_owned(),
        personal: false,
        another: "/oauth2/authorize?client_id=acme&prompt=select_account".to_owned(),
        sites_title: "2 sites".to_owned(),
        sites: vec!["Harbour House".to_owned(), "The Old Mill".to_owned()],
        more_sites: 0,
        may,
        never: "It cannot see your password, change who has access, or reach another customer.".to_owned(),
        idle: "1 year".to_owned(),
        absolute: "10 years".to_owned(),
        cut_where: "Settings > OAuth Applications".to_owned(),
        returns_to: "app.acme-booking.example".to_owned(),
        request: seal(),
    }
}

fn at(ago: i64) -> Option<When> {
    let now = UnixTime(1_795_291_560);
    Some(words::when(now - Seconds(ago), now))
}

fn row(app: AppCard, health: Health, used: Option<When>) -> Row {
    Row {
        href: "/settings/oauth-applications/12".to_owned(),
        app,
        may: "see your leads and who sent them, create leads and change them, and 3 more".to_owned(),
        risky: false,
        sites: "2 sites".to_owned(),
        by: "ada@harbour.example".to_owned(),
        since: at(86_400 * 12),
        used,
        health,
    }
}

fn good() -> Health {
    Health { good: true, word: "Working", why: "" }
}

fn paused() -> Health {
    Health {
        good: false,
        word: "Paused",
        why: "This app is switched off, so its calls are refused. Nothing needs to be done here.",
    }
}

fn plain(profile: &Profile) -> Vec<Sample> {
    use causeway_protocol::Reason::*;
    let platform = profile.name.as_str();
    let frame = |person| frame(profile, person);
    let acme = || app("Acme Booking", "Acme Software Ltd", true, platform);
    let young = || app("LeadSpark", "Jo Parker", false, platform);
    let ada = Some("ada@harbour.example");
    let rows = || {
        vec![
            row(acme(), good(), at(200)),
            Row {
                by: "grace@harbour.example".into(),
                may: "see everything in your account, and create and change everything in your account".into(),
                risky: true,
                since: at(86_400 * 400),
                ..row(young(), paused(), at(86_400 * 3))
            },
            Row {
                sites: "1 site".into(),
                since: at(40),
                ..row(
                    app("Tablewise", "Tablewise Inc.", true, platform),
                    Health { good: true, word: "New", why: "" },
                    None,
                )
            },
        ]
    };
    let connected = |rows: Vec<Row>| Connected {
        frame: frame(ada),
        customer: "Harbour Hospitality".into(),
        sites_word: "Sites".into(),
        rows,
        gone: None,
        later: false,
        next: None,
    };
    let refused = |title, meaning, reason, developer| Refused {
        frame: frame(None),
        title,
        meaning,
        problem: problem(reason),
        way: Way { href: "/".into(), text: "Go to your account" },
        developer,
        support: "support.tripleseat.com".into(),
    };
    vec![
        ("sign-in", render(&SignIn { frame: frame(None), ..SignIn::default() })),
        ("sign-in-app", render(&SignIn { frame: frame(None), app: Some(acme()), request: Some(seal()), ..SignIn::default() })),
        ("sign-in-wrong", render(&SignIn { frame: frame(None), app: Some(acme()), request: Some(seal()), email: "ada@harbour.example".into(), problem: Some(problem(SignInFailed)), ..SignIn::default() })),
        ("sign-in-another", render(&SignIn { frame: frame(None), app: Some(acme()), request: Some(seal()), current: Some("ada@harbour.example".into()), ..SignIn::default() })),
        ("signed-out", render(&SignIn { frame: frame(None), notice: Some("You are signed out."), ..SignIn::default() })),
        ("sign-out", render(&SignOut { frame: frame(None), person: "ada@harbour.example".into() })),
        ("consent", render(&consent(frame(None), acme(), may()))),
        ("consent-unverified", render(&consent(frame(None), young(), all_of_it()))),
        ("hindered", render(&Hindered { frame: frame(None), app: acme(), person: "sam@harbour.example".into(), title: "An administrator has to do this", problem: problem(NotApprover), another: "/oauth2/authorize?client_id=acme".into(), request: seal() })),
        ("refused-link", render(&refused("This link is broken", "Nothing was shared, and nothing was changed.", RedirectUnregistered, vec![("Parameter", "redirect_uri".to_owned()), ("Expected", "One of the redirect URIs that are registered for this app, byte for byte: scheme, host, port, path and a slash at the end all count.".to_owned()), ("To fix it", RedirectUnregistered.next_step().to_owned())]))),
        ("refused-expired", render(&refused("Please look at this again", "Nothing was shared.", FormExpired, vec![]))),
        ("connected", render(&connected(rows()))),
        ("connected-gone", render(&Connected { gone: Some("LeadSpark".into()), ..connected(rows()[..1].to_vec()) })),
        ("connected-none", render(&connected(vec![]))),
        ("connection", render(&Connection { frame: frame(ada), customer: "Harbour Hospitality".into(), row: row(acme(), good(), at(200)), may: may(), sites_title: "2 sites".into(), sites: vec!["Harbour House".into(), "The Old Mill".into()], more_sites: 0, idle: "1 year".into(), absolute: "10 years".into(), token: "dG9rZW4".into() })),
        ("connection-paused", render(&Connection { frame: frame(ada), customer: "Harbour Hospitality".into(), row: row(young(), paused(), at(86_400 * 3)), may: all_of_it(), sites_title: "2 sites".into(), sites: vec!["Harbour House".into(), "The Old Mill".into()], more_sites: 0, idle: "1 year".into(), absolute: "10 years".into(), token: "dG9rZW4".into() })),
    ]
}

/// What an attacker would register.
pub const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u{202e}elpirT\u{2066} \u{200b}\u{1f469}\u{200d}\u{1f4bb} \
    javascript:alert(1) {{7*7}} \u{2714} Official Verified";

fn hostile(profile: &Profile) -> Vec<String> {
    let long = format!("{HOSTILE} {}", "W".repeat(500));
    let evil = || AppCard {
        description: words::paragraph(&long),
        info: "xn--evil.example".into(),
        ..app(&long, &long, false, &profile.name)
    };
    let name = words::name(&long);
    let frame = |person| frame(profile, person);
    let email = "\"><svg/onload=alert(1)>@evil.example".to_owned();
    let sites = vec![name.clone(); 12];
    let evil_row = || Row { by: email.clone(), ..row(evil(), good(), None) };
    vec![
        render(&SignIn {
            frame: frame(None),
            app: Some(evil()),
            request: Some(seal()),
            email: email.clone(),
            problem: Some(problem(causeway_protocol::Reason::SignInThrottled)),
            ..SignIn::default()
        }),
        render(&Consent {
            person: email.clone(),
            customer: name.clone(),
            sites: sites.clone(),
            more_sites: 40,
            returns_to: "evil.example".into(),
            ..consent(frame(None), evil(), all_of_it())
        }),
        render(&Hindered {
            frame: frame(None),
            app: evil(),
            person: email.clone(),
            title: "This app is private",
            problem: problem(causeway_protocol::Reason::AppPrivate),
            another: "/oauth2/authorize?x=%22".into(),
            request: seal(),
        }),
        render(&Refused {
            frame: frame(None),
            title: "This link is broken",
            problem: problem(causeway_protocol::Reason::ParameterRepeated),
            developer: vec![("Parameter", words::name(&long))],
            way: Way { href: "/".into(), text: "Go to your account" },
            ..Refused::default()
        }),
        render(&Connected {
            frame: frame(Some(&email)),
            customer: name.clone(),
            sites_word: "Sites".into(),
            rows: vec![evil_row(), evil_row()],
            gone: Some(name.clone()),
            later: true,
            next: Some("/settings/oauth-applications?after=12".into()),
        }),
        render(&Connection {
            frame: frame(Some(&email)),
            customer: name.clone(),
            row: evil_row(),
            may: may(),
            sites_title: "2 sites".into(),
            sites,
            more_sites: 40,
            idle: "1 year".into(),
            absolute: "10 years".into(),
            token: "dG9rZW4".into(),
        }),
    ]
}

fn render(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}
