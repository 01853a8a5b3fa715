//! Is an uploaded file an image that browsers only show, and of a sane size? It is told by its first bytes, never by its
//! name or by what the uploader says. Nothing is decoded here.

use crate::legacy::{Logo, MAX_LOGO};

/// No side is longer, in pixels: a few bytes of PNG can stand for a picture that fills a phone's memory.
const MAX_SIDE: u32 = 2_048;

/// The logo that these bytes are.
///
/// # Errors
/// A sentence for whoever uploaded them.
pub fn read(bytes: Vec<u8>) -> Result<Logo, &'static str> {
    if bytes.len() > MAX_LOGO {
        return Err("The image is larger than 64 KiB.");
    }
    let (content_type, size) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        ("image/png", png(&bytes))
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        ("image/jpeg", jpeg(&bytes))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        ("image/webp", webp(&bytes))
    } else {
        return Err("The file is no PNG, JPEG or WebP image.");
    };
    match size {
        None => Err("The image is damaged."),
        Some((width, height)) if width == 0 || height == 0 => Err("The image is damaged."),
        Some((width, height)) if width > MAX_SIDE || height > MAX_SIDE => {
            Err("The image is larger than 2048 by 2048 pixels.")
        }
        Some(_) => Ok(Logo { content_type: content_type.to_owned(), bytes }),
    }
}

type Size = (u32, u32);

/// The IHDR chunk comes first (PNG 11.2.1).
fn png(bytes: &[u8]) -> Option<Size> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((number(16)?, number(20)?))
}

/// The first frame header among the segments (ITU-T T.81, B.2.2).
fn jpeg(bytes: &[u8]) -> Option<Size> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        match marker {
            // A fill byte before a marker.
            0xff => at += 1,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some((u32::from(number(at + 7)?), u32::from(number(at + 5)?)));
            }
            0xd9 | 0xda => return None,
            _ => at += 2 + usize::from(number(at + 2)?.max(2)),
        }
    }
}

/// The first chunk says which of the three kinds it is (RFC 9649 2.5 to 2.7).
fn webp(bytes: &[u8]) -> Option<Size> {
    let byte = |at: usize| bytes.get(at).copied().map(u32::from);
    let two = |at: usize| Some(byte(at)? | byte(at + 1)? << 8);
    match bytes.get(12..16)? {
        b"VP8 " => Some((two(26)? & 0x3fff, two(28)? & 0x3fff)),
        b"VP8L" => {
            let bits = two(21)? | two(23)? << 16;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((1 + (two(24)? | byte(26)? << 16), 1 + (two(27)? | byte(29)? << 16))),
        _ => None,
    }
}
