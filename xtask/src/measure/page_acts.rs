//! What is done to a store when its pages are counted: each request of a person, an app and the operator by itself, the jobs,
//! and the start. How pages are counted stands in `pages`.
//!
//! The people and connections that act stand in the middle of their tables; what the newcomer connects is new.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::pages::Log;
use super::rig::{PLATFORM, Rig};
use crate::server::Server;

/// More than the longest time between two runs of a job.
const MINUTE: Duration = Duration::from_secs(61);
/// Nobody's authorization lasts so long.
const AGES: Duration = Duration::from_secs(4000 * 86_400);
const NEWCOMER: [&str; 2] = ["newcomer@bench.example", "bench-password-newcomer"];
const STAFF: [&str; 2] = ["staff@bench.example", "bench-password-staff"];
/// A filled-in customer's administrator has the password of the first.
const PASSWORD: &str = "bench-password-0";

/// Something that a person, an app, the operator or the server itself does: one request, unless it says otherwise.
pub(super) struct Act {
    pub(super) name: &'static str,
    pub(super) run: fn(&Scene<'_>) -> Result<(), String>,
    /// How long after now it is, by the time of day.
    pub(super) days_later: Duration,
    /// A tree that it must have read: so a job that did not run is not taken for one that reads little.
    pub(super) reads: Option<&'static str>,
    /// Trees into which it looks at two places far from each other, and so twice through all levels.
    pub(super) twice: &'static [&'static str],
    /// Pages that it reads only where rows happen to stand so: a list's rows may begin at the end of a page, in the table and in
    /// its index; a row that is put somewhere at random or gets longer may not fit into its page, and then takes room in the two
    /// beside it.
    pub(super) beside: u64,
}

impl Act {
    /// Nothing but a start and a stop.
    pub(super) const START: Self = now("start, and stop", |_| Ok(()));

    pub(super) fn is_start(&self) -> bool {
        self.name == Self::START.name
    }
}

const fn now(name: &'static str, run: fn(&Scene<'_>) -> Result<(), String>) -> Act {
    Act { name, run, days_later: Duration::ZERO, reads: None, twice: &[], beside: 0 }
}

const fn write(name: &'static str, run: fn(&Scene<'_>) -> Result<(), String>) -> Act {
    Act { beside: 2, ..now(name, run) }
}

const fn list(name: &'static str, run: fn(&Scene<'_>) -> Result<(), String>) -> Act {
    Act { beside: 2, ..now(name, run) }
}

/// Where an act is done.
pub(super) struct Scene<'s> {
    pub(super) rig: &'s Rig<'s>,
    pub(super) server: &'s Server,
    /// What `prepare` found.
    pub(super) about: &'s Value,
    pub(super) log: &'s Log,
}

/// In this order: what an act leaves in a browser or a store is what a later one goes on with.
pub(super) const ACTS: &[Act] = &[
    Act::START,
    // Every job runs at least once a minute: the feed and the budgets (250 ms), signs of life (1 s), last uses (2 s), and the
    // sweep with the cuts that are forgotten after it (60 s).
    Act {
        reads: Some("families"),
        ..now("every job, with a sweep that finds nothing", |scene| scene.log.pass(MINUTE))
    },
    now("an app's link: the sign-in page", |scene| scene.link("newcomer", "bench-0", NEWCOMER).and_then(asks)),
    write("sign-in", |scene| scene.next("newcomer", NEWCOMER, &[]).map(drop)),
    now("the consent page", |scene| scene.link("newcomer", "bench-0", NEWCOMER).and_then(leads_on)),
    write("consent, the first of a customer to an app", |scene| {
        scene.next("newcomer", NEWCOMER, &[]).and_then(coded(scene))
    }),
    EXCHANGE,
    now("the consent page of who allowed before", |scene| {
        scene.link("admin", "bench-1", scene.admin()).and_then(leads_on)
    }),
    write("consent once more", |scene| scene.next("admin", scene.admin(), &[]).and_then(coded(scene))),
    Act { name: "code exchange once more", ..EXCHANGE },
    list("a person's list of connections", |scene| scene.page("admin", "/settings/oauth-applications")),
    list("its second page", |scene| {
        scene.page("admin", &format!("/settings/oauth-applications?after={}", scene.about["middle"]))
    }),
    now("one connection's page", |scene| scene.connection(&[]).and_then(leads_on)),
    write("disconnect", |scene| scene.next("admin", scene.admin(), &[]).map(drop)),
    list("the list after it", |scene| scene.next("admin", scene.admin(), &[]).map(drop)),
    list("an administrator's list of apps", |scene| scene.page("admin", APPS)),
    list("staff's list of apps", |scene| scene.page("staff", APPS)),
    list("its second page", |scene| scene.page("staff", &format!("{APPS}?after=16"))),
    now("one app's page", |scene| scene.page("staff", &format!("{APPS}/1"))),
    list("the report of OAuth 1.0 calls", |scene| scene.page("staff", "/staff/oauth1")),
    list("its second page", |scene| scene.page("staff", "/staff/oauth1?after=100")),
    list("the same as CSV", |scene| scene.page("staff", "/staff/oauth1.csv")),
    list("the operator's list of connections", |scene| scene.list("")),
    list("a page in its middle", |scene| scene.list(&format!("after={}", scene.about["middle"]))),
    list("its last page", |scene| scene.list(&format!("after={}", scene.about["late"]))),
    list("the same, only live ones", |scene| scene.list(&format!("after={}&live=true", scene.about["late"]))),
    list("the same, of one customer", |scene| scene.list(&format!("customer={}", scene.text("customer")))),
    write("a connection is cut by the operator", |scene| {
        scene.ask(&["--method", "DELETE", "--page", &format!("/admin/connections/{}", scene.about["to_cut"])])
    }),
    now("readiness", |scene| scene.ask(&["--page", "/readyz"])),
    now("metrics", |scene| scene.ask(&["--page", "/metrics"])),
    now("guard check, and when it was last used", |scene| {
        let chain = scene.chain(0)?;
        let bearer = chain["access"].as_str().unwrap_or_default();
        scene.visit(&["--at", "api_url", "--page", "/v1/sites", "--bearer", bearer]).map(drop)
    }),
    now("introspection", |scene| scene.token("introspect", 1, "access", "token")),
    // The cut of its family, that of its connection.
    Act {
        twice: &["cuts"],
        ..now("refresh", |scene| scene.token("token", 2, "refresh", "grant_type=refresh_token&refresh_token"))
    },
    Act { twice: &["cuts"], ..now("revocation", |scene| scene.token("revoke", 3, "refresh", "token")) },
    Act {
        reads: Some("families"),
        days_later: AGES,
        twice: &["cuts"],
        beside: 2,
        ..now("every job, with a sweep of what has ended", |scene| scene.log.pass(MINUTE))
    },
];

/// The family that the connection has, and the new one; the cuts of the connection, and of everything else that is asked for.
const EXCHANGE: Act = Act { twice: &["families", "cuts"], ..now("code exchange", |scene| scene.exchange()) };
const APPS: &str = "/settings/api/oauth-client-applications";

/// Signs in who acts, and finds what is acted on: of so many connections one in the middle, one near the end.
pub(super) fn prepare(rig: &Rig<'_>, server: &Server, connections: u64) -> Result<Value, String> {
    for person in ["newcomer", "admin", "staff"] {
        let _from_before = fs::remove_file(rig.file(person)?);
    }
    let nothing = Log::none(rig)?;
    let empty = Value::Null;
    let scene = Scene { rig, server, about: &empty, log: &nothing };
    let found = scene.asked(&format!("after={}&limit=40", connections / 2))?;
    let row = |n: usize| &found["connections"][n];
    // The first of a customer that stands whole in the list.
    let at = (1..40).find(|n| row(*n)["customer"] != row(n - 1)["customer"]).ok_or("no customer in the middle")?;
    let customer = row(at)["customer"].as_str().ok_or("a connection without customer")?.to_owned();
    let about = json!({
        "customer": customer, "email": format!("{customer}@bench.example"), "middle": row(at)["id"],
        "to_show": row(at + 2)["id"], "to_cut": row(at - 1)["id"], "late": connections - 150,
    });
    let scene = Scene { about: &about, ..scene };
    for (person, who) in [("admin", scene.admin()), ("staff", STAFF)] {
        scene.visit(&[
            "--state",
            &scene.rig.file(person)?,
            "--page",
            "/sign-in",
            "--email",
            who[0],
            "--password",
            who[1],
        ])?;
        let said = scene.next(person, who, &[])?;
        if said["status"] != 303 {
            return Err(format!("{} cannot sign in: {said}", who[0]));
        }
    }
    Ok(about)
}

impl Scene<'_> {
    fn visit(&self, words: &[&str]) -> Result<Value, String> {
        self.rig.load(self.server, "visit", words)
    }

    fn text(&self, key: &str) -> &str {
        self.about[key].as_str().unwrap_or_default()
    }

    /// Whose connections stand in the middle.
    fn admin(&self) -> [&str; 2] {
        [self.text("email"), PASSWORD]
    }

    /// A person comes from an app.
    fn link(&self, person: &str, app: &str, who: [&str; 2]) -> Result<Value, String> {
        let state = self.rig.file(person)?;
        self.visit(&["--state", &state, "--link", app, "--email", who[0], "--password", who[1]])
    }

    /// The form or the redirect of the page before.
    fn next(&self, person: &str, who: [&str; 2], more: &[&str]) -> Result<Value, String> {
        let state = self.rig.file(person)?;
        self.visit(&[&["--state", &state, "--email", who[0], "--password", who[1]], more].concat())
    }

    /// A page that is shown to who has signed in.
    fn page(&self, person: &str, path: &str) -> Result<(), String> {
        let said = self.visit(&["--state", &self.rig.file(person)?, "--page", path])?;
        let shown = said["status"] == 200 && said["asks_to_sign_in"] == false;
        if shown { Ok(()) } else { Err(format!("{path} is not shown: {said}")) }
    }

    fn connection(&self, more: &[&str]) -> Result<Value, String> {
        let page = format!("/settings/oauth-applications/{}", self.about["to_show"]);
        let state = self.rig.file("admin")?;
        self.visit(&[&["--state", &state, "--page", &page, "--press", "disconnect"], more].concat())
    }

    fn asked(&self, query: &str) -> Result<Value, String> {
        let key = self.server.of(PLATFORM, "admin_key")?;
        let page = format!("/admin/connections?{query}");
        self.visit(&["--at", "admin_url", "--bearer", &key, "--page", &page]).map(|mut said| said["body"].take())
    }

    fn list(&self, query: &str) -> Result<(), String> {
        let listed = self.asked(query)?["connections"].as_array().map_or(0, Vec::len);
        if listed > 30 { Ok(()) } else { Err(format!("?{query} lists {listed}")) }
    }

    fn ask(&self, words: &[&str]) -> Result<(), String> {
        let key = self.server.of(PLATFORM, "admin_key")?;
        self.visit(&[&["--at", "admin_url", "--bearer", &key], words].concat()).map(drop)
    }

    /// One of the tokens that were made for filled-in families, away from both ends.
    fn chain(&self, number: usize) -> Result<Value, String> {
        let file = self.rig.file("filled")?;
        let text = fs::read_to_string(&file).map_err(|e| format!("cannot read {file}: {e}"))?;
        let lines: Vec<&str> = text.lines().collect();
        let line = lines.get(lines.len() / 2 + 11 * number).ok_or_else(|| format!("{file} holds too few chains"))?;
        serde_json::from_str(line).map_err(|e| format!("{file}: {e}"))
    }

    fn token(&self, path: &str, number: usize, which: &str, words: &str) -> Result<(), String> {
        let chain = self.chain(number)?;
        let text = |key: &str| chain[key].as_str().unwrap_or_default();
        let (token, id, secret) = (text(which), text("client_id"), text("client_secret"));
        let form = format!("{words}={token}&client_id={id}&client_secret={secret}");
        self.visit(&["--post", path, "--form", &form]).map(drop)
    }

    /// The code that the last consent brought.
    fn exchange(&self) -> Result<(), String> {
        let file = self.rig.file("code")?;
        let form = fs::read_to_string(&file).map_err(|e| format!("cannot read {file}: {e}"))?;
        self.visit(&["--post", "token", "--form", &form]).map(drop)
    }
}

fn asks(said: Value) -> Result<(), String> {
    if said["asks_to_sign_in"] == true { Ok(()) } else { Err(format!("nobody is asked to sign in: {said}")) }
}

fn leads_on(said: Value) -> Result<(), String> {
    let on = said["leads_on"] == true && said["asks_to_sign_in"] == false;
    if on { Ok(()) } else { Err(format!("the page has no such button: {said}")) }
}

/// Keeps the code, as the app will send it.
fn coded(scene: &Scene<'_>) -> impl FnOnce(Value) -> Result<(), String> {
    let file = scene.rig.file("code");
    move |said| {
        let code = said["code"].as_str().ok_or_else(|| format!("consent brings no code: {said}"))?;
        let app = said["app"].as_str().unwrap_or_default();
        let number = app.rsplit('-').next().unwrap_or_default();
        let secret = format!("bench-secret-{number}-0123456789abcdef0123456789");
        let uri = said["redirect_uri"].as_str().unwrap_or_default();
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={uri}&client_id={app}&client_secret={secret}"
        );
        let file = file?;
        fs::write(&file, form).map_err(|e| format!("cannot write {file}: {e}"))
    }
}
