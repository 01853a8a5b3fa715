//! A developer registers an app with providers, and can use it at once (ORC-01, ORC-12).

use causeway_testkit::Browser;

use super::*;
use crate::apps::{REGISTER, shown};

#[tokio::test]
async fn orc_01_a_developer_registers_an_app_and_is_shown_id_and_secret_once() {
    let platform = start().await;
    let mut browser = Browser::of(&platform, DEV).await;
    let form = browser.open(&platform, "/developer/apps/new").await;
    for part in ["Name", "App link", "Redirect URIs", "Logo", "Tripleseat", "Cal.com"] {
        assert!(form.text().contains(part), "{part}: {}", form.text());
    }
    let fields = [
        ("name", "New App"),
        ("link", "https://new-app.com"),
        ("redirect_uris", "https://new-app.com/callback\r\nhttps://staging.new-app.com/callback"),
        ("providers", "tripleseat"),
        ("providers", "cal"),
    ];
    let done = browser.press(&platform, &form, REGISTER, &fields).await;
    assert_eq!(done.reply.status, 200, "{}", done.text());
    let (id, secret) = (shown(&done, "client-id").expect("an id"), shown(&done, "client-secret").expect("a secret"));
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
    assert!(secret.starts_with("orc_sk_"), "{}", secret.len());
    let app = platform.app(&id);
    assert_eq!(app.providers, ["tripleseat", "cal"]);
    assert_eq!(app.redirect_uris.len(), 2);
    // Its settings show the id, never the secret again, and lead to its accounts (ORC-12).
    let one = browser.open(&platform, &format!("/developer/apps/{}", app.id)).await;
    assert!(one.text().contains(&id) && !one.html.contains(&secret), "{}", one.text());
    let list = browser.open(&platform, &one.link("See its accounts")).await;
    let typed = [("accountId", "first"), ("accountName", "First"), ("timezone", "UTC"), ("currency", "USD")];
    browser.press(&platform, &list, "Add the account", &typed).await;
    // It works at once: no review.
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let app = App { id: leak(id), secret: leak(secret), key: "", redirect_uri: "https://staging.new-app.com/callback" };
    app.connect(&platform, "first").await;
}
