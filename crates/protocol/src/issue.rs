//! What is handed out: the pair that follows a redemption or a refresh, and the reply in the profile's shape
//! (RFC 6749 5.1). Always the intersection of what was granted with what stands now (TOKENS 2).

use crate::family::FamilySecret;
use crate::flat_json::{self, Said};
use crate::profile::ReplyField;
use crate::records::{App, Family};
use crate::time::Seconds;
use crate::token::{AccessToken, Bearer, RefreshToken, SiteSet};
use crate::{AudienceId, Position, Reason, Refusal, ScopeSet, Scopes, UnixTime};

/// An access token and the refresh token that goes with it, before sealing.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Granted now.
    pub access: AccessToken,
    /// The living refresh token.
    pub refresh: RefreshToken,
    /// What is left of the access token's life.
    pub expires_in: Seconds,
}

/// Everything that a pair is made of.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// The row after the write.
    pub family: &'a Family,
    /// The presented code's or token's bearer; its `as_of` is replaced.
    pub bearer: Bearer,
    /// From the presented code or token.
    pub secret: FamilySecret,
    /// What the request asked for: the family's scopes, or fewer.
    pub asked: ScopeSet,
    /// The connection's scopes as they stand now.
    pub connection_scopes: ScopeSet,
    /// The app as it stands now.
    pub app: &'a App,
    /// What the deciding transaction saw.
    pub position: Position,
    /// How long access tokens live.
    pub access_life: Seconds,
}

impl Grant<'_> {
    /// A fresh pair, issued now. `noise` makes two access tokens of one second different texts.
    pub fn fresh(&self, now: UnixTime, noise: [u8; 4]) -> Result<Pair, Refusal> {
        self.pair(now, now, noise)
    }

    /// The pair of an earlier reply once more: times count from the row, not from now (TOKENS 4, "Resend").
    pub fn resend(&self, now: UnixTime) -> Result<Pair, Refusal> {
        self.pair(self.family.moved_at, now, [0; 4])
    }

    fn pair(&self, issued: UnixTime, now: UnixTime, noise: [u8; 4]) -> Result<Pair, Refusal> {
        let standing = self.family.scopes.intersect(self.connection_scopes).intersect(self.app.scopes);
        let scopes = self.asked.intersect(standing);
        if scopes.is_empty() {
            return Err(Reason::NothingGranted.refuse());
        }
        let bearer = Bearer { as_of: self.position, ..self.bearer };
        // No access token outlives its family.
        let life = self.access_life.min(self.family.ends_at.since(issued));
        let access = AccessToken { bearer, sites: SiteSet::All, scopes, audience: AudienceId(0), issued, life, noise };
        let expires_in = access.expires_at().since(now);
        let refresh = RefreshToken {
            bearer,
            generation: self.family.generation,
            scopes: self.family.scopes,
            secret: self.secret,
        };
        Ok(Pair { access, refresh, expires_in })
    }
}

/// The reply's JSON object with exactly these fields, in this order. `token_type` as the profile spells it.
pub fn reply(
    fields: &[ReplyField],
    token_type: &str,
    pair: &Pair,
    access_text: &str,
    refresh_text: &str,
    scopes: &Scopes,
) -> String {
    object(fields, token_type, &pair.access, pair.expires_in, access_text, Some(refresh_text), scopes)
}

/// The same of an access token that comes alone: without `refresh_token` (RFC 6749 4.4.3).
pub fn reply_alone(
    fields: &[ReplyField],
    token_type: &str,
    access: &AccessToken,
    access_text: &str,
    scopes: &Scopes,
) -> String {
    object(fields, token_type, access, access.life, access_text, None, scopes)
}

fn object(
    fields: &[ReplyField],
    token_type: &str,
    access: &AccessToken,
    expires_in: Seconds,
    access_text: &str,
    refresh_text: Option<&str>,
    scopes: &Scopes,
) -> String {
    let scope = scopes.text(access.scopes);
    let member = |field: &ReplyField| match field {
        ReplyField::AccessToken => ("access_token", Said::Text(access_text)),
        ReplyField::TokenType => ("token_type", Said::Text(token_type)),
        ReplyField::ExpiresIn => ("expires_in", Said::Number(expires_in.0)),
        ReplyField::RefreshToken => ("refresh_token", refresh_text.map_or(Said::Nothing, Said::Text)),
        ReplyField::Scope => ("scope", Said::Text(&scope)),
        ReplyField::CreatedAt => ("created_at", Said::Number(access.issued.0)),
    };
    flat_json::object(&fields.iter().map(member).collect::<Vec<_>>())
}
