//! Every refusal of the product: a stable number, the wire's code, a sentence for a person, and what to do next.
//!
//! A refusal is a value. The HTTP status is chosen in one place only (`causeway-server`'s and `causeway-guard`'s reply
//! files). `docs/ERRORS.md` is generated from this table: never reuse or renumber a reason.

use crate::Change;

/// The `error` codes of RFC 6749 4.1.2.1 and 5.2, RFC 6750 3.1, and what the pages and the operator need besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireError {
    /// Missing, repeated or malformed parameter.
    InvalidRequest,
    /// Client authentication failed.
    InvalidClient,
    /// The code or refresh token is not good.
    InvalidGrant,
    /// The app may not do this.
    UnauthorizedClient,
    /// Unknown grant type.
    UnsupportedGrantType,
    /// `response_type` is not `code`.
    UnsupportedResponseType,
    /// More or other scope than may be granted.
    InvalidScope,
    /// A person, or the platform's rule, said no.
    AccessDenied,
    /// RFC 6750: the bearer token is not good.
    InvalidToken,
    /// RFC 6750 3.1: nothing is wrong with a token, there was none.
    Unauthorized,
    /// RFC 6750: it is good, but not for this.
    InsufficientScope,
    /// Something of ours failed.
    ServerError,
    /// Try again soon.
    TemporarilyUnavailable,
    /// No such page, route or record.
    NotFound,
    /// It exists already.
    Conflict,
    /// Not with this method.
    MethodNotAllowed,
    /// Too many requests.
    RateLimited,
    /// More bytes than are accepted.
    TooLarge,
    /// The Host header names an origin that is not ours.
    Misdirected,
    /// A body of a kind that is not read here.
    UnsupportedMediaType,
    /// The platform's API behind the guard did not answer.
    BadGateway,
    /// Signed in is needed.
    SignInNeeded,
    /// Signed in as somebody who may not.
    Forbidden,
}

impl WireError {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        use WireError::*;
        match self {
            InvalidRequest => "invalid_request",
            InvalidClient => "invalid_client",
            InvalidGrant => "invalid_grant",
            UnauthorizedClient => "unauthorized_client",
            UnsupportedGrantType => "unsupported_grant_type",
            UnsupportedResponseType => "unsupported_response_type",
            InvalidScope => "invalid_scope",
            AccessDenied => "access_denied",
            InvalidToken => "invalid_token",
            Unauthorized => "unauthorized",
            InsufficientScope => "insufficient_scope",
            ServerError => "server_error",
            TemporarilyUnavailable => "temporarily_unavailable",
            NotFound => "not_found",
            Conflict => "conflict",
            MethodNotAllowed => "method_not_allowed",
            RateLimited => "rate_limited",
            TooLarge => "too_large",
            Misdirected => "misdirected_request",
            UnsupportedMediaType => "unsupported_media_type",
            BadGateway => "bad_gateway",
            SignInNeeded => "sign_in_needed",
            Forbidden => "forbidden",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:ident, $says:literal, $next:literal;)+) => {
        /// Why something was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $says] $name,)+
        }

        impl Reason {
            /// Every reason, by number.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),+];

            /// The stable number, shown as `C-<number>`.
            pub fn number(self) -> u16 {
                match self { $(Reason::$name => $number),+ }
            }

            /// The wire's code.
            pub fn wire(self) -> WireError {
                match self { $(Reason::$name => WireError::$wire),+ }
            }

            /// What happened, in one sentence that is safe to show to anyone. Only characters of RFC 6749 5.2.
            pub fn sentence(self) -> &'static str {
                match self { $(Reason::$name => $says),+ }
            }

            /// What the reader can do about it.
            pub fn next_step(self) -> &'static str {
                match self { $(Reason::$name => $next),+ }
            }

            /// The variant's name, for docs and logs.
            pub fn name(self) -> &'static str {
                match self { $(Reason::$name => stringify!($name)),+ }
            }
        }
    };
}

reasons! {
    // 1xx: the request itself
    ParameterRepeated = 100, InvalidRequest, "A parameter was sent more than once.", "Send each parameter once, in the query or in the body, not in both.";
    ParameterMissing = 101, InvalidRequest, "A required parameter is missing or empty.", "Add the parameter that the detail names.";
    ParameterMalformed = 102, InvalidRequest, "A parameter has a form that is not accepted.", "Check the parameter that the detail names: its length and its characters.";
    CredentialsInQuery = 103, InvalidRequest, "Credentials, codes and tokens are not read from the URL.", "Move them into the body or the Authorization header. URLs end up in logs.";
    BodyUnreadable = 104, InvalidRequest, "The body could not be read as its Content-Type says.", "Send a form, multipart, or a JSON object of strings, with the matching Content-Type.";
    BodyTooLarge = 105, TooLarge, "The body is larger than is accepted.", "Send a smaller body.";
    MediaTypeUnknown = 106, UnsupportedMediaType, "Bodies of this Content-Type are not read here.", "Use application/x-www-form-urlencoded, application/json or multipart/form-data.";
    MethodNotAllowed = 107, MethodNotAllowed, "This address does not take this method.", "Use the method that the Allow header names.";
    NoSuchPage = 108, NotFound, "There is nothing at this address.", "Check the address. The endpoints stand in the metadata at /.well-known/oauth-authorization-server.";
    HostUnknown = 109, Misdirected, "The Host header names an origin that is not served here.", "Call the platform by the address that it was configured with.";
    TransportInsecure = 110, InvalidRequest, "This needs https.", "Use the https address.";
    CrossSite = 111, AccessDenied, "The form was sent from another site.", "Open the page here and send its own form.";
    HeaderMalformed = 112, InvalidRequest, "A header has a form that is not accepted.", "Check the header that the detail names.";

    // 2xx: client authentication (RFC 6749 2.3, 3.2.1)
    ClientUnknown = 200, InvalidClient, "The client credentials are wrong.", "Check client_id and client_secret. A secret that was regenerated stops at once; OAuth 1.0 credentials are not OAuth 2.0 ones.";
    ClientAuthTwice = 201, InvalidRequest, "Two client authentications were sent in one request.", "Send the secret either by HTTP Basic or in the body.";
    ClientAuthMissing = 202, InvalidClient, "The request carries no client credentials.", "Send client_id and client_secret, by HTTP Basic or in the body.";
    BasicMalformed = 203, InvalidClient, "The Authorization header is not a well-formed HTTP Basic one.", "Send base64 of the form-encoded client id, a colon and the form-encoded secret (RFC 6749 2.3.1).";
    ClientOff = 204, InvalidClient, "This app is switched off.", "Ask the platform about the app.";
    ClientNotApproved = 205, UnauthorizedClient, "This app has not been approved.", "Wait for the platform's review, or ask about it.";
    GrantNotAllowed = 206, UnauthorizedClient, "This app may not use this grant.", "Ask the platform to allow the grant for the app.";
    ClientThrottled = 207, RateLimited, "Too many failed authentications from this address for this client.", "Wait as long as Retry-After says. Requests with the right secret are still served.";
    PublicClientSecret = 208, InvalidClient, "A public app has no secret.", "Leave client_secret out, and use PKCE.";
    AppWithoutCustomer = 209, UnauthorizedClient, "This app belongs to no customer, so there is nothing that a token of its own could open.", "Connect a customer with the authorization code grant, or ask the platform to make this a customer's own app.";

    // 3xx: the authorization request (RFC 6749 4.1.1 and 4.1.2.1)
    AppUnknown = 300, InvalidRequest, "This link names an app that does not exist here.", "Check client_id against the app's page.";
    RedirectMissing = 301, InvalidRequest, "This link does not say where to return to.", "Send redirect_uri: the app has several.";
    RedirectUnregistered = 302, InvalidRequest, "This link returns to an address that is not registered for the app.", "Send one of the registered redirect URIs, byte for byte.";
    ResponseTypeMissing = 303, InvalidRequest, "The parameter response_type is missing.", "Send response_type=code.";
    ResponseTypeUnsupported = 304, UnsupportedResponseType, "Only response_type=code is supported.", "Send response_type=code.";
    ScopeUnknown = 305, InvalidScope, "A requested scope is unknown, malformed or not approved for this app.", "Request only scopes that the app was approved for.";
    ScopeMissing = 306, InvalidScope, "The parameter scope is missing.", "Say which scopes the app needs.";
    StateMissing = 307, InvalidRequest, "The parameter state is missing or too short.", "Send a random state, fresh for each session.";
    ChallengeMissing = 308, InvalidRequest, "This app must use PKCE: code_challenge is missing.", "Send code_challenge and code_challenge_method=S256 (RFC 7636).";
    ChallengeMethod = 309, InvalidRequest, "Only code_challenge_method=S256 is supported.", "Send code_challenge_method=S256.";
    ChallengeMalformed = 310, InvalidRequest, "The code_challenge is not the base64url text of a SHA-256.", "Send exactly 43 characters of base64url without padding.";
    AppNotAvailable = 311, AccessDenied, "This app cannot be connected right now.", "Ask the app's maker. The app is not approved, or is switched off.";
    AppPrivate = 312, AccessDenied, "This app is private to another customer.", "Ask the app's maker for a public app.";
    NotApprover = 313, AccessDenied, "Your role may not connect apps.", "Ask an administrator of your account to open the same link.";
    PersonDenied = 314, AccessDenied, "The person said no.", "Nothing was shared. The person can start again from the app.";
    NoCustomer = 315, AccessDenied, "Your account does not belong to a customer that apps can be connected to.", "Sign in with an account of the customer.";
    AccountUnknown = 316, InvalidRequest, "The account named in the request does not exist for this app.", "Register the account first, and send its id.";

    AccountMissing = 317, InvalidRequest, "The request does not say which account is to be connected.", "Send the parameter that names the account.";
    AccountsThrottled = 318, RateLimited, "Too many accounts that do not exist were asked for from this address.", "Wait a minute, then open the app's link again.";

    // 4xx: the pages' forms
    FormExpired = 400, AccessDenied, "This page was open for too long.", "Start again from the app.";
    FormForeign = 401, AccessDenied, "This form belongs to another browser or another person.", "Start again from the app, in this browser.";
    FormDecided = 402, AccessDenied, "This request was answered already, and differently.", "Start again from the app.";
    FormBroken = 403, AccessDenied, "This form was changed on its way.", "Start again from the app.";
    SignInFailed = 404, SignInNeeded, "Email or password is wrong.", "Try again.";
    SignInThrottled = 405, RateLimited, "Too many failed sign-ins.", "Wait a moment, then try again.";
    SignInBusy = 406, TemporarilyUnavailable, "Too many people are signing in at this moment.", "Try again in a few seconds.";
    SignInNeeded = 407, SignInNeeded, "Please sign in first.", "Sign in.";
    NotAllowedHere = 408, Forbidden, "Your role may not open this page.", "Ask an administrator of your account.";
    NoSuchConnection = 409, NotFound, "This connection does not exist, or was disconnected already.", "Go back to the list.";
    NoSuchApp = 410, NotFound, "This app does not exist, or is not yours to look after.", "Go back to the list of apps.";
    AppChanged = 411, Conflict, "The app was changed since this page was opened.", "Look at it as it is now, then try again.";
    FormIncomplete = 412, InvalidRequest, "Some fields need another look. Nothing was saved.", "Mend the fields that are marked, then send the form again.";
    TooManyApps = 413, Forbidden, "This account has as many apps as it may have.", "Use one of the apps that are there, or ask the platform.";
    TooManyOwnApps = 414, Forbidden, "You have registered as many apps as one person may.", "Use one of your apps, or ask the platform.";

    // 5xx: the token, revocation and introspection endpoints (RFC 6749 5.2, 7009, 7662)
    GrantTypeMissing = 500, InvalidRequest, "The parameter grant_type is missing.", "Send grant_type=authorization_code or grant_type=refresh_token.";
    GrantTypeUnsupported = 501, UnsupportedGrantType, "This grant_type is not supported.", "The metadata lists the supported ones.";
    CodeInvalid = 502, InvalidGrant, "The authorization code is not valid.", "Send the person through the authorization again. A code works once, for its app and redirect URI, for a few minutes.";
    CodeExpired = 503, InvalidGrant, "The authorization code has expired.", "Send the person through the authorization again.";
    CodeRedeemed = 504, InvalidGrant, "The authorization code was used already. Everything issued from it was revoked.", "Send the person through the authorization again.";
    CodeOtherClient = 505, InvalidGrant, "The authorization code was issued to another app.", "Redeem the code with the app that asked for it.";
    CodeRedirectMismatch = 506, InvalidGrant, "The redirect_uri differs from the one in the authorization request.", "Send the same redirect_uri, byte for byte.";
    VerifierMissing = 507, InvalidGrant, "The code_verifier is missing.", "Send the code_verifier that matches the code_challenge.";
    VerifierUnexpected = 508, InvalidGrant, "A code_verifier was sent, but the authorization request had no code_challenge.", "Send code_challenge in the authorization request, or no code_verifier.";
    VerifierMismatch = 509, InvalidGrant, "The code_verifier does not match the code_challenge.", "Send the verifier of this very authorization request.";
    FamilyCollision = 510, ServerError, "This code's number was taken by another one.", "Send the person through the authorization again. Nothing was revoked.";
    RefreshInvalid = 511, InvalidGrant, "The refresh token is not valid.", "Send the person through the authorization again.";
    RefreshSuperseded = 512, InvalidGrant, "The refresh token was replaced by a newer one a moment ago.", "Use the pair that the other request received.";
    RefreshReused = 513, InvalidGrant, "The refresh token was used before. Its whole family was revoked.", "Send the person through the authorization again. Never use a refresh token twice.";
    RefreshExpired = 514, InvalidGrant, "The refresh token has expired.", "Send the person through the authorization again.";
    RefreshRevoked = 515, InvalidGrant, "The authorization was revoked.", "Send the person through the authorization again.";
    RefreshOtherClient = 516, InvalidGrant, "The refresh token was issued to another app.", "Refresh with the app that it was issued to.";
    GrantSuspended = 517, InvalidGrant, "The app, the customer or the person is switched off.", "Nothing is lost: the same refresh token works again when it is switched on.";
    ScopeWider = 518, InvalidScope, "The requested scope is wider than what was granted.", "Ask for the granted scopes or fewer, or leave scope out.";
    RetryScope = 519, InvalidRequest, "A retry under the same Idempotency-Key asks for another scope.", "Repeat the request unchanged, or use a new key.";
    TokenMissing = 520, InvalidRequest, "The parameter token is missing.", "Send the token.";
    IdempotencyKeyMalformed = 521, InvalidRequest, "The Idempotency-Key is not 1 to 255 printable characters.", "Send a random key, such as a UUID.";
    RefreshAhead = 522, InvalidGrant, "The refresh token is newer than what is known of it.", "Nothing was revoked. Ask the platform: its store may have been restored from a backup.";
    NothingGranted = 523, InvalidGrant, "None of the granted scopes is allowed any more.", "Ask the platform which scopes the app has, and send the person through the authorization again.";
    ExchangePairInvalid = 530, InvalidGrant, "The consumer key and secret are not an active OAuth 1.0 pair.", "Check both against the customer's OAuth 1.0 application.";
    ExchangeDone = 531, InvalidGrant, "This pair was exchanged already, and its refresh token was used since.", "Go on with the tokens that came of it: refresh them. If they are lost, send the customer through the authorization.";
    ExchangeNoActiveSite = 532, InvalidGrant, "The customer of this pair has no active site.", "Ask the customer's administrator to activate a site, then exchange again.";
    ExchangePrivate = 533, UnauthorizedClient, "This app is private, and the pair belongs to another customer.", "Use a public app, or a pair of the customer that owns the app.";
    ExchangeEnded = 534, UnsupportedGrantType, "OAuth 1.0 pairs are no longer exchanged here.", "Send the customer through the authorization.";
    ExchangeRevoked = 535, InvalidGrant, "The connection that came of this pair was ended, and an exchange does not bring it back.", "Send the customer through the authorization. Only the platform's staff can open the pair again.";
    ExchangeThrottled = 536, RateLimited, "Too many exchanges with wrong pairs.", "Wait as long as Retry-After says. Do not try pairs: ask the customer for the right one.";

    // 6xx: the guard (RFC 6750 3.1)
    TokenAbsent = 600, Unauthorized, "The request carries no credentials.", "Send Authorization: Bearer with an access token.";
    TokenInvalid = 601, InvalidToken, "The access token is expired, revoked, malformed or unknown.", "Refresh it; if that fails, connect again.";
    ScopeInsufficient = 602, InsufficientScope, "The access token lacks a scope that this call needs.", "Do not refresh. Ask the platform for the scope, then connect again.";
    CredentialsTwice = 603, InvalidRequest, "The request carries more than one credential.", "Send exactly one.";
    CredentialsMalformed = 604, InvalidRequest, "The Authorization header is malformed.", "Send Authorization: Bearer, one space, and the token.";
    SiteMissing = 605, InvalidRequest, "The parameter site_id is missing, and this account has several active sites.", "Send site_id. The list of sites is at /v1/sites.";
    SiteMalformed = 606, InvalidRequest, "The parameter site_id was sent twice, or is not of the form of a site id.", "Send the id once, exactly as the list of sites shows it.";
    SiteForbidden = 607, Forbidden, "This token cannot act on that site.", "Use one of the sites that the list of sites shows.";
    RouteUnknown = 608, NotFound, "There is no such resource.", "Check the path against the documentation.";
    BudgetSpent = 609, RateLimited, "Too many requests for this account.", "Wait as long as Retry-After says, then back off.";
    UpstreamFailed = 610, BadGateway, "The API behind the guard did not answer.", "Try again. The platform was told.";
    GuardNotReady = 611, TemporarilyUnavailable, "The guard does not know yet what was taken back.", "Try again as Retry-After says. Keep the token: it may be good.";
    NoActiveSite = 612, Forbidden, "This account has no active site.", "Ask the account's administrator.";
    BodyWithheld = 613, TooLarge, "The body is larger than the guard reads to find the site.", "Send a smaller body.";
    PathMalformed = 614, InvalidRequest, "The path is not written plainly.", "Write it without empty parts, dot segments, backslashes, semicolons, and escapes of characters that need none.";
    ApiKeyInvalid = 615, InvalidToken, "The API key is unknown, or is switched off.", "Check the key, or ask for a new one.";

    // 7xx: the admin door
    AdminKeyWrong = 700, InvalidToken, "The admin key is missing or wrong.", "Send Authorization: Bearer with the admin key.";
    AdminSubjectUnknown = 701, NotFound, "There is no such record.", "Check the id.";
    AdminBodyMalformed = 702, InvalidRequest, "The body is not the JSON object that this call takes.", "See docs/OPERATING.md for the shape.";
    EdgeKeyWrong = 703, InvalidToken, "The edge key is missing or wrong.", "Send Authorization: Bearer with the edge key that the node's description shows.";
    EdgesTooMany = 704, TemporarilyUnavailable, "As many edges as this node serves are listening to it.", "Listen to another node, or try again as Retry-After says.";

    // 8xx: ours to mend
    StoreBusy = 800, TemporarilyUnavailable, "Too much is waiting to be written.", "Try again as Retry-After says. Nothing was done.";
    StoreFailed = 801, TemporarilyUnavailable, "The store could not be reached or written.", "Try again as Retry-After says.";
    Internal = 802, ServerError, "Something of ours failed.", "Try again. Quote the request id when asking for help.";
    KeyUnknown = 803, TemporarilyUnavailable, "This token was sealed with a key that this node does not hold yet.", "Try again as Retry-After says. Keep the token: it may be good.";
    Draining = 804, TemporarilyUnavailable, "This node is about to stop.", "Try again: another one will answer.";
    RequestSlow = 805, InvalidRequest, "The request took too long to arrive.", "Send it faster.";
    ClockApart = 806, TemporarilyUnavailable, "This node's clock stands apart from the other nodes' clocks.", "Try again: another one will answer. Operators: set this node's clock right, and it goes on by itself.";

    // 9xx: the partner's side
    CallbackStateUnknown = 900, InvalidRequest, "This return was not started here, was used already, or is too old.", "Start again from the dashboard.";
    CallbackIssuer = 901, InvalidRequest, "The answer comes from another platform than the one that was asked.", "Start again from the dashboard.";
    CallbackRefused = 902, AccessDenied, "The platform did not allow the connection.", "Start again from the dashboard when it shall be allowed.";
    ExchangeFailed = 903, BadGateway, "The platform did not hand out tokens.", "Start again from the dashboard.";
    ReconnectNeeded = 904, InvalidGrant, "The connection was ended on the platform's side.", "Connect again: settings and data are kept.";
    PlatformUnreachable = 905, TemporarilyUnavailable, "The platform cannot be reached right now.", "Nothing is lost. The call is tried again later.";
    PermissionMissing = 906, InsufficientScope, "The connection lacks a permission that this call needs.", "Ask the platform for the scope; refreshing does not help.";
    CallThrottled = 907, RateLimited, "The platform asks for fewer calls.", "Wait as long as it says, then call again. Nothing is lost.";
    RefreshRefused = 908, BadGateway, "The platform did not renew the token, though the customer did not end the connection.", "Check the app's id and secret at the platform. The connection is kept.";
    NotConnected = 909, NotFound, "This platform is not connected.", "Connect it first.";
    SiteNotOffered = 910, InvalidRequest, "This site is not one that the connection can act on.", "Choose one of the listed sites.";
    AnswerUnreadable = 911, BadGateway, "The platform's answer could not be read.", "Try again. If it stays so, ask the platform.";
    AccountRefused = 912, BadGateway, "The platform did not take the account.", "Mend the fields that it names, then send them again.";

    NoLegacyHere = 920, NotFound, "This platform takes no OAuth 1.0 pairs, or does not exchange them.", "Send each customer through the authorization.";
    CampaignRuns = 921, TemporarilyUnavailable, "A migration of this platform is running already.", "Wait for its end, or stop it where it was started.";
    LegacyRefused = 922, BadGateway, "The platform does not take this account's OAuth 1.0 pair.", "Migrate the account; if that is refused as well, ask the customer for the right pair.";

    // 10xx: OAuth 1.0 (RFC 5849 3.2). Unknown key, bad token, bad signature, used nonce and stale timestamp are one.
    OAuth1Malformed = 1000, InvalidRequest, "The OAuth 1.0 parameters could not be read.", "Check the part that the detail names: its escapes, its length, its quotes (RFC 5849 3.5).";
    OAuth1MethodUnsupported = 1001, InvalidRequest, "This oauth_signature_method is not supported.", "Sign with HMAC-SHA1. PLAINTEXT and RSA-SHA1 are not accepted.";
    OAuth1VersionUnsupported = 1002, InvalidRequest, "The oauth_version is not 1.0.", "Send oauth_version=1.0, or leave it out.";
    OAuth1Refused = 1003, Unauthorized, "The OAuth 1.0 credentials, signature, timestamp or nonce are not good.", "Check key and secret, sign what is really sent, keep the clock right, and use a fresh nonce each time.";
    OAuth1Ended = 1004, Unauthorized, "OAuth 1.0 has ended here. Move to OAuth 2.0 as the migration guide says.", "Exchange the consumer pair with grant_type=oauth1_exchange, or send the customer through the authorization.";
    OAuth1Paused = 1005, Unauthorized, "OAuth 1.0 is switched off for a while, on schedule, ahead of its end. Move to OAuth 2.0 as the migration guide says.", "Nothing is wrong with the credentials: they work again afterwards, until the end. Calls by OAuth 2.0 are not touched.";
    OAuth1CallbackMissing = 1006, InvalidRequest, "The parameter oauth_callback is missing.", "Send the address to return to, or oob (RFC 5849 2.1).";
    OAuth1CallbackMalformed = 1007, InvalidRequest, "The oauth_callback is not an address that a person can be sent back to.", "Send an absolute https address, or oob.";
    OAuth1VerifierWrong = 1008, Unauthorized, "The oauth_verifier is missing or not the one that was given to the person.", "Send the verifier that came back with this very request token. Start again if it is lost.";
    OAuth1Elsewhere = 1009, Unauthorized, "Calls that OAuth 1.0 signed are not taken at this address.", "Send them to the API's own address, or use an access token.";

    // 11xx: accounts that apps register, and their mini-app (ORC-02, 10, 11)
    AccountFieldsWrong = 1100, InvalidRequest, "Fields of the account are missing or malformed.", "Check every field that the detail names.";
    AccountTaken = 1101, Conflict, "This account id is taken.", "Choose another accountId, or edit the account. The id of a deleted account stays taken for every other app.";
    AccountNotFound = 1102, NotFound, "This app has no account with this id.", "Check accountId. Ids are case-sensitive, and one that was deleted is gone.";
    AppKeyWrong = 1103, Unauthorized, "The API key is missing, wrong, or not the key of an app.", "Send the app's API key in the header that the platform's documents name.";
    AppKeyThrottled = 1104, RateLimited, "Too many calls with wrong API keys from this address.", "Wait as long as Retry-After says. Calls with the right key are still served.";
    AppIdForeign = 1105, Forbidden, "The appId is not the app of this API key.", "Send the client id of the app that the key belongs to.";
    SignInTokenSpent = 1106, AccessDenied, "This sign-in token was used already, or is too old.", "Go back to the app and open the page again: it fetches a new one each time.";
    SignInTokenForeign = 1107, AccessDenied, "This sign-in token is missing, or does not belong to this account and app.", "Go back to the app and open the page again.";
    VisitOver = 1108, AccessDenied, "This visit has ended.", "Go back to the app and open the page again.";
    ProviderNotOffered = 1109, NotFound, "The app does not offer this provider.", "Choose one of the listed providers.";
    ProviderNotReady = 1110, TemporarilyUnavailable, "This provider cannot be connected here at the moment.", "Try again later. The platform was told.";
    RegistrationsThrottled = 1111, RateLimited, "This app registers too many accounts at once.", "Wait as long as Retry-After says: 600 accounts a minute are taken.";
}

impl Reason {
    /// This reason as a refusal that changes nothing.
    pub fn refuse(self) -> Refusal {
        Refusal { reason: self, detail: None, change: None }
    }

    /// With the name of the parameter, header or scope it is about. Never put a secret in it.
    pub fn about(self, detail: impl Into<String>) -> Refusal {
        Refusal { reason: self, detail: Some(detail.into()), change: None }
    }
}

/// A decision that says no. It may carry a change: a replayed code must fail *and* revoke.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What it is about: safe to show; only the allowed ASCII set reaches the wire.
    pub detail: Option<String>,
    /// To be applied before the reply; if it turns out stale, somebody else did it.
    pub change: Option<Box<Change>>,
}

impl Refusal {
    /// The same refusal with a change to apply first.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.change = Some(Box::new(change));
        self
    }

    /// `error_description`: number, sentence and detail, in the characters that RFC 6749 5.2 allows.
    pub fn description(&self) -> String {
        let mut text = format!("C-{}: {}", self.reason.number(), self.reason.sentence());
        if let Some(detail) = &self.detail {
            text.push_str(" (");
            text.push_str(detail);
            text.push(')');
        }
        allowed_ascii(&text)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        reason.refuse()
    }
}

/// Text reduced to RFC 6749 5.2's set (%x20-21 / %x23-5B / %x5D-7E), at most 300 characters.
pub fn allowed_ascii(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\'',
            ' '..='[' | ']'..='~' => c,
            _ => '?',
        })
        .take(300)
        .collect()
}
