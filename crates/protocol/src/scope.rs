//! Scopes. A word is a bit in an append-only registry: a number is never reused, so no edit of a profile can re-map a
//! living token (TOKENS 3).

use std::fmt;

/// A set of granted scopes: bit n stands for the registry's word n.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(pub u128);

/// The registry's capacity.
pub const MAX_SCOPES: usize = 128;

impl ScopeSet {
    /// No scope at all.
    pub const EMPTY: ScopeSet = ScopeSet(0);

    /// The set of this one word's number.
    pub fn only(number: u8) -> Self {
        Self(1 << number)
    }

    /// What both hold.
    #[must_use]
    pub fn intersect(self, other: ScopeSet) -> Self {
        Self(self.0 & other.0)
    }

    /// What either holds.
    #[must_use]
    pub fn union(self, other: ScopeSet) -> Self {
        Self(self.0 | other.0)
    }

    /// What `self` holds and `other` does not.
    #[must_use]
    pub fn without(self, other: ScopeSet) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether everything in `self` is in `other`.
    pub fn within(self, other: ScopeSet) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the two share a scope.
    pub fn touches(self, other: ScopeSet) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is granted.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers in it, ascending.
    pub fn numbers(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let lowest = (left != 0).then(|| left.trailing_zeros() as u8)?;
            left &= left - 1;
            Some(lowest)
        })
    }

    /// Little-endian, without trailing zero bytes: one byte for the first eight words.
    pub fn to_bytes(self) -> Vec<u8> {
        let bytes = self.0.to_le_bytes();
        let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        bytes[..used].to_vec()
    }

    /// The reverse of [`ScopeSet::to_bytes`]. `None` for more bytes than a set has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut all = [0u8; 16];
        all.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(u128::from_le_bytes(all)))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeSet({:#b})", self.0)
    }
}

/// The registry: every scope word that was ever granted on this store, in order of first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    words: Vec<String>,
}

impl Scopes {
    /// The registry as the store holds it: word n at index n.
    pub fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Every word, by number.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The set of one word. Case-sensitive (RFC 6749 3.3).
    pub fn find(&self, word: &str) -> Option<ScopeSet> {
        self.words.iter().position(|known| known == word).map(|n| ScopeSet::only(n as u8))
    }

    /// The set of these words; `Err` names the first unknown one.
    pub fn set<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Result<ScopeSet, String> {
        words.into_iter().try_fold(ScopeSet::EMPTY, |set, word| {
            self.find(word).map(|one| set.union(one)).ok_or_else(|| word.to_owned())
        })
    }

    /// The words of a set, space-separated, in the registry's order.
    pub fn text(&self, set: ScopeSet) -> String {
        let mut text = String::with_capacity(64);
        for name in self.names(set) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(name);
        }
        text
    }

    /// The words of a set, in the registry's order.
    pub fn names(&self, set: ScopeSet) -> impl Iterator<Item = &str> {
        set.numbers().filter_map(|n| self.words.get(n as usize)).map(String::as_str)
    }

    /// Which granted words satisfy a demand for `word`: the word itself and its umbrellas (`read` ⊇ every `*:read`).
    /// `includes` gives, for a registered word, the patterns that it [`covers`].
    pub fn satisfying<'a>(&self, word: &str, includes: impl Fn(&str) -> &'a [String]) -> ScopeSet {
        (0u8..)
            .zip(&self.words)
            .filter(|(_, granted)| *granted == word || covers(includes(granted), word))
            .fold(ScopeSet::EMPTY, |set, (n, _)| set.union(ScopeSet::only(n)))
    }
}

/// Whether an umbrella with these patterns covers `word`: a pattern is an exact word, or `*` followed by a suffix.
pub fn covers(patterns: &[String], word: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_prefix('*') {
        Some(suffix) => word.ends_with(suffix),
        None => pattern == word,
    })
}
