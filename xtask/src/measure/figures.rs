//! The figures: name, unit, what must be met, what we aim at.
//!
//! How each is measured stands in rounds.rs and its neighbours; what they mean for a reader, in docs/BENCHMARKS.md.

/// A figure and its targets.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) must: f64,
    pub(crate) aim: f64,
    pub(crate) higher_is_better: bool,
}

impl Figure {
    /// Whether the value is good enough.
    pub(crate) fn met(&self, value: f64) -> bool {
        if self.higher_is_better { value >= self.must } else { value <= self.must }
    }
}

/// The one that takes minutes: a clean build.
pub(crate) const SLOW: &str = "build_cpu_s";

/// All of them, in the order of the report. `E` is the echo's requests a second in the same round, `e` its processor time of
/// one; R64 and PGR are rotations a second of a store in the usual way (see baselines.rs).
pub(crate) const FIGURES: &[Figure] = &[
    higher("guard_check_echo_ratio", "E", 0.85, 0.95),
    lower("guard_check_cpu_echo_ratio", "e", 1.3, 1.3),
    higher("forward_auth_echo_ratio", "E", 0.6, 0.75),
    higher("introspect_echo_ratio", "E", 0.65, 0.8),
    higher("refresh_echo_ratio", "E", 0.3, 0.5),
    lower("refresh_cpu_echo_ratio", "e", 6.0, 4.0),
    higher("refresh_r64_ratio", "R64", 1.5, 1.5),
    higher("store_r64_ratio", "R64", 1.5, 2.3),
    higher("refresh_peer_ratio", "x", 30.0, 30.0),
    lower("refresh_lone_over_sync_ms", "ms", 1.0, 0.3),
    higher("refresh_pg_pgr_ratio", "PGR", 0.9, 1.5),
    higher("refresh_pg_peer_ratio", "x", 4.0, 4.0),
    lower("takeback_p99_ms", "ms", 250.0, 50.0),
    higher("client_credentials_echo_ratio", "E", 0.6, 0.8),
    higher("exchange_echo_ratio", "E", 0.1, 0.2),
    higher("growth_check_ratio", "10 k", 0.97, 1.0),
    higher("growth_issue_ratio", "10 k", 0.97, 1.0),
    higher("growth_refresh_ratio", "10 k", 0.7, 0.9),
    lower("growth_start_ms", "ms", 100.0, 100.0),
    lower("growth_rss_mb", "MB", 5.0, 5.0),
    lower("rss_idle_mb", "MB", 20.0, 12.0),
    lower("start_ms", "ms", 40.0, 20.0),
    lower("binary_mb", "MB", 15.0, 10.0),
    lower("family_bytes", "bytes", 160.0, 96.0),
    lower("family_year_bytes", "bytes", 160.0, 96.0),
    lower("connection_disk_bytes", "bytes", 1000.0, 600.0),
    lower(SLOW, "CPU s", 450.0, 350.0),
];

const fn higher(name: &'static str, unit: &'static str, must: f64, aim: f64) -> Figure {
    Figure { name, unit, must, aim, higher_is_better: true }
}

const fn lower(name: &'static str, unit: &'static str, must: f64, aim: f64) -> Figure {
    Figure { name, unit, must, aim, higher_is_better: false }
}

/// The middle value; the mean of the two middle ones if there are two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_targets() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(higher("a", "E", 0.7, 0.8).met(0.7) && !higher("a", "E", 0.7, 0.8).met(0.69));
        assert!(lower("a", "ms", 150.0, 60.0).met(150.0) && !lower("a", "ms", 150.0, 60.0).met(151.0));
    }
}
