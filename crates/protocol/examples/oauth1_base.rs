//! Signs the requests of standard input, one JSON object a line, and prints base string and signature of each, for
//! `cargo xtask prove signatures`. Each is also read back and verified as a provider does.

#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::io::BufRead;

use causeway_protocol::oauth1::{OAuth1Request, SignatureMethod, Signing, Target, sign, split_url};
use causeway_protocol::secret::Secret;
use causeway_protocol::{Refusal, UnixTime};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let ask: Value = serde_json::from_str(&line?)?;
        let answer = match answer(&ask) {
            Ok((base, signature)) => json!({"base": base, "signature": signature}),
            Err(refusal) => json!({"refused": refusal.description()}),
        };
        println!("{answer}");
    }
    Ok(())
}

fn answer(ask: &Value) -> Result<(String, String), Refusal> {
    let text = |key: &str| ask[key].as_str().unwrap_or_default();
    let secret = Secret::new(text("consumer_secret"));
    let token_secret = ask["token"].is_string().then(|| Secret::new(text("token_secret")));
    let by = Signing {
        consumer_key: text("consumer_key"),
        consumer_secret: &secret,
        token: token_secret.as_ref().map(|secret| (text("token"), secret)),
        method: SignatureMethod::parse(text("signature_method")).unwrap_or(SignatureMethod::HmacSha1),
        nonce: text("nonce"),
        timestamp: UnixTime(text("timestamp").parse().unwrap_or_default()),
        extra: &[],
    };
    let (method, body) = (text("method"), ask["body"].as_str().map(str::as_bytes));
    let header = sign(method, text("url"), body, &by)?;

    let (origin, path, query) = split_url(text("url"))?;
    let read = OAuth1Request::read(Some(&header), query, body, SignatureMethod::ALL)?;
    let request = read.expect("the signer has just made it one");
    let target = Target { method, origin, path };
    assert!(request.verify(&target, &secret, token_secret.as_ref()), "what was signed does not verify: {ask}");
    Ok((request.base_string(&target), request.signature))
}
