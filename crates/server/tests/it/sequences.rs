//! Random sequences through the server's own flows, over SQLite and over the model at once: no difference in any reply, and
//! no broken promise. The ledger below is a second, simpler account of what may be accepted; it knows no rule of the code.

mod ledger;
mod world;

use std::collections::BTreeMap;

use ledger::Ledger;
use world::{Dice, World};

/// What was covered, for the reader of the log: an operation that never succeeded or never failed proves nothing.
#[derive(Default)]
struct Covered(BTreeMap<String, u32>);

impl Covered {
    fn note(&mut self, operation: &str, answer: &str) {
        let end = if answer.starts_with('{') || answer == "ok" { "accepted" } else { answer };
        *self.0.entry(format!("{operation}: {end}")).or_default() += 1;
    }
}

async fn run(first_seed: u64, sequences: u64, operations: usize) -> Covered {
    let mut covered = Covered::default();
    for seed in first_seed..first_seed + sequences {
        let dice = Dice::new(seed);
        let world = World::start(seed).await;
        let mut ledger = Ledger::default();
        for step in 0..operations {
            let operation = world.draw(&dice, &ledger);
            let (sqlite, model) = world.perform(&operation).await;
            assert_eq!(sqlite, model, "seed {seed}, step {step}: {operation:?} differs between SQLite and the model");
            covered.note(operation.name(), &sqlite);
            if let Err(broken) = ledger.account(&world, &operation, &sqlite) {
                panic!("seed {seed}, step {step}: {operation:?} was answered {sqlite}: {broken}");
            }
        }
        world.same_rows().await;
    }
    covered
}

#[allow(clippy::print_stdout, reason = "a proof says what it covered")]
fn report(covered: &Covered) {
    for (what, times) in &covered.0 {
        println!("{times:>7}  {what}");
    }
    for must in [
        "allow: accepted",
        "redeem: accepted",
        "redeem: C-504",
        "refresh: accepted",
        "refresh: C-512",
        "refresh: C-513",
        "refresh: C-515",
        "refresh: C-517",
        "retry: accepted",
        "call: accepted",
        "call: C-601",
        "cut: accepted",
        "switch: accepted",
        "revoke: ok",
    ] {
        let seen = covered.0.keys().any(|key| key == must || (must == "revoke: ok" && key == "revoke: accepted"));
        assert!(seen, "the sequences never came to \"{must}\": they prove less than they should");
    }
}

#[tokio::test]
async fn sequences_agree_and_keep_every_promise() {
    report(&run(1, 40, 120).await);
}

/// `cargo xtask prove sequences`
#[tokio::test]
#[ignore = "the long proof: cargo xtask prove sequences"]
async fn prove_sequences() {
    report(&run(1_000, 2_000, 200).await);
}
