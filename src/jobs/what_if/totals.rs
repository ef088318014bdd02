//! Sums over a run of `what-if`: as it was, and as it would have been.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Add;

use super::target::SwitchTarget;
use crate::jobs::JobError;
use crate::jobs::usage::unread::UnreadNames;
use crate::money::Usd;
use crate::range::Range;

/// Money of some requests: as it was, and as it would have been.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SwitchSums {
    pub records: u64,
    pub was: Usd,
    /// Next to `was`, the least and the most that rows of several requests can have been.
    pub was_low: Usd,
    pub was_high: Usd,
    pub there: Range<Usd>,
    /// Records of which one side is older than the first evidence of its price.
    pub assumed: u64,
}

impl Add for SwitchSums {
    type Output = SwitchSums;
    fn add(self, other: SwitchSums) -> SwitchSums {
        SwitchSums {
            records: self.records + other.records,
            was: self.was + other.was,
            was_low: self.was_low + other.was_low,
            was_high: self.was_high + other.was_high,
            there: Range {
                low: self.there.low + other.there.low,
                expected: self.there.expected + other.there.expected,
                high: self.there.high + other.there.high,
            },
            assumed: self.assumed + other.assumed,
        }
    }
}

/// Which side of the comparison has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SwitchSide {
    Past,
    Other,
}

impl SwitchSide {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            SwitchSide::Past => "as it was",
            SwitchSide::Other => "as it would be",
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct WhatIfTotals {
    /// By what it was and what it would be.
    pub(super) rows: BTreeMap<(String, String), SwitchSums>,
    /// Records without a price, by status and side.
    pub(super) refused: BTreeMap<(&'static str, SwitchSide), u64>,
    /// For each target, how many records it would fit, and how many it moved.
    pub(super) fitted: Vec<[u64; 2]>,
    /// Models of the log that have a price, with their records.
    pub(super) held: BTreeMap<String, u64>,
    /// Requests that cost nothing either way: errors, local machines.
    pub(super) free: u64,
    /// Records of another time than was asked for.
    pub(super) outside: u64,
    /// Records without a time, where one was asked for.
    pub(super) without_time: u64,
    /// Whether a row summed up several requests.
    pub(super) summed: bool,
    /// Models that would have ended by then, each as it is said.
    pub(super) ended: BTreeSet<String>,
    /// What nobody read of the records, by name: it is on neither side.
    pub(super) unread: UnreadNames,
    /// The ratios of tokenizers, in sentences.
    pub(super) ratios: Vec<String>,
}

impl WhatIfTotals {
    pub(super) fn merge(&mut self, other: Self) {
        for (key, sums) in other.rows {
            let slot = self.rows.entry(key).or_default();
            *slot = *slot + sums;
        }
        for (key, count) in other.refused {
            *self.refused.entry(key).or_default() += count;
        }
        for (model, count) in other.held {
            *self.held.entry(model).or_default() += count;
        }
        for (mine, theirs) in self.fitted.iter_mut().flatten().zip(other.fitted.into_iter().flatten()) {
            *mine += theirs;
        }
        self.free += other.free;
        self.outside += other.outside;
        self.without_time += other.without_time;
        self.summed |= other.summed;
        self.ended.extend(other.ended);
        self.unread.merge(other.unread);
    }

    /// Whether nothing at all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.refused.is_empty() && self.free + self.outside + self.without_time == 0
    }

    /// How many records one side has no price for.
    #[must_use]
    pub fn unpriced(&self) -> u64 {
        self.refused.values().sum()
    }

    /// What a user must know of a run in which nothing could be compared.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        if !self.rows.is_empty() || self.unpriced() == 0 {
            return None;
        }
        let statuses = self.refused.iter().map(|((status, side), n)| format!("{n} {status}, {}", side.name()));
        Some(format!("no record could be compared: {}", statuses.collect::<Vec<_>>().join("; ")))
    }

    /// What was not read although it may have been billed, a line for each name.
    #[must_use]
    pub fn unread_warnings(&self) -> Vec<String> {
        self.unread.warnings()
    }

    /// How many records have something that was not read.
    #[must_use]
    pub fn unread_records(&self) -> u64 {
        self.unread.records()
    }

    /// Why records have no price, by status and side.
    pub(super) fn reasons(&self) -> BTreeMap<String, u64> {
        self.refused.iter().map(|((status, side), n)| (format!("{status}, {}", side.name()), *n)).collect()
    }

    /// What is on neither side, in sentences.
    pub(super) fn left_out(&self) -> Vec<String> {
        let records = |count: u64| if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
        let reasons = self.reasons().into_iter();
        let mut notes: Vec<String> =
            reasons.map(|(reason, n)| format!("Left out of both sides: {}, {reason}.", records(n))).collect();
        let counts = [
            (self.outside, "of another time left out"),
            (self.without_time, "without a timestamp left out of the span"),
        ];
        notes.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}.", records(*n))));
        notes
    }

    /// Switches that moved nothing: an error where it was all that was asked to move, and a warning each next to others.
    pub(super) fn judge(&self, targets: &[SwitchTarget]) -> Result<Vec<String>, JobError> {
        let mut warnings = Vec::new();
        for (target, [fits, moved]) in targets.iter().zip(&self.fitted) {
            // `--model` and `*` fit whatever there is.
            if *moved > 0 || target.from == "*" || self.is_empty() {
                continue;
            }
            let error = self.moved_nothing(target, *fits);
            if targets.len() == 1 {
                return Err(error);
            }
            warnings.push(error.with_help());
        }
        Ok(warnings)
    }

    fn moved_nothing(&self, target: &SwitchTarget, fits: u64) -> JobError {
        let SwitchTarget { from, to, .. } = target;
        if fits > 0 {
            let message =
                format!("--switch {from}={to} moved nothing: earlier switches take every record that it fits");
            return JobError::Asked { message, help: None };
        }
        let (holds, help) = self.holds(from, to);
        JobError::Asked { message: format!("--switch {from}={to} fits no record: {holds}"), help }
    }

    /// The models that the log holds, and which of them a switch may have meant.
    fn holds(&self, from: &str, to: &str) -> (String, Option<String>) {
        const SHOWN: usize = 5;
        let mut held: Vec<_> = self.held.iter().collect();
        held.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let Some((most, _)) = held.first() else { return ("the log holds nothing that has a price".to_owned(), None) };
        let names: Vec<&str> = held.iter().take(SHOWN).map(|(name, _)| name.as_str()).collect();
        let more = if held.len() > SHOWN { format!(" and {} more", held.len() - SHOWN) } else { String::new() };
        let near = match held.iter().find(|(name, _)| is_like(from, name)) {
            None => format!("name a model of the log, such as --switch {most}={to}"),
            Some((first, _)) => format!("did you mean --switch {first}={to}?"),
        };
        (format!("the log holds {}{more}", names.join(", ")), Some(near))
    }
}

/// Whether a model of the log may be what a name that fits none was meant for: one contains the other, or they are alike.
fn is_like(asked: &str, id: &str) -> bool {
    let (asked, id) = (asked.to_lowercase(), id.to_lowercase());
    let name = id.rsplit('/').next().unwrap_or(&id);
    let bare = asked.rsplit('/').next().unwrap_or(&asked);
    name.contains(bare) || bare.contains(name) || crate::similar::alike(bare, name) > 0.9
}
