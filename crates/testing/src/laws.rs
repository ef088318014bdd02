//! How often the tests of laws try: as often as suits every change, and more at night. Integration tests include this file.

use proptest::test_runner::Config;

/// The usual number of cases, times `FAREBOX_LAW_TIMES` where that is set; failing cases are not kept in files.
#[must_use]
pub fn cases(usual: u32) -> Config {
    let times = std::env::var("FAREBOX_LAW_TIMES").map_or(1, |n| n.parse().expect("FAREBOX_LAW_TIMES is a number"));
    let usually = Config::default();
    Config {
        cases: usual.saturating_mul(times),
        max_global_rejects: usually.max_global_rejects.saturating_mul(times),
        failure_persistence: None,
        ..usually
    }
}
