//! Settles which spans of a trace were requests: a span that sums up the calls below it repeats what they used.
//!
//! Spans come in any order, the calls mostly before the agent that made them, so the records of a trace wait until its file
//! ends, or until 16,384 other spans have come. A span that was recorded twice counts once, as it was written last.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::input::dialect::{Entry, Span, SpanRole};
use crate::meter::Meter;
use crate::usage::Usage;

/// So many spans wait for others of their trace.
const WINDOW: usize = 1 << 14;

/// The traces whose spans wait for each other.
#[derive(Default)]
pub(super) struct SpanTrees {
    traces: FxHashMap<u64, Trace>,
    /// The traces by when their first span came.
    order: VecDeque<u64>,
    waiting: usize,
}

/// What has settled: the records that count, in the order in which they came, and how many others repeated them.
#[derive(Default)]
pub(super) struct Settled {
    pub records: Vec<(u64, Entry<'static>)>,
    pub repeats: u64,
}

impl SpanTrees {
    /// Takes a span, with what it says was used. Hands out what settles because too many wait.
    pub(super) fn take(&mut self, line: u64, span: Span<'static>) -> Settled {
        if !self.traces.contains_key(&span.trace) {
            self.order.push_back(span.trace);
        }
        let trace = self.traces.entry(span.trace).or_default();
        let before = trace.nodes.len();
        let mut settled = Settled { repeats: u64::from(trace.add(line, span)), ..Settled::default() };
        self.waiting += trace.nodes.len() - before;
        if self.waiting > WINDOW {
            settled.add(self.settle_first());
        }
        settled
    }

    /// Hands out everything.
    pub(super) fn settle(&mut self) -> Settled {
        let mut settled = Settled::default();
        while !self.order.is_empty() {
            settled.add(self.settle_first());
        }
        settled
    }

    /// The records that would count if nothing more came.
    #[cfg(feature = "folders")]
    pub(super) fn counted(&self) -> impl Iterator<Item = (u64, &Entry<'static>)> {
        let traces = self.order.iter().filter_map(|id| self.traces.get(id));
        traces.flat_map(|trace| {
            let counts = trace.which_count();
            let records = trace.nodes.iter().zip(counts).filter(|(_, counts)| *counts);
            records.filter_map(|(node, _)| node.span.record.as_deref().map(|entry| (node.line, entry)))
        })
    }

    fn settle_first(&mut self) -> Settled {
        let trace = self.order.pop_front().and_then(|id| self.traces.remove(&id)).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(trace.nodes.len());
        let mut settled = Settled::default();
        let counts = trace.which_count();
        for (node, counts) in trace.nodes.into_iter().zip(counts) {
            match node.span.record {
                Some(entry) if counts => settled.records.push((node.line, *entry)),
                Some(_) => settled.repeats += 1,
                None => {}
            }
        }
        settled
    }
}

impl Settled {
    fn add(&mut self, other: Settled) {
        self.records.extend(other.records);
        self.repeats += other.repeats;
    }
}

/// The spans of a trace that were read so far.
#[derive(Default)]
struct Trace {
    nodes: Vec<SpanNode>,
    places: FxHashMap<u64, usize>,
}

struct SpanNode {
    line: u64,
    span: Span<'static>,
}

impl Trace {
    /// Adds a span. Says whether it replaced a record of the same span.
    fn add(&mut self, line: u64, span: Span<'static>) -> bool {
        let known = self.places.get(&span.id).and_then(|place| self.nodes.get_mut(*place));
        let Some(node) = known else {
            self.places.insert(span.id, self.nodes.len());
            self.nodes.push(SpanNode { line, span });
            return false;
        };
        let repeats = node.span.record.is_some() && span.record.is_some();
        if span.record.is_some() {
            *node = SpanNode { line, span };
        }
        repeats
    }

    /// Which of the spans count: a call always, unless the calls below it say the same; any other only where no call below
    /// it counts.
    fn which_count(&self) -> Vec<bool> {
        let order = self.children_first();
        let mut counts = self.by_descent(&order);
        self.leave_out_sums_of_strays(&order, &mut counts);
        counts
    }

    fn by_descent(&self, order: &[usize]) -> Vec<bool> {
        let mut counts = vec![false; self.nodes.len()];
        // What was counted at or below a span, where its parent was not settled yet.
        let mut below: Vec<Vec<Tokens>> = self.nodes.iter().map(|_| Vec::new()).collect();
        for place in order.iter().copied() {
            let Some(node) = self.nodes.get(place) else { continue };
            let mut counted = below.get_mut(place).map(std::mem::take).unwrap_or_default();
            if let Some(entry) = &node.span.record {
                let own = Tokens::of(&entry.usage);
                let repeats = match node.span.role {
                    SpanRole::Call => own.repeats(&counted),
                    SpanRole::Sum => !counted.is_empty(),
                };
                if !repeats {
                    counted.push(own);
                    if let Some(slot) = counts.get_mut(place) {
                        *slot = true;
                    }
                }
            }
            if let Some(parent) = self.parent(node).and_then(|parent| below.get_mut(parent)) {
                // The shorter list goes into the longer, so that a long chain of spans costs no more than a wide one.
                if parent.len() < counted.len() {
                    std::mem::swap(parent, &mut counted);
                }
                parent.append(&mut counted);
            }
        }
        counts
    }

    /// A sum that no call stands below repeats calls all the same where the spans between them were not exported: the calls
    /// name parents that are missing and fit into the sum, or calls without any parent add up to it.
    fn leave_out_sums_of_strays(&self, order: &[usize], counts: &mut [bool]) {
        let mut is_cut_off = vec![false; self.nodes.len()];
        for place in order.iter().rev().copied() {
            let Some(node) = self.nodes.get(place) else { continue };
            let above = self.parent(node).and_then(|parent| is_cut_off.get(parent).copied());
            let is_missing = node.span.parent.is_some_and(|parent| parent != node.span.id);
            if let Some(slot) = is_cut_off.get_mut(place) {
                *slot = above.unwrap_or(is_missing);
            }
        }
        let (mut cut_off, mut all) = (Vec::new(), Vec::new());
        for ((node, counts), is_cut_off) in self.nodes.iter().zip(&*counts).zip(is_cut_off) {
            if let Some(entry) = node.span.record.as_ref().filter(|_| *counts && node.span.role == SpanRole::Call) {
                all.push(Tokens::of(&entry.usage));
                cut_off.extend(all.last().copied().filter(|_| is_cut_off));
            }
        }
        for (node, counts) in self.nodes.iter().zip(counts) {
            let is_sum = *counts && node.span.role == SpanRole::Sum;
            if let Some(entry) = node.span.record.as_ref().filter(|_| is_sum) {
                let own = Tokens::of(&entry.usage);
                *counts = !own.repeats(&all) && !own.holds(&cut_off);
            }
        }
    }

    fn parent(&self, node: &SpanNode) -> Option<usize> {
        let parent = node.span.parent.filter(|parent| *parent != node.span.id)?;
        self.places.get(&parent).copied()
    }

    /// The places of all spans, each behind those below it. Spans that name each other as parents have no order: they come
    /// last, as they were read.
    fn children_first(&self) -> Vec<usize> {
        let mut open_children = vec![0_usize; self.nodes.len()];
        for parent in self.nodes.iter().filter_map(|node| self.parent(node)) {
            if let Some(count) = open_children.get_mut(parent) {
                *count += 1;
            }
        }
        let mut order: Vec<usize> = Vec::with_capacity(self.nodes.len());
        order.extend(open_children.iter().enumerate().filter(|(_, open)| **open == 0).map(|(place, _)| place));
        let mut next = 0;
        while let Some(place) = order.get(next).copied() {
            next += 1;
            let Some(parent) = self.nodes.get(place).and_then(|node| self.parent(node)) else { continue };
            let Some(count) = open_children.get_mut(parent) else { continue };
            *count -= 1;
            if *count == 0 {
                order.push(parent);
            }
        }
        order.extend(open_children.iter().enumerate().filter(|(_, open)| **open > 0).map(|(place, _)| place));
        order
    }
}

/// The tokens of a request in the ways in which two instrumentations may count one and the same.
#[derive(Clone, Copy, Default)]
struct Tokens {
    prompt: u64,
    /// Without what the cache gave and took.
    uncached: u64,
    answer: u64,
    /// Without thinking.
    visible: u64,
}

impl Tokens {
    fn of(usage: &Usage) -> Self {
        let (prompt, answer) = (usage.prompt_tokens(), usage.answer_tokens());
        let cached = [Meter::CacheRead, Meter::CacheReadAudio, Meter::CacheWrite5m, Meter::CacheWrite1h];
        let cached = cached.into_iter().fold(0_u64, |sum, meter| sum.saturating_add(usage.tokens(meter)));
        Tokens {
            prompt,
            uncached: prompt.saturating_sub(cached),
            answer,
            visible: answer.saturating_sub(usage.tokens(Meter::Reasoning)),
        }
    }

    /// Whether they are those of one of the requests below, or of all of them together.
    fn repeats(self, below: &[Tokens]) -> bool {
        let mut sum = Tokens::default();
        for one in below {
            if self.is_same(*one) {
                return true;
            }
            sum = sum.plus(*one);
        }
        !below.is_empty() && self.is_same(sum)
    }

    /// Whether requests, of which there are some, fit into it together.
    fn holds(self, requests: &[Tokens]) -> bool {
        let sum = requests.iter().fold(Tokens::default(), |sum, one| sum.plus(*one));
        !requests.is_empty() && sum.prompt <= self.prompt && sum.answer <= self.answer
    }

    fn is_same(self, other: Tokens) -> bool {
        let prompt = self.prompt == other.prompt || self.prompt == other.uncached || self.uncached == other.prompt;
        let answer = self.answer == other.answer || self.answer == other.visible || self.visible == other.answer;
        prompt && answer
    }

    fn plus(self, other: Tokens) -> Tokens {
        Tokens {
            prompt: self.prompt.saturating_add(other.prompt),
            uncached: self.uncached.saturating_add(other.uncached),
            answer: self.answer.saturating_add(other.answer),
            visible: self.visible.saturating_add(other.visible),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::dialect::Dialect;

    /// Its id, that of its parent, its role, and the tokens of its prompt and answer.
    type Step = (u64, u64, SpanRole, Option<(u64, u64)>);

    /// The prompts that count of spans in a trace, in the order in which they are taken.
    fn counted(spans: &[Step]) -> Vec<u64> {
        let mut trees = SpanTrees::default();
        for (id, parent, role, tokens) in spans {
            let entry = |(input, output)| Box::new(Entry::new(Dialect::Spans, Usage::tokens_in_out(input, output)));
            let span = Span { trace: 1, id: *id, parent: Some(*parent), role: *role, record: tokens.map(entry) };
            assert!(trees.take(*id, span).records.is_empty());
        }
        trees.settle().records.iter().map(|(_, entry)| entry.usage.prompt_tokens()).collect()
    }

    const CALL: SpanRole = SpanRole::Call;
    const SUM: SpanRole = SpanRole::Sum;

    #[test]
    fn a_sum_counts_only_where_no_call_below_it_does() {
        let (agent, step) = ((1, 0, SUM, Some((113, 11))), (2, 1, SUM, None));
        let (first, second) = ((3, 2, CALL, Some((56, 5))), (4, 2, CALL, Some((57, 6))));
        assert_eq!(counted(&[agent, step, first, second]), [56, 57]);
        assert_eq!(counted(&[second, first, step, agent]), [57, 56]);
        assert_eq!(counted(&[first, agent, second, step]), [56, 57]);
        // Nothing below it says what was used.
        assert_eq!(counted(&[agent, step]), [113]);
        // The span between them is missing: the calls fit into the sum. Another call in the trace does not.
        assert_eq!(counted(&[agent, first, second]), [56, 57]);
        assert_eq!(counted(&[agent, first]), [56]);
        assert_eq!(counted(&[agent, (7, 6, CALL, Some((900, 5)))]), [113, 900]);
        assert_eq!(counted(&[agent, (7, 7, CALL, Some((56, 5)))]), [113, 56]);
        // A sum of sums.
        assert_eq!(counted(&[(9, 0, SUM, Some((113, 11))), (1, 9, SUM, Some((113, 11))), step]), [113]);
    }

    #[test]
    fn a_call_in_a_call_is_another_request_unless_it_says_the_same() {
        let outer = |tokens| (1, 0, CALL, Some(tokens));
        let inner = (2, 1, CALL, Some((1_000, 100)));
        assert_eq!(counted(&[outer((1_000, 100)), inner]), [1_000]);
        assert_eq!(counted(&[outer((1_900, 210)), inner]), [1_900, 1_000]);
        assert_eq!(counted(&[outer((1_900, 210)), inner, (3, 1, CALL, Some((900, 110)))]), [1_000, 900]);
    }

    #[test]
    fn spans_that_are_their_own_parents_end() {
        assert_eq!(counted(&[(1, 1, CALL, Some((5, 1)))]), [5]);
        assert_eq!(counted(&[(1, 2, CALL, Some((5, 1))), (2, 1, CALL, Some((7, 1)))]).len(), 2);
    }

    #[test]
    fn a_span_that_returns_counts_as_its_last() {
        assert_eq!(counted(&[(1, 0, CALL, Some((5, 1))), (1, 0, CALL, Some((7, 1))), (1, 0, CALL, None)]), [7]);
    }

    #[test]
    fn not_more_than_a_window_waits() {
        let mut trees = SpanTrees::default();
        let mut handed = 0;
        for id in 0..3 * WINDOW as u64 {
            let entry = Box::new(Entry::new(Dialect::Spans, Usage::tokens_in_out(1, 1)));
            let span = Span { trace: id / 2, id, parent: None, role: CALL, record: Some(entry) };
            handed += trees.take(id, span).records.len();
            assert!(trees.waiting <= WINDOW);
        }
        assert_eq!(handed + trees.settle().records.len(), 3 * WINDOW);
    }
}
