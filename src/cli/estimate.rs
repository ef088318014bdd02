//! `farebox estimate`: what a prompt would cost, before it is sent.

use serde_json::{Map, Value, json};

use super::chat::{Input, MediaFlags, alone};
use super::data::load;
use super::estimate_requests::price_requests;
use super::plural;
use super::shared::{OutputFlags, PriceFlags, Setup, matched_note, table_json, table_line};
use super::work::{Choice, TextFlags, count, typed};
use crate::cli::error::Error;
use farebox::calculator::Refusal;
use farebox::calculator::attached::{Attached, Billing, billing};
use farebox::calculator::estimate::{Estimate, Work, estimate};
use farebox::calculator::limits::{impossible_answer, longest_answer, may_be_too_long, refuse_long_prompt};
use farebox::calculator::made::answers_in_text;
use farebox::context::{Context, Dimension};
use farebox::conversation::Media;
use farebox::input::text::Source;
use farebox::meter::{Meter, Side};
use farebox::money::{Usd, grouped};
use farebox::pricing::Found;
use farebox::range::Range;
use farebox::report::{Cell, Column, Readers, Report, Tone};
use farebox::tokenizer::chat::{self, Framing};
use farebox::tokenizer::media::TEXT_NOT_READ;
use farebox::tokenizer::{Basis, TokenCount};

/// Say what prompts would cost before they are sent
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox estimate prompt.txt -m gpt-4o-mini --output-tokens 500
  farebox estimate --text 'Why is the sky blue?' -m claude-opus-4-6 -m gemini-2.5-pro --output-tokens 200..800
  farebox estimate --input-tokens 10000 --output-tokens 10000 -m gpt-4-turbo --at 2024-12-01
  cat prompt.txt | farebox estimate -m deepseek-chat --output-tokens 1000 --requests 5000 --format json
  farebox estimate request.json -m gpt-4o -m claude-opus-4-6
  farebox estimate batch.jsonl --output-tokens 200..400
  farebox estimate --text 'What is this?' --image photo.jpg -m gpt-4o

An input that holds requests or a batch, whatever its name, is counted as the provider bills it: messages, tools and
attachments with the frame around them, for the models that it names or those of --model. A note says what an input was
taken for; --chat and --plain decide it.

A prompt that is longer than a model's context window has no price; the exit code is 2 where nothing could be priced. An
answer that is longer than the model gives in one request is priced with a warning.")]
pub(crate) struct Args {
    /// Model: provider/model, a model id, or an alias; repeatable. Requests that name theirs need none
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    models: Vec<String>,
    /// Exit with 3 when something could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    text: TextFlags,
    #[command(flatten)]
    work: WorkFlags,
    #[command(flatten)]
    media: MediaFlags,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// The assumptions of an estimate.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Work")]
pub(crate) struct WorkFlags {
    /// Prompt tokens, instead of text: 10000, or a range LOW..HIGH
    #[arg(long, value_name = "N", conflicts_with_all = ["text", "files"])]
    pub input_tokens: Option<Range<u64>>,
    /// Answer tokens: 500, a range LOW..HIGH, or LOW..EXPECTED..HIGH
    #[arg(long, value_name = "N")]
    pub output_tokens: Option<Range<u64>>,
    /// How many of the prompt's tokens are read from the provider's cache
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub cached_tokens: u64,
    /// How often each prompt is sent
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1)]
    pub requests: u64,
    /// Price as batch requests
    #[arg(long)]
    pub batch: bool,
    /// What else the request states, such as service_tier=flex or inference_geo=us; repeatable
    #[arg(long = "with", value_name = "KEY=VALUE", value_parser = stated)]
    pub stated: Vec<(Dimension, String)>,
    /// How many answers a request asks for, where it says so.
    #[arg(skip)]
    pub answers: Option<u64>,
}

fn stated(text: &str) -> Result<(Dimension, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is not KEY=VALUE, such as service_tier=flex"))?;
    Ok((key.parse().map_err(|e| format!("{e}"))?, value.to_owned()))
}

impl WorkFlags {
    /// What a request to this model states: what its deployment says, and over that what the flags say.
    pub fn context_for(&self, found: &Found) -> Context {
        let mut context = found.context.clone();
        if self.batch {
            context.set(Dimension::Processing, "batch");
        }
        self.stated.iter().for_each(|(dimension, value)| context.set(*dimension, value));
        context
    }
}

/// One prompt with its tokens for each model, in the order of the models.
pub(crate) struct Counted {
    pub source: Option<String>,
    pub tokens: Vec<Tokens>,
}

impl Counted {
    /// A prompt of nothing but what is attached to it.
    pub fn nothing(models: usize) -> Counted {
        Counted { source: None, tokens: vec![Tokens::default(); models] }
    }
}

/// The tokens of a prompt, and what of them is attached rather than text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    /// All of them.
    pub count: TokenCount,
    /// What a card may bill at a rate of its own.
    pub attached: Vec<Attached>,
}

impl From<TokenCount> for Tokens {
    fn from(count: TokenCount) -> Self {
        Tokens { count, attached: Vec::new() }
    }
}

impl Tokens {
    /// What a request is billed for on a model: what the card counts by the second or by the piece has no tokens.
    ///
    /// Takes the notes about tokens that are not billed out of `counted`.
    pub fn billed(found: &Found, counted: &mut chat::Counted, setup: &Setup) -> Tokens {
        let mut tokens = Tokens::from(counted.text);
        for weight in &counted.attached {
            let mut part = Attached::from(weight);
            let billing = found.model.rates_at(setup.at).and_then(|card| billing(card, part.modality));
            if !matches!(billing, Some(Billing::Tokens(_))) {
                counted.notes.retain(|note| Some(note) != weight.rule_note().as_ref());
            }
            match billing {
                Some(Billing::Amount(meter)) => {
                    part.tokens = Range::default();
                    if meter == Meter::Pages {
                        // The page has its price with all that is on it.
                        tokens.count = TokenCount::default();
                        counted.notes.retain(|note| note != TEXT_NOT_READ);
                    }
                }
                Some(Billing::Included) => part.tokens = Range::default(),
                Some(Billing::Tokens(_)) | None => tokens.count += weight.count,
            }
            tokens.attached.push(part);
        }
        tokens
    }

    fn add(&mut self, other: &Tokens) {
        self.count += other.count;
        self.attached.extend_from_slice(&other.attached);
    }
}

/// Inputs that are open: plain texts, and those that hold requests.
#[derive(Default)]
pub(crate) struct Inputs<'s> {
    pub texts: Vec<Input<'s>>,
    pub requests: Vec<Input<'s>>,
}

impl<'s> Inputs<'s> {
    /// Opens every source and decides what it is.
    pub fn open(sources: &'s [Source], text: &TextFlags) -> Result<Inputs<'s>, Error> {
        let mut inputs = Inputs::default();
        for source in sources {
            let input = Input::open(source, text.read_as())?;
            if input.holds_requests { inputs.requests.push(input) } else { inputs.texts.push(input) }
        }
        Ok(inputs)
    }

    /// # Errors
    /// [`Error::Usage`] where attachments are named next to requests, which carry their own.
    pub fn refuse_attachments(&self, media: &[(String, Media)]) -> Result<(), Error> {
        let (Some((name, _)), Some(input)) = (media.first(), self.requests.first()) else { return Ok(()) };
        Err(Error::Usage(format!(
            "--{name}: {} holds requests, which carry their own attachments\n  help: put it into the request, or read the file as text with --plain",
            input.name
        )))
    }
}

/// Tokens that the user typed, as the one prompt of every model; `is_whole` where nothing is attached to it.
///
/// # Errors
/// [`Error::Usage`] where more tokens are said to be cached than the prompt has.
pub(crate) fn typed_prompt(
    tokens: Range<u64>,
    work: &WorkFlags,
    models: usize,
    is_whole: bool,
) -> Result<Counted, Error> {
    if is_whole && work.cached_tokens > tokens.low {
        let (cached, prompt) = (grouped(work.cached_tokens), grouped(tokens.low));
        return Err(Error::Usage(format!(
            "--cached-tokens: {cached} tokens are more than the prompt's {prompt}\n  help: cached tokens are a part of --input-tokens, which is the whole prompt"
        )));
    }
    Ok(Counted { source: None, tokens: vec![typed(tokens).into(); models] })
}

/// Counts every text for every model, reading each once and loading each tokenizer once.
pub(crate) fn count_texts(
    texts: Vec<Input<'_>>,
    binary: bool,
    models: &[Found],
    setup: &Setup,
    quiet: bool,
) -> Result<Vec<Counted>, Error> {
    let wanted: Vec<Choice> = models.iter().map(|found| Choice::of(found, setup)).collect();
    let mut distinct = wanted.clone();
    distinct.sort_by(|a, b| (&a.name, a.assumed).cmp(&(&b.name, b.assumed)));
    distinct.dedup();
    let mut counted = Vec::new();
    for text in texts {
        let name = text.name.clone();
        let counts = count(text, &distinct, binary, quiet)?;
        let of = |choice: &Choice| {
            distinct.iter().zip(&counts).find(|(d, _)| *d == choice).map_or_else(Tokens::default, |(_, c)| (*c).into())
        };
        counted.push(Counted { source: Some(name), tokens: wanted.iter().map(of).collect() });
    }
    Ok(counted)
}

/// A model with one prompt's work and what it would cost.
#[derive(Clone)]
pub(crate) struct Priced {
    pub found: Found,
    pub source: Option<String>,
    pub tokens: TokenCount,
    pub work: Work,
    pub result: Result<Estimate, Refusal>,
    /// Whether the length of the answer was given; otherwise it is anything up to the model's limit.
    pub answer_given: bool,
    /// How many requests of a file these are together.
    pub of_requests: Option<u64>,
    /// The work of each of them, where they are few enough to be told apart.
    pub parts: Vec<Work>,
    /// Why no single request can get such an answer.
    pub warning: Option<String>,
    /// Whether the longest prompt, or its answer, may be too long for the model although the shortest is not.
    pub may_be_too_long: bool,
}

/// Prices a prompt for a model. An answer whose length nobody gave is priced as the range from none to the longest.
pub(crate) fn price_one(
    found: &Found,
    source: Option<&str>,
    tokens: &Tokens,
    flags: &WorkFlags,
    setup: &Setup,
) -> Priced {
    price_capped(found, source, tokens, flags, None, setup)
}

/// The same for a request that allows an answer of at most `cap` tokens.
pub(crate) fn price_capped(
    found: &Found,
    source: Option<&str>,
    tokens: &Tokens,
    flags: &WorkFlags,
    cap: Option<u64>,
    setup: &Setup,
) -> Priced {
    let writes = answers_in_text(&found.model, found.model.rates_at(setup.at));
    let limit = longest_answer(&found.model, tokens.count.low);
    let longest = if writes { cap.map_or(limit, |cap| Some(limit.map_or(cap, |limit| limit.min(cap)))) } else { None };
    let output = match flags.output_tokens {
        Some(given) => capped(given, cap),
        None => Range { low: 0, expected: 0, high: longest.unwrap_or(0) },
    };
    let work = Work {
        input: tokens.count.into(),
        attached: tokens.attached.clone(),
        cache_read: flags.cached_tokens,
        output: output.times(flags.answers.unwrap_or(1)),
        answers: flags.answers.unwrap_or(1),
        requests: flags.requests,
        context: flags.context_for(found),
    };
    // What the user typed has to hold to its end; what was counted has its bounds from the tokenizer, and may be less.
    let prompt = if flags.input_tokens.is_some() { work.input.high } else { work.input.low };
    let answer = if flags.output_tokens.is_some() { output.high } else { 0 };
    let result = refuse_long_prompt(&found.provider, &found.model, prompt)
        .and_then(|()| refuse_more_cached(found, &work))
        .and_then(|()| estimate(&found.provider, &found.model, &work, setup.at));
    let warning = impossible_answer(&found.model, prompt, answer);
    let may_be_too_long = warning.is_none() && may_be_too_long(&found.model, work.input, answer);
    let answer_given = flags.output_tokens.is_some() || !writes;
    let (found, source, parts) = (found.clone(), source.map(str::to_owned), vec![work.clone()]);
    Priced {
        found,
        source,
        tokens: tokens.count,
        work,
        result,
        answer_given,
        of_requests: None,
        parts,
        warning,
        may_be_too_long,
    }
}

/// Cached tokens are a part of the prompt.
fn refuse_more_cached(found: &Found, work: &Work) -> Result<(), Refusal> {
    if work.cache_read <= work.input.expected {
        return Ok(());
    }
    let (cached, prompt) = (grouped(work.cache_read), grouped(work.input.expected));
    Err(Refusal::InvalidUsage {
        what: format!("{}: {cached} cached tokens are more than the prompt's {prompt}", found.full_id()),
    })
}

fn capped(span: Range<u64>, cap: Option<u64>) -> Range<u64> {
    let cap = cap.unwrap_or(u64::MAX);
    Range { low: span.low.min(cap), expected: span.expected.min(cap), high: span.high.min(cap) }
}

impl Priced {
    /// The row in machine-readable formats.
    pub fn machine(&self, setup: &Setup) -> Map<String, Value> {
        let mut row = Map::new();
        if let Some(source) = &self.source {
            row.insert("source".into(), json!(source));
        }
        row.insert("provider".into(), json!(self.found.provider.id));
        row.insert("model".into(), json!(self.found.model.id));
        row.insert("requests".into(), json!(self.work.requests));
        if let Some(n) = self.of_requests {
            row.insert("requests_in_file".into(), json!(n));
        }
        match &self.result {
            Ok(estimate) => {
                self.priced_fields(&mut row, estimate);
                setup.add_currency(&mut row, estimate.cost.total, setup.at);
            }
            Err(refusal) => {
                row.insert("status".into(), json!(refusal.status()));
                row.insert("total_usd".into(), Value::Null);
                row.insert("reason".into(), json!(refusal.to_string()));
            }
        }
        if let Some(warning) = &self.warning {
            row.insert("warning".into(), json!(warning));
        }
        row.insert("tokens".into(), self.tokens_json());
        row.insert("table".into(), table_json(setup));
        row
    }

    fn priced_fields(&self, row: &mut Map<String, Value>, estimate: &Estimate) {
        let cost = &estimate.cost;
        row.insert("status".into(), json!("priced"));
        row.insert("total_usd".into(), json!(cost.total));
        if estimate.is_range() {
            row.insert("low_usd".into(), json!(estimate.low));
            row.insert("high_usd".into(), json!(estimate.high));
        }
        row.insert("lines".into(), json!(cost.lines));
        if !cost.applied.is_empty() {
            row.insert("applied".into(), json!(cost.applied));
        }
        let source = json!({"from": cost.period.from, "to": cost.period.to, "source": cost.source.url,
                            "checked": cost.source.checked, "basis": cost.source.basis});
        row.insert("rates".into(), source);
    }

    fn tokens_json(&self) -> Value {
        let mut input = json!({"tokens": self.tokens.tokens, "basis": self.tokens.basis});
        if let (true, Some(map)) = (self.tokens.basis != Basis::Exact, input.as_object_mut()) {
            map.insert("low".into(), json!(self.tokens.low));
            map.insert("high".into(), json!(self.tokens.high));
        }
        let output = match (self.answer_given, self.work.output) {
            (false, span) => json!({"tokens": null, "low": span.low, "high": span.high, "basis": "not-given"}),
            (true, span) if span.is_range() => {
                json!({"tokens": span.expected, "low": span.low, "high": span.high, "basis": "assumed"})
            }
            (true, span) => json!({"tokens": span.expected, "basis": "given"}),
        };
        json!({"input": input, "output": output})
    }

    /// What a person has to know before they use the price.
    pub fn warning_line(&self) -> Option<String> {
        let warning = self.warning.as_ref().filter(|_| self.result.is_ok())?;
        Some(format!("warning: {warning}; it takes more than one request"))
    }

    /// "1,234" or "1,200 (1,100–1,300)".
    pub fn tokens_cell(&self) -> Cell {
        let count = self.tokens;
        let cell = Cell::quantity(count.tokens);
        if count.basis == Basis::Exact || count.low == count.high {
            return cell;
        }
        let (low, high) = (Cell::quantity(count.low).people, Cell::quantity(count.high).people);
        Cell::pair(format!("{} ({low}–{high})", cell.people), cell.exact)
    }

    pub fn total_cell(&self, setup: &Setup) -> Cell {
        match &self.result {
            Ok(estimate) if !self.answer_given => setup.money(estimate.cost.total).tone(Tone::Warn),
            Ok(estimate) => setup.money(estimate.cost.total),
            Err(refusal) => Cell::absent(refusal.status()).tone(Tone::Bad),
        }
    }

    /// A bound of the total, where it is a range.
    pub fn bound_cell(&self, setup: &Setup, bound: impl Fn(&Estimate) -> Usd) -> Cell {
        match &self.result {
            Ok(estimate) if estimate.is_range() => setup.money(bound(estimate)),
            Ok(_) => Cell::default(),
            Err(_) => Cell::absent("–"),
        }
    }

    pub fn side_cell(&self, side: Side, setup: &Setup) -> Cell {
        match &self.result {
            Ok(_) if side == Side::Answer && !self.answer_given => Cell::absent("not given"),
            Ok(estimate) => setup.money(estimate.cost.of_side(side)),
            Err(_) => Cell::absent("–"),
        }
    }
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let models = setup.find_all(&args.models)?;
    let sources = sources(&args)?;
    let prompts = prompts(&args, &sources, &models, &setup)?;
    let counted = &prompts.counted;
    let mut priced: Vec<Priced> = counted
        .iter()
        .flat_map(|prompt| {
            let with_tokens = models.iter().zip(&prompt.tokens);
            with_tokens.map(|(found, tokens)| price_one(found, prompt.source.as_deref(), tokens, &args.work, &setup))
        })
        .collect();
    let read = price_requests(prompts.requests, &models, &args.work, &setup, args.output.quiet)?;
    if !args.output.quiet {
        read.say_what_was_read();
    }
    priced.extend(read.priced);
    let several = priced.len() > models.len().max(1);
    let mut report = Report::new([
        Column::text("source", "source").optional(),
        Column::text("model", "model"),
        Column::number("input_tokens", "input tokens"),
        Column::text("basis", "basis").optional(),
        Column::number("input_usd", "input").optional(),
        Column::number("output_usd", "output").optional(),
        Column::number("total_usd", "total"),
        Column::number("low_usd", "low"),
        Column::number("high_usd", "high"),
    ]);
    for row in &priced {
        let shown = report.push(
            [
                row.source.as_deref().map_or_else(|| Cell::absent("numbers"), Cell::text),
                Cell::text(row.found.full_id()),
                row.tokens_cell(),
                Cell::text(row.tokens.basis.to_string()),
                row.side_cell(Side::Prompt, &setup),
                row.side_cell(Side::Answer, &setup),
                row.total_cell(&setup),
                row.bound_cell(&setup, |e| e.low),
                row.bound_cell(&setup, |e| e.high),
            ],
            Value::Object(row.machine(&setup)),
        );
        if let Some(n) = row.of_requests.filter(|n| *n > 1) {
            shown.detail.push(format!("{n} requests"));
        }
        shown.detail.extend(row.warning_line());
        match &row.result {
            Err(refusal) => shown.detail.extend(refusal.to_string().lines().map(str::to_owned)),
            Ok(estimate) if !estimate.cost.applied.is_empty() => {
                shown.detail.push(format!("at {}", estimate.cost.applied.join(", ")))
            }
            Ok(_) => {}
        }
    }
    let totals = totals(&priced);
    if several {
        report
            .notes
            .extend(totals.iter().map(|(id, total)| format!("{id}: {} for all prompts", setup.money(*total).people)));
    }
    finish(&mut report, &priced, &args.models, &models, &setup, args.work.requests);
    report
        .machine
        .insert("totals".into(), totals.iter().map(|(id, total)| json!({"model": id, "total_usd": total})).collect());
    args.output.write(report)?;
    match read.failed {
        0 => verdict(&priced, args.strict, &args.output),
        failed if args.strict => Err(Error::Strict(failed)),
        _ if priced.is_empty() => Err(Error::NothingPriced),
        _ => verdict(&priced, args.strict, &args.output),
    }
}

/// What there is to price: texts and attachments that were counted, and inputs of requests, which name their own models.
struct Prompts<'s> {
    counted: Vec<Counted>,
    requests: Vec<Input<'s>>,
}

/// What is read: nothing where tokens or attachments alone were named.
fn sources(args: &Args) -> Result<Vec<Source>, Error> {
    let reads = args.work.input_tokens.is_none() && (args.media.is_empty() || args.text.is_given());
    if reads { args.text.sources("--text TEXT or --input-tokens N") } else { Ok(Vec::new()) }
}

fn prompts<'s>(args: &Args, sources: &'s [Source], models: &[Found], setup: &Setup) -> Result<Prompts<'s>, Error> {
    let media = args.media.read()?;
    let inputs = Inputs::open(sources, &args.text)?;
    inputs.refuse_attachments(&media)?;
    let Inputs { texts, requests } = inputs;
    if models.is_empty() && (requests.is_empty() || !texts.is_empty()) {
        return Err(Error::Usage(
            "no model given\n  help: give --model gpt-4o, which repeats; `farebox models` lists the models".into(),
        ));
    }
    let mut counted = match args.work.input_tokens {
        Some(tokens) => vec![typed_prompt(tokens, &args.work, models.len(), media.is_empty())?],
        None => count_texts(texts, args.text.binary, models, setup, args.output.quiet)?,
    };
    if counted.is_empty() && requests.is_empty() {
        counted.push(Counted::nothing(models.len()));
    }
    add_media(&mut counted, media, models, setup, args.output.quiet)?;
    Ok(Prompts { counted, requests })
}

/// Adds attachments to every prompt, as each model counts and bills them.
pub(crate) fn add_media(
    counted: &mut [Counted],
    media: Vec<(String, Media)>,
    models: &[Found],
    setup: &Setup,
    quiet: bool,
) -> Result<(), Error> {
    for (name, media) in media {
        let request = alone(media);
        for (at, found) in models.iter().enumerate() {
            let choice = Choice::of(found, setup);
            let mut weighed = Framing::of(&found.full_id(), load(&choice.name)?, false).count(&request)?;
            let billed = Tokens::billed(found, &mut weighed, setup);
            if !quiet {
                weighed.notes.iter().for_each(|note| super::say(&format!("note: {}: {name}: {note}", found.full_id())));
            }
            counted.iter_mut().filter_map(|prompt| prompt.tokens.get_mut(at)).for_each(|tokens| tokens.add(&billed));
        }
    }
    Ok(())
}

/// What each model costs over all prompts; a model with a refusal among them has no total.
fn totals(priced: &[Priced]) -> Vec<(String, Usd)> {
    let mut models: Vec<String> = Vec::new();
    for id in priced.iter().map(|p| p.found.full_id()) {
        if !models.contains(&id) {
            models.push(id);
        }
    }
    let total = |id: &String| {
        let rows = priced.iter().filter(|p| p.found.full_id() == *id);
        rows.map(|p| p.result.as_ref().ok().map(|e| e.cost.total)).sum::<Option<Usd>>()
    };
    models.iter().filter_map(|id| total(id).map(|usd| (id.clone(), usd))).collect()
}

/// Notes and machine-readable fields that `estimate` and `compare` share.
pub(crate) fn finish(
    report: &mut Report,
    priced: &[Priced],
    asked: &[String],
    models: &[Found],
    setup: &Setup,
    requests: u64,
) {
    if requests != 1 {
        report.notes.push(format!("Totals are for {requests} requests of each prompt."));
    }
    if priced.iter().any(|p| !p.answer_given && p.result.is_ok()) {
        report.notes.push("The length of the answer was not given: totals are the prompt alone, `high` adds the longest answer the model gives. --output-tokens N or LOW..HIGH says it.".into());
    }
    if priced.iter().any(|p| p.tokens.basis == Basis::Estimated && p.work.input.is_range()) {
        report.notes.push("Estimated tokens come with their range, and so do the totals.".into());
    }
    let tight = priced.iter().filter(|p| p.may_be_too_long && p.result.is_ok()).map(|p| p.found.full_id());
    report.notes.extend(tight.map(|id| {
        format!("{id}: at the upper end of the estimated tokens, the request is longer than its context window.")
    }));
    unknown_windows(report, priced);
    let retired = models.iter().filter(|f| f.model.is_retired(setup.at));
    report
        .notes
        .extend(retired.map(|f| format!("{} is {}.", f.full_id(), farebox::jobs::models::status(&f.model, setup.at))));
    report.notes.extend(asked.iter().zip(models).filter_map(|(asked, found)| matched_note(asked, found)));
    report.notes.push(table_line(setup));
    let refused = priced.iter().filter(|p| p.result.is_err()).count();
    report.machine.insert("table".into(), table_json(setup));
    report.machine.insert("at".into(), json!(setup.at));
    report.machine.insert("priced".into(), json!(priced.len() - refused));
    report.machine.insert("unpriced".into(), json!(refused));
}

/// A prompt that every model reads: no window that is sold today is smaller.
const SMALL: u64 = 4_096;

/// Says which prices hold only if the model can read the prompt, since its context window is not in the table.
fn unknown_windows(report: &mut Report, priced: &[Priced]) {
    let is_long = |p: &Priced| {
        p.parts.is_empty() || p.parts.iter().any(|work| work.input.high.saturating_add(work.output.high) > SMALL)
    };
    let unknown = |p: &&Priced| p.result.is_ok() && p.found.model.info.context_window.is_none() && is_long(p);
    let ids: Vec<String> = priced.iter().filter(unknown).map(|p| p.found.full_id()).collect();
    match ids.as_slice() {
        [] => {}
        [id] => report
            .notes
            .push(format!("{id}: its context window is not known; whether the request fits was not checked.")),
        [id, ..] => report.notes.push(format!(
            "The context window of {} is not known ({id} …); whether the request fits was not checked.",
            plural(ids.len() as u64, "model")
        )),
    }
    report.machine.insert("context_window_unknown".into(), json!(ids));
}

/// The exit code that refusals ask for. Programs' formats get them on stderr too, where people will see them.
pub(crate) fn verdict(priced: &[Priced], strict: bool, output: &OutputFlags) -> Result<(), Error> {
    let refused: Vec<&Refusal> = priced.iter().filter_map(|p| p.result.as_ref().err()).collect();
    if output.format.readers() == Readers::Programs {
        refused.iter().for_each(|refusal| super::say(&format!("warning: {refusal}")));
        for row in priced {
            let line = row.warning_line().map(|line| format!("{line} ({})", row.found.full_id()));
            line.iter().for_each(|line| super::say(line));
        }
    }
    match refused.len() {
        0 => Ok(()),
        n if strict => Err(Error::Strict(n as u64)),
        n if n == priced.len() => Err(Error::NothingPriced),
        _ => Ok(()),
    }
}
