//! How far a long run is, on a terminal alone.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant as Clock};

/// What is over before this needs no progress.
const SHORT: Duration = Duration::from_secs(1);
/// Between two lines of progress.
const PAUSE: Duration = Duration::from_millis(250);

/// What a person who waits sees on the terminal: a line that is written over until it goes.
pub(crate) struct Progress {
    begun: Clock,
    /// When a line was written last.
    shown: Option<Clock>,
    bytes: u64,
    /// How much there is to read, where that is known.
    total: Option<u64>,
}

impl Progress {
    /// Where a person looks on.
    pub(crate) fn on_terminal(quiet: bool) -> Option<Self> {
        let progress = || Progress { begun: Clock::now(), shown: None, bytes: 0, total: None };
        (!quiet && std::io::stderr().is_terminal()).then(progress)
    }

    /// The same, of so many bytes.
    pub(crate) fn of(self, total: Option<u64>) -> Self {
        Progress { total, ..self }
    }

    /// So many bytes more were read.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.at(self.bytes.saturating_add(bytes), self.total);
    }

    /// So many bytes were read, of so many where that is known.
    pub(crate) fn at(&mut self, bytes: u64, total: Option<u64>) {
        (self.bytes, self.total) = (bytes, total);
        let elapsed = self.begun.elapsed();
        if elapsed < SHORT || self.shown.is_some_and(|shown| shown.elapsed() < PAUSE) {
            return;
        }
        self.shown = Some(Clock::now());
        let _ = write!(std::io::stderr(), "\r\x1b[K{}", line(bytes, total, elapsed));
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `512 of 2,048 MB, 256 MB/s, 6 s left`.
fn line(bytes: u64, total: Option<u64>, elapsed: Duration) -> String {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = bytes.saturating_mul(1000) / milliseconds;
    // Of what is less than ten megabytes a tenth says something.
    let megabytes = |bytes: u64| match bytes >> 20 {
        few if few < 10 => format!("{few}.{}", ((bytes & 0xf_ffff) * 10) >> 20),
        many => farebox::money::grouped(many),
    };
    let of = total.map_or_else(String::new, |total| format!(" of {}", megabytes(total)));
    let left = total.filter(|_| rate > 0).map(|total| total.saturating_sub(bytes) / rate.max(1));
    let left = left.map_or_else(String::new, |left| format!(", {left} s left"));
    format!("{}{of} MB, {} MB/s{left}", megabytes(bytes), megabytes(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_how_fast_and_how_long() {
        let seconds = Duration::from_secs;
        let cases = [
            (512 << 20, Some(2048 << 20), seconds(2), "512 of 2,048 MB, 256 MB/s, 6 s left"),
            (512 << 20, None, seconds(2), "512 MB, 256 MB/s"),
            (0, Some(1 << 20), seconds(2), "0.0 of 1.0 MB, 0.0 MB/s"),
            ((3 << 20) + (1 << 19), Some(1 << 20), seconds(1), "3.5 of 1.0 MB, 3.5 MB/s, 0 s left"),
        ];
        for (bytes, total, elapsed, want) in cases {
            assert_eq!(line(bytes, total, elapsed), want);
        }
    }
}
