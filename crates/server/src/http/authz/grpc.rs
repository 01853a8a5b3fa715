//! One gRPC call with one message each way (gRPC over HTTP/2, "Requests" and "Responses"). What the messages say does not
//! belong here.

use std::convert::Infallible;
use std::future::{Ready, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;

/// Why a call of a method failed, as gRPC counts it. HTTP's own status is always 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unauthenticated = 16,
}

/// An answer: perhaps a message, then the code.
pub(super) type Reply = Response<WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>>;

/// Compressed (1 byte) and length (4), before each message.
const PREFIX: usize = 5;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Whether these headers are those of a gRPC call whose messages we can read.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    matches!(kind, Some(b"application/grpc" | b"application/grpc+proto"))
}

/// The one message of a call, if it is not larger than `limit`.
pub(super) async fn message<B>(body: B, limit: usize) -> Result<Bytes, Code>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Whatever else is wrong with a stream, there is nobody left to hear about it.
    let whole = Limited::new(body, limit + PREFIX).collect().await.map_err(|_| Code::ResourceExhausted)?;
    unframed(whole.to_bytes())
}

fn unframed(mut bytes: Bytes) -> Result<Bytes, Code> {
    if bytes.len() < PREFIX {
        return Err(Code::InvalidArgument);
    }
    let (compressed, length) = (bytes.get_u8(), bytes.get_u32());
    match compressed {
        // No coding was agreed on (grpc-accept-encoding).
        1 => Err(Code::Unimplemented),
        0 if bytes.len() == length as usize => Ok(bytes),
        _ => Err(Code::InvalidArgument),
    }
}

/// The answer with this message.
pub(super) fn reply(message: &impl prost::Message) -> Reply {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    match message.encode(&mut bytes) {
        Ok(()) => ended(bytes.freeze(), Code::Ok),
        Err(_no_room_in_memory) => failed(Code::ResourceExhausted),
    }
}

/// The answer without one.
pub(super) fn failed(code: Code) -> Reply {
    ended(Bytes::new(), code)
}

fn ended(message: Bytes, code: Code) -> Reply {
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(code as i32))]);
    let mut reply = Response::new(Full::new(message).with_trailers(ready(Some(Ok(trailers)))));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_message_of_the_length_that_it_says_is_read() {
        let read = async |bytes: &'static [u8]| message(Full::new(Bytes::from_static(bytes)), 4).await;
        assert_eq!(read(b"\0\0\0\0\x02ab").await.as_deref(), Ok(&b"ab"[..]));
        assert_eq!(read(b"\0\0\0\0\0").await.as_deref(), Ok(&b""[..]));
        assert_eq!(read(b"").await, Err(Code::InvalidArgument));
        assert_eq!(read(b"\0\0\0\0\x03ab").await, Err(Code::InvalidArgument));
        assert_eq!(read(b"\0\0\0\0\x01ab").await, Err(Code::InvalidArgument), "two messages");
        assert_eq!(read(b"\x01\0\0\0\x02ab").await, Err(Code::Unimplemented));
        assert_eq!(read(b"\x02\0\0\0\x02ab").await, Err(Code::InvalidArgument));
        assert_eq!(read(b"\0\0\0\0\x05abcde").await, Err(Code::ResourceExhausted));
    }
}
