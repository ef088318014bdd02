//! A workload file to edit: drafted from answers ([`Draft`]), from what was used ([`UseMeasurement`]), or as a commented
//! example; the caller writes it.

mod answers;
mod draft;
mod measured;

use std::collections::BTreeSet;
use std::path::Path;

use super::life::life_text;
use super::{AsOf, Setup};
use crate::calculator::workload::last_moment;
use crate::input::workload::load;
use crate::jobs::error::with_help;

pub use self::answers::{Answered, Question, range};
pub use self::draft::{Draft, DraftBudget, Traffic, WorkKind};
pub use self::measured::UseMeasurement;

/// The commented example, with every key.
pub const EXAMPLE: &str = farebox_data::WORKLOAD;

/// The workload with its start in the month after `--at`, where that was given: without a start a plan begins in the month
/// after the day on which it is made.
#[must_use]
pub fn starting(text: String, setup: &Setup) -> String {
    if setup.as_of != AsOf::Named {
        return text;
    }
    let month = setup.at.date().first_of_month();
    let Ok(start) = month.checked_add(jiff::Span::new().months(1)) else { return text };
    let start = format!("start: {start}                      # the first of the month after --at\n");
    let is_start = |line: &str| line.starts_with("# start:");
    if text.lines().any(is_start) {
        let lines = text.split_inclusive('\n').map(|line| if is_start(line) { start.as_str() } else { line });
        return lines.collect();
    }
    text.replacen("\nfeatures:\n", &format!("\n{start}features:\n"), 1)
}

/// Says which models of a workload the table does not have at the setup's instant, or no longer at the end of the plan; nothing about a text that
/// is no workload.
#[must_use]
pub fn model_warnings(path: &Path, text: &str, setup: &Setup) -> Vec<String> {
    let Ok((workload, _)) = load(path, text, setup.at.date()) else { return Vec::new() };
    let (mut seen, last) = (BTreeSet::new(), last_moment(&workload));
    let routes = workload.features.iter().flat_map(|feature| &feature.routes);
    let warning = |model: &String| match setup.table.find(model, setup.at) {
        Err(unknown) => Some(with_help(&unknown, unknown.help())),
        Ok(found) => {
            let (id, life) = (found.ending_id(), setup.table.life_of(&found, last));
            let text = || {
                let life = life_text(life, &found.model);
                format!("{id} is not live over the whole plan ({life}): plan with another model")
            };
            (!life.is_live()).then(text)
        }
    };
    routes.map(|route| &route.model).filter(|model| seen.insert(*model)).filter_map(warning).collect()
}
