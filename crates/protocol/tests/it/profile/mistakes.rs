//! One mistake at a time: what stands in the small profile, what replaces it, where the problem is, what it says.

use super::{Problem, SMALL, lines, problems};

/// (stands, instead, the place's text, message)
pub(super) type Mistake = (&'static str, &'static str, &'static str, &'static str);

const KEYS_AND_TYPES: &[Mistake] = &[
    ("version = 1\n", "", "name", "`version` is missing"),
    ("version = 1", "version = \"1\"", "\"1\"", "`version` must be a whole number, not a string"),
    ("version = 1", "version = 0", "0", "`version` must be a whole number from 1 to 9223372036854775807"),
    ("name = \"My Platform\"\n", "", "version", "`name` is missing"),
    ("name = \"My Platform\"", "name = \"\"", "\"\"", "`name` must not be empty"),
    ("My Platform", "My\\nPlatform", "\"My", "`name` holds a line break or another control character"),
    ("[policy]", "[tokens]\n[policy]", "tokens", "unknown key `tokens`: did you mean `token`?"),
    (
        "[policy]",
        "[token]\nacess_life = \"1h\"\n[policy]",
        "acess",
        "unknown key `acess_life` in [token]: did you mean `access_life`?",
    ),
    ("[policy]", "[token]\ncolour = \"red\"\n[policy]", "colour", "unknown key `colour` in [token]"),
    ("[policy]", "token = 5\n[policy]", "5", "`token` must be a table, not an integer"),
    ("account_proof = \"sign_in\"\n", "", "[policy]", "`policy.account_proof` is missing"),
    ("sentence = \"see your items\"\n", "", "[[scopes]]", "`scopes.sentence` is missing"),
    ("login_base = \"https://login.example.com\"\n", "", "[partner]", "`partner.login_base` is missing"),
    (
        "[policy]",
        "[authorize]\niss = 1\n[policy]",
        "1\n[policy]",
        "`authorize.iss` must be true or false, not an integer",
    ),
];

const LIVES: &[Mistake] = &[
    (
        "[policy]",
        "[token]\ncode_life = \"601s\"\n[policy]",
        "\"601s\"",
        "`token.code_life` must be from 1 second to 10 minutes",
    ),
    (
        "[policy]",
        "[token]\ncode_life = \"0s\"\n[policy]",
        "\"0s\"",
        "`token.code_life` must be from 1 second to 10 minutes",
    ),
    (
        "[policy]",
        "[token]\naccess_life = 3600\n[policy]",
        "3600",
        "`token.access_life` must be a duration in quotes: a whole number and s, min, h or d, such as \"90s\" or \
         \"2h\", not an integer",
    ),
    (
        "[policy]",
        "[token]\naccess_life = \"2 hours\"\n[policy]",
        "\"2 h",
        "`token.access_life` must be a duration in quotes: a whole number and s, min, h or d, such as \"90s\" or \
         \"2h\"",
    ),
    (
        "[policy]",
        "[token]\naccess_life = \"99999999999999999999d\"\n[policy]",
        "\"9999",
        "`token.access_life` must be a duration in quotes: a whole number and s, min, h or d, such as \"90s\" or \
         \"2h\"",
    ),
    (
        "[policy]",
        "[token]\nreuse_grace = \"61s\"\n[policy]",
        "\"61s\"",
        "`token.reuse_grace` must be from 0 seconds to 1 minute",
    ),
    (
        "[policy]",
        "[token]\nrace_window = \"2min\"\n[policy]",
        "\"2min\"",
        "`token.race_window` must be from 0 seconds to 1 minute",
    ),
    (
        "[policy]",
        "[token]\nrefresh_idle = \"1096d\"\n[policy]",
        "\"1096d\"",
        "`token.refresh_idle` contradicts: `token.refresh_idle` is longer than `token.refresh_absolute`",
    ),
    (
        "[policy]",
        "[token]\nrefresh_absolute = \"89d\"\n[policy]",
        "\"89d\"",
        "`token.refresh_absolute` contradicts: `token.refresh_idle` is longer than `token.refresh_absolute`",
    ),
    (
        "[policy]",
        "[token]\nmax_families = 0\n[policy]",
        "0\n",
        "`token.max_families` must be a whole number from 1 to 64",
    ),
    (
        "[policy]",
        "[token]\nrotation = \"nevr\"\n[policy]",
        "\"nevr\"",
        "`token.rotation` is \"nevr\"; it must be one of \"always\", \"never\": did you mean \"never\"?",
    ),
    (
        "[policy]",
        "[token]\nrotation = \"never\"\nreuse_grace = \"5s\"\n[policy]",
        "\"5s\"",
        "`token.reuse_grace` means nothing while `token.rotation` is \"never\"",
    ),
    (
        "[policy]",
        "[token]\nreply = [\"access_token\", \"scope\", \"refresh_token\", \"scope\"]\n[policy]",
        "\"scope\"]",
        "`token.reply` names \"scope\" twice",
    ),
    (
        "[policy]",
        "[token]\nreply = [\"refresh_token\"]\nrefresh_reply = [\"access_token\", \"refresh_token\"]\n[policy]",
        "[\"refresh_token\"]",
        "`token.reply` lacks \"access_token\"",
    ),
    (
        "[policy]",
        "[token]\nreply = [\"access_token\"]\n[policy]",
        "[\"access_token\"]",
        "`token.reply` lacks \"refresh_token\", but `token.rotation` is \"always\": apps would lose their connection",
    ),
    (
        "[policy]",
        "[token]\nreply = [\"access_token\", \"id_token\", \"refresh_token\"]\n[policy]",
        "\"id_token\"",
        "`token.reply` is \"id_token\"; it must be one of \"access_token\", \"token_type\", \"expires_in\", \
         \"refresh_token\", \"scope\", \"created_at\"",
    ),
    (
        "[policy]",
        "[token.prefixes]\naccess = \"t_\"\nrefresh = \"t_\"\n[policy]",
        "\"t_\"\n[policy]",
        "`token.prefixes.refresh` is the same as `access`: nobody could tell the two apart",
    ),
    (
        "[policy]",
        "[token.prefixes]\naccess = \"t_\"\ncode = \"t_c_\"\n[policy]",
        "\"t_c_\"",
        "`token.prefixes.code` and `access` begin alike: one is a prefix of the other",
    ),
    (
        "[policy]",
        "[token.prefixes]\naccess = \"a token \"\n[policy]",
        "\"a token",
        "`token.prefixes.access` must be at most 16 of A-Z, a-z, 0-9, _ and -",
    ),
];

const PAGES_AND_POLICY: &[Mistake] = &[
    (
        "[policy]",
        "[brand]\naccent = \"#ff8800\"\n[policy]",
        "\"#ff",
        "`brand.accent` has a contrast of 2.3:1 with white; at least 4.5:1 can be read (WCAG AA)",
    ),
    (
        "[policy]",
        "[brand]\naccent = \"#777777\"\n[policy]",
        "\"#77",
        "`brand.accent` has a contrast of 4.4:1 with white; at least 4.5:1 can be read (WCAG AA)",
    ),
    (
        "[policy]",
        "[brand]\naccent_dark = \"#1f5fbf\"\n[policy]",
        "\"#1f",
        "`brand.accent_dark` has a contrast of 2.5:1 with the dark ground; at least 4.5:1 can be read (WCAG AA)",
    ),
    (
        "[policy]",
        "[brand]\naccent = \"orange\"\n[policy]",
        "\"orange",
        "`brand.accent` must be a colour such as \"#1f5fbf\"",
    ),
    ("[policy]", "[brand]\nmonogram = \"MyP\"\n[policy]", "\"MyP\"", "`brand.monogram` must be one or two characters"),
    (
        "[policy]",
        "[brand]\nsupport_url = \"javascript:alert(1)\"\n[policy]",
        "\"java",
        "`brand.support_url` must be an https:// or http:// address, or mailto:",
    ),
    ("[policy]", "[endpoints]\ntoken = \"oauth/token\"\n[policy]", "\"oauth", "`endpoints.token` must start with /"),
    (
        "[policy]",
        "[endpoints]\ntoken = \"/t\"\nrevoke = \"/t\"\n[policy]",
        "\"/t\"\n[policy]",
        "`endpoints.revoke` is the same path as `token`",
    ),
    (
        "[policy]",
        "[endpoints]\ntoken = \"/guard/check\"\n[policy]",
        "\"/guard",
        "`endpoints.token` is an address that Causeway needs for itself",
    ),
    (
        "[policy]",
        "[endpoints]\ntoken = \"/t?x=1\"\n[policy]",
        "\"/t?",
        "`endpoints.token` must be a plain path: at most 200 of A-Z, a-z, 0-9, - . _ ~ and /",
    ),
    (
        "[policy]",
        "[endpoints]\ntoken = \"/a/../t\"\n[policy]",
        "\"/a/",
        "`endpoints.token` must not hold //, /. or /..",
    ),
    ("[policy]", "[endpoints]\ntoken = \"/t/\"\n[policy]", "\"/t/", "`endpoints.token` must not end with /"),
    (
        "[policy]",
        "[authorize]\nstate_min_length = 8\n[policy]",
        "8",
        "`authorize.state_min_length` means nothing while `authorize.state_required` is false",
    ),
    // AZ-14.
    (
        "[policy]",
        "[authorize]\nremember_consent = true\n[policy]",
        "true",
        "`authorize.remember_consent` is not in this version: consent is asked every time",
    ),
    (
        "account_proof",
        "on_authorizer_deactivated = \"keep\"\naccount_proof",
        "\"keep\"",
        "`policy.on_authorizer_deactivated` is \"keep\"; it must be one of \"suspend\", \"revoke\"",
    ),
    (
        "[policy]",
        "[authorize]\nscope_separators = [\" \", \":\"]\n[policy]",
        "\":\"]",
        "`authorize.scope_separators` would cut the scope `items:read` in two",
    ),
    (
        "[policy]",
        "[authorize]\nscope_separators = []\n[policy]",
        "[]",
        "`authorize.scope_separators` must name at least one character",
    ),
    (
        "[policy]",
        "[authorize]\nscope_separators = [\", \"]\n[policy]",
        "\", \"",
        "`authorize.scope_separators` must hold single characters, such as \" \" or \",\"",
    ),
    (
        "account_proof",
        "approvers = []\naccount_proof",
        "[]",
        "`policy.approvers` is empty: nobody could connect an app",
    ),
    ("account_proof", "cutters = []\naccount_proof", "[]", "`policy.cutters` is empty: nobody could disconnect an app"),
    (
        "account_proof",
        "approvers = [\"admin\"]\naccount_proof",
        "\"admin\"",
        "`policy.approvers` is \"admin\"; it must be one of \"customer_admin\", \"member\", \"developer\", \"staff\"",
    ),
    (
        "account_proof",
        "approvers = [\"member\", \"member\"]\naccount_proof",
        "\"member\"]",
        "`policy.approvers` names \"member\" twice",
    ),
];

const SCOPES_AND_API: &[Mistake] = &[
    (
        "[[scopes]]\nname = \"items:read\"\nsentence = \"see your items\"\ngroup = \"see\"\n\n[[api.routes]]\npath \
         = \"/items\"\nscopes = [\"items:read\"]\n",
        "",
        "version",
        "`scopes` is missing",
    ),
    (
        "[[api",
        "[[scopes]]\nname = \"a b\"\nsentence = \"x\"\ngroup = \"see\"\n[[api",
        "\"a b\"",
        "`scopes.name` must be 1 to 64 visible ASCII characters without \" \\ and *, none of them a space (RFC 6749 \
         3.3)",
    ),
    (
        "[[api",
        "[[scopes]]\nname = \"a\\\\b\"\nsentence = \"x\"\ngroup = \"see\"\n[[api",
        "\"a\\\\b\"",
        "`scopes.name` must be 1 to 64 visible ASCII characters without \" \\ and *, none of them a space (RFC 6749 \
         3.3)",
    ),
    (
        "[[api",
        "[[scopes]]\nname = \"items:read\"\nsentence = \"x\"\ngroup = \"see\"\n[[api",
        "\"items:read\"\nsentence = \"x\"",
        "`scopes.name` names \"items:read\" a second time",
    ),
    (
        "group = \"see\"\n",
        "group = \"see\"\nincludes = [\"*:read\"]\n",
        "\"*:read\"",
        "`scopes.includes` names \"*:read\", which covers no other scope",
    ),
    (
        "scopes = [\"items:read\"]",
        "scopes = [\"items:raed\"]",
        "\"items:raed\"",
        "`api.routes.scopes` names \"items:raed\", which is no scope of this profile",
    ),
    (
        "scopes = [\"items:read\"]",
        "scopes = [\"*:write\"]",
        "\"*:write\"",
        "`api.routes.scopes` names \"*:write\", which is no scope of this profile",
    ),
    (
        "path = \"/items\"",
        "path = \"items\"",
        "\"items\"",
        "`api.routes.path` must start with /, with {name} for one part and ** at the end for the rest",
    ),
    (
        "path = \"/items\"",
        "path = \"/**/x\"",
        "\"/**/x\"",
        "`api.routes.path` must be a plain path: at most 200 of A-Z, a-z, 0-9, - . _ ~ and /, with {name} for one \
         part and ** at the end for the rest",
    ),
    (
        "path = \"/items\"",
        "path = \"/items\"\nsite = \"query\"",
        "\"query\"",
        "`api.routes.site` is set, but `api.site_parameter` is not",
    ),
    (
        "path = \"/items\"",
        "path = \"/items\"\nmethods = [\"FETCH\"]",
        "\"FETCH\"",
        "`api.routes.methods` is \"FETCH\"; it must be one of \"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\"",
    ),
    (
        "path = \"/items\"",
        "path = \"/items\"\nmethods = []",
        "[]",
        "`api.routes.methods` is empty: the route could never match",
    ),
    (
        "[[api.routes]]",
        "[api]\nsite_parameter = \"s\"\n[[api.routes]]\nsite = \"json\"",
        "\"json\"",
        "`api.routes.site` looks into the body, but GET has none",
    ),
    (
        "[partner]",
        "[[api.routes]]\npath = \"/items\"\n[partner]",
        "\"/items\"\n[partner]",
        "`api.routes.path` can never be reached: the route \"/items\" above takes its calls",
    ),
    (
        "path = \"/items\"\n",
        "path = \"/{any}/**\"\n[[api.routes]]\npath = \"/items/{id}\"\n",
        "\"/items/",
        "`api.routes.path` can never be reached: the route \"/{any}/**\" above takes its calls",
    ),
    (
        "[[api.routes]]",
        "[api]\nprefixes = [\"/api\", \"/api/v1\"]\n[[api.routes]]",
        "\"/api/v1\"",
        "`api.prefixes` names \"/api/v1\" and \"/api\": no prefix may lie below another",
    ),
    (
        "[[api.routes]]",
        "[api]\nprefixes = []\n[[api.routes]]",
        "[]",
        "`api.prefixes` is empty: no call could reach the API",
    ),
    (
        "[[api.routes]]",
        "[api]\nsuffixes = [\"json\"]\n[[api.routes]]",
        "\"json\"",
        "`api.suffixes` must begin with a dot, such as \".json\"",
    ),
    (
        "[[api.routes]]",
        "[api]\nsite_id_form = \"digits\"\n[[api.routes]]",
        "\"digits\"",
        "`api.site_id_form` means nothing without `api.site_parameter`",
    ),
    (
        "[[api.routes]]",
        "[api]\nbudgets = [{ requests = 1, per = \"1s\" }, { requests = 2, per = \"1s\" }]\n[[api.routes]]",
        "\"1s\" }]",
        "`api.budgets.per` has a budget already",
    ),
    (
        "[[api.routes]]",
        "[api]\nbudgets = [{ requests = 0, per = \"1s\" }]\n[[api.routes]]",
        "0,",
        "`api.budgets.requests` must be a whole number from 1 to 1000000000",
    ),
    (
        "https://api.example.com",
        "https://api.example.com/",
        "\"https://api",
        "`partner.api_base` must be an address such as \"https://api.example.com\", without / at its end",
    ),
    (
        "https://api.example.com",
        "https://me@api.example.com",
        "\"https://me",
        "`partner.api_base` must be an address such as \"https://api.example.com\", without / at its end",
    ),
    (
        "[partner]",
        "[partner]\nscope_separator = \",\"",
        "\",\"",
        "`partner.scope_separator` must be one of `authorize.scope_separators`",
    ),
    ("[partner]", "[partner]\nsites_path = \"sites\"", "\"sites\"", "`partner.sites_path` must start with /"),
];

#[test]
fn each_mistake_is_reported_with_its_place() {
    each(SMALL, &[KEYS_AND_TYPES, LIVES, PAGES_AND_POLICY, SCOPES_AND_API].concat());
}

/// Each alone in this good profile, and nothing else is reported.
pub(super) fn each(good: &str, mistakes: &[Mistake]) {
    assert_eq!(problems(good), []);
    for (stands, instead, place, message) in mistakes {
        assert!(good.contains(stands), "{stands}");
        let text = good.replacen(stands, instead, 1);
        // Look for the place from where the texts begin to differ, unless it stands before.
        let changed = good.find(stands).filter(|from| text[*from..].contains(place)).unwrap_or(0);
        let at = changed + text[changed..].find(place).unwrap_or_else(|| panic!("{place}"));
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[..at].matches('\n').count() + 1;
        // A key that is missing at the top is reported at the beginning of the file.
        let (line, at) =
            if message.starts_with("`version` is missing") || *place == "version" { (1, start) } else { (line, at) };
        let expected = vec![Problem { line, column: at - start + 1, message: (*message).to_owned() }];
        let found = problems(&text);
        assert_eq!(found, expected, "\n{instead}\n{}", lines(&found));
    }
}

#[test]
fn more_than_128_scopes_are_refused() {
    let more: String =
        (0..128).map(|n| format!("[[scopes]]\nname = \"s{n}\"\nsentence = \"see it\"\ngroup = \"see\"\n")).collect();
    let found =
        problems(&SMALL.replace("[[api.routes]]", &format!("{more}[[api.routes]]")).replace("[\"items:read\"]", "[]"));
    assert_eq!(lines(&found), "line 7, column 1: `scopes` has 129 entries; at most 128 are possible");
}
