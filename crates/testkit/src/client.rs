//! HTTP as bytes on a socket: a request is what the test writes, so it may be as wrong as the test wants. One
//! connection a request. Nothing is followed, decoded or retried.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::in_the_end;

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    method: String,
    target: String,
    host: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Call {
    /// Any method and target.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), host: None, headers: Vec::new(), body: None }
    }

    /// `GET`
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST`, without a body yet.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Another Host header than the address that it is sent to.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// The same unless a host was said already.
    #[must_use]
    pub fn or_host(self, host: &str) -> Self {
        if self.host.is_some() { self } else { self.host(host) }
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// `Authorization: Bearer`
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// HTTP Basic as RFC 6749 2.3.1 has it: both form-encoded first.
    #[must_use]
    pub fn basic(self, id: &str, secret: &str) -> Self {
        self.header("Authorization", &basic(id, secret))
    }

    /// A body as it is.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        if content_type.is_empty() { self } else { self.header("Content-Type", content_type) }
    }

    /// A form.
    #[must_use]
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        self.body("application/x-www-form-urlencoded", form(pairs))
    }

    /// A JSON object of strings.
    #[must_use]
    pub fn json(self, pairs: &[(&str, &str)]) -> Self {
        let object = pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        self.body("application/json", Value::Object(object).to_string())
    }

    /// multipart/form-data of text fields.
    #[must_use]
    pub fn multipart(self, pairs: &[(&str, &str)]) -> Self {
        let part = |(name, value): &(&str, &str)| {
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body: String = pairs.iter().map(part).collect();
        self.body("multipart/form-data; boundary=edge", body + "--edge--\r\n")
    }

    /// The same with a file.
    #[must_use]
    pub fn multipart_with_file(self, pairs: &[(&str, &str)], name: &str, file: &[u8]) -> Self {
        let part = |(name, value): &(&str, &str)| {
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let mut body: Vec<u8> = pairs.iter().map(part).collect::<String>().into_bytes();
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        self.body("multipart/form-data; boundary=edge", body)
    }

    /// The body that was set.
    pub fn body_bytes(&self) -> Vec<u8> {
        self.body.clone().unwrap_or_default()
    }

    /// On the wire, to this host.
    fn bytes(&self, host: &str) -> Vec<u8> {
        let host = self.host.as_deref().unwrap_or(host);
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it.
    pub async fn send(&self, to: SocketAddr) -> Response {
        let raw = raw(to, &self.bytes(&to.to_string())).await;
        Response::parse(&raw, self.method == "HEAD").unwrap_or_else(|| {
            panic!("{} {}: no reply, but {:?}", self.method, self.target, String::from_utf8_lossy(&raw))
        })
    }
}

/// The value of an `Authorization: Basic` header, form-encoded first.
pub fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", base64(format!("{}:{}", encode(id), encode(secret)).as_bytes()))
}

/// application/x-www-form-urlencoded
pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Standard base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let all = (0..3).fold(0usize, |all, n| all << 8 | usize::from(chunk.get(n).copied().unwrap_or(0)));
        for n in 0..4 {
            let letter = ALPHABET[all >> (18 - 6 * n) & 63];
            out.push(if n <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// Writes bytes and reads until the other side closes. A connection cut short gives what came before.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let talk = Box::pin(async {
        let mut stream = TcpStream::connect(to).await.expect("the platform listens");
        // A refused body may be cut off while we still write: the reply is there all the same.
        let _cut_off = stream.write_all(bytes).await;
        let mut all = Vec::new();
        let mut buffer = [0u8; 16 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..count]);
        }
        all
    });
    in_the_end("an answer", talk).await
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Response {
    /// `200`
    pub status: u16,
    /// In order, names lower-cased.
    pub headers: HeaderMap,
    /// Without chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// The last reply in these bytes; interim ones (100) are passed over. `None` for anything that is no reply.
    pub fn parse(mut bytes: &[u8], head_only: bool) -> Option<Self> {
        loop {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
            let head = std::str::from_utf8(&bytes[..end]).ok()?;
            let mut lines = head.split("\r\n");
            let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            bytes = &bytes[end + 4..];
            if status == 100 {
                continue;
            }
            let mut headers = HeaderMap::new();
            for line in lines {
                let (name, value) = line.split_once(':')?;
                headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value.trim()).ok()?);
            }
            let chunked = headers.get("transfer-encoding").is_some_and(|value| value == "chunked");
            let body = if head_only {
                Vec::new()
            } else if chunked {
                unchunk(bytes)?
            } else {
                bytes.to_vec()
            };
            return Some(Self { status, headers, body });
        }
    }

    /// A header's value; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text member of the JSON body; empty when absent.
    pub fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    /// The number of the refusal ("C-502" → 502); 0 when there is none.
    pub fn refusal(&self) -> u16 {
        let described = self.member("error_description");
        let number = described.strip_prefix("C-").and_then(|rest| rest.split(':').next()?.parse().ok());
        number.unwrap_or(0)
    }

    /// Status, wire code and number of a refusal in one, for assertions.
    pub fn refused(&self) -> (u16, String, u16) {
        (self.status, self.member("error"), self.refusal())
    }
}

fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?.split(';').next()?.trim(), 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}
