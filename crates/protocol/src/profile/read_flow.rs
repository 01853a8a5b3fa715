//! Reads the flow's side of a profile: the authorization request, the token endpoint and the policy, with what
//! contradicts itself in them. Scopes and the API are read in `read_api.rs`.

use super::read_api;
use super::*;
use crate::document::{self, Table};

/// No life is longer.
const CENTURY: i64 = 36_500 * 86_400;

pub(super) fn authorize(table: &Table<'_>, scopes: &[ScopeWord]) -> AuthorizeRules {
    let state_required = table.boolean_or("state_required", false);
    if !state_required && table.get("state_min_length").is_some() {
        table.report("state_min_length", "means nothing while `authorize.state_required` is false");
    }
    if table.boolean_or("remember_consent", false) {
        table.report("remember_consent", "is not in this version: consent is asked every time");
    }
    AuthorizeRules {
        response_type_optional: table.boolean_or("response_type_optional", false),
        redirect_uri_required: table.boolean_or("redirect_uri_required", false),
        scope_required: table.boolean_or("scope_required", false),
        required_scopes: read_api::known_words(table, "required_scopes", scopes),
        account_parameter: account_parameter(table),
        scope_separators: separators(table, scopes),
        state_required,
        state_min_length: table.whole_or("state_min_length", if state_required { 8 } else { 0 }, 1..=128) as usize,
        iss: table.boolean_or("iss", true),
        pkce_required: table.boolean_or("pkce_required", false),
    }
}

fn account_parameter(table: &Table<'_>) -> Vec<String> {
    const TAKEN: &[&str] = &["client_id", "redirect_uri", "response_type", "scope", "state", "prompt"];
    let mut names = Vec::new();
    for item in table.list("account_parameter", 4).unwrap_or_default() {
        let Some(name) = item.text() else { continue };
        if !read_api::is_name(name) || TAKEN.contains(&name) || name.starts_with("code_challenge") {
            item.report("must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no parameter of OAuth itself");
        } else if names.iter().any(|known| known == name) {
            item.report(format!("names \"{}\" twice", item.shown()));
        }
        names.push(name.to_owned());
    }
    names
}

fn separators(table: &Table<'_>, scopes: &[ScopeWord]) -> Vec<char> {
    let Some(items) = table.list("scope_separators", 4) else {
        return vec![' '];
    };
    if items.is_empty() {
        table.report("scope_separators", "must name at least one character");
    }
    let mut found = Vec::new();
    for item in &items {
        let Some(text) = item.text() else { continue };
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) if found.contains(&one) => item.report("names the same character twice"),
            (Some(one), None) => {
                let spelled = scopes.iter().flat_map(|scope| scope.aliases.iter().chain([&scope.name]));
                if let Some(word) = spelled.into_iter().find(|word| word.contains(one)) {
                    item.report(format!("would cut the scope `{word}` in two"));
                }
                found.push(one);
            }
            _ => item.report("must hold single characters, such as \" \" or \",\""),
        }
    }
    found
}

pub(super) fn token(table: &Table<'_>) -> TokenRules {
    let refresh_life = RefreshLife {
        idle: table.seconds_or("refresh_idle", 90 * 86_400, 1..=CENTURY),
        absolute: table.seconds_or("refresh_absolute", 3 * 365 * 86_400, 1..=CENTURY),
    };
    let rotation =
        table.choice_or("rotation", Rotation::Always, &[("always", Rotation::Always), ("never", Rotation::Never)]);
    let plain = [
        ReplyField::AccessToken,
        ReplyField::TokenType,
        ReplyField::ExpiresIn,
        ReplyField::RefreshToken,
        ReplyField::Scope,
    ];
    let reply = reply(table, "reply", &plain);
    let refresh_reply = self::reply(table, "refresh_reply", &reply);
    let rules = TokenRules {
        code_life: table.seconds_or("code_life", 60, 1..=600),
        access_life: table.seconds_or("access_life", 3_600, 1..=30 * 86_400),
        refresh_life,
        rotation,
        reuse_grace: table.seconds_or("reuse_grace", 0, 0..=60),
        race_window: table.seconds_or("race_window", 10, 0..=60),
        max_families: table.whole_or("max_families", 4, 1..=64) as u32,
        reply,
        refresh_reply,
        token_type: table.choice_or("token_type", "Bearer", &[("Bearer", "Bearer"), ("bearer", "bearer")]).to_owned(),
        client_credentials: table.boolean_or("client_credentials", false),
        refresh_in_header: table.boolean_or("refresh_in_header", false),
        errors: table.choice_or(
            "errors",
            TokenErrors::OAuth,
            &[("oauth", TokenErrors::OAuth), ("message", TokenErrors::Message)],
        ),
        prefixes: prefixes(&table.table("prefixes")),
    };
    if refresh_life.idle > refresh_life.absolute {
        let key = if table.get("refresh_idle").is_some() { "refresh_idle" } else { "refresh_absolute" };
        table.report(key, "contradicts: `token.refresh_idle` is longer than `token.refresh_absolute`");
    }
    if rotation == Rotation::Always && !rules.refresh_reply.contains(&ReplyField::RefreshToken) {
        let key = if table.get("refresh_reply").is_some() { "refresh_reply" } else { "reply" };
        table.report(
            key,
            "lacks \"refresh_token\", but `token.rotation` is \"always\": apps would lose their connection",
        );
    }
    let typed = |fields: &[ReplyField]| fields.contains(&ReplyField::TokenType);
    if table.get("token_type").is_some() && !typed(&rules.reply) && !typed(&rules.refresh_reply) {
        table.report("token_type", "means nothing: no reply has \"token_type\"");
    }
    if rules.reuse_grace > Seconds(0) && rotation == Rotation::Never {
        table.report("reuse_grace", "means nothing while `token.rotation` is \"never\"");
    }
    rules
}

fn reply(table: &Table<'_>, key: &'static str, default: &[ReplyField]) -> Vec<ReplyField> {
    const FIELDS: &[(&str, ReplyField)] = &[
        ("access_token", ReplyField::AccessToken),
        ("token_type", ReplyField::TokenType),
        ("expires_in", ReplyField::ExpiresIn),
        ("refresh_token", ReplyField::RefreshToken),
        ("scope", ReplyField::Scope),
        ("created_at", ReplyField::CreatedAt),
    ];
    let Some(items) = table.list(key, 16) else {
        return default.to_vec();
    };
    let fields = distinct(&items, FIELDS);
    if !fields.contains(&ReplyField::AccessToken) {
        table.report(key, "lacks \"access_token\"");
    }
    fields
}

/// Items that must be words of `choices`, each at most once.
pub(super) fn distinct<T: Copy + PartialEq>(items: &[document::Value<'_>], choices: &[(&'static str, T)]) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        match item.choice(choices) {
            Some(choice) if found.contains(&choice) => item.report(format!("names \"{}\" twice", item.shown())),
            Some(choice) => found.push(choice),
            None => {}
        }
    }
    found
}

fn prefixes(table: &Table<'_>) -> Prefixes {
    let prefixes = Prefixes {
        access: table.text_or("access", "cw_at_"),
        refresh: table.text_or("refresh", "cw_rt_"),
        code: table.text_or("code", "cw_ac_"),
        secret: table.text_or("secret", "cw_sk_"),
    };
    let all = [
        ("access", &prefixes.access),
        ("refresh", &prefixes.refresh),
        ("code", &prefixes.code),
        ("secret", &prefixes.secret),
    ];
    for (n, (key, prefix)) in all.iter().enumerate() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if prefix.len() > 16 || !prefix.bytes().all(plain) {
            table.report(key, "must be at most 16 of A-Z, a-z, 0-9, _ and -");
        }
        for (other, earlier) in &all[..n] {
            if prefix == earlier {
                table.report(key, &format!("is the same as `{other}`: nobody could tell the two apart"));
            } else if prefix.starts_with(earlier.as_str()) || earlier.starts_with(prefix.as_str()) {
                table.report(key, &format!("and `{other}` begin alike: one is a prefix of the other"));
            }
        }
    }
    prefixes
}

/// Reads `[policy]`; whether a request names an account, and whether apps register accounts, decides about its proof.
pub(super) fn policy(table: &Table<'_>, names_account: bool, has_accounts: bool) -> Policy {
    const CONSEQUENCES: &[(&str, Consequence)] =
        &[("keep", Consequence::Keep), ("suspend", Consequence::Suspend), ("revoke", Consequence::Revoke)];
    let teams = table.boolean_or("teams", false);
    if !teams && table.get("team_approvers").is_some() {
        table.report("team_approvers", "means nothing while `policy.teams` is false");
    }
    let policy = Policy {
        teams,
        team_approvers: roles(table, "team_approvers", "nobody could connect an app for a team"),
        approvers: roles(table, "approvers", "nobody could connect an app"),
        cutters: roles(table, "cutters", "nobody could disconnect an app"),
        subject: table.choice_or(
            "subject",
            SubjectRule::Customer,
            &[("customer", SubjectRule::Customer), ("user", SubjectRule::User)],
        ),
        account_proof: table.choice(
            "account_proof",
            &[
                ("sign_in", AccountProof::SignIn),
                ("sign_in_token", AccountProof::SignInToken),
                ("none", AccountProof::None),
            ],
        ),
        on_authorizer_demoted: table.choice_or("on_authorizer_demoted", Consequence::Keep, CONSEQUENCES),
        // Not "keep": tokens of somebody who is switched off answer 401 (CORE-14).
        on_authorizer_deactivated: table.choice_or(
            "on_authorizer_deactivated",
            Consequence::Suspend,
            &[("suspend", Consequence::Suspend), ("revoke", Consequence::Revoke)],
        ),
    };
    if table.is_whole() && table.get("account_proof").is_some() {
        proven(table, &policy, names_account, has_accounts);
    }
    if teams && policy.subject != SubjectRule::Customer {
        table.report("teams", "needs `policy.subject = \"customer\"`: else all teams of a person share one connection");
    }
    policy
}

/// What contradicts the way in which an account is proven.
fn proven(table: &Table<'_>, policy: &Policy, names_account: bool, has_accounts: bool) {
    let proof = |problem: &str| table.report("account_proof", problem);
    if policy.account_proof == AccountProof::SignIn {
        match (names_account, has_accounts) {
            (false, false) => {}
            (true, _) => proof(
                "is \"sign_in\", but `authorize.account_parameter` names an account: a person's own would be connected, \
                 not the named one",
            ),
            (false, true) => proof("is \"sign_in\", but `[accounts]` has accounts whose people cannot sign in"),
        }
        return;
    }
    if !names_account {
        proof("lets people connect without signing in: then `authorize.account_parameter` must name the account");
    }
    if !has_accounts {
        proof("lets people connect without signing in: then `[accounts]` must say how apps register accounts");
    }
    if policy.teams {
        table.report("teams", "lets a person choose, but with this `policy.account_proof` nobody signs in");
    }
    if policy.subject == SubjectRule::User {
        table.report("subject", "is \"user\", but with this `policy.account_proof` nobody signs in");
    }
}

pub(super) fn roles(table: &Table<'_>, key: &'static str, if_empty: &str) -> Vec<Role> {
    let Some(items) = table.list(key, 16) else {
        return vec![Role::CustomerAdmin];
    };
    if items.is_empty() {
        table.report(key, &format!("is empty: {if_empty}"));
    }
    distinct(&items, &Role::ALL.map(|role| (role.word(), role)))
}
