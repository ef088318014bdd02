//! What is said of models that end or are no longer listed: [`LifeRow`] for programs, [`life_text`] for people.

use serde::Serialize;

use super::Setup;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::card::ModelCard;
use crate::pricing::life::Life;
use crate::report::{Cell, Tone};

/// That a model ends, has ended, or is no longer listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LifeRow {
    /// `retires`, `retired`, `last-listed`, `not-listed`.
    pub state: &'static str,
    /// First day that it no longer answers, or last day that a source listed it.
    pub day: Option<Instant>,
    /// What to use instead, where anything is known.
    pub replacement: Option<String>,
}

impl LifeRow {
    /// `None` for a model that lives without an end in sight.
    pub(crate) fn of(life: Life, card: &ModelCard) -> Option<LifeRow> {
        let (state, day) = match life {
            Life::Live(None) => return None,
            Life::Live(Some(day)) => ("retires", Some(day)),
            Life::Retired(day) => ("retired", Some(day)),
            Life::Unlisted(Some(day)) => ("last-listed", Some(day)),
            Life::Unlisted(None) => ("not-listed", None),
        };
        Some(LifeRow { state, day, replacement: card.info.replacement.clone() })
    }

    /// Of a model as it was asked for.
    pub(crate) fn of_found(found: &Found, at: Instant, setup: &Setup) -> Option<LifeRow> {
        LifeRow::of(setup.table.life_of(found, at), &found.model)
    }

    /// `retires 2026-12-01`, `retired 2025-07-21 → replacement`, `last listed 2025-07-21`, `not listed`.
    pub(crate) fn text(&self) -> String {
        let day = self.day.map(|day| format!(" {day}")).unwrap_or_default();
        let arrow = self.replacement.as_ref().map(|id| format!(" → {id}")).unwrap_or_default();
        format!("{}{day}{arrow}", self.state.replace('-', " "))
    }
}

/// How many days ahead an end is worth a word next to a price; `models` and JSON tell every one.
const SOON: i64 = 180;

impl LifeRow {
    /// Whether people should know it before they use a price: all but an end that is far ahead.
    pub(crate) fn is_near(&self, at: Instant) -> bool {
        let soon = at.unix().saturating_add(SOON * 86_400);
        self.state != "retires" || self.day.is_some_and(|day| day.unix() <= soon)
    }

    /// The text next to a price, where people should know it.
    ///
    /// * `is_noted`: whether a note below the rows names the replacement.
    pub(crate) fn cell(life: Option<&LifeRow>, at: Instant, is_noted: bool) -> Cell {
        let text = |life: &LifeRow| match is_noted {
            true => LifeRow { replacement: None, ..life.clone() }.text(),
            false => life.text(),
        };
        let near = life.filter(|life| life.is_near(at));
        near.map_or_else(Cell::default, |life| Cell::text(text(life)).tone(Tone::Warn))
    }
}

/// The same, and `live` for one without an end in sight.
pub(crate) fn life_text(life: Life, card: &ModelCard) -> String {
    LifeRow::of(life, card).map_or_else(|| "live".to_owned(), |row| row.text())
}

/// A note for each model that ends soon, has ended or is no longer listed.
pub(crate) fn life_notes<'f>(models: impl IntoIterator<Item = &'f Found>, at: Instant, setup: &Setup) -> Vec<String> {
    let note = |found: &Found| {
        let life = LifeRow::of_found(found, at, setup).filter(|life| life.is_near(at))?;
        let (id, text) = (found.ending_id(), life.text());
        Some(if life.state == "retires" { format!("{id} {text}.") } else { format!("{id} is {text}.") })
    };
    let mut notes: Vec<String> = models.into_iter().filter_map(note).collect();
    notes.dedup();
    notes
}
