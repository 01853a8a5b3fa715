//! Registrations that deceive or are made by hand: names that pose, fields that are missing, unknown or sent twice, and
//! one person who takes every place.

use causeway_protocol::records::{Act, App, Role, Visibility};
use causeway_protocol::{AppId, Change};
use causeway_testkit::world::{MARCO, OLIVIA, PRIYA, SAM};
use causeway_testkit::{Browser, Call, Page, Platform};

use super::{APPS, DANA, GOOD, PNG, REGISTER, partner, platform, register, with, wrong};

/// The form of a new app, with every field filled; what it sends is changed by hand then.
async fn filled(platform: &Platform, browser: &mut Browser) -> (String, Vec<(String, String)>) {
    let form = browser.open(platform, &format!("{APPS}/new")).await.form(REGISTER);
    (form.action.clone(), form.filled(REGISTER, GOOD))
}

async fn send(platform: &Platform, browser: &mut Browser, action: &str, pairs: &[(String, String)]) -> Page {
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.send(platform, Call::post(action).multipart(&pairs)).await
}

#[tokio::test]
async fn ar_12_no_app_is_called_like_the_platform_or_like_another_app() {
    let platform = platform(|_| {}).await;
    let mut dana = Browser::of(&platform, DANA).await;
    for name in [
        "Tripleseat",
        "TRIPLESEAT",
        "Tripleseat Staff",
        "T r i p l e - s e a t",
        "Тrірlеsеаt",
        "Trípleséat",
        "Tr1p1e5eat",
        "Acme Booking",
        "acme  bооkіng",
        "Everything",
        "e\u{301}\u{301}\u{301}cho",
    ] {
        let page = register(&platform, &mut dana, &with(&[("name", name)])).await;
        assert_eq!((wrong(&page), page.refusal()), (vec!["name".to_owned()], 412), "{name}: {}", page.text());
    }
    // One's own apps may have one name; an edit is looked at alike; staff decide for themselves.
    assert_eq!(register(&platform, &mut dana, GOOD).await.reply.status, 200);
    let app = partner(&register(&platform, &mut dana, GOOD).await);
    let edit = dana.open(&platform, &format!("{APPS}/{}/edit", platform.app(app.client_id).id)).await;
    assert_eq!(wrong(&dana.press(&platform, &edit, "Save", &[("name", "Acme-Booking")]).await), ["name"]);
    assert_eq!(dana.press(&platform, &edit, "Save", &[("link", "")]).await.reply.status, 303);
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    assert_eq!(wrong(&register(&platform, &mut olivia, &with(&[("name", "Tab1e Talk")])).await), ["name"]);
    let mut sam = Browser::of(&platform, SAM).await;
    let page = register(&platform, &mut sam, &with(&[("name", "Tripleseat Acme Booking")])).await;
    assert_eq!(page.reply.status, 200, "{}", page.text());
}

#[tokio::test]
async fn core_18_what_is_not_said_is_not_guessed() {
    let platform = platform(|_| {}).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let before = platform.all_rows().await.len();
    for (field, values) in [("visibility", [None, Some(""), Some("Private")]), ("kind", [None, Some(""), Some("x")])] {
        for value in values {
            let (action, mut pairs) = filled(&platform, &mut olivia).await;
            pairs.retain(|(name, _)| name != field);
            pairs.extend(value.map(|value| (field.to_owned(), value.to_owned())));
            let page = send(&platform, &mut olivia, &action, &pairs).await;
            assert_eq!((wrong(&page), page.refusal()), (vec![field.to_owned()], 412), "{value:?}: {}", page.text());
            // The working defaults are chosen again.
            let form = page.form(REGISTER);
            assert_eq!((form.field("visibility"), form.field("kind")), ("private", "confidential"));
        }
    }
    // A developer has no customer that an app could be private to: it is said, and no public app is made of it.
    let mut dana = Browser::of(&platform, DANA).await;
    let (action, mut pairs) = filled(&platform, &mut dana).await;
    pairs.push(("visibility".to_owned(), "private".to_owned()));
    let page = send(&platform, &mut dana, &action, &pairs).await;
    assert_eq!((wrong(&page), page.refusal()), (vec!["visibility".to_owned()], 412), "{}", page.text());
    assert_eq!(platform.all_rows().await.len(), before, "nothing was written");
    // Nor does an edit open an app by saying nothing.
    let app = partner(&register(&platform, &mut olivia, GOOD).await);
    let edit = olivia.open(&platform, &format!("{APPS}/{}/edit", platform.app(app.client_id).id)).await.form("Save");
    let pairs: Vec<_> = edit.filled("Save", &[]).into_iter().filter(|(name, _)| name != "visibility").collect();
    assert_eq!(wrong(&send(&platform, &mut olivia, &edit.action, &pairs).await), ["visibility"]);
    assert!(matches!(platform.app(app.client_id).visibility, Visibility::Private(_)));
}

#[tokio::test]
async fn t_04_a_field_of_the_form_that_is_sent_twice_is_refused() {
    let platform = platform(|rules| rules.logo = true).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let (action, pairs) = filled(&platform, &mut olivia).await;
    let before = platform.all_rows().await;
    let singles = ["name", "description", "link", "redirect_uris", "kind", "visibility", "token", "form"];
    for single in singles {
        let mut twice = pairs.clone();
        let again = pairs.iter().find(|(name, _)| name == single).unwrap_or_else(|| panic!("{single} is asked"));
        twice.push(again.clone());
        let page = send(&platform, &mut olivia, &action, &twice).await;
        assert_eq!((page.reply.status, page.refusal()), (400, 100), "{single}: {}", page.text());
        let borrowed: Vec<(&str, &str)> = twice.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(olivia.send(&platform, Call::post(&action).form(&borrowed)).await.refusal(), 100, "{single}");
    }
    // Two images.
    let mut body = Vec::new();
    for (name, value) in &pairs {
        let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(head.into_bytes());
    }
    for _ in 0..2 {
        body.extend(b"--edge\r\nContent-Disposition: form-data; name=\"logo\"; filename=\"a.png\"\r\n\r\n");
        body.extend([PNG, b"\r\n"].concat());
    }
    body.extend(b"--edge--\r\n");
    let call = Call::post(&action).body("multipart/form-data; boundary=edge", body);
    assert_eq!(olivia.send(&platform, call).await.refusal(), 100);
    assert_eq!(platform.all_rows().await, before, "nothing was written");
    assert_eq!(send(&platform, &mut olivia, &action, &pairs).await.reply.status, 200, "sent once, it is good");
}

#[tokio::test]
async fn t_04_connected_apps_read_each_number_once() {
    let platform = platform(|_| {}).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let list = platform.profile().endpoints.connected_apps.clone();
    for query in ["account=1&account=4", "account=1&%61ccount=1", "after=1&after=2", "disconnected=1&disconnected=1"] {
        let page = olivia.open(&platform, &format!("{list}?{query}")).await;
        assert_eq!((page.reply.status, page.refusal()), (400, 100), "{query}: {}", page.text());
    }
    assert_eq!(olivia.open(&platform, &format!("{list}?after=x&disconnected=")).await.reply.status, 200);
}

#[tokio::test]
async fn ar_03_az_04_addresses_that_lead_elsewhere_or_answer_themselves_are_not_registered() {
    let platform = platform(|_| {}).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    for uri in ["https://a.example/x/../y", "https://a.example/x/%2E./y", "https://a.example/cb?code=1"] {
        let page = register(&platform, &mut olivia, &with(&[("redirect_uris", uri)])).await;
        assert_eq!(wrong(&page), ["redirect_uris"], "{uri}: {}", page.text());
    }
}

#[tokio::test]
async fn core_18_one_person_does_not_take_every_place_of_a_business() {
    let platform = platform(|rules| rules.registrars = vec![Role::CustomerAdmin, Role::Member, Role::Developer]).await;
    let mut marco = Browser::of(&platform, MARCO).await;
    for n in 0..25 {
        let page = register(&platform, &mut marco, &with(&[("name", &format!("App {n:03}"))])).await;
        assert_eq!(page.reply.status, 200, "{n}: {}", page.text());
    }
    let over = register(&platform, &mut marco, GOOD).await;
    assert_eq!((over.reply.status, over.refusal()), (403, 414), "{}", over.text());
    assert_eq!(over.link("See the apps"), APPS);
    for email in [OLIVIA, PRIYA] {
        let mut browser = Browser::of(&platform, email).await;
        let name = format!("Still fits {email}").replace(['@', '.'], " ");
        assert_eq!(register(&platform, &mut browser, &with(&[("name", &name)])).await.reply.status, 200, "{email}");
    }
}

#[tokio::test]
async fn core_18_a_customer_has_a_hundred_apps_and_the_list_has_pages() {
    let platform = platform(|_| {}).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let first = partner(&register(&platform, &mut browser, &with(&[("name", "App 000")])).await);
    // The others were registered by many people.
    for n in 1..100_u32 {
        let (client_id, name) = (format!("app-{n:03}"), format!("App {n:03}"));
        let app =
            App { id: AppId(0), client_id, name, registered_by: None, ..App::clone(&platform.app(first.client_id)) };
        let act = Act {
            at: platform.clock.now(),
            actor: "test".to_owned(),
            verb: "app.registered",
            subject: None,
            detail: String::new(),
        };
        platform.apply(Change::PutApp(app, act)).await;
    }
    let over = register(&platform, &mut browser, GOOD).await;
    assert_eq!((over.reply.status, over.refusal()), (403, 413), "{}", over.text());
    // Another customer is not affected.
    let mut priya = Browser::of(&platform, PRIYA).await;
    assert_eq!(register(&platform, &mut priya, GOOD).await.reply.status, 200);
    let (mut seen, mut next) = (0, APPS.to_owned());
    loop {
        let page = browser.open(&platform, &next).await;
        seen += page.html.matches("<bdi>App ").count();
        match page.html.contains(">Next page<") {
            true => next = page.link("Next page"),
            false => break,
        }
    }
    assert_eq!(seen, 100);
}
