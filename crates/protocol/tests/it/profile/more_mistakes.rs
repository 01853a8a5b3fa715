//! Mistakes and contradictions in what most profiles leave out: who proves an account, other spellings, registration, API keys,
//! userinfo, and the partner's side of the same platform.

use super::SMALL;
use super::mistakes::{Mistake, each};

const PROOF: &[Mistake] = &[
    (
        "account_proof = \"sign_in\"",
        "subject = \"user\"\nteams = true\naccount_proof = \"sign_in\"",
        "true",
        "`policy.teams` needs `policy.subject = \"customer\"`: else all teams of a person share one connection",
    ),
    (
        "account_proof",
        "team_approvers = [\"member\"]\naccount_proof",
        "[\"member\"]",
        "`policy.team_approvers` means nothing while `policy.teams` is false",
    ),
    (
        "account_proof",
        "teams = true\nteam_approvers = []\naccount_proof",
        "[]",
        "`policy.team_approvers` is empty: nobody could connect an app for a team",
    ),
    (
        "\"sign_in\"",
        "\"sign_in\"\n[authorize]\naccount_parameter = [\"account_id\"]",
        "\"sign_in\"",
        "`policy.account_proof` is \"sign_in\", but `authorize.account_parameter` names an account: a person's own would \
         be connected, not the named one",
    ),
    (
        "\"sign_in\"",
        "\"sign_in\"\n[api_keys]\nheader = \"x-api-key\"\n[accounts]",
        "\"sign_in\"",
        "`policy.account_proof` is \"sign_in\", but `[accounts]` has accounts whose people cannot sign in",
    ),
];

const AUTHORIZE_AND_TOKEN: &[Mistake] = &[
    (
        "[policy]",
        "[authorize]\nrequired_scopes = [\"items:raed\"]\n[policy]",
        "\"items:raed\"",
        "`authorize.required_scopes` names \"items:raed\", which is no scope of this profile",
    ),
    (
        "[policy]",
        "[authorize]\nrequired_scopes = [\"*:read\"]\n[policy]",
        "\"*:read\"",
        "`authorize.required_scopes` names \"*:read\", which is no scope of this profile",
    ),
    (
        "[policy]",
        "[registration]\nmode = \"self_service\"\nregistrars = [\"customer_admin\", \"member\"]\n[token]\n\
         client_credentials = true\n[policy]",
        "true",
        "`token.client_credentials` contradicts: `registration.registrars` has \"member\", who may not allow apps \
         (`policy.approvers`), but would get tokens for the whole customer by an app of their own",
    ),
    (
        "[policy]",
        "[token]\nreply = [\"access_token\", \"refresh_token\"]\ntoken_type = \"bearer\"\n[policy]",
        "\"bearer\"",
        "`token.token_type` means nothing: no reply has \"token_type\"",
    ),
    (
        "[policy]",
        "[token]\ntoken_type = \"mac\"\n[policy]",
        "\"mac\"",
        "`token.token_type` is \"mac\"; it must be one of \"Bearer\", \"bearer\"",
    ),
    (
        "[policy]",
        "[token]\nerrors = \"nested\"\n[policy]",
        "\"nested\"",
        "`token.errors` is \"nested\"; it must be one of \"oauth\", \"message\"",
    ),
    (
        "[policy]",
        "[endpoints]\nuserinfo_host = \"api\"\n[policy]",
        "\"api\"",
        "`endpoints.userinfo_host` means nothing without `endpoints.userinfo`",
    ),
    (
        "[policy]",
        "[endpoints]\ntoken_host = \"auth\"\n[policy]",
        "\"auth\"",
        "`endpoints.token_host` is \"auth\"; it must be one of \"api\", \"login\"",
    ),
    (
        "[policy]",
        "[endpoints]\napps = \"/settings/connected-apps\"\n[policy]",
        "\"/settings",
        "`endpoints.apps` is the same path as `connected_apps`",
    ),
];

const SPELLINGS: &[Mistake] = &[
    (
        "group = \"see\"\n",
        "group = \"see\"\naliases = [\"items:read\"]\n",
        "\"items:read\"]",
        "`scopes.aliases` names \"items:read\", which is a scope itself",
    ),
    (
        "group = \"see\"\n",
        "group = \"see\"\naliases = [\"later\"]\n[[scopes]]\nname = \"later\"\nsentence = \"x\"\ngroup = \"see\"\n",
        "\"later\"]",
        "`scopes.aliases` names \"later\", which is a scope itself",
    ),
    (
        "group = \"see\"\n",
        "group = \"see\"\naliases = [\"R\"]\n[[scopes]]\nname = \"x\"\nsentence = \"x\"\ngroup = \"see\"\naliases = [\"B\", \"R\"]\n",
        "\"R\"]\n\n[[api",
        "`scopes.aliases` names \"R\", which is another spelling of `items:read` already",
    ),
    (
        "group = \"see\"\n",
        "group = \"see\"\naliases = [\"R\", \"R\"]\n",
        "\"R\"]",
        "`scopes.aliases` names \"R\" twice",
    ),
    (
        "group = \"see\"\n",
        "group = \"see\"\naliases = [\"*\"]\n",
        "\"*\"",
        "`scopes.aliases` must be 1 to 64 visible ASCII characters without \" \\ and *, none of them a space (RFC 6749 \
         3.3)",
    ),
    (
        "group = \"see\"\n",
        "group = \"see\"\naliases = [\"read,items\"]\n[authorize]\nscope_separators = [\",\"]\n",
        "\",\"]",
        "`authorize.scope_separators` would cut the scope `read,items` in two",
    ),
];

const REGISTRATION: &[Mistake] = &[
    (
        "[policy]",
        "[registration]\nregistrars = [\"developer\"]\n[policy]",
        "[\"dev",
        "`registration.registrars` means nothing while `registration.mode` is \"staff\"",
    ),
    (
        "[policy]",
        "[registration]\nmode = \"review\"\nregistrars = []\n[policy]",
        "[]",
        "`registration.registrars` is empty: nobody could register an app",
    ),
    (
        "[policy]",
        "[registration]\nredirect_uris = 0\n[policy]",
        "0",
        "`registration.redirect_uris` must be a whole number from 1 to 32",
    ),
    (
        "[policy]",
        "[registration]\nprivate = true\n[policy]",
        "true",
        "`registration.private` means nothing while `registration.mode` is \"staff\": staff have no customer",
    ),
    (
        "[policy]",
        "[registration]\nproviders = [\"default\"]\n[policy]",
        "[\"default\"]",
        "`registration.providers` is set, but there is no `[accounts]` and so no mini-app that could offer them",
    ),
    (
        "[policy]",
        "[registration]\nclient_id = \"number\"\n[policy]",
        "\"number\"",
        "`registration.client_id` is \"number\"; it must be one of \"hex\", \"uuid\"",
    ),
];

const KEYS: &[Mistake] = &[
    (
        "[policy]",
        "[api_keys]\nscopes = [\"items:read\"]\n[policy]",
        "[api_keys]",
        "`api_keys` says nowhere a key may stand: set query, header or bearer_prefix",
    ),
    (
        "[policy]",
        "[api_keys]\nheader = \"x-key\"\nscopes = [\"*:read\"]\n[policy]",
        "\"*:read\"",
        "`api_keys.scopes` names \"*:read\", which is no scope of this profile",
    ),
    (
        "[policy]",
        "[api_keys]\nheader = \"Authorization\"\n[policy]",
        "\"Auth",
        "`api_keys.header` must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no name that has another meaning",
    ),
    (
        "[policy]",
        "[api_keys]\nquery = \"access_token\"\n[policy]",
        "\"acc",
        "`api_keys.query` must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no name that has another meaning",
    ),
    (
        "[policy]",
        "[api_keys]\nquery = \"oauth_token\"\n[policy]",
        "\"oauth_token",
        "`api_keys.query` must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no name that has another meaning",
    ),
    (
        "[[api.routes]]",
        "[api]\nsite_parameter = \"key\"\n[api_keys]\nquery = \"key\"\n[[api.routes]]",
        "\"key\"\n[[api",
        "`api_keys.query` is the same as `api.site_parameter`",
    ),
    (
        "[policy]",
        "[api_keys]\nbearer_prefix = \"cw_rt_key_\"\n[policy]",
        "\"cw_rt",
        "`api_keys.bearer_prefix` and `token.prefixes.refresh` begin alike: nobody could tell the two apart",
    ),
    (
        "[policy]",
        "[api_keys]\nbearer_prefix = \"a key \"\n[policy]",
        "\"a key",
        "`api_keys.bearer_prefix` must be at most 16 of A-Z, a-z, 0-9, _ and -",
    ),
    (
        "path = \"/items\"",
        "path = \"/items\"\nproviders = true",
        "true",
        "`api.routes.providers` is set, but there is no `[accounts]` whose providers could answer",
    ),
    (
        "path = \"/items\"",
        "path = \"/items\"\nstatus = 404",
        "404",
        "`api.routes.status` must be a whole number from 200 to 203",
    ),
    ("[policy]", "[userinfo]\n[policy]", "[userinfo]", "`userinfo` means nothing without `endpoints.userinfo`"),
    (
        "[policy]",
        "[endpoints]\nuserinfo = \"/me\"\n[userinfo]\nscope = \"profile\"\n[policy]",
        "\"profile\"",
        "`userinfo.scope` is no scope of this profile",
    ),
    (
        "[policy]",
        "[endpoints]\nuserinfo = \"/me\"\n[userinfo]\nname_field = \"user..name\"\n[policy]",
        "\"user..name\"",
        "`userinfo.name_field` must be names with dots between them, such as \"user.login\"",
    ),
];

const PARTNER: &[Mistake] = &[
    (
        "[partner]",
        "[partner]\nrefresh_in_header = true\nclient_auth = \"body\"",
        "true",
        "`partner.refresh_in_header` is set, but `token.refresh_in_header` is false: the platform would not look there",
    ),
    (
        "[partner]",
        "[token]\nrefresh_in_header = true\n[partner]\nrefresh_in_header = true",
        "true\nlogin",
        "`partner.refresh_in_header` wants `partner.client_auth = \"body\"`: both would need the same header",
    ),
    (
        "[partner]",
        "[partner]\nrefresh_slides = true",
        "true",
        "`partner.refresh_slides` means nothing without `partner.refresh_life`",
    ),
    (
        "[partner]",
        "[partner]\ndefault_access_life = \"5min\"",
        "\"5min\"",
        "`partner.default_access_life` contradicts: `partner.refresh_ahead` is not shorter than \
         `partner.default_access_life`, so every call would refresh",
    ),
    (
        "[partner]",
        "[partner]\ndefault_access_life = \"1h\"\nrefresh_ahead = \"2h\"",
        "\"2h\"",
        "`partner.refresh_ahead` contradicts: `partner.refresh_ahead` is not shorter than \
         `partner.default_access_life`, so every call would refresh",
    ),
    (
        "[partner]",
        "[partner]\nsites_path = \"/sites\"",
        "\"/sites\"",
        "`partner.sites_path` means nothing without `api.site_parameter`: no call could name the chosen site",
    ),
    (
        "[partner]",
        "[partner]\nrevokes = false\nrevoke = { token = \"access\" }",
        "{ token",
        "`partner.revoke` means nothing while `partner.revokes` is false",
    ),
    (
        "[partner]",
        "[partner]\nauthorize_extra = [{ name = \"state\", value = \"x\" }]",
        "\"state\"",
        "`partner.authorize_extra.name` must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no parameter that is sent anyway",
    ),
    (
        "[partner]",
        "[partner]\nauthorize_extra = [{ name = \"hd\", value = \"x\" }, { name = \"hd\", value = \"y\" }]",
        "\"hd\", value = \"y\"",
        "`partner.authorize_extra.name` names \"hd\" a second time",
    ),
    (
        "[partner]",
        "[partner]\nscope_parameter = \"user_scope\"\nauthorize_extra = [{ name = \"user_scope\", value = \"x\" }]",
        "\"user_scope\", value",
        "`partner.authorize_extra.name` must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no parameter that is sent anyway",
    ),
    (
        "[partner]",
        "[partner]\nreply_root = \"user.\"",
        "\"user.\"",
        "`partner.reply_root` must be names with dots between them, such as \"user.login\"",
    ),
    ("[partner]", "[partner.test]\npath = \"/me\"\n[partner]", "[partner.test]", "`partner.test.name` is missing"),
];

#[test]
fn what_most_profiles_leave_out_is_checked_too() {
    each(SMALL, &[PROOF, AUTHORIZE_AND_TOKEN, SPELLINGS, REGISTRATION, KEYS, PARTNER].concat());
}
