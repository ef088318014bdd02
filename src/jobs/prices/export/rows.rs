//! Every rate of the table as a row that needs no other one.

use serde::Serialize;

use crate::context::conditions;
use crate::meter::{Meter, Unit};
use crate::money::Exact;
use crate::period::{Instant, Period};
use crate::pricing::PriceTable;
use crate::pricing::card::{ModelCard, Multiplier, Price, ProviderHead, Rate, RateCard, Schedule};
use crate::pricing::diff::sets;
use crate::pricing::export::Selection;

/// One rate of one period, or a factor on rates.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExportRow {
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider; for a factor of the provider the models that it is on, `*` for all.
    pub model: String,
    /// What the model does.
    pub kind: Option<&'static str>,
    /// From when on it holds; null where that is not known.
    pub from: Option<Instant>,
    /// Until when, exclusive; null while it lasts.
    pub to: Option<Instant>,
    /// The first day on which a snapshot shows it, where its start is not known.
    pub first_seen: Option<Instant>,
    /// Since when there is evidence of it: before that it is assumed.
    pub evidence_from: Option<Instant>,
    /// What must hold of a request; empty for one that states nothing.
    pub condition: String,
    /// What is billed; null for a factor on every token meter.
    pub meter: Option<Meter>,
    /// What a quantity of the meter is of: `tokens`, `count` or `measure`.
    pub unit: Option<&'static str>,
    /// What is said of the meter: `price`, `factor`, `same-as` another meter, `not-sold`, `inherit` or `refuse`.
    pub rate: &'static str,
    /// The meter that it is billed as.
    pub same_as: Option<Meter>,
    /// US dollars.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub usd: Option<Exact>,
    /// Per how many of the meter's unit.
    pub per: Option<u64>,
    /// A request is billed for at least this quantity.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub minimum: Option<Exact>,
    /// The quantity is rounded up to a multiple of this.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub step: Option<Exact>,
    /// What the rates of the model are multiplied with.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub factor: Option<Exact>,
    /// The shortest prompt that the cache of the model takes, in tokens; null where that is not known.
    pub smallest_cacheable: Option<u64>,
    /// The first day on which the model no longer answers.
    pub retired: Option<Instant>,
    /// Where that day was read, where the table knows it.
    pub retired_source: Option<String>,
    /// The day on which it was read there.
    pub retired_checked: Option<Instant>,
    /// The model to use instead.
    pub replacement: Option<String>,
    /// Where it was read.
    pub source: Option<String>,
    /// The day of the evidence.
    pub checked: Option<Instant>,
    /// How well it is known.
    pub evidence: Option<&'static str>,
    /// Anything else worth knowing of it.
    pub note: Option<String>,
    /// Why a rate is refused, where somebody wrote it.
    pub reason: Option<String>,
}

impl ExportRow {
    /// The columns of the table forms, which are the fields in their order.
    pub(crate) const COLUMNS: &[&str] = &[
        "provider",
        "model",
        "kind",
        "from",
        "to",
        "first_seen",
        "evidence_from",
        "condition",
        "meter",
        "unit",
        "rate",
        "same_as",
        "usd",
        "per",
        "minimum",
        "step",
        "factor",
        "smallest_cacheable",
        "retired",
        "retired_source",
        "retired_checked",
        "replacement",
        "source",
        "checked",
        "evidence",
        "note",
        "reason",
    ];

    /// The cells of the table forms; an empty one where there is nothing.
    pub(crate) fn cells(&self) -> Vec<String> {
        let instant = |at: Option<Instant>| at.map(|at| at.to_string()).unwrap_or_default();
        let exact = |number: Option<Exact>| number.map(|n| n.to_string()).unwrap_or_default();
        let word = |word: Option<&'static str>| word.unwrap_or_default().to_owned();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.provider.clone(),
            self.model.clone(),
            word(self.kind),
            instant(self.from),
            instant(self.to),
            instant(self.first_seen),
            instant(self.evidence_from),
            self.condition.clone(),
            word(self.meter.map(Meter::name)),
            word(self.unit),
            self.rate.to_owned(),
            word(self.same_as.map(Meter::name)),
            exact(self.usd),
            self.per.map(|per| per.to_string()).unwrap_or_default(),
            exact(self.minimum),
            exact(self.step),
            exact(self.factor),
            self.smallest_cacheable.map(|tokens| tokens.to_string()).unwrap_or_default(),
            instant(self.retired),
            text(&self.retired_source),
            instant(self.retired_checked),
            text(&self.replacement),
            text(&self.source),
            instant(self.checked),
            word(self.evidence),
            text(&self.note),
            text(&self.reason),
        ]
    }

    fn at(self, meter: Option<Meter>) -> ExportRow {
        ExportRow { meter, unit: meter.map(unit), ..self }
    }

    fn during(self, period: Period) -> ExportRow {
        ExportRow { from: period.from, to: period.to, ..self }
    }
}

const fn unit(meter: Meter) -> &'static str {
    match meter.unit() {
        Unit::Tokens => "tokens",
        Unit::Count => "count",
        Unit::Measure => "measure",
    }
}

/// Every rate, then the factors of the providers.
pub(super) fn rows(table: &PriceTable, selection: &Selection) -> Vec<ExportRow> {
    let mut rows = Vec::new();
    for (head, card) in selection.cards(table) {
        card.rate_cards.iter().for_each(|rates| rows.extend(rows_of(&head, &card, rates)));
    }
    let wanted = |head: &ProviderHead| selection.providers.is_empty() || selection.providers.contains(&head.id);
    let mut heads: Vec<_> = table.providers().iter().filter(|head| wanted(head)).collect();
    heads.sort_by(|a, b| a.id.cmp(&b.id));
    for head in heads {
        head.multipliers.iter().for_each(|factor| rows.extend(factor_rows(head, factor)));
    }
    rows
}

fn rows_of(head: &ProviderHead, card: &ModelCard, rates: &RateCard) -> Vec<ExportRow> {
    let base = ExportRow {
        provider: head.id.clone(),
        model: card.id.clone(),
        kind: Some(card.info.kind.name()),
        first_seen: rates.first_seen,
        evidence_from: rates.evidence_begins(),
        smallest_cacheable: card.info.smallest_cacheable,
        retired: card.info.retired,
        retired_source: card.info.retired_source.as_ref().map(|source| source.url.clone()),
        retired_checked: card.info.retired_source.as_ref().map(|source| source.checked),
        replacement: card.info.replacement.clone(),
        source: Some(rates.source.url.clone()),
        checked: Some(rates.source.checked),
        evidence: Some(rates.source.evidence.name()),
        note: rates.note.clone(),
        ..ExportRow::default()
    };
    let base = base.during(rates.period);
    let mut rows = Vec::new();
    for (condition, set) in sets(rates) {
        let base = ExportRow { condition, ..base.clone() };
        rows.extend(set.iter().map(|(meter, rate)| of_rate(base.clone().at(Some(*meter)), rate)));
    }
    rates.schedule.iter().for_each(|schedule| rows.extend(scheduled(&base, schedule)));
    rows
}

fn of_rate(row: ExportRow, rate: &Rate) -> ExportRow {
    match rate {
        Rate::Price(Price { usd, per, minimum, step }) => {
            ExportRow { rate: "price", usd: Some(*usd), per: Some(*per), minimum: *minimum, step: *step, ..row }
        }
        Rate::NotSold => ExportRow { rate: "not-sold", ..row },
        Rate::SameAs(other) => ExportRow { rate: "same-as", same_as: Some(*other), ..row },
        Rate::Inherit => ExportRow { rate: "inherit", ..row },
        Rate::Refuse(why) => ExportRow { rate: "refuse", reason: why.clone(), ..row },
    }
}

/// The factor of a schedule: a row for each meter that it names, or one for all of tokens.
fn scheduled(base: &ExportRow, schedule: &Schedule) -> Vec<ExportRow> {
    let Some(factor) = schedule.factor else { return Vec::new() };
    let row = ExportRow { condition: schedule.to_string(), rate: "factor", factor: Some(factor), ..base.clone() };
    each_meter(&row, &schedule.meters)
}

fn factor_rows(head: &ProviderHead, multiplier: &Multiplier) -> Vec<ExportRow> {
    let all = vec!["*".to_owned()];
    let models = if multiplier.models.is_empty() { &all } else { &multiplier.models };
    let row = |model: &String| ExportRow {
        provider: head.id.clone(),
        model: model.clone(),
        condition: conditions(&multiplier.when),
        rate: "factor",
        factor: Some(multiplier.factor),
        ..ExportRow::default()
    };
    models.iter().flat_map(|model| each_meter(&row(model).during(multiplier.period), &multiplier.meters)).collect()
}

fn each_meter(row: &ExportRow, meters: &[Meter]) -> Vec<ExportRow> {
    if meters.is_empty() {
        return vec![row.clone()];
    }
    meters.iter().map(|meter| row.clone().at(Some(*meter))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_fields_in_their_order() {
        let row = serde_json::to_value(ExportRow::default()).unwrap();
        let fields: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ExportRow::COLUMNS);
        assert_eq!(ExportRow::default().cells().len(), ExportRow::COLUMNS.len());
    }
}
