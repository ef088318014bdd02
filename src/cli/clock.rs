//! The present: the only place where a command reads the clock.
//!
//! `FAREBOX_NOW` stops the clock at a moment, so that a report can be made again and a test gives the same answer on any
//! day. `SOURCE_DATE_EPOCH` is not read: distributions set it for whole builds, and a budget check in such a build must
//! still see the prices of its own day. A run whose clock was stopped says so.

use std::ffi::OsStr;

use jiff::Timestamp;

use super::say;
use crate::cli::error::Error;
use farebox::jobs::AsOf;
use farebox::period::Instant;

/// The variable that stops the clock.
pub(crate) const VARIABLE: &str = "FAREBOX_NOW";

/// A reading of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// The moment, in UTC, to the second.
    pub at: Instant,
    /// Whether [`VARIABLE`] set it.
    pub is_set: bool,
}

/// Reads the clock, or the moment at which the environment stopped it.
///
/// # Errors
/// [`Error::Usage`] where the variable is set to something that is not a moment.
pub(crate) fn now() -> Result<Now, Error> {
    read(std::env::var_os(VARIABLE).as_deref())
}

fn read(variable: Option<&OsStr>) -> Result<Now, Error> {
    // `FAREBOX_NOW=` unsets it in shells and CI files that cannot remove a variable.
    let Some(text) = variable.filter(|text| !text.is_empty()) else {
        return Ok(Now { at: Instant::from_unix(Timestamp::now().as_second()), is_set: false });
    };
    let text = text.to_string_lossy();
    let moment: Result<Timestamp, _> = text.parse();
    match moment {
        Ok(moment) => Ok(Now { at: Instant::from_unix(moment.as_second()), is_set: true }),
        Err(_) => Err(Error::Usage(format!(
            "the environment variable {VARIABLE} is {text:?}, which is not a moment\n  help: write it as RFC 3339, such as {VARIABLE}=2026-11-22T12:00:00Z, or unset it"
        ))),
    }
}

/// Checks the variable before a command runs, and says on stderr that the clock is stopped, with `--quiet` as well: a
/// report of another day must not pass for one of today.
///
/// # Errors
/// As [`now`].
pub(crate) fn announce() -> Result<(), Error> {
    let now = now()?;
    if now.is_set {
        say(&format!("note: {VARIABLE} sets the clock to {}", now.moment()));
    }
    Ok(())
}

impl Now {
    /// Where the instant of a command came from that reads the clock.
    pub(crate) fn as_of(self) -> AsOf {
        if self.is_set { AsOf::Stopped { by: VARIABLE, moment: self.moment() } } else { AsOf::Clock }
    }

    /// RFC 3339 to the second, also at midnight.
    pub(crate) fn moment(self) -> String {
        Timestamp::from_second(self.at.unix()).unwrap_or_default().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_stops_the_clock_and_anything_else_is_an_error() {
        let read = |text: &str| read(Some(OsStr::new(text)));
        let stopped = read("2026-11-22T12:00:00Z").unwrap();
        assert_eq!((stopped.moment().as_str(), stopped.is_set), ("2026-11-22T12:00:00Z", true));
        assert_eq!(read("2026-11-22T00:00:00.9+01:00").unwrap().moment(), "2026-11-21T23:00:00Z");
        assert_eq!(read("2028-02-29T00:00:00Z").unwrap().moment(), "2028-02-29T00:00:00Z");
        for text in ["2026-11-22", "yesterday", "1795348800", "2027-02-29T00:00:00Z", " "] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("help: write it as RFC 3339"), "{error}");
        }
    }

    #[test]
    fn without_the_variable_the_clock_goes_on() {
        for unset in [None, Some(OsStr::new(""))] {
            let now = read(unset).unwrap();
            assert!(!now.is_set);
            // The day on which this was written.
            assert!(now.at > "2026-11-29".parse().unwrap());
        }
    }
}
