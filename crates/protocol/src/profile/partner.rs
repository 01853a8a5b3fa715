//! How a partner speaks to a platform: addresses, the shape of each request, what replies and refusals look like there.
//! Types only; `read_partner.rs` reads them. What the vault does with them is the vault's.

use super::HostWord;
use crate::time::Seconds;

/// How a partner speaks to this platform.
#[derive(Clone, Debug, PartialEq)]
pub struct PartnerRules {
    /// The platform's real login base, where the partner sends people.
    pub login_base: String,
    /// The platform's real API base.
    pub api_base: String,
    /// Base of the token endpoint where it is neither of the two (Google); else what `endpoints.token_host` says.
    pub token_base: Option<String>,
    /// What stands between the API base and the paths of calls; may be empty (GitHub has no prefix).
    pub api_prefix: String,
    /// How the client authenticates at the token endpoint.
    pub client_auth: ClientAuthStyle,
    /// Body format at the token endpoint.
    pub body: BodyStyle,
    /// Separator of scope words in the authorize URL.
    pub scope_separator: char,
    /// Name of the parameter that carries them (Slack asks for a person's scopes in `user_scope`).
    pub scope_parameter: String,
    /// Fixed further parameters of the authorize URL (Google's `access_type=offline`).
    pub authorize_extra: Vec<(String, String)>,
    /// True: the refresh token travels in `Authorization: Bearer`, not in the body (CAL-14).
    pub refresh_in_header: bool,
    /// Where in a reply the token fields stand, as dotted names (Slack's `authed_user`); `None`: at the top.
    pub reply_root: Option<String>,
    /// What a token endpoint's error says when the grant is over: codes or, where errors are messages, messages.
    pub ended: Vec<String>,
    /// Refresh this long before the access token ends.
    pub refresh_ahead: Seconds,
    /// Assumed when neither the reply nor the token itself says its life; `None`: it lives until a call answers 401.
    pub default_access_life: Option<Seconds>,
    /// How long a refresh token lives, where documents say so (Otesse, Orcabase: 30 days).
    pub refresh_life: Option<Seconds>,
    /// True: each refresh begins `refresh_life` anew (Orcabase); false: it counts from the connect (Otesse).
    pub refresh_slides: bool,
    /// Warn a person this long before the refresh token ends (OTE-13).
    pub refresh_warn: Seconds,
    /// False: the platform has no revocation endpoint, so disconnecting only forgets (Cal.com).
    pub revokes: bool,
    /// How a token is given back, where that is not RFC 7009's way.
    pub revoke: RevokeRules,
    /// Codes in the body of an API answer, whatever its status, that say what 401 says elsewhere (Slack's
    /// `token_expired`).
    pub token_refused: Vec<String>,
    /// Codes in the body of an API answer that mean a missing permission, besides RFC 6750's (Slack's `missing_scope`).
    pub scope_refused: Vec<String>,
    /// The call of "test the connection" (CAL-15): a path below the API prefix or the userinfo path itself, and the
    /// dotted name of what to show from its reply.
    pub test: Option<(String, String)>,
    /// Path (below the API prefix) that lists the customer's sites; `None` where there are none.
    pub sites_path: Option<String>,
    /// Paths (below the API prefix) that the dashboard shows: title and path.
    pub shows: Vec<(String, String)>,
}

/// How the client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthStyle {
    /// `client_id` and `client_secret` in the body.
    Body,
    /// HTTP Basic.
    Basic,
}

/// Body format at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStyle {
    /// application/x-www-form-urlencoded
    Form,
    /// application/json
    Json,
}

/// How a token is given back. The defaults are RFC 7009's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeRules {
    /// The request's method.
    pub method: RevokeMethod,
    /// Which host; `None`: where the token endpoint is.
    pub host: Option<HostWord>,
    /// The path, `{client_id}` in it standing for the app's; `None`: `endpoints.revoke`.
    pub path: Option<String>,
    /// Which of the two tokens ends the authorization.
    pub token: RevokedToken,
    /// The name under which it is sent.
    pub field: String,
    /// How the client authenticates there.
    pub client_auth: ClientAuthStyle,
    /// Body format there.
    pub body: BodyStyle,
}

/// The method of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeMethod {
    /// RFC 7009 2.1.
    Post,
    /// GitHub deletes the app's grant.
    Delete,
}

/// The token that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedToken {
    /// The refresh token if there is one, else the access token.
    Refresh,
    /// The access token (Slack, GitHub).
    Access,
}
