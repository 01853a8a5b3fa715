//! What registration accepts and refuses, field by field.

use super::*;
use crate::AppId;
use crate::authorize::MAX_REDIRECT_URI;

fn profile(change: impl FnOnce(&mut Profile)) -> (Profile, Scopes) {
    let mut profile = crate::profile::shipped("default").expect("shipped");
    change(&mut profile);
    let registry = Scopes::new(profile.scopes.iter().map(|word| word.name.clone()).collect());
    (profile, registry)
}

fn good(profile: &Profile) -> Wish {
    Wish {
        name: " Acme Booking ".to_owned(),
        description: "Fills\r\nyour  calendar.".to_owned(),
        link: "https://acme.example".to_owned(),
        redirect_uris: "https://acme.example/cb\r\n\r\n http://localhost:3000/cb \n".to_owned(),
        visibility: "public".to_owned(),
        kind: "confidential".to_owned(),
        scopes: profile.scopes.iter().take(1).map(|word| word.name.clone()).collect(),
        ..Wish::default()
    }
}

/// No name is taken, and there is nothing to keep an app private to.
const ALONE: Around = Around { taken: Some(&[]), reach: Reach::Fixed(false) };

#[test]
fn core_18_a_good_wish_becomes_a_draft_as_it_will_be_kept() {
    let (profile, registry) = profile(|_| {});
    let draft = check(&good(&profile), &profile, &registry, ALONE).expect("good");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("Acme Booking", "Fills your calendar."));
    assert_eq!(draft.redirect_uris, ["https://acme.example/cb", "http://localhost:3000/cb"]);
    assert_eq!((draft.kind, draft.scopes, draft.private), (ClientKind::Confidential, ScopeSet::only(0), false));
    let wish = Wish { visibility: String::new(), kind: "public".to_owned(), ..good(&profile) };
    let draft = check(&wish, &profile, &registry, ALONE).expect("good");
    assert!(draft.kind == ClientKind::Public && !draft.private, "nothing is asked");
}

#[test]
fn core_18_every_problem_is_said_at_once_and_by_field() {
    let (profile, registry) = profile(|profile| {
        profile.registration.redirect_uris = 2;
        profile.registration.providers = vec!["shop".to_owned()];
    });
    let wish = Wish {
        name: "Acme\u{202e}gnikooB".to_owned(),
        description: "x ".repeat(MAX_DESCRIPTION),
        link: "javascript:alert(1)".to_owned(),
        redirect_uris: "http://a.example/\nhttp://a.example/\nhttps://b.example".to_owned(),
        scopes: vec!["no:such".to_owned()],
        providers: vec!["shop".to_owned(), "other".to_owned()],
        ..Wish::default()
    };
    let problems = check(&wish, &profile, &registry, ALONE).expect_err("all wrong");
    let fields: Vec<Field> = problems.iter().map(|problem| problem.field).collect();
    use Field::*;
    assert_eq!(fields, [Name, Description, Link, RedirectUris, RedirectUris, RedirectUris, Kind, Scopes, Providers]);
    let empty = check(&Wish::default(), &profile, &registry, ALONE).expect_err("nothing");
    assert_eq!(empty.iter().map(|one| one.field).collect::<Vec<_>>(), [Name, RedirectUris, Kind, Scopes]);
}

#[test]
fn core_18_what_is_not_said_is_not_guessed() {
    let (profile, registry) = profile(|_| {});
    let look = |visibility: &str, kind: &str, reach: Reach| {
        let wish = Wish { visibility: visibility.to_owned(), kind: kind.to_owned(), ..good(&profile) };
        let draft = check(&wish, &profile, &registry, Around { reach, ..ALONE });
        draft.map(|draft| draft.private).map_err(|all| all.iter().map(|one| one.field).collect::<Vec<_>>())
    };
    assert_eq!(look("private", "public", Reach::Asked), Ok(true));
    assert_eq!(look("public", "confidential", Reach::Asked), Ok(false));
    assert_eq!(look("", "public", Reach::Fixed(true)), Ok(true), "an edit opens nothing by saying nothing");
    for (said, reach) in [
        ("", Reach::Asked),
        ("Private", Reach::Asked),
        ("private", Reach::Fixed(false)),
        ("public", Reach::Fixed(true)),
        ("x", Reach::Fixed(false)),
    ] {
        assert_eq!(look(said, "public", reach), Err(vec![Field::Visibility]), "{said} {reach:?}");
    }
    for kind in ["", "Public", "native"] {
        assert_eq!(look("public", kind, Reach::Asked), Err(vec![Field::Kind]), "{kind}");
    }
}

#[test]
fn ar_12_a_name_poses_neither_as_the_platform_nor_as_a_taken_one() {
    let (profile, registry) = profile(|profile| profile.name = "Orcabase".to_owned());
    let taken = ["Acme Booking".to_owned(), "!".to_owned()];
    let look = |name: &str, taken: Option<&[String]>| {
        let wish = Wish { name: name.to_owned(), ..good(&profile) };
        check(&wish, &profile, &registry, Around { taken, ..ALONE }).map(drop).map_err(|all| all[0].field)
    };
    for name in
        ["Orcabase", "ORCABASE", "Orcabase Staff", "Оrсаbаsе", "the 0rca-base app", "Acme Booking", "ACME·BOOKING"]
    {
        assert_eq!(look(name, Some(&taken)), Err(Field::Name), "{name}");
        assert_eq!(look(name, None), Ok(()), "{name}: staff");
    }
    for name in ["Acme Bookings", "Orca", "Base Camp", "東京"] {
        assert_eq!(look(name, Some(&taken)), Ok(()), "{name}");
    }
    assert_eq!(look(&format!("E{}", "\u{301}".repeat(40)), None), Err(Field::Name), "whoever writes it");
}

#[test]
fn core_18_scopes_follow_the_profile() {
    let (mut profile, registry) = profile(|profile| profile.registration.scopes = false);
    let all = check(&Wish { scopes: vec![], ..good(&profile) }, &profile, &registry, ALONE).expect("good").scopes;
    assert_eq!(all.numbers().count(), profile.scopes.len(), "all words, where none are chosen");
    profile.registration.scopes = true;
    profile.authorize.required_scopes = vec![profile.scopes[1].name.clone()];
    let problems = check(&good(&profile), &profile, &registry, ALONE).expect_err("lacks the required one");
    assert_eq!(problems[0].field, Field::Scopes);
}

#[test]
fn ar_03_ar_04_az_04_only_addresses_that_are_safe_to_return_to_are_registered() {
    use ClientKind::{Confidential, Public};
    for good in [
        "https://app.example",
        "https://app.example:8443/cb?x=1&y=%20",
        "https://app.example/.well-known/a..b/...?next=/../y&codes=1",
        "HTTPS://app.example/cb",
        "https://xn--bcher-kva.example/",
        "https://[2001:db8::1]:443/cb",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:9/cb",
    ] {
        assert_eq!((redirect_problem(good, Confidential), redirect_problem(good, Public)), (None, None), "{good}");
    }
    for bad in [
        "",
        "/cb",
        "app.example/cb",
        "//app.example/cb",
        "https:",
        "https:///cb",
        "https:app.example",
        "http://app.example/cb",
        "http://127.0.0.2/cb",
        "http://localhost.evil.example/cb",
        "http://[::2]/cb",
        "https://user@app.example/cb",
        "https://user:pass@app.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app..example/cb",
        "https://*.app.example/cb",
        "https://app.example:0/cb",
        "https://app.example:99999/cb",
        "https://app.example/cb#x",
        "https://app.example/c b",
        "https://app.example/\u{e9}",
        "https://app.example/<x>",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "blob:https://app.example/1",
        "myapp://cb",
        "urn:ietf:wg:oauth:2.0:oob",
        "https://app.example/x/../y",
        "https://app.example/..",
        "https://app.example/./y",
        "https://app.example/%2e%2e/y",
        "https://app.example/%2E./y?a=b",
        "com.example.app:/../y",
        "com.example.app:/./cb",
        "https://app.example/cb?code=1",
        "https://app.example/cb?a=b&state",
        "https://app.example/cb?err%6fr=x",
        "https://app.example/cb?error_description=x",
        "http://localhost/cb?iss=https://a.example",
    ] {
        assert!(redirect_problem(bad, Confidential).is_some(), "{bad}");
        assert!(redirect_problem(bad, Public).is_some(), "{bad}");
    }
    // Whoever writes a file may know of other schemes, but not of these (AR-03).
    for uri in
        ["https://app.example/a/../b", "x:/%2e%2E/b", "https://app.example\\..\\b", "https://app.example/?code=1"]
    {
        assert!(uri_problem(uri).is_some(), "{uri}");
    }
    assert_eq!(uri_problem("https://odd.example/cb?a=b"), None);
    // RFC 8252 7.1: private-use schemes are for apps on devices.
    assert_eq!(redirect_problem("com.example.app:/cb", Public), None);
    assert!(redirect_problem("com.example.app:/cb", Confidential).is_some());
    let long = |length: usize| format!("https://app.example/{}", "x".repeat(length - 20));
    assert_eq!(redirect_problem(&long(MAX_REDIRECT_URI), Public), None);
    assert!(redirect_problem(&long(MAX_REDIRECT_URI + 1), Public).is_some());
}

#[test]
fn a_rejection_says_why() {
    assert_eq!(note(" a \n b ", true), Ok("a b".to_owned()));
    assert_eq!(note("", false), Ok(String::new()));
    assert!(note("  ", true).is_err() && note(&"x".repeat(MAX_NOTE + 1), false).is_err());
}

fn app() -> App {
    App {
        id: AppId(1),
        client_id: "id".to_owned(),
        name: "Acme".to_owned(),
        owner: "Acme Inc.".to_owned(),
        description: String::new(),
        info_url: "https://acme.example".to_owned(),
        kind: ClientKind::Confidential,
        visibility: Visibility::Public,
        status: AppStatus::Approved,
        active: true,
        verified: true,
        pkce_required: false,
        secrets: Vec::new(),
        redirect_uris: vec!["https://acme.example/cb".to_owned()],
        scopes: ScopeSet(0b11),
        registered_by: None,
        home: Some(CustomerId(7)),
        providers: Vec::new(),
        logo: None,
        review_note: String::new(),
    }
}

fn same(app: &App) -> Draft {
    Draft {
        name: app.name.clone(),
        description: app.description.clone(),
        info_url: app.info_url.clone(),
        redirect_uris: app.redirect_uris.clone(),
        private: app.visibility != Visibility::Public,
        kind: app.kind,
        scopes: app.scopes,
        providers: app.providers.clone(),
    }
}

#[test]
fn core_18_what_people_were_told_is_reviewed_again_and_less_is_not() {
    let old = app();
    let status = |draft: Draft, logo: bool, staff: bool, mode| edited(&old, &draft, logo, staff, mode).status;
    let review = |draft: Draft| status(draft, false, false, Registration::Review);
    let changes = [
        Draft { name: "Other".to_owned(), ..same(&old) },
        Draft { info_url: "https://other.example".to_owned(), ..same(&old) },
        Draft { scopes: ScopeSet(0b111), ..same(&old) },
        Draft { scopes: ScopeSet(0b101), ..same(&old) },
    ];
    for draft in changes {
        assert_eq!(review(draft.clone()), AppStatus::Pending, "{draft:?}");
        assert_eq!(status(draft.clone(), false, true, Registration::Review), AppStatus::Approved, "staff: {draft:?}");
        assert_eq!(status(draft, false, false, Registration::SelfService), AppStatus::Approved);
    }
    assert_eq!(status(same(&old), true, false, Registration::Review), AppStatus::Pending, "another logo");
    for draft in [
        same(&old),
        Draft { scopes: ScopeSet(0b1), ..same(&old) },
        Draft { description: "x".to_owned(), ..same(&old) },
        Draft { redirect_uris: vec!["https://acme.example/other".to_owned()], ..same(&old) },
        Draft { private: true, ..same(&old) },
    ] {
        assert_eq!(review(draft.clone()), AppStatus::Approved, "{draft:?}");
    }
    let private = App { visibility: Visibility::Private(CustomerId(7)), ..app() };
    let opened = edited(&private, &Draft { private: false, ..same(&private) }, false, false, Registration::Review);
    assert_eq!((opened.status, opened.visibility), (AppStatus::Pending, Visibility::Public), "for everybody now");
    let mended = edited(&App { status: AppStatus::Rejected, ..app() }, &same(&old), false, false, Registration::Review);
    assert_eq!(mended.status, AppStatus::Pending);
}

#[test]
fn ar_12_a_new_face_is_not_verified_any_more() {
    let old = app();
    let renamed = Draft { name: "Other".to_owned(), ..same(&old) };
    let edit = |draft: &Draft, staff: bool| edited(&old, draft, false, staff, Registration::SelfService).verified;
    assert!(edit(&same(&old), false) && !edit(&renamed, false) && edit(&renamed, true));
}

#[test]
fn core_18_logos_are_told_by_their_bytes() {
    let png = |width: u32, height: u32| {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    };
    let kind = |bytes: Vec<u8>| logo::read(bytes).map(|logo| logo.content_type);
    assert_eq!(kind(png(64, 64)).as_deref(), Ok("image/png"));
    let jpeg = [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc2, 0, 11, 8, 0, 9, 0, 8][..], &[0; 8]].concat();
    assert_eq!(kind(jpeg).as_deref(), Ok("image/jpeg"));
    let webp = [&b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"[..], &[63, 0, 0, 63, 0, 0]].concat();
    assert_eq!(kind(webp).as_deref(), Ok("image/webp"));
    for bad in [
        Vec::new(),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        b"GIF89a".to_vec(),
        b"<!doctype html>".to_vec(),
        png(0, 64),
        png(100_000, 100_000),
        png(64, 64)[..20].to_vec(),
        vec![0xff, 0xd8, 0xff, 0xd9],
        vec![0xff, 0xd8, 0xff],
        b"RIFF\0\0\0\0WEBPXXXX".to_vec(),
        [png(64, 64), vec![0; 64 * 1024]].concat(),
    ] {
        assert!(kind(bad.clone()).is_err(), "{:?}", &bad[..bad.len().min(20)]);
    }
}
