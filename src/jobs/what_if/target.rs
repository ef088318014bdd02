//! Which requests a switch moves: [`SwitchTarget`].

use crate::jobs::{JobError, Setup};
use crate::pricing::Found;

/// What one `FROM=TO` asks for.
#[derive(Clone, Debug)]
pub(super) struct SwitchTarget {
    /// A model, or `*` for any.
    pub from: String,
    /// The full id that `from` means; `None` where it is any model, or a name of the log that is not sold.
    from_id: Option<String>,
    /// The model to move to.
    pub to: String,
}

impl SwitchTarget {
    pub(crate) fn of(from: &str, to: &str, setup: &Setup) -> Result<Self, JobError> {
        setup.find(to)?;
        let from_id = setup.table.get(from, setup.at).map(|found| found.full_id());
        Ok(SwitchTarget { from: from.to_owned(), from_id, to: to.to_owned() })
    }

    pub(crate) fn is_for(&self, model: &str, past: &Found) -> bool {
        let full_id = past.full_id();
        let is_it = |name: &str| name == "*" || name == model || name == past.model.id || name == full_id;
        is_it(&self.from) || self.from_id.as_ref() == Some(&full_id)
    }
}
