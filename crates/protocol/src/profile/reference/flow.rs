//! Reference: the authorization request, the token endpoint, the policy and the scopes.

use super::{Section, WITH_ACCOUNTS, key};

pub(super) const AUTHORIZE: Section = Section {
    name: "authorize",
    needs: WITH_ACCOUNTS,
    more: "",
    keys: &[
        key(
            "authorize.response_type_optional",
            "",
            "`true`: a request without `response_type` means `code`. RFC 6749 requires it; some documents do not list it.",
            "true",
        ),
        key(
            "authorize.redirect_uri_required",
            "",
            "`true`: `redirect_uri` must be sent even by an app that registered only one (RFC 6749 3.1.2.3 lets it be left \
             out then).",
            "true",
        ),
        key(
            "authorize.scope_required",
            "",
            "`false`: a request without `scope` asks for all that the app was approved for.",
            "true",
        ),
        key(
            "authorize.required_scopes",
            "[]",
            "Words without which a request is refused, where a document fixes some. Exact words of `[[scopes]]`.",
            r#"["items:read"]"#,
        ),
        key(
            "authorize.account_parameter",
            "[]",
            "Names of the parameter that says which account is connected; the first is the one in print, the others are \
             tolerated. Needs `[accounts]`, and `policy.account_proof` other than `\"sign_in\"`.",
            r#"["account_id"]"#,
        ),
        key(
            "authorize.scope_separators",
            r#"[" "]"#,
            "Characters between scope words. RFC 6749 has the space. No scope or alias may hold one.",
            r#"[" ", ","]"#,
        ),
        key("authorize.state_required", "", "`true`: a request without `state` is refused.", "true"),
        key(
            "authorize.state_min_length",
            "8 with `state_required`",
            "Shortest `state`, so that it cannot be guessed. Means nothing while `state` is optional, and is refused then.",
            "22",
        ),
        key(
            "authorize.iss",
            "",
            "`iss` accompanies every redirect, so that an app with several platforms knows who answers (RFC 9207).",
            "false",
        ),
        key(
            "authorize.pkce_required",
            "",
            "`true`: confidential apps must use PKCE as well. Public apps always must.",
            "true",
        ),
        key(
            "authorize.remember_consent",
            "",
            "Whether an app with unchanged scopes is asked about again. Only `false` so far: `true` is refused rather than \
             ignored.",
            "false",
        ),
    ],
};

pub(super) const TOKEN: Section = Section {
    name: "token",
    needs: &[],
    more: "",
    keys: &[
        key("token.code_life", "", "Life of a code (RFC 6749 4.1.2). Programs redeem in a second.", r#""10min""#),
        key("token.access_life", "", "Life of an access token. RFC 6750 5.3 recommends an hour or less.", r#""2h""#),
        key(
            "token.refresh_idle",
            "",
            "A refresh token that is unused for so long is over. No longer than `token.refresh_absolute`.",
            r#""30d""#,
        ),
        key(
            "token.refresh_absolute",
            "",
            "However much it is used, a connection is allowed anew after this. Always set, so that nothing lives for ever.",
            r#""3650d""#,
        ),
        key(
            "token.rotation",
            "",
            "`\"always\"`: each refresh replaces the refresh token. `\"never\"`: it stays; public apps rotate anyway (RFC 9700 \
             4.14.2).",
            r#""always""#,
        ),
        key(
            "token.reuse_grace",
            "",
            "Within it, the immediate predecessor gets the same successor again; confidential apps only. For clients that \
             lose replies and send no `Idempotency-Key`.",
            r#""20s""#,
        ),
        key(
            "token.race_window",
            "",
            "Two workers of a confidential app that refresh at once lose one request, not the connection.",
            r#""5s""#,
        ),
        key(
            "token.max_families",
            "",
            "So many refresh tokens live in one connection; one more ends the longest unused.",
            "1",
        ),
        key(
            "token.reply",
            r#"["access_token", "token_type", "expires_in", "refresh_token", "scope"]"#,
            "Fields of a reply to a code, in order. `access_token` must be there.",
            r#"["access_token", "token_type", "expires_in", "refresh_token", "scope", "created_at"]"#,
        ),
        key(
            "token.refresh_reply",
            "as `token.reply`",
            "Fields of a reply to a refresh. With rotation, `refresh_token` must be there.",
            r#"["access_token", "token_type", "expires_in", "refresh_token"]"#,
        ),
        key(
            "token.token_type",
            "",
            "How replies spell the type. Clients must not mind the case (RFC 6749 5.1); some do.",
            r#""bearer""#,
        ),
        key(
            "token.client_credentials",
            "",
            "`true`: a confidential, approved app that belongs to a customer gets a token of its own for that customer, without a \
             person and without a refresh token (RFC 6749 4.4). Not where `registration.mode` is `\"self_service\"` for roles \
             that may not allow apps: they would reach by an app of theirs what they may not allow.",
            "true",
        ),
        key(
            "token.refresh_in_header",
            "",
            "`true`: a refresh may carry its token in `Authorization: Bearer` instead of the body; the body wins.",
            "true",
        ),
        key(
            "token.errors",
            "",
            "Shape of the token endpoint's errors: `error` with `error_description` (RFC 6749 5.2), or `{\"message\"}` with \
             400, 401 or 405.",
            r#""message""#,
        ),
        key(
            "token.prefixes.access",
            "",
            "How access tokens begin, for people and secret scanners: at most 16 of `A-Z a-z 0-9 _ -`.",
            r#""acme_at_""#,
        ),
        key(
            "token.prefixes.refresh",
            "",
            "How refresh tokens begin. No prefix may begin with another.",
            r#""acme_rt_""#,
        ),
        key("token.prefixes.code", "", "How codes begin.", r#""acme_ac_""#),
        key("token.prefixes.secret", "", "How client secrets begin that we generate.", r#""acme_sk_""#),
    ],
};

pub(super) const POLICY: Section = Section {
    name: "policy",
    needs: &[("policy.teams", "true")],
    more: "",
    keys: &[
        key(
            "policy.approvers",
            r#"["customer_admin"]"#,
            "Roles that may connect an app. Where nobody signs in, whoever presses the button counts as one.",
            r#"["customer_admin", "member"]"#,
        ),
        key(
            "policy.teams",
            "",
            "`true`: a person chooses on the consent page between the own account and teams that they help to run. A team is a \
             customer.",
            "true",
        ),
        key(
            "policy.team_approvers",
            r#"["customer_admin"]"#,
            "Roles *in a team* that may connect an app for it. Means nothing without `policy.teams`.",
            r#"["customer_admin"]"#,
        ),
        key(
            "policy.cutters",
            r#"["customer_admin"]"#,
            "Roles that may open the connected apps and cut one.",
            r#"["customer_admin", "member"]"#,
        ),
        key(
            "policy.subject",
            "",
            "What a connection belongs to: the customer (one for each app and customer, team or account), or the person who \
             allowed it.",
            r#""customer""#,
        ),
        key(
            "policy.account_proof",
            "",
            "How a person proves whose account it is: they sign in; they bring a sign-in token that the app fetched \
             (`[accounts]`); or not at all: whoever holds the link connects that account. No default, as only you know.",
            r#""sign_in""#,
        ),
        key(
            "policy.on_authorizer_demoted",
            "",
            "What happens to connections when the person who allowed them loses the role. Kept, as the connection is the \
             customer's. Nothing changes a role in service yet, so the other two wait for what does.",
            r#""suspend""#,
        ),
        key(
            "policy.on_authorizer_deactivated",
            "",
            "The same when that person is switched off: refused while it lasts, nothing lost; or cut. Their tokens are refused \
             either way.",
            r#""revoke""#,
        ),
    ],
};

pub(super) const SCOPES: Section = Section {
    name: "scopes",
    needs: &[],
    more: "\n[[scopes]]\nname = \"notes:read\"\nsentence = \"see your notes\"\ngroup = \"see\"\n",
    keys: &[
        key("scopes", "", "`[[scopes]]`, one for each word.", ""),
        key(
            "scopes.name",
            "",
            "On the wire: RFC 6749 3.3's characters without `*`, at most 64. Never give a word a new meaning: tokens live.",
            r#""items:read""#,
        ),
        key(
            "scopes.sentence",
            "",
            "Completes \"It may …\" on the consent page, at most 200 characters.",
            r#""see your items""#,
        ),
        key("scopes.group", "", "Under which heading; `\"stay\"` (stays connected) is shown last.", r#""see""#),
        key("scopes.risky", "", "Marked on the consent page.", "true"),
        key(
            "scopes.includes",
            "[]",
            "Makes it an umbrella: exact words, or `*` and an ending. Each must match another word.",
            r#"["*:read"]"#,
        ),
        key(
            "scopes.aliases",
            "[]",
            "Other spellings that a request may use, for documents that disagree; replies say `name`.",
            r#"["READ_ITEMS"]"#,
        ),
    ],
};
