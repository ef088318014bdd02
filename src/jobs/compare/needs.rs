//! What models have to meet, and the user's own scores, as they are written.

use std::collections::HashMap;
use std::path::Path;

use rust_decimal::Decimal;

use crate::input::text::read_bytes;
use crate::jobs::error::with_help;
use crate::jobs::prices::known_needs;
use crate::jobs::{JobError, Setup};
use crate::money::parse_decimal;
use crate::pricing::need::Need;

/// What the models have to meet, and the region that requests are sent to.
///
/// # Errors
/// [`JobError`] where a need is not known: no model would meet it, and none would be missed.
pub fn read_needs(texts: &[String], setup: &Setup) -> Result<(Vec<Need>, Option<String>), JobError> {
    let (mut needs, mut region) = (Vec::new(), None);
    for text in texts {
        match text.split_once('=') {
            Some(("region", "")) => {
                return Err(JobError::asked("--need region= names no region", "give one, such as region=eu"));
            }
            Some(("region", name)) => region = Some(name.to_owned()),
            Some(("licence" | "license", "open")) => needs.push(Need::Open),
            Some(("licence" | "license", other)) => {
                let message = format!("--need licence={other} is not known");
                return Err(JobError::asked(message, "licence=open asks for published weights"));
            }
            _ => needs.push(text.parse().map_err(|error| {
                let message = format!("{error}, region=eu or licence=open");
                JobError::Asked { message, help: None }
            })?),
        }
    }
    known_needs(&needs, setup)?;
    Ok((needs, region))
}

/// Scores of a user's own by model, and what of the file was left out.
pub(crate) type ScoresRead = (HashMap<String, Decimal>, Vec<String>);

/// Reads the scores of a user: a CSV file with the columns `model` and `score`.
///
/// # Errors
/// [`JobError`] where the file cannot be read or lacks a column.
pub fn read_scores(path: &Path, setup: &Setup) -> Result<ScoresRead, JobError> {
    let bytes = read_bytes(path)?;
    let shown = path.display();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().cloned().unwrap_or_default();
    let column = |name: &str| {
        let at = header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
        at.ok_or_else(|| JobError::asked(format!("{shown} has no column {name:?}"), "its first line is model,score"))
    };
    let (model, score) = (column("model")?, column("score")?);
    let (mut scores, mut warnings) = (HashMap::new(), Vec::new());
    for (index, record) in reader.records().enumerate() {
        let line = index + 2;
        let Ok(record) = record else {
            warnings.push(format!("{shown}:{line}: not as many values as the header: left out"));
            continue;
        };
        let (name, text) = (record.get(model).unwrap_or("").trim(), record.get(score).unwrap_or("").trim());
        match (setup.table.find(name, setup.at), parse_decimal(text)) {
            (Ok(found), Ok(score)) => drop(scores.insert(found.full_id(), score)),
            (Err(error), _) => warnings.push(format!("{shown}:{line}: {}", with_help(&error, error.help()))),
            (_, Err(error)) => warnings.push(format!("{shown}:{line}: {text:?} {error}: left out")),
        }
    }
    Ok((scores, warnings))
}
