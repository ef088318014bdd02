//! The table as FOCUS SKU prices: a row for every price of every period.
//!
//! The columns are those of the proposal for version 1.5 of the FinOps Open Cost and Usage Specification as it stood in
//! September 2026, where that does not say that a column may be missing. What a request must state has no column there, so it
//! is in columns of our own, and in the id of the price.

use std::collections::HashMap;
use std::io::Write;

use rust_decimal::Decimal;
use serde_json::json;

use super::rows::{ExportRow, rows};
use crate::jobs::{JobError, plural};
use crate::meter::Unit;
use crate::period::Instant;
use crate::pricing::PriceTable;
use crate::pricing::export::Selection;
use crate::report::defused;

const COLUMNS: [&str; 27] = [
    "ChargeCategory",
    "ContractId",
    "PricingCurrency",
    "PricingCurrencyCategory",
    "PricingRegionId",
    "PricingServiceName",
    "PricingUnit",
    "QuantityTierMaximum",
    "QuantityTierMinimum",
    "ServiceProviderName",
    "SkuId",
    "SkuPriceCreated",
    "SkuPriceDescription",
    "SkuPriceEffectiveEnd",
    "SkuPriceEffectiveStart",
    "SkuPriceEligibility",
    "SkuPriceId",
    "SkuPriceLastUpdated",
    "UnitPrice",
    "UnitPriceType",
    "x_Condition",
    "x_Evidence",
    "x_Meter",
    "x_Model",
    "x_Source",
    "x_TableSha256",
    "x_TableVersion",
];

pub(super) fn write(table: &PriceTable, selection: &Selection, out: &mut dyn Write) -> Result<Vec<String>, JobError> {
    let io = |error: csv::Error| JobError::from(std::io::Error::other(error));
    let names: HashMap<&str, &str> =
        table.providers().iter().map(|head| (head.id.as_str(), head.name.as_str())).collect();
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).map_err(io)?;
    let (mut written, mut left_out) = (0_u64, 0_u64);
    for row in rows(table, selection) {
        let name = names.get(row.provider.as_str()).copied().unwrap_or_default();
        match cells(&row, name, table) {
            Some(cells) => {
                writer.write_record(cells.iter().map(|cell| defused(cell).into_owned())).map_err(io)?;
                written += 1;
            }
            None => left_out += 1,
        }
    }
    writer.flush()?;
    drop(writer);
    let left_out = (left_out > 0).then(|| {
        let rows = plural(left_out, "row");
        format!("{rows} left out: factors and rates that are not a price.")
    });
    Ok(std::iter::once(format!("{}.", plural(written, "SKU price"))).chain(left_out).collect())
}

/// The row of a price; `None` for what is none.
fn cells(row: &ExportRow, provider: &str, table: &PriceTable) -> Option<[String; 27]> {
    let (usd, per, meter) = (row.usd?, row.per?, row.meter?);
    let empty = String::new;
    let sku = format!("{}/{}#{}", row.provider, row.model, meter.name());
    let id = if row.condition.is_empty() { sku.clone() } else { format!("{sku}?{}", row.condition) };
    let when = if row.condition.is_empty() { empty() } else { format!(" ({})", row.condition) };
    let counted = match meter.unit() {
        Unit::Tokens => "Tokens".to_owned(),
        Unit::Count | Unit::Measure => meter.name().replace('_', " "),
    };
    let begins = row.from.or(row.first_seen).or(row.checked);
    Some([
        "Usage".into(),
        empty(),
        "USD".into(),
        "Payable".into(),
        empty(),
        row.model.clone(),
        if per == 1 { counted } else { format!("{per} {counted}") },
        empty(),
        "0".into(),
        provider.to_owned(),
        sku.clone(),
        moment(begins),
        format!("{}: {}{when}", row.model, meter.about()),
        moment(row.to),
        moment(row.from),
        json!({"IsGlobalScope": true}).to_string(),
        id,
        moment(row.checked),
        decimal(usd.0),
        "List".into(),
        row.condition.clone(),
        row.evidence.unwrap_or_default().to_owned(),
        meter.name().to_owned(),
        row.model.clone(),
        row.source.clone().unwrap_or_default(),
        table.id().sha256.clone(),
        table.id().version.clone(),
    ])
}

fn moment(at: Option<Instant>) -> String {
    let Some(at) = at else { return String::new() };
    let moment = jiff::Timestamp::from_second(at.unix()).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A number with its point, so that a reader which guesses types takes a column of whole numbers for decimals too.
fn decimal(number: Decimal) -> String {
    let text = number.normalize().to_string();
    if text.contains('.') { text } else { text + ".0" }
}
