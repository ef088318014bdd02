//! What became of the inputs of a run: [`InputAccount`].
//!
//! A sum says nothing of what is not in it. So every input that was met is accounted for: read whole, in part, or not at all.

use serde::Serialize;

/// What became of each input of a run: a file, a standard input, what a pattern or a folder led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InputAccount {
    /// How many were met and may hold usage.
    pub found: u64,
    /// How many were read whole.
    pub read: u64,
    /// Those of which lines, records or members were not read.
    pub partly: AccountList<PartlyRead>,
    /// Those that could not be read.
    pub failed: AccountList<NotRead>,
    /// What was met and is not a file that can be read, such as a link that leads nowhere.
    pub skipped: AccountList<NotRead>,
    /// Those that were read whole and hold no usage.
    pub without_usage: AccountList<String>,
    /// How many were met again, by another name, and read once.
    pub met_again: u64,
    /// How many files of folders do not begin like usage, and were passed over.
    pub unlike_usage: u64,
}

/// Inputs of a kind: how many, and the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AccountList<T> {
    /// How many.
    pub count: u64,
    /// The first hundred.
    pub first: Vec<T>,
}

/// An input that was read in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PartlyRead {
    /// Its name.
    pub source: String,
    /// How many lines, records or rests of it were not read.
    pub lines: u64,
    /// The line of the first; null where a member of an archive cannot be opened.
    pub from_line: Option<u64>,
}

/// An input that was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NotRead {
    /// Its name, or what a folder or a pattern led to.
    pub source: String,
    /// Why.
    pub why: String,
}

impl<T> Default for AccountList<T> {
    fn default() -> Self {
        AccountList { count: 0, first: Vec::new() }
    }
}

impl InputAccount {
    /// Whether everything that was met was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.partly.count + self.failed.count + self.skipped.count == 0
    }

    /// One line for people about what was not read; `None` where everything was, and where the only input is an error already.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let is_said = self.found == 1 && self.failed.count == 1;
        if self.is_complete() || is_said && self.skipped.count == 0 {
            return None;
        }
        let mut parts = Vec::new();
        let partly = |one: &PartlyRead| match one.from_line {
            Some(line) if one.lines > 1 => format!("{} ({} lines, the first is {line})", one.source, one.lines),
            Some(line) => format!("{} (line {line})", one.source),
            None => one.source.clone(),
        };
        let not = |one: &NotRead| one.source.clone();
        parts.extend(listed("in part", &self.partly, partly));
        parts.extend(listed("not at all", &self.failed, not));
        parts.extend(listed("skipped", &self.skipped, not));
        let inputs = if self.found == 1 { "input" } else { "inputs" };
        Some(format!("{} of {} {inputs} read whole; {}", self.read, self.found, parts.join("; ")))
    }
}

/// The first of a kind, by name.
fn listed<T>(what: &str, list: &AccountList<T>, name: impl Fn(&T) -> String) -> Option<String> {
    const SHOWN: usize = 3;
    let names: Vec<String> = list.first.iter().take(SHOWN).map(name).collect();
    let more = list.count.saturating_sub(names.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (list.count > 0).then(|| format!("{what}: {}{more}", names.join(", ")))
}
