//! What a bench run leaves: a table for the terminal, JSON for docs/benchmarks.json, and that table in docs/BENCHMARKS.md.
//!
//! The shape of the JSON is a contract: outside checks read it.

use std::fs;

use serde_json::{Value, json};

use super::rounds::Measured;

/// The table on the terminal.
pub(crate) fn print(measured: &Measured) {
    let (e, e_us) = measured.echo;
    println!("\n{} at {}, medians of {} rounds", measured.machine, measured.commit, measured.rounds);
    println!("E = {e:.0} requests a second of the echo, {e_us:.1} µs of its processor each\n");
    println!("{:<26}{:>10} {:<6}{:>9}{:>9}", "figure", "value", "unit", "must", "aim");
    for (figure, value) in &measured.figures {
        let sign = if figure.higher_is_better { "≥" } else { "≤" };
        let verdict = if figure.met(*value) { "" } else { "  NOT MET" };
        println!(
            "{:<26}{value:>10.3} {:<6}{sign:>3}{:>6}{sign:>3}{:>6}{verdict}",
            figure.name, figure.unit, figure.must, figure.aim
        );
    }
}

/// Writes the JSON.
pub(crate) fn write(file: &str, measured: &Measured) -> Result<(), String> {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    let figures: Vec<Value> = measured
        .figures
        .iter()
        .map(|(figure, value)| {
            json!({"name": figure.name, "value": rounded(*value), "unit": figure.unit, "must": figure.must,
                   "aim": figure.aim, "better": if figure.higher_is_better { "higher" } else { "lower" },
                   "met": figure.met(*value)})
        })
        .collect();
    let (e, e_us) = measured.echo;
    let report = json!({"machine": measured.machine, "commit": measured.commit, "rounds": measured.rounds,
        "baselines": {"E": rounded(e), "e_us": rounded(e_us), "R64": 0, "PGR": 0},
        "figures": figures, "operations": measured.operations});
    let text = serde_json::to_string_pretty(&report).map_err(|e| format!("cannot write JSON: {e}"))?;
    fs::write(file, text + "\n").map_err(|e| format!("cannot write {file}: {e}"))
}

/// The table of docs/BENCHMARKS.md from the committed JSON.
pub(crate) fn markdown(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_string();
    let (baseline, rounds) = (&report["baselines"], &report["rounds"]);
    let mut out = format!(
        "{}; commit {}; medians of {rounds} rounds. E = {} requests a second, {} µs each.\n\n",
        text(&report["machine"]),
        text(&report["commit"]),
        baseline["E"],
        baseline["e_us"]
    );
    out.push_str("| figure | value | unit | must | aim | met |\n|---|---|---|---|---|---|\n");
    for figure in report["figures"].as_array().map_or(&[][..], Vec::as_slice) {
        let sign = if figure["better"] == "higher" { "≥" } else { "≤" };
        let met = if figure["met"] == true { "yes" } else { "**no**" };
        out.push_str(&format!(
            "| `{}` | {} | {} | {sign} {} | {sign} {} | {met} |\n",
            text(&figure["name"]),
            figure["value"],
            text(&figure["unit"]),
            figure["must"],
            figure["aim"]
        ));
    }
    out
}
