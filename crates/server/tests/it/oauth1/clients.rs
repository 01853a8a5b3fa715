//! Headers as the libraries of the documents' samples write them (PLATFORMS 3, "OAuth 1.0 headers seen").

use causeway_protocol::params::encode;
use causeway_testkit::{Call, Platform};

use super::world::{HARBOR, HARBOR_TOKEN, Signer, start};

/// One library's way.
struct Client {
    name: &'static str,
    /// After the scheme and between two parameters.
    separator: &'static str,
    /// In this order; one that the call has not is left out.
    order: &'static [&'static str],
    /// What it sends besides with a GET.
    content_type: &'static str,
    nonce: &'static str,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "requests-oauthlib",
        separator: ", ",
        order: &[
            "oauth_nonce",
            "oauth_timestamp",
            "oauth_version",
            "oauth_signature_method",
            "oauth_consumer_key",
            "oauth_token",
            "oauth_signature",
        ],
        content_type: "",
        nonce: "138450926458211934881763000000",
    },
    Client {
        name: "ruby-oauth",
        separator: ", ",
        order: &[
            "oauth_consumer_key",
            "oauth_nonce",
            "oauth_signature",
            "oauth_signature_method",
            "oauth_timestamp",
            "oauth_token",
            "oauth_version",
        ],
        content_type: "",
        nonce: "V3n7wW4mZ0lQvqDp3nJt0tMZ8m5cOq1dGzXhYbKfSAE",
    },
    Client {
        name: "npm oauth",
        separator: ",",
        order: &[
            "oauth_consumer_key",
            "oauth_nonce",
            "oauth_signature_method",
            "oauth_timestamp",
            "oauth_token",
            "oauth_version",
            "oauth_signature",
        ],
        content_type: "application/x-www-form-urlencoded",
        nonce: "q8cJ3ZkPq0lXrTgB7sY1mN5vD9wE2hAf",
    },
    Client {
        name: "pecl oauth",
        separator: ",",
        order: &[
            "oauth_consumer_key",
            "oauth_signature_method",
            "oauth_nonce",
            "oauth_timestamp",
            "oauth_version",
            "oauth_token",
            "oauth_signature",
        ],
        content_type: "",
        nonce: "5645f0d5a1b2c3.45678901",
    },
];

impl Client {
    fn call(&self, platform: &Platform, by: &Signer, path: &str) -> Call {
        let pairs = by.pairs(platform, "GET", path, &[]);
        let mut written = Vec::new();
        for name in self.order {
            let found = pairs.iter().find(|(known, _)| known == name);
            written.extend(found.map(|(name, value)| format!("{name}=\"{}\"", encode(value))));
        }
        assert_eq!(written.len(), pairs.len(), "{}", self.name);
        let call = Call::get(path).header("Authorization", &format!("OAuth {}", written.join(self.separator)));
        if self.content_type.is_empty() { call } else { call.header("Content-Type", self.content_type) }
    }
}

#[tokio::test]
async fn tsm_13_headers_of_ruby_python_node_and_php_verify() {
    let platform = start().await;
    let path = "/api/v1/locations?b=2&a=x%20y&a=%3D%26+z&page=1&name=J%C3%B6rg&c%40=1&c2=2";
    for client in CLIENTS {
        for (at, by) in [Signer::of(HARBOR), Signer::of(HARBOR).token(HARBOR_TOKEN)].into_iter().enumerate() {
            let by = by.nonce(&format!("{}{at}", client.nonce));
            let reply = platform.at_api(client.call(&platform, &by, path)).await;
            assert_eq!(reply.status, 200, "{}: {}", client.name, reply.text());
            let again = platform.at_api(client.call(&platform, &by, path)).await;
            assert_eq!(again.status, 401, "{}: its nonce is used", client.name);
            let other = by.nonce("other");
            let call = client.call(&platform, &other, "/api/v1/locations?b=2");
            let tampered = Call::get("/api/v1/locations?b=3").header("Authorization", authorization(&call).as_str());
            assert_eq!(platform.at_api(tampered).await.status, 401, "{}: a tampered query", client.name);
        }
    }
}

/// The header that a call carries.
fn authorization(call: &Call) -> String {
    let shown = format!("{call:?}");
    let (_, rest) = shown.split_once("(\"Authorization\", \"").expect("it is signed");
    rest.split_once("\")").expect("it ends").0.replace("\\\"", "\"")
}

#[tokio::test]
async fn o1_05_the_version_and_the_realm_may_be_left_out_or_said() {
    let platform = start().await;
    let by = Signer::of(HARBOR);
    let header =
        by.header(&platform, "GET", "/v1/sites", None).replacen("OAuth ", "OAuth realm=\"any, \\\"thing\\\"\", ", 1);
    assert_eq!(platform.at_api(Call::get("/v1/sites").header("Authorization", &header)).await.status, 200);
    // Signed without a version: the pairs of another client.
    let mut pairs = by.pairs(&platform, "GET", "/v1/sites", &[]);
    pairs.retain(|(name, _)| name != "oauth_version" && name != "oauth_signature");
    let own: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let target = causeway_protocol::oauth1::Target { method: "GET", origin: platform.api(), path: "/v1/sites" };
    let base = causeway_protocol::oauth1::base_string(&target, None, None, &own).unwrap();
    let method = causeway_protocol::oauth1::SignatureMethod::HmacSha1;
    let signature = causeway_protocol::oauth1::signature(method, &base, HARBOR.1, "");
    let all = own.iter().copied().chain([("oauth_signature", signature.as_str())]);
    let header: Vec<String> = all.map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
    let call = Call::get("/v1/sites").header("Authorization", &format!("oauth {}", header.join(",")));
    assert_eq!(platform.at_api(call).await.status, 200);
}
