//! Registration as shipped profiles have it, with the seeds of the demo.

use causeway_protocol::records::AppStatus;
use causeway_testkit::platform::Builder;
use causeway_testkit::{Browser, Call, Platform};

use super::{PNG, REGISTER, shown};

/// A shipped platform with the demo's seed; its people have the passwords of the tests.
async fn demo(key: &str, seed: &str) -> Platform {
    Builder::shipped(key, &seed.replace("password = \"demo-", "password = \"pass-")).start().await
}

#[tokio::test]
async fn cal_08_staff_create_clients_with_name_redirect_uri_logo_and_link() {
    let platform = demo("cal", include_str!("../../../../../demo/cal.toml")).await;
    let path = platform.profile().endpoints.apps.clone();
    for email in ["alba@moreno.example", "ben@okafor.example", "dana@acme.example"] {
        let page = Browser::of(&platform, email).await.open(&platform, &path).await;
        assert_eq!((page.reply.status, page.refusal()), (403, 408), "{email}: no self-service page");
    }
    let mut sam = Browser::of(&platform, "sam@cal.example").await;
    let form = sam.open(&platform, &format!("{path}/new")).await;
    for (field, label) in
        [("name", "Name"), ("redirect_uris", "Redirect URL"), ("logo", "Logo"), ("link", "Link to the app")]
    {
        assert!(form.html.contains(&format!("<label for=\"{field}\">{label}</label>")), "{label}");
    }
    assert!(!form.html.contains("name=\"scopes\"") && !form.html.contains("name=\"visibility\""));
    let fields =
        [("name", "Their Client"), ("link", "https://client.example"), ("redirect_uris", "https://client.example/cb")];
    let done = sam.press(&platform, &form, REGISTER, &fields).await;
    let (id, secret) = (shown(&done, "client-id").unwrap(), shown(&done, "client-secret").unwrap());
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && secret.starts_with("calsk_"));
    let app = platform.app(&id);
    assert_eq!(
        (app.status, app.redirect_uris.as_slice()),
        (AppStatus::Approved, &["https://client.example/cb".to_owned()][..])
    );
    assert_eq!(platform.edge.node.held.scopes().text(app.scopes), "READ_BOOKING READ_PROFILE");
    let again = sam.press(&platform, &form, REGISTER, &fields).await;
    assert!(again.html.contains(&id) && !again.html.contains(&secret), "shown once");
}

#[tokio::test]
async fn orc_01_orc_12_a_developer_registers_an_app_with_its_providers_and_settings_show_the_id() {
    let platform = demo("orcabase", include_str!("../../../../../demo/orcabase.toml")).await;
    let path = platform.profile().endpoints.apps.clone();
    let mut dev = Browser::of(&platform, "dev@acme.example").await;
    assert_eq!(dev.open(&platform, "/").await.location(), path, "developers arrive at their apps");
    let form = dev.open(&platform, &format!("{path}/new")).await;
    assert!(form.text().contains("App link") && form.html.contains("type=\"file\""), "{}", form.text());
    let sent = form.form(REGISTER);
    let providers: Vec<&(String, String)> = sent.boxes.iter().filter(|(name, _)| name == "providers").collect();
    assert_eq!(providers.len(), platform.profile().registration.providers.len());
    let fields = [
        ("name", "Staging"),
        ("link", "https://staging.example"),
        ("redirect_uris", "https://staging.example/cb\nhttps://staging.example/other"),
        ("providers", providers[0].1.as_str()),
    ];
    let pairs = sent.filled(REGISTER, &fields);
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let done = dev.send(&platform, Call::post(&sent.action).multipart_with_file(&pairs, "logo", PNG)).await;
    let (id, secret) = (shown(&done, "client-id").unwrap(), shown(&done, "client-secret").unwrap());
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
    let app = platform.app(&id);
    assert_eq!((app.providers.as_slice(), app.redirect_uris.len()), (&[providers[0].1.clone()][..], 2));
    assert!(app.logo.is_some());
    // App Settings: the id, the way to its accounts, and never the secret.
    let settings = dev.open(&platform, &format!("{path}/{}", app.id)).await;
    assert!(settings.html.contains(&id) && !settings.html.contains(&secret), "{}", settings.text());
    assert_eq!(settings.link("See its accounts"), format!("{path}/{}/accounts", app.id));
}
