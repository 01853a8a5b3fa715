//! Envelopes open where they were put, unchanged, and nowhere else.

use std::sync::atomic::{AtomicU8, Ordering};

use super::*;

struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn keys(id: u16, byte: u8) -> MasterKeys {
    MasterKeys::parse(&KeyRing::line(id, &[byte; 32])).unwrap()
}

const HERE: Place<'static> = Place { table: "connections", row: b"1", field: "access" };

#[test]
fn c_05_an_envelope_is_bound_to_table_row_field_and_key() {
    let entropy = Counting(AtomicU8::new(0));
    let ours = keys(1, 7);
    let envelope = ours.seal(HERE, b"secret", &entropy);
    assert_eq!(ours.open(HERE, &envelope).unwrap().as_slice(), b"secret");
    for elsewhere in [
        Place { table: "connects", ..HERE },
        Place { row: b"2", ..HERE },
        Place { field: "refresh", ..HERE },
        Place { row: b"", field: "1access", ..HERE },
    ] {
        assert_eq!(ours.open(elsewhere, &envelope), Err(NotOurs), "{elsewhere:?}");
    }
    assert_eq!(keys(1, 8).open(HERE, &envelope), Err(NotOurs), "another key of the same number");
    assert_eq!(keys(2, 7).open(HERE, &envelope), Err(NotOurs), "the same key under another number");
}

#[test]
fn c_05_no_byte_of_an_envelope_can_be_changed() {
    let entropy = Counting(AtomicU8::new(0));
    let ours = keys(1, 7);
    let envelope = ours.seal(HERE, b"secret", &entropy);
    for at in 0..envelope.len() {
        let mut changed = envelope.clone();
        changed[at] ^= 1;
        assert_eq!(ours.open(HERE, &changed), Err(NotOurs), "byte {at}");
        assert_eq!(ours.open(HERE, &envelope[..at]), Err(NotOurs), "cut at {at}");
    }
    assert_ne!(ours.seal(HERE, b"secret", &entropy), envelope, "never the same twice");
    assert!(!format!("{ours:?}").contains("BwcH"), "keys do not print");
}
