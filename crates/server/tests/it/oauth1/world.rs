//! The platform of the OAuth 1.0 tests, its consumers, and a client that signs rightly or wrongly, as it is told.

use std::sync::atomic::{AtomicU64, Ordering};

use causeway_protocol::legacy::{Consumer, ConsumerToken};
use causeway_protocol::oauth1::{SignatureMethod, Signing, Target, base_string, sign, signature};
use causeway_protocol::params::encode;
use causeway_protocol::profile::{OAuth1Rules, Profile};
use causeway_protocol::records::Act;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, ConsumerId, UnixTime, UserId};
use causeway_server::legacy_secrets::{digest, seal};
use causeway_storage::Store;
use causeway_testkit::clock::NOON;
use causeway_testkit::{Builder, Call, Platform, Response};

/// A key, or a token, and its secret.
pub(crate) type Pair = (&'static str, &'static str);

/// Of the customer "4100", full of what must be encoded.
pub(crate) const HARBOR: Pair = ("harbor key+1", "h&rbor=s%cret/ü ~0123456789");
pub(crate) const HARBOR_TOKEN: Pair = ("harbor-token", "t&ken+secret=0123456789");
/// Of the customer "4200".
pub(crate) const KETTLE: Pair = ("kettle-key", "kettle-secret-0123456789");
pub(crate) const KETTLE_TOKEN: Pair = ("kettle-token", "kettle-token-secret-0123");
/// Of "4200" too, and switched off.
pub(crate) const OFF: Pair = ("off-key", "off-secret-0123456789");

/// When OAuth 1.0 ends here.
pub(crate) const END: UnixTime = UnixTime(NOON.0 + 30 * 86_400);

/// The profile's OAuth 1.0.
pub(crate) fn rules(profile: &mut Profile) -> &mut OAuth1Rules {
    profile.oauth1.as_mut().expect("the shipped profile has it")
}

/// Without budgets, and before the end.
pub(crate) fn builder() -> Builder {
    Builder::new().profile(|profile| {
        profile.api.budgets.clear();
        rules(profile).ends_at = Some(END);
    })
}

/// A running platform with the consumers.
pub(crate) async fn start() -> Platform {
    let platform = builder().start().await;
    equip(&platform).await;
    platform
}

/// Gives a platform the consumers.
pub(crate) async fn equip(platform: &Platform) {
    add(platform, "4100", HARBOR, true, Some(HARBOR_TOKEN)).await;
    add(platform, "4200", KETTLE, true, Some(KETTLE_TOKEN)).await;
    add(platform, "4200", OFF, false, None).await;
}

async fn add(platform: &Platform, customer: &str, (key, secret): Pair, active: bool, token: Option<Pair>) {
    let node = &platform.edge.node;
    let customer = node.store.customer_by_external(customer).await.unwrap().expect("the seed has this customer").id;
    let act =
        || Act { at: node.now(), actor: "test".into(), verb: "consumer.put", subject: None, detail: String::new() };
    let secret = seal(node, key, secret);
    let consumer = Consumer { id: ConsumerId(0), customer, key: key.to_owned(), secret, active };
    platform.apply(Change::PutConsumer(consumer, act())).await;
    let Some((token, secret)) = token else { return };
    let consumer = node.store.consumer(key).await.unwrap().unwrap().consumer.id;
    let row = ConsumerToken {
        digest: digest(token),
        consumer,
        customer,
        user: UserId::NOBODY,
        secret: seal(node, token, secret),
        created_at: node.now(),
    };
    platform.apply(Change::PutConsumerToken(row, act())).await;
}

/// Everything of an answer but what is its own: the request's id and the time.
pub(crate) fn look(reply: &Response) -> (u16, Vec<(String, String)>, String) {
    let own = ["x-request-id", "date"];
    let headers = reply.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (reply.status, headers, reply.text())
}

/// Who signs. Each request has a nonce of its own unless one is set.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    key: String,
    secret: Secret,
    token: Option<(String, Secret)>,
    method: SignatureMethod,
    off: i64,
    nonce: Option<String>,
    origin: Option<String>,
    extra: Vec<(String, String)>,
}

impl Signer {
    /// With a consumer's key and secret.
    pub(crate) fn of((key, secret): (&str, &str)) -> Self {
        Self {
            key: key.to_owned(),
            secret: Secret::new(secret),
            token: None,
            method: SignatureMethod::HmacSha1,
            off: 0,
            nonce: None,
            origin: None,
            extra: Vec::new(),
        }
    }

    pub(crate) fn token(self, (token, secret): (&str, &str)) -> Self {
        Self { token: Some((token.to_owned(), Secret::new(secret))), ..self }
    }

    pub(crate) fn method(self, method: SignatureMethod) -> Self {
        Self { method, ..self }
    }

    /// A clock that is off by so many seconds.
    pub(crate) fn off(self, off: i64) -> Self {
        Self { off, ..self }
    }

    pub(crate) fn nonce(self, nonce: &str) -> Self {
        Self { nonce: Some(nonce.to_owned()), ..self }
    }

    /// Another scheme and host than the platform's own.
    pub(crate) fn origin(self, origin: &str) -> Self {
        Self { origin: Some(origin.to_owned()), ..self }
    }

    /// One more parameter of the header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    fn fresh_nonce(&self) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let fresh = || format!("nonce-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.nonce.clone().unwrap_or_else(fresh)
    }

    fn timestamp(&self, platform: &Platform) -> UnixTime {
        platform.clock.now() + Seconds(self.off)
    }

    fn origin_of<'a>(&'a self, platform: &'a Platform) -> &'a str {
        self.origin.as_deref().unwrap_or(platform.api())
    }

    /// The `Authorization` header, by the partner's own signer.
    pub(crate) fn header(&self, platform: &Platform, method: &str, path: &str, form: Option<&[u8]>) -> String {
        let extra: Vec<(&str, &str)> = self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let by = Signing {
            consumer_key: &self.key,
            consumer_secret: &self.secret,
            token: self.token.as_ref().map(|(token, secret)| (token.as_str(), secret)),
            method: self.method,
            nonce: &self.fresh_nonce(),
            timestamp: self.timestamp(platform),
            extra: &extra,
        };
        let url = format!("{}{path}", self.origin_of(platform));
        sign(method, &url, form, &by).expect("what the tests sign can be signed")
    }

    /// The protocol's own parameters in the order in which they are written down here, the signature last. `form` are the
    /// body's other parameters, decoded.
    pub(crate) fn pairs(
        &self,
        platform: &Platform,
        method: &str,
        path: &str,
        form: &[(&str, &str)],
    ) -> Vec<(String, String)> {
        let mut own: Vec<(String, String)> = vec![
            ("oauth_consumer_key".into(), self.key.clone()),
            ("oauth_nonce".into(), self.fresh_nonce()),
            ("oauth_signature_method".into(), self.method.word().into()),
            ("oauth_timestamp".into(), self.timestamp(platform).0.to_string()),
            ("oauth_version".into(), "1.0".into()),
        ];
        own.extend(self.token.iter().map(|(token, _)| ("oauth_token".to_owned(), token.clone())));
        own.extend(self.extra.iter().cloned());
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let target = Target { method, origin: self.origin_of(platform), path };
        let mut all: Vec<(&str, &str)> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend_from_slice(form);
        let base = base_string(&target, query, None, &all).expect("what the tests sign can be signed");
        let token_secret = self.token.as_ref().map_or("", |(_, secret)| secret.expose());
        own.push(("oauth_signature".into(), signature(self.method, &base, self.secret.expose(), token_secret)));
        own
    }

    /// The same as it stands in a query or a form.
    pub(crate) fn parameters(&self, platform: &Platform, method: &str, path: &str, form: &[(&str, &str)]) -> String {
        let pairs = self.pairs(platform, method, path, form);
        pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    }

    /// A signed request, still without a body.
    pub(crate) fn call(&self, platform: &Platform, method: &str, path: &str, form: Option<&[u8]>) -> Call {
        Call::new(method, path).header("Authorization", &self.header(platform, method, path, form))
    }

    /// `GET` on the API host.
    pub(crate) async fn get(&self, platform: &Platform, path: &str) -> Response {
        platform.at_api(self.call(platform, "GET", path, None)).await
    }

    /// `POST` on the API host, without a body.
    pub(crate) async fn post(&self, platform: &Platform, path: &str) -> Response {
        platform.at_api(self.call(platform, "POST", path, None)).await
    }
}
