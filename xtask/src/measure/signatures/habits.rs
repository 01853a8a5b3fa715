//! The signers, what each is known to do otherwise, and what it refuses.
//!
//! A habit counts only if it reproduces the signer's text exactly; a refusal only where its condition holds.

use super::Answer;
use super::asks::Ask;
use super::reading::{Habit, read};

/// Why a signer refuses, and when it may.
type Refusal = (&'static str, fn(&Ask) -> bool);

/// A foreign signer.
pub(super) struct Signer {
    pub(super) name: &'static str,
    pub(super) program: &'static str,
    pub(super) arguments: &'static [&'static str],
    habits: &'static [(Habit, &'static str)],
    refusals: &'static [Refusal],
}

/// What became of one comparison.
pub(super) enum Verdict {
    Equal,
    Habits(Vec<&'static str>),
    Refusal(&'static str),
    Unexplained(String),
}

pub(super) const SIGNERS: &[Signer] = &[
    Signer {
        name: "oauthlib",
        program: "target/clients/venv/bin/python",
        arguments: &["clients/python/sign_oauthlib.py"],
        habits: &[(Habit::DropsSemicolon, "drops a ; at the end of the path")],
        refusals: &[("signs no raw [ ] | in a query or body", |ask| {
            texts(ask).any(|text| text.contains(['[', ']', '|']))
        })],
    },
    Signer {
        name: "ruby-oauth",
        program: "ruby",
        arguments: &["clients/ruby/sign_ruby_oauth.rb"],
        habits: &[
            (Habit::SortsFirst, "sorts before it encodes"),
            (Habit::SemicolonSeparates, "takes a raw ; for a separator of parameters"),
            (Habit::BareNameLost, "forgets a name without = beside another of that name"),
            (Habit::BodyOfPostAndPut, "signs form bodies of POST and PUT only"),
        ],
        refusals: &[
            ("knows no HMAC-SHA256", |ask| ask.signature_method == "HMAC-SHA256"),
            ("sends no raw | in a query", |ask| ask.query.as_ref().is_some_and(|query| query.contains('|'))),
        ],
    },
    Signer {
        name: "npm oauth",
        program: "node",
        arguments: &["target/clients/node/sign_oauth.mjs"],
        habits: &[
            (Habit::NumbersRepeated, "names repeated query parameters name[0], name[1]"),
            (Habit::QueryReplacesBody, "lets a query parameter replace the body's of that name"),
            (Habit::NoBrackets, "leaves out the brackets of an IPv6 address"),
            (Habit::EscapesPath, "escapes a ' in the path, on the wire too"),
        ],
        refusals: &[],
    },
];

fn texts(ask: &Ask) -> impl Iterator<Item = &String> {
    ask.query.iter().chain(&ask.body)
}

impl Signer {
    /// Compares an answer with ours.
    pub(super) fn verdict(&self, ask: &Ask, ours: &Answer, theirs: &Answer) -> Verdict {
        match (ours, theirs) {
            (Answer::Refused(why), _) => Verdict::Unexplained(format!("we refused: {why}")),
            (_, Answer::Refused(why)) => match self.refusals.iter().find(|(_, holds)| holds(ask)) {
                Some((name, _)) => Verdict::Refusal(name),
                None => Verdict::Unexplained(format!("it refused: {why}")),
            },
            (Answer::Signed { base, signature }, Answer::Signed { base: other, signature: theirs })
                if base == other =>
            {
                if signature == theirs {
                    Verdict::Equal
                } else {
                    Verdict::Unexplained(format!("of one base string, we made {signature}, it {theirs}"))
                }
            }
            (Answer::Signed { base, .. }, Answer::Signed { base: other, .. }) => match self.explain(ask, other) {
                Some(names) => Verdict::Habits(names),
                None => Verdict::Unexplained(format!("we signed {base}, it {other}")),
            },
        }
    }

    /// The fewest habits that lead to this very text.
    fn explain(&self, ask: &Ask, base: &str) -> Option<Vec<&'static str>> {
        let mut sets: Vec<u32> = (1..1 << self.habits.len()).collect();
        sets.sort_by_key(|set| set.count_ones());
        let chosen = |set: u32| self.habits.iter().enumerate().filter(move |(bit, _)| set & (1 << bit) != 0);
        let fits = |set: &u32| {
            let habits: Vec<Habit> = chosen(*set).map(|(_, (habit, _))| *habit).collect();
            read(ask, &habits) == base
        };
        sets.into_iter().find(fits).map(|set| chosen(set).map(|(_, (_, name))| *name).collect())
    }
}
