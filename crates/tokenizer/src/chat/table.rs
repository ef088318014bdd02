//! Tables that say by model, API and day what holds: patterns over ids, the first line that fits.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, de::DeserializeOwned};

/// A line of a table, with what it is about.
pub(crate) trait Line: DeserializeOwned {
    /// The pattern of the models: see [`fits`].
    fn pattern(&self) -> &str;

    /// The APIs and the days for which it holds; any without.
    fn scope(&self) -> Scope {
        Scope::default()
    }
}

/// For which API and when a line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Whether requests are sent to OpenAI's Responses API, or to any other.
    pub api: Option<Api>,
    /// Its first day.
    pub from: Option<Day>,
    /// The first day on which it does not hold any more.
    pub until: Option<Day>,
}

/// The APIs that frame a request of the same model differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Api {
    /// OpenAI's Responses.
    Responses,
    /// Any other.
    Other,
}

impl Scope {
    /// Whether it holds: without a day, those rules that nothing has ended.
    fn holds(self, by_responses: bool, day: Option<Day>) -> bool {
        let has_begun = self.from.is_none_or(|from| day.is_none_or(|day| from <= day));
        let goes_on = self.until.is_none_or(|until| day.is_some_and(|day| day < until));
        let asked = if by_responses { Api::Responses } else { Api::Other };
        self.api.is_none_or(|api| api == asked) && has_begun && goes_on
    }
}

/// A day, by which rules begin and end.
///
/// # Examples
/// ```
/// use farebox_tokenizer::chat::Day;
/// assert!(Day::new(2025, 3, 31) < Day::new(2025, 4, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: i16,
    month: i8,
    day: i8,
}

impl Day {
    /// A day of the Gregorian calendar; it is only compared, so none is refused.
    #[must_use]
    pub const fn new(year: i16, month: i8, day: i8) -> Self {
        Day { year, month, day }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.splitn(3, '-');
        let mut number = || parts.next()?.parse::<i16>().ok();
        let day = number().zip(number()).zip(number());
        let day =
            day.and_then(|((year, month), day)| Some(Day::new(year, month.try_into().ok()?, day.try_into().ok()?)));
        day.ok_or_else(|| D::Error::custom(format!("{text:?} is no day such as 2025-04-01")))
    }
}

/// The lines of a table inside this crate.
///
/// A line that does not read is left out here; a test reads each table whole.
pub(crate) fn lines<L: Line>(text: &str) -> Vec<L> {
    reader(text).filter_map(Result::ok).collect()
}

fn reader<L: Line>(text: &str) -> impl Iterator<Item = csv::Result<L>> {
    csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes()).into_deserialize()
}

/// The first line about a model, an API and a day; without a day, that of today.
pub(crate) fn find<'l, L: Line>(lines: &'l [L], model: &str, by_responses: bool, day: Option<Day>) -> Option<&'l L> {
    let id = written_with_dashes(model);
    lines.iter().find(|line| line.scope().holds(by_responses, day) && fits(line.pattern(), &id))
}

/// The id as patterns write it: in lower case, words parted by dashes, and `qwen2p5` as `qwen2-5`.
fn written_with_dashes(model: &str) -> String {
    let model = model.to_lowercase();
    let bytes = model.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let dash = |(at, c): (usize, char)| match c {
        'p' if digit(at.checked_sub(1)) && digit(Some(at + 1)) => '-',
        c if c.is_alphanumeric() => c,
        _ => '-',
    };
    model.char_indices().map(dash).collect()
}

/// Whether a pattern is found in an id as whole words; `*` at its end lets the last word go on, `$` lets only a date follow.
fn fits(pattern: &str, id: &str) -> bool {
    let (words, open) = pattern.strip_suffix('*').map_or((pattern, false), |words| (words, true));
    let (words, ends) = words.strip_suffix('$').map_or((words, false), |words| (words, true));
    id.match_indices(words).any(|(at, _)| {
        let (before, after) = (&id[..at], &id[at + words.len()..]);
        let starts = before.is_empty() || before.ends_with('-') || words.is_empty();
        let fits = match (open, ends) {
            (_, true) => after.is_empty() || after.strip_prefix('-').is_some_and(is_date),
            (true, _) => true,
            (false, _) => after.is_empty() || after.starts_with('-'),
        };
        starts && fits
    })
}

/// Whether the end of an id is a date as providers write them: `2024-06-13`, `2024-06`, `20240613`, `202406`, `240613`, `0613`
/// or `2406`. The `20` of `grok-4.20` is a version, not a date.
fn is_date(text: &str) -> bool {
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return false;
    }
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = text.replace('-', "");
    let two = |at: usize| digits.get(at..at + 2).and_then(|two| two.parse::<u32>().ok()).unwrap_or(0);
    let (month, day) = (|at| (1..=12).contains(&two(at)), |at| (1..=31).contains(&two(at)));
    let this_century = digits.starts_with("20");
    match lengths[..] {
        [4, 2, 2] | [8] => this_century && month(4) && day(6),
        [4, 2] => this_century && month(4),
        [6] => (month(2) && day(4)) || (this_century && month(4)),
        [4] => (month(0) && day(2)) || month(2),
        _ => false,
    }
}

/// Reads a table whole and says what is wrong with it.
#[cfg(test)]
pub(crate) fn check<L: Line>(text: &str) -> usize {
    reader::<L>(text).collect::<csv::Result<Vec<L>>>().expect("every line of the table reads").len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_for_its_api_and_its_days() {
        #[derive(Deserialize)]
        struct Named {
            model: String,
            name: String,
            api: Option<Api>,
            from: Option<Day>,
            until: Option<Day>,
        }
        impl Line for Named {
            fn pattern(&self) -> &str {
                &self.model
            }
            fn scope(&self) -> Scope {
                Scope { api: self.api, from: self.from, until: self.until }
            }
        }
        let table = "model,api,from,until,name\n\
            a*,responses,,2025-04-01,early\n\
            a*,,2026-01-01,2026-02-01,month\n\
            a*,other,,,other\n\
            a*,,,,any\n";
        assert_eq!(check::<Named>(table), 4);
        let lines = lines::<Named>(table);
        let name = |by_responses, day| find(&lines, "a-1", by_responses, day).map(|line| line.name.as_str());
        let day = |year, month, day| Some(Day::new(year, month, day));
        assert_eq!(name(true, day(2025, 3, 31)), Some("early"));
        assert_eq!(name(true, day(2025, 4, 1)), Some("any"));
        assert_eq!(name(false, day(2025, 3, 31)), Some("other"));
        assert_eq!(name(false, day(2026, 1, 1)), Some("month"));
        assert_eq!(name(false, day(2026, 2, 1)), Some("other"));
        assert_eq!((name(true, None), name(false, None)), (Some("any"), Some("other")));
    }

    #[test]
    fn only_a_date_may_follow_an_end() {
        let fits = |model: &str| super::fits("grok-4$", &written_with_dashes(model));
        // grok-4.20 is a version of its own, not grok-4 of some day.
        for other in ["xai/grok-4.20", "grok-4-20-0309", "grok-4.2", "grok-4-2024-13-01", "grok-4-200", "grok-4-fast"] {
            assert!(!fits(other), "{other}");
        }
        for dated in [
            "grok-4",
            "grok-4-0709",
            "grok-4-2507",
            "grok-4-250709",
            "grok-4-202507",
            "grok-4-20250709",
            "x-ai/grok-4-2025-07-09",
            "grok-4-2025-07",
        ] {
            assert!(fits(dated), "{dated}");
        }
    }

    #[test]
    fn a_pattern_is_whole_words() {
        let fits = |pattern: &str, model: &str| super::fits(pattern, &written_with_dashes(model));
        assert!(fits("gpt-4$", "openai/gpt-4") && fits("gpt-4$", "gpt-4-2024-06-13"));
        assert!(!fits("gpt-4$", "gpt-4-turbo") && !fits("gpt-4", "gpt-4o") && fits("gpt-4*", "gpt-4o"));
        assert!(fits("claude-opus-4-7*", "us.anthropic.claude-opus-4-7-v1:0"));
        assert!(fits("qwen2-5*", "accounts/fireworks/models/qwen2p5-7b-instruct"));
        assert!(!fits("o1*", "solo1") && fits("*", "anything") && fits("*", ""));
    }
}
