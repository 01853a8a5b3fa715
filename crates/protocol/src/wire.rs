//! The byte layout inside seals: variable-length integers and length-prefixed bytes, nothing more.
//! Reading is total: whatever the bytes, it answers `None` rather than panics.

/// Writes fields one after the other.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A non-negative integer, LEB128. Negative numbers (none of our fields has one) come back as they went in.
    pub fn int(&mut self, value: i64) -> &mut Self {
        let mut rest = value as u64;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self
    }

    /// Bytes whose number the reader knows.
    pub fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Bytes with their number.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.int(bytes.len() as i64).fixed(bytes)
    }

    /// Something or nothing.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.int(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }
}

/// Reads the fields in the same order.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything was read: trailing bytes are a forgery or another layout.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// See [`Writer::int`]. Only the shortest spelling is accepted.
    pub fn int(&mut self) -> Option<i64> {
        let mut value = 0u64;
        let mut shift = 0;
        while shift < 64 {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            let part = u64::from(first & 0x7f);
            if part << shift >> shift != part || (*first == 0 && shift > 0) {
                return None;
            }
            value |= part << shift;
            if first & 0x80 == 0 {
                return Some(value as i64);
            }
            shift += 7;
        }
        None
    }

    /// A flag: 0 or 1.
    pub fn flag(&mut self) -> Option<bool> {
        match self.int()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// See [`Writer::fixed`].
    pub fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    /// See [`Writer::bytes`].
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.int()?).ok()?;
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }

    /// Length-prefixed UTF-8.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// See [`Writer::option`].
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }
}
