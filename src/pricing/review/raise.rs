//! Raises the day of the evidence where a database says the same again: [`raise`].
//!
//! A source is shared by many cards. Its `checked` is raised for those that a newer file of its database confirms; what is
//! not confirmed moves to a copy of the source that keeps the old day, so that no price gets evidence that it does not have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::text::{Left, TextEdit, compiled, with_edits};
use super::{Review, ReviewSource, Seen};
use crate::period::Instant;
use crate::pricing::card::{Evidence, ModelCard};
use crate::pricing::compile::{PriceFile, Provider};
use crate::pricing::import::DatabaseFormat;
use crate::pricing::import::write::moment;
use crate::pricing::problem::{Place, Problem, byte_offset};
use crate::pricing::yaml::{At, Parsed, RawFile, RawSource, RawSourceRef, parse};

/// A source whose day was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The file with the source.
    pub path: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its name, or the model for a source in place.
    pub name: String,
    /// The day that it had.
    pub from: Instant,
    /// The day that it has now.
    pub to: Instant,
    /// How many prices and listings were confirmed.
    pub confirmed: usize,
    /// How many keep the old day.
    pub kept: usize,
}

/// What came of raising.
#[derive(Clone, Debug, Default)]
pub(super) struct Raising {
    pub files: Vec<PriceFile>,
    pub raised: Vec<Raised>,
    pub left: Vec<Left>,
}

/// One place that names a source.
struct SourceUse {
    file: usize,
    place: Place,
    model: String,
    role: Role,
}

/// What a source is named for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The prices in force.
    Price,
    /// Prices of the past, and days: those were read once.
    Past,
    /// That a model can be used.
    Listing,
}

/// Raises the sources that the databases of a review confirm.
///
/// # Errors
/// The problems of the files as they would be; then nothing is to be written.
pub(super) fn raise(review: &Review, sources: &[ReviewSource], files: &[PriceFile]) -> Result<Raising, Vec<Problem>> {
    let before = compiled(files)?;
    let mut raiser = Raiser::new(review, sources, files);
    let providers: BTreeSet<String> = raiser.parsed.iter().flat_map(provider_ids).collect();
    providers.iter().for_each(|provider| raiser.provider(provider));
    let Raiser { edits, raised, left, parsed, .. } = raiser;
    let changed = with_edits(files, edits);
    let whole: Vec<PriceFile> =
        files.iter().map(|file| changed.iter().find(|new| new.path == file.path).unwrap_or(file).clone()).collect();
    let after = compiled(&whole)?;
    if let Some(id) = overstated(review, &parsed, &before, &after) {
        let why = "sources of its provider are not written so that their days could be changed one by one".to_owned();
        return Ok(Raising { left: vec![Left { id, place: None, why }], ..Raising::default() });
    }
    Ok(Raising { files: changed, raised, left })
}

/// What the databases list, by provider and model.
type SeenBy<'r> = HashMap<(&'r str, &'r str), Vec<&'r Seen>>;

fn seen_by(review: &Review) -> SeenBy<'_> {
    let mut by_model = SeenBy::new();
    for seen in &review.seen {
        by_model.entry((seen.provider.as_str(), seen.model.as_str())).or_default().push(seen);
    }
    by_model
}

/// A card whose evidence would be newer although no database says so.
fn overstated(review: &Review, files: &[Parsed], before: &[Provider], after: &[Provider]) -> Option<String> {
    type Days = (Vec<Instant>, Option<Instant>);
    let of = |model: &ModelCard| -> Days {
        (model.rate_cards.iter().map(|rates| rates.source.checked).collect(), model.info.listed)
    };
    let mut days: BTreeMap<(&str, &str), Days> = BTreeMap::new();
    for provider in before {
        days.extend(provider.models.iter().map(|model| ((provider.head.id.as_str(), model.id.as_str()), of(model))));
    }
    // A card with the prices of another has its evidence too.
    let mut borrowers: BTreeSet<(&str, &str)> = BTreeSet::new();
    for raw in files.iter().flat_map(|parsed| &parsed.files) {
        let provider = raw.provider.as_ref().map_or("", |id| id.value.as_str());
        let own = raw.models.iter().filter(|model| model.prices_of.is_some());
        borrowers.extend(own.map(|model| (provider, model.id.value.as_str())));
    }
    let seen = seen_by(review);
    for (provider, model) in after.iter().flat_map(|p| p.models.iter().map(move |model| (p, model))) {
        let key = (provider.head.id.as_str(), model.id.as_str());
        let Some((prices, listed)) = days.get(&key) else { continue };
        let (new_prices, new_listed) = of(model);
        let seen = seen.get(&key).map_or(&[][..], Vec::as_slice);
        let is_listed = !seen.is_empty();
        let is_confirmed = borrowers.contains(&key) || seen.iter().any(|seen| seen.confirms);
        if *prices != new_prices && !is_confirmed || *listed != new_listed && !is_listed {
            return Some(format!("{}/{}", key.0, key.1));
        }
    }
    None
}

fn provider_ids(parsed: &Parsed) -> impl Iterator<Item = String> + '_ {
    parsed.files.iter().filter_map(|raw| raw.provider.as_ref().map(|id| id.value.clone()))
}

struct Raiser<'r> {
    seen: SeenBy<'r>,
    files: &'r [PriceFile],
    parsed: Vec<Parsed>,
    /// The newest file of each format: its place among the sources, and its day.
    newest: BTreeMap<&'static str, (usize, DatabaseFormat, Instant)>,
    formats: Vec<&'static str>,
    edits: Vec<Vec<TextEdit>>,
    raised: Vec<Raised>,
    left: Vec<Left>,
}

impl<'r> Raiser<'r> {
    fn new(review: &'r Review, sources: &[ReviewSource], files: &'r [PriceFile]) -> Self {
        let mut newest: BTreeMap<&'static str, (usize, DatabaseFormat, Instant)> = BTreeMap::new();
        for (number, source) in sources.iter().enumerate() {
            let format = source.database.format;
            let entry = newest.entry(format.name()).or_insert((number, format, source.day));
            if source.day > entry.2 {
                *entry = (number, format, source.day);
            }
        }
        Raiser {
            seen: seen_by(review),
            files,
            parsed: files.iter().map(|file| parse(&file.path, &file.text)).collect(),
            newest,
            formats: sources.iter().map(|source| source.database.format.name()).collect(),
            edits: files.iter().map(|_| Vec::new()).collect(),
            raised: Vec::new(),
            left: Vec::new(),
        }
    }

    /// The database of a page, where a file of it is here.
    fn database(&self, url: &str) -> Option<(usize, DatabaseFormat, Instant)> {
        // A repository stands for the file in it.
        let is_repository = url.starts_with("https://github.com/") && url.split('/').count() == 5;
        let is_of = |page: &str| {
            page.strip_prefix(url).is_some_and(|rest| rest.is_empty() || is_repository && rest.starts_with('/'))
        };
        self.newest.values().find(|(_, format, _)| is_of(format.page())).copied()
    }

    /// Whether a file confirms the prices of a model; for evidence of several databases, another one has to as well.
    fn is_confirmed(&self, provider: &str, model: &str, number: usize, evidence: Evidence) -> bool {
        let seen = self.seen.get(&(provider, model)).map_or(&[][..], Vec::as_slice);
        let says_so = |is_here: &dyn Fn(usize) -> bool| seen.iter().any(|seen| seen.confirms && is_here(seen.source));
        let others = |n: usize| self.formats.get(n) != self.formats.get(number);
        says_so(&|n| n == number) && (evidence != Evidence::Agreed || says_so(&others))
    }

    fn is_listed(&self, provider: &str, model: &str, number: usize) -> bool {
        self.seen.get(&(provider, model)).is_some_and(|seen| seen.iter().any(|seen| seen.source == number))
    }

    fn provider(&mut self, provider: &str) {
        let mut named: Vec<(usize, String, RawSource)> = Vec::new();
        let mut in_place: Vec<(usize, String, RawSource)> = Vec::new();
        for (file, raw) in self.documents(provider) {
            named.extend(raw.sources.iter().map(|(name, source)| (file, name.clone(), source.clone())));
            for model in &raw.models {
                let last = model.prices.last().filter(|period| period.to.is_none());
                if let Some(At { value: RawSourceRef::Own(source), .. }) =
                    last.and_then(|period| period.source.as_ref())
                {
                    in_place.push((file, model.id.value.clone(), source.clone()));
                }
            }
        }
        named.into_iter().for_each(|(file, name, source)| self.named(provider, file, &name, &source));
        in_place.into_iter().for_each(|(file, model, source)| self.in_place(provider, file, &model, &source));
    }

    fn documents(&self, provider: &str) -> impl Iterator<Item = (usize, &RawFile)> {
        let of_provider = move |raw: &&RawFile| raw.provider.as_ref().is_some_and(|id| id.value == provider);
        self.parsed.iter().enumerate().flat_map(move |(file, parsed)| {
            parsed.files.iter().filter(of_provider).map(move |raw| (file, raw)).collect::<Vec<_>>()
        })
    }

    /// The day that a source may be raised to, with the database that says so.
    fn newer(&self, source: &RawSource) -> Option<(usize, DatabaseFormat, Instant, Instant, Evidence)> {
        let old: Instant = source.checked.value.parse().ok()?;
        let evidence = source.evidence.as_ref()?.value;
        // What was decided, put together or first seen on a day is not said again by a list of today.
        let is_plain = matches!(evidence, Evidence::Single | Evidence::Agreed);
        let (number, format, day) = self.database(&source.url).filter(|(_, _, day)| is_plain && *day > old)?;
        Some((number, format, old, day, evidence))
    }

    fn in_place(&mut self, provider: &str, file: usize, model: &str, source: &RawSource) {
        let Some((number, _, from, to, evidence)) = self.newer(source) else { return };
        if !self.is_confirmed(provider, model, number, evidence) {
            return;
        }
        let Some(edit) = self.token(file, &source.checked.place, &source.checked.value, &moment(to)) else { return };
        self.edits[file].push(edit);
        let (path, line) = (self.files[file].path.clone(), source.checked.place.line);
        let name = format!("{provider}/{model}");
        self.raised.push(Raised { path, line, name, from, to, confirmed: 1, kept: 0 });
    }

    fn named(&mut self, provider: &str, file: usize, name: &str, source: &RawSource) {
        let Some((number, format, from, to, evidence)) = self.newer(source) else { return };
        let (mut confirmed, mut kept) = (0, Vec::new());
        for used in self.uses(provider, name) {
            let is_said_again = match used.role {
                Role::Price => self.is_confirmed(provider, &used.model, number, evidence),
                Role::Past => false,
                Role::Listing => self.is_listed(provider, &used.model, number),
            };
            if is_said_again { confirmed += 1 } else { kept.push(used) }
        }
        if confirmed == 0 {
            return;
        }
        let line = source.checked.place.line;
        let path = self.files[file].path.clone();
        let why = match (
            source.listing && !format.drops_dead_models(),
            self.edits_of(file, name, source, to, &kept, provider),
        ) {
            (true, _) => {
                format!("{name} lists models, and {} keeps some that are gone: raise it by hand", format.about())
            }
            (false, None) => format!("{name} is written in an unusual way"),
            (false, Some(edits)) => {
                edits.into_iter().for_each(|(file, edit)| self.edits[file].push(edit));
                let name = name.to_owned();
                self.raised.push(Raised { path, line, name, from, to, confirmed, kept: kept.len() });
                return;
            }
        };
        self.left.push(Left { id: provider.to_owned(), place: Some((path, line)), why });
    }

    /// Every place that names a source of a provider.
    fn uses(&self, provider: &str, name: &str) -> Vec<SourceUse> {
        let mut uses = Vec::new();
        for (file, raw) in self.documents(provider) {
            for model in &raw.models {
                let mut add =
                    |place: Place, role| uses.push(SourceUse { file, place, model: model.id.value.clone(), role });
                let is_it = |source: &&At<RawSourceRef>| matches!(&source.value, RawSourceRef::Named(n) if n == name);
                for (i, period) in model.prices.iter().enumerate() {
                    let is_in_force = i + 1 == model.prices.len() && period.to.is_none();
                    let role = if is_in_force { Role::Price } else { Role::Past };
                    period.source.iter().filter(is_it).for_each(|source| add(source.place, role));
                    period.from_source.iter().filter(is_it).for_each(|source| add(source.place, Role::Past));
                }
                let end = model.retired.iter().filter_map(|retired| retired.source.as_ref());
                end.filter(is_it).for_each(|source| add(source.place, Role::Past));
                let facts = model.fact_sources.0.iter().map(|(_, source)| source);
                facts.filter(is_it).for_each(|source| add(source.place, Role::Past));
                model.listed_by.iter().filter(|by| by.value == name).for_each(|by| add(by.place, Role::Listing));
            }
        }
        uses
    }

    /// The edits that raise a source, and that move what is not confirmed to a copy with the old day.
    fn edits_of(
        &self,
        file: usize,
        name: &str,
        source: &RawSource,
        to: Instant,
        kept: &[SourceUse],
        provider: &str,
    ) -> Option<Vec<(usize, TextEdit)>> {
        let raised = self.token(file, &source.checked.place, &source.checked.value, &moment(to))?;
        let mut edits = vec![(file, raised)];
        if kept.is_empty() {
            return Some(edits);
        }
        let old = self.free_name(provider, &format!("{name}-{}", source.checked.value));
        for used in kept {
            edits.push((used.file, self.token(used.file, &used.place, name, &old)?));
        }
        let text = &self.files[file].text;
        let range = entry_lines(text, byte_offset(text, source.checked.place)?, name)?;
        let copy = text[range.clone()].replacen(name, &old, 1);
        let end = if copy.ends_with('\n') { "" } else { "\n" };
        edits.push((file, TextEdit { range: range.start..range.start, text: format!("{copy}{end}") }));
        Some(edits)
    }

    /// A name that no source of a provider has.
    fn free_name(&self, provider: &str, wanted: &str) -> String {
        let is_taken = |name: &str| self.documents(provider).any(|(_, raw)| raw.sources.contains_key(name));
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or_else(|| wanted.to_owned())
    }

    /// The edit of one scalar; `None` where something else is at its place.
    fn token(&self, file: usize, place: &Place, old: &str, new: &str) -> Option<TextEdit> {
        let text = &self.files[file].text;
        let at = byte_offset(text, *place)?;
        let quote = text[at..].chars().next().filter(|c| matches!(c, '"' | '\'')).map_or(0, char::len_utf8);
        let range = at + quote..at + quote + old.len();
        (text.get(range.clone())? == old).then(|| TextEdit { range, text: new.to_owned() })
    }
}

/// The lines of an entry of a map, in braces on one line or by indentation, that has a place in it.
fn entry_lines(text: &str, within: usize, name: &str) -> Option<Range<usize>> {
    let start_of = |at: usize| text[..at].rfind('\n').map_or(0, |i| i + 1);
    let is_key = |line: &str| {
        let line = line.trim_start();
        let rest = line.strip_prefix(name).or_else(|| line.strip_prefix(&format!("\"{name}\"")));
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let mut start = start_of(within);
    while !is_key(text[start..].lines().next()?) {
        start = start_of(start.checked_sub(1)?);
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(text[start..].lines().next()?);
    let mut end = start;
    for (i, line) in text[start..].split_inclusive('\n').enumerate() {
        if i > 0 && (line.trim().is_empty() || indent(line) <= own) {
            break;
        }
        end += line.len();
    }
    (within < end).then_some(start..end)
}
