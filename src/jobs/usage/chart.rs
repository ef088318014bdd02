//! Pictures of what was spent: [`spending`].

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::grouping::Grouping;
use crate::report::Cell;
use crate::report::chart::{Chart, ChartKind, ChartValue};

/// Parts of a column, and bars, that a person can tell apart.
const MOST_PARTS: usize = 7;
const MOST_BARS: usize = 20;

/// A group: what its records have in common, and what they come to.
type Group = (Vec<String>, Decimal);

/// Columns of time with a part for each of the other things that were grouped by, or bars of the largest groups.
///
/// * `groups`: a label for each thing in `by`, and the amount in the currency.
///
/// Nothing where there is a single group, which a picture says nothing about.
pub(super) fn spending(by: &[Grouping], groups: Vec<Group>, currency: &str) -> Option<Chart> {
    if groups.len() < 2 {
        return None;
    }
    let title = |by: &[Grouping]| {
        let names: Vec<&str> = by.iter().map(|by| by.name()).collect();
        format!("Cost by {}, in {currency}", names.join(" and "))
    };
    let is_time = |by: &Grouping| matches!(by, Grouping::Day | Grouping::Week | Grouping::Month);
    let kind = match by.iter().position(is_time) {
        Some(time) => columns(time, groups, currency),
        None => bars(groups, currency),
    };
    Some(Chart { title: title(by), kind })
}

fn value(amount: Decimal, currency: &str) -> ChartValue {
    ChartValue::new(amount, Cell::amount_in(amount, currency).people)
}

fn bars(mut groups: Vec<Group>, currency: &str) -> ChartKind {
    groups.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
    groups.truncate(MOST_BARS);
    let bar = |(labels, amount): Group| (labels.join(" · "), value(amount, currency), None);
    ChartKind::Bars { bars: groups.into_iter().map(bar).collect() }
}

fn columns(time: usize, groups: Vec<Group>, currency: &str) -> ChartKind {
    let mut parts: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut cells: BTreeMap<(String, String), Decimal> = BTreeMap::new();
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for (mut labels, amount) in groups {
        let at = labels.remove(time);
        let part = labels.join(" · ");
        *sums.entry(at.clone()).or_default() += amount;
        *parts.entry(part.clone()).or_default() += amount;
        *cells.entry((at, part)).or_default() += amount;
    }
    let mut largest: Vec<(String, Decimal)> = parts.into_iter().collect();
    largest.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
    let others = largest.split_off(largest.len().min(MOST_PARTS));
    let of = |at: &String, part: &String| cells.get(&(at.clone(), part.clone())).copied().unwrap_or_default();
    let part = |(name, _): &(String, Decimal)| {
        let name_shown = if name.is_empty() { "all".to_owned() } else { name.clone() };
        (name_shown, sums.keys().map(|at| value(of(at, name), currency)).collect())
    };
    let mut series: Vec<(String, Vec<ChartValue>)> = largest.iter().map(part).collect();
    if !others.is_empty() {
        let sum = |at: &String| others.iter().map(|(name, _)| of(at, name)).sum();
        let values = sums.keys().map(|at| value(sum(at), currency)).collect();
        series.push((format!("{} others", others.len()), values));
    }
    let band = sums.values().map(|sum| std::array::from_fn(|_| value(*sum, currency))).collect();
    ChartKind::Stacked { labels: sums.keys().cloned().collect(), series, band, limit: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(list: &[(&[&str], i64)]) -> Vec<Group> {
        list.iter()
            .map(|(labels, cents)| (labels.iter().map(|l| (*l).to_owned()).collect(), Decimal::new(*cents, 2)))
            .collect()
    }

    #[test]
    fn days_are_columns_and_models_their_parts() {
        let groups = groups(&[(&["a", "d1"], 100), (&["b", "d1"], 300), (&["a", "d2"], 150)]);
        let chart = spending(&[Grouping::Model, Grouping::Day], groups, "EUR").unwrap();
        assert_eq!(chart.title, "Cost by model and day, in EUR");
        let ChartKind::Stacked { labels, series, band, .. } = chart.kind else { panic!("{:?}", chart.kind) };
        assert_eq!(labels, ["d1", "d2"]);
        let texts = |(name, values): &(String, Vec<ChartValue>)| {
            (name.clone(), values.iter().map(|v| v.text.clone()).collect::<Vec<_>>())
        };
        let series: Vec<_> = series.iter().map(texts).collect();
        let row = |name: &str, values: [&str; 2]| (name.to_owned(), values.map(str::to_owned).to_vec());
        assert_eq!(series, [row("b", ["3.00 EUR", "0.00 EUR"]), row("a", ["1.00 EUR", "1.50 EUR"])]);
        assert_eq!(band.iter().map(|b| b[1].text.as_str()).collect::<Vec<_>>(), ["4.00 EUR", "1.50 EUR"]);
    }

    #[test]
    fn what_is_too_much_for_a_picture_is_put_together_in_it() {
        let names: Vec<String> = (0..12).map(|i| format!("m{i:02}")).collect();
        let list: Vec<Group> = names.iter().map(|n| (vec!["d".to_owned(), n.clone()], Decimal::ONE)).collect();
        let chart = spending(&[Grouping::Day, Grouping::Model], list, "USD").unwrap();
        let ChartKind::Stacked { series, .. } = chart.kind else { panic!("{:?}", chart.kind) };
        assert_eq!(series.len(), 8);
        assert_eq!((series[7].0.as_str(), series[7].1[0].text.as_str()), ("5 others", "$5.00"));
        let many: Vec<Group> = (0..30).map(|i| (vec![format!("s{i}")], Decimal::from(i))).collect();
        let chart = spending(&[Grouping::Session], many, "USD").unwrap();
        let ChartKind::Bars { bars } = chart.kind else { panic!("{:?}", chart.kind) };
        assert_eq!((bars.len(), bars[0].0.as_str()), (20, "s29"));
        assert!(spending(&[Grouping::Model], groups(&[(&["a"], 1)]), "USD").is_none());
    }
}
