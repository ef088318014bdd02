//! The sum of a run in one file and its requests in another: what both say counts once, whichever is read first.
//!
//! `claude -p`, `codex exec` and `gemini` print what a run used, and keep its requests as sessions under the same id. Of a sum
//! counts what the requests leave out; of requests that come behind their sum, what the sum does not hold. What was told on
//! both sides is used up on both: the next run of the session has a sum and requests of its own.

use rustc_hash::FxHashMap;

use super::agents::hash;
use crate::input::dialect::{Dialect, Entry};
use crate::meter::Meter;
use crate::usage::Usage;

/// What was counted of each session and model and told on one side only: by requests, or by sums.
#[derive(Default)]
pub(super) struct Covered {
    requests: FxHashMap<u64, Usage>,
    sums: FxHashMap<u64, Usage>,
}

impl Covered {
    /// Takes out of a record what was counted already; `None` where that is all of it.
    pub(super) fn rest(&mut self, mut entry: Entry<'static>) -> Option<Entry<'static>> {
        let Some((key, is_sum)) = place_of(&entry) else { return Some(entry) };
        let used = rough(&entry.usage);
        if used.used().next().is_none() {
            return Some(entry);
        }
        let (own, other) =
            if is_sum { (&mut self.sums, &mut self.requests) } else { (&mut self.requests, &mut self.sums) };
        let mut add = |more: &Usage| {
            let all = own.entry(key).or_default();
            more.used().for_each(|(meter, more)| all.set(meter, all.quantity(meter).saturating_add(more)));
        };
        let Some(counted) = other.get_mut(&key) else {
            // Few sessions are told twice.
            add(&used);
            return Some(entry);
        };
        let both = common(&used, counted);
        let rest = without(&used, &both);
        *counted = without(counted, &both);
        rest.used().next()?;
        if rest != used {
            entry.usage = fine(&rest, &entry.usage);
            entry.reported = None;
        }
        add(&rest);
        Some(entry)
    }

    /// [`Covered::rest`] as it would be: what it changes goes into `over`.
    #[cfg(feature = "folders")]
    pub(super) fn rest_over(&self, over: &mut Covered, entry: Entry<'static>) -> Option<Entry<'static>> {
        if let Some((key, _)) = place_of(&entry) {
            for (known, over) in [(&self.requests, &mut over.requests), (&self.sums, &mut over.sums)] {
                if let Some(usage) = known.get(&key) {
                    over.entry(key).or_insert_with(|| usage.clone());
                }
            }
        }
        over.rest(entry)
    }
}

/// Which session and model a record is of, and whether it is a sum; `None` where no other file says the same.
fn place_of(entry: &Entry) -> Option<(u64, bool)> {
    let (family, is_sum) = match entry.dialect {
        Dialect::ClaudeCode => ('c', false),
        // Messages of a run that ended without a result are of no sum.
        Dialect::ClaudeResult if entry.bucket.is_some() => ('c', true),
        // The lines of a run do not name the model.
        Dialect::Codex => ('x', false),
        Dialect::CodexExec => ('x', true),
        Dialect::GeminiCli => ('g', entry.bucket.is_some()),
        _ => return None,
    };
    let session = entry.labels.session.as_ref()?;
    let model = entry.model.as_deref().filter(|_| family != 'x').unwrap_or_default();
    Some((hash(&(family, session, model)), is_sum))
}

/// Whether a sum leaves out what its requests in another file may say, so that those count first: the model, without which it
/// has no price.
pub(super) fn waits_for_requests(entry: &Entry) -> bool {
    entry.model.is_none() && place_of(entry).is_some_and(|(_, is_sum)| is_sum)
}

/// Parts that only one of both sides tells apart from their wholes: thinking, and how long written tokens stay.
const PARTS: [(Meter, Meter); 2] = [(Meter::Reasoning, Meter::Output), (Meter::CacheWrite1h, Meter::CacheWrite5m)];

/// What was used, without what only one of both sides tells apart.
fn rough(usage: &Usage) -> Usage {
    let mut rough = usage.clone();
    for (part, whole) in PARTS {
        let tokens = usage.tokens(part);
        if tokens > 0 {
            rough.set_tokens(whole, usage.tokens(whole).saturating_add(tokens));
            rough.set_tokens(part, 0);
        }
    }
    rough
}

/// What is left of a usage, told apart as it was, as far as there is as much left.
fn fine(rest: &Usage, usage: &Usage) -> Usage {
    let mut fine = rest.clone();
    for (part, whole) in PARTS {
        let left = rest.tokens(whole);
        let kept = usage.tokens(part).min(left);
        fine.set_tokens(part, kept);
        fine.set_tokens(whole, left - kept);
    }
    fine
}

/// What both hold, by meter.
fn common(one: &Usage, other: &Usage) -> Usage {
    let mut both = Usage::default();
    for (meter, quantity) in one.used() {
        both.set(meter, quantity.min(other.quantity(meter)));
    }
    both
}

fn without(sum: &Usage, part: &Usage) -> Usage {
    let mut rest = Usage::default();
    for (meter, quantity) in sum.used() {
        let covered = part.quantity(meter);
        if quantity > covered {
            rest.set(meter, quantity.saturating_sub(covered));
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What counts of records of a session in turn: sums and requests, each as (is a sum, prompt, answer).
    fn counted(records: &[(bool, u64, u64)]) -> Vec<(u64, u64)> {
        let mut covered = Covered::default();
        let of = |entry: Entry| (entry.usage.prompt_tokens(), entry.usage.answer_tokens());
        let rest = |(is_sum, input, output): &(bool, u64, u64)| {
            let dialect = if *is_sum { Dialect::CodexExec } else { Dialect::Codex };
            let mut entry = Entry::new(dialect, Usage::tokens_in_out(*input, *output));
            entry.labels.session = Some("s".into());
            covered.rest(entry).map(of)
        };
        records.iter().filter_map(rest).collect()
    }

    #[test]
    fn what_a_sum_and_its_requests_tell_counts_once() {
        let (sum, request) = (|input, output| (true, input, output), |input, output| (false, input, output));
        assert_eq!(counted(&[request(60, 6), request(40, 4), sum(100, 10)]), [(60, 6), (40, 4)]);
        assert_eq!(counted(&[sum(100, 10), request(60, 6), request(40, 4)]), [(100, 10)]);
        // The session goes on: what the first sum held is used up, also where a second run is summed up.
        assert_eq!(counted(&[sum(100, 10), request(100, 10), request(70, 7)]), [(100, 10), (70, 7)]);
        assert_eq!(counted(&[request(100, 10), sum(100, 10), sum(70, 7)]), [(100, 10), (70, 7)]);
        assert_eq!(counted(&[request(100, 10), sum(100, 10), request(70, 7), sum(70, 7)]), [(100, 10), (70, 7)]);
        // A sum that holds a part of a request, and one that holds more than its requests.
        assert_eq!(counted(&[sum(100, 10), request(130, 12)]), [(100, 10), (30, 2)]);
        assert_eq!(counted(&[request(60, 6), sum(100, 10), request(40, 4)]), [(60, 6), (40, 4)]);
    }

    #[test]
    fn what_is_left_of_a_request_is_told_apart_as_it_was() {
        let mut covered = Covered::default();
        let mut entry = |is_sum: bool, usage: Usage| {
            let mut entry = Entry::new(Dialect::ClaudeCode, usage);
            if is_sum {
                entry.dialect = Dialect::ClaudeResult;
                entry.bucket = Some(crate::input::dialect::Bucket::default());
            }
            entry.labels.session = Some("s".into());
            covered.rest(entry).map(|entry| entry.usage)
        };
        let of = |all: &[(Meter, u64)]| {
            let mut usage = Usage::default();
            all.iter().for_each(|(meter, tokens)| usage.set_tokens(*meter, *tokens));
            usage
        };
        entry(true, of(&[(Meter::Input, 5), (Meter::Output, 10)]));
        let request = [(Meter::Input, 20), (Meter::CacheWrite1h, 100), (Meter::Output, 30), (Meter::Reasoning, 8)];
        let left = [(Meter::Input, 15), (Meter::CacheWrite1h, 100), (Meter::Output, 20), (Meter::Reasoning, 8)];
        assert_eq!(entry(false, of(&request)), Some(of(&left)));
    }
}
