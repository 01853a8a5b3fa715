//! Code exchanges until the codes are used up.
//!
//! The codes were made before, through the pages; here only the token endpoint works.

use crate::chain::Code;
use crate::connect::{exchange_body, write_form};
use crate::http::Url;
use crate::meter::Work;

/// Codes, each sent once.
pub struct Exchange {
    requests: Vec<Vec<u8>>,
}

impl Exchange {
    /// Prepares the requests.
    pub fn new(url: &Url, codes: &[Code]) -> Self {
        let one = |code: &Code| {
            let mut request = Vec::new();
            write_form(&mut request, url, &exchange_body(code), &[]);
            request
        };
        Self { requests: codes.iter().map(one).collect() }
    }
}

impl Work for Exchange {
    type Job = ();

    fn next(&mut self, request: &mut Vec<u8>) -> Option<()> {
        request.append(&mut self.requests.pop()?);
        Some(())
    }

    fn done(&mut self, (): (), status: u16, body: &[u8]) -> bool {
        status == 200 && body.windows(15).any(|window| window == b"\"refresh_token\"")
    }
}
