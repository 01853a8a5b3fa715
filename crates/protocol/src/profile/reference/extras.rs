//! Reference: what only some platforms have. Registration of apps, OAuth 1.0, API keys, accounts, userinfo.

use super::{Section, WITH_ACCOUNTS, key};

pub(super) const REGISTRATION: Section = Section {
    name: "registration",
    needs: &[
        ("registration.mode", r#""self_service""#),
        ("policy.account_proof", r#""none""#),
        ("authorize.account_parameter", r#"["account_id"]"#),
        ("api_keys.header", r#""x-api-key""#),
        ("accounts.mini_app", r#""/integrations""#),
    ],
    more: "",
    keys: &[
        key(
            "registration.mode",
            "",
            "`\"staff\"`: only the platform's own people. `\"self_service\"`: `registrars`, and the app works at once. \
             `\"review\"`: it works for the registrar's own customer until staff approve it for all.",
            r#""review""#,
        ),
        key(
            "registration.registrars",
            r#"["customer_admin"]"#,
            "Roles that may register apps. Means nothing with `mode = \"staff\"`.",
            r#"["developer", "customer_admin"]"#,
        ),
        key("registration.redirect_uris", "", "How many redirect URIs an app may have.", "1"),
        key(
            "registration.private",
            "",
            "`true`: who registers an app may keep it for the own customer. Needs a mode in which customers register.",
            "true",
        ),
        key(
            "registration.scopes",
            "",
            "`false`: scopes are not chosen at registration; an app gets every word of `[[scopes]]`.",
            "false",
        ),
        key("registration.logo", "", "Whether a logo can be uploaded.", "false"),
        key(
            "registration.providers",
            "[]",
            "Keys of the profiles that an app may offer its users in the mini-app. Needs `[accounts]`.",
            r#"["default"]"#,
        ),
        key(
            "registration.client_id",
            "",
            "What new client ids look like: 64 hexadecimal digits, or a UUID.",
            r#""uuid""#,
        ),
        key("registration.title", "", "What the page is called, in the vendor's words.", r#""Settings > OAuth Apps""#),
        key("registration.id_word", "", "What the client id is called there.", r#""UID""#),
        key("registration.link_word", "", "What the app's own link is called there.", r#""Information URL""#),
    ],
};

pub(super) const OAUTH1: Section = Section {
    name: "oauth1",
    needs: &[("oauth1.ends_at", "2026-07-01T00:00:00Z")],
    more: "",
    keys: &[
        key(
            "oauth1.request_token",
            "",
            "`POST`, on the API host: temporary credentials (RFC 5849 2.1).",
            r#""/oauth1/request""#,
        ),
        key(
            "oauth1.authorize",
            "",
            "`GET`, on the login host: where the person allows (2.2).",
            r#""/oauth1/authorize""#,
        ),
        key("oauth1.access_token", "", "`POST`, on the API host: token credentials (2.3).", r#""/oauth1/access""#),
        key(
            "oauth1.methods",
            r#"["HMAC-SHA1"]"#,
            "Accepted signatures. PLAINTEXT and RSA-SHA1 are not in the language.",
            r#"["HMAC-SHA1", "HMAC-SHA256"]"#,
        ),
        key(
            "oauth1.without_verifier",
            "",
            "`true`: the three-legged flow of 1.0 (no callback, no verifier) is accepted beside 1.0a, for clients from before \
             2009. It lets an attacker finish a connection that somebody else allowed.",
            "true",
        ),
        key("oauth1.window", "", "How far a timestamp may be off. Nonces are remembered as long.", r#""2min""#),
        key(
            "oauth1.scopes",
            "required",
            "What a verified call may do: exact words of `[[scopes]]`.",
            r#"["items:read"]"#,
        ),
        key(
            "oauth1.deprecated_at",
            "none",
            "From then on replies to 1.0 say that it is deprecated (RFC 9745). An instant, without quotes.",
            "2026-01-01T00:00:00Z",
        ),
        key(
            "oauth1.ends_at",
            "none",
            "From this second on 1.0 is refused (RFC 8594); replies say so before. A seed or the configuration can move it.",
            "2026-07-01T00:00:00Z",
        ),
        key(
            "oauth1.brown_outs",
            "[]",
            "Rehearsals of the end: 1.0 is refused for a while, so that who overlooked the headers notices in time.",
            "",
        ),
        key(
            "oauth1.brown_outs.from",
            "",
            "The first second of one, between `deprecated_at` and `ends_at`,",
            "2026-06-01T09:00:00Z",
        ),
        key("oauth1.brown_outs.lasts", "", "and how long it lasts.", r#""30min""#),
        key(
            "oauth1.guide",
            "",
            "Where the migration is explained: in the `Link` header, and in refusals after the end.",
            r#""https://acme.example/migrate""#,
        ),
        key(
            "oauth1.exchange",
            "",
            "`true`: `grant_type=oauth1_exchange` turns a consumer pair into tokens, without asking anybody.",
            "true",
        ),
        key(
            "oauth1.exchange_ends_at",
            "none",
            "From then on pairs are no longer exchanged. It may lie after the end of 1.0: it is the way out.",
            "2027-01-01T00:00:00Z",
        ),
    ],
};

pub(super) const API_KEYS: Section = Section {
    name: "api_keys",
    needs: &[("api_keys.header", r#""x-api-key""#)],
    more: "",
    keys: &[
        key(
            "api_keys.query",
            "",
            "A query parameter that carries a key. Proxies log addresses: prefer a header.",
            r#""apiKey""#,
        ),
        key("api_keys.header", "", "A header that carries one.", r#""x-api-key""#),
        key(
            "api_keys.bearer_prefix",
            "",
            "How keys begin that may stand behind `Authorization: Bearer`. No token's prefix may begin alike.",
            r#""acme_key_""#,
        ),
        key("api_keys.scopes", "[]", "What a key may do: exact words. Empty: everything.", r#"["items:read"]"#),
    ],
};

pub(super) const ACCOUNTS: Section = Section {
    name: "accounts",
    needs: WITH_ACCOUNTS,
    more: "",
    keys: &[
        key(
            "accounts.register",
            "",
            "`POST`, on the API host, with the app's key: registers an account.",
            r#""/dev/register-account""#,
        ),
        key("accounts.edit", "", "`POST`: changes one.", r#""/dev/edit-account""#),
        key("accounts.delete", "", "`POST`: deletes one for good, with its connections.", r#""/dev/delete-account""#),
        key("accounts.sign_in", "", "`POST`: answers a sign-in token for one.", r#""/dev/sign-in-account""#),
        key(
            "accounts.sign_in_life",
            "",
            "How long a sign-in token lives. It is good once, and made anew with every click.",
            r#""2min""#,
        ),
        key(
            "accounts.mini_app",
            "",
            "The page, on the login host, where somebody with a sign-in token connects the app's providers.",
            r#""/integrations""#,
        ),
        key("accounts.visit_life", "", "How long a visit there lasts.", r#""30min""#),
    ],
};

pub(super) const USERINFO: Section = Section {
    name: "userinfo",
    needs: &[("endpoints.userinfo", r#""/me""#)],
    more: "",
    keys: &[
        key("userinfo.scope", "", "The scope that it needs; without it, any token will do.", r#""items:read""#),
        key("userinfo.status", "", "Status of a good answer, where a document prints another.", "201"),
        key("userinfo.name_field", "", "The field with the name of the person or team; dots nest.", r#""user.name""#),
    ],
};
