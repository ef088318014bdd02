//! What the price table says, over time and beside other sources: one file for each thing that is asked of it.

pub mod changes;
pub mod check;
pub mod diff;
pub mod export;
pub mod history;
pub mod import;
pub mod lint;
pub mod list;
mod matrix;
pub mod meters;
mod rates;
pub mod review;
pub mod show;
pub mod stale;
pub mod update;
pub mod watch;

pub use self::rates::{ExactPriceRow, PriceStart, RateRow, RatesRow};

use super::{JobError, Setup};
use crate::pricing::card::{ModelCard, ProviderHead};
use crate::pricing::need::Need;

/// The id of a provider that exists, by any of its names.
///
/// # Errors
/// [`JobError::Asked`] where none is called so, with the nearest name.
pub fn known_provider(setup: &Setup, name: &str) -> Result<String, JobError> {
    setup.table.provider(name).map(|head| head.id.clone()).ok_or_else(|| {
        let known = setup.table.providers().iter();
        let known = known.flat_map(|head| std::iter::once(&head.id).chain(&head.names)).map(String::as_str);
        let near = crate::similar::did_you_mean(name, known);
        JobError::asked(
            format!("no provider is called {name:?}"),
            format!("{near}`farebox prices list` names them all"),
        )
    })
}

/// The ids of providers that exist.
///
/// # Errors
/// As [`known_provider`].
pub fn known_providers(setup: &Setup, names: &[String]) -> Result<Vec<String>, JobError> {
    names.iter().map(|name| known_provider(setup, name)).collect()
}

/// Checks that some model can do what is needed.
///
/// # Errors
/// [`JobError::Asked`] where a capability is one that no card of the table has.
pub(crate) fn known_needs(needs: &[Need], setup: &Setup) -> Result<(), JobError> {
    if !needs.iter().any(|need| matches!(need, Need::Can(_))) {
        return Ok(());
    }
    let known = Need::capabilities(setup.table.cards().map(|(_, card)| card));
    let unknown = needs.iter().find_map(|need| match need {
        Need::Can(what) if !known.contains(what) => Some(what),
        _ => None,
    });
    let Some(what) = unknown else { return Ok(()) };
    let list = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(JobError::asked(
        format!("--need {what}: no model is known for that"),
        format!("it is context=128k, output=8k, region=eu, licence=open, or one of {list}"),
    ))
}

/// A model's card with its provider.
pub(crate) type HeadAndCard = (std::sync::Arc<ProviderHead>, std::sync::Arc<ModelCard>);

/// Whether a provider is wanted: all are where none was named.
fn is_wanted(providers: &[String], head: &ProviderHead) -> bool {
    providers.is_empty() || providers.contains(&head.id)
}

fn full_id(head: &ProviderHead, card: &ModelCard) -> String {
    format!("{}/{}", head.id, card.id)
}
