//! Reference: the API behind the guard.

use super::{Section, key};

pub(super) const API: Section = Section {
    name: "api",
    needs: &[
        ("policy.account_proof", r#""none""#),
        ("authorize.account_parameter", r#"["account_id"]"#),
        ("api_keys.header", r#""x-api-key""#),
        ("accounts.mini_app", r#""/integrations""#),
        ("api.site_parameter", r#""site_id""#),
    ],
    more: "",
    keys: &[
        key(
            "api.prefixes",
            r#"["/v1"]"#,
            "Beginnings of paths that mean the same API. None may lie below another.",
            r#"["/v1", "/api/v1"]"#,
        ),
        key("api.suffixes", "[]", "Endings that mean the same resource.", r#"[".json"]"#),
        key(
            "api.site_parameter",
            "",
            "The parameter that selects a site. Without it, a customer is one whole.",
            r#""site_id""#,
        ),
        key(
            "api.site_id_form",
            "",
            "1 to 18 digits, or 1 to 64 of `A-Z a-z 0-9 . _ ~ -`. Any other id is malformed (400), not unknown (403).",
            r#""digits""#,
        ),
        key(
            "api.errors",
            "",
            "Shape of the guard's errors: `error` with `error_description`; `{\"message\"}`; or `{\"error\": {\"type\", \
             \"message\", \"code\"}}`.",
            r#""nested""#,
        ),
        key(
            "api.scope_missing_is_401",
            "",
            "`true`: a token without the scope is answered 401, as some platforms do; RFC 6750 3.1 says 403.",
            "true",
        ),
        key(
            "api.budgets",
            r#"[{ requests = 600, per = "1min" }]"#,
            "All hold at once; an empty list sets no limit. Also written in one line, as in the default.",
            "",
        ),
        key("api.budgets.requests", "", "So many calls,", "20"),
        key("api.budgets.per", "", "in so long.", r#""1s""#),
        key(
            "api.budget_key",
            "",
            "Whose budget: the customer's, whatever the credential, or one for each app of each customer.",
            r#""app_and_customer""#,
        ),
        key(
            "api.budget_headers",
            "",
            "`true`: replies say how many calls are in the budget, how many are left, and when it is whole again \
             (`X-RateLimit-Limit`, `-Remaining`, `-Reset`).",
            "true",
        ),
        key(
            "api.list",
            "",
            "Shape of the sample API's lists: `total_pages` and `results`; `data` and `pagination`; or a bare array.",
            r#""results""#,
        ),
        key("api.routes", "[]", "The first route that matches a call counts; a call that matches none is 404.", ""),
        key("api.routes.methods", r#"["GET"]"#, "`GET` stands for `HEAD` too.", r#"["GET"]"#),
        key(
            "api.routes.path",
            "",
            "Below the prefix, with `{name}` for one part and `/**` at the end for the rest.",
            r#""/items/{id}""#,
        ),
        key(
            "api.routes.scopes",
            "[]",
            "Any one of these words, or an umbrella of it, is enough; `\"*:read\"` is any word with that ending. Empty: any \
             token.",
            r#"["items:read"]"#,
        ),
        key(
            "api.routes.site",
            "`\"query\"` with `api.site_parameter`, else `\"none\"`",
            "Where the site stands: nowhere (the call is about the whole customer), in the query, or in the query or at the top \
             of that body. Strict, as a forgotten key must not open every site.",
            r#""none""#,
        ),
        key(
            "api.routes.collection",
            "",
            "The seed's records that the sample API answers with. `\"sites\"` holds every customer's sites.",
            r#""items""#,
        ),
        key(
            "api.routes.status",
            "",
            "Status of the sample API's answer to a read, where a document prints another.",
            "201",
        ),
        key(
            "api.routes.providers",
            "",
            "`true`: answered with what the account's connected providers say. Needs `[accounts]`.",
            "true",
        ),
    ],
};
