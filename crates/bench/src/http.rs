//! Just enough of HTTP/1.1 for a client that spends less than the server it measures.
//!
//! Keep-alive, Content-Length and chunked bodies. No TLS, no redirects, no cookies: those are the caller's.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

/// Larger replies are an error, not a reason to eat memory.
const MOST: usize = 1 << 20;

/// A plain-http address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `host:port`.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl Url {
    /// Reads `http://host:port/path?query`.
    pub fn parse(text: &str) -> Result<Self> {
        let rest = text.strip_prefix("http://").ok_or_else(|| format!("not a plain-http address: {text}"))?;
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('?') => (&rest[..at], format!("/{}", &rest[at..])),
            Some(at) => (&rest[..at], rest[at..].to_string()),
            None => (rest, "/".to_string()),
        };
        let authority = if authority.contains(':') { authority.to_string() } else { format!("{authority}:80") };
        Ok(Self { authority, path })
    }
}

/// A reply: status, head as text, body.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body, with chunking undone.
    pub body: Vec<u8>,
}

impl Reply {
    /// Every value of a header.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.head.lines().filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What the meter needs of a reply; the body stays in the connection.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// The status code.
    pub status: u16,
    /// Where the body stands in [`Connection::body`].
    from: usize,
    to: usize,
    closes: bool,
}

/// One keep-alive connection.
pub struct Connection {
    authority: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// To `host:port`; connects at the first call.
    pub fn to(authority: &str) -> Self {
        Self { authority: authority.to_string(), stream: None, buffer: Vec::with_capacity(4096) }
    }

    /// Sends a whole request and reads the whole reply.
    pub async fn call(&mut self, request: &[u8]) -> std::io::Result<Glance> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.authority).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        let (glance, chunked) = self.read_head(&mut stream).await?;
        let glance = if chunked { self.read_chunks(&mut stream, glance).await? } else { glance };
        while self.buffer.len() < glance.to {
            read_more(&mut stream, &mut self.buffer).await?;
        }
        if !glance.closes {
            self.stream = Some(stream);
        }
        Ok(glance)
    }

    /// The body of the last reply.
    pub fn body(&self, glance: Glance) -> &[u8] {
        &self.buffer[glance.from..glance.to]
    }

    /// The last reply, taken out.
    pub fn reply(&self, glance: Glance) -> Reply {
        let head_ends = find(&self.buffer, b"\r\n\r\n").unwrap_or(self.buffer.len());
        let head = String::from_utf8_lossy(&self.buffer[..head_ends]).into_owned();
        Reply { status: glance.status, head, body: self.body(glance).to_vec() }
    }

    async fn read_head(&mut self, stream: &mut TcpStream) -> std::io::Result<(Glance, bool)> {
        let head_ends = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            read_more(stream, &mut self.buffer).await?;
        };
        let head = &self.buffer[..head_ends];
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        let (mut length, mut chunked, mut closes) = (0, false, false);
        for line in head.split(|&byte| byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                let digits = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                length = digits.filter(|&length| length <= MOST).ok_or_else(|| broken("Content-Length"))?;
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                chunked = value.eq_ignore_ascii_case(b"chunked");
            } else if name.eq_ignore_ascii_case(b"connection") {
                closes = value.eq_ignore_ascii_case(b"close");
            }
        }
        let from = head_ends + 4;
        Ok((Glance { status, from, to: from + length, closes }, chunked))
    }

    /// Reads chunks and closes the gaps between them, so that the body stands in one piece.
    async fn read_chunks(&mut self, stream: &mut TcpStream, glance: Glance) -> std::io::Result<Glance> {
        let mut to = glance.from;
        loop {
            let line_ends = loop {
                match find(&self.buffer[to..], b"\r\n") {
                    Some(at) => break to + at,
                    None => read_more(stream, &mut self.buffer).await?,
                }
            };
            let size = std::str::from_utf8(&self.buffer[to..line_ends]).ok();
            let size = size.and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
            let size = size.filter(|&size| size <= MOST).ok_or_else(|| broken("chunk size"))?;
            while self.buffer.len() < line_ends + 2 + size + 2 {
                read_more(stream, &mut self.buffer).await?;
            }
            self.buffer.drain(to..line_ends + 2);
            to += size;
            self.buffer.drain(to..to + 2);
            if size == 0 {
                return Ok(Glance { to, ..glance });
            }
        }
    }
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    if buffer.len() > MOST {
        return Err(broken("the reply is too large"));
    }
    match stream.read_buf(buffer).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn broken(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_string())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answers(parts: &'static [&'static str]) -> Reply {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request).await.unwrap();
            for part in parts {
                stream.write_all(part.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut connection = Connection::to(&authority);
        let glance = connection.call(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        server.await.unwrap();
        connection.reply(glance)
    }

    #[tokio::test]
    async fn bodies_are_read_whole() {
        let reply = answers(&["HTTP/1.1 200 OK\r\ncontent-len", "gth: 5\r\n\r\nhel", "lo"]).await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"hello".as_slice()));
        let reply =
            answers(&["HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "c\r\n2\r\nde\r\n0\r\n\r\n"])
                .await;
        assert_eq!((reply.status, reply.body.as_slice()), (201, b"abcde".as_slice()));
        let reply = answers(&["HTTP/1.1 303 See Other\r\nLocation: /x\r\nSet-Cookie: a=1\r\n\r\n"]).await;
        assert_eq!(reply.headers("location").collect::<Vec<_>>(), ["/x"]);
    }

    #[test]
    fn addresses_are_taken_apart() {
        let url = Url::parse("http://localhost:80/a?b=c").unwrap();
        assert_eq!((url.authority.as_str(), url.path.as_str()), ("localhost:80", "/a?b=c"));
        assert_eq!(Url::parse("http://x?y").unwrap(), Url { authority: "x:80".into(), path: "/?y".into() });
        assert!(Url::parse("https://x").is_err());
    }
}
