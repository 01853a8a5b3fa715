//! What a profile means that its author may not expect. None of it is an error; `causeway check` prints it.

use super::{AccountProof, Profile, ReplyField, Rotation, Route, TokenErrors};
use crate::time::Seconds;

/// Whether it holds, and what is said then.
type Case = (bool, &'static str);

/// One sentence for each surprising consequence of this profile's settings; none for a plain one.
pub fn warnings(profile: &Profile) -> Vec<String> {
    let cases = [flow(profile).as_slice(), &api(profile), &extras(profile)].concat();
    let plain = cases.into_iter().filter(|(holds, _)| *holds).map(|(_, says)| says.to_owned());
    plain.chain(unserved(profile)).collect()
}

fn flow(profile: &Profile) -> [Case; 11] {
    let Profile { authorize, token, policy, .. } = profile;
    [
        (
            token.rotation == Rotation::Never,
            "token.rotation = \"never\": refresh tokens of confidential apps stay the same until they end; public apps \
             rotate anyway, because a copied token could not be noticed (RFC 9700 4.14.2)",
        ),
        (
            policy.account_proof == AccountProof::None,
            "policy.account_proof = \"none\": nobody signs in; whoever holds the authorize link connects that account",
        ),
        (
            policy.account_proof == AccountProof::SignInToken,
            "policy.account_proof = \"sign_in_token\": whoever holds a sign-in token connects that account, once, while \
             it lives",
        ),
        (
            token.reuse_grace > Seconds(0),
            "token.reuse_grace: within it, a copied refresh token and its owner get the same successor",
        ),
        (
            !authorize.iss,
            "authorize.iss = false: an app that connects to several platforms cannot tell whose answer it got \
             (RFC 9207)",
        ),
        (
            authorize.state_required && authorize.state_min_length < 8,
            "authorize.state_min_length is less than 8: such a state can be guessed, and then protects nobody",
        ),
        (
            token.access_life > Seconds::DAY,
            "token.access_life is longer than a day: RFC 6750 5.3 recommends an hour or less, and take-backs are \
             remembered as long",
        ),
        (
            !token.reply.contains(&ReplyField::TokenType),
            "token.reply has no token_type: RFC 6749 5.1 requires it, and strict apps refuse the reply",
        ),
        (
            !token.reply.contains(&ReplyField::ExpiresIn),
            "token.reply has no expires_in: apps have to guess when to refresh",
        ),
        (
            !token.reply.contains(&ReplyField::RefreshToken),
            "token.reply has no refresh_token: every connection ends with its first access token",
        ),
        (
            token.errors == TokenErrors::Message,
            "token.errors = \"message\": apps cannot tell invalid_grant (reconnect) from a passing failure by its code",
        ),
    ]
}

fn api(profile: &Profile) -> [Case; 3] {
    let Profile { api, .. } = profile;
    [
        (api.routes.is_empty(), "api.routes is empty: the guard answers every call with 404"),
        (
            api.budgets.is_empty(),
            "api.budgets is empty: one app can ask for as much as the API behind the guard can bear",
        ),
        (
            api.scope_missing_is_401,
            "api.scope_missing_is_401: apps cannot tell a missing scope from a dead token, and refresh in vain",
        ),
    ]
}

fn extras(profile: &Profile) -> [Case; 6] {
    let Profile { oauth1, api_keys, accounts, .. } = profile;
    let has = |holds: fn(&super::OAuth1Rules) -> bool| oauth1.as_ref().is_some_and(holds);
    [
        (
            has(|rules| rules.without_verifier),
            "oauth1.without_verifier: without a verifier, who started a connection can finish what somebody else allowed \
             (the advisory of 2009 that 1.0a answers)",
        ),
        (
            has(|rules| rules.ends_at.is_some() && rules.deprecated_at.is_none()),
            "oauth1.ends_at without oauth1.deprecated_at: replies name the end, but never say that 1.0 is deprecated \
             (RFC 9745)",
        ),
        (
            has(|rules| rules.ends_at.is_some() && rules.guide.is_none()),
            "oauth1.ends_at without oauth1.guide: whoever is refused then is not told what to do",
        ),
        (
            has(|rules| rules.exchange && rules.exchange_ends_at.is_none()),
            "oauth1.exchange has no end: whoever finds an old consumer pair can turn it into tokens, for ever",
        ),
        (
            api_keys.as_ref().is_some_and(|rules| rules.query.is_some()),
            "api_keys.query: addresses are logged by proxies and kept by browsers, and the keys in them too",
        ),
        (
            accounts.as_ref().is_some_and(|rules| rules.sign_in_life > Seconds(600)),
            "accounts.sign_in_life is longer than ten minutes: a sign-in token travels in an address, and whoever reads \
             that address meanwhile is signed in",
        ),
    ]
}

/// What the partner would ask for and this very platform would not have.
fn unserved(profile: &Profile) -> Vec<String> {
    let Profile { api, partner, endpoints, .. } = profile;
    let own = |(path, _): &&(String, String)| endpoints.userinfo.as_ref() != Some(path);
    let test = partner.test.iter().filter(own).map(|(path, _)| ("partner.test.path", path));
    let sites = partner.sites_path.iter().map(|path| ("partner.sites_path", path));
    let shows = partner.shows.iter().map(|(_, path)| ("partner.shows.path", path));
    let asked = test.chain(sites).chain(shows).filter(|_| !api.routes.is_empty());
    let served = |path: &str| {
        let whole = format!("{}{path}", partner.api_prefix);
        let below = api.prefixes.iter().filter_map(|prefix| whole.strip_prefix(prefix.as_str()));
        below.into_iter().any(|rest| api.routes.iter().any(|route| reads(route, rest)))
    };
    asked
        .filter(|(_, path)| !served(path))
        .map(|(key, path)| format!("{key} = \"{path}\": no route of api.routes answers a GET of it"))
        .collect()
}

/// Whether a `GET` of this path (below the prefix) is the route's.
fn reads(route: &Route, path: &str) -> bool {
    let (mut mine, mut theirs) = (route.path.split('/'), path.split('/'));
    let covered = loop {
        match (mine.next(), theirs.next()) {
            (Some("**"), Some(_)) | (None, None) => break true,
            (Some(part), Some(other)) if part == other || part.starts_with('{') => {}
            _ => break false,
        }
    };
    covered && route.methods.iter().any(|method| method == "GET")
}
