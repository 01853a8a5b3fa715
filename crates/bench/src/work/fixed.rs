//! The same requests over and over: the echo, a guarded call, forward-auth, introspection.
//!
//! Any reply with the expected status is a good one, unless it says that a token is dead.

use crate::connect::write_form;
use crate::http::Url;
use crate::meter::Work;

/// Requests that are taken in turn.
pub struct Fixed {
    requests: Vec<Vec<u8>>,
    at: usize,
}

impl Fixed {
    /// A JSON POST of the size of a token request.
    pub fn echo(url: &Url) -> Self {
        let filler = "x".repeat(120);
        let body = format!(r#"{{"grant_type":"refresh_token","refresh_token":"{filler}","client_id":"bench"}}"#);
        let Url { authority, path } = url;
        let head = format!("POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        Self { requests: vec![request.into_bytes()], at: 0 }
    }

    /// A GET for each bearer, with further header lines.
    pub fn get(url: &Url, bearers: &[String], headers: &[(String, String)]) -> Self {
        let Url { authority, path } = url;
        let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let one = |bearer: &String| {
            format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {bearer}\r\n{extra}\r\n")
                .into_bytes()
        };
        Self { requests: bearers.iter().map(one).collect(), at: 0 }
    }

    /// A form POST for each body.
    pub fn post(url: &Url, bodies: &[String]) -> Self {
        let one = |body: &String| {
            let mut request = Vec::new();
            write_form(&mut request, url, body, &[]);
            request
        };
        Self { requests: bodies.iter().map(one).collect(), at: 0 }
    }
}

impl Work for Fixed {
    type Job = ();

    fn next(&mut self, request: &mut Vec<u8>) -> Option<()> {
        request.extend_from_slice(self.requests.get(self.at)?);
        self.at = (self.at + 1) % self.requests.len();
        Some(())
    }

    fn done(&mut self, (): (), status: u16, body: &[u8]) -> bool {
        status == 200 && !body.starts_with(br#"{"active":false"#)
    }
}
