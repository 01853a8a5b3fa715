//! What a profile means that its author may not expect. None of it is an error; `causeway check` prints it.

use super::{AccountProof, Profile, ReplyField, Rotation};
use crate::time::Seconds;

/// One sentence for each surprising consequence of this profile's settings; none for a plain one.
pub fn warnings(profile: &Profile) -> Vec<String> {
    let Profile { authorize, token, policy, api, .. } = profile;
    let cases = [
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
            token.access_life > Seconds::DAY,
            "token.access_life is longer than a day: RFC 6750 5.3 recommends an hour or less, and take-backs are \
             remembered as long",
        ),
        (
            !token.reply.contains(&ReplyField::ExpiresIn),
            "token.reply has no expires_in: apps have to guess when to refresh",
        ),
        (
            !token.reply.contains(&ReplyField::RefreshToken),
            "token.reply has no refresh_token: every connection ends with its first access token",
        ),
        (api.routes.is_empty(), "api.routes is empty: the guard answers every call with 404"),
    ];
    cases.into_iter().filter(|(holds, _)| *holds).map(|(_, says)| says.to_owned()).collect()
}
