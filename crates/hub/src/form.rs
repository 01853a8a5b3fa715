//! The dashboard's own forms: read, bounded, and known to be this session's. Lists of many lines come in a text field, so
//! line breaks are taken here. What a form asks for is its action's business.

use axum::body::{Body, to_bytes};
use causeway_protocol::secret::Secret;
use causeway_protocol::{Reason, Refusal};

use crate::hub::{Inner, MAIN};
use crate::session::Session;

/// The longest form without a list.
const PLAIN: usize = 16 * 1024;
/// The longest one with a list, in bytes: some 8,000 lines.
pub(crate) const WITH_LIST: usize = 1024 * 1024;
/// The longest value that is not a list, in bytes.
const VALUE: usize = 500;

/// What was sent.
pub(crate) struct Form(Vec<(String, Secret)>);

impl Form {
    /// Reads a form of this session. 105 it is too long · 401 it is not this session's.
    pub(crate) async fn read(session: &Session, body: Body) -> Result<Self, Refusal> {
        Self::within(session, body, PLAIN).await
    }

    /// The same with room for a list.
    pub(crate) async fn with_list(session: &Session, body: Body) -> Result<Self, Refusal> {
        Self::within(session, body, WITH_LIST).await
    }

    async fn within(session: &Session, body: Body, most: usize) -> Result<Self, Refusal> {
        let bytes = to_bytes(body, most).await.map_err(|_| Reason::BodyTooLarge.refuse())?;
        let pairs = form_urlencoded::parse(&bytes).take(100);
        let form = Self(pairs.map(|(name, value)| (name.into_owned(), Secret::new(value))).collect());
        if session.owns(form.raw("form")) { Ok(form) } else { Err(Reason::FormForeign.refuse()) }
    }

    fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.expose())
    }

    /// A short value, without what surrounds it; empty when absent. 102 it is too long or holds a control character.
    pub(crate) fn get(&self, name: &'static str) -> Result<&str, Refusal> {
        let value = self.raw(name).trim();
        if value.len() > VALUE || value.chars().any(char::is_control) {
            return Err(Reason::ParameterMalformed.about(name));
        }
        Ok(value)
    }

    /// The same, which must be there. 101 it is not.
    pub(crate) fn require(&self, name: &'static str) -> Result<&str, Refusal> {
        match self.get(name)? {
            "" => Err(Reason::ParameterMissing.about(name)),
            value => Ok(value),
        }
    }

    /// A text of many lines, as it is.
    pub(crate) fn list(&self, name: &str) -> &str {
        self.raw(name)
    }

    /// Which account it is about.
    pub(crate) fn account(&self) -> Result<&str, Refusal> {
        Ok(Some(self.get("account")?).filter(|account| !account.is_empty()).unwrap_or(MAIN))
    }
}

/// Refuses what is about a platform that is not here.
pub(crate) fn known(hub: &Inner, platform: &str) -> Result<(), Refusal> {
    hub.vault.platform(platform).map(|_| ()).ok_or(Reason::NoSuchPage.refuse())
}
