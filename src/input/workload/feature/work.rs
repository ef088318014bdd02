//! What a call of a feature takes: turns, steps, passages, attachments, thinking, failures, a tuned model.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{FeatureReader, MOST_ATTEMPTS, MOST_TURNS};
use crate::calculator::thinking::{AskedThinking, Effort};
use crate::calculator::workload::{
    Attachment, Billed, History, Index, IndexGrowth, Rag, Retries, Route, Steps, Tuning,
};
use crate::input::workload::quantity::{MONTHLY, Quantity, without};
use crate::input::workload::raw::{
    RawAttachment, RawBilled, RawCompaction, RawFeature, RawHistory, RawRag, RawReasoning, RawRetries, RawSteps,
    RawTuning,
};
use crate::pricing::problem::Place;
use crate::pricing::yaml::At;
use crate::range::Range;
use crate::similar::did_you_mean;

impl FeatureReader<'_, '_> {
    pub(super) fn turns(&mut self, raw: &RawFeature) -> Range<Decimal> {
        match &raw.turns {
            Some(turns) => self.reader.count(turns, MOST_TURNS).unwrap_or(Range::exactly(Decimal::ONE)),
            None => {
                self.assume("turns", 1, "one request, one answer");
                Range::exactly(Decimal::ONE)
            }
        }
    }

    pub(super) fn history(&mut self, raw: &RawFeature) -> History {
        let Some(word) = &raw.history else {
            if raw.turns.is_some() {
                self.assume("history", "all", "every turn sends all earlier ones again");
            }
            return History::ALL;
        };
        let text = match &word.value {
            RawHistory::Text(text) => text.trim(),
            RawHistory::Compacted(raw) => return self.compaction(raw, word.place),
        };
        let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
        let number = number.replace('_', "");
        let history = match (text, unit.trim()) {
            ("all", _) => Some(History::ALL),
            ("none", _) => Some(History::Last(0)),
            (_, "" | "turn" | "turns") => number.parse().ok().map(History::Last),
            (_, "token" | "tokens") => number.parse().ok().map(History::Tokens),
            _ => None,
        };
        history.unwrap_or_else(|| {
            self.reader.object(
                "history",
                word.place,
                format!("{text:?} is not a history"),
                "write all, none, 6 (the last turns), 4000 tokens, or {compact_at: 20000, summary: 1500}",
            );
            History::ALL
        })
    }

    fn compaction(&mut self, raw: &RawCompaction, place: Place) -> History {
        let mut whole = |q: &Option<At<Quantity>>| {
            let q = q.as_ref()?;
            let tokens = self.reader.tokens(q)?;
            self.reader.no_range(q, "the length of a history");
            u64::try_from(tokens.expected.round()).ok()
        };
        let (at, summary) = (whole(&raw.compact_at), whole(&raw.summary));
        let help = "write history: {compact_at: 20000, summary: 1500} (tokens)";
        match (at, summary) {
            (Some(at), Some(summary)) if summary < at => History::Compacted { at, summary },
            (Some(_), Some(_)) => {
                self.reader.object("history", place, "the summary is not shorter than what it sums up", help);
                History::ALL
            }
            (None, _) | (_, None) => {
                let is_missing = raw.compact_at.is_none() || raw.summary.is_none();
                if is_missing {
                    self.reader.object("history", place, "a compacted history needs compact_at and summary", help);
                }
                History::ALL
            }
        }
    }

    pub(super) fn steps(&mut self, raw: Option<&RawSteps>) -> Steps {
        let one = Range::exactly(Decimal::ONE);
        let Some(raw) = raw else { return Steps { count: one, call: Range::default(), result: Range::default() } };
        let count = raw.count.as_ref().and_then(|q| self.reader.count(q, MOST_TURNS)).unwrap_or_else(|| {
            self.object(
                "steps",
                format!("the steps of {} have no count", self.name),
                "write steps: {count: 3..8..20, call: 80, result: 600}",
            );
            one
        });
        let mut tokens = |q: &Option<At<Quantity>>, what, default: Range<Decimal>| match q {
            Some(q) => self.reader.tokens(q).unwrap_or_default(),
            None => {
                self.reader.assume(
                    &self.name,
                    what,
                    default,
                    "a wide guess: a short call, and a page of a file or a search result; write steps: {count, call, result} with yours",
                );
                default
            }
        };
        let call = tokens(
            &raw.call,
            "steps.call",
            Range { low: Decimal::from(30), expected: Decimal::from(80), high: Decimal::from(200) },
        );
        let result = tokens(
            &raw.result,
            "steps.result",
            Range { low: Decimal::from(200), expected: Decimal::from(800), high: Decimal::from(3000) },
        );
        Steps { count, call, result }
    }

    pub(super) fn rag(&mut self, raw: &RawRag) -> Option<Rag> {
        let (Some(chunks), Some(chunk)) = (&raw.chunks, &raw.chunk_tokens) else {
            self.object(
                "rag",
                format!("the rag of {} needs chunks and chunk_tokens", self.name),
                "write rag: {chunks: 5, chunk_tokens: 400}",
            );
            return None;
        };
        let (chunks, chunk_tokens) = (self.reader.plain(chunks)?, self.reader.tokens(chunk)?);
        self.assume("rag.history", "none", "passages stand in the turn that looked them up, and are not sent again");
        let whole = |q: Option<Range<Decimal>>| q.and_then(|r| u64::try_from(r.expected.round()).ok());
        let four_times = u64::try_from((chunks.expected * Decimal::from(4)).round()).unwrap_or(0);
        let candidates = match &raw.candidates {
            Some(q) => {
                self.reader.no_range(q, "the number of candidates");
                whole(self.reader.plain(q))?
            }
            None => {
                if raw.rerank.is_some() {
                    self.assume("rag.candidates", four_times, "four times the passages that are kept");
                }
                four_times
            }
        };
        let index = self.index(raw)?;
        let name = |word: &Option<At<String>>| word.as_ref().map(|w| w.value.clone());
        Some(Rag {
            chunks,
            embedding: name(&raw.embedding),
            rerank: name(&raw.rerank),
            candidates,
            chunk_tokens,
            index,
        })
    }

    /// What is embedded besides the questions.
    fn index(&mut self, raw: &RawRag) -> Option<Index> {
        let whole = |range: Range<Decimal>| u64::try_from(range.expected.round()).ok();
        let tokens = match &raw.index_tokens {
            Some(q) => {
                self.reader.no_range(q, "the length of the index");
                whole(self.reader.tokens(q)?)?
            }
            None => 0,
        };
        let changes = raw.index_growth.as_ref().map(|q| q.place).or(raw.index_again.first().map(|day| day.place));
        if let Some(place) = changes.filter(|_| raw.embedding.is_none() || raw.index_tokens.is_none()) {
            let help = "write rag: {chunks: 5, chunk_tokens: 400, embedding: text-embedding-3-small, index_tokens: 2_000_000, index_growth: 5%}";
            self.reader.object("rag", place, "an index that grows needs its model and its length", help);
            return None;
        }
        let growth = match &raw.index_growth {
            Some(q) => {
                self.reader.no_range(q, "what the index grows by");
                self.index_growth(q)?
            }
            None => IndexGrowth::default(),
        };
        let again = raw.index_again.iter().filter_map(|word| self.reader.day(word)).collect();
        Some(Index { tokens, growth, again })
    }

    /// `5%` or `200_000 tokens`, with or without `a month` behind it.
    fn index_growth(&mut self, q: &At<Quantity>) -> Option<IndexGrowth> {
        let unit = q.value.unit.trim();
        let value = q.value.range.expected;
        match without(unit, MONTHLY).unwrap_or(unit) {
            "%" => Some(IndexGrowth::Share(value / Decimal::ONE_HUNDRED)),
            "" | "tokens" => u64::try_from(value.round()).ok().map(IndexGrowth::Tokens),
            other => {
                let help = "write 5% or 200_000 tokens, each month";
                self.reader.object("rag", q.place, format!("{other:?} is not a growth of an index"), help);
                None
            }
        }
    }

    pub(super) fn attachment(&mut self, raw: &RawAttachment) -> Option<Attachment> {
        let count = match &raw.count {
            Some(q) => self.reader.plain(q)?,
            None => Range::exactly(Decimal::ONE),
        };
        match (&raw.image, &raw.tokens) {
            (Some(size), None) => {
                let sides = size.value.split_once(['x', '×']);
                let side = |text: &str| text.trim().parse::<u32>().ok().filter(|n| (1..=100_000).contains(n));
                match sides.and_then(|(w, h)| Some((side(w)?, side(h)?))) {
                    Some((width, height)) => Some(Attachment::Image { width, height, count }),
                    None => {
                        self.reader.object(
                            "image",
                            size.place,
                            format!("{:?} is no size in pixels", size.value),
                            "write 1024x768",
                        );
                        None
                    }
                }
            }
            (None, Some(tokens)) => {
                let each = self.reader.tokens(tokens)?;
                let product = |a: Decimal, b: Decimal| a.saturating_mul(b);
                Some(Attachment::Tokens(Range {
                    low: product(each.low, count.low),
                    expected: product(each.expected, count.expected),
                    high: product(each.high, count.high),
                }))
            }
            _ => {
                self.object(
                    "attachment",
                    format!("an attachment of {} is one of image and tokens", self.name),
                    "write {image: 1024x768} or {tokens: 1500}",
                );
                None
            }
        }
    }

    pub(super) fn reasoning(&mut self, raw: &RawFeature) -> AskedThinking<Decimal> {
        if let Some(given) = &raw.reasoning {
            if let Some(effort) = &raw.reasoning_effort {
                self.reader.object(
                    "reasoning",
                    effort.place,
                    "both reasoning and reasoning_effort are given",
                    "keep one of the two",
                );
            }
            if let RawReasoning::Tokens(tokens) = &given.value {
                let tokens = At { value: tokens.clone(), place: given.place };
                return AskedThinking::Tokens(self.reader.tokens(&tokens).unwrap_or_default());
            }
        }
        let said = raw.reasoning.as_ref().and_then(|given| match &given.value {
            RawReasoning::Effort(effort) => Some(At { value: effort.clone(), place: given.place }),
            RawReasoning::Tokens(_) => None,
        });
        let Some(effort) = said.as_ref().or(raw.reasoning_effort.as_ref()) else { return AskedThinking::Unsaid };
        let word = effort.value.trim().to_lowercase();
        match word.parse() {
            Ok(effort) => AskedThinking::Effort(effort),
            Err(_) if ["off", "false"].contains(&word.as_str()) => AskedThinking::Effort(Effort::None),
            Err(_) => {
                let efforts: Vec<&str> = Effort::ALL.iter().map(|effort| effort.name()).collect();
                self.reader.object(
                    "reasoning",
                    effort.place,
                    format!("{:?} is not an effort", effort.value),
                    format!("{}The efforts are {}", did_you_mean(&word, efforts.iter().copied()), efforts.join(", ")),
                );
                AskedThinking::Unsaid
            }
        }
    }

    pub(super) fn retries(&mut self, raw: Option<&RawRetries>) -> Retries {
        let Some(raw) = raw else {
            self.assume("retries", "none", "no failures given");
            return Retries { failure_rate: Range::default(), attempts: 1, billed: Billed::All };
        };
        let failure_rate = raw.failure_rate.as_ref().map(|q| self.reader.part(q)).unwrap_or_default();
        let attempts = match &raw.attempts {
            Some(a) => {
                if !(1..=MOST_ATTEMPTS).contains(&a.value) {
                    self.reader.object(
                        "retries",
                        a.place,
                        format!("{} attempts: it is 1 to {MOST_ATTEMPTS}", a.value),
                        "",
                    );
                }
                a.value.clamp(1, MOST_ATTEMPTS)
            }
            None => {
                self.assume("retries.attempts", 3, "two retries");
                3
            }
        };
        let billed = match raw.billed.as_ref().map(|b| b.value) {
            Some(RawBilled::All) => Billed::All,
            Some(RawBilled::Input) => Billed::Input,
            Some(RawBilled::Nothing) => Billed::Nothing,
            None => {
                self.assume("retries.billed", "all", "a failed attempt costs as much as one that worked");
                Billed::All
            }
        };
        Retries { failure_rate, attempts, billed }
    }

    pub(super) fn tuning(&mut self, raw: &RawTuning, routes: &[Route], first: Date) -> Option<Tuning> {
        let Some(tokens) = &raw.training_tokens else {
            self.object("fine_tuning", format!("the fine-tuning of {} has no training_tokens", self.name), "");
            return None;
        };
        self.reader.no_range(tokens, "the length of the training data");
        let tokens = u64::try_from(self.reader.tokens(tokens)?.expected.round()).ok()?;
        let epochs = raw.epochs.unwrap_or_else(|| {
            self.assume("fine_tuning.epochs", 3, "a usual number of passes over the data");
            3
        });
        let model = match (&raw.model, routes) {
            (Some(model), _) => model.value.clone(),
            (None, [route]) => {
                let tuned = match route.model.split_once('/') {
                    Some((provider, id)) => format!("{provider}/ft:{id}"),
                    None => format!("ft:{}", route.model),
                };
                self.assume("fine_tuning.model", &tuned, "the fine-tuned form of the model");
                tuned
            }
            _ => {
                self.object(
                    "fine_tuning",
                    format!("which model does {} tune?", self.name),
                    "add model: … under fine_tuning",
                );
                return None;
            }
        };
        let mut on: Vec<Date> = raw.on.iter().filter_map(|w| self.reader.day(w)).collect();
        if raw.on.is_empty() {
            self.assume("fine_tuning.on", first, "the first day of the feature");
            on.push(first);
        }
        Some(Tuning { tokens, epochs, model, on })
    }
}
