//! What a card shows of an account that calls: its data, its tokens, what it may do and how that ends; or, before it was
//! moved from OAuth 1.0, its data alone.

use causeway_protocol::UnixTime;
use causeway_protocol::params::append_query;
use causeway_vault::legacy::{Account, Scheme};
use causeway_vault::{Connection, LifeFrom, Platform, Site, Tokens};

use super::card::{Permission, permissions};
use crate::data::{Section, Seen};
use crate::hub::Inner;
use crate::words;

pub(super) struct LiveView {
    pub(super) scheme: &'static str,
    pub(super) customer: Option<String>,
    /// The platform told no name.
    pub(super) customer_is_id: bool,
    pub(super) sites: Vec<SiteView>,
    pub(super) tokens: Option<TokensView>,
    /// The refresh token's end, when a person should connect again before it.
    pub(super) ends: Option<Moment>,
    pub(super) permissions: Vec<Permission>,
    pub(super) seen: Option<SeenView>,
    pub(super) since: Moment,
    /// The platform can say whose connection it is.
    pub(super) can_test: bool,
    /// The platform's mini-app, signed in.
    pub(super) manage: Option<String>,
    /// The platform can be told that it ends.
    pub(super) revokes: bool,
    pub(super) cut_where: String,
}

/// See the module.
pub(super) struct LegacyView {
    pub(super) seen: Option<SeenView>,
    /// When the platform stops taking it, as it said with its last reply.
    pub(super) ends: Option<Moment>,
    /// Where it explains what to do.
    pub(super) guide: Option<String>,
}

pub(super) struct SiteView {
    pub(super) site: Site,
    pub(super) chosen: bool,
}

pub(super) struct TokensView {
    pub(super) access: String,
    /// `None`: nobody says; it lives until a call is refused.
    pub(super) access_ends: Option<Moment>,
    /// What the end rests on.
    pub(super) said_by: &'static str,
    pub(super) refresh: Option<String>,
    pub(super) refresh_ends: Option<Moment>,
    pub(super) obtained: Moment,
}

pub(super) struct SeenView {
    pub(super) at: Moment,
    pub(super) site: Option<String>,
    pub(super) scheme: Option<&'static str>,
    pub(super) sections: Vec<Section>,
}

/// A time in words, with the exact one.
pub(super) struct Moment {
    pub(super) words: String,
    pub(super) exact: String,
}

pub(super) fn past(now: UnixTime, at: UnixTime) -> Moment {
    Moment { words: words::ago(now, at), exact: words::exact(at) }
}

pub(super) fn future(now: UnixTime, at: UnixTime) -> Moment {
    Moment { words: words::ahead(now, at), exact: words::exact(at) }
}

impl LiveView {
    pub(super) fn of(
        hub: &Inner,
        platform: &Platform,
        connection: &Connection,
        tokens: Option<Tokens>,
        seen: Option<Seen>,
    ) -> Self {
        let (profile, now) = (&platform.profile, hub.vault.now());
        let chosen = |site: &Site| connection.site.as_ref() == Some(&site.id);
        let is_id = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let manage = hub
            .api_key(platform)
            .map(|_| append_query(&format!("/manage/{}", platform.key()), &[("account", connection.account.as_str())]));
        Self {
            scheme: Scheme::OAuth2.word(),
            customer_is_id: connection.customer.as_deref().is_some_and(is_id),
            customer: connection.customer.clone(),
            sites: connection.sites.iter().map(|site| SiteView { site: site.clone(), chosen: chosen(site) }).collect(),
            tokens: tokens.map(|tokens| TokensView::of(connection, tokens, now)),
            ends: connection.refresh_ends.filter(|_| connection.ends_soon(now)).map(|at| future(now, at)),
            permissions: permissions(profile, connection.scope.split_whitespace()),
            seen: seen.map(|seen| SeenView::of(seen, &connection.sites, now)),
            since: past(now, connection.connected_at),
            can_test: profile.partner.test.is_some(),
            manage,
            revokes: profile.partner.revokes,
            cut_where: profile.brand.cut_where.clone(),
        }
    }
}

impl TokensView {
    fn of(connection: &Connection, tokens: Tokens, now: UnixTime) -> Self {
        Self {
            access: tokens.access,
            access_ends: connection.access_ends.map(|end| future(now, end)),
            said_by: match connection.life_from {
                LifeFrom::Reply => "the platform said so",
                LifeFrom::Token => "read from the token itself",
                LifeFrom::Profile => "by the platform’s documents",
                LifeFrom::Nobody => "no known end: used until it is refused",
            },
            refresh: tokens.refresh,
            refresh_ends: connection.refresh_ends.map(|at| future(now, at)),
            obtained: past(now, connection.obtained),
        }
    }
}

impl SeenView {
    fn of(seen: Seen, sites: &[Site], now: UnixTime) -> Self {
        let name_of = |id: &String| sites.iter().find(|site| site.id == *id).map(|site| site.name.clone());
        Self {
            at: past(now, seen.at),
            site: seen.site.as_ref().map(|id| name_of(id).unwrap_or_else(|| id.clone())),
            scheme: seen.scheme.map(Scheme::word),
            sections: seen.sections,
        }
    }
}

impl LegacyView {
    pub(super) fn of(hub: &Inner, row: Option<&Account>, seen: Option<Seen>) -> Self {
        let now = hub.vault.now();
        let notice = row.map(|row| row.notice.clone()).unwrap_or_default();
        Self {
            seen: seen.map(|seen| SeenView::of(seen, &[], now)),
            ends: notice.ends_at.map(|at| future(now, at)),
            guide: notice.guide,
        }
    }
}
