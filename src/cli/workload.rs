//! What `plan`, `compare -w` and `break-even` share on the command line: a workload is opened and priced, and what a person
//! should look at goes to stderr.

use std::path::Path;

use super::say;
use super::settings::config;
use super::shared::Setup;
use crate::cli::error::Error;
use farebox::calculator::projection::PlanError;
use farebox::calculator::workload::Amount;
use farebox::calculator::workload::Workload;
use farebox::input::workload::quantity::amount;
use farebox::jobs::JobError;
use farebox::jobs::error::with_help;
use farebox::jobs::init::Draft;
use farebox::jobs::workload::{PricedWorkload, WorkloadFile};

/// An amount of money of the command line, such as `60EUR`.
pub(crate) fn amount_argument(text: &str) -> Result<Amount, String> {
    amount(text).map_err(|error| error.in_full())
}

/// Opens a workload, lets flags change it, and plans what has a price.
///
/// # Errors
/// A file that cannot be used, a model that nobody sells; [`Error::NothingPriced`] where nothing has a price.
pub(crate) fn priced<'s>(
    path: Option<&Path>,
    setup: &'s Setup,
    quiet: bool,
    change: impl FnOnce(&mut Workload),
) -> Result<PricedWorkload<'s>, Error> {
    priced_file(WorkloadFile::open(path, setup)?, setup, quiet, change)
}

/// The same for a draft that is in no file.
///
/// # Errors
/// As [`priced`].
pub(crate) fn priced_draft<'s>(
    draft: &Draft,
    setup: &'s Setup,
    quiet: bool,
    change: impl FnOnce(&mut Workload),
) -> Result<PricedWorkload<'s>, Error> {
    let file = WorkloadFile::of_text(Path::new("flags"), draft.text(setup), setup)?;
    priced_file(file, setup, quiet, change)
}

fn priced_file<'s>(
    mut file: WorkloadFile,
    setup: &'s Setup,
    quiet: bool,
    change: impl FnOnce(&mut Workload),
) -> Result<PricedWorkload<'s>, Error> {
    if let Some(warnings) = file.warnings.as_ref().filter(|_| !quiet) {
        say(warnings);
    }
    change(&mut file.workload);
    // A workload that names no other currency is shown in the one that the user settled.
    if let Some(currency) = config()?.currency.as_ref().filter(|_| file.workload.currency == "USD") {
        file.workload.currency = currency.value.to_uppercase();
    }
    let warn = |error: &PlanError| say(&format!("warning: {}", with_help(error, error.help())));
    match PricedWorkload::of(file, setup) {
        Ok(priced) => {
            priced.unpriced.iter().for_each(|(_, error)| warn(error));
            Ok(priced)
        }
        Err(JobError::NothingPriced(errors)) => {
            errors.iter().for_each(warn);
            Err(Error::NothingPriced)
        }
        Err(error) => Err(error.into()),
    }
}
