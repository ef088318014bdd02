//! How much a model thinks where nobody says it: [`Thinking::of`] asks three tables of `data/thinking/`, each line of which has
//! its source. `estimate`, `compare` and plans ask here and nowhere else.
//!
//! What is known of a model is one of three: it does not think (its card does not say that it can); it thinks so much by
//! default; or it can, and nobody says whether it does. The last has a range that begins at 0.

use std::str::FromStr;
use std::sync::OnceLock;

use serde::Serialize;

use crate::money::grouped;
use crate::pricing::candidates::{always_thinks, may_think};
use crate::pricing::card::ModelCard;
use crate::range::Range;

farebox_data::names! {
    /// How much a model is asked to think.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Effort "is not an effort" {
        None "none" "It does not think, unless it always does.";
        Minimal "minimal" "As little as it can.";
        Low "low" "A little.";
        Medium "medium" "What most models do by default.";
        High "high" "A lot.";
        Xhigh "xhigh" "More than that.";
        Max "max" "As much as it can.";
    }
}

/// What a request says of thinking: nothing, so many tokens, or an effort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskedThinking<T> {
    /// Nothing: the model does what it does by default.
    #[default]
    Unsaid,
    /// So many tokens for each answer.
    Tokens(Range<T>),
    /// An effort.
    Effort(Effort),
}

impl FromStr for AskedThinking<u64> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(effort) = text.trim().to_lowercase().parse() {
            return Ok(AskedThinking::Effort(effort));
        }
        let efforts: Vec<&str> = Effort::ALL.iter().map(|effort| effort.name()).collect();
        let tokens = text.parse::<Range<u64>>();
        tokens.map(AskedThinking::Tokens).map_err(|error| format!("{error}; or an effort: {}", efforts.join(", ")))
    }
}

impl<T: PartialEq + Default> AskedThinking<T> {
    /// Whether it was said that there is none.
    #[must_use]
    pub(crate) fn is_none(&self) -> bool {
        match self {
            AskedThinking::Unsaid => false,
            AskedThinking::Tokens(range) => range.high == T::default(),
            AskedThinking::Effort(effort) => *effort == Effort::None,
        }
    }
}

/// How well the number of thinking tokens is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ThinkingBasis {
    /// The user said it.
    Given,
    /// Somebody published counts of the model at this effort.
    Measured,
    /// Nobody did: a wide range.
    Assumed,
    /// The model does not think, or only when it is asked to.
    Off,
}

/// The thinking of one answer on one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thinking {
    /// Tokens.
    pub tokens: Range<u64>,
    /// How well they are known.
    pub basis: ThinkingBasis,
    /// At which effort; none where it is not known whether the model thinks, and where the tokens were given.
    pub effort: Option<Effort>,
}

impl Thinking {
    /// None at all.
    pub(crate) const OFF: Thinking =
        Thinking { tokens: Range { low: 0, expected: 0, high: 0 }, basis: ThinkingBasis::Off, effort: None };

    /// What a model thinks for an answer.
    #[must_use]
    pub fn of(card: &ModelCard, asked: AskedThinking<u64>) -> Thinking {
        match asked {
            // One of which nothing is known may think, and whoever gives a number knows that it does.
            AskedThinking::Tokens(tokens) if may_think(card) => {
                Thinking { tokens, basis: ThinkingBasis::Given, effort: None }
            }
            AskedThinking::Tokens(_) => Thinking::OFF,
            _ if !can_think(card) => Thinking::OFF,
            AskedThinking::Effort(effort) => assumed(card, effort),
            AskedThinking::Unsaid => match default_effort(card) {
                Some(effort) => assumed(card, effort),
                None => {
                    let sometimes = assumed(card, Effort::Medium).tokens;
                    let tokens = Range { low: 0, expected: sometimes.expected / 2, high: sometimes.high };
                    Thinking { tokens, basis: ThinkingBasis::Assumed, effort: None }
                }
            },
        }
    }

    /// Whether the tokens are a guess or a measurement of others, rather than what the user said or nothing at all.
    #[must_use]
    pub(crate) fn is_assumption(&self) -> bool {
        matches!(self.basis, ThinkingBasis::Measured | ThinkingBasis::Assumed) && self.tokens.high > 0
    }

    /// `130 to 3,500 tokens, 660 expected`.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        let Range { low, expected, high } = self.tokens;
        match self.tokens.is_range() {
            true => format!("{} to {} tokens, {} expected", grouped(low), grouped(high), grouped(expected)),
            false => format!("{} tokens", grouped(expected)),
        }
    }

    /// Why so many, for people: `medium effort, its default`.
    #[must_use]
    pub(crate) fn reason(&self) -> String {
        let basis = if self.basis == ThinkingBasis::Measured { "measured" } else { "assumed" };
        match self.effort {
            Some(effort) => format!("{basis} at {effort} effort"),
            None => format!("{basis}: it is not known whether it thinks by default"),
        }
    }
}

/// Whether the card says that the model can think.
fn can_think(card: &ModelCard) -> bool {
    always_thinks(card) || card.info.capabilities.iter().any(|can| can == "reasoning")
}

/// At which effort a model thinks when a request says nothing; `None` where that is not known.
fn default_effort(card: &ModelCard) -> Option<Effort> {
    let id = normal(&card.id);
    let says_no = ["non-reasoning", "non-thinking", "no-thinking", "nothink"].iter().any(|word| id.contains(word));
    let listed = tables().defaults.iter().filter(|(models, _)| after(&id, models).is_some());
    let listed = listed.max_by_key(|(models, _)| models.len()).map(|(_, effort)| *effort);
    let effort = if says_no { Some(Effort::None) } else { listed };
    // The card knows better: what always thinks has no effort of none.
    if always_thinks(card) {
        Some(effort.filter(|effort| *effort != Effort::None).unwrap_or(Effort::Medium))
    } else {
        effort
    }
}

/// The tokens at an effort.
fn assumed(card: &ModelCard, effort: Effort) -> Thinking {
    if effort == Effort::None {
        return Thinking { effort: Some(effort), ..Thinking::OFF };
    }
    let id = normal(&card.id);
    let tables = tables();
    let fits = |row: &&TokensRow| row.models == "*" || after(&id, row.models).is_some();
    let Some(row) = tables.tokens.iter().filter(fits).max_by_key(|row| row.models.len()) else { return Thinking::OFF };
    // `gpt-5-mini` is not `gpt-5`: half and twice of what the other was measured at.
    let is_itself = after(&id, row.models).is_some_and(is_date);
    let is_measured = row.is_measured && is_itself && row.effort == effort;
    let widened = row.is_measured && !is_itself;
    let tokens = Range {
        low: if widened { row.tokens.low / 2 } else { row.tokens.low },
        expected: row.tokens.expected,
        high: if widened { row.tokens.high * 2 } else { row.tokens.high },
    };
    let (own, measured) = (tables.percent(effort), tables.percent(row.effort).max(1));
    let tokens = tokens.map(|n| (n * own + measured / 2) / measured);
    let basis = if is_measured { ThinkingBasis::Measured } else { ThinkingBasis::Assumed };
    Thinking { tokens, basis, effort: Some(effort) }
}

/// An id as the tables write it.
fn normal(id: &str) -> String {
    id.to_lowercase().replace(['.', '_', '@', ':'], "-")
}

/// What stands in an id behind a name of the tables; `None` where the name is not in it.
///
/// A name begins where a word does, and neither a digit nor the next part of a version may follow a number: `gpt-5` is in
/// `openai/gpt-5-mini`, and not in `gpt-5-9` or `gpt-51`.
fn after<'i>(id: &'i str, name: &str) -> Option<&'i str> {
    let mut is_begin = true;
    // Names are short and looked for in every model: their places are tried one by one.
    id.char_indices().find_map(|(at, c)| {
        let begins = std::mem::replace(&mut is_begin, !c.is_ascii_alphanumeric());
        let rest = Some(&id[at..]).filter(|_| begins).and_then(|text| text.strip_prefix(name))?;
        (!name.ends_with(|c: char| c.is_ascii_digit()) || !goes_on(rest)).then_some(rest)
    })
}

/// Whether a version number goes on: another digit, or `-9` with nothing or another part behind it.
fn goes_on(rest: &str) -> bool {
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let Some(part) = rest.strip_prefix('-').and_then(|rest| rest.split('-').next()) else { return false };
    !part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit())
}

/// Whether what follows a name is a date, `latest`, or how a host marks a version.
fn is_date(rest: &str) -> bool {
    let is_mark =
        |part: &str| part.is_empty() || part == "latest" || part == "v1" || part.bytes().all(|b| b.is_ascii_digit());
    rest.split('-').all(is_mark)
}

struct TokensRow {
    models: &'static str,
    effort: Effort,
    tokens: Range<u64>,
    is_measured: bool,
}

struct Tables {
    tokens: Vec<TokensRow>,
    defaults: Vec<(&'static str, Effort)>,
    efforts: Vec<(Effort, u64)>,
}

impl Tables {
    fn percent(&self, effort: Effort) -> u64 {
        self.efforts.iter().find(|(other, _)| *other == effort).map_or(0, |(_, percent)| *percent)
    }
}

/// The three tables. A line that cannot be read is left out; a test finds it.
fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let tokens = lines(farebox_data::THINKING_TOKENS).filter_map(|cells| match cells.as_slice() {
            [models, effort, low, expected, high, basis, ..] => Some(TokensRow {
                models,
                effort: effort.parse().ok()?,
                tokens: Range { low: low.parse().ok()?, expected: expected.parse().ok()?, high: high.parse().ok()? },
                is_measured: *basis == "measured",
            }),
            _ => None,
        });
        let defaults = lines(farebox_data::THINKING_DEFAULTS).filter_map(|cells| match cells.as_slice() {
            [models, effort, ..] => Some((*models, effort.parse().ok()?)),
            _ => None,
        });
        let efforts = lines(farebox_data::THINKING_EFFORTS).filter_map(|cells| match cells.as_slice() {
            [effort, percent, ..] => Some((effort.parse().ok()?, percent.parse().ok()?)),
            _ => None,
        });
        Tables { tokens: tokens.collect(), defaults: defaults.collect(), efforts: efforts.collect() }
    })
}

/// The cells of the lines below the header.
fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.skip(1).map(|line| line.split(',').collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::PriceTable;
    use crate::pricing::card::ModelInfo;

    fn card(id: &str, can: &[&str]) -> ModelCard {
        let first = PriceTable::bundled().cards().next().map(|(_, card)| (*card).clone()).expect("a card");
        let capabilities = can.iter().map(|can| (*can).to_owned()).collect();
        ModelCard { id: id.into(), info: ModelInfo { capabilities, ..ModelInfo::default() }, ..first }
    }

    fn range(low: u64, expected: u64, high: u64) -> Range<u64> {
        Range { low, expected, high }
    }

    #[test]
    fn every_line_of_the_tables_can_be_read_and_has_a_source() {
        let count = |table| lines(table).count();
        let tables = tables();
        assert_eq!(tables.tokens.len(), count(farebox_data::THINKING_TOKENS));
        assert_eq!(tables.defaults.len(), count(farebox_data::THINKING_DEFAULTS));
        assert_eq!(tables.efforts.len(), Effort::ALL.len() - 1);
        for table in [farebox_data::THINKING_TOKENS, farebox_data::THINKING_DEFAULTS, farebox_data::THINKING_EFFORTS] {
            for cells in lines(table) {
                let [.., source, day] = cells.as_slice() else { panic!("{cells:?}") };
                assert!(source.starts_with("https://") && day.parse::<jiff::civil::Date>().is_ok(), "{cells:?}");
            }
        }
        for row in &tables.tokens {
            let Range { low, expected, high } = row.tokens;
            assert!(low < expected && expected < high, "{}", row.models);
        }
        let mut names: Vec<&str> = tables.defaults.iter().map(|(models, _)| *models).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), tables.defaults.len(), "a name that is there twice");
    }

    /// The numbers are those of data/thinking, where each has its source.
    #[test]
    fn a_model_thinks_as_the_tables_say() {
        for (id, can, asked, want) in [
            ("gpt-5", "reasoning", AskedThinking::Unsaid, (range(130, 660, 3500), ThinkingBasis::Measured)),
            (
                "openai/gpt-5-2025-08-07",
                "reasoning",
                AskedThinking::Unsaid,
                (range(130, 660, 3500), ThinkingBasis::Measured),
            ),
            // Another model than the one that was measured.
            ("gpt-5-mini", "reasoning", AskedThinking::Unsaid, (range(65, 660, 7000), ThinkingBasis::Assumed)),
            // 80 percent of a budget instead of 50.
            (
                "gpt-5",
                "reasoning",
                AskedThinking::Effort(Effort::High),
                (range(208, 1056, 5600), ThinkingBasis::Assumed),
            ),
            // Off by default.
            ("claude-haiku-4-5-20251001", "reasoning", AskedThinking::Unsaid, (range(0, 0, 0), ThinkingBasis::Off)),
            ("anthropic.claude-opus-4.6-v1", "reasoning", AskedThinking::Unsaid, (range(0, 0, 0), ThinkingBasis::Off)),
            ("gemini-2.5-flash-lite", "reasoning", AskedThinking::Unsaid, (range(0, 0, 0), ThinkingBasis::Off)),
            // On by default.
            ("gemini-2.5-flash", "reasoning", AskedThinking::Unsaid, (range(89, 540, 3300), ThinkingBasis::Measured)),
            ("claude-opus-5.5", "reasoning", AskedThinking::Unsaid, (range(37, 560, 8600), ThinkingBasis::Assumed)),
            ("gpt-5.5", "reasoning", AskedThinking::Unsaid, (range(65, 660, 7000), ThinkingBasis::Assumed)),
            ("gpt-5.4-pro", "reasoning", AskedThinking::Unsaid, (range(65, 660, 7000), ThinkingBasis::Assumed)),
            ("gemini-3.8-flash", "reasoning", AskedThinking::Unsaid, (range(45, 540, 6600), ThinkingBasis::Assumed)),
            // Low by default: 20 percent of a budget instead of 50.
            ("grok-4.3", "reasoning", AskedThinking::Unsaid, (range(30, 376, 4800), ThinkingBasis::Assumed)),
            // A version that no line names may think or not.
            ("gpt-5.9", "reasoning", AskedThinking::Unsaid, (range(0, 330, 7000), ThinkingBasis::Assumed)),
            ("house-model", "reasoning", AskedThinking::Unsaid, (range(0, 500, 12_000), ThinkingBasis::Assumed)),
            ("house-model", "always_thinks", AskedThinking::Unsaid, (range(50, 1000, 12_000), ThinkingBasis::Assumed)),
            // What is not known to think does not, and does where somebody says how much.
            ("house-model", "tools", AskedThinking::Unsaid, (range(0, 0, 0), ThinkingBasis::Off)),
            ("house-model", "tools", AskedThinking::Tokens(Range::exactly(7)), (range(0, 0, 0), ThinkingBasis::Off)),
            ("house-model", "", AskedThinking::Tokens(Range::exactly(7)), (range(7, 7, 7), ThinkingBasis::Given)),
            ("gpt-5", "reasoning", AskedThinking::Tokens(Range::exactly(0)), (range(0, 0, 0), ThinkingBasis::Given)),
            ("gpt-5", "reasoning", AskedThinking::Effort(Effort::None), (range(0, 0, 0), ThinkingBasis::Off)),
        ] {
            let can: Vec<&str> = can.split_whitespace().collect();
            let thinking = Thinking::of(&card(id, &can), asked);
            assert_eq!((thinking.tokens, thinking.basis), want, "{id} {asked:?}");
        }
    }

    #[test]
    fn more_effort_never_thinks_less() {
        for id in ["gpt-5", "o3", "house-model", "claude-opus-5-5"] {
            let at = |effort: &Effort| Thinking::of(&card(id, &["reasoning"]), AskedThinking::Effort(*effort)).tokens;
            let list: Vec<Range<u64>> = Effort::ALL.iter().map(at).collect();
            for pair in list.windows(2) {
                let (less, more) = (pair[0], pair[1]);
                assert!(less.low <= more.low && less.expected <= more.expected && less.high <= more.high, "{id}");
            }
        }
    }

    #[test]
    fn a_name_is_found_where_a_word_begins_and_no_version_goes_on() {
        for (id, name, rest) in [
            ("gpt-5-mini", "gpt-5", Some("-mini")),
            ("gpt-5-9", "gpt-5", None),
            ("gpt-51", "gpt-5", None),
            ("gpt-5-2025-08-07", "gpt-5", Some("-2025-08-07")),
            ("qwen3-32b", "qwen3", Some("-32b")),
            ("qwen3-5-plus", "qwen3", None),
            ("qwen3-5-plus", "qwen", Some("3-5-plus")),
            ("turbo3", "o3", None),
            ("openai/o3-pro", "o3", Some("-pro")),
        ] {
            assert_eq!(after(id, name), rest, "{id} {name}");
        }
    }

    #[test]
    fn nothing_that_is_sold_and_thinks_is_counted_at_nothing_in_silence() {
        let table = PriceTable::bundled();
        for (head, card) in table.cards().filter(|(_, card)| can_think(card)) {
            let thinking = Thinking::of(&card, AskedThinking::Unsaid);
            let is_stated = thinking.effort == Some(Effort::None) || thinking.tokens.high > 0;
            assert!(is_stated && (!always_thinks(&card) || thinking.tokens.low > 0), "{}/{}", head.id, card.id);
        }
    }

    #[test]
    fn thinking_is_written_as_tokens_or_as_an_effort() {
        assert_eq!("high".parse(), Ok(AskedThinking::<u64>::Effort(Effort::High)));
        assert_eq!("0".parse(), Ok(AskedThinking::Tokens(Range::exactly(0_u64))));
        assert_eq!("100..300".parse(), Ok(AskedThinking::Tokens(range(100, 200, 300))));
        let error = "plenty".parse::<AskedThinking<u64>>().unwrap_err();
        assert!(error.contains("minimal, low, medium"), "{error}");
    }
}
