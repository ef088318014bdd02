//! Priced usage as a FOCUS table: one row for each day, model, meter, rate and project.
//!
//! Columns and their rules are those of version 1.2 of the FinOps Open Cost and Usage Specification, which keeps every
//! column of 1.0 and 1.1, with the two names of providers that 1.3 adds. An answer of ours is no invoice: all four costs are
//! what the public rates come to, and what belongs to invoices, commitments and regions is empty.

use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::json;

use super::priced::{PricedRecord, RecordOutcome};
use crate::calculator::LineItem;
use crate::meter::{Meter, Unit};
use crate::money::Usd;
use crate::period::Instant;
use crate::report::{Cell, Report, TypedTable};

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

/// A row of FOCUS from the columns of the specification: a field, its column and its cell are said by one line.
macro_rules! focus_row {
    ($($field:ident $column:literal)*) => {
        /// What a day's use of a meter cost; what is not known of a public rate stays empty.
        #[derive(Default, Serialize)]
        struct FocusRow {
            $(#[serde(rename = $column)] $field: String,)*
        }

        fn focus_columns() -> TypedTable<'static, FocusRow> {
            TypedTable::new()$(.text($column, $column, |row: &FocusRow| Cell::text(row.$field.as_str())))*
        }
    };
}

focus_row! {
    availability_zone "AvailabilityZone"
    billed_cost "BilledCost"
    billing_account_id "BillingAccountId"
    billing_account_name "BillingAccountName"
    billing_account_type "BillingAccountType"
    billing_currency "BillingCurrency"
    billing_period_end "BillingPeriodEnd"
    billing_period_start "BillingPeriodStart"
    capacity_reservation_id "CapacityReservationId"
    capacity_reservation_status "CapacityReservationStatus"
    charge_category "ChargeCategory"
    charge_class "ChargeClass"
    charge_description "ChargeDescription"
    charge_frequency "ChargeFrequency"
    charge_period_end "ChargePeriodEnd"
    charge_period_start "ChargePeriodStart"
    commitment_discount_category "CommitmentDiscountCategory"
    commitment_discount_id "CommitmentDiscountId"
    commitment_discount_name "CommitmentDiscountName"
    commitment_discount_quantity "CommitmentDiscountQuantity"
    commitment_discount_status "CommitmentDiscountStatus"
    commitment_discount_type "CommitmentDiscountType"
    commitment_discount_unit "CommitmentDiscountUnit"
    consumed_quantity "ConsumedQuantity"
    consumed_unit "ConsumedUnit"
    contracted_cost "ContractedCost"
    contracted_unit_price "ContractedUnitPrice"
    effective_cost "EffectiveCost"
    host_provider_name "HostProviderName"
    invoice_id "InvoiceId"
    invoice_issuer_name "InvoiceIssuerName"
    list_cost "ListCost"
    list_unit_price "ListUnitPrice"
    pricing_category "PricingCategory"
    pricing_currency "PricingCurrency"
    pricing_currency_contracted_unit_price "PricingCurrencyContractedUnitPrice"
    pricing_currency_effective_cost "PricingCurrencyEffectiveCost"
    pricing_currency_list_unit_price "PricingCurrencyListUnitPrice"
    pricing_quantity "PricingQuantity"
    pricing_unit "PricingUnit"
    provider_name "ProviderName"
    publisher_name "PublisherName"
    region_id "RegionId"
    region_name "RegionName"
    resource_id "ResourceId"
    resource_name "ResourceName"
    resource_type "ResourceType"
    service_category "ServiceCategory"
    service_name "ServiceName"
    service_provider_name "ServiceProviderName"
    service_subcategory "ServiceSubcategory"
    sku_id "SkuId"
    sku_meter "SkuMeter"
    sku_price_details "SkuPriceDetails"
    sku_price_id "SkuPriceId"
    sub_account_id "SubAccountId"
    sub_account_name "SubAccountName"
    sub_account_type "SubAccountType"
    tags "Tags"
}

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
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by(|(a, _), (b, _)| {
            let order = |k: &FocusKey| {
                (k.day, k.provider.clone(), k.model.clone(), k.meter, k.applied.clone(), k.project.clone(), k.rate)
            };
            order(a).cmp(&order(b))
        });
        focus_columns()
            .report(rows.into_iter().map(|(key, (name, quantity, usd))| FocusRow::of(key, name, *quantity, *usd)))
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

impl FocusRow {
    fn of(key: &FocusKey, provider: &str, quantity: Decimal, usd: Usd) -> FocusRow {
        let (month_start, month_end) = month(key.day);
        let (consumed_unit, pricing_unit) = unit(key.meter, key.per);
        let priced = quantity.checked_div(Decimal::from(key.per)).unwrap_or_default();
        let (cost, rate) = (decimal(usd.amount()), decimal(key.rate));
        let sku = format!("{}/{}#{}", key.provider, key.model, key.meter.name());
        let applied = if key.applied.is_empty() { String::new() } else { format!(" ({})", key.applied) };
        let project = key.project.clone().unwrap_or_default();
        let details = json!({"x_Meter": key.meter.name(), "x_Model": key.model, "x_Applied": key.applied});
        let ours = || provider.to_owned();
        FocusRow {
            billed_cost: cost.clone(),
            billing_account_id: key.provider.clone(),
            billing_account_name: ours(),
            billing_account_type: "Provider".into(),
            billing_currency: "USD".into(),
            billing_period_start: month_start,
            billing_period_end: month_end,
            charge_category: "Usage".into(),
            charge_description: ascii(&format!("{}: {}{applied}", key.model, key.meter.about())),
            charge_frequency: "Usage-Based".into(),
            charge_period_start: moment(key.day * DAY),
            charge_period_end: moment((key.day + 1) * DAY),
            consumed_quantity: decimal(quantity),
            consumed_unit,
            contracted_cost: cost.clone(),
            contracted_unit_price: rate.clone(),
            effective_cost: cost.clone(),
            host_provider_name: ours(),
            invoice_issuer_name: ours(),
            list_cost: cost.clone(),
            list_unit_price: rate.clone(),
            pricing_category: "Standard".into(),
            pricing_currency: "USD".into(),
            pricing_currency_contracted_unit_price: rate.clone(),
            pricing_currency_effective_cost: cost,
            pricing_currency_list_unit_price: rate,
            pricing_quantity: decimal(priced),
            pricing_unit,
            provider_name: ours(),
            publisher_name: ours(),
            service_category: "AI and Machine Learning".into(),
            service_name: format!("{provider} API"),
            service_provider_name: ours(),
            service_subcategory: "Generative AI".into(),
            sku_id: sku.clone(),
            sku_meter: key.meter.name().into(),
            sku_price_details: details.to_string(),
            sku_price_id: format!("{sku}@{}/{}", key.rate, key.per),
            sub_account_id: project.clone(),
            sub_account_name: project.clone(),
            sub_account_type: if project.is_empty() { String::new() } else { "Project".into() },
            tags: "{}".into(),
            ..FocusRow::default()
        }
    }
}
