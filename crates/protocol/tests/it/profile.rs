//! The profile language: what ships is right, every mistake is reported with its place, no text makes the reader panic,
//! and the manual says what the code does. What a setting does once read is tested with its flow.

use causeway_protocol::Scopes;
use causeway_protocol::document::{self, MAX_BYTES, Problem};
use causeway_protocol::profile::{self, Profile, ReplyField, Rotation, SiteIdForm, SitePlace};
use causeway_protocol::records::Role;
use causeway_protocol::time::Seconds;

mod manual;
mod mistakes;
mod more_mistakes;
mod rare_mistakes;
mod warnings;

/// The smallest profile, as docs/PROFILES.md prints it.
const SMALL: &str = r#"version = 1
name = "My Platform"

[policy]
account_proof = "sign_in"

[[scopes]]
name = "items:read"
sentence = "see your items"
group = "see"

[[api.routes]]
path = "/items"
scopes = ["items:read"]

[partner]
login_base = "https://login.example.com"
api_base = "https://api.example.com"
"#;

fn tripleseat_text() -> &'static str {
    profile::SHIPPED.iter().find(|(key, _)| *key == "tripleseat").expect("it ships").1
}

fn good(text: &str) -> Profile {
    profile::parse("sample", text).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn problems(text: &str) -> Vec<Problem> {
    profile::parse("sample", text).err().unwrap_or_default()
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_shipped_profile_is_right() {
    for (key, text) in profile::SHIPPED {
        let read = profile::parse(key, text).unwrap_or_else(|problems| panic!("{key}: {}", lines(&problems)));
        assert_eq!(read.key, *key);
        assert_eq!(Some(&read), profile::shipped(key).as_ref());
        // CONTRACTS, "Seeds and the description".
        assert_eq!(read.token.reuse_grace, Seconds(0), "{key}");
        assert!(!read.authorize.pkce_required, "{key}");
    }
    assert_eq!(profile::shipped("nobody"), None);
}

#[test]
fn tripleseat_is_what_its_documents_say() {
    let read = good(tripleseat_text());
    assert_eq!(
        (read.endpoints.authorize.as_str(), read.endpoints.token.as_str()),
        ("/oauth2/authorize", "/oauth2/token")
    );
    // TS-05: these six, in the document's order.
    use ReplyField::*;
    assert_eq!(read.token.reply, [AccessToken, TokenType, ExpiresIn, RefreshToken, Scope, CreatedAt]);
    assert_eq!(read.token.refresh_reply, read.token.reply);
    assert_eq!((read.token.access_life, read.token.code_life), (Seconds(7_200), Seconds(600)));
    assert_eq!(read.token.rotation, Rotation::Always);
    // TOKENS 4, "Ends".
    assert_eq!(read.token.refresh_life.idle, Seconds(365 * 86_400));
    assert_eq!(read.token.refresh_life.absolute, Seconds(3_650 * 86_400));
    // TS-02.
    assert_eq!(read.policy.approvers, [Role::CustomerAdmin]);
    // A1, A2, A15.
    assert_eq!(read.api.prefixes, ["/v1", "/api/v1"]);
    assert_eq!(read.includes("read"), ["*:read"]);
    assert_eq!(read.includes("write"), ["*:write"]);
    let route = |path: &str| read.api.routes.iter().find(|route| route.path == path).expect("a route");
    assert_eq!((route("/sites").site, route("/locations").site), (SitePlace::None, SitePlace::None));
    assert_eq!(
        (route("/leads").site, route("/leads").scopes.as_slice()),
        (SitePlace::Query, &["leads:read".to_owned()][..])
    );
    assert_eq!(read.api.site_id_form, SiteIdForm::Digits);
}

#[test]
fn cal_is_what_its_document_says_and_cal_v2_what_it_is_today() {
    use ReplyField::*;
    let read = profile::shipped("cal").expect("shipped");
    assert_eq!(
        (read.token.reply.as_slice(), read.token.refresh_reply.as_slice()),
        (&[AccessToken, RefreshToken][..], &[AccessToken][..])
    );
    assert_eq!((read.token.rotation, read.token.refresh_in_header), (Rotation::Never, true));
    assert_eq!((read.token.access_life, read.token.code_life), (Seconds(1_800), Seconds(600)));
    // CAL-06: two paths.
    assert_ne!(read.endpoints.refresh.as_deref(), Some(read.endpoints.token.as_str()));
    assert!(read.authorize.response_type_optional);
    let today = profile::shipped("cal-v2").expect("shipped");
    assert_eq!((today.token.rotation, today.token.token_type.as_str()), (Rotation::Always, "bearer"));
    assert_eq!(read.token.token_type, "Bearer");
    // A21: one vocabulary, either spelling.
    let registry = |profile: &Profile| Scopes::new(profile.scopes.iter().map(|word| word.name.clone()).collect());
    for (profile, canonical) in [(&read, "READ_BOOKING READ_PROFILE"), (&today, "BOOKING_READ PROFILE_READ")] {
        let known = registry(profile);
        for text in ["READ_BOOKING,READ_PROFILE", "BOOKING_READ PROFILE_READ", "READ_PROFILE, BOOKING_READ"] {
            let set = profile.read_scope(text, &known).expect("known words");
            assert_eq!(known.text(set), canonical, "{text}");
        }
        assert_eq!(profile.read_scope("BOOKINGS_READ", &known), Err("BOOKINGS_READ".to_owned()));
    }
    // "An ORG scope implies the TEAM twin."
    assert_eq!(today.includes("ORG_BOOKING_READ"), ["TEAM_BOOKING_READ"]);
    assert_eq!(today.scopes.len(), 28);
}

#[test]
fn a_small_profile_is_enough_and_the_manual_prints_it() {
    assert_eq!(profile::reference::smallest(), SMALL);
    assert!(manual::PAGE.contains(&format!("```toml\n{SMALL}```")));
    let read = good(SMALL);
    assert_eq!(read.brand.monogram, "M");
    assert_eq!(read.api.routes[0].site, SitePlace::None);
}

#[test]
fn site_ids_have_a_form() {
    let cases =
        [("7", true, true), ("007", true, true), ("x-7.a_b~c", false, true), ("", false, false), ("7 ", false, false)];
    for (id, digits, text) in cases {
        assert_eq!((SiteIdForm::Digits.accepts(id), SiteIdForm::Text.accepts(id)), (digits, text), "{id:?}");
    }
    assert!(!SiteIdForm::Digits.accepts(&"9".repeat(19)) && !SiteIdForm::Text.accepts(&"a".repeat(65)));
    assert!(!SiteIdForm::Digits.accepts("٣") && !SiteIdForm::Text.accepts("é"));
}

#[test]
fn several_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let text = SMALL
        .replace("version = 1", "version = 2")
        .replace("account_proof = \"sign_in\"", "approvers = []\ncuters = []")
        .replace("group = \"see\"", "group = \"look\"\nrisky = \"yes\"")
        .replace("https://api.example.com", "api.example.com");
    let expected = "\
line 1, column 11: `version` is 2; this program reads version 1
line 4, column 1: `policy.account_proof` is missing
line 5, column 13: `policy.approvers` is empty: nobody could connect an app
line 6, column 1: unknown key `cuters` in [policy]: did you mean `cutters`?
line 11, column 9: `scopes.group` is \"look\"; it must be one of \"see\", \"change\", \"stay\"
line 12, column 9: `scopes.risky` must be true or false, not a string
line 20, column 12: `partner.api_base` must be an address such as \"https://api.example.com\", without / at its end";
    assert_eq!(lines(&problems(&text)), expected);
}

#[test]
fn syntax_errors_come_with_the_other_problems_and_hide_what_may_only_be_unreadable() {
    let text =
        SMALL.replace("name = \"My Platform\"", "name = \"My Platform").replace("group = \"see\"", "group = \"look\"");
    let found = problems(&text);
    assert_eq!(found.len(), 2, "{}", lines(&found));
    assert_eq!(found[0].line, 2);
    assert!(found[0].message.starts_with("not TOML: "), "{}", found[0]);
    assert_eq!(
        found[1].to_string(),
        "line 10, column 9: `scopes.group` is \"look\"; it must be one of \"see\", \"change\", \"stay\""
    );
}

#[test]
fn a_column_is_a_character_and_a_line_may_end_with_crlf() {
    let text = SMALL
        .replace('\n', "\r\n")
        .replace("\"see your items\"", "\"see\"\r\ngroups = \"é\"")
        .replace("name = \"My", "nämé = 1\r\nname = \"My");
    let found = lines(&problems(&text));
    assert!(found.starts_with("line 2, column 2: not TOML: "), "{found}");
    assert!(found.contains("line 11, column 1: unknown key `groups` in [scopes]: did you mean `group`?"), "{found}");
    let after = SMALL.replace(
        "[policy]\naccount_proof = \"sign_in\"",
        "policy = { \"account_proof\" = \"sign_in\", \"ünö\" = 1, subject = 2 }",
    );
    let expected = "line 4, column 41: unknown key `ünö` in [policy]\n\
        line 4, column 62: `policy.subject` must be a text in quotes, not an integer";
    assert_eq!(lines(&problems(&after)), expected);
}

#[test]
fn files_that_are_too_large_or_not_utf8_are_refused_unread() {
    let large = "#".repeat(MAX_BYTES + 1);
    let refused =
        Problem { line: 1, column: 1, message: "the file has 1048577 bytes; at most 1048576 are read".to_owned() };
    assert_eq!(problems(&large), std::slice::from_ref(&refused));
    assert_eq!(document::decode(large.as_bytes()), Err(refused));
    let torn = document::decode(b"version = 1\nname = \"\xff\"\n").expect_err("not UTF-8");
    assert_eq!(torn.to_string(), "line 2, column 9: the file is not UTF-8 from here on");
    assert_eq!(document::decode(SMALL.as_bytes()), Ok(SMALL));
}

#[test]
fn a_flood_of_problems_is_cut_and_counted() {
    let many: String = (0..1_000).map(|n| format!("k{n} = 1\n")).collect();
    let found = problems(&format!("{SMALL}{many}"));
    assert_eq!(found.len(), 201);
    assert_eq!(found[200].message, "and 800 more problems from here on");
}

#[test]
fn the_key_must_be_a_plain_word() {
    for key in ["", "Tripleseat", "my platform", "../x", &"a".repeat(33)] {
        let found = profile::parse(key, SMALL).expect_err("not a key");
        assert!(found[0].message.starts_with("the file's name is the platform's key"), "{key}");
    }
}

#[test]
fn no_mutation_of_a_profile_makes_the_reader_panic() {
    let mut random = SplitMix(0x0c0f_fee5_eed5);
    for (_, text) in profile::SHIPPED {
        for _ in 0..1_000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=random.below(3) {
                mutate(&mut bytes, &mut random);
            }
            match document::decode(&bytes) {
                Err(problem) => assert!(problem.line >= 1 && problem.column >= 1),
                Ok(mutant) => check_places(mutant),
            }
        }
    }
}

/// Every problem stands at a place that the text has, in the text's order.
fn check_places(text: &str) {
    let found = problems(text);
    assert!(found.is_sorted_by_key(|problem| (problem.line, problem.column)));
    let rows: Vec<&str> = text.split('\n').collect();
    for problem in &found {
        let row = rows.get(problem.line - 1).unwrap_or_else(|| panic!("{problem}"));
        assert!(problem.column >= 1 && problem.column <= row.chars().count() + 1, "{problem}");
        assert!(!problem.message.is_empty());
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut SplitMix) {
    let at = random.below(bytes.len().max(1));
    match random.below(6) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = b"[]{}=\"'.,#\n\\"[random.below(12)],
        2 => bytes.truncate(at),
        kind => {
            let mut rows: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let (from, to) = (random.below(rows.len()), random.below(rows.len()));
            match kind {
                3 => drop(rows.remove(from)),
                4 => rows.insert(to, rows[from].clone()),
                _ => rows.swap(from, to),
            }
            *bytes = rows.join(&b'\n');
        }
    }
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators".
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
