//! Puts a feature on its models: [`DatedFeature::plan`] asks for cards, counts, rates, and notes what happens within the plan.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::counted::{CountedText, PromptRow, framed};
use super::epochs::{DatedFeature, priced_at};
use super::free::FreeLimit;
use super::media::BilledMedia;
use super::{CountingError, Epoch, FeaturePlan, OneOff, PlanError, PlanEvent, Resolver, Stream, StreamRole, times};
use crate::calculator::attached::{Attached, Billing, billing};
use crate::calculator::calendar::Month;
use crate::calculator::estimate::Work;
use crate::calculator::made::{Made, Sold, search_units};
use crate::calculator::shape::MICRO;
use crate::calculator::tariff::Uses;
use crate::calculator::thinking::{AskedThinking, Thinking};
use crate::calculator::workload::{Attachment, Feature, Index, MediumKind, PromptPart, instant_of};
use crate::calculator::{Refusal, price, rates_at};
use crate::context::Context;
use crate::conversation::Modality;
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::candidates::{always_thinks, may_think};
use crate::pricing::card::{Kind, RateCard};
use crate::range::Range;
use crate::usage::Usage;

impl DatedFeature {
    /// The feature on its models, or on one `instead` of them all.
    ///
    /// # Errors
    /// [`PlanError`] where it cannot be planned.
    pub(super) fn plan(&self, resolver: &mut dyn Resolver, instead: Option<&Found>) -> Result<FeaturePlan, PlanError> {
        let feature = &self.feature;
        let days = self.days();
        let mut plan = FeaturePlan {
            feature: feature.clone(),
            streams: Vec::new(),
            one_offs: Vec::new(),
            events: Vec::new(),
            ranges: self.ranges.clone(),
            first_month: self.month_of(feature.calendar.start),
            calls: self.calls.clone(),
            discounts: self.discounts.clone(),
            limits: feature.free.iter().map(FreeLimit::own).collect(),
            spans: self.spans.len(),
        };
        let first = days.first().map_or_else(|| instant_of(feature.calendar.start, feature.minute), |d| d.at);
        match (instead, &feature.tuning) {
            (Some(found), _) => {
                let found = found.clone();
                self.answer(&mut plan, resolver, found, Decimal::ONE)?;
            }
            (None, Some(tuning)) => {
                let line = feature.routes.first().map_or(0, |r| r.line);
                let found = self.find(resolver, &tuning.model, first, line)?;
                for day in &tuning.on {
                    let tokens = tuning.tokens.saturating_mul(u64::from(tuning.epochs));
                    let at = instant_of(*day, feature.minute);
                    self.once(&mut plan, &found, Meter::TrainingTokens, tokens, at, "fine-tuning")?;
                }
                self.answer(&mut plan, resolver, found, Decimal::ONE)?;
            }
            (None, None) => {
                for route in &feature.routes {
                    let found = self.find(resolver, &route.model, first, route.line)?;
                    self.answer(&mut plan, resolver, found, route.share)?;
                }
            }
        }
        self.retrieval(&mut plan, resolver, first)?;
        Ok(plan)
    }

    fn find(&self, resolver: &mut dyn Resolver, model: &str, at: Instant, line: usize) -> Result<Found, PlanError> {
        resolver.find(model, at).map_err(|error| PlanError::Model { line, error })
    }

    pub(super) fn uncounted(&self, reason: CountingError) -> PlanError {
        PlanError::Uncounted { feature: self.feature.name.clone(), reason }
    }

    fn month_of(&self, day: Date) -> usize {
        self.months.iter().position(|m| *m == Month::of(day)).unwrap_or(0)
    }

    /// The stream that answers, and its events.
    fn answer(
        &self,
        plan: &mut FeaturePlan,
        resolver: &mut dyn Resolver,
        found: Found,
        share: Decimal,
    ) -> Result<(), PlanError> {
        let feature = &self.feature;
        let first = self.days().first().map_or(self.start(), |day| day.at);
        let card = rates_at(&found.provider, &found.model, priced_at(&found.model, first));
        let card = card.map_err(|refusal| self.refused(refusal))?;
        let made = self.made(&found, card)?;
        if !feature.says_output && card.prices(Meter::Output) {
            return Err(self.refused(Refusal::NoRate {
                model: found.full_id(),
                what: "it bills its answers by the token, and how long they are was not said".into(),
                help: "write output: 150..300..600 (tokens), or output: 0 where it answers nothing".into(),
            }));
        }
        let media = self.billed_media(resolver, &found, card)?;
        let (thinking, assumed_thinking) = self.thinking(&found, &made);
        let uses = Uses {
            reasoning: thinking.high > 0,
            audio: media.audio,
            video: media.video,
            speech: media.speech.filter(|_| media.tokens.speech.high > 0),
            ..self.uses(&found, &made, card, &media)
        };
        let (mut counted, frame) = framed(feature, &found, resolver).map_err(|why| self.uncounted(why))?;
        counted.images_apart = uses.images && card.prices(Meter::InputImage);
        // What each request makes one of, where the file does not say how many.
        counted.media = media.tokens;
        let is_said = |piece: &Meter| {
            feature.also.iter().any(|(meter, _)| meter == piece) || media.beside.iter().any(|(meter, _)| meter == piece)
        };
        let piece = made.piece.filter(|piece| !is_said(piece)).map(|meter| (meter, Range::exactly(1_000_000)));
        let others = feature.also.iter().map(|(meter, range)| (*meter, range.in_units(MICRO))).chain(piece);
        let (also, others): (Vec<Meter>, Vec<Range<i64>>) = others.chain(media.beside).unzip();
        let context = found.settle(&feature.context).into_owned();
        let mut batch = feature.batch;
        let mut rates = self.rates(&found, &context, uses, &also, batch);
        if feature.batch_if_sold && matches!(rates, Err(Refusal::NoRate { .. } | Refusal::NotSold { .. })) {
            batch = Decimal::ZERO;
            rates = self.rates(&found, &context, uses, &also, batch);
            let id = found.full_id();
            let text = format!("{id} has no rate for batches: {} is planned request by request", feature.name);
            plan.events.push(PlanEvent { kind: "no-batch", model: id, at: None, text });
        }
        let (epochs, events) = rates.map_err(|refusal| self.refused(refusal))?;
        self.refuse_assumed(resolver, &found, &epochs)?;
        plan.events.extend(events);
        self.note_life(plan, resolver, &found);
        self.note_thinking(plan, &found, thinking, assumed_thinking);
        if uses.cache.is_some() && !card.lists(Meter::CacheRead) {
            let text = format!("{} has no rate for cached tokens: they are planned as plain input", found.full_id());
            plan.events.push(PlanEvent { kind: "no-cache", model: found.full_id(), at: None, text });
        }
        let stream = self.stream(resolver, found, StreamRole::Answer, epochs, counted, others);
        let stream = Stream { share, thinking, assumed_thinking, frame, batch, ..stream };
        self.refuse_unpriced(plan, &stream)?;
        let longest = plan.longest_prompt(&stream);
        let window = stream.found.model.info.context_window;
        // Of a prompt that is too long by itself another event tells.
        let fits = window.is_none_or(|window| longest <= window);
        if let Some(why) = plan.impossible_answer(&stream, if fits { longest } else { 0 }) {
            let text = format!("{}: {why}; one request cannot give it", stream.found.full_id());
            plan.events.push(PlanEvent { kind: "longest-answer", model: stream.found.full_id(), at: None, text });
        }
        if let Some(window) = window.filter(|_| !fits) {
            let id = stream.found.full_id();
            let text = format!("a prompt may be {longest} tokens long, more than the {window} that {id} reads");
            plan.events.push(PlanEvent { kind: "context-window", model: id, at: None, text });
        }
        plan.streams.push(stream);
        Ok(())
    }

    /// The requests to a model, one for each call, with no thinking, no frame and no batches.
    fn stream(
        &self,
        resolver: &dyn Resolver,
        found: Found,
        role: StreamRole,
        epochs: Vec<Epoch>,
        counted: CountedText,
        also: Vec<Range<i64>>,
    ) -> Stream {
        Stream {
            role,
            share: Decimal::ONE,
            epochs,
            thinking: Range::default(),
            assumed_thinking: None,
            tokenizer: self.feature.texts().next().map(|_| resolver.tokenizer(&found)),
            frame: None,
            counted,
            also,
            batch: Decimal::ZERO,
            paid: self.paid(&found.provider.id),
            found,
        }
    }

    /// The meters of what a request of the feature makes.
    fn made(&self, found: &Found, card: &RateCard) -> Result<Made, PlanError> {
        let feature = &self.feature;
        let whole = |n: Decimal| u64::try_from(n.ceil()).unwrap_or(u64::MAX);
        let (low, expected, high) = (feature.output.low, feature.output.expected, feature.output.high);
        let output = Range { low: whole(low), expected: whole(expected), high: whole(high) };
        let has_images = feature.attachments.iter().any(|a| matches!(a, Attachment::Image { .. }));
        let sends = |kind, modality| feature.media.iter().any(|m| m.kind == kind).then(|| Attached::some(modality));
        let attached = [
            has_images.then(|| Attached::some(Modality::Image)),
            sends(MediumKind::HeardAudio, Modality::Audio),
            sends(MediumKind::SeenVideo, Modality::Video),
            sends(MediumKind::Pages, Modality::Page),
        ];
        let attached = attached.into_iter().flatten().collect();
        let says_more = !feature.also.is_empty() || !feature.media.is_empty();
        if has_images && let Some(Billing::Amount(meter)) = billing(card, Modality::Image) {
            return Err(self.refused(Refusal::NoRate {
                model: found.full_id(),
                what: format!("images are billed by {meter}, not by tokens"),
                help: format!("say how many a turn has instead of their size: `also: {{{meter}: 1}}`"),
            }));
        }
        let context = found.settle(&feature.context).into_owned();
        let work = Work { output, attached, context, ..Work::default() };
        let sold = Sold { head: &found.provider, model: &found.model, card };
        let made = match sold.made(&work) {
            // The file says itself how much of it there is.
            Err(_) if says_more => Ok(sold.by_the_file()),
            Ok(made) if says_more && !self.sends_text() => Ok(made),
            Ok(made) => sold.refuse_text(&made, !says_more && !has_images).map(|()| made),
            Err(refusal) => Err(refusal),
        };
        made.map_err(|refusal| self.refused(refusal))
    }

    /// Whether a request may have tokens of text.
    fn sends_text(&self) -> bool {
        let feature = &self.feature;
        let some = |parts: &[PromptPart]| {
            parts.iter().any(|part| match part {
                PromptPart::Text(_) => true,
                PromptPart::Tokens(range) => range.high > Decimal::ZERO,
            })
        };
        some(&feature.system)
            || some(&feature.tools)
            || feature.prompts.iter().any(|prompt| some(prompt))
            || feature.rag.is_some()
            || feature.attachments.iter().any(|a| matches!(a, Attachment::Tokens(_)))
            || has_steps(feature)
    }

    fn uses(&self, found: &Found, made: &Made, card: &RateCard, media: &BilledMedia) -> Uses {
        let feature = &self.feature;
        let sends_text = self.sends_text()
            || media.tokens.text.high > 0
            || feature.output.high > Decimal::ZERO && feature.turns.high > Decimal::ONE;
        Uses {
            reasoning: false,
            images: media.images || feature.attachments.iter().any(|a| matches!(a, Attachment::Image { .. })),
            cache: feature.cache.map(|c| c.write),
            answer: made.tokens.filter(|_| self.answers(found)),
            no_text: !made.bills_text || !sends_text && !card.lists(Meter::Input),
            ..Uses::default()
        }
    }

    /// Whether a model writes anything for the feature.
    fn answers(&self, found: &Found) -> bool {
        let is_embedding = matches!(found.model.info.kind, Kind::Embedding | Kind::Rerank);
        self.feature.output.high > Decimal::ZERO && !is_embedding || has_steps(&self.feature)
    }

    /// What a model thinks before an answer, in millionths of a token, and the assumption where it is one.
    fn thinking(&self, found: &Found, made: &Made) -> (Range<i64>, Option<Thinking>) {
        let writes = made.tokens.is_some() && self.answers(found);
        let asked = match self.feature.reasoning {
            AskedThinking::Tokens(tokens) if may_think(&found.model) => return (tokens.in_units(MICRO), None),
            AskedThinking::Tokens(_) => return (Range::default(), None),
            _ if !writes => return (Range::default(), None),
            AskedThinking::Effort(effort) => AskedThinking::Effort(effort),
            AskedThinking::Unsaid => AskedThinking::Unsaid,
        };
        let thinking = Thinking::of(&found.model, asked);
        (thinking.tokens.map(Decimal::from).in_units(MICRO), Some(thinking).filter(Thinking::is_assumption))
    }

    /// The streams that look passages up.
    fn retrieval(&self, plan: &mut FeaturePlan, resolver: &mut dyn Resolver, first: Instant) -> Result<(), PlanError> {
        let feature = &self.feature;
        let Some(rag) = &feature.rag else { return Ok(()) };
        let line = feature.routes.first().map_or(0, |r| r.line);
        let models = [(&rag.embedding, StreamRole::Embedding), (&rag.rerank, StreamRole::Rerank)];
        for (model, role) in models.into_iter().filter_map(|(m, role)| Some((m.as_ref()?, role))) {
            let found = self.find(resolver, model, first, line)?;
            let mut counted = CountedText::of_prompts(feature, &found, resolver).map_err(|why| self.uncounted(why))?;
            let card = found.model.rates_at(first);
            let by_unit = role == StreamRole::Rerank && card.is_some_and(|card| card.lists(Meter::SearchUnits));
            let candidates = i64::try_from(rag.candidates).unwrap_or(i64::MAX);
            if by_unit {
                counted.rows = vec![(PromptRow::default(), 1)];
                counted.row_count = 1;
            } else if role == StreamRole::Rerank {
                counted.passages = Some((rag.chunk_tokens.in_units(MICRO), candidates));
            }
            let also = if by_unit { vec![Meter::SearchUnits] } else { Vec::new() };
            let context = found.settle(&Context::default()).into_owned();
            let rates = self.rates(&found, &context, Uses::default(), &also, Decimal::ZERO);
            let (epochs, events) = rates.map_err(|refusal| self.refused(refusal))?;
            self.refuse_assumed(resolver, &found, &epochs)?;
            plan.events.extend(events);
            if role == StreamRole::Embedding {
                self.index(plan, &found, &rag.index, first)?;
            }
            let units = Range::exactly(Decimal::from(search_units(rag.candidates))).in_units(MICRO);
            let also = also.iter().map(|_| units).collect();
            let stream = self.stream(resolver, found, role, epochs, counted, also);
            self.refuse_unpriced(plan, &stream)?;
            plan.streams.push(stream);
        }
        Ok(())
    }

    /// What it costs to embed the passages: at the start, what came in on the first day of each later month, and all of them on
    /// the days on which that is done again.
    fn index(&self, plan: &mut FeaturePlan, found: &Found, index: &Index, first: Instant) -> Result<(), PlanError> {
        if index.tokens > 0 {
            self.once(plan, found, Meter::Input, index.tokens, first, "embedding the index")?;
        }
        let too_large = || PlanError::TooLarge(self.feature.name.clone());
        let begins = Month::of(first.date());
        let later: Vec<Month> = self.months.iter().copied().filter(|month| *month > begins).collect();
        let is_planned = |day: Date| first.date() <= day && day < self.feature.calendar.end;
        let size = |months: usize| index.after(u32::try_from(months).unwrap_or(u32::MAX)).ok_or_else(too_large);
        for (months, month) in later.iter().enumerate().filter(|(_, month)| is_planned(month.first())) {
            let more = size(months + 1)?.saturating_sub(size(months)?);
            if more > 0 {
                let at = instant_of(month.first(), self.feature.minute);
                self.once(plan, found, Meter::Input, more, at, "embedding what the index grew by")?;
            }
        }
        for day in index.again.iter().copied().filter(|day| is_planned(*day)) {
            let months = later.iter().filter(|month| month.first() <= day).count();
            let at = instant_of(day, self.feature.minute);
            self.once(plan, found, Meter::Input, size(months)?, at, "embedding the index again")?;
        }
        Ok(())
    }

    /// A cost that comes once.
    fn once(
        &self,
        plan: &mut FeaturePlan,
        found: &Found,
        meter: Meter,
        tokens: u64,
        at: Instant,
        name: &str,
    ) -> Result<(), PlanError> {
        let mut usage = Usage::default();
        usage.set_tokens(meter, tokens);
        let cost = price(&found.provider, &found.model, &usage, &found.context, priced_at(&found.model, at));
        let usd = cost.map_err(|refusal| self.refused(refusal))?.total;
        let paid = self.paid_on(&found.provider.id, at.date());
        let usd = times(usd, paid).ok_or_else(|| PlanError::TooLarge(self.feature.name.clone()))?;
        let name = format!("{name} ({})", found.full_id());
        let day = at.date();
        let span = self.spans.iter().rposition(|span| span.first <= day).unwrap_or(0);
        plan.one_offs.push(OneOff { name, span, day, usd });
        Ok(())
    }

    /// Notes that a model is no longer listed.
    fn note_life(&self, plan: &mut FeaturePlan, resolver: &dyn Resolver, found: &Found) {
        let id = found.full_id();
        let last = self.days().last().map_or(self.start(), |day| day.at);
        if let Some(day) = resolver.last_listed(found, last) {
            let replacement = found.model.info.replacement.as_ref();
            let instead = replacement.map_or_else(String::new, |id| format!("; its replacement is {id}"));
            let text = format!("{id} was last listed on {day}: check that it still answers{instead}");
            plan.events.push(PlanEvent { kind: "last-listed", model: id.clone(), at: Some(day), text });
        }
    }

    /// Notes how much a model is assumed to think, and that one always thinks where the file says that it does not.
    fn note_thinking(&self, plan: &mut FeaturePlan, found: &Found, tokens: Range<i64>, assumed: Option<Thinking>) {
        let (id, name) = (found.full_id(), &self.feature.name);
        let (kind, text) = match assumed {
            Some(thinking) => {
                let (range, why) = (thinking.shown(), thinking.reason());
                let text = format!(
                    "{id} thinks before each answer of {name}: {range} ({why}); `reasoning:` in the workload says how many, 0 for none"
                );
                ("assumed-thinking", text)
            }
            None if tokens.high == 0 && always_thinks(&found.model) => {
                let text = format!(
                    "{id} always thinks, and {name} has no thinking tokens: its cost is too low; `reasoning:` in the workload says how many"
                );
                ("always-thinks", text)
            }
            None => return,
        };
        plan.events.push(PlanEvent { kind, model: id, at: None, text });
    }

    /// # Errors
    /// [`Refusal::AssumedPrice`] where a price is assumed and such ones are refused.
    fn refuse_assumed(&self, resolver: &dyn Resolver, found: &Found, epochs: &[Epoch]) -> Result<(), PlanError> {
        let assumed = epochs.iter().find_map(|epoch| Some((epoch.at, epoch.single.assumed?)));
        match assumed.filter(|_| resolver.refuses_assumed()) {
            Some((at, since)) => Err(self.refused(Refusal::AssumedPrice { model: found.full_id(), at, since })),
            None => Ok(()),
        }
    }

    /// Every prompt that a stream may send has a price.
    fn refuse_unpriced(&self, plan: &FeaturePlan, stream: &Stream) -> Result<(), PlanError> {
        plan.refusal(stream).map_or(Ok(()), |refusal| Err(self.refused(refusal.clone())))
    }

    pub(super) fn refused(&self, refusal: Refusal) -> PlanError {
        PlanError::Refused { feature: self.feature.name.clone(), refusal }
    }
}

fn has_steps(feature: &Feature) -> bool {
    feature.steps.count.high > Decimal::ONE
}
