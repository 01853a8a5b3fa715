//! What access tokens, refresh tokens and codes say (TOKENS 3). A token is an upper bound, never a source.

use crate::family::FamilySecret;
use crate::seal::{Kind, Sealed};
use crate::time::Seconds;
use crate::wire::{Reader, Writer};
use crate::{AppId, AudienceId, ConnectionId, CustomerId, FamilyId, Position, ScopeSet, Subject, UnixTime, UserId};

/// Whom a token stands for. The same six numbers in every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Its family.
    pub family: FamilyId,
    /// Its connection.
    pub connection: ConnectionId,
    /// The feed position that the issuing transaction saw.
    pub as_of: Position,
    /// The app it was issued to.
    pub app: AppId,
    /// The person it acts for.
    pub user: UserId,
    /// The customer whose data it reaches.
    pub customer: CustomerId,
}

impl Bearer {
    /// Everything whose taking back kills or suspends it. A token without a connection is one of what its app has for itself.
    pub fn subjects(&self, audience: AudienceId) -> [Subject; 6] {
        let held_by = if self.family.is_lone() { Subject::app_itself(self.app) } else { self.connection.into() };
        [self.family.into(), held_by, self.app.into(), self.customer.into(), self.user.into(), audience.into()]
    }

    fn write(&self, to: &mut Writer) {
        to.int(self.family.0).int(self.connection.0).int(self.as_of.0).int(self.app.0).int(self.user.0);
        to.int(self.customer.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            family: FamilyId(from.int()?),
            connection: ConnectionId(from.int()?),
            as_of: Position(from.int()?),
            app: AppId(from.int()?),
            user: UserId(from.int()?),
            customer: CustomerId(from.int()?),
        })
    }
}

/// Which sites a token reaches. Sites are never listed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteSet {
    /// Every site of the customer.
    All,
}

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Whom it stands for.
    pub bearer: Bearer,
    /// Which sites.
    pub sites: SiteSet,
    /// What it may do, at most.
    pub scopes: ScopeSet,
    /// Where it may be presented.
    pub audience: AudienceId,
    /// When issued.
    pub issued: UnixTime,
    /// For how long.
    pub life: Seconds,
    /// Random; zero in a resend, so that two resends are one text.
    pub noise: [u8; 4],
}

impl AccessToken {
    /// The first second in which it is no longer good. No leeway.
    pub fn expires_at(&self) -> UnixTime {
        self.issued + self.life
    }
}

impl Sealed for AccessToken {
    const KIND: Kind = Kind::Access;

    fn write(&self, to: &mut Writer) {
        self.bearer.write(to);
        to.int(0).bytes(&self.scopes.to_bytes()).int(self.audience.0).int(self.issued.0).int(self.life.0);
        to.fixed(&self.noise);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            bearer: Bearer::read(from)?,
            sites: (from.int()? == 0).then_some(SiteSet::All)?,
            scopes: ScopeSet::from_bytes(from.bytes()?)?,
            audience: AudienceId(from.int()?),
            issued: UnixTime(from.int()?),
            life: Seconds(from.int()?),
            noise: from.fixed()?,
        })
    }
}

/// A refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// Whom it stands for.
    pub bearer: Bearer,
    /// Which of its family.
    pub generation: u32,
    /// What was granted to the family.
    pub scopes: ScopeSet,
    /// Proves the family.
    pub secret: FamilySecret,
}

impl Sealed for RefreshToken {
    const KIND: Kind = Kind::Refresh;

    fn write(&self, to: &mut Writer) {
        self.bearer.write(to);
        to.int(self.generation.into()).bytes(&self.scopes.to_bytes()).fixed(&self.secret.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            bearer: Bearer::read(from)?,
            generation: u32::try_from(from.int()?).ok()?,
            scopes: ScopeSet::from_bytes(from.bytes()?)?,
            secret: FamilySecret(from.fixed()?),
        })
    }
}

/// An authorization code: it carries everything, so there is no table of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Whom it stands for; `family` is the id that redeeming it will insert.
    pub bearer: Bearer,
    /// What was granted.
    pub scopes: ScopeSet,
    /// Digest of the redirect URI.
    pub redirect: [u8; 16],
    /// Whether the authorization request named it: then the token request must as well (RFC 6749 4.1.3).
    pub redirect_sent: bool,
    /// The PKCE challenge, or explicitly none (RFC 7636).
    pub challenge: Option<[u8; 32]>,
    /// The first second in which it is no longer good.
    pub expires_at: UnixTime,
    /// The family's secret to be.
    pub secret: FamilySecret,
}

impl Sealed for Code {
    const KIND: Kind = Kind::Code;

    fn write(&self, to: &mut Writer) {
        self.bearer.write(to);
        to.bytes(&self.scopes.to_bytes()).fixed(&self.redirect).int(self.redirect_sent.into());
        to.option(self.challenge, |to, challenge| {
            to.fixed(&challenge);
        });
        to.int(self.expires_at.0).fixed(&self.secret.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            bearer: Bearer::read(from)?,
            scopes: ScopeSet::from_bytes(from.bytes()?)?,
            redirect: from.fixed()?,
            redirect_sent: from.flag()?,
            challenge: from.option(|from| from.fixed())?,
            expires_at: UnixTime(from.int()?),
            secret: FamilySecret(from.fixed()?),
        })
    }
}
