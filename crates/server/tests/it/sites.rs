//! Sites, tenants and the sample API, against the running program (SECURITY 11; PLATFORMS A15, TS-07…TS-10).

use causeway_testkit::actors::{ACME, EVERYTHING};
use causeway_testkit::platform::Builder;
use causeway_testkit::world::{JUNE, OLIVIA, PRIYA};
use causeway_testkit::{Api, Call, Platform, Response};
use serde_json::Value;

async fn platform() -> Platform {
    Builder::new().profile(|profile| profile.api.budgets.clear()).start().await
}

async fn get(platform: &Platform, token: &str, path: &str) -> Response {
    Api { token }.get(platform, path).await
}

/// A field of every object in a list.
fn all(reply: &Response, field: &str) -> Vec<i64> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let list = reply.json()["results"].as_array().cloned().expect("the list shape is Tripleseat's");
    list.iter().map(|object| object[field].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn ts_07_ms_01_the_list_of_sites_is_exactly_the_customers() {
    let platform = platform().await;
    let olivia = ACME.connect(&platform, OLIVIA).await.access;
    let priya = ACME.connect(&platform, PRIYA).await.access;
    let sites = get(&platform, &olivia, "/v1/sites").await;
    assert_eq!(all(&sites, "id"), [2101, 2102, 2103]);
    assert_eq!(all(&sites, "customer_id"), [4100; 3]);
    assert_eq!(sites.json()["total_pages"], 1);
    let active = |n: usize| sites.json()["results"][n]["active"].clone();
    assert_eq!([active(0), active(1), active(2)], [Value::from(true), Value::from(true), Value::from(false)]);
    assert_eq!(all(&get(&platform, &priya, "/v1/sites").await, "id"), [2201]);
    assert_eq!(get(&platform, &priya, "/v1/sites/2201").await.json()["name"], "Downtown");
    assert_eq!(get(&platform, &priya, "/v1/sites/2101").await.status, 404);
    platform.switch("sites", "2101", false).await;
    let after = get(&platform, &olivia, "/v1/sites").await;
    assert_eq!(after.json()["results"][0]["active"], false, "as it stands now");
}

#[tokio::test]
async fn ts_08_a_call_shows_the_records_of_its_site_only() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(all(&get(&platform, &token, "/v1/leads?site_id=2101").await, "id"), [9101, 9102]);
    assert_eq!(all(&get(&platform, &token, "/v1/leads?site_id=2102").await, "id"), [9103]);
    assert_eq!(all(&get(&platform, &token, "/v1/events?site_id=2101").await, "id"), [8101]);
    assert_eq!(get(&platform, &token, "/v1/leads/9101?site_id=2101").await.json()["first_name"], "Anna");
    assert_eq!(get(&platform, &token, "/v1/leads/9103?site_id=2101").await.status, 404, "another site's");
    assert_eq!(all(&get(&platform, &token, "/v1/locations").await, "id"), [7101], "A15: no site is needed");
}

#[tokio::test]
async fn ts_09_ms_03_one_active_site_is_the_default_several_must_be_named() {
    let platform = platform().await;
    let olivia = ACME.connect(&platform, OLIVIA).await.access;
    let priya = ACME.connect(&platform, PRIYA).await.access;
    let june = ACME.connect(&platform, JUNE).await.access;
    assert_eq!(all(&get(&platform, &priya, "/v1/leads").await, "site_id"), [2201]);
    let several = get(&platform, &olivia, "/v1/leads").await;
    assert_eq!(several.refused(), (400, "invalid_request".to_owned(), 605));
    assert!(several.text().contains("site_id"), "{}", several.text());
    let none = get(&platform, &june, "/v1/leads").await;
    assert_eq!((none.status, none.refusal()), (403, 612));
    // A site closes: what is left is the default.
    platform.switch("sites", "2101", false).await;
    assert_eq!(all(&get(&platform, &olivia, "/v1/leads").await, "id"), [9103]);
    platform.switch("sites", "2102", false).await;
    assert_eq!(get(&platform, &olivia, "/v1/leads").await.refusal(), 612);
    platform.switch("sites", "2101", true).await;
    assert_eq!(all(&get(&platform, &olivia, "/v1/leads").await, "id"), [9101, 9102]);
}

#[tokio::test]
async fn ts_10_ms_02_foreign_unknown_and_inactive_sites_get_one_answer_and_no_data() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let mut answers = Vec::new();
    for site in ["2201", "2301", "2103", "1", "999999"] {
        for path in ["leads", "events", "sites", "locations"] {
            let reply = get(&platform, &token, &format!("/v1/{path}?site_id={site}")).await;
            assert_eq!((reply.status, reply.refusal()), (403, 607), "{path} {site}");
            answers.push(reply.text());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn ms_04_a_site_has_one_meaning_or_the_call_is_bad() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    for query in [
        "site_id=2101&site_id=2101",
        "site_id=2101&site_id=2102",
        "site_id=2101&site_id=",
        "site_id=2101+",
        "site_id=+2101",
        "site_id=%202101",
        "site_id=2101.0",
        "site_id=%2B2101",
        "site_id=-2101",
        "site_id=2101%00",
        "site_id=2101,2102",
        "site_id=2101;2102",
        "site_id[]=2101",
        "Site_Id=2101",
        "site_id=2101&site_id]=2102",
        "site_id=2101&[site_id]=2102",
        "site_id=2101&%5Bsite_id%5D=2102",
        "site_id=2101&site[id=2102",
        "site_id=2101&site.id=2102",
        "site_id=2101&site+id=2102",
        "site_id=2101&SITE.Id=2102",
        "site_id=abc",
        "site_id=%EF%BC%91",
        "site_id=9999999999999999999",
        "x=1;site_id=2101",
    ] {
        let reply = get(&platform, &token, &format!("/v1/leads?{query}")).await;
        assert_eq!((reply.status, reply.refusal()), (400, 606), "{query}");
    }
    for spelling in ["site_id]", "[site_id]", "site[id", "site.id", "site+id", "site_id[]", "SITE_ID"] {
        for route in ["sites", "locations/7101"] {
            let reply = get(&platform, &token, &format!("/v1/{route}?{spelling}=2102")).await;
            assert_eq!(reply.refusal(), 606, "{route}, which needs no site: {spelling}");
        }
        let name = spelling.replace('+', " ");
        for (media, body) in [
            ("application/x-www-form-urlencoded", format!("site_id=2101&{spelling}=2102")),
            ("application/json", format!("{{\"site_id\":2101,\"{name}\":2102}}")),
        ] {
            let call = Call::post("/v1/leads").bearer(&token).body(media, body);
            assert_eq!(platform.at_api(call).await.refusal(), 606, "{media}: {spelling}");
        }
    }
    assert_eq!(get(&platform, &token, "/v1/leads?site_id=2101&lead[site_id]=9").await.status, 200, "a field inside");
    assert_eq!(get(&platform, &token, "/v1/leads?site_id=02101").await.refusal(), 607, "compared as text");
    assert_eq!(get(&platform, &token, "/v1/leads?site_id=").await.refusal(), 605, "empty is absent");
    assert_eq!(get(&platform, &token, "/v1/leads?site%5Fid=21%301").await.status, 200, "decoded once");
    let post = |query: &'static str, body: &'static str| {
        platform.at_api(Call::post(&format!("/v1/leads{query}")).bearer(&token).body("application/json", body))
    };
    assert_eq!(post("?site_id=2101", r#"{"site_id":2102}"#).await.refusal(), 606);
    assert_eq!(post("", r#"{"site_id":2101,"site_id":2102}"#).await.refusal(), 606);
    assert_eq!(post("", r#"{"site_id":2201}"#).await.refusal(), 607);
    assert_eq!(post("", r#"{"first_name":"x"}"#).await.refusal(), 605);
    assert_eq!(post("?site_id=2102", r#"{"site_id":"2102"}"#).await.status, 201);
    assert_eq!(post("", r#"{"site_id":2102}"#).await.status, 201);
    let text = Call::post("/v1/leads?site_id=2101").bearer(&token).body("text/plain", "site_id=2102");
    assert_eq!(platform.at_api(text).await.status, 415, "who stands behind us might read it otherwise");
}

#[tokio::test]
async fn ms_06_what_is_written_stays_with_its_tenant() {
    let platform = platform().await;
    let olivia = EVERYTHING.connect(&platform, OLIVIA).await.access;
    let priya = EVERYTHING.connect(&platform, PRIYA).await.access;
    let write = |method: &'static str, path: String, token: &str, body: &'static str| {
        platform.at_api(Call::new(method, &path).bearer(token).body("application/json", body))
    };
    let smuggled = r#"{"first_name":"Zoe","id":1,"customer_id":4200,"site_id":2102}"#;
    let made = write("POST", "/v1/leads".to_owned(), &olivia, smuggled).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_i64().expect("an id of its own");
    assert!(id > 9_999 || id == 9_202, "{id}");
    assert_eq!((&made.json()["site_id"], &made.json()["customer_id"]), (&Value::from(2102), &Value::Null));
    assert_eq!(all(&get(&platform, &olivia, "/v1/leads?site_id=2102").await, "id"), [9103, id]);
    assert_eq!(all(&get(&platform, &olivia, "/v1/leads?site_id=2101").await, "id"), [9101, 9102]);
    assert_eq!(all(&get(&platform, &priya, "/v1/leads").await, "id"), [9201]);
    for (path, token) in [(format!("/v1/leads/{id}"), &priya), (format!("/v1/leads/{id}?site_id=2101"), &olivia)] {
        assert_eq!(get(&platform, token, &path).await.status, 404, "{path}");
        assert_eq!(write("PUT", path.clone(), token, r#"{"first_name":"taken"}"#).await.status, 404, "{path}");
    }
    let own = format!("/v1/leads/{id}?site_id=2102");
    let changed = write("PUT", own.clone(), &olivia, r#"{"last_name":"Zest","id":5,"site_id":2102}"#).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let now = get(&platform, &olivia, &own).await.json();
    assert_eq!((&now["id"], &now["first_name"], &now["last_name"]), (&id.into(), &"Zoe".into(), &"Zest".into()));
}

#[tokio::test]
async fn the_sample_pages_by_fifty_and_refuses_odd_pages() {
    let platform = platform().await;
    let token = ACME.connect(&platform, PRIYA).await.access;
    for n in 0..104 {
        let body = format!("{{\"n\":{n}}}");
        let reply = platform.at_api(Call::post("/v1/leads").bearer(&token).body("application/json", body)).await;
        assert_eq!(reply.status, 201);
    }
    let page = |n: &'static str| get(&platform, &token, n);
    let first = page("/v1/leads").await;
    assert_eq!((all(&first, "id").len(), &first.json()["total_pages"]), (50, &Value::from(3)));
    assert_eq!(all(&page("/v1/leads?page=3").await, "id").len(), 5);
    assert_eq!(all(&page("/v1/leads?page=4").await, "id"), Vec::<i64>::new());
    let (one, two) = (all(&page("/v1/leads?page=1").await, "id"), all(&page("/v1/leads?page=2").await, "id"));
    assert!(one.iter().all(|id| !two.contains(id)));
    for odd in ["0", "-1", "+1", "x", "1.0", "99999999999999999999", "1&page=2"] {
        let reply = get(&platform, &token, &format!("/v1/leads?page={odd}")).await;
        assert_eq!(reply.status, 400, "{odd}");
    }
}

#[tokio::test]
async fn the_sample_keeps_to_its_bounds() {
    let platform = platform().await;
    let token = ACME.connect(&platform, PRIYA).await.access;
    let post =
        |media: &'static str, body: String| platform.at_api(Call::post("/v1/leads").bearer(&token).body(media, body));
    assert_eq!(post("application/json", format!("{{\"a\":\"{}\"}}", "x".repeat(17_000))).await.status, 413);
    assert_eq!(post("application/json", "[1]".to_owned()).await.status, 400);
    let form = post("application/x-www-form-urlencoded", "first_name=Fay&site_id=2201".to_owned()).await;
    assert_eq!((form.status, form.member("first_name").as_str()), (201, "Fay"));
}
