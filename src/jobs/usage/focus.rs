//! Priced usage as a FOCUS table: one row for each day, model, meter, rate and project.
//!
//! Columns and their rules are those of version 1.2 of the FinOps Open Cost and Usage Specification, which keeps every
//! column of 1.0 and 1.1, with the two names of providers that 1.3 adds. An answer of ours is no invoice: all four costs are
//! what the public rates come to, and what belongs to invoices, commitments and regions is empty.

use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::priced::{PricedRecord, RecordOutcome};
use crate::calculator::LineItem;
use crate::meter::{Meter, Unit};
use crate::money::Usd;
use crate::period::Instant;
use crate::report::{Cell, Column, Report};

/// What tells one row from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct FocusKey {
    day: i64,
    provider: String,
    model: String,
    meter: Meter,
    rate: Decimal,
    per: u64,
    applied: String,
    project: Option<String>,
}

/// Quantities and costs by row.
#[derive(Clone, Default)]
pub(crate) struct FocusTable(FxHashMap<FocusKey, (String, Decimal, Usd)>);

const DAY: i64 = 86_400;

const COLUMNS: &[&str] = &[
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
];

impl FocusTable {
    pub(crate) fn add(&mut self, outcome: &RecordOutcome, priced: &PricedRecord) {
        let provider = &priced.found.provider;
        for LineItem { meter, quantity, rate, per, usd } in &priced.cost.lines {
            let key = FocusKey {
                day: outcome.at.unix().div_euclid(DAY),
                provider: provider.id.clone(),
                model: priced.found.model.id.clone(),
                meter: *meter,
                rate: rate.normalize(),
                per: *per,
                applied: priced.cost.applied.join("; "),
                project: outcome.entry.and_then(|e| e.labels.project.as_ref()).map(|p| p.to_string()),
            };
            let (_, sum, total) =
                self.0.entry(key).or_insert_with(|| (provider.name.clone(), Decimal::ZERO, Usd::ZERO));
            *sum = sum.checked_add(*quantity).unwrap_or(*sum);
            *total += *usd;
        }
    }

    pub(crate) fn merge(&mut self, other: FocusTable) {
        for (key, (name, quantity, usd)) in other.0 {
            let (_, sum, total) = self.0.entry(key).or_insert_with(|| (name, Decimal::ZERO, Usd::ZERO));
            *sum = sum.checked_add(quantity).unwrap_or(*sum);
            *total += usd;
        }
    }

    /// The table.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report::new(COLUMNS.iter().map(|name| Column::text(*name, *name)));
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by(|(a, _), (b, _)| {
            let order = |k: &FocusKey| {
                (k.day, k.provider.clone(), k.model.clone(), k.meter, k.applied.clone(), k.project.clone(), k.rate)
            };
            order(a).cmp(&order(b))
        });
        for (key, (name, quantity, usd)) in rows {
            let values = row(key, name, *quantity, *usd);
            let machine: Map<String, Value> =
                values.iter().map(|(column, value)| ((*column).to_owned(), json!(value))).collect();
            let value = |column: &&str| values.iter().find(|(name, _)| name == column).map_or("", |(_, v)| v.as_str());
            report.push(COLUMNS.iter().map(|column| Cell::text(value(column))), Value::Object(machine));
        }
        report
    }
}

fn moment(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The first moments of the month that a day is in and of the one after it.
fn month(day: i64) -> (String, String) {
    let date = Instant::from_unix(day * DAY).date();
    let first = date.first_of_month();
    let next = first.checked_add(jiff::Span::new().months(1)).unwrap_or(first);
    (format!("{first}T00:00:00Z"), format!("{next}T00:00:00Z"))
}

/// What a meter counts, as a plural word with its unit in front where one is meant.
fn unit(meter: Meter, per: u64) -> (String, String) {
    let counted = match meter.unit() {
        Unit::Tokens => "Tokens".to_owned(),
        Unit::Count | Unit::Measure => {
            let words = meter.name().split('_').map(|word| {
                let mut letters = word.chars();
                letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
            });
            let name = words.collect::<Vec<_>>().join(" ");
            if name.ends_with('s') { name } else { format!("{name} Units") }
        }
    };
    let priced = if per == 1 { counted.clone() } else { format!("{per} {counted}") };
    (counted, priced)
}

/// Text for people in the characters that the specification allows there: ASCII.
fn ascii(text: &str) -> String {
    let allowed = |c: char| match c {
        '×' => 'x',
        c if c.is_ascii() => c,
        _ => '?',
    };
    text.chars().map(allowed).collect()
}

/// A number with its point, so that a reader which guesses types takes a column of whole numbers for decimals too.
fn decimal(number: Decimal) -> String {
    let text = number.normalize().to_string();
    if text.contains('.') { text } else { text + ".0" }
}

fn row(key: &FocusKey, provider: &str, quantity: Decimal, usd: Usd) -> Vec<(&'static str, String)> {
    let (month_start, month_end) = month(key.day);
    let (consumed_unit, pricing_unit) = unit(key.meter, key.per);
    let priced = quantity.checked_div(Decimal::from(key.per)).unwrap_or_default();
    let (cost, rate) = (decimal(usd.amount()), decimal(key.rate));
    let sku = format!("{}/{}#{}", key.provider, key.model, key.meter.name());
    let applied = if key.applied.is_empty() { String::new() } else { format!(" ({})", key.applied) };
    let project = key.project.clone().unwrap_or_default();
    let details = json!({"x_Meter": key.meter.name(), "x_Model": key.model, "x_Applied": key.applied});
    vec![
        ("BilledCost", cost.clone()),
        ("BillingAccountId", key.provider.clone()),
        ("BillingAccountName", provider.to_owned()),
        ("BillingAccountType", "Provider".into()),
        ("BillingCurrency", "USD".into()),
        ("BillingPeriodStart", month_start),
        ("BillingPeriodEnd", month_end),
        ("ChargeCategory", "Usage".into()),
        ("ChargeDescription", ascii(&format!("{}: {}{applied}", key.model, key.meter.about()))),
        ("ChargeFrequency", "Usage-Based".into()),
        ("ChargePeriodStart", moment(key.day * DAY)),
        ("ChargePeriodEnd", moment((key.day + 1) * DAY)),
        ("ConsumedQuantity", decimal(quantity)),
        ("ConsumedUnit", consumed_unit),
        ("ContractedCost", cost.clone()),
        ("ContractedUnitPrice", rate.clone()),
        ("EffectiveCost", cost.clone()),
        ("HostProviderName", provider.to_owned()),
        ("InvoiceIssuerName", provider.to_owned()),
        ("ListCost", cost.clone()),
        ("ListUnitPrice", rate.clone()),
        ("PricingCategory", "Standard".into()),
        ("PricingCurrency", "USD".into()),
        ("PricingCurrencyContractedUnitPrice", rate.clone()),
        ("PricingCurrencyEffectiveCost", cost),
        ("PricingCurrencyListUnitPrice", rate),
        ("PricingQuantity", decimal(priced)),
        ("PricingUnit", pricing_unit),
        ("ProviderName", provider.to_owned()),
        ("PublisherName", provider.to_owned()),
        ("ServiceCategory", "AI and Machine Learning".into()),
        ("ServiceName", format!("{provider} API")),
        ("ServiceProviderName", provider.to_owned()),
        ("ServiceSubcategory", "Generative AI".into()),
        ("SkuId", sku.clone()),
        ("SkuMeter", key.meter.name().into()),
        ("SkuPriceDetails", details.to_string()),
        ("SkuPriceId", format!("{sku}@{}/{}", key.rate, key.per)),
        ("SubAccountId", project.clone()),
        ("SubAccountName", project.clone()),
        ("SubAccountType", if project.is_empty() { String::new() } else { "Project".into() }),
        ("Tags", "{}".into()),
    ]
}
