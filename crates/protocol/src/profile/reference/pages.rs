//! Reference: what people see, and where it stands.

use super::{Section, key};

pub(super) const PLATFORM: Section = Section {
    name: "platform",
    needs: &[],
    more: "",
    keys: &[
        key("version", "", "The language's version: 1. A newer file is refused rather than half understood.", "1"),
        key("name", "", "What people read on every page.", r#""Acme""#),
    ],
};

pub(super) const BRAND: Section = Section {
    name: "brand",
    needs: &[],
    more: "",
    keys: &[
        key(
            "brand.accent",
            "",
            "Colour of buttons on light pages: at least 4.5:1 with white, so that everyone can read them (WCAG AA).",
            r##""#0d5f88""##,
        ),
        key("brand.accent_dark", "", "The same on dark pages: at least 4.5:1 with the dark ground.", r##""#7cc4ee""##),
        key("brand.monogram", "first letter of `name`", "One or two characters in the drawn logo.", r#""A""#),
        key("brand.sites_word", "", "What customers call a site, in plural.", r#""venues""#),
        key(
            "brand.support_url",
            "",
            "Where a stuck person is sent (`https:`, `http:` or `mailto:`).",
            r#""https://acme.example/help""#,
        ),
        key(
            "brand.never",
            "",
            "One line on the consent page: what no app can do, whatever it is granted.",
            r#""It cannot see your password.""#,
        ),
        key(
            "brand.cut_where",
            "",
            "Where a connection is cut later, in words: people allow more calmly when they know.",
            r#""Settings > Apps""#,
        ),
    ],
};

pub(super) const ENDPOINTS: Section = Section {
    name: "endpoints",
    needs: &[],
    more: "",
    keys: &[
        key(
            "endpoints.authorize",
            "",
            "Where the browser is sent (RFC 6749 3.1), on the login host.",
            r#""/oauth2/authorize""#,
        ),
        key("endpoints.token", "", "Every grant (RFC 6749 3.2).", r#""/oauth2/token""#),
        key(
            "endpoints.refresh",
            "",
            "A second token path that only refreshes, for documents that print two.",
            r#""/oauth2/refresh""#,
        ),
        key(
            "endpoints.revoke",
            "",
            "RFC 7009. Served even where the vendor's document has none.",
            r#""/oauth2/revoke""#,
        ),
        key("endpoints.introspect", "", "RFC 7662.", r#""/oauth2/introspect""#),
        key("endpoints.userinfo", "", "Answers whom a token acts for; `[userinfo]` says how.", r#""/me""#),
        key(
            "endpoints.token_host",
            "",
            "The host of token, refresh, revoke and introspect: some vendors keep them beside the API, some beside the \
             sign-in page.",
            r#""login""#,
        ),
        key(
            "endpoints.userinfo_host",
            "as `endpoints.token_host`",
            "The host of userinfo, where tokens are got at one host and used at the other.",
            r#""api""#,
        ),
        key(
            "endpoints.connected_apps",
            "",
            "The customer's page of connected apps, on the login host.",
            r#""/settings/oauth-apps""#,
        ),
        key(
            "endpoints.apps",
            "",
            "The page where apps are registered and edited, on the login host.",
            r#""/developer/apps""#,
        ),
    ],
};
