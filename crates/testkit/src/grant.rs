//! A consent without pages: what the consent page's flow does once a person pressed Allow, so that tests of the token
//! endpoint do not depend on HTML. The same rules of `protocol` decide.

use causeway_protocol::authorize::{Pending, Request, ReturnTo};
use causeway_protocol::change::Row;
use causeway_protocol::consent::{self, Decider, Form};
use causeway_protocol::family::FamilySecret;
use causeway_protocol::pkce;
use causeway_protocol::records::Decision;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, Outcome};
use causeway_storage::Store;

use crate::platform::Platform;

/// What a person allows.
#[derive(Clone, Debug)]
pub struct Consent<'a> {
    /// Whose app.
    pub client_id: &'a str,
    /// Who allows.
    pub person: &'a str,
    /// Which scopes; `None`: all of the app's.
    pub scopes: Option<&'a str>,
    /// Which redirect URI; by default the app's first.
    pub redirect_uri: Option<&'a str>,
    /// Whether the authorization request named it.
    pub redirect_sent: bool,
    /// The PKCE verifier whose challenge the request carried.
    pub verifier: Option<&'a str>,
}

impl<'a> Consent<'a> {
    /// This person allows this app everything it may have.
    pub fn new(client_id: &'a str, person: &'a str) -> Self {
        Self { client_id, person, scopes: None, redirect_uri: None, redirect_sent: true, verifier: None }
    }

    /// Fewer scopes.
    #[must_use]
    pub fn scopes(self, words: &'a str) -> Self {
        Self { scopes: Some(words), ..self }
    }

    /// With PKCE.
    #[must_use]
    pub fn verifier(self, verifier: &'a str) -> Self {
        Self { verifier: Some(verifier), ..self }
    }
}

impl Platform {
    /// The code that follows from a consent.
    ///
    /// # Panics
    /// When the rules forbid it: a test of refusals goes through the pages.
    pub async fn grant(&self, wish: Consent<'_>) -> String {
        let node = &self.edge.node;
        let now = node.now();
        let app = self.app(wish.client_id);
        let person = self.person(wish.person).await;
        let customer = match person.customer {
            Some(id) => node.store.customer(id).await.expect("the store answers"),
            None => None,
        };
        let scopes = node.held.scopes();
        let request = Request {
            app: app.id,
            return_to: ReturnTo {
                uri: wish.redirect_uri.unwrap_or(&app.redirect_uris[0]).to_owned(),
                sent: wish.redirect_sent,
                state: None,
            },
            scopes: wish
                .scopes
                .map_or(app.scopes, |words| node.profile.read_scope(words, &scopes).expect("known scopes")),
            challenge: wish.verifier.and_then(|verifier| pkce::parse_challenge(&pkce::challenge_of(verifier))),
            account: None,
        };
        let decider = Decider::Person(&person);
        consent::may_allow(&request, &app, decider, customer.as_ref(), &node.profile).expect("may be allowed");
        let pending = Pending {
            request: Ok(request.clone()),
            transaction: node.random(),
            browser: [0; 16],
            expires_at: now + Seconds(1_800),
        };
        let form = Form {
            pending,
            session: [0; 16],
            person: person.id,
            family: node.family_id(),
            secret: FamilySecret(node.random()),
        };
        let change = consent::decide(&form, &request, Decision::Allow, decider, customer.as_ref(), &node.profile, now);
        let change: Change = change.expect("may be decided");
        let outcome = node.apply(change).await.expect("the store answers");
        let Outcome::Applied(applied) = outcome else { panic!("the decision was stale") };
        let Row::Decided(decided) = applied.row else { panic!("a decision answers its row") };
        let for_whom = customer.expect("a customer allowed").id;
        let code = consent::code(&form, &request, &decided, person.id, for_whom, &node.profile);
        let code = code.expect("allowed, so a code");
        node.ring().seal(&node.profile.token.prefixes.code, &code, now)
    }
}
