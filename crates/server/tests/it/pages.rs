//! Every page in every state: small, self-contained, readable by everybody, and written out for people to look at
//! (SECURITY UI-09, AZ-15, AR-12; attack 16).

use std::path::Path;

use causeway_protocol::profile;
use causeway_server::http::pages::look::Look;
use causeway_server::http::pages::samples;
use causeway_testkit::{Browser, Call, Platform};

const LARGEST: usize = 50_000;

fn all() -> Vec<samples::Sample> {
    samples::all(&profile::shipped("tripleseat").expect("shipped"))
}

#[test]
fn pages_render_and_weigh_little() {
    let look = Look::of(&profile::shipped("tripleseat").expect("shipped"));
    let files = look.style.text.len() + look.brand.text.len() + look.icon.text.len();
    for (name, html) in all() {
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{name}");
        assert!(html.len() + files < LARGEST, "{name}: {} and {files} bytes", html.len());
    }
}

#[test]
fn az_15_attack_16_pages_hold_nothing_that_runs_and_nothing_from_elsewhere() {
    for (name, html) in all() {
        // Settings are not part of the OAuth flow: there, one link leads to the platform's help.
        let help = r#"<a href="https://help.harbour.example" rel="noreferrer">"#;
        assert_eq!(html.matches(help).count(), usize::from(name.starts_with("connected")), "{name}");
        let html = html.replace(help, "<a>");
        // And one to the guide that tells how to leave OAuth 1.0.
        let guide = r#"<a href="https://help.harbour.example/oauth" rel="noreferrer">"#;
        assert_eq!(html.matches(guide).count(), usize::from(name == "connected-legacy"), "{name}");
        let html = html.replace(guide, "<a>");
        // Pages of apps show addresses, as text: what leads anywhere is looked at below.
        let html = if name.starts_with("app") { html.replace("https://", "").replace("http://", "") } else { html };
        for bad in [
            "<script", "<img", "<iframe", "<object", "style=", "<style", "http://", "https://", "url(", "@import",
            "<base", "<svg/",
        ] {
            let found = html.match_indices(bad).find(|(at, _)| !html[..*at].ends_with("&#60;"));
            assert_eq!(found, None, "{name}");
        }
        for tag in tags(&html) {
            assert!(
                !unquoted(tag).split_whitespace().skip(1).any(|part| part.starts_with("on") && part.contains('=')),
                "{name}: <{tag}>"
            );
            for link in ["href=\"", "src=\"", "action=\""] {
                for value in tag.split(link).skip(1) {
                    assert!(
                        value.starts_with('/') && !value.starts_with("//") || value.starts_with('#'),
                        "{name}: <{tag}>"
                    );
                }
            }
        }
    }
}

#[test]
fn ar_12_pages_hold_no_character_that_deceives() {
    for (name, html) in all() {
        let bad = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert_eq!(html.chars().find(|c| bad(*c)), None, "{name}");
        if name.ends_with("-hostile") {
            assert!(html.contains("&#60;script&#62;"), "{name}: shown as text");
        }
    }
}

#[test]
fn ui_09_pages_have_what_a_screen_reader_needs() {
    for (name, html) in all() {
        assert!(html.contains("<html lang=\"en\">") && html.contains("name=\"viewport\""), "{name}");
        assert_eq!(html.matches("<main").count(), 1, "{name}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert!(!html.contains("<title> ·"), "{name}: a title");
        let tags: Vec<&str> = tags(&html).collect();
        for input in tags.iter().filter(|tag| tag.starts_with("input") && !tag.contains("type=\"hidden\"")) {
            let id = input
                .split("id=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_else(|| panic!("{name}: <{input}>"));
            assert!(html.contains(&format!("<label for=\"{id}\"")), "{name}: a label for {id}");
        }
        for svg in tags.iter().filter(|tag| tag.starts_with("svg")) {
            assert!(svg.contains("aria-hidden=\"true\""), "{name}");
        }
        let mut ids: Vec<&str> = tags.iter().filter_map(|tag| tag.split(" id=\"").nth(1)?.split('"').next()).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|two| two[0] != two[1]), "{name}: {ids:?}");
        for tag in ["table", "tr", "td", "form", "ul", "dl", "section", "bdi", "span", "div", "p"] {
            let opened = tags.iter().filter(|open| open.split([' ', '/']).next() == Some(tag)).count();
            assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{name}: <{tag}> is closed");
        }
        assert!(html.contains("<a ") || html.contains("<button"), "{name}: a way on");
    }
}

/// A tag without its attributes' values: in them every quote is escaped.
fn unquoted(tag: &str) -> String {
    tag.split('"').step_by(2).collect()
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<')
        .skip(1)
        .filter_map(|part| part.split_once('>').map(|(tag, _)| tag))
        .filter(|tag| !tag.starts_with(['/', '!']))
}

/// Writes every sample to `target/pages/`, for people and for screenshots. Links to files are made relative.
#[test]
fn pages_are_written_for_looking_at() {
    let profile = profile::shipped("tripleseat").expect("shipped");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    std::fs::create_dir_all(dir.join("static")).expect("target/ can be written");
    let look = Look::of(&profile);
    for asset in [&look.style, &look.brand, &look.icon] {
        std::fs::write(dir.join("static").join(&asset.name), &asset.text).expect("written");
    }
    for (name, html) in samples::all(&profile) {
        std::fs::write(dir.join(format!("{name}.html")), html.replace("\"/static/", "\"static/")).expect("written");
    }
}

#[tokio::test]
async fn files_are_kept_for_ever_and_found_by_the_hash_of_their_content() {
    let platform = Platform::start().await;
    let page = Browser::new().open(&platform, "/sign-in").await;
    let names: Vec<&str> =
        page.html.split("href=\"/static/").skip(1).filter_map(|part| part.split('"').next()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names {
        let reply = platform.at_login(Call::get(&format!("/static/{name}"))).await;
        assert_eq!(reply.status, 200, "{name}");
        assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert!(
            reply.header("content-type").starts_with("text/css") || reply.header("content-type") == "image/svg+xml"
        );
        assert!(!reply.text().contains("@import") && !reply.text().contains("url("), "{name}");
    }
    for path in ["/static/causeway.css", "/static/..%2fCargo.toml", "/static/x", "/nothing"] {
        let page = Browser::new().open(&platform, path).await;
        assert_eq!((page.reply.status, page.refusal()), (404, 108), "{path}");
    }
}

#[tokio::test]
async fn home_leads_somewhere() {
    let platform = Platform::start().await;
    assert_eq!(Browser::new().open(&platform, "/").await.location(), "/sign-in");
    let mut browser = Browser::of(&platform, causeway_testkit::world::OLIVIA).await;
    for path in ["/", "/sign-in"] {
        assert_eq!(browser.open(&platform, path).await.location(), "/settings/oauth-applications", "{path}");
    }
}

#[tokio::test]
async fn az_05_the_developer_sees_the_redirect_uri_that_came_as_inert_text() {
    let platform = Platform::start().await;
    let uri = format!("https://evil.example/%3Cscript%3Ealert(1)%3C/script%3E%22%E2%80%AE{}", "x".repeat(500));
    let target = format!("/oauth2/authorize?client_id=acme&response_type=code&redirect_uri={uri}");
    let page = Browser::new().open(&platform, &target).await;
    assert_eq!((page.reply.status, page.refusal()), (400, 302));
    let html = &page.html;
    assert!(html.contains("<dt>Received</dt><dd>https://evil.example/&#60;script&#62;alert(1)"), "{html}");
    assert!(html.contains("\\u{202e}xxx") && !html.contains(&"x".repeat(200)), "{html}");
    assert!(!html.contains("<script") && !html.contains("href=\"https:"), "{html}");
    let folded = html.split_once("<details>").expect("folded").1;
    assert!(folded.contains("Received") && !html.split_once("<details>").unwrap().0.contains("evil.example"));
}

#[tokio::test]
async fn only_errors_carry_the_id_of_their_request() {
    let platform = Platform::start().await;
    let says = |html: &str| html.contains("Request <span");
    assert!(!says(&Browser::new().open(&platform, "/sign-in").await.html));
    assert!(says(&Browser::new().open(&platform, "/nothing").await.html));
}
