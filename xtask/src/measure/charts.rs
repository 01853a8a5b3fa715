//! Small bar charts from the committed figures: plain SVG, readable on light and dark pages, the same bytes for the same
//! figures. What was not reached is drawn as plainly as what was.

use serde_json::Value;

use super::book::number;
use super::report::{list, median_of, text, thousands};

const WIDTH: f64 = 720.0;
const LABEL: f64 = 250.0;
const BAR: f64 = 300.0;
const ROW: f64 = 22.0;
const TOP: f64 = 44.0;
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#24292f}.h{font-weight:600}.q{fill:#57606a}\
.g{fill:#2f7d4f}.b{fill:#b3412e}.o{fill:#3567a8}.p{fill:#8c959f}.l{stroke:#24292f;stroke-dasharray:3 3}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.q{fill:#9198a1}.g{fill:#57ab5a}.b{fill:#e5705b}\
.o{fill:#6ca4f8}.p{fill:#6e7681}.l{stroke:#e6edf3}}";

/// A bar: what, how long (0 to 1), what stands behind it, and its colour's class.
struct Bar {
    label: String,
    share: f64,
    says: String,
    class: &'static str,
}

/// Every chart, as path and text.
pub(crate) fn charts(report: &Value) -> Vec<(String, String)> {
    let all = [("targets", targets(report)), ("peers", peers(report)), ("cpu", cpu(report))];
    all.into_iter().map(|(name, svg)| (format!("docs/charts/{name}.svg"), svg)).collect()
}

/// Each figure to what it must be: the line is the target, on its right is good.
fn targets(report: &Value) -> String {
    let bars = list(&report["figures"]).iter().filter(|figure| !text(&figure["name"]).starts_with("peer_"));
    let bars: Vec<Bar> = bars
        .map(|figure| {
            let (value, must) = (number(figure, "value"), number(figure, "must"));
            let reached = if figure["better"] == "higher" { value / must } else { must / value.max(must / 100.0) };
            let sign = if figure["better"] == "higher" { "≥" } else { "≤" };
            Bar {
                label: text(&figure["name"]).replace('_', " "),
                share: reached / 2.0,
                says: format!("{} {} ({sign} {})", figure["value"], text(&figure["unit"]), figure["must"]),
                class: if figure["met"] == true { "g" } else { "b" },
            }
        })
        .collect();
    draw(
        "Figures against what they must be",
        "the line is the target; a bar that does not reach it is a figure not met",
        &bars,
        Some(0.5),
    )
}

/// Refreshes a second of everybody, on a logarithmic scale.
fn peers(report: &Value) -> String {
    let bars = by_operation(report, |said| median_of(said, "rps"), |value| format!("{} a second", thousands(value)));
    draw("Refreshes a second", "logarithmic; in the same rounds on the same machine", &bars, None)
}

/// Processor time of a refresh, server and database.
fn cpu(report: &Value) -> String {
    let spent = |said: &Value| {
        Some(1000.0 * (median_of(said, "cpu_s_per_1000")? + median_of(said, "database_cpu_s_per_1000").unwrap_or(0.0)))
    };
    let bars = by_operation(report, spent, |value| format!("{value:.0} µs"));
    draw("Processor time of a refresh, server and database", "logarithmic; shorter is better", &bars, None)
}

/// The refreshes of us and of every peer, longest first.
fn by_operation(report: &Value, of: impl Fn(&Value) -> Option<f64>, says: impl Fn(f64) -> String) -> Vec<Bar> {
    let mut found: Vec<(String, f64, &'static str)> = Vec::new();
    for (name, said) in report["operations"].as_object().into_iter().flatten() {
        let (label, class) = match name.as_str() {
            "echo" => ("echo: no work at all".to_owned(), "p"),
            "refresh" => ("Causeway, one machine".to_owned(), "o"),
            "refresh_pg" => ("Causeway on PostgreSQL".to_owned(), "o"),
            other => match other.strip_prefix("peer_").and_then(|rest| rest.strip_suffix("_refresh")) {
                Some(peer) => (peer_label(peer), "p"),
                None => continue,
            },
        };
        found.extend(of(said).filter(|value| *value > 0.0).map(|value| (label, value, class)));
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let most = found.first().map_or(1.0, |(_, value, _)| *value);
    let least = found.last().map_or(1.0, |(_, value, _)| *value) / 2.0;
    let share = |value: f64| (value / least).ln() / (most / least).ln().max(1e-9);
    found
        .into_iter()
        .map(|(label, value, class)| Bar { label, share: share(value), says: says(value), class })
        .collect()
}

fn peer_label(name: &str) -> String {
    let memory = if name == "oxide_auth" { " (memory only)" } else { "" };
    format!("{}{memory}", name.replace('_', "-"))
}

fn draw(title: &str, subtitle: &str, bars: &[Bar], line: Option<f64>) -> String {
    let height = TOP + ROW * bars.len() as f64 + 10.0;
    let mut rows = String::new();
    for (at, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * at as f64;
        let width = BAR * bar.share.clamp(0.004, 1.0);
        let (text_y, behind) = (y + 13.0, LABEL + width + 6.0);
        rows.push_str(&format!(
            "<text x=\"{}\" y=\"{text_y}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{}\" x=\"{LABEL}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" rx=\"2\"/>\
             <text class=\"q\" x=\"{behind:.1}\" y=\"{text_y}\">{}</text>\n",
            LABEL - 8.0,
            escape(&bar.label),
            bar.class,
            escape(&bar.says)
        ));
    }
    let line = line.map_or(String::new(), |share| {
        let x = LABEL + BAR * share;
        format!("<line class=\"l\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>\n", TOP - 4.0, height - 8.0)
    });
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{0}\">\n<style>{STYLE}</style>\n<text class=\"h\" x=\"8\" y=\"16\">{0}</text>\
         <text class=\"q\" x=\"8\" y=\"33\">{1}</text>\n{rows}{line}</svg>\n",
        escape(title),
        escape(subtitle)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_figure_that_is_not_met_is_drawn_as_such() {
        let figure = |value: f64, met: bool| json!({"figures": [{"name": "a", "value": value, "unit": "E", "must": 2.0, "better": "higher", "met": met}]});
        let charts = charts(&figure(1.0, false));
        let (path, svg) = &charts[0];
        assert_eq!(path, "docs/charts/targets.svg");
        assert!(svg.contains("class=\"b\"") && !svg.contains("rect class=\"g\""), "{svg}");
        assert!(targets(&figure(2.0, true)).contains("rect class=\"g\""));
        assert_eq!(svg, &targets(&figure(1.0, false)));
    }
}
