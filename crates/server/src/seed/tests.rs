//! Seeds: the demo keeps the promises of the description, and every mistake is reported with its place.

use causeway_protocol::UnixTime;
use causeway_protocol::profile::{self, Profile};
use causeway_protocol::records::{AppStatus, ClientKind, Role};

use super::*;

fn tripleseat() -> Profile {
    profile::shipped("tripleseat").expect("it ships")
}

fn demo_seed() -> Seed {
    match demo("tripleseat").expect("the demo has it") {
        Ok(seed) => seed,
        Err(problems) => panic!("{}", lines(&problems)),
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_demo_seed_is_right() {
    for (key, _) in DEMOS {
        let seed = demo(key).expect("listed").map_err(|problems| lines(&problems));
        assert_eq!(seed.map(|seed| seed.apps.is_empty()), Ok(false), "{key}");
    }
}

#[test]
fn the_first_app_is_the_one_that_checks_rely_on() {
    let seed = demo_seed();
    let first = &seed.apps[0];
    assert_eq!((first.kind, first.private, first.status), (ClientKind::Confidential, false, AppStatus::Approved));
    assert_eq!(first.scopes, "read write leads:read leads:write events:read events:write");
    assert!(first.client_secret.as_ref().is_some_and(|secret| secret.expose().len() >= 32));
    assert!(!first.redirect_uris.is_empty());
    let others: Vec<_> = seed.apps[1..].iter().map(|app| (app.kind, app.private, app.status)).collect();
    assert!(others.contains(&(ClientKind::Confidential, true, AppStatus::Approved)));
    assert!(others.contains(&(ClientKind::Public, false, AppStatus::Approved)));
    assert!(others.contains(&(ClientKind::Confidential, false, AppStatus::Pending)));
}

#[test]
fn the_customers_people_and_pairs_are_what_checks_rely_on() {
    let seed = demo_seed();
    let activity = |n: usize| seed.customers[n].sites.iter().map(|site| site.active).collect::<Vec<_>>();
    assert_eq!(activity(0), [true, true, false]);
    assert_eq!(activity(1), [true]);
    assert_eq!(activity(2), [true]);
    let of = |role: Role| seed.people.iter().find(|person| person.role == role).expect("one of each role");
    assert_eq!(of(Role::Member).customer, of(Role::CustomerAdmin).customer);
    assert_eq!(of(Role::CustomerAdmin).customer.as_ref(), Some(&seed.customers[0].id));
    assert!(of(Role::Staff).customer.is_none() && of(Role::Developer).customer.is_none());
    assert_eq!(seed.oauth1.len(), 2);
    for pair in &seed.oauth1 {
        let customer = seed.customers.iter().find(|customer| customer.id == pair.customer).expect("checked");
        assert!(customer.sites.iter().any(|site| site.active));
        assert!(pair.consumer_secret.expose().len() >= 32);
    }
    assert_eq!(seed.legacy.oauth1_ends, Some(UnixTime(2_098_483_200)));
}

#[test]
fn the_sample_api_has_something_to_show_at_every_site() {
    let seed = demo_seed();
    for site in seed.customers.iter().flat_map(|customer| &customer.sites) {
        for collection in ["leads", "events", "locations"] {
            let here = |record: &&SeedRecord| record.collection == collection && record.site.as_ref() == Some(&site.id);
            assert!(seed.records.iter().any(|record| here(&record)), "{collection} at {}", site.name);
        }
    }
    let ids: Vec<_> = seed.records.iter().map(|record| (&record.collection, record.fields.get("id"))).collect();
    for (n, id) in ids.iter().enumerate() {
        assert!(id.1.is_some() && !ids[..n].contains(id), "{id:?}");
    }
}

#[test]
fn ts_07_sites_are_records_without_being_written_twice() {
    let seed = demo_seed();
    let sites: Vec<_> = seed.records.iter().filter(|record| record.collection == SITES).collect();
    assert_eq!(sites.len(), 5);
    assert_eq!(sites[0].fields["id"], 2101);
    assert_eq!(sites[0].fields["customer_id"], 4100);
    assert_eq!(sites[0].fields["name"], "Harbor & Vine Waterfront");
    assert_eq!(sites[2].fields["active"], false);
    assert_eq!(sites[0].fields["currency_code"], "USD");
}

#[test]
fn serialized_it_is_the_description_s_part() {
    let json = serde_json::to_value(demo_seed()).expect("plain data");
    let app = &json["apps"][2];
    assert_eq!(app["client_secret"], serde_json::Value::Null);
    assert_eq!(
        (&app["kind"], &app["visibility"], &app["status"]),
        (&"public".into(), &"public".into(), &"approved".into())
    );
    assert_eq!(json["apps"][1]["visibility"], "private");
    assert_eq!(json["people"][1]["role"], "customer_admin");
    assert_eq!(json["people"][1]["password"], "demo-olivia");
    assert_eq!(json["customers"][0]["sites"][0]["id"], "2101");
    assert_eq!(json["customers"][0]["sites"][2]["active"], false);
    assert!(json["oauth1"][0]["consumer_secret"].is_string() && json["oauth1"][0]["token"].is_string());
    assert_eq!(json["accounts"], serde_json::json!([]));
    assert_eq!(json["api_keys"], serde_json::json!([]));
    assert!(json.get("records").is_none() && json.get("legacy").is_none());
}

#[test]
fn c_09_secrets_do_not_print() {
    let printed = format!("{:?}", demo_seed());
    for secret in ["demo-secret", "demo-olivia", "demo-consumer-secret", "demo-token-secret"] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

/// A seed with nothing wrong, and one mistake at a time: what stands, what replaces it, where it is, what is said.
const GOOD: &str = r#"
[[customers]]
id = "1"
name = "One"
[[customers.sites]]
id = "11"
name = "Hall"

[[apps]]
name = "App"
client_id = "app"
client_secret = "0123456789abcdef0123456789abcdef"
status = "approved"
redirect_uris = ["https://app.example/cb"]
scopes = "read leads:read"

[[people]]
email = "a@one.example"
password = "short"
role = "member"
customer = "1"

[[oauth1]]
customer = "1"
consumer_key = "k"
consumer_secret = "s"

[[accounts]]
app = "app"
account_id = "7"

[[api_keys]]
customer = "1"
key = "kk"

[[records]]
collection = "leads"
site = "11"
fields = { id = 5, site_id = 11, at = 2026-07-01T00:00:00Z, list = [1.5, true] }
"#;

const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        "[[customers.sites]]",
        "[[customers.sites]]\nid = \"eleven\"\nname = \"X\"\n[[customers.sites]]",
        "\"eleven\"",
        "`customers.sites.id` must be 1 to 18 digits, as the profile's `api.site_id_form` says",
    ),
    ("name = \"One\"\n", "", "[[customers]]", "`customers.name` is missing"),
    (
        "name = \"One\"\n",
        "name = \"One\"\nnmae = \"One\"\n",
        "nmae",
        "unknown key `nmae` in [customers]: did you mean `name`?",
    ),
    (
        "status = \"approved\"",
        "status = \"aproved\"",
        "\"aproved\"",
        "`apps.status` is \"aproved\"; it must be one of \"approved\", \"pending\", \"rejected\": did you mean \
         \"approved\"?",
    ),
    (
        "client_secret = \"0123456789abcdef0123456789abcdef\"\n",
        "",
        "[[apps]]",
        "`apps.client_secret` is missing, but the app is confidential",
    ),
    (
        "status = ",
        "kind = \"public\"\nstatus = ",
        "\"0123",
        "`apps.client_secret` is set, but a public app cannot keep one",
    ),
    (
        "status = ",
        "visibility = \"private\"\nstatus = ",
        "[[apps]]",
        "`apps.customer` is missing, but a private app belongs to one",
    ),
    (
        "scopes = \"read leads:read\"",
        "scopes = \"read leads:raed\"",
        "\"read leads",
        "`apps.scopes` names \"leads:raed\", which is no scope of the profile tripleseat",
    ),
    (
        "https://app.example/cb",
        "/cb",
        "\"/cb\"",
        "`apps.redirect_uris` must hold absolute addresses without a fragment (RFC 6749 3.1.2)",
    ),
    (
        "https://app.example/cb",
        "https://app.example/cb#x",
        "\"https",
        "`apps.redirect_uris` must hold absolute addresses without a fragment (RFC 6749 3.1.2)",
    ),
    (
        "https://app.example/cb",
        "JavaScript:alert(1)",
        "\"JavaScript",
        "`apps.redirect_uris` must not hold an address that a browser would run or open as a file",
    ),
    (
        "[[people]]",
        "[[apps]]\nname = \"B\"\nclient_id = \"my app\"\nclient_secret = \"s\"\nstatus = \"pending\"\nscopes = \
         \"read\"\n[[people]]",
        "\"my app\"",
        "`apps.client_id` must be at most 200 visible ASCII characters (RFC 6749 A.1)",
    ),
    ("a@one.example", "one.example", "\"one.example\"", "`people.email` must be an e-mail address"),
    (
        "role = \"member\"\ncustomer = \"1\"",
        "role = \"member\"",
        "[[people]]",
        "`people.customer` is missing, but a member belongs to one",
    ),
    (
        "role = \"member\"",
        "role = \"admin\"",
        "\"admin\"",
        "`people.role` is \"admin\"; it must be one of \"customer_admin\", \"member\", \"developer\", \"staff\"",
    ),
    ("password = \"short\"", "password = 98765", "98765", "`people.password` must be a text in quotes, not an integer"),
    (
        "customer = \"1\"\nconsumer_key",
        "customer = \"2\"\nconsumer_key",
        "\"2\"",
        "`oauth1.customer` names \"2\", which is the id of no customer",
    ),
    ("customer = \"1\"\nconsumer_key", "consumer_key", "[[oauth1]]", "`oauth1.customer` is missing"),
    (
        "consumer_secret = \"s\"",
        "consumer_secret = \"s\"\ntoken = \"t\"",
        "\"t\"",
        "`oauth1.token` and `oauth1.token_secret` go together: one of them is missing",
    ),
    (
        "app = \"app\"",
        "app = \"other\"",
        "\"other\"",
        "`accounts.app` names \"other\", which is the client_id of no app",
    ),
    (
        "[[api_keys]]\n",
        "[[api_keys]]\napp = \"app\"\n",
        "\"kk\"",
        "`api_keys.key` must belong to a `customer` or to an `app`, and not to both",
    ),
    (
        "collection = \"leads\"",
        "collection = \"leeds\"",
        "\"leeds\"",
        "`records.collection` is shown by no route of the profile tripleseat",
    ),
    ("site = \"11\"", "site = \"12\"", "\"12\"", "`records.site` is the id of no site"),
    ("site = \"11\"\n", "", "[[records]]", "`records.site` is missing: say at which site, or of which `customer`"),
    ("site_id = 11", "site_id = 12", "{ id", "`records.fields` names the site 12, but `records.site` is \"11\""),
    ("fields = {", "fields = 5 #", "5 #", "`records.fields` must be a table, such as { name = \"Anna\" }"),
    ("list = [1.5, true]", "list = [nan]", "nan", "`records.fields` holds a number that JSON cannot carry"),
    (
        "[[oauth1]]",
        "[legacy]\noauth1_ends = \"soon\"\n[[oauth1]]",
        "\"soon\"",
        "`legacy.oauth1_ends` must be a date and time with its offset and without quotes, such as \
         2026-07-01T00:00:00Z, not a string",
    ),
    ("[[oauth1]]", "[[pets]]\n[[oauth1]]", "pets", "unknown key `pets`"),
];

#[test]
fn each_mistake_is_reported_with_its_place() {
    let profile = tripleseat();
    assert_eq!(parse(GOOD, Some(&profile), &[]).map(|seed| seed.records.len()), Ok(2));
    for (stands, instead, place, message) in MISTAKES {
        let text = GOOD.replacen(stands, instead, 1);
        assert_ne!(text, GOOD, "{stands}");
        let at = text.find(place).unwrap_or_else(|| panic!("{place}"));
        let line = text[..at].matches('\n').count() + 1;
        let column = at - text[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
        let expected = vec![Problem { line, column, message: (*message).to_owned() }];
        assert_eq!(parse(&text, Some(&profile), &[]), Err(expected), "{instead}");
    }
}

#[test]
fn a_redirect_uri_has_at_most_1024_characters() {
    let of = |length: usize| {
        let uri = format!("https://app.example/{}", "x".repeat(length - 20));
        parse(&GOOD.replacen("https://app.example/cb", &uri, 1), None, &[])
    };
    assert_eq!(of(1024).map(|seed| seed.apps[0].redirect_uris[0].len()), Ok(1024));
    let problems = of(1025).expect_err("one too many");
    assert_eq!(problems[0].message, "`apps.redirect_uris` must hold addresses of at most 1024 characters");
}

#[test]
fn what_stands_twice_is_reported_once_for_each() {
    let text = format!("{GOOD}{GOOD}");
    let problems = parse(&text, Some(&tripleseat()), &[]).expect_err("everything stands twice");
    let about: Vec<_> = problems.iter().map(|problem| problem.message.split('`').nth(1).unwrap_or("")).collect();
    let keys = ["customers.id", "customers.sites.id", "apps.client_id", "people.email", "oauth1.consumer_key"];
    assert_eq!(about, [&keys[..], &["accounts.account_id", "api_keys.key"]].concat());
    assert!(problems.iter().all(|problem| problem.line > GOOD.lines().count()));
}

#[test]
fn a_later_file_may_name_what_an_earlier_one_holds() {
    let earlier = parse(GOOD, None, &[]).expect("it is right");
    let later = "[[people]]\nemail = \"b@one.example\"\npassword = \"x\"\nrole = \"member\"\ncustomer = \"1\"\n";
    assert!(parse(later, None, &[]).is_err());
    let mut all = earlier.clone();
    all.extend(parse(later, None, &[earlier]).expect("the customer is known"));
    assert_eq!(all.people.len(), 2);
}

#[test]
fn no_cut_of_the_demo_makes_the_reader_panic() {
    let (key, text) = DEMOS[0];
    let profile = profile::shipped(key);
    let rows: Vec<&str> = text.lines().collect();
    for n in (0..rows.len()).step_by(7) {
        let without = [&rows[..n], &rows[n + 1..]].concat().join("\n");
        let doubled = [&rows[..=n], &rows[n..]].concat().join("\n");
        for text in [without, doubled, rows[..n].join("\n"), rows[n..].join("\n")] {
            let problems = parse(&text, profile.as_ref(), &[]).err().unwrap_or_default();
            assert!(problems.is_sorted_by_key(|problem| (problem.line, problem.column)), "{n}");
        }
    }
}

#[test]
fn the_manual_names_every_key_of_a_seed() {
    let manual = include_str!("../../../../docs/PROFILES.md");
    let (_, seeds) = manual.split_once("## Seeds").expect("the section");
    let known: std::collections::BTreeSet<String> =
        DEMOS.iter().flat_map(|(_, text)| facts(text).into_keys()).collect();
    for (table, key) in known.iter().filter_map(|path| path.rsplit_once('.')) {
        let rows = [format!("| `[[{table}]]` |"), format!("| `[{table}]` |")];
        let row = seeds.lines().find(|line| rows.iter().any(|row| line.starts_with(row)));
        // A list in a list has a row of its own.
        let listed = seeds.contains(&format!("| `[[{table}.{key}]]` |"));
        assert!(
            listed || row.is_some_and(|row| row.contains(&format!("`{key}`"))),
            "docs/PROFILES.md, Seeds: name `{key}` in the row of `{table}`"
        );
    }
    assert!(known.len() > 40, "{known:?}");
}
