//! The file that `check --write-baseline` writes and a later check compares with: the workload, the texts that it names, and
//! what it cost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};

use super::sides::{CheckSide, rendered};
use crate::calculator::change::MonthlyBill;
use crate::input::text::{InputError, read_bytes};
use crate::jobs::{JobError, Setup};
use crate::period::Instant;
use crate::pricing::TableId;

/// The layout that is written and read.
const LAYOUT: u64 = 1;

/// What a check leaves for a later one to compare with.
#[derive(Clone, Debug, Serialize)]
pub struct Baseline {
    farebox_baseline: u64,
    farebox: &'static str,
    table: TableId,
    at: Instant,
    currency: String,
    monthly: String,
    features: BTreeMap<String, String>,
    workload: String,
    files: Map<String, Value>,
}

impl Baseline {
    /// A side with what it costs in the average month.
    pub(super) fn of(side: &CheckSide, setup: &Setup, currency: &str, monthly: &MonthlyBill) -> Baseline {
        let features = monthly.features.iter().map(|(name, amount)| (name.clone(), amount.to_string()));
        Baseline {
            farebox_baseline: LAYOUT,
            farebox: env!("CARGO_PKG_VERSION"),
            table: setup.table.id().clone(),
            at: setup.at,
            currency: currency.to_owned(),
            monthly: monthly.total().normalize().to_string(),
            features: features.collect(),
            workload: side.text.clone(),
            files: side.files().map(|(name, text)| (name, text.into())).collect(),
        }
    }
}

/// What a side cost when it was recorded.
#[derive(Clone, Debug)]
pub(super) struct RecordedBill {
    pub version: String,
    pub sha256: String,
    pub currency: String,
    pub monthly: Option<Decimal>,
    pub features: BTreeMap<String, Decimal>,
}

/// A baseline as it was found: what is not of the layout in it is as if it were not there.
pub(super) struct BaselineFile {
    name: String,
    json: Value,
    workload: String,
}

impl BaselineFile {
    pub(crate) fn open(path: &Path) -> Result<BaselineFile, JobError> {
        let name = path.display().to_string();
        let json = serde_json::from_slice(&read_bytes(path)?).map_err(|error| refused(&name, &error.to_string()))?;
        let workload = workload_of(&json).map_err(|why| refused(&name, &why))?;
        Ok(BaselineFile { name, json, workload })
    }

    /// When it was recorded.
    pub(crate) fn at(&self) -> String {
        text_of(self.json.get("at")).unwrap_or_default()
    }

    /// What the side cost then.
    pub(crate) fn recorded(&self) -> Result<RecordedBill, JobError> {
        let of_table = |key| text_of(self.json.get("table").and_then(|table| table.get(key)));
        let unknown = || refused(&self.name, "it does not say which price table it is of");
        Ok(RecordedBill {
            version: of_table("version").ok_or_else(unknown)?,
            sha256: of_table("sha256").unwrap_or_default(),
            currency: text_of(self.json.get("currency")).unwrap_or_else(|| "USD".into()),
            monthly: self.json.get("monthly").and_then(number),
            features: entries(self.json.get("features"), number),
        })
    }

    /// The recorded side, with its files where those of the head are.
    pub(crate) fn side(&self, head: &CheckSide, today: Date) -> Result<CheckSide, JobError> {
        let folder = head.folder();
        let files = entries(self.json.get("files"), |text| text.as_str().map(str::to_owned));
        let files: BTreeMap<PathBuf, String> =
            files.into_iter().map(|(name, text)| (folder.join(name), text)).collect();
        let mut read = |path: &Path| {
            let missing = || InputError::Missing { path: path.display().to_string(), similar: None };
            files.get(path).map(|text| text.as_bytes().to_vec()).ok_or_else(missing)
        };
        CheckSide::read(&head.path, &self.workload, today, &mut read).map_err(|problems| {
            let problems = rendered(&problems, &self.workload);
            refused(&self.name, &format!("its workload cannot be used\n\n{problems}"))
        })
    }
}

/// The workload of a baseline, where it is of the layout that is read.
fn workload_of(json: &Value) -> Result<String, String> {
    match json.get("farebox_baseline").and_then(Value::as_u64) {
        Some(LAYOUT) => text_of(json.get("workload")).ok_or_else(|| "it holds no workload".to_owned()),
        Some(other) => Err(format!("it has version {other} of the layout, this farebox reads {LAYOUT}")),
        None => Err("it has no farebox_baseline".to_owned()),
    }
}

fn refused(name: &str, why: &str) -> JobError {
    let help = format!("write one with `farebox check --write-baseline {name}`");
    JobError::asked(format!("{name} is no baseline: {why}"), help)
}

fn text_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn number(value: &Value) -> Option<Decimal> {
    value.as_str().and_then(|text| text.parse().ok())
}

/// The entries of an object that can be read.
fn entries<T>(object: Option<&Value>, read: impl Fn(&Value) -> Option<T>) -> BTreeMap<String, T> {
    let entries = object.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), read(value)?))).collect()
}
