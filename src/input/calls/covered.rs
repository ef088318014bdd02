//! The sum of a run in one file and its requests in another: what both say counts once, whichever is read first.
//!
//! `claude -p`, `codex exec` and `gemini` print what a run used, and keep its requests as sessions under the same id. Of a sum
//! counts what the requests leave out; of requests that come behind their sum, what the sum does not hold.

use rustc_hash::FxHashMap;

use super::agents::hash;
use crate::input::dialect::{Dialect, Entry};
use crate::meter::Meter;
use crate::usage::Usage;

/// What was counted of each session and model, as requests and as sums.
#[derive(Default)]
pub(super) struct Covered {
    requests: FxHashMap<u64, Usage>,
    sums: FxHashMap<u64, Usage>,
}

impl Covered {
    /// Takes out of a record what was counted already; `None` where that is all of it.
    pub(super) fn rest(&mut self, mut entry: Entry<'static>) -> Option<Entry<'static>> {
        let (family, is_sum) = match entry.dialect {
            Dialect::ClaudeCode => ('c', false),
            // Messages of a run that ended without a result are of no sum.
            Dialect::ClaudeResult if entry.bucket.is_some() => ('c', true),
            // The lines of a run do not name the model.
            Dialect::Codex => ('x', false),
            Dialect::CodexExec => ('x', true),
            Dialect::GeminiCli => ('g', entry.bucket.is_some()),
            _ => return Some(entry),
        };
        let Some(session) = &entry.labels.session else { return Some(entry) };
        let model = entry.model.as_deref().filter(|_| family != 'x').unwrap_or_default();
        let key = hash(&(family, session, model));
        let used = rough(&entry.usage);
        if !is_sum {
            if let Some(sum) = self.sums.get_mut(&key)
                && holds(sum, &used)
            {
                *sum = without(sum, &used);
                return None;
            }
            let all = self.requests.entry(key).or_default();
            used.used().for_each(|(meter, more)| all.set(meter, all.quantity(meter).saturating_add(more)));
            return Some(entry);
        }
        if let Some(requests) = self.requests.get(&key) {
            let rest = without(&used, requests);
            rest.used().next()?;
            entry.usage = rest.clone();
            entry.reported = None;
            self.sums.insert(key, rest);
        } else {
            let all = self.sums.entry(key).or_default();
            used.used().for_each(|(meter, more)| all.set(meter, all.quantity(meter).saturating_add(more)));
        }
        Some(entry)
    }
}

/// What was used, without what only one of both sides tells apart: thinking, and how long written tokens stay.
fn rough(usage: &Usage) -> Usage {
    let mut rough = usage.clone();
    for (part, whole) in [(Meter::Reasoning, Meter::Output), (Meter::CacheWrite1h, Meter::CacheWrite5m)] {
        rough.set_tokens(whole, usage.tokens(whole).saturating_add(usage.tokens(part)));
        rough.set_tokens(part, 0);
    }
    rough
}

fn holds(sum: &Usage, part: &Usage) -> bool {
    part.used().all(|(meter, quantity)| sum.quantity(meter) >= quantity)
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
