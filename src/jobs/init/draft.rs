//! A workload file from a few numbers: [`Draft`], with defaults by what kind of work it is.

use std::fmt::Write as _;

use crate::context::Dimension;
use crate::jobs::Setup;
use crate::jobs::panel::panel;
use crate::jobs::setup::rate_source;
use crate::meter::Meter;
use crate::pricing::candidates::is_live;
use crate::pricing::card::{Kind, RateCard, has_price};
use crate::range::Range;

farebox_data::names! {
    /// What kind of work a plan is for: where its defaults come from.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum WorkKind "is not a kind of work" {
        Chatbot "chatbot" "people talk to it, such as a tutor or a support chat";
        Documents "documents" "it answers from documents that are looked up (RAG)";
        Agent "agent" "it works in steps with tools, such as a coding agent";
        Batch "batch" "many texts that nobody waits for: summaries, extraction, classification";
        Embeddings "embeddings" "texts turned into vectors, for a search index";
        Images "images" "pictures made from a description";
        Speech "speech" "texts read aloud";
        Other "other" "single requests of any other kind";
    }
}

/// How often something runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// People, and how often each of them begins: `40` and `3 per week`.
    Users {
        /// How many people, as a workload has it.
        users: String,
        /// How often each begins, as a workload has it.
        sessions: String,
    },
    /// Runs, such as `100 per day`.
    Runs(String),
}

/// What may be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftBudget {
    /// The amount.
    pub amount: String,
    /// Three capital letters.
    pub currency: String,
    /// Whether it is for each month; for the whole plan otherwise.
    pub monthly: bool,
}

/// What a plan needs most. Every text is written as a workload file has it: a number, a range, a rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What kind of work it is.
    pub kind: WorkKind,
    /// The model; the usual one of its kind where none is given.
    pub model: Option<String>,
    /// How often it runs.
    pub traffic: Traffic,
    /// Tokens of the instructions, where there are some.
    pub system: Option<String>,
    /// Tokens of a prompt.
    pub prompt: String,
    /// Tokens of an answer.
    pub output: String,
    /// Turns of a conversation, where it is one.
    pub turns: Option<String>,
    /// Steps of an agent, where it is one.
    pub steps: Option<String>,
    /// How often the cache has the beginning of a prompt, where it is used.
    pub cache: Option<String>,
    /// How many months.
    pub months: String,
    /// What may be spent, where that is known.
    pub budget: Option<DraftBudget>,
}

/// The model of a plan where none is named, as long as it is sold.
const USUAL: &str = "openai/gpt-6-luna";
/// The same for vectors.
const USUAL_EMBEDDING: &str = "openai/text-embedding-3-small";
/// The same for pictures.
const USUAL_IMAGE: &str = "openai/gpt-image-2.6-flare";
/// The same for speech.
const USUAL_SPEECH: &str = "elevenlabs/eleven_flash_v2_5";
/// Characters of an English token, in tenths.
const CHARACTERS: u64 = 45;

impl Draft {
    /// The defaults of a kind of work.
    #[must_use]
    pub fn of(kind: WorkKind) -> Draft {
        let text = |text: &str| Some(text.to_owned());
        let users = |users: &str, sessions: &str| Traffic::Users { users: users.into(), sessions: sessions.into() };
        let draft = |traffic, prompt: &str, output: &str| Draft {
            kind,
            model: None,
            traffic,
            system: None,
            prompt: prompt.into(),
            output: output.into(),
            turns: None,
            steps: None,
            cache: None,
            months: "6".into(),
            budget: None,
        };
        match kind {
            WorkKind::Chatbot => {
                let draft = draft(users("40", "3 per week"), "60", "80..200..500");
                Draft { system: text("300"), turns: text("4"), ..draft }
            }
            WorkKind::Documents => {
                let draft = draft(users("40", "5 per week"), "40", "100..250..600");
                Draft { system: text("400"), turns: text("2"), ..draft }
            }
            WorkKind::Agent => {
                let draft = draft(users("5", "20 per week"), "200", "200..500..1500");
                Draft { system: text("4000"), steps: text("5..15..40"), cache: text("90%"), ..draft }
            }
            WorkKind::Batch => draft(Traffic::Runs("1000 per day".into()), "1500", "100..200..500"),
            WorkKind::Embeddings => draft(Traffic::Runs("10000 per month".into()), "500", "0"),
            WorkKind::Images => draft(Traffic::Runs("100 per day".into()), "60", "0"),
            WorkKind::Speech => draft(Traffic::Runs("100 per day".into()), "200", "0"),
            WorkKind::Other => draft(Traffic::Runs("100 per day".into()), "500", "150..300..600"),
        }
    }

    /// The defaults of another kind of work, with the model of this draft.
    #[must_use]
    pub fn as_kind(&self, kind: WorkKind) -> Draft {
        Draft { model: self.model.clone(), budget: self.budget.clone(), ..Draft::of(kind) }
    }

    /// The model that is planned with.
    #[must_use]
    pub fn model(&self, setup: &Setup) -> String {
        if let Some(model) = &self.model {
            // What a gateway or a user calls it another way gets the name that the table has.
            return setup.table.get(model, setup.at).map_or_else(|| model.clone(), |found| found.full_id());
        }
        let (usual, kind) = match self.kind {
            WorkKind::Embeddings => (USUAL_EMBEDDING, Some(Kind::Embedding)),
            WorkKind::Images => (USUAL_IMAGE, Some(Kind::Image)),
            WorkKind::Speech => (USUAL_SPEECH, Some(Kind::Speech)),
            _ => (USUAL, None),
        };
        if setup.table.find(usual, setup.at).is_ok_and(|f| setup.table.life_of(&f, setup.at).is_live()) {
            return usual.to_owned();
        }
        let instead = kind.map_or_else(|| panel(setup).into_iter().next(), |kind| newest_of(kind, setup));
        instead.unwrap_or_else(|| usual.to_owned())
    }

    /// The workload file, with what each line says.
    #[must_use]
    pub fn text(&self, setup: &Setup) -> String {
        let model = self.model(setup);
        let found = setup.table.find(&model, setup.at).ok();
        let card = found.as_ref().and_then(|found| found.model.rates_at(setup.at));
        let mut file = Commented(
            "# Written by farebox. Change what is different, then run `farebox plan`; `farebox init --example FILE` shows every key.\n# A number may be a range: 80..200..500 is at least 80, 200 on average, at most 500.\n".to_owned(),
        );
        file.line("version: 1", "");
        file.line(&format!("name: My {}", self.title()), "");
        self.money(&mut file, setup);
        file.line(
            &format!("months: {}", self.months),
            "from the first of next month; start: 2027-01-01 sets another day",
        );
        file.line("features:", "");
        file.line(&format!("  {}:", self.title()), self.kind.about());
        file.line(&format!("    model: {}", scalar(&model)), "`farebox models` lists them");
        if let Some(system) = &self.system {
            file.line(&format!("    system: {system}"), "tokens of the instructions, or a file with them");
        }
        let spoken = card.filter(|card| self.kind == WorkKind::Speech && card.lists(Meter::Characters));
        match spoken.and_then(|_| self.characters()) {
            Some(characters) => {
                file.line(
                    &format!("    sends: {{characters: {characters}}}"),
                    "characters of a text that is read aloud",
                );
            }
            None => {
                let about = match self.kind {
                    WorkKind::Embeddings | WorkKind::Speech => "tokens of a text",
                    WorkKind::Images => "tokens of a description",
                    _ => "tokens of what is asked",
                };
                file.line(&format!("    prompt: {}", self.prompt), &format!("{about}, or a file with a typical one"));
            }
        }
        if self.kind == WorkKind::Documents {
            file.line("    rag: {chunks: 5, chunk_tokens: 400}", "passages that are looked up for each question");
        }
        if let Some(turns) = &self.turns {
            file.line(&format!("    turns: {turns}"), "questions of a conversation; each sends the earlier ones again");
        }
        if let Some(steps) = &self.steps {
            file.line(
                &format!("    steps: {{count: {steps}, call: 120, result: 1200}}"),
                "requests of a task; tokens that each writes to call a tool, and that come back",
            );
        }
        match self.kind {
            WorkKind::Images => self.pictures(&mut file, card),
            WorkKind::Speech => self.sound(&mut file, card),
            _ => file.line(&format!("    output: {}", self.output), "tokens of an answer"),
        }
        self.ways_to_save(&mut file, card);
        match &self.traffic {
            Traffic::Users { users, sessions } => {
                let each = if self.turns.is_some() { "conversations of each" } else { "calls of each" };
                file.line(
                    &format!("    calls: {{users: {users}, sessions: {sessions}}}"),
                    &format!("people, and {each}"),
                );
            }
            Traffic::Runs(runs) => file.line(&format!("    calls: {runs}"), "per day, week or month"),
        }
        file.line("    # growth: 5%", "a month");
        file.0
    }

    /// Currency and budget. A rate that was given stays with the plan.
    fn money(&self, file: &mut Commented, setup: &Setup) {
        let Some(DraftBudget { amount, currency, monthly }) = &self.budget else {
            return file.line("# budget: {monthly: 50 EUR}", "or total: 300 USD; says whether it is enough");
        };
        if currency != "USD" {
            let fixed = setup.table.fixed_exchange(currency);
            let rate = fixed.or_else(|| setup.table.exchange(currency, setup.at));
            let shown =
                rate.map(|rate| format!("1 USD = {} {currency} ({})", rate.per_usd.0.normalize(), rate_source(rate)));
            file.line(&format!("currency: {currency}"), &shown.unwrap_or_default());
            if let Some(rate) = fixed {
                let number = rate.per_usd.0.normalize();
                file.line(&format!("exchange: {{{currency}: [{{per_usd: \"{number}\"}}]}}"), "as it was given");
            }
        }
        let period = if *monthly { "monthly" } else { "total" };
        file.line(&format!("budget: {{{period}: {amount} {currency}}}"), "tax included, where `tax: 19%` is added");
    }

    /// Characters of the text, where its length is a number of tokens.
    fn characters(&self) -> Option<String> {
        let tokens: Range<u64> = self.prompt.parse().ok()?;
        let of = |tokens: u64| tokens.saturating_mul(CHARACTERS) / 10;
        let Range { low, expected, high } = tokens.map(of);
        Some(if low == high { expected.to_string() } else { format!("{low}..{expected}..{high}") })
    }

    /// A picture in the unit that the model bills it in.
    fn pictures(&self, file: &mut Commented, card: Option<&RateCard>) {
        let by_the_piece = card.is_none_or(|card| card.lists(Meter::Images));
        if !by_the_piece {
            // A picture of 1024 × 1024 pixels in medium quality, as OpenAI counts it.
            return file.line("    output: 1056", "tokens of a picture: 1024x1024 in medium quality");
        }
        file.line("    makes: {images: 1}", "pictures of a call");
        // Some models have no price but one for each quality and size.
        let is_plain = card.is_none_or(|card| has_price(&card.rates, Meter::Images));
        let variants = card.into_iter().flat_map(|card| &card.variants);
        let mut priced = variants.filter(|variant| has_price(&variant.rates, Meter::Images));
        if let Some(variant) = priced.next().filter(|_| !is_plain) {
            let stated: Vec<String> =
                variant.when.iter().map(|(dimension, value)| format!("{dimension}: {}", scalar(value))).collect();
            file.line(
                &format!("    with: {{{}}}", stated.join(", ")),
                "what the price depends on; `farebox prices show` lists the others",
            );
        }
    }

    /// Speech in the unit that the model bills it in.
    fn sound(&self, file: &mut Commented, card: Option<&RateCard>) {
        let lists = |meter| card.is_some_and(|card| card.lists(meter));
        if lists(Meter::Characters) {
            file.line("    output: 0", "the text is billed, not the sound");
        } else if lists(Meter::OutputAudio) || card.is_none() {
            file.line("    makes: {audio: 60 seconds}", "how long it speaks");
        } else {
            // Gemini counts 25 tokens for each second.
            file.line("    output: 1500", "tokens of a minute of speech");
        }
    }

    /// Cache and batches, as far as the model has rates for them.
    fn ways_to_save(&self, file: &mut Commented, card: Option<&RateCard>) {
        let caches = card.is_some_and(|card| card.lists(Meter::CacheRead));
        let batches = |card: &RateCard| {
            let when =
                |(dimension, value): &(Dimension, String)| *dimension == Dimension::Processing && value == "batch";
            card.variants.iter().any(|variant| variant.when.iter().any(when))
        };
        if let Some(hits) = self.cache.as_ref().filter(|_| caches) {
            file.line(
                &format!("    cache: {{parts: [system, history], hit_rate: {hits}}}"),
                "how often the provider's cache has the beginning of a prompt",
            );
        }
        if self.kind == WorkKind::Batch && card.is_some_and(batches) {
            file.line("    batch: 100%", "answers within a day, at half the price or so");
        }
    }

    fn title(&self) -> &'static str {
        match self.kind {
            WorkKind::Documents => "document answers",
            WorkKind::Embeddings => "search index",
            WorkKind::Other => "project",
            WorkKind::Chatbot | WorkKind::Agent | WorkKind::Batch | WorkKind::Images | WorkKind::Speech => {
                self.kind.name()
            }
        }
    }
}

/// The model of a kind that was released last, of those that can be bought at their makers.
fn newest_of(kind: Kind, setup: &Setup) -> Option<String> {
    let cards = setup.table.cards();
    let fits = cards.filter(|(head, card)| {
        card.info.kind == kind
            && head.is_maker_of(&card.id)
            && is_live(&setup.table, head, card, setup.at)
            && card.rates_at(setup.at).is_some()
    });
    let newest = fits.max_by(|(_, a), (_, b)| (a.info.released, &b.id).cmp(&(b.info.released, &a.id)));
    newest.map(|(head, card)| format!("{}/{}", head.id, card.id))
}

/// Lines with comments in one column.
struct Commented(String);

impl Commented {
    fn line(&mut self, line: &str, about: &str) {
        // Writing into a string cannot fail.
        let _ = if about.is_empty() { writeln!(self.0, "{line}") } else { writeln!(self.0, "{line:<38} # {about}") };
    }
}

/// A text as YAML has it: as it is where that is plain, and quoted where it could mean something else.
pub(super) fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_alphabetic());
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | '@' | '+' | ':');
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_plain = begins
        && text.chars().all(plain)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !words.contains(&text.to_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn only_what_could_mean_something_else_is_quoted() {
        for plain in ["openai/gpt-4o", "My chatbot", "anthropic.claude-3:0", "a-b_c.d@e"] {
            assert_eq!(scalar(plain), plain);
        }
        for quoted in ["no", "Null", "a: b", "a:", "{a}", "# a", "12", "-x", "", "a\"b", "a #b", "a\nb"] {
            assert_eq!(scalar(quoted), serde_json::to_string(quoted).unwrap());
        }
    }
}
