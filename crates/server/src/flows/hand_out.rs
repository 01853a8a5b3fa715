//! What the token endpoint hands out: a pair, intersected with what stands now, sealed, in the profile's shape.
//! Whether it may be handed out was decided before.

use causeway_protocol::change::Standing;
use causeway_protocol::client_auth::Client;
use causeway_protocol::family::FamilySecret;
use causeway_protocol::issue::{self, Grant};
use causeway_protocol::profile::ReplyField;
use causeway_protocol::records::Family;
use causeway_protocol::seal::KeyRing;
use causeway_protocol::token::Bearer;
use causeway_protocol::{Applied, Position, Reason, Refusal, Row, ScopeSet, UnixTime};

use crate::shared::Shared;
use crate::throttle::Key;

/// What was presented, proven and opened.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    /// By whom.
    pub(crate) client: Client<'a>,
    /// Whom the code or token stands for.
    pub(crate) bearer: Bearer,
    /// Its family's secret.
    pub(crate) secret: FamilySecret,
    /// Which scopes are wanted.
    pub(crate) asked: ScopeSet,
    /// What seals the pair: the row says so already.
    pub(crate) ring: &'a KeyRing,
    /// When it was decided.
    pub(crate) now: UnixTime,
}

/// The row behind a pair and what stands around it, as the deciding transaction saw it.
pub(crate) struct Stands {
    family: Family,
    connection_scopes: ScopeSet,
    position: Position,
}

impl Stands {
    /// What `CreateFamily` and `MoveFamily` answer with.
    pub(crate) fn written(applied: Applied) -> Result<Self, Refusal> {
        match applied.row {
            Row::Family { family, connection_scopes } => {
                Ok(Self { family, connection_scopes, position: applied.position })
            }
            _ => Err(Reason::Internal.refuse()),
        }
    }

    /// What was read without writing.
    pub(crate) fn read(family: Family, standing: &Standing) -> Self {
        let connection_scopes = standing.connection.map_or(ScopeSet::EMPTY, |(scopes, _)| scopes);
        Self { family, connection_scopes, position: standing.position }
    }
}

impl Presented<'_> {
    /// A grant of nothing would burn what was presented: what can be known before the write is refused before the
    /// write.
    pub(crate) fn something_is_left(&self) -> Result<(), Refusal> {
        if self.asked.touches(self.client.app().scopes) { Ok(()) } else { Err(Reason::NothingGranted.refuse()) }
    }

    /// A fresh pair. `kept` is a refresh token that stays as it is.
    pub(crate) fn fresh(
        &self,
        shared: &Shared,
        stands: &Stands,
        fields: &[ReplyField],
        kept: Option<&str>,
    ) -> Result<String, Refusal> {
        self.reply(shared, stands, fields, kept, |grant| grant.fresh(self.now, shared.node.random()))
    }

    /// The pair of an earlier reply once more: to an honest client that lost it, or to one that should look at its
    /// code.
    pub(crate) fn resend(&self, shared: &Shared, stands: &Stands, fields: &[ReplyField]) -> Result<String, Refusal> {
        let reply = self.reply(shared, stands, fields, None, |grant| grant.resend(self.now))?;
        shared.metrics.resends.inc();
        let (family, app) = (stands.family.id.0, self.client.id().0);
        tracing::info!(family, app, "the same pair was handed out once more");
        let key = Key::of(&[b"resend", &family.to_be_bytes()]);
        if shared.resends.failed(key, shared.node.clock.monotonic_nanos()).is_some() {
            shared.metrics.resend_alerts.inc();
            tracing::warn!(family, app, "more than three resends within a day: a client that loses replies, or a copy");
        }
        Ok(reply)
    }

    fn reply(
        &self,
        shared: &Shared,
        stands: &Stands,
        fields: &[ReplyField],
        kept: Option<&str>,
        pair: impl FnOnce(&Grant<'_>) -> Result<issue::Pair, Refusal>,
    ) -> Result<String, Refusal> {
        let node = &shared.node;
        // The app as it stands after the write, not as it stood when the caller proved itself.
        let app = node.held.app(self.client.id());
        let grant = Grant {
            family: &stands.family,
            bearer: self.bearer,
            secret: self.secret,
            asked: self.asked,
            connection_scopes: stands.connection_scopes,
            app: app.as_deref().unwrap_or(self.client.app()),
            position: stands.position,
            access_life: node.profile.token.access_life,
        };
        let pair = pair(&grant)?;
        let prefixes = &node.profile.token.prefixes;
        let access = self.ring.seal(&prefixes.access, &pair.access, self.now);
        let refresh = match kept {
            Some(text) => text.to_owned(),
            None => self.ring.seal(&prefixes.refresh, &pair.refresh, self.now),
        };
        let token_type = &node.profile.token.token_type;
        Ok(issue::reply(fields, token_type, &pair, &access, &refresh, &node.held.scopes()))
    }
}
