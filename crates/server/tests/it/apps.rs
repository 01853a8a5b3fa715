//! The pages of apps: who sees which, registering, editing, reviewing them, as the profile's policy says (CORE-18), and
//! that no form can be forged, repeated or half done.

mod forged;
mod review;
mod shipped;

use causeway_protocol::profile::{AppIdForm, Registration, RegistrationRules};
use causeway_protocol::records::{AppStatus, ClientKind, Role, Visibility};
use causeway_testkit::actors::Partner;
use causeway_testkit::platform::Builder;
use causeway_testkit::world::{MARCO, OLIVIA, PRIYA, SAM};
use causeway_testkit::{Browser, Call, Page, Platform};

pub(crate) const APPS: &str = "/settings/api/oauth-client-applications";
pub(crate) const DANA: &str = "dana@acme.example";
pub(crate) const REGISTER: &str = "Register application";

/// The test seed's Tripleseat, with these rules changed.
pub(crate) async fn platform(change: impl FnOnce(&mut RegistrationRules)) -> Platform {
    Builder::new().profile(|profile| change(&mut profile.registration)).start().await
}

/// What a good form says.
pub(crate) const GOOD: &[(&str, &str)] = &[
    ("name", "Table Talk"),
    ("description", "Seats your guests."),
    ("link", "https://tabletalk.example"),
    ("redirect_uris", "https://tabletalk.example/cb\r\nhttp://localhost:4000/cb"),
    ("scopes", "leads:read"),
    ("scopes", "events:read"),
];

/// These fields, some of them with other values.
pub(crate) fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<_> =
        GOOD.iter().copied().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name)).collect();
    fields.extend(changes.iter().copied().filter(|(_, value)| !value.is_empty()));
    fields
}

/// Registers an app, and answers the page with its secret.
pub(crate) async fn register(platform: &Platform, browser: &mut Browser, fields: &[(&str, &str)]) -> Page {
    let path = &platform.profile().endpoints.apps;
    let form = browser.open(platform, &format!("{path}/new")).await;
    browser.press(platform, &form, REGISTER, fields).await
}

/// A value that the page shows to be copied.
pub(crate) fn shown(page: &Page, id: &str) -> Option<String> {
    let (_, rest) = page.html.split_once(&format!("id=\"{id}\">"))?;
    rest.split('<').next().map(str::to_owned)
}

/// A partner's app that was just registered.
pub(crate) fn partner(page: &Page) -> Partner {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    Partner {
        client_id: leak(shown(page, "client-id").expect("an id is shown")),
        secret: shown(page, "client-secret").map(leak),
        redirect_uri: "https://tabletalk.example/cb",
    }
}

/// Which problems stand beside which fields.
fn wrong(page: &Page) -> Vec<String> {
    let parts = page.html.split("class=\"wrong\" id=\"").skip(1);
    parts.filter_map(|part| part.split("-wrong\"").next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn tsm_01_core_18_ar_01_ar_05_an_admin_registers_an_app_and_is_shown_uid_and_secret_once() {
    let platform = platform(|_| {}).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let list = browser.open(&platform, APPS).await;
    assert!(list.text().contains("Tripleseat API & Webhooks") && list.text().contains("UID"), "{}", list.text());
    let form = browser.open(&platform, &list.link("New application")).await;
    for label in ["Name", "Description", "Information URL", "Redirect URIs", "What it may ask for"] {
        assert!(form.text().contains(label), "{label}: {}", form.text());
    }
    let done = browser.press(&platform, &form, REGISTER, GOOD).await;
    assert_eq!(done.reply.status, 200, "{}", done.text());
    assert_eq!(done.reply.header("cache-control"), "no-store");
    let text = done.text();
    assert!(text.contains("Table Talk is registered") && text.contains("UID") && text.contains("Copy the secret now"));
    let app = partner(&done);
    let secret = app.secret.expect("a confidential app");
    assert!(app.client_id.len() == 64 && secret.starts_with("ts_sk_") && secret.len() > 40, "{app:?}");
    // It works: a consent, an exchange, and the granted scopes are the registered ones.
    let pair = app.connect(&platform, OLIVIA).await;
    assert_eq!(app.introspect(&platform, &pair.access).await.member("scope"), "leads:read events:read");
    let record = platform.app(app.client_id);
    assert_eq!((record.visibility, record.status), (Visibility::Private(record.home.unwrap()), AppStatus::Approved));
    assert_eq!(record.owner, "Harbor & Vine");
    assert_eq!(record.redirect_uris, ["https://tabletalk.example/cb", "http://localhost:4000/cb"]);
    // Nothing shows the secret again: not the list, not the app's page, not the same form sent once more.
    let list = browser.open(&platform, APPS).await;
    let one = browser.open(&platform, &list.link("<bdi>Table Talk")).await;
    let again = browser.press(&platform, &form, REGISTER, GOOD).await;
    for page in [&list, &one, &again] {
        assert!(!page.html.contains(secret), "{}", page.text());
        assert!(page.html.contains(app.client_id) && !page.location().contains("secret"));
    }
    assert!(again.text().contains("no second app was made"), "{}", again.text());
    assert!(app.is_active(&platform, &pair.access).await, "the secret still works");
    assert_eq!(list.html.matches("Table Talk</bdi></a>").count(), 1, "one app");
}

#[tokio::test]
async fn core_18_ar_02_ar_09_public_and_private_confidential_and_public() {
    let platform = platform(|_| {}).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let done = register(&platform, &mut browser, &with(&[("visibility", "public"), ("kind", "public")])).await;
    assert!(done.reply.status == 200 && shown(&done, "client-secret").is_none(), "{}", done.text());
    let record = platform.app(partner(&done).client_id);
    assert_eq!((record.kind, record.visibility), (ClientKind::Public, Visibility::Public));
    assert!(record.secrets.is_empty());
    // A public app of a device may return to a scheme of its own; a confidential one may not.
    let device = [("kind", "public"), ("redirect_uris", "example.tabletalk.app:/cb")];
    assert_eq!(register(&platform, &mut browser, &with(&device)).await.reply.status, 200);
    let server = [("redirect_uris", "example.tabletalk.app:/cb")];
    assert_eq!(wrong(&register(&platform, &mut browser, &with(&server)).await), ["redirect_uris"]);
    // A developer has no customer, so there is nothing to keep private.
    let mut dana = Browser::of(&platform, DANA).await;
    let form = dana.open(&platform, &format!("{APPS}/new")).await;
    assert!(!form.html.contains("name=\"visibility\""));
    let done = register(&platform, &mut dana, &with(&[("name", "Dana’s Talk")])).await;
    let app = partner(&done);
    assert_eq!(platform.app(app.client_id).visibility, Visibility::Public);
    app.connect(&platform, PRIYA).await;
}

#[tokio::test]
async fn core_18_the_form_asks_what_the_profile_says() {
    let rules = |rules: &mut RegistrationRules| {
        rules.redirect_uris = 1;
        rules.scopes = false;
        rules.private = false;
        rules.logo = true;
        rules.providers = vec!["tripleseat".to_owned(), "default".to_owned()];
        rules.client_id = AppIdForm::Uuid;
    };
    let platform = platform(rules).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let form = browser.open(&platform, &format!("{APPS}/new")).await;
    for name in ["scopes", "visibility"] {
        assert!(!form.html.contains(&format!("name=\"{name}\"")), "{name}");
    }
    assert!(form.html.contains("<input id=\"redirect_uris\"") && form.html.contains("type=\"file\""));
    let two = register(
        &platform,
        &mut browser,
        &[("name", "A"), ("redirect_uris", "https://a.example/1\nhttps://a.example/2")],
    );
    assert_eq!(wrong(&two.await), ["redirect_uris"]);
    let fields = [("name", "Shop"), ("redirect_uris", "https://tabletalk.example/cb"), ("providers", "tripleseat")];
    let app = platform.app(partner(&register(&platform, &mut browser, &fields).await).client_id);
    assert_eq!(app.client_id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{}", app.client_id);
    assert_eq!(app.providers, ["tripleseat"]);
    assert_eq!(app.scopes.numbers().count(), platform.profile().scopes.len(), "all words");
    // Whatever a forged form says, an app holds what the profile offers.
    let form = browser.open(&platform, &format!("{APPS}/new")).await.form(REGISTER);
    let mut pairs = form.fields.clone();
    let more =
        [("visibility", "private"), ("providers", "nobody"), ("name", "X"), ("redirect_uris", "https://x.example")];
    pairs.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    pairs.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = browser.send(&platform, Call::post(&form.action).multipart(&pairs)).await;
    assert_eq!(wrong(&page), ["visibility", "providers"]);
}

#[tokio::test]
async fn core_18_every_problem_stands_beside_its_field_and_what_was_typed_is_kept() {
    let platform = platform(|rules| rules.logo = true).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let before = platform.all_rows().await;
    let fields = [
        ("name", " - "),
        ("description", "kept <b>as typed</b>"),
        ("link", "tabletalk"),
        ("redirect_uris", "http://tabletalk.example/cb\r\nhttps://ok.example/cb\r\nhttps://ok.example/cb"),
    ];
    let page = register(&platform, &mut browser, &fields).await;
    assert_eq!((page.reply.status, page.refusal()), (400, 412), "{}", page.text());
    assert_eq!(wrong(&page), ["name", "link", "redirect_uris", "scopes"]);
    for part in ["http://tabletalk.example/cb must begin with https", "https://ok.example/cb stands here twice"] {
        assert!(page.text().contains(part), "{}", page.text());
    }
    let form = page.form(REGISTER);
    assert_eq!((form.field("link"), form.field("description")), ("tabletalk", "kept <b>as typed</b>"));
    assert!(!page.html.contains("<b>as typed"), "escaped");
    // A logo that is none, beside everything else; then the mended form is good.
    let mut pairs: Vec<(String, String)> = form.filled(REGISTER, &with(&[]));
    let send = |pairs: &[(String, String)], file: &[u8]| {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Call::post(&form.action).multipart_with_file(&pairs, "logo", file)
    };
    for file in [b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), [PNG, &[0; 65_536]].concat(), vec![7; 600_000]]
    {
        let page = browser.send(&platform, send(&pairs, &file)).await;
        assert_eq!((wrong(&page), page.refusal()), (vec!["logo".to_owned()], 412), "{}", page.text());
    }
    let huge = browser.send(&platform, send(&pairs, &vec![7; 2_000_000])).await;
    assert_eq!((huge.reply.status, huge.refusal()), (413, 105), "{}", huge.text());
    assert_eq!(platform.all_rows().await, before, "nothing was written");
    pairs.retain(|(name, _)| name != "token");
    let forged = browser.send(&platform, send(&pairs, PNG)).await;
    assert_eq!(forged.refusal(), 401);
}

/// The head of a PNG of 64 by 64.
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x40\x08\x02\0\0\0";

#[tokio::test]
async fn core_18_core_16_a_logo_is_served_as_a_picture_and_shown_wherever_the_app_is() {
    let platform = platform(|rules| rules.logo = true).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let form = browser.open(&platform, &format!("{APPS}/new")).await.form(REGISTER);
    let pairs = form.filled(REGISTER, GOOD);
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let done = browser.send(&platform, Call::post(&form.action).multipart_with_file(&pairs, "logo", PNG)).await;
    let app = partner(&done);
    let src = done.html.split("<img class=\"mark app big\" src=\"").nth(1).and_then(|rest| rest.split('"').next());
    let src = src.expect("the page shows it").to_owned();
    let reply = platform.at_login(Call::get(&src)).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, PNG));
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(reply.header(name), value);
    }
    let link = crate::authorize::link(&app, &[("scope", "leads:read")]);
    let consent = browser.open(&platform, &link).await;
    assert!(consent.html.contains(&src), "consent shows it");
    browser.press(&platform, &consent, "Allow", &[]).await;
    let connected = browser.open(&platform, &platform.profile().endpoints.connected_apps.clone()).await;
    assert!(connected.html.contains(&src), "and the connected apps");
    for wrong in
        ["/logos/1/0000000000000000", "/logos/999/x", "/logos/x/y", &src.replace(|c: char| c.is_ascii_digit(), "1")]
    {
        if wrong != src {
            assert_eq!(platform.at_login(Call::get(wrong)).await.status, 404, "{wrong}");
        }
    }
    // Taken away: the letter again, and the old address is gone.
    let edit = browser.open(&platform, &format!("{APPS}/{}/edit", platform.app(app.client_id).id)).await;
    let saved = browser.press(&platform, &edit, "Save", &[("remove_logo", "yes")]).await;
    assert_eq!(saved.reply.status, 303, "{}", saved.text());
    assert!(!browser.open(&platform, saved.location()).await.html.contains("<img"));
    assert_eq!(platform.at_login(Call::get(&src)).await.status, 404);
}

#[tokio::test]
async fn core_18_ar_11_each_sees_and_touches_only_their_own() {
    let platform = platform(|rules| rules.registrars = vec![Role::CustomerAdmin, Role::Member, Role::Developer]).await;
    let mut marco = Browser::of(&platform, MARCO).await;
    let app = platform.app(partner(&register(&platform, &mut marco, GOOD).await).client_id);
    let page = format!("{APPS}/{}", app.id);
    // A member sees what they registered, the customer's administrator everything of the customer, staff everything.
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    assert!(olivia.open(&platform, APPS).await.text().contains("Table Talk"));
    let of_admin = partner(&register(&platform, &mut olivia, &with(&[("name", "Admin’s own")])).await);
    assert!(!marco.open(&platform, APPS).await.text().contains("Admin’s own"));
    let hers = format!("{APPS}/{}", platform.app(of_admin.client_id).id);
    assert_eq!(marco.open(&platform, &hers).await.refusal(), 410);
    assert!(Browser::of(&platform, SAM).await.open(&platform, APPS).await.text().contains("Table Talk"));
    // A private app of the seed belongs to its customer's administrators.
    assert!(olivia.open(&platform, APPS).await.html.contains(">reports<"));
    assert!(!olivia.open(&platform, APPS).await.html.contains(">acme<"), "somebody else's");
    // Another customer's, another developer's, and a number that nobody has: one answer.
    let said = |page: &Page| page.text().split("Request ").next().unwrap_or_default().to_owned();
    for email in [PRIYA, DANA] {
        let mut browser = Browser::of(&platform, email).await;
        assert!(browser.open(&platform, APPS).await.text().contains("No app yet"));
        let nowhere = said(&browser.open(&platform, &format!("{APPS}/999999")).await);
        for address in [page.clone(), format!("{page}/edit")] {
            let theirs = browser.open(&platform, &address).await;
            assert_eq!(
                (theirs.reply.status, theirs.refusal(), said(&theirs)),
                (404, 410, nowhere.clone()),
                "{address}"
            );
        }
        for id in ["x", "-1", "9223372036854775808", "%00", "0"] {
            assert_eq!(browser.open(&platform, &format!("{APPS}/{id}")).await.reply.status, 404, "{id}");
        }
    }
    // Nobody signed in: the sign-in page, which leads back to the apps.
    let mut nobody = Browser::new();
    let sign_in = nobody.open(&platform, &page).await;
    assert_eq!(sign_in.buttons(), ["Sign in"]);
    assert_eq!(nobody.sign_in(&platform, &sign_in, OLIVIA).await.location(), APPS);
}

#[tokio::test]
async fn cal_08_core_18_where_only_staff_register_there_is_no_self_service_page() {
    let platform = platform(|rules| {
        rules.mode = Registration::Staff;
        rules.registrars = vec![Role::Staff];
        rules.logo = true;
        rules.scopes = false;
        rules.redirect_uris = 1;
    })
    .await;
    for email in [OLIVIA, MARCO, DANA] {
        let mut browser = Browser::of(&platform, email).await;
        for path in [APPS.to_owned(), format!("{APPS}/new"), format!("{APPS}/1")] {
            let page = browser.open(&platform, &path).await;
            assert_eq!((page.reply.status, page.refusal()), (403, 408), "{email} {path}");
            assert_eq!(page.link("Sign out"), "/sign-out", "a way on");
        }
        let page = browser.send(&platform, Call::post(&format!("{APPS}/new")).form(&[("name", "X")])).await;
        assert_eq!(page.refusal(), 408);
    }
    let mut sam = Browser::of(&platform, SAM).await;
    assert_eq!(sam.open(&platform, "/").await.location(), APPS, "staff arrive here");
    let fields = [
        ("name", "Their Client"),
        ("link", "https://client.example"),
        ("redirect_uris", "https://tabletalk.example/cb"),
    ];
    let app = partner(&register(&platform, &mut sam, &fields).await);
    let record = platform.app(app.client_id);
    assert_eq!((record.registered_by, record.home, record.status), (None, None, AppStatus::Approved));
    app.connect(&platform, OLIVIA).await;
    let page = sam.open(&platform, &format!("{APPS}/{}", record.id)).await;
    assert!(!page.html.contains(app.secret.unwrap()), "shown once");
}

#[tokio::test]
async fn core_13_replacing_the_secret_ends_the_old_one_at_once_and_shows_the_new_one_once() {
    let platform = platform(|_| {}).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let old = partner(&register(&platform, &mut browser, GOOD).await);
    let pair = old.connect(&platform, OLIVIA).await;
    let page = browser.open(&platform, &format!("{APPS}/{}", platform.app(old.client_id).id)).await;
    let done = browser.press(&platform, &page, "Replace the secret", &[]).await;
    assert_eq!((done.reply.status, done.reply.header("cache-control")), (200, "no-store"), "{}", done.text());
    let new = partner(&done);
    assert_eq!(old.refresh(&platform, &pair.refresh).await.member("error"), "invalid_client");
    assert!(new.is_active(&platform, &pair.access).await, "tokens live on");
    // Loading the page again replaces nothing: the secret that was copied keeps working.
    let again = browser.press(&platform, &page, "Replace the secret", &[]).await;
    assert_eq!((again.reply.status, again.refusal()), (409, 411), "{}", again.text());
    assert!(again.html.contains(&format!("href=\"{APPS}/")), "a way on");
    assert_eq!(new.refresh(&platform, &pair.refresh).await.status, 200);
    // A public app has none.
    let public = partner(&register(&platform, &mut browser, &with(&[("kind", "public")])).await);
    let page = browser.open(&platform, &format!("{APPS}/{}", platform.app(public.client_id).id)).await;
    assert!(!page.buttons().contains(&"Replace the secret".to_owned()));
}

#[tokio::test]
async fn core_18_an_edit_counts_at_once_and_never_over_somebody_elses() {
    let platform = platform(|_| {}).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let app = partner(&register(&platform, &mut browser, GOOD).await);
    let id = platform.app(app.client_id).id;
    let edit = format!("{APPS}/{id}/edit");
    let pair = app.connect(&platform, OLIVIA).await;
    let form = browser.open(&platform, &edit).await;
    assert_eq!(form.form("Save").field("redirect_uris"), "https://tabletalk.example/cb\nhttp://localhost:4000/cb");
    assert!(!form.html.contains("name=\"kind\""), "a secret cannot come or go");
    let saved = browser.press(&platform, &form, "Save", &[("name", "Table Talk 2")]).await;
    assert_eq!(saved.location(), format!("{APPS}/{id}?saved"));
    assert!(browser.open(&platform, saved.location()).await.text().contains("Saved."));
    assert_eq!(platform.app(app.client_id).name, "Table Talk 2");
    assert!(app.is_active(&platform, &pair.access).await, "nothing was taken");
    // The same form once more is for a state that is gone; what was typed is kept for another look.
    let stale = browser.press(&platform, &form, "Save", &[("name", "Overwritten")]).await;
    assert_eq!((stale.reply.status, stale.refusal()), (409, 411));
    assert_eq!(stale.form("Save").field("name"), "Overwritten");
    assert_eq!(platform.app(app.client_id).name, "Table Talk 2");
    let saved = browser.press(&platform, &stale, "Save", &[]).await;
    assert_eq!((saved.reply.status, platform.app(app.client_id).name.as_str()), (303, "Overwritten"));
    // A mistake in a field does not make an old form a new one.
    let first = browser.open(&platform, &edit).await;
    browser.press(&platform, &first, "Save", &[("description", "By somebody else.")]).await;
    let mended = browser.press(&platform, &first, "Save", &[("link", "x")]).await;
    assert_eq!(wrong(&mended), ["link"]);
    let late = browser.press(&platform, &mended, "Save", &[("link", "")]).await;
    assert_eq!(late.refusal(), 411);
    assert_eq!(platform.app(app.client_id).description, "By somebody else.");
    // Fewer scopes cut at once.
    let form = browser.open(&platform, &edit).await.form("Save");
    let pairs: Vec<(String, String)> = form
        .fields
        .iter()
        .filter(|(name, value)| (name.as_str(), value.as_str()) != ("scopes", "events:read"))
        .cloned()
        .collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(browser.send(&platform, Call::post(&edit).multipart(&pairs)).await.reply.status, 303);
    assert!(!app.is_active(&platform, &pair.access).await, "access tokens with more are dead");
    assert_eq!(app.refresh(&platform, &pair.refresh).await.member("scope"), "leads:read");
}

#[tokio::test]
async fn core_18_ar_10_switching_off_refuses_calls_and_only_staff_switch_on_again() {
    let platform = platform(|_| {}).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let app = partner(&register(&platform, &mut olivia, GOOD).await);
    let pair = app.connect(&platform, OLIVIA).await;
    let page = format!("{APPS}/{}", platform.app(app.client_id).id);
    let one = olivia.open(&platform, &page).await;
    let off = olivia.press(&platform, &one, "Switch off", &[]).await;
    assert_eq!(off.reply.status, 303, "{}", off.text());
    assert_eq!(platform.at_api(Call::get("/v1/sites").bearer(&pair.access)).await.status, 401);
    let after = olivia.open(&platform, off.location()).await;
    assert!(after.text().contains("Switched off") && !after.buttons().contains(&"Switch on".to_owned()));
    // Nor with the form of before.
    let form = one.form("Switch off");
    let call = Call::post(&form.action).form(&[("token", form.field("token")), ("active", "true")]);
    assert_eq!(olivia.send(&platform, call).await.refusal(), 408);
    let mut sam = Browser::of(&platform, SAM).await;
    let one = sam.open(&platform, &page).await;
    assert_eq!(sam.press(&platform, &one, "Switch on", &[]).await.reply.status, 303);
    assert_eq!(app.refresh(&platform, &pair.refresh).await.status, 200, "nothing was lost");
}

#[tokio::test]
async fn attack_17_ar_11_forms_of_apps_work_from_our_own_pages_only() {
    let platform = platform(|_| {}).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let app = partner(&register(&platform, &mut olivia, GOOD).await);
    let id = platform.app(app.client_id).id;
    let page = olivia.open(&platform, &format!("{APPS}/{id}")).await;
    let edit = olivia.open(&platform, &format!("{APPS}/{id}/edit")).await;
    let new = olivia.open(&platform, &format!("{APPS}/new")).await;
    let forms = [page.form("Replace the secret"), page.form("Switch off"), edit.form("Save"), new.form(REGISTER)];
    let mut stranger = Browser::of(&platform, OLIVIA).await;
    let before = (platform.app(app.client_id), platform.all_rows().await);
    for form in &forms {
        let pairs: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let without: Vec<(&str, &str)> = pairs.iter().copied().filter(|(name, _)| *name != "token").collect();
        let other = forms.iter().find(|other| other.action != form.action).unwrap().field("token");
        let swapped: Vec<(&str, &str)> = without.iter().copied().chain([("token", other)]).collect();
        let post = |pairs: &[(&str, &str)]| Call::post(&form.action).form(pairs);
        let attempts = [
            (post(&pairs).header("Sec-Fetch-Site", "cross-site"), 111),
            (post(&pairs).header("Origin", "https://evil.example"), 111),
            (Call::post(&form.action).multipart(&pairs).header("Sec-Fetch-Site", "same-site"), 111),
            (post(&without), 401),
            (post(&swapped), 401),
            (Call::post(&form.action).json(&pairs), 106),
        ];
        for (call, number) in attempts {
            assert_eq!(olivia.send(&platform, call).await.refusal(), number, "{}", form.action);
        }
        // Another session of the same person, and nobody.
        assert_eq!(stranger.send(&platform, post(&pairs)).await.refusal(), 401, "{}", form.action);
        assert_eq!(Browser::new().send(&platform, post(&pairs)).await.refusal(), 407, "{}", form.action);
    }
    let rows = platform.all_rows().await;
    let changed: Vec<_> = rows.iter().zip(&before.1).filter(|(now, then)| now != then).collect();
    assert!(platform.app(app.client_id) == before.0 && changed.is_empty(), "{changed:?}");
}

#[tokio::test]
async fn core_18_ar_11_what_happens_to_apps_is_in_the_audit_trail() {
    use causeway_storage::Store as _;
    let platform = platform(|_| {}).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let app = partner(&register(&platform, &mut browser, GOOD).await);
    let page = format!("{APPS}/{}", platform.app(app.client_id).id);
    let edit = browser.open(&platform, &format!("{page}/edit")).await;
    browser.press(&platform, &edit, "Save", &[("name", "Other"), ("link", "")]).await;
    for button in ["Replace the secret", "Switch off"] {
        let one = browser.open(&platform, &page).await;
        browser.press(&platform, &one, button, &[]).await;
    }
    let rows = platform.edge.node.store.audit_tail(4).await.unwrap();
    let lines: Vec<(&str, &str)> = rows.iter().rev().map(|row| (row.3.as_str(), row.4.as_str())).collect();
    assert_eq!(lines[0].0, "app.registered");
    assert!(lines[0].1.contains(app.client_id));
    assert_eq!(lines[1..], [("app.edited", "name, link"), ("app.secret_renewed", ""), ("switched.off", "")]);
    let person = format!("person:{}", platform.person(OLIVIA).await.id);
    assert!(rows.iter().all(|row| row.2 == person && !row.4.contains(app.secret.unwrap())), "{rows:?}");
}
