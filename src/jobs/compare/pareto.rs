//! Scores against costs: which models are the best for their price, and the picture of it.

use rust_decimal::Decimal;

use crate::report::chart::{Chart, ChartKind, ChartValue, Dot};

/// A model with its score.
pub(crate) struct Scored {
    /// `provider/model`.
    pub id: String,
    /// What the work costs on it.
    pub cost: Decimal,
    /// How that is written.
    pub cost_text: String,
    /// The user's score.
    pub score: Decimal,
}

/// For each model whether none that is as cheap or cheaper has a higher score, and none that is cheaper as high a one.
#[must_use]
pub(crate) fn frontier(models: &[Scored]) -> Vec<bool> {
    let beats = |other: &Scored, own: &Scored| {
        other.cost <= own.cost && other.score >= own.score && (other.cost < own.cost || other.score > own.score)
    };
    models.iter().map(|own| !models.iter().any(|other| beats(other, own))).collect()
}

/// The picture: costs to the right, scores upwards, a line through the best for their price.
#[must_use]
pub(crate) fn chart(models: &[Scored], best: &[bool]) -> Option<Chart> {
    let dot = |(model, best): (&Scored, &bool)| Dot {
        name: model.id.clone(),
        x: ChartValue::new(model.cost, model.cost_text.clone()),
        y: ChartValue::new(model.score, model.score.normalize().to_string()),
        is_best: *best,
    };
    let dots: Vec<Dot> = models.iter().zip(best).map(dot).collect();
    (dots.len() > 1).then(|| Chart {
        title: "Score against cost: nothing is cheaper and better than what is on the line".into(),
        kind: ChartKind::Dots { dots, x: "cost".into(), y: "score".into() },
    })
}

/// The sentence about the best for their price, cheapest first.
#[must_use]
pub(crate) fn note(models: &[Scored], best: &[bool]) -> Option<String> {
    let mut ids: Vec<(&Decimal, &str)> =
        models.iter().zip(best).filter(|(_, best)| **best).map(|(m, _)| (&m.cost, m.id.as_str())).collect();
    ids.sort();
    let names: Vec<&str> = ids.iter().map(|(_, id)| *id).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("By your scores {one} is the best and the cheapest.")),
        _ => Some(format!("By your scores nothing is both cheaper and better than each of: {}.", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn the_best_for_their_price_are_those_that_none_beats() {
        let model = |id: &str, cost, score| Scored { id: id.into(), cost, cost_text: String::new(), score };
        let models = [
            model("cheap", dec!(1), dec!(50)),
            model("twin", dec!(1), dec!(50)),
            model("worse", dec!(2), dec!(40)),
            model("better", dec!(3), dec!(70)),
            model("dear", dec!(4), dec!(70)),
            model("best", dec!(9), dec!(90)),
        ];
        assert_eq!(frontier(&models), [true, true, false, true, false, true]);
        assert_eq!(frontier(&[]), Vec::<bool>::new());
    }
}
