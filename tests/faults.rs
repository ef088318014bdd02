//! Faults that price tools have had, each a test under the name of the fault, and the rules that answer them.
//!
//! Every test brings its own small price file and lays it over the bundled table, so that a change of a real price
//! never breaks one. The prices are made up; where they follow a real case, the comment names it.
//!
//! What a fault has to do with reading responses (cached tokens inside or outside of the input, thinking inside or
//! outside of the output, a part larger than its whole) is tested where responses are read.

use farebox::calculator::{Cost, Refusal, price};
use farebox::context::{Context, Dimension};
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::compile::PriceFile;
use farebox::pricing::{Found, PriceTable, UnknownModel};
use farebox::usage::Usage;

/// A price table with one file of the test's own laid over it.
struct Prices(PriceTable);

/// A question to it, asked in the words of a usage record.
struct Question<'a> {
    prices: &'a Prices,
    model: &'a str,
    at: Instant,
    context: Context,
    usage: Usage,
}

impl Prices {
    /// The table with models of `acme`, written as the lines below `models:`.
    fn of_models(models: &str) -> Self {
        Self::of_file(&format!("schema: 1\nprovider: acme\nmodels:\n{models}"))
    }

    fn of_file(text: &str) -> Self {
        let mut table = PriceTable::bundled();
        let file = PriceFile { path: "acme.yaml".into(), text: text.into() };
        table.lay_over(&[file]).unwrap_or_else(|problems| panic!("{problems:#?}"));
        Prices(table)
    }

    /// Asks about a model of `acme` on 2026-06-15, a Monday, at noon.
    fn ask<'a>(&'a self, model: &'a str) -> Question<'a> {
        let at = "2026-06-15T12:00:00Z".parse().unwrap();
        Question { prices: self, model, at, context: Context::default(), usage: Usage::default() }
    }

    fn find(&self, model: &str, at: &str) -> Result<Found, UnknownModel> {
        self.0.find(model, at.parse().unwrap())
    }
}

impl Question<'_> {
    fn at(mut self, at: &str) -> Self {
        self.at = at.parse().unwrap();
        self
    }

    fn says(mut self, dimension: &str, value: &str) -> Self {
        self.context.set(dimension.parse::<Dimension>().unwrap(), value);
        self
    }

    fn uses(mut self, meter: &str, quantity: &str) -> Self {
        self.usage.set(meter.parse::<Meter>().unwrap(), quantity.parse().unwrap());
        self
    }

    /// A million input tokens: the answer is then the input rate itself.
    fn reads_a_million(self) -> Self {
        self.uses("input", "1000000")
    }

    fn cost(&self) -> Result<Cost, Refusal> {
        let found = self.prices.0.find_in("acme", self.model, self.at).unwrap_or_else(|e| panic!("{e}"));
        price(&found.provider, &found.model, &self.usage, &self.context, self.at)
    }

    /// The total in dollars, or the status of the refusal.
    #[track_caller]
    fn answers(&self, want: &str) {
        let got = self.cost().map_or_else(|refusal| refusal.status().to_owned(), |cost| cost.total.to_string());
        assert_eq!(got, want, "{:?}", self.cost());
    }
}

// ---- Faults of our own that these tests, or the laws in laws.rs, brought to light

#[test]
fn the_order_of_variants_does_not_matter() {
    let variants = [
        r#"{when: {processing: batch}, rates: {input: "1"}}"#,
        r#"{when: {region: eu}, rates: {input: "3"}}"#,
        r#"{when: {processing: batch, region: eu}, rates: {input: "1.5"}}"#,
    ];
    for [a, b, c] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (a, b, c) = (variants[a], variants[b], variants[c]);
        let prices = Prices::of_models(&format!(
            r#"  - {{id: m, prices: [{{from: 2026-01-01, rates: {{input: "2"}}, variants: [{a}, {b}, {c}]}}]}}"#
        ));
        prices.ask("m").says("processing", "batch").says("region", "eu").reads_a_million().answers("1.5");
    }
}

#[test]
fn a_fee_that_depends_on_something_unsaid_is_not_free() {
    let prices = Prices::of_models(
        r#"
  - id: sonar
    prices:
      - from: 2026-01-01
        rates: {input: "1"}
        variants:
          - {when: {search_context_size: low}, rates: {requests: {price: "5", per: 1000}}}
          - {when: {search_context_size: high}, rates: {requests: {price: "12", per: 1000}}}
  - {id: plain, prices: [{from: 2026-01-01, rates: {input: "1"}}]}
"#,
    );
    let sonar = || prices.ask("sonar").reads_a_million().uses("requests", "1");
    sonar().says("search_context_size", "low").answers("1.005");
    sonar().says("search_context_size", "high").answers("1.012");
    sonar().answers("no-rate");
    let help = sonar().cost().unwrap_err().to_string();
    assert!(help.contains("requests has rates for search_context_size=low; search_context_size=high"), "{help}");
    prices.ask("plain").reads_a_million().uses("requests", "1").answers("1");
}

#[test]
fn a_negative_quantity_is_no_refund() {
    let prices = Prices::of_models(
        r#"  - {id: m, prices: [{from: 2026-01-01, rates: {input: "1", audio_seconds: {price: "1", per: 1}}}]}"#,
    );
    let mut question = prices.ask("m").reads_a_million();
    question.usage.set(Meter::AudioSeconds, rust_decimal::dec!(-1));
    question.answers("invalid-usage");
}

#[test]
fn a_price_by_the_hour_says_nothing_about_a_tier_or_a_variant() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices:
      - from: 2026-01-01
        rates: {input: "2"}
        tiers: [{when: {prompt_tokens: ">2000000"}, rates: {input: "4"}}]
        variants: [{when: {processing: batch}, rates: {input: "1"}}]
        schedule: [{windows: ["11:00-13:00"], zone: UTC, rates: {input: "1.5"}}]
"#,
    );
    let ask = |tokens: &str| prices.ask("m").uses("input", tokens);
    ask("1000000").answers("1.5");
    ask("3000000").answers("no-rate");
    ask("1000000").says("processing", "batch").answers("no-rate");
    ask("3000000").at("2026-06-15T13:00:00Z").answers("12");
}

#[test]
fn an_alias_outside_of_its_dates_is_not_priced_as_the_card_it_meant() {
    let prices = Prices::of_models(
        r#"
  - id: big-4
    aliases: [{id: big-latest, from: 2026-02-05, to: 2026-04-16}]
    prices: [{from: 2026-01-01, rates: {input: "5"}}]
"#,
    );
    let model = |at: &str| prices.find("acme/big-latest", at).map(|found| found.model.id.clone());
    assert_eq!(model("2026-02-05").unwrap(), "big-4");
    assert_eq!(model("2026-04-15T23:59:59Z").unwrap(), "big-4");
    for at in ["2026-02-04T23:59:59Z", "2026-04-16"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(model(at).unwrap_err(), @r#"
            no model is called "acme/big-latest" at that time: it meant acme/big-4 (2026-02-05 to 2026-04-16)
              help: did you mean acme/big-4? `farebox models QUERY` searches; --prices FILE adds one of your own
            "#);
        }
    }
    // Before the card itself had a price, the refusal of the price says more than the one of the name.
    let found = prices.find("acme/big-latest", "2025-12-31").unwrap();
    assert!(found.model.rates_at("2025-12-31".parse().unwrap()).is_none());
}

#[test]
fn a_provider_that_was_named_is_never_swapped_for_another() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: gateway
models:
  - {id: acme/small, prices: [{from: 2026-01-01, rates: {input: "9"}}]}
---
schema: 1
provider: acme
models:
  - {id: large, prices: [{from: 2026-01-01, rates: {input: "1"}}]}
"#,
    );
    let at = "2026-06-15".parse().unwrap();
    let error = prices.0.find_in("acme", "small", at).unwrap_err();
    assert_eq!(error.asked, "acme/small");
    assert_eq!(prices.0.find_in("gateway", "acme/small", at).unwrap().full_id(), "gateway/acme/small");
    // Where no provider was named apart from the id, the slash may be a part of the id.
    assert_eq!(prices.find("acme/small", "2026-06-15").unwrap().full_id(), "gateway/acme/small");
}
