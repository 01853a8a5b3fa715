//! Reference: how a partner speaks to the platform.

use super::{Section, key};

pub(super) const PARTNER: Section = Section {
    name: "partner",
    needs: &[
        ("authorize.scope_separators", r#"[" ", ","]"#),
        ("token.refresh_in_header", "true"),
        ("endpoints.userinfo", r#""/me""#),
        ("api.site_parameter", r#""site_id""#),
        ("partner.client_auth", r#""body""#),
    ],
    more: "",
    keys: &[
        key(
            "partner.login_base",
            "",
            "The platform's real login address, without `/` at its end.",
            r#""https://login.acme.example""#,
        ),
        key("partner.api_base", "", "The platform's real API address.", r#""https://api.acme.example""#),
        key(
            "partner.token_base",
            "as `endpoints.token_host` says",
            "The address of the token endpoint, where it is a third one.",
            r#""https://tokens.acme.example""#,
        ),
        key(
            "partner.api_prefix",
            "first of `api.prefixes`",
            "What stands between the API's address and the paths of calls; `\"/\"`: nothing.",
            r#""/v1""#,
        ),
        key(
            "partner.client_auth",
            "",
            "How the app proves itself at the token endpoint; RFC 6749 2.3.1 prefers Basic.",
            r#""body""#,
        ),
        key("partner.body", "", "The body's format at the token endpoint.", r#""json""#),
        key(
            "partner.scope_separator",
            "first of `authorize.scope_separators`",
            "Between scope words in the authorize URL.",
            r#"",""#,
        ),
        key(
            "partner.scope_parameter",
            "",
            "The parameter that carries them, where a platform has several.",
            r#""user_scope""#,
        ),
        key("partner.authorize_extra", "[]", "Further parameters of the authorize URL, always the same.", ""),
        key("partner.authorize_extra.name", "", "The parameter's name,", r#""access_type""#),
        key("partner.authorize_extra.value", "", "and its value.", r#""offline""#),
        key(
            "partner.refresh_in_header",
            "",
            "`true`: the refresh token travels in `Authorization: Bearer`. Needs `client_auth = \"body\"`, and \
             `token.refresh_in_header`, as the same file serves.",
            "true",
        ),
        key(
            "partner.reply_root",
            "",
            "Where in a reply the token's fields stand, as dotted names.",
            r#""authed_user""#,
        ),
        key(
            "partner.ended",
            r#"["invalid_grant"]"#,
            "What a refused refresh says when the connection is over, so that a person is asked to reconnect: codes, or messages \
             where errors are messages. Anything else is tried again.",
            r#"["invalid_grant", "token_revoked"]"#,
        ),
        key("partner.refresh_ahead", "", "Refresh so long before the access token ends.", r#""2min""#),
        key(
            "partner.default_access_life",
            r#""30min""#,
            "Assumed when neither the reply nor the token itself says its life. `\"none\"`: it lives until a call answers 401.",
            r#""2h""#,
        ),
        key(
            "partner.refresh_life",
            "none",
            "How long a refresh token lives, where the document says so: people are warned before.",
            r#""30d""#,
        ),
        key(
            "partner.refresh_slides",
            "",
            "`true`: each refresh begins `refresh_life` anew; else it counts from the connect.",
            "true",
        ),
        key("partner.refresh_warn", "", "Warn so long before the refresh token ends.", r#""7d""#),
        key(
            "partner.revokes",
            "",
            "`false`: the platform has no way to give a token back, so disconnecting only forgets it.",
            "true",
        ),
        key("partner.revoke.method", "", "Where giving back is not RFC 7009's way: its method,", r#""DELETE""#),
        key("partner.revoke.host", "", "its host,", r#""api""#),
        key(
            "partner.revoke.path",
            "as `endpoints.revoke`",
            "its path, `{client_id}` standing for the app's,",
            r#""/apps/{client_id}/grant""#,
        ),
        key("partner.revoke.token", "", "which of the two tokens ends the authorization,", r#""access""#),
        key("partner.revoke.field", "", "under which name it is sent,", r#""access_token""#),
        key("partner.revoke.client_auth", "as `partner.client_auth`", "how the app proves itself there,", r#""basic""#),
        key("partner.revoke.body", "as `partner.body`", "and the body's format there.", r#""json""#),
        key(
            "partner.token_refused",
            "[]",
            "Codes in the body of an API's answer, whatever its status, that say what 401 says elsewhere.",
            r#"["token_expired"]"#,
        ),
        key(
            "partner.scope_refused",
            "[]",
            "Codes in the body of an API's answer that mean a missing permission, besides RFC 6750's.",
            r#"["missing_scope"]"#,
        ),
        key(
            "partner.test.path",
            "",
            "The call of \"test the connection\": below the API prefix, or userinfo,",
            r#""/me""#,
        ),
        key("partner.test.name", "", "and what to show from its reply, as dotted names.", r#""user.name""#),
        key(
            "partner.sites_path",
            "",
            "Path below the API prefix that lists the customer's sites. Needs `api.site_parameter`.",
            r#""/sites""#,
        ),
        key("partner.shows", "[]", "What the dashboard shows.", ""),
        key("partner.shows.title", "", "A heading,", r#""Items""#),
        key("partner.shows.path", "", "and a path below the API prefix.", r#""/items""#),
    ],
};
