//! Ids that somebody may have meant by one that is not known: [`Names::search`].
//!
//! Two ways lead to a suggestion. A *family* is every id that has all the words of what was asked: `sonnet`, `gemini flash`
//! and `gpt4o` name one, and its newest model that is alive comes first. A *likeness* is an id that differs by few letters.
//!
//! A log can name a million unknown models, so that a search looks at what shares a word or three letters with the
//! question, never at every name.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::card::{ModelCard, ProviderHead, Role};
use crate::period::{Instant, Period};
use crate::similar::{beginning, likeness};

/// How many ids are suggested.
const SHOWN: usize = 3;
/// How like an id must be to be suggested: more than for words of a file, since ids of other models differ by a digit.
const LIKE: f64 = 0.82;
/// How many ids, those that share the most letters, are compared letter by letter.
const COMPARED_IDS: usize = 48;

/// How like a word must be to be a typing error of another: one letter in four.
const SAME_WORD: f64 = 0.75;
/// Words of fewer letters are too easily like another.
const LEAST_LETTERS: usize = 4;

/// Every id and alias of a table, found by their words and their letters.
#[derive(Debug, Default)]
pub(super) struct Names {
    cards: Vec<Listed>,
    names: Vec<Name>,
    /// The number of each word, which is its place in `by_word`.
    words: FxHashMap<String, u32>,
    by_word: Vec<IdWord>,
    /// The words that begin with a letter.
    by_initial: FxHashMap<char, Vec<u32>>,
    by_letters: FxHashMap<[u8; 3], Vec<u32>>,
}

/// What the order of suggestions goes by.
#[derive(Debug)]
struct Listed {
    provider: String,
    /// Whether the provider made it and sells it itself.
    is_makers: bool,
    /// The day it was released, as far as that can be known.
    released: Option<Instant>,
    /// The numbers of its id, for which of two is the later version.
    version: Vec<u32>,
    /// When it answers and has a price.
    lives: Period,
}

#[derive(Debug)]
struct Name {
    text: String,
    card: u32,
    words: Vec<u32>,
    /// Whether it is the card's own id rather than an alias.
    is_id: bool,
    /// Whether it ends with the date of a snapshot.
    is_dated: bool,
}

#[derive(Debug)]
struct IdWord {
    text: String,
    is_number: bool,
    /// The names that have it.
    names: Vec<u32>,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Suggestions {
    /// `provider/id`, best first.
    pub ids: Vec<String>,
    /// The span around the instant of the question over which the answer is the same.
    pub holds: Period,
}

impl Names {
    /// * `unlisted`: the moment from which a card is not listed any longer, where it is not.
    pub(super) fn of<H, C>(
        cards: impl Iterator<Item = (H, C)>,
        unlisted: &dyn Fn(&ProviderHead, &ModelCard) -> Option<Instant>,
    ) -> Self
    where
        H: std::ops::Deref<Target = ProviderHead>,
        C: std::ops::Deref<Target = ModelCard>,
    {
        let mut names = Names::default();
        for (head, card) in cards {
            names.add(&head, &card, unlisted(&head, &card));
        }
        names.date_versions();
        names
    }

    /// Dates the cards whose release is not known by what is known of others: public lists seldom say when the newest
    /// models came, which are those that are asked for.
    fn date_versions(&mut self) {
        let lines = self.lines();
        self.date_as_elsewhere(&lines);
        self.date_as_before(&lines);
        self.date_as_elsewhere(&lines);
    }

    /// The line of each card: the letters of its id, which all versions of a model share.
    fn lines(&self) -> Vec<Vec<u32>> {
        let mut lines = vec![Vec::new(); self.cards.len()];
        for name in self.names.iter().filter(|name| name.is_id) {
            let letters = name.words.iter().filter(|word| !self.by_word[**word as usize].is_number);
            let mut line: Vec<u32> = letters.copied().collect();
            line.sort_unstable();
            lines[name.card as usize] = line;
        }
        lines
    }

    /// The same version at another provider.
    fn date_as_elsewhere(&mut self, lines: &[Vec<u32>]) {
        let mut known: FxHashMap<(&[u32], &[u32]), Instant> = FxHashMap::default();
        for (card, line) in self.cards.iter().zip(lines) {
            let Some(released) = card.released else { continue };
            let first = known.entry((line, &card.version)).or_insert(released);
            *first = released.min(*first);
        }
        let dates: Vec<Option<Instant>> = self
            .cards
            .iter()
            .zip(lines)
            .map(|(card, line)| known.get(&(&line[..], &card.version[..])).copied())
            .collect();
        self.cards.iter_mut().zip(dates).for_each(|(card, date)| card.date(date));
    }

    /// The version before it at the same provider: it came later.
    fn date_as_before(&mut self, lines: &[Vec<u32>]) {
        let mut order: Vec<usize> = (0..self.cards.len()).collect();
        let key = |card: usize| (&self.cards[card].provider, &lines[card]);
        order.sort_by(|a, b| (key(*a), &self.cards[*a].version).cmp(&(key(*b), &self.cards[*b].version)));
        let mut dates = vec![None; self.cards.len()];
        for run in order.chunk_by(|a, b| key(*a) == key(*b)) {
            let mut before = None;
            for card in run {
                before = before.max(self.cards[*card].released);
                dates[*card] = before;
            }
        }
        self.cards.iter_mut().zip(dates).for_each(|(card, date)| card.date(date));
    }

    fn add(&mut self, head: &ProviderHead, card: &ModelCard, unlisted: Option<Instant>) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let at = number(self.cards.len());
        self.cards.push(Listed::of(head, card, unlisted));
        let aliases = card.aliases.iter().map(|alias| &alias.id);
        for (i, id) in std::iter::once(&card.id).chain(aliases).enumerate() {
            let text = id.to_lowercase();
            let index = number(self.names.len());
            let last = last_segment(&text);
            let words: Vec<u32> = words_of(last).map(|word| self.number_of(word)).collect();
            for word in &words {
                let holders = &mut self.by_word[*word as usize].names;
                if holders.last() != Some(&index) {
                    holders.push(index);
                }
            }
            for letters in letters_of(last) {
                let holders = self.by_letters.entry(letters).or_default();
                if holders.last() != Some(&index) {
                    holders.push(index);
                }
            }
            let is_dated = without_date(last).is_some();
            self.names.push(Name { text, card: at, words, is_id: i == 0, is_dated });
        }
    }

    fn number_of(&mut self, word: &str) -> u32 {
        if let Some(number) = self.words.get(word) {
            return *number;
        }
        let number = u32::try_from(self.by_word.len()).unwrap_or(u32::MAX);
        self.by_initial.entry(initial(word)).or_default().push(number);
        self.words.insert(word.to_owned(), number);
        self.by_word.push(IdWord {
            text: word.to_owned(),
            is_number: word.bytes().all(|b| b.is_ascii_digit()),
            names: Vec::new(),
        });
        number
    }

    /// Ids like one that is not known, of one provider or of all.
    pub(super) fn search(&self, provider: Option<&str>, asked: &str, at: Instant) -> Suggestions {
        let asked = beginning(last_segment(asked)).to_lowercase();
        let mut found = Suggestions::default();
        self.family(provider, &asked, at, &mut found);
        if found.ids.len() < SHOWN {
            self.alike(provider, &asked, at, &mut found);
        }
        found
    }

    /// The word of an id that a word is, or that it is a typing error of.
    fn meant(&self, word: &str) -> Option<u32> {
        if let Some(known) = self.words.get(word) {
            return Some(*known);
        }
        if word.len() < LEAST_LETTERS || word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let alike = self.by_initial.get(&initial(word))?.iter().filter_map(|known| {
            let text = &self.by_word[*known as usize].text;
            let is_as_long = text.len().abs_diff(word.len()) <= 2 && text.len() >= LEAST_LETTERS;
            let score = if is_as_long { strsim::normalized_damerau_levenshtein(word, text) } else { 0.0 };
            (score >= SAME_WORD).then_some((score, *known))
        });
        // Of two that are as alike, the one that more ids have.
        let best = alike.max_by(|(a, word), (b, other)| {
            let held_by = |word: &u32| self.by_word[*word as usize].names.len();
            a.total_cmp(b).then_with(|| held_by(word).cmp(&held_by(other))).then_with(|| other.cmp(word))
        });
        best.map(|(_, word)| word)
    }

    /// The ids that have every word of what was asked: the one of the same words first, then what lives, then what has the
    /// fewest other words, then the maker's own, then the newest.
    ///
    /// Snapshots with a date come after the id that stays.
    fn family(&self, provider: Option<&str>, asked: &str, at: Instant, found: &mut Suggestions) {
        let words: Option<Vec<u32>> = words_of(asked).map(|word| self.meant(word)).collect();
        let Some(words) = words.filter(|_| asked.bytes().filter(u8::is_ascii_alphanumeric).count() > 1) else { return };
        let Some(rarest) = words.iter().min_by_key(|word| self.by_word[**word as usize].names.len()) else { return };
        let holders = self.by_word[*rarest as usize].names.iter().filter_map(|index| self.names.get(*index as usize));
        let mut members: Vec<(&Name, &Listed)> = Vec::new();
        for name in holders {
            let Some(card) = self.cards.get(name.card as usize) else { continue };
            let is_asked = provider.is_none_or(|wanted| wanted == card.provider);
            if is_asked && words.iter().all(|word| name.words.contains(word)) {
                found.holds = found.holds.around(at, card.lives);
                members.push((name, card));
            }
        }
        members.sort_by_cached_key(|(name, card)| {
            let others = name.words.iter().filter(|word| !words.contains(word));
            let letters = others.clone().filter(|word| !self.by_word[**word as usize].is_number).count();
            let mut rest = name.words.iter();
            let is_in_order = words.iter().all(|word| rest.any(|other| other == word));
            (
                (name.words != words, !card.lives.contains(at), !is_in_order),
                (letters, !card.is_makers, name.is_dated),
                Reverse((card.released, card.version.clone())),
                (others.count(), !name.is_id, name.text.len(), card.provider.clone(), name.text.clone()),
            )
        });
        // What no longer answers is an answer only where nothing else is.
        if members.iter().any(|(_, card)| card.lives.contains(at)) {
            members.retain(|(_, card)| !card.has_ended(at));
        }
        found.add(members.into_iter());
    }

    /// The ids that differ by few letters.
    fn alike(&self, provider: Option<&str>, asked: &str, at: Instant, found: &mut Suggestions) {
        let mut shared: FxHashMap<u32, usize> = FxHashMap::default();
        for letters in letters_of(asked) {
            for index in self.by_letters.get(&letters).into_iter().flatten() {
                *shared.entry(*index).or_default() += 1;
            }
        }
        let mut nearest: Vec<(Reverse<usize>, u32, &Name, &Listed)> = shared
            .into_iter()
            .filter_map(|(index, count)| {
                let name = self.names.get(index as usize)?;
                let card = self.cards.get(name.card as usize)?;
                let is_asked = provider.is_none_or(|wanted| wanted == card.provider);
                // Of two that share as many letters the shorter one is more alike.
                let share = 2_000 * count / (last_segment(&name.text).len() + asked.len()).max(1);
                is_asked.then_some((Reverse(share), index, name, card))
            })
            .collect();
        nearest.sort_unstable_by_key(|(share, index, ..)| (*share, *index));
        nearest.truncate(COMPARED_IDS);
        let mut scored: Vec<(f64, &Name, &Listed)> = nearest
            .into_iter()
            .map(|(.., name, card)| (id_likeness(asked, last_segment(&name.text)), name, card))
            .filter(|(score, ..)| *score > LIKE)
            .collect();
        for (_, _, card) in &scored {
            found.holds = found.holds.around(at, card.lives);
        }
        if !found.ids.is_empty() || scored.iter().any(|(_, _, card)| card.lives.contains(at)) {
            scored.retain(|(_, _, card)| !card.has_ended(at));
        }
        scored.sort_by(|(a, name, card), (b, other, others_card)| {
            let key = |name: &Name, card: &Listed| {
                let rank = (!card.lives.contains(at), !card.is_makers, Reverse(card.released));
                (rank, name.text.len(), card.provider.clone(), name.text.clone())
            };
            b.total_cmp(a).then_with(|| key(name, card).cmp(&key(other, others_card)))
        });
        found.add(scored.into_iter().map(|(_, name, card)| (name, card)));
    }
}

impl Listed {
    fn of(head: &ProviderHead, card: &ModelCard, unlisted: Option<Instant>) -> Self {
        let info = &card.info;
        let priced = card.rate_cards.first().and_then(|rates| rates.period.from);
        let last = card.rate_cards.last().and_then(|rates| rates.period.to);
        let from = info.released.max(priced).or(priced);
        let to = [info.retired, unlisted, last].into_iter().flatten().min();
        Listed {
            provider: head.id.clone(),
            is_makers: head.role == Role::Maker && head.is_maker_of(&card.id),
            released: info.released.or(priced),
            version: version_of(&card.id),
            lives: Period { from, to },
        }
    }

    /// Whether it no longer answers at a moment.
    fn has_ended(&self, at: Instant) -> bool {
        self.lives.to.is_some_and(|to| to <= at)
    }

    /// Dates it where nothing else did.
    fn date(&mut self, date: Option<Instant>) {
        self.released = self.released.or(date);
        self.lives.from = self.lives.from.or(self.released);
    }
}

impl Suggestions {
    /// Adds the best of what was found, one id for each card.
    fn add<'n>(&mut self, best: impl Iterator<Item = (&'n Name, &'n Listed)>) {
        let mut taken: Vec<u32> = Vec::new();
        for (name, card) in best {
            if self.ids.len() >= SHOWN {
                return;
            }
            let id = format!("{}/{}", card.provider, name.text);
            if !taken.contains(&name.card) && !self.ids.contains(&id) {
                taken.push(name.card);
                self.ids.push(id);
            }
        }
    }
}

/// How like two ids are, from 0 to 1.
fn id_likeness(asked: &str, name: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(asked, beginning(name));
    let begins = asked.len() > 3 && name.starts_with(asked);
    f64::midpoint(likeness(asked, name), edits).max(if begins { 0.9 } else { 0.0 })
}

/// The numbers of an id, without the date of a snapshot: `claude-opus-4-8-20260528` is 4.8.
fn version_of(id: &str) -> Vec<u32> {
    let id = last_segment(id);
    let id = without_date(id).unwrap_or(id);
    // Four digits are a month and a day or year and month, as in `mistral-large-2411`.
    words_of(id).filter(|word| word.len() < 4).filter_map(|word| word.parse().ok()).collect()
}

fn initial(word: &str) -> char {
    word.chars().next().unwrap_or_default()
}

fn last_segment(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

/// The words of an id: runs of letters and runs of digits, whatever is between them.
fn words_of(id: &str) -> impl Iterator<Item = &str> {
    let mut rest = id;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let is_digit = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| !c.is_alphanumeric() || c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

/// Three bytes each that follow one another, with the beginning marked.
fn letters_of(id: &str) -> impl Iterator<Item = [u8; 3]> {
    let bytes = id.as_bytes();
    let first = bytes.get(..2).map(|two| [0, two[0], two[1]]);
    first.into_iter().chain(bytes.windows(3).filter_map(|three| three.try_into().ok()))
}

/// `-20250929`, `@20250929` or `-2025-09-29` at the end.
pub(super) fn without_date(id: &str) -> Option<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let compact = |sep: char| {
        id.rsplit_once(sep).filter(|(_, d)| d.len() == 8 && d.starts_with("20") && digits(d)).map(|(rest, _)| rest)
    };
    compact('-').or_else(|| compact('@')).or_else(|| {
        let split = id.len().checked_sub(11)?;
        let date = id.get(split..)?;
        let shape = date.strip_prefix('-')?;
        let parts: Vec<&str> = shape.split('-').collect();
        let fits =
            parts.len() == 3 && parts[0].len() == 4 && parts[0].starts_with("20") && parts.iter().all(|p| digits(p));
        fits.then(|| &id[..split])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::card::Alias;

    /// A provider `acme` that makes `zephyr`, with made-up models: `id released..ended`, either left out where not known.
    fn names() -> Names {
        let models = [
            "zephyr-3-haiku 2024-03-07..",
            "zephyr-3-5-haiku 2024-11-04..2026-02-19",
            "zephyr-haiku-4-5 2025-10-15..",
            "zephyr-haiku-5-5 ..",
            "zephyr-haiku-5-5-fast 2026-06-01..",
            "zephyr-opus-4-8 2026-05-28..",
            "zephyr-opus-5 ..",
            "zephyr-4o 2024-05-13..",
            "zephyr-4o-2024-11-20 2024-11-20..",
        ];
        let head = ProviderHead {
            id: "acme".into(),
            role: Role::Maker,
            makes: vec!["zephyr".into()],
            ..ProviderHead::default()
        };
        let host = ProviderHead { id: "basin".into(), ..ProviderHead::default() };
        let cards = models.iter().map(|model| {
            let (id, span) = model.split_once(' ').unwrap();
            let (from, to) = span.split_once("..").unwrap();
            let mut card = ModelCard { id: id.into(), ..ModelCard::default() };
            card.info.released = from.parse().ok();
            card.info.retired = to.parse().ok();
            if id == "zephyr-haiku-4-5" {
                card.aliases.push(Alias { id: "zephyr-haiku-4-5-20251001".into(), ..Alias::default() });
            }
            card
        });
        let cards: Vec<ModelCard> = cards.collect();
        let hosted = ModelCard { id: "acme/Zephyr-Haiku-5-5".into(), ..ModelCard::default() };
        let all = cards.iter().map(|card| (&head, card)).chain([(&host, &hosted)]);
        Names::of(all, &|_, card| card.info.last_listed)
    }

    #[track_caller]
    fn suggests(asked: &str, at: &str, want: &[&str]) {
        let found = names().search(None, asked, at.parse().unwrap());
        assert_eq!(found.ids, want, "{asked} at {at}");
    }

    #[test]
    fn a_family_suggests_its_newest_living_model_first() {
        let now = "2026-11-01";
        for asked in ["zephyr-haiku", "Zephyr Haiku", "haiku zephyr", "haiku", "acme/zephyr_haiku", "zephyr-haikuu"] {
            let found = names().search(None, asked, now.parse().unwrap());
            assert_eq!(found.ids[..2], ["acme/zephyr-haiku-5-5", "acme/zephyr-haiku-4-5"], "{asked}");
        }
        suggests(
            "zephyr-haiku",
            "2025-06-01",
            &["acme/zephyr-3-5-haiku", "acme/zephyr-3-haiku", "acme/zephyr-haiku-5-5"],
        );
        suggests("opus-4.8", now, &["acme/zephyr-opus-4-8"]);
        suggests("opus", now, &["acme/zephyr-opus-5", "acme/zephyr-opus-4-8"]);
        suggests("zephyr4o", now, &["acme/zephyr-4o", "acme/zephyr-4o-2024-11-20"]);
    }

    #[test]
    fn an_id_with_a_typing_error_is_suggested_by_its_letters() {
        suggests("zephir-opsu-4-8", "2026-11-01", &["acme/zephyr-opus-4-8"]);
    }

    #[test]
    fn nothing_is_suggested_where_nothing_is_similar() {
        for asked in ["zzzz", "x", "", "/", "4", "qqq-haikus-of-old", "模型", &"z".repeat(1 << 20)] {
            suggests(asked, "2026-11-01", &[]);
        }
    }

    /// The answer is the same at every moment of the span that it says.
    #[test]
    fn a_suggestion_says_how_long_it_holds() {
        let names = names();
        for day in ["2024-01-01", "2024-06-01", "2025-01-01", "2026-03-01", "2027-01-01"] {
            let at: Instant = day.parse().unwrap();
            let found = names.search(None, "zephyr-haiku", at);
            for end in
                [found.holds.from, found.holds.to.map(|to| Instant::from_unix(to.unix() - 1))].into_iter().flatten()
            {
                assert_eq!(names.search(None, "zephyr-haiku", end), found, "{day} and {end}");
            }
        }
    }
}
