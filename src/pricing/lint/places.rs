//! Where in the files the parts of a card are, so that a question is shown with the line that it is about.

use std::collections::{BTreeSet, HashMap};

use crate::meter::Meter;
use crate::pricing::compile::PriceFile;
use crate::pricing::problem::{Place, Problem, Severity};
use crate::pricing::yaml::{Parsed, RawModel, RawPeriod, RawSourceRef};

/// The lines of files with an error in them.
pub(super) struct WrongLines<'p>(HashMap<&'p str, BTreeSet<usize>>);

impl<'p> WrongLines<'p> {
    pub(super) fn of(problems: &'p [Problem]) -> Self {
        let mut lines: HashMap<&str, BTreeSet<usize>> = HashMap::new();
        for problem in problems.iter().filter(|problem| problem.severity == Severity::Error) {
            lines.entry(&problem.path).or_default().insert(problem.place.line);
        }
        WrongLines(lines)
    }
}

/// A model as it is written; of the bundled table, nothing but its provider is known.
#[derive(Clone, Debug)]
pub(super) struct ModelPlaces<'a> {
    pub path: String,
    raw: Option<&'a RawModel>,
    /// The lines of the model.
    lines: std::ops::Range<usize>,
}

impl<'a> ModelPlaces<'a> {
    pub(super) fn bundled(provider: &str) -> Self {
        ModelPlaces { path: format!("{provider} (bundled)"), raw: None, lines: 0..0 }
    }

    /// Whether an error is in the lines of the model.
    pub(super) fn is_among(&self, wrong: &WrongLines) -> bool {
        let lines = wrong.0.get(self.path.as_str());
        let first = lines.and_then(|lines| lines.range(self.lines.start..).next());
        first.is_some_and(|line| *line < self.lines.end)
    }

    /// Whether the prices are this model's own rather than another card's.
    pub(super) fn has_own_prices(&self) -> bool {
        self.raw.is_none_or(|raw| raw.prices_of.is_none())
    }

    pub(super) fn model(&self) -> Place {
        self.raw.map_or(Place::default(), |raw| raw.id.place)
    }

    pub(super) fn retired(&self) -> Place {
        self.raw.and_then(|raw| raw.retired.as_ref()).map_or_else(|| self.model(), |retired| retired.date.place)
    }

    fn raw_period(&self, period: usize) -> Option<&'a RawPeriod> {
        self.raw.and_then(|raw| raw.prices.get(period))
    }

    pub(super) fn period(&self, period: usize) -> Place {
        let Some(raw) = self.raw_period(period) else { return self.model() };
        raw.from.as_ref().map_or(raw.rates.place, |from| from.place)
    }

    pub(super) fn source(&self, period: usize) -> Place {
        let named = self.raw_period(period).and_then(|raw| raw.source.as_ref());
        named.map_or_else(|| self.period(period), |source| source.place)
    }

    /// Whether the source is one that the head of the file names.
    pub(super) fn names_source(&self, period: usize) -> bool {
        let source = self.raw_period(period).and_then(|raw| raw.source.as_ref());
        source.is_some_and(|source| matches!(source.value, RawSourceRef::Named(_)))
    }

    /// The rate of a meter outside of tiers and variants.
    pub(super) fn rate(&self, period: usize, meter: Meter) -> Place {
        let rates = self.raw_period(period).map(|raw| &raw.rates.value.0);
        let rate = rates.into_iter().flatten().find(|(name, _)| name.value == meter.name());
        rate.map_or_else(|| self.period(period), |(_, rate)| rate.place)
    }

    pub(super) fn variant(&self, period: usize, variant: usize) -> Place {
        let raw = self.raw_period(period).and_then(|raw| raw.variants.get(variant));
        raw.map_or_else(|| self.period(period), |variant| variant.when.place)
    }

    /// The boundary of a tier.
    pub(super) fn tier(&self, period: usize, threshold: u64) -> Place {
        let digits = threshold.to_string();
        let tiers = self.raw_period(period).map(|raw| &raw.tiers);
        let tier = tiers.into_iter().flatten().find(|t| t.when.prompt_tokens.value.replace('_', "").ends_with(&digits));
        tier.map_or_else(|| self.period(period), |tier| tier.when.prompt_tokens.place)
    }
}

/// The models of files by provider and id.
pub(super) fn by_model<'a>(parsed: &'a [(&PriceFile, Parsed)]) -> HashMap<(&'a str, &'a str), ModelPlaces<'a>> {
    let mut places = HashMap::new();
    for (file, parsed) in parsed {
        for raw in &parsed.files {
            let provider = raw.provider.as_ref().map_or("", |id| id.value.as_str());
            for (i, model) in raw.models.iter().enumerate() {
                let end = raw.models.get(i + 1).map_or(usize::MAX, |next| next.id.place.line);
                let lines = model.id.place.line..end;
                let place = ModelPlaces { path: file.path.clone(), raw: Some(model), lines };
                places.entry((provider, model.id.value.as_str())).or_insert(place);
            }
        }
    }
    places
}
