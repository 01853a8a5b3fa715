//! Every line of vectors/oauth_vectors.json that is about signatures: base string, signature, and the reading of a
//! request in all three places.

use causeway_protocol::oauth1::{base_string, signature, split_url};
use serde_json::Value;

use super::*;
use crate::pkce::vectors;

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().unwrap()
}

fn oauth_params(vector: &Value) -> Owned {
    let object = vector["oauth_params"].as_object().unwrap();
    object.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn o1_01_o1_02_every_published_base_string_and_signature() {
    let all = vectors();
    let lines = all["vectors"].as_array().unwrap();
    assert_eq!(lines.len(), 22, "a line more wants to be looked at");
    for vector in lines {
        let name = text(vector, "name");
        let (origin, path, query) = split_url(text(vector, "url")).unwrap();
        let target = Target { method: text(vector, "method"), origin, path };
        let params = oauth_params(vector);
        let borrowed: Vec<(&str, &str)> = params.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let base = base_string(&target, query, Some(text(vector, "form_body").as_bytes()), &borrowed).unwrap();
        assert_eq!(base, text(vector, "base_string"), "{name}");

        let method = params.iter().find(|(name, _)| name == "oauth_signature_method").unwrap();
        let method = SignatureMethod::parse(&method.1).unwrap();
        let made = signature(method, &base, text(vector, "consumer_secret"), text(vector, "token_secret"));
        assert_eq!(made, text(vector, "signature"), "{name}");
    }
}

#[test]
fn o1_02_every_published_hmac() {
    let all = vectors();
    let lines = all["hmac_only"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    for vector in lines {
        let (consumer, token) = (text(vector, "consumer_secret"), text(vector, "token_secret"));
        let made = signature(SignatureMethod::HmacSha1, text(vector, "base_string"), consumer, token);
        assert_eq!(made, text(vector, "signature"));
    }
}

#[test]
fn o1_03_tsm_13_every_published_request_verifies_from_every_place() {
    for vector in vectors()["vectors"].as_array().unwrap() {
        let name = text(vector, "name");
        let (origin, path, query) = split_url(text(vector, "url")).unwrap();
        let body = text(vector, "form_body");
        let mut params = oauth_params(vector);
        params.push(("oauth_signature".to_owned(), text(vector, "signature").to_owned()));
        let both =
            |own: &str, more: &str| [own, more].iter().filter(|s| !s.is_empty()).copied().collect::<Vec<_>>().join("&");
        let in_query = both(query.unwrap_or(""), &form(&params));
        let in_body = both(body, &form(&params));
        let realm = format!("OAuth realm=\"a \\\"quoted\\\", realm\",{}", &header(&params, ",")[6..]);
        let requests = [
            read(Some(&header(&params, ", ")), query, Some(body)),
            read(Some(&header(&params, ",")), query, Some(body)),
            read(Some(&realm), query, Some(body)),
            read(None, Some(&in_query), Some(body)),
            read(None, query, Some(&in_body)),
        ];
        for request in requests {
            let request = request.unwrap().unwrap();
            let target = Target { method: text(vector, "method"), origin, path };
            let consumer = Secret::new(text(vector, "consumer_secret"));
            let token = Secret::new(text(vector, "token_secret"));
            assert_eq!(request.base_string(&target), text(vector, "base_string"), "{name}");
            assert!(request.verify(&target, &consumer, Some(&token)), "{name}");
            assert!(!request.verify(&target, &token, Some(&consumer)), "{name}");
            assert!(!request.verify(&target, &consumer, Some(&Secret::new("other"))), "{name}");
            assert_eq!(request.verify(&target, &consumer, None), token.expose().is_empty(), "{name}");
        }
    }
}
