//! What becomes of a grant when the person who gave it, or the customer it is about, changes (SECURITY RF-11; the policy
//! stands in docs/SECURITY.md, "What becomes of a grant").

use causeway_protocol::Change;
use causeway_protocol::profile::Consequence;
use causeway_protocol::records::{Act, Person, Role};
use causeway_testkit::actors::{ACME, Pair};
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Api, Browser, Builder, Call, Consent, Platform};

use crate::authorize::link;

const APPS: &str = "/settings/oauth-applications";

/// What a call of the API and a refresh get. A refresh that is served gives the next pair.
async fn tries(platform: &Platform, pair: &mut Pair) -> (u16, u16) {
    let call = Api { token: &pair.access }.get(platform, "/v1/sites").await;
    let refresh = ACME.refresh(platform, &pair.refresh).await;
    if refresh.status == 200 {
        *pair = Pair::of(&refresh);
    }
    (call.status, refresh.refusal())
}

async fn signed_in(platform: &Platform, browser: &Browser) -> bool {
    browser.clone().open(platform, APPS).await.text().contains("These apps can reach")
}

#[tokio::test]
async fn rf_11_a_new_password_ends_sessions_and_keeps_grants() {
    let platform = Platform::start().await;
    let mut pair = ACME.connect(&platform, OLIVIA).await;
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    let browser = Browser::of(&platform, OLIVIA).await;
    assert!(signed_in(&platform, &browser).await);
    let call = Call::post(&format!("/admin/people/{OLIVIA}/password"));
    let reply = platform.at_admin(call.body("application/json", r#"{"password": "quite another one"}"#)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!signed_in(&platform, &browser).await, "whoever knew the old one is out");
    assert_eq!(tries(&platform, &mut pair).await, (200, 0), "the customer's apps go on");
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
}

#[tokio::test]
async fn rf_11_who_lost_the_role_allows_nothing_more_and_what_was_allowed_stays_the_customers() {
    let platform = Platform::start().await;
    let mut pair = ACME.connect(&platform, OLIVIA).await;
    let browser = Browser::of(&platform, OLIVIA).await;
    let person = Person { role: Role::Member, ..platform.person(OLIVIA).await };
    let at = platform.clock.now();
    let act = Act { at, actor: "seed".to_owned(), verb: "person.put", subject: None, detail: String::new() };
    platform.apply(Change::PutPerson(person, act)).await;
    assert_eq!(platform.profile().policy.on_authorizer_demoted, Consequence::Keep);
    for _ in 0..2 {
        assert_eq!(tries(&platform, &mut pair).await, (200, 0));
    }
    assert!(!signed_in(&platform, &browser).await, "nor may she cut");
    let page = browser.clone().open(&platform, &link(&ACME, &[])).await;
    assert!(!page.buttons().contains(&"Allow".to_owned()), "{}", page.text());
}

#[tokio::test]
async fn rf_11_switching_the_person_off_suspends_or_revokes_as_the_profile_says() {
    // To keep them going is no choice: tokens of whoever is switched off are 401 (CORE-14), and the profile's reader says so.
    for policy in [Consequence::Suspend, Consequence::Revoke] {
        let builder = Builder::new().profile(|profile| profile.policy.on_authorizer_deactivated = policy);
        let platform = builder.start().await;
        let mut pair = ACME.connect(&platform, OLIVIA).await;
        let browser = Browser::of(&platform, OLIVIA).await;
        platform.switch("people", OLIVIA, false).await;
        let off = tries(&platform, &mut pair).await;
        assert!(!signed_in(&platform, &browser).await, "{policy:?}");
        platform.switch("people", OLIVIA, true).await;
        // An access token from before stays dead, whatever the policy (TOKENS 1): a refresh brings the next one.
        let on = tries(&platform, &mut pair).await;
        let then = tries(&platform, &mut pair).await;
        let what = (off, on, then);
        if policy == Consequence::Suspend {
            assert_eq!(what, ((401, 517), (401, 0), (200, 0)), "nothing was lost");
        } else {
            assert_eq!(what, ((401, 515), (401, 515), (401, 515)), "it takes a new consent");
        }
    }
}

#[tokio::test]
async fn rf_11_a_customer_that_is_closed_is_suspended_until_it_opens_again() {
    let platform = Platform::start().await;
    let mut pair = ACME.connect(&platform, OLIVIA).await;
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    platform.switch("customers", "4100", false).await;
    assert_eq!(tries(&platform, &mut pair).await, (401, 517));
    assert_eq!(ACME.exchange(&platform, &code).await.refusal(), 517);
    let browser = Browser::of(&platform, OLIVIA).await;
    assert!(!signed_in(&platform, &browser).await, "nobody manages what is closed");
    platform.switch("customers", "4100", true).await;
    assert_eq!(
        tries(&platform, &mut pair).await,
        (401, 0),
        "an access token from before stays dead, the grant does not"
    );
    assert_eq!(tries(&platform, &mut pair).await, (200, 0), "nobody has to connect again");
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
}
