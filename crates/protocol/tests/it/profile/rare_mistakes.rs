//! Mistakes and contradictions in what few platforms have: accounts that apps register, and OAuth 1.0 on its way out.

use super::mistakes::{Mistake, each};
use super::{SMALL, lines, problems};

/// The small profile with accounts that apps register.
pub(super) fn with_accounts() -> String {
    SMALL.replacen("\"sign_in\"", "\"none\"", 1)
        + "\n[authorize]\naccount_parameter = [\"account_id\"]\n\n[api_keys]\nheader = \"x-api-key\"\n\n[accounts]\n"
}

/// The small profile with OAuth 1.0 on its way out.
fn with_oauth1() -> String {
    format!(
        "{SMALL}\n[oauth1]\nscopes = [\"items:read\"]\ndeprecated_at = 2026-01-01T00:00:00Z\nends_at = 2026-07-01T00:00:00Z\n\
         exchange = true\nexchange_ends_at = 2027-01-01T00:00:00Z\n"
    )
}

const ACCOUNTS: &[Mistake] = &[
    (
        "[accounts]",
        "[accounts]\nsign_in_life = \"2h\"",
        "\"2h\"",
        "`accounts.sign_in_life` must be from 10 seconds to 1 hour",
    ),
    (
        "[accounts]",
        "[accounts]\nedit = \"/accounts/register\"",
        "\"/acc",
        "`accounts.edit` is the same path as `accounts.register`",
    ),
    (
        "[accounts]",
        "[accounts]\nmini_app = \"/oauth/authorize\"",
        "\"/oauth",
        "`accounts.mini_app` is the same path as `endpoints.authorize`",
    ),
    (
        "[accounts]",
        "[accounts]\nregister = \"/admin/accounts\"",
        "\"/admin",
        "`accounts.register` is an address that Causeway needs for itself",
    ),
    (
        "header = \"x-api-key\"",
        "query = \"key\"",
        "[accounts]",
        "`accounts` needs `api_keys.header`: an app registers accounts with its key",
    ),
    (
        "[\"account_id\"]",
        "[\"state\"]",
        "\"state\"",
        "`authorize.account_parameter` must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no parameter of OAuth itself",
    ),
    (
        "[\"account_id\"]",
        "[\"account_id\", \"account_id\"]",
        "\"account_id\"]",
        "`authorize.account_parameter` names \"account_id\" twice",
    ),
    (
        "account_parameter = [\"account_id\"]",
        "iss = true",
        "\"none\"",
        "`policy.account_proof` lets people connect without signing in: then `authorize.account_parameter` must name the \
         account",
    ),
    (
        "[accounts]",
        "",
        "\"none\"",
        "`policy.account_proof` lets people connect without signing in: then `[accounts]` must say how apps register \
         accounts",
    ),
    (
        "account_proof",
        "subject = \"user\"\naccount_proof",
        "\"user\"",
        "`policy.subject` is \"user\", but with this `policy.account_proof` nobody signs in",
    ),
    (
        "account_proof",
        "teams = true\naccount_proof",
        "true",
        "`policy.teams` lets a person choose, but with this `policy.account_proof` nobody signs in",
    ),
    (
        "[accounts]",
        "[accounts]\n[registration]\nproviders = [\"default\", \"My Platform\"]",
        "\"My P",
        "`registration.providers` must hold keys of profiles: 1 to 32 of a-z, 0-9, _ and -",
    ),
    (
        "[accounts]",
        "[accounts]\n[registration]\nproviders = [\"default\", \"default\"]",
        "\"default\"]",
        "`registration.providers` names \"default\" twice",
    ),
    (
        "[partner]",
        "[partner]\nauthorize_extra = [{ name = \"account_id\", value = \"x\" }]",
        "\"account_id\"",
        "`partner.authorize_extra.name` must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no parameter that is sent anyway",
    ),
];

const OAUTH1: &[Mistake] = &[
    (
        "scopes = [\"items:read\"]\ndep",
        "dep",
        "[oauth1]",
        "`oauth1.scopes` is missing or empty: a signed call could do nothing",
    ),
    (
        "[oauth1]\nscopes = [\"items:read\"]",
        "[oauth1]\nscopes = [\"*:read\"]",
        "\"*:read\"",
        "`oauth1.scopes` names \"*:read\", which is no scope of this profile",
    ),
    ("[oauth1]", "[oauth1]\nmethods = []", "[]", "`oauth1.methods` is empty: no call could be signed"),
    (
        "[oauth1]",
        "[oauth1]\nmethods = [\"PLAINTEXT\"]",
        "\"PLAIN",
        "`oauth1.methods` is \"PLAINTEXT\"; it must be one of \"HMAC-SHA1\", \"HMAC-SHA256\"",
    ),
    ("[oauth1]", "[oauth1]\nwindow = \"0s\"", "\"0s\"", "`oauth1.window` must be from 1 second to 1 day"),
    (
        "deprecated_at = 2026-01-01T00:00:00Z",
        "deprecated_at = 2026-08-01T00:00:00Z",
        "2026-08",
        "`oauth1.deprecated_at` is later than `oauth1.ends_at`",
    ),
    (
        "deprecated_at = 2026-01-01T00:00:00Z",
        "deprecated_at = 2026-01-01",
        "2026-01",
        "`oauth1.deprecated_at` must be a date and time with its offset and without quotes, such as \
         2026-07-01T00:00:00Z, not a datetime",
    ),
    (
        "exchange_ends_at = 2027-01-01T00:00:00Z",
        "exchange_ends_at = 2025-01-01T00:00:00Z",
        "2025",
        "`oauth1.exchange_ends_at` is not later than `oauth1.deprecated_at`: it would be over before anybody was told",
    ),
    (
        "exchange = true",
        "exchange = false",
        "2027",
        "`oauth1.exchange_ends_at` means nothing while `oauth1.exchange` is false",
    ),
    (
        "[oauth1]",
        "[oauth1]\nguide = \"read the manual\"",
        "\"read",
        "`oauth1.guide` must be an https:// or http:// address, or mailto:",
    ),
    (
        "[oauth1]",
        "[oauth1]\nauthorize = \"/oauth/authorize\"",
        "\"/oauth",
        "`oauth1.authorize` is the same path as `endpoints.authorize`",
    ),
    (
        "[oauth1]",
        "[oauth1]\naccess_token = \"/oauth/request_token\"",
        "\"/oauth",
        "`oauth1.access_token` is the same path as `oauth1.request_token`",
    ),
    (
        "[oauth1]",
        "[oauth1]\nbrown_outs = [{ from = 2026-07-01T00:00:00Z, lasts = \"1h\" }]",
        "2026-07",
        "`oauth1.brown_outs.from` is not earlier than `oauth1.ends_at`",
    ),
    (
        "[oauth1]",
        "[oauth1]\nbrown_outs = [{ from = 2025-07-01T00:00:00Z, lasts = \"1h\" }]",
        "2025-07",
        "`oauth1.brown_outs.from` is earlier than `oauth1.deprecated_at`: nobody was told yet",
    ),
    (
        "[oauth1]",
        "[oauth1]\nbrown_outs = [{ from = 2026-06-01T00:00:00Z, lasts = \"2h\" }, { from = 2026-06-01T01:00:00Z, lasts = \
         \"1h\" }]",
        "2026-06-01T01",
        "`oauth1.brown_outs.from` begins while another one lasts, or lasts until another begins",
    ),
    (
        "ends_at = 2026-07-01T00:00:00Z",
        "brown_outs = [{ from = 2026-06-01T00:00:00Z, lasts = \"1h\" }]",
        "2026-06",
        "`oauth1.brown_outs.from` rehearses an end, but `oauth1.ends_at` sets none",
    ),
];

#[test]
fn accounts_and_oauth1_are_checked_too() {
    each(&with_accounts(), ACCOUNTS);
    each(&with_oauth1(), OAUTH1);
}

#[test]
fn what_is_not_there_takes_no_path() {
    let text =
        SMALL.replacen("[policy]", "[endpoints]\ntoken = \"/oauth/authorize1\"\napps = \"/integrations\"\n[policy]", 1);
    assert_eq!(problems(&text), []);
}

#[test]
fn contradictions_between_tables_come_all_at_once_and_in_the_order_of_the_file() {
    let text = with_accounts()
        .replacen("account_proof", "teams = true\nsubject = \"user\"\naccount_proof", 1)
        .replacen("header = \"x-api-key\"", "query = \"apiKey\"\nbearer_prefix = \"cw_at_\"", 1)
        + "edit = \"/oauth/token\"\n[registration]\nregistrars = [\"member\"]\nproviders = [\"X\"]\n[oauth1]\nexchange_ends_at \
           = 2027-01-01T00:00:00Z\n";
    let expected = "\
line 5, column 9: `policy.teams` lets a person choose, but with this `policy.account_proof` nobody signs in
line 5, column 9: `policy.teams` needs `policy.subject = \"customer\"`: else all teams of a person share one connection
line 6, column 11: `policy.subject` is \"user\", but with this `policy.account_proof` nobody signs in
line 27, column 17: `api_keys.bearer_prefix` and `token.prefixes.access` begin alike: nobody could tell the two apart
line 29, column 1: `accounts` needs `api_keys.header`: an app registers accounts with its key
line 30, column 8: `accounts.edit` is the same path as `endpoints.token`
line 32, column 14: `registration.registrars` means nothing while `registration.mode` is \"staff\"
line 33, column 14: `registration.providers` must hold keys of profiles: 1 to 32 of a-z, 0-9, _ and -
line 34, column 1: `oauth1.scopes` is missing or empty: a signed call could do nothing
line 35, column 20: `oauth1.exchange_ends_at` means nothing while `oauth1.exchange` is false";
    assert_eq!(lines(&problems(&text)), expected);
}
