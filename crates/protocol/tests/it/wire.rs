//! The byte layout: everything written is read back, and reading is total.

use causeway_protocol::ScopeSet;
use causeway_protocol::authorize::Pending;
use causeway_protocol::consent::Form;
use causeway_protocol::seal::Sealed;
use causeway_protocol::token::{AccessToken, Code, RefreshToken};
use causeway_protocol::wire::{Reader, Writer};

use crate::draw::Draw;
use crate::sample;

#[test]
fn integers_have_one_spelling() {
    let mut draw = Draw(1);
    for _ in 0..2_000 {
        let value = draw.id();
        let mut to = Writer::default();
        to.int(value);
        let bytes = to.into_bytes();
        let mut from = Reader::new(&bytes);
        assert_eq!(from.int(), Some(value));
        assert!(from.is_done());
        // The same number with a zero byte behind it is another spelling, and refused.
        let mut longer = bytes.clone();
        *longer.last_mut().unwrap() |= 0x80;
        longer.push(0);
        assert_eq!(Reader::new(&longer).int(), None);
    }
    assert_eq!(Reader::new(&[0xff; 10]).int(), None, "more than 64 bits");
    assert_eq!(Reader::new(&[2]).flag(), None, "a flag is 0 or 1");
}

#[test]
fn attack_32_reading_any_bytes_never_panics_and_never_reads_more_than_was_written() {
    fn read<T: Sealed>(bytes: &[u8]) -> Option<T> {
        let mut from = Reader::new(bytes);
        T::read(&mut from).filter(|_| from.is_done())
    }
    fn written<T: Sealed>(value: &T) -> Vec<u8> {
        let mut to = Writer::default();
        value.write(&mut to);
        to.into_bytes()
    }
    let mut draw = Draw(2);
    for round in 0..3_000 {
        let length = draw.below(200);
        let mut bytes = draw.bytes(length);
        if round % 3 == 0 {
            // Bytes that begin well get further.
            bytes = written(&sample::code(&mut draw));
            let at = draw.below(bytes.len() as u64) as usize;
            bytes[at] = draw.next() as u8;
        }
        let _ = (read::<AccessToken>(&bytes), read::<RefreshToken>(&bytes), read::<Code>(&bytes));
        let _ = (read::<Pending>(&bytes), read::<Form>(&bytes));
        // What is read is written back as it was: one meaning, one spelling.
        if let Some(code) = read::<Code>(&bytes) {
            assert_eq!(read::<Code>(&written(&code)), Some(code));
        }
    }
    let whole = written(&sample::refresh(&mut draw));
    for end in 0..whole.len() {
        assert_eq!(read::<RefreshToken>(&whole[..end]), None, "cut at {end}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert_eq!(read::<RefreshToken>(&longer), None, "something behind it");
}

#[test]
fn a_scope_set_of_more_than_128_words_is_refused() {
    assert_eq!(ScopeSet::from_bytes(&[0xff; 16]), Some(ScopeSet(u128::MAX)));
    assert_eq!(ScopeSet::from_bytes(&[1; 17]), None);
    assert_eq!(ScopeSet(u128::MAX).to_bytes().len(), 16);
    assert_eq!(ScopeSet(0xff).to_bytes(), [0xff]);
}
