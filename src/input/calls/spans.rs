//! Settles which spans of a trace were requests: a span that sums up the calls below it repeats what they used.
//!
//! Spans come in any order, the calls mostly before the agent that made them, so the records of a trace wait until its file
//! ends, or until 16,384 other spans have come; the trace that nothing was added to for longest is settled first. A sum that
//! no call is below waits longer: its calls may be in another file. A span that was recorded twice counts once, as it was
//! written last.
//!
//! What was settled is remembered by its ids and tokens, 32,768 spans in all: more of a trace may come, in the next file or
//! much later in the same, and says nothing new where it is summed up, or sums up what was counted.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::input::dialect::{Entry, Span, SpanRole};
use crate::meter::Meter;
use crate::usage::Usage;

/// So many spans wait for others of their trace.
const WINDOW: usize = 1 << 14;

/// So many spans are remembered that were settled.
const REMEMBERED: usize = 1 << 15;

/// So many spans above one are looked at.
const ABOVE: usize = 256;

/// The traces whose spans wait for each other, and those that were settled.
#[derive(Default)]
pub(super) struct SpanTrees {
    traces: FxHashMap<u64, Trace>,
    /// Traces with spans that wait, by when a span of theirs came last. One that was touched again stands here again.
    order: VecDeque<(u64, u64)>,
    /// The same of traces that are settled.
    kept: VecDeque<(u64, u64)>,
    stamp: u64,
    /// The stamp up to which all was judged.
    judged: u64,
    waiting: usize,
    remembered: usize,
}

/// What has settled: the records that count, in the order in which they came, and how many others repeated them.
#[derive(Default)]
pub(super) struct Settled {
    pub records: Vec<SettledSpan>,
    pub repeats: u64,
}

/// A record that counts, and where it was read.
pub(super) struct SettledSpan {
    pub source: Arc<str>,
    pub line: u64,
    pub entry: Entry<'static>,
}

impl SpanTrees {
    /// Takes a span, with what it says was used. Hands out what settles because too many wait.
    pub(super) fn take(&mut self, source: &Arc<str>, line: u64, span: Span<'static>) -> Settled {
        let id = span.trace;
        let trace = self.traces.entry(id).or_default();
        let before = (trace.open, trace.nodes.len());
        let mut settled = Settled { repeats: u64::from(trace.add(source, line, span)), ..Settled::default() };
        let opened = trace.open - before.0;
        // A span that was settled without a record waits again where its record comes.
        self.remembered = self.remembered.saturating_sub(opened - (trace.nodes.len() - before.1));
        self.waiting += opened;
        self.touch(id);
        while self.waiting > WINDOW {
            settled.add(self.settle_oldest());
        }
        settled
    }

    /// Hands out what waits; sums that no call is below only `with_sums`.
    pub(super) fn settle(&mut self, with_sums: bool) -> Settled {
        self.settle_those(with_sums, &|_| true)
    }

    /// [`SpanTrees::settle`] of the traces all of whose waiting spans are of such sources.
    pub(super) fn settle_those(&mut self, with_sums: bool, are_of: &dyn Fn(&str) -> bool) -> Settled {
        let mut settled = Settled::default();
        // Sums that were left are left again where nothing came to their trace since.
        let from = if with_sums { 0 } else { self.order.partition_point(|(_, stamp)| *stamp <= self.judged) };
        let open = self.order.split_off(from);
        self.judged = self.stamp;
        for (id, stamp) in open {
            let Some(trace) = self.traces.get(&id).filter(|trace| trace.touched == stamp && trace.open > 0) else {
                continue;
            };
            if trace.nodes.iter().all(|node| !node.is_open() || are_of(&node.source)) {
                settled.add(self.settle_trace(id, with_sums));
            }
            if self.traces.get(&id).is_some_and(|trace| trace.open > 0) {
                self.order.push_back((id, stamp));
            }
        }
        settled
    }

    /// The records that would count if nothing more came, with their sources.
    #[cfg(feature = "folders")]
    pub(super) fn counted(&self) -> impl Iterator<Item = (&str, u64, &Entry<'static>)> {
        let open = self
            .order
            .iter()
            .filter_map(|(id, stamp)| self.traces.get(id).filter(|trace| trace.touched == *stamp && trace.open > 0));
        open.flat_map(|trace| {
            let counts = trace.judge().counts;
            let records = trace.nodes.iter().zip(counts).filter(|(_, counts)| *counts);
            records.filter_map(|(node, _)| node.record().map(|entry| (&*node.source, node.line, entry)))
        })
    }

    /// The trace was touched: others are settled and forgotten before it.
    fn touch(&mut self, id: u64) {
        self.stamp += 1;
        let Some(trace) = self.traces.get_mut(&id) else { return };
        trace.touched = self.stamp;
        let order = if trace.open > 0 { &mut self.order } else { &mut self.kept };
        match order.back_mut().filter(|(last, _)| *last == id) {
            Some((_, stamp)) => *stamp = self.stamp,
            None => order.push_back((id, self.stamp)),
        }
        if order.len() > 4 * WINDOW {
            let traces = &self.traces;
            order.retain(|(id, stamp)| traces.get(id).is_some_and(|trace| trace.touched == *stamp));
        }
    }

    fn settle_oldest(&mut self) -> Settled {
        while let Some((id, stamp)) = self.order.pop_front() {
            let Some(open) = self.traces.get(&id).filter(|trace| trace.touched == stamp).map(|trace| trace.open) else {
                continue;
            };
            let settled = self.settle_trace(id, false);
            match self.traces.get(&id).map_or(0, |trace| trace.open) {
                0 => return settled,
                // Its sums have waited for a whole window, or so many do that the rest is not worth judging them again.
                left if (open - left) * 8 <= open => return self.settle_trace(id, true),
                _ => {
                    self.touch(id);
                    return settled;
                }
            }
        }
        self.waiting = 0;
        Settled::default()
    }

    fn settle_trace(&mut self, id: u64, with_sums: bool) -> Settled {
        let Some(trace) = self.traces.get_mut(&id) else { return Settled::default() };
        let before = trace.open;
        let settled = trace.settle(with_sums);
        let closed = before - trace.open;
        self.waiting = self.waiting.saturating_sub(closed);
        self.remembered += closed;
        if trace.open == 0 {
            self.touch(id);
        }
        self.forget(id);
        settled
    }

    /// Forgets the traces that were touched longest ago; what is remembered of this one last.
    fn forget(&mut self, last: u64) {
        while self.remembered > REMEMBERED {
            let Some((id, stamp)) = self.kept.pop_front() else {
                let forgotten = self.traces.get_mut(&last).map_or(0, Trace::condense);
                self.remembered = if forgotten == 0 { 0 } else { self.remembered.saturating_sub(forgotten) };
                return;
            };
            let is_it = |trace: &Trace| trace.touched == stamp && trace.open == 0;
            if id != last && self.traces.get(&id).is_some_and(is_it) {
                let nodes = self.traces.remove(&id).map_or(0, |trace| trace.nodes.len());
                self.remembered = self.remembered.saturating_sub(nodes);
            }
        }
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
    /// How many of them wait.
    open: usize,
    touched: u64,
    /// The calls that counted and are no longer among the spans.
    forgotten: Option<Tokens>,
}

struct SpanNode {
    source: Arc<str>,
    line: u64,
    id: u64,
    parent: Option<u64>,
    role: SpanRole,
    state: NodeState,
}

/// What became of a span.
enum NodeState {
    /// It waits, with what it says was used.
    Open(Option<Box<Entry<'static>>>),
    /// It said nothing of what was used.
    Empty,
    /// It repeated others.
    Repeat,
    /// It counted as so much, of which so much was not told again by spans below it.
    Counted { own: Tokens, rest: Tokens },
}

impl SpanNode {
    fn is_open(&self) -> bool {
        matches!(self.state, NodeState::Open(_))
    }

    fn record(&self) -> Option<&Entry<'static>> {
        match &self.state {
            NodeState::Open(record) => record.as_deref(),
            _ => None,
        }
    }

    /// What it counted as when it was settled.
    fn counted(&self) -> Option<Tokens> {
        match self.state {
            NodeState::Counted { own, .. } => Some(own),
            _ => None,
        }
    }
}

/// What is to be made of the spans of a trace.
struct Verdict {
    /// Whether each of those that wait counts.
    counts: Vec<bool>,
    /// What was not told again of spans that counted before.
    rests: FxHashMap<usize, Tokens>,
}

impl Trace {
    /// Adds a span. Says whether it repeats one that came before, or takes its place.
    fn add(&mut self, source: &Arc<str>, line: u64, span: Span<'static>) -> bool {
        let Span { id, parent, role, record, .. } = span;
        let state = NodeState::Open(record);
        let new = SpanNode { source: source.clone(), line, id, parent, role, state };
        let Some(node) = self.places.get(&id).and_then(|place| self.nodes.get_mut(*place)) else {
            self.places.insert(id, self.nodes.len());
            self.nodes.push(new);
            self.open += 1;
            return false;
        };
        let has_record = new.record().is_some();
        match &node.state {
            NodeState::Open(record) => {
                let repeats = record.is_some() && has_record;
                if has_record {
                    *node = new;
                }
                repeats
            }
            NodeState::Empty if has_record => {
                *node = new;
                self.open += 1;
                false
            }
            NodeState::Empty | NodeState::Repeat | NodeState::Counted { .. } => has_record,
        }
    }

    /// Settles the spans that wait; sums that count only `with_sums`.
    fn settle(&mut self, with_sums: bool) -> Settled {
        let Verdict { counts, rests } = self.judge();
        let mut settled = Settled::default();
        for (place, (node, counts)) in self.nodes.iter_mut().zip(counts).enumerate() {
            if let (NodeState::Counted { rest, .. }, Some(left)) = (&mut node.state, rests.get(&place)) {
                *rest = *left;
            }
            let NodeState::Open(record) = &mut node.state else { continue };
            if counts && !with_sums && node.role == SpanRole::Sum {
                continue;
            }
            self.open -= 1;
            node.state = match record.take() {
                None => NodeState::Empty,
                Some(entry) if counts => {
                    let own = Tokens::of(&entry.usage);
                    settled.records.push(SettledSpan { source: node.source.clone(), line: node.line, entry: *entry });
                    NodeState::Counted { own, rest: own }
                }
                Some(_) => {
                    settled.repeats += 1;
                    NodeState::Repeat
                }
            };
        }
        settled
    }

    /// Which of the spans that wait count: a call always, unless the calls below it say the same; any other only where no
    /// call below it counts. What was handed out before stays counted.
    fn judge(&self) -> Verdict {
        let order = self.children_first();
        let mut counts = self.by_descent(&order);
        self.leave_out_sums_of_strays(&order, &mut counts);
        let rests = self.leave_out_what_was_counted(&order, &mut counts);
        Verdict { counts, rests }
    }

    fn by_descent(&self, order: &[usize]) -> Vec<bool> {
        let mut counts = vec![false; self.nodes.len()];
        // What was counted at or below a span, where its parent was not settled yet.
        let mut below: Vec<Vec<Tokens>> = self.nodes.iter().map(|_| Vec::new()).collect();
        for place in order.iter().copied() {
            let Some(node) = self.nodes.get(place) else { continue };
            let mut counted = below.get_mut(place).map(std::mem::take).unwrap_or_default();
            counted.extend(node.counted());
            if let Some(entry) = node.record() {
                let own = Tokens::of(&entry.usage);
                let repeats = match node.role {
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

    /// A sum that no call is below repeats calls all the same where the spans between them were not exported: the calls
    /// name parents that are missing and fit into the sum, or calls without any parent add up to it.
    fn leave_out_sums_of_strays(&self, order: &[usize], counts: &mut [bool]) {
        let is_cut_off = self.cut_off(order);
        let (mut cut_off, mut all): (Vec<Tokens>, Vec<Tokens>) = self.forgotten.iter().map(|all| (*all, *all)).unzip();
        for ((node, counts), is_cut_off) in self.nodes.iter().zip(&*counts).zip(is_cut_off) {
            let own = node.record().filter(|_| *counts).map(|entry| Tokens::of(&entry.usage)).or(node.counted());
            if let Some(own) = own.filter(|_| node.role == SpanRole::Call) {
                all.push(own);
                cut_off.extend(Some(own).filter(|_| is_cut_off));
            }
        }
        for (node, counts) in self.nodes.iter().zip(counts) {
            let is_sum = *counts && node.role == SpanRole::Sum;
            if let Some(entry) = node.record().filter(|_| is_sum) {
                let own = Tokens::of(&entry.usage);
                let is_forgotten = self.forgotten.is_some_and(|all| all.holds(&[own]));
                *counts = !own.repeats(&all) && !own.holds(&cut_off) && !is_forgotten;
            }
        }
    }

    /// Which spans are below one that is missing.
    fn cut_off(&self, order: &[usize]) -> Vec<bool> {
        let mut is_cut_off = vec![false; self.nodes.len()];
        for place in order.iter().rev().copied() {
            let Some(node) = self.nodes.get(place) else { continue };
            let above = self.parent(node).and_then(|parent| is_cut_off.get(parent).copied());
            let is_missing = node.parent.is_some_and(|parent| parent != node.id);
            if let Some(slot) = is_cut_off.get_mut(place) {
                *slot = above.unwrap_or(is_missing);
            }
        }
        is_cut_off
    }

    /// What a span above was handed out for is not counted again where the spans below it come later: as long as there is
    /// something left of a sum, and where a call says the same.
    fn leave_out_what_was_counted(&self, order: &[usize], counts: &mut [bool]) -> FxHashMap<usize, Tokens> {
        let mut rests: FxHashMap<usize, Tokens> = FxHashMap::default();
        for (place, node) in self.nodes.iter().enumerate() {
            if let NodeState::Counted { rest, .. } = node.state {
                rests.insert(place, rest);
            }
        }
        if rests.is_empty() {
            return rests;
        }
        let is_cut_off = self.cut_off(order);
        let sums: Vec<usize> = {
            let is_sum = |place: &usize| self.nodes.get(*place).is_some_and(|node| node.role == SpanRole::Sum);
            let mut sums: Vec<usize> = rests.keys().copied().filter(is_sum).collect();
            sums.sort_unstable();
            sums
        };
        for (place, counts) in counts.iter_mut().enumerate().filter(|(_, counts)| **counts) {
            let Some(node) = self.nodes.get(place) else { continue };
            let Some(own) = node.record().map(|entry| Tokens::of(&entry.usage)) else { continue };
            let above = self.first_counted_above(node, &rests);
            let is_stray = above.is_none() && is_cut_off.get(place) == Some(&true);
            let candidates = above.as_slice().iter().chain(sums.iter().filter(|_| is_stray));
            for holder in candidates {
                let (Some(rest), Some(of)) = (rests.get_mut(holder), self.nodes.get(*holder)) else { continue };
                let is_told = match of.role {
                    SpanRole::Sum => rest.holds(&[own]),
                    SpanRole::Call => own.is_same(*rest),
                };
                if is_told {
                    *rest = if of.role == SpanRole::Sum { rest.minus(own) } else { Tokens::default() };
                    *counts = false;
                    break;
                }
            }
        }
        rests
    }

    /// The next span above one that counted when it was handed out.
    fn first_counted_above(&self, node: &SpanNode, counted: &FxHashMap<usize, Tokens>) -> Option<usize> {
        let mut above = self.parent(node);
        for _ in 0..ABOVE {
            let place = above?;
            if counted.contains_key(&place) {
                return Some(place);
            }
            above = self.nodes.get(place).and_then(|node| self.parent(node));
        }
        None
    }

    /// Forgets the spans that were settled, but for what they come to. Says how many they were.
    fn condense(&mut self) -> usize {
        let before = self.nodes.len();
        for node in &self.nodes {
            if let Some(own) = node.counted() {
                self.forgotten = Some(self.forgotten.unwrap_or_default().plus(own));
            }
        }
        self.nodes.retain(SpanNode::is_open);
        self.places = self.nodes.iter().enumerate().map(|(place, node)| (node.id, place)).collect();
        before - self.nodes.len()
    }

    fn parent(&self, node: &SpanNode) -> Option<usize> {
        let parent = node.parent.filter(|parent| *parent != node.id)?;
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

    fn minus(self, other: Tokens) -> Tokens {
        Tokens {
            prompt: self.prompt.saturating_sub(other.prompt),
            uncached: self.uncached.saturating_sub(other.uncached),
            answer: self.answer.saturating_sub(other.answer),
            visible: self.visible.saturating_sub(other.visible),
        }
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

    fn prompts(settled: &Settled) -> Vec<u64> {
        settled.records.iter().map(|one| one.entry.usage.prompt_tokens()).collect()
    }

    fn span(trace: u64, (id, parent, role, tokens): Step) -> Span<'static> {
        let entry = |(input, output)| Box::new(Entry::new(Dialect::Spans, Usage::tokens_in_out(input, output)));
        Span { trace, id, parent: (parent > 0).then_some(parent), role, record: tokens.map(entry) }
    }

    /// The prompts that count of the spans of a trace, which is settled behind each of these parts of it.
    fn counted_in_parts(with_sums: bool, parts: &[&[Step]]) -> Vec<u64> {
        let (mut trees, mut found) = (SpanTrees::default(), Vec::new());
        for steps in parts {
            for step in *steps {
                found.extend(prompts(&trees.take(&"a".into(), 1, span(1, *step))));
            }
            found.extend(prompts(&trees.settle(with_sums)));
        }
        found.extend(prompts(&trees.settle(true)));
        found
    }

    /// The prompts that count of spans in a trace, in the order in which they are taken.
    fn counted(spans: &[Step]) -> Vec<u64> {
        let mut trees = SpanTrees::default();
        for (id, parent, role, tokens) in spans {
            let entry = |(input, output)| Box::new(Entry::new(Dialect::Spans, Usage::tokens_in_out(input, output)));
            let span = Span { trace: 1, id: *id, parent: Some(*parent), role: *role, record: tokens.map(entry) };
            assert!(trees.take(&"a".into(), *id, span).records.is_empty());
        }
        prompts(&trees.settle(true))
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
    fn a_trace_that_goes_on_behind_its_settlement_counts_once() {
        let agent = (1, 0, SUM, Some((113, 11)));
        let (first, second) = ((3, 1, CALL, Some((56, 5))), (4, 1, CALL, Some((57, 6))));
        // A sum waits for its calls, and says nothing new behind them.
        assert_eq!(counted_in_parts(false, &[&[agent], &[first, second]]), [56, 57]);
        assert_eq!(counted_in_parts(false, &[&[first], &[agent], &[second]]), [56, 57]);
        assert_eq!(counted_in_parts(true, &[&[first, second], &[agent]]), [56, 57]);
        assert_eq!(counted_in_parts(false, &[&[agent], &[]]), [113]);
        // It was handed out: its calls are in it, and what is more is not.
        assert_eq!(counted_in_parts(true, &[&[agent], &[first], &[second]]), [113]);
        assert_eq!(counted_in_parts(true, &[&[agent], &[first, second, (5, 1, CALL, Some((1, 1)))]]), [113, 1]);
        // The span between them is missing, or comes last.
        assert_eq!(counted_in_parts(true, &[&[agent], &[(3, 2, CALL, Some((56, 5)))]]), [113]);
        assert_eq!(counted_in_parts(true, &[&[agent, (2, 1, SUM, None)], &[(3, 2, CALL, Some((56, 5)))]]), [113]);
        // The same span twice, first without its record.
        assert_eq!(counted_in_parts(true, &[&[first], &[first]]), [56]);
        assert_eq!(counted_in_parts(true, &[&[(3, 1, CALL, None)], &[first]]), [56]);
        // Calls in a call that say the same, and another.
        let outer = (1, 0, CALL, Some((56, 5)));
        assert_eq!(counted_in_parts(true, &[&[outer], &[first]]), [56]);
        assert_eq!(counted_in_parts(true, &[&[outer], &[second]]), [56, 57]);
    }

    #[test]
    fn a_trace_that_is_still_written_is_not_settled_first() {
        let (mut trees, mut found) = (SpanTrees::default(), Vec::new());
        let others = 3 * WINDOW as u64;
        for id in 1..=others {
            found.extend(prompts(&trees.take(&"a".into(), id, span(id + 9, (id, 0, CALL, Some((1, 1)))))));
            if id % 1_000 == 0 {
                found.extend(prompts(&trees.take(&"a".into(), id, span(1, (id, 7, CALL, Some((1_000, 1)))))));
            }
        }
        assert!(found.iter().all(|prompt| *prompt == 1), "it was touched within the window");
        found.extend(prompts(&trees.take(
            &"a".into(),
            1,
            span(1, (7, 0, SUM, Some((1_000 * (others / 1_000), others / 1_000)))),
        )));
        found.extend(prompts(&trees.settle(true)));
        let of_trace = found.iter().filter(|prompt| **prompt > 1).count() as u64;
        assert_eq!((of_trace, found.len() as u64), (others / 1_000, others + others / 1_000));
    }

    #[test]
    fn a_sum_behind_a_trace_of_any_length_says_nothing_new() {
        for calls in [WINDOW as u64 + 5, 3 * REMEMBERED as u64] {
            let (mut trees, mut found) = (SpanTrees::default(), Vec::new());
            for id in 2..calls + 2 {
                found.extend(prompts(&trees.take(&"a".into(), id, span(1, (id, 1, CALL, Some((1, 1)))))));
                assert!(trees.waiting <= WINDOW && trees.remembered <= REMEMBERED);
            }
            found.extend(prompts(&trees.take(&"a".into(), 1, span(1, (1, 0, SUM, Some((calls, calls)))))));
            found.extend(prompts(&trees.settle(true)));
            assert_eq!((found.len() as u64, found.iter().sum::<u64>()), (calls, calls));
        }
    }

    #[test]
    fn not_more_than_a_window_waits() {
        let mut trees = SpanTrees::default();
        let mut handed = 0;
        for id in 0..3 * WINDOW as u64 {
            let entry = Box::new(Entry::new(Dialect::Spans, Usage::tokens_in_out(1, 1)));
            let span = Span { trace: id / 2, id, parent: None, role: CALL, record: Some(entry) };
            handed += trees.take(&"a".into(), id, span).records.len();
            assert!(trees.waiting <= WINDOW && trees.remembered <= REMEMBERED);
            assert!(trees.order.len() + trees.kept.len() <= 8 * WINDOW + 2);
        }
        assert_eq!(handed + trees.settle(true).records.len(), 3 * WINDOW);
    }
}
