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

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use crate::jobs::setup::AsOf;
    use crate::pricing::PriceTable;
    use crate::pricing::compile::PriceFile;
    use crate::pricing::import::compare::compare;
    use crate::pricing::import::read;
    use crate::report::{Format, Report, Screen, write};

    /// A long id, long conditions, moments with hours, and prices of many digits.
    const PRICES: &str = r#"schema: 1
provider: a-provider-with-a-name
models:
  - id: organisation/a-model-with-a-long-name-and-a-date-2026-01-01
    aliases: [another-name-of-the-model]
    prices:
      - from: 2026-01-01T16:30:00Z
        to: 2026-06-01T16:30:00Z
        rates: {input: "0.014999", output: "100.75", cache_read: "0.0014999", cache_write_1h: "0.0299"}
        variants: [{when: {service_tier: priority, inference_geo: us}, rates: {input: "0.0299", cache_write_1h: "0.0599"}, others: inherit}]
      - from: 2026-06-01T16:30:00Z
        rates: {input: "0.0149", output: "1000.75", cache_read: "0.00149", cache_write_1h: "0.299"}
        variants: [{when: {service_tier: priority, inference_geo: us}, rates: {input: "0.299", cache_write_1h: "0.599"}, others: inherit}]
"#;

    #[test]
    fn tables_fit_a_screen_of_eighty_columns() {
        let mut table = PriceTable::bundled();
        table.lay_over(&[PriceFile { path: "own.yaml".into(), text: PRICES.into() }]).unwrap();
        let at = "2026-11-22".parse().unwrap();
        let setup =
            Setup { table: table.into(), at, as_of: AsOf::Named, currency: None, vocabularies: None, strict: false };
        let providers = vec!["a-provider-with-a-name".to_owned()];
        let database = r#"{"a-provider-with-a-name/another-name-of-the-model": {"litellm_provider": "a-provider-with-a-name",
            "input_cost_per_token": 1.4999e-08, "output_cost_per_token": 0.0001, "cache_creation_input_token_cost_above_1hr": 2.99e-08}}"#;
        let database = read(database, None).unwrap();
        let compared = compare(&database, &setup.table, at, &providers);
        let changed = changes::ChangesQuery { providers: providers.clone(), all: true, ..Default::default() };
        let reports = [
            ("history", history::history("a-provider-with-a-name/another-name-of-the-model", &setup).unwrap()),
            ("changes", changes::changes(&changed, &setup).unwrap()),
            ("compare", import::comparison(&setup, &database, &compared, |_| true)),
        ];
        for (name, mut report) in reports {
            report.tidy();
            report.fit(80);
            let text = shown(&report);
            assert!(text.contains("────") && text.lines().all(|line| line.chars().count() <= 80), "{name}:\n{text}");
        }
    }

    fn shown(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, Format::Table, Screen { width: Some(80), color: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}
