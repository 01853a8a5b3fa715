//! Apps that wait for review: who may use them meanwhile, approving, rejecting, and what asks for another look.

use causeway_protocol::profile::Registration;
use causeway_protocol::records::AppStatus;
use causeway_testkit::actors::Partner;
use causeway_testkit::world::{OLIVIA, PRIYA, SAM};
use causeway_testkit::{Browser, Call, Page, Platform};

use super::{APPS, DANA, GOOD, partner, register, with};

async fn reviewed() -> Platform {
    super::platform(|rules| rules.mode = Registration::Review).await
}

/// What this person sees on the app's authorize link.
async fn ask(platform: &Platform, app: &Partner, email: &str) -> Page {
    let mut browser = Browser::of(platform, email).await;
    browser.open(platform, &crate::authorize::link(app, &[("scope", "leads:read")])).await
}

#[tokio::test]
async fn core_18_ar_07_until_it_is_approved_only_its_own_customer_can_connect_it() {
    let platform = reviewed().await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let done = register(&platform, &mut olivia, &with(&[("visibility", "public")])).await;
    assert!(done.text().contains("will look at it"), "{}", done.text());
    let app = partner(&done);
    assert_eq!(platform.app(app.client_id).status, AppStatus::Pending);
    assert!(ask(&platform, &app, OLIVIA).await.buttons().contains(&"Allow".to_owned()), "its own account tries it");
    let theirs = ask(&platform, &app, PRIYA).await;
    assert!(!theirs.buttons().contains(&"Allow".to_owned()), "{}", theirs.text());
    let pair = app.connect(&platform, OLIVIA).await;
    // Staff find it in the queue and approve it.
    let mut sam = Browser::of(&platform, SAM).await;
    let list = sam.open(&platform, APPS).await;
    let queue = sam.open(&platform, &list.link("Review")).await;
    assert!(queue.text().contains("Table Talk") && !queue.text().contains("Acme"), "{}", queue.text());
    let one = sam.open(&platform, &queue.link("<bdi>Table Talk")).await;
    let approved = sam.press(&platform, &one, "Approve", &[("verified", "yes")]).await;
    assert_eq!(approved.reply.status, 303, "{}", approved.text());
    let record = platform.app(app.client_id);
    assert!(record.status == AppStatus::Approved && record.verified);
    assert!(ask(&platform, &app, PRIYA).await.buttons().contains(&"Allow".to_owned()));
    assert!(app.is_active(&platform, &pair.access).await);
    assert!(!sam.open(&platform, &format!("{APPS}?waiting")).await.text().contains("Table Talk"));
    // A developer's app without a customer waits for everybody.
    let mut dana = Browser::of(&platform, DANA).await;
    let lone = partner(&register(&platform, &mut dana, &with(&[("name", "Dana’s Talk")])).await);
    assert!(!ask(&platform, &lone, OLIVIA).await.buttons().contains(&"Allow".to_owned()));
}

#[tokio::test]
async fn core_18_a_rejection_says_why_and_ends_the_app() {
    let platform = reviewed().await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let app = partner(&register(&platform, &mut olivia, GOOD).await);
    let pair = app.connect(&platform, OLIVIA).await;
    let page = format!("{APPS}/{}", platform.app(app.client_id).id);
    let mut sam = Browser::of(&platform, SAM).await;
    let one = sam.open(&platform, &page).await;
    let silent = sam.press(&platform, &one, "Reject", &[("note", "  ")]).await;
    assert_eq!(silent.reply.status, 400);
    assert!(silent.text().contains("Say why"), "{}", silent.text());
    assert_eq!(platform.app(app.client_id).status, AppStatus::Pending, "nothing was written");
    let done = sam.press(&platform, &silent, "Reject", &[("note", "The link leads <b>nowhere</b>.")]).await;
    assert_eq!(done.reply.status, 303, "{}", done.text());
    assert_eq!(platform.at_api(Call::get("/v1/sites").bearer(&pair.access)).await.status, 401, "its tokens are dead");
    assert!(!ask(&platform, &app, OLIVIA).await.buttons().contains(&"Allow".to_owned()));
    let theirs = olivia.open(&platform, &page).await;
    assert!(theirs.text().contains("Rejected") && theirs.text().contains("The link leads <b>nowhere</b>."));
    assert!(!theirs.html.contains("<b>nowhere"));
    // Whoever made it can neither review nor switch it; mending it asks again.
    assert!(!theirs.buttons().contains(&"Approve".to_owned()));
    let edit = olivia.open(&platform, &format!("{page}/edit")).await;
    assert_eq!(olivia.press(&platform, &edit, "Save", &[("link", "https://other.example")]).await.reply.status, 303);
    assert_eq!(platform.app(app.client_id).status, AppStatus::Pending);
    // An old review page decides nothing about what it did not show.
    let late = sam.press(&platform, &one, "Approve", &[]).await;
    assert_eq!((late.reply.status, late.refusal()), (409, 411));
    assert_eq!(platform.app(app.client_id).status, AppStatus::Pending);
}

#[tokio::test]
async fn core_18_a_new_face_or_more_scopes_are_reviewed_again_and_fewer_are_not() {
    let platform = reviewed().await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let app = partner(&register(&platform, &mut olivia, GOOD).await);
    let page = format!("{APPS}/{}", platform.app(app.client_id).id);
    let mut sam = Browser::of(&platform, SAM).await;
    let status = || platform.app(app.client_id).status;
    for (fill, then) in [
        (("description", "Other words."), AppStatus::Approved),
        (("redirect_uris", "https://tabletalk.example/cb"), AppStatus::Approved),
        (("name", "Other Talk"), AppStatus::Pending),
        (("link", "https://other.example"), AppStatus::Pending),
        (("scopes", "leads:write"), AppStatus::Pending),
    ] {
        let one = sam.open(&platform, &page).await;
        sam.press(&platform, &one, "Approve", &[("verified", "yes")]).await;
        assert_eq!(status(), AppStatus::Approved);
        let edit = olivia.open(&platform, &format!("{page}/edit")).await;
        assert_eq!(olivia.press(&platform, &edit, "Save", &[fill]).await.reply.status, 303);
        assert_eq!(status(), then, "{fill:?}");
    }
    // What staff change stays approved.
    let one = sam.open(&platform, &page).await;
    sam.press(&platform, &one, "Approve", &[]).await;
    let edit = sam.open(&platform, &format!("{page}/edit")).await;
    sam.press(&platform, &edit, "Save", &[("name", "As staff call it")]).await;
    assert_eq!(status(), AppStatus::Approved);
}
