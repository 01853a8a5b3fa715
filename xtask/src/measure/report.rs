//! What a bench run leaves: a table for the terminal, JSON for docs/benchmarks.json, and the tables in docs/BENCHMARKS.md.
//!
//! The shape of the JSON is a contract: outside checks read it.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::book::number;
use super::figures::median;
use super::rounds::Measured;

/// The table on the terminal.
pub(crate) fn print(measured: &Measured) {
    let baseline = |name: &str| measured.baselines.get(name).copied().unwrap_or(0.0);
    println!("\n{} at {}, medians of {} rounds", measured.machine, measured.commit, measured.rounds);
    println!(
        "E = {:.0} requests a second of the echo, {:.1} µs of its processor each",
        baseline("E"),
        baseline("e_us")
    );
    println!(
        "R64 = {:.0}, PGR = {:.0}, our store alone {:.0} rotations a second; one sync {:.3} ms\n",
        baseline("R64"),
        baseline("PGR"),
        baseline("store64"),
        baseline("sync_ms")
    );
    println!("{:<32}{:>10} {:<6}{:>9}{:>9}", "figure", "value", "unit", "must", "aim");
    for (figure, value) in &measured.figures {
        let sign = if figure.higher_is_better { "≥" } else { "≤" };
        let verdict = if figure.met(*value) { "" } else { "  NOT MET" };
        println!(
            "{:<32}{value:>10.3} {:<6}{sign:>3}{:>6}{sign:>3}{:>6}{verdict}",
            figure.name, figure.unit, figure.must, figure.aim
        );
    }
    for (name, value) in &measured.peers {
        println!("{name:<40}{value:>10.5} E");
    }
    for (what, why) in &measured.skipped {
        println!("SKIPPED {what}: {why}");
    }
}

/// Three digits behind the point, or four that count where the number is small.
fn rounded(value: f64) -> f64 {
    if value.abs() < 0.1 { (value * 100_000.0).round() / 100_000.0 } else { (value * 1000.0).round() / 1000.0 }
}

/// Writes the JSON.
pub(crate) fn write(file: &str, measured: &Measured) -> Result<(), String> {
    let own = measured.figures.iter().map(|(figure, value)| {
        json!({"name": figure.name, "value": rounded(*value), "unit": figure.unit, "must": figure.must,
               "aim": figure.aim, "better": if figure.higher_is_better { "higher" } else { "lower" },
               "met": figure.met(*value)})
    });
    // A peer owes us nothing: its figure is always met.
    let peers = measured.peers.iter().map(|(name, value)| {
        json!({"name": name, "value": rounded(*value), "unit": "E", "must": 0.0, "aim": 0.0, "better": "higher", "met": true})
    });
    let figures: Vec<Value> = own.chain(peers).collect();
    let baselines: serde_json::Map<String, Value> =
        measured.baselines.iter().map(|(name, value)| ((*name).to_owned(), json!(rounded(*value)))).collect();
    let report = json!({"machine": measured.machine, "commit": measured.commit, "rounds": measured.rounds,
        "families": measured.families, "baselines": baselines, "figures": figures,
        "operations": measured.operations, "skipped": measured.skipped});
    let text = serde_json::to_string_pretty(&report).map_err(|e| format!("cannot write JSON: {e}"))?;
    fs::write(file, text + "\n").map_err(|e| format!("cannot write {file}: {e}"))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_string()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The tables of docs/BENCHMARKS.md from the committed JSON.
pub(crate) fn markdown(report: &Value) -> String {
    let (baseline, rounds) = (&report["baselines"], &report["rounds"]);
    let base = |name: &str| number(baseline, name);
    let mut out = format!(
        "{}; commit {}; medians of {rounds} rounds, {} live families.\n\n",
        text(&report["machine"]),
        text(&report["commit"]),
        thousands(number(report, "families"))
    );
    let _ = writeln!(
        out,
        "E = {} requests a second, e = {:.1} µs each; R64 = {}, PGR = {}, our store alone {} rotations a second; one sync \
         {:.3} ms. What was not measured stands as 0.\n",
        thousands(base("E")),
        base("e_us"),
        thousands(base("R64")),
        thousands(base("PGR")),
        thousands(base("store64")),
        base("sync_ms")
    );
    out.push_str("![Our figures against their targets](charts/targets.svg)\n![Refreshes a second beside other servers](charts/peers.svg)\n");
    out.push_str("![Processor time of a refresh](charts/cpu.svg)\n\n");
    figures(&mut out, list(&report["figures"]));
    operations(&mut out, &report["operations"], base("E"));
    let skipped = report["skipped"].as_object().into_iter().flatten();
    let skipped: Vec<String> = skipped.map(|(what, why)| format!("- `{what}`: {}\n", text(why))).collect();
    if !skipped.is_empty() {
        let _ = write!(out, "\nNot measured in this run:\n\n{}", skipped.concat());
    }
    out
}

fn figures(out: &mut String, figures: &[Value]) {
    out.push_str("| figure | value | unit | must | aim | met |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        let name = text(&figure["name"]);
        if name.starts_with("peer_") {
            let _ = writeln!(out, "| `{name}` | {} | E | | | |", figure["value"]);
            continue;
        }
        let sign = if figure["better"] == "higher" { "≥" } else { "≤" };
        let met = if figure["met"] == true { "yes" } else { "**no**" };
        let _ = writeln!(
            out,
            "| `{name}` | {} | {} | {sign} {} | {sign} {} | {met} |",
            figure["value"],
            text(&figure["unit"]),
            figure["must"],
            figure["aim"]
        );
    }
}

/// Every operation with its latencies and what it costs.
fn operations(out: &mut String, operations: &Value, e: f64) {
    out.push_str(
        "\n| operation | a second | to E | p50 ms | p99 ms | p99.9 ms | CPU s for 1,000: server | database |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for (name, said) in operations.as_object().into_iter().flatten() {
        let of = |key: &str| median_of(said, key);
        let millis = |key: &str| of(key).map_or("".into(), |value| format!("{:.2}", value / 1000.0));
        let cpu = |key: &str| of(key).map_or("".into(), |value| format!("{value:.4}"));
        let rps = of("rps").unwrap_or(0.0);
        let ratio = if e > 0.0 { format!("{:.4}", rps / e) } else { String::new() };
        let _ = writeln!(
            out,
            "| {} | {} | {ratio} | {} | {} | {} | {} | {} |",
            name.replace('_', " "),
            thousands(rps),
            millis("p50_us"),
            millis("p99_us"),
            millis("p999_us"),
            cpu("cpu_s_per_1000"),
            cpu("database_cpu_s_per_1000")
        );
    }
}

/// The median of a number over what an operation said in the rounds; `None` where it says nothing of it.
pub(super) fn median_of(said: &Value, key: &str) -> Option<f64> {
    let values: Vec<f64> = list(said).iter().filter_map(|said| said[key].as_f64()).collect();
    (!values.is_empty()).then(|| median(values))
}

/// 1234567 as 1,234,567.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_and_a_gap_are_shown() {
        assert_eq!([0.0, 999.0, 1000.0, 1234567.0].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        let report = json!({"machine": "m", "commit": "c", "rounds": 3, "families": 10, "baselines": {"E": 100},
            "figures": [{"name": "a", "value": 1, "unit": "E", "must": 2, "aim": 3, "better": "higher", "met": false},
                        {"name": "peer_x_refresh_echo_ratio", "value": 0.5}],
            "operations": {"refresh": [{"rps": 10, "p50_us": 1500}]}, "skipped": {"peers/y": "it needs `y`"}});
        let page = markdown(&report);
        for line in [
            "| `a` | 1 | E | ≥ 2 | ≥ 3 | **no** |",
            "| `peer_x_refresh_echo_ratio` | 0.5 | E | | | |",
            "- `peers/y`: it needs `y`",
        ] {
            assert!(page.contains(line), "{page}");
        }
        assert!(page.contains("| refresh | 10 | 0.1000 | 1.50 |  |  |  |  |"));
    }
}
