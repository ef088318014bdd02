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

// ---- Ids

/// The same of a refusal.
fn refused(refusal: &Refusal) -> String {
    farebox::jobs::error::with_help(refusal, refusal.help())
}

/// The error and its next step, as the program prints them.
fn shown(error: &UnknownModel) -> String {
    farebox::jobs::error::with_help(error, error.help())
}

#[test]
fn an_unknown_id_in_the_shape_of_a_known_one_is_not_free() {
    let prices = Prices::of_models(r#"  - {id: opus-4-8, prices: [{from: 2026-01-01, rates: {input: "5"}}]}"#);
    for asked in ["acme/opus-7", "acme/sonnet-4.5", "acme/opus-4.8", "acme/opus-4-8-ultra", "acme/opus-4"] {
        let error = prices.find(asked, "2026-06-15").unwrap_err();
        assert_eq!(error.asked, asked);
    }
    let error = prices.find("acme/opus-4-9", "2026-06-15").unwrap_err();
    insta::assert_snapshot!(shown(&error), @r#"
    no model is called "acme/opus-4-9"
      help: did you mean acme/opus-4-8? `farebox models QUERY` searches; --prices FILE adds a model at the prices of your contract
    "#);
}

#[test]
fn a_prefix_is_not_the_model() {
    let prices = Prices::of_models(r#"  - {id: pro-2.5, prices: [{from: 2026-01-01, rates: {input: "1"}}]}"#);
    for asked in ["acme/pro-2.5-ultra", "acme/pro-2", "acme/pro", "acme/pro-2.5-preview-tts"] {
        assert!(prices.find(asked, "2026-06-15").is_err(), "{asked}");
    }
}

#[test]
fn what_clients_write_around_an_id_comes_off_by_rule_and_is_named() {
    use farebox::pricing::Matched;
    let prices = Prices::of_models(
        r#"
  - id: opus-4-8
    aliases: [opus-4-8-20260528]
    prices: [{from: 2026-01-01, rates: {input: "5"}}]
"#,
    );
    let matched = |asked: &str| prices.find(asked, "2026-06-15").map(|found| found.matched).ok();
    let cases = [
        ("acme/opus-4-8", Some(Matched::Id)),
        ("acme/OPUS-4-8", Some(Matched::Id)),
        ("acme/opus-4-8-20260528", Some(Matched::Alias)),
        ("acme/opus-4-8[1m]", Some(Matched::Without("context marker"))),
        ("acme/opus-4-8@20260528", Some(Matched::Without("date"))),
        ("acme/opus-4-8@latest", Some(Matched::Without("version marker"))),
        ("acme/opus-4-8[2m]", None),
        ("acme/opus-4-8-fast", None),
    ];
    for (asked, want) in cases {
        assert_eq!(matched(asked), want, "{asked}");
    }
}

#[test]
fn a_retired_model_keeps_its_prices() {
    let prices = Prices::of_models(
        r#"
  - id: opus-3
    retired: 2026-01-05
    prices: [{from: 2024-02-29, to: 2026-01-05, rates: {input: "15", output: "75"}}]
"#,
    );
    prices.ask("opus-3").at("2025-06-01").reads_a_million().answers("15");
    prices.ask("opus-3").reads_a_million().answers("not-sold");
}

/// gpt-4o meant the dearer snapshot until October 2024.
#[test]
fn an_alias_that_moved_is_priced_by_what_it_meant_then() {
    let prices = Prices::of_models(
        r#"
  - id: omni-05
    aliases: [{id: omni, from: 2024-05-13, to: 2024-10-02}]
    prices: [{from: 2024-05-13, rates: {input: "5", output: "15"}}]
  - id: omni-08
    aliases: [{id: omni, from: 2024-10-02}]
    prices: [{from: 2024-08-06, rates: {input: "2.5", output: "10"}}]
"#,
    );
    let omni = |at: &str| prices.ask("omni").at(at).reads_a_million();
    omni("2024-05-13").answers("5");
    omni("2024-10-01T23:59:59Z").answers("5");
    omni("2024-10-02").answers("2.5");
    prices.ask("omni-05").at("2024-12-01").reads_a_million().answers("5");
}

#[test]
fn a_model_at_another_provider_has_its_own_price() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: acme
role: maker
models: [{id: open-70b, prices: [{from: 2026-01-01, rates: {input: "1"}}]}]
---
schema: 1
provider: basin
models: [{id: open-70b, prices: [{from: 2026-01-01, rates: {input: "0.6"}}]}]
"#,
    );
    let found = prices.find("open-70b", "2026-06-15").unwrap();
    assert_eq!((found.full_id(), found.also_at), ("acme/open-70b".to_owned(), vec!["basin".to_owned()]));
    assert_eq!(prices.find("basin/open-70b", "2026-06-15").unwrap().full_id(), "basin/open-70b");
}

// ---- Dates

#[test]
fn a_past_day_is_priced_at_the_rates_of_that_day() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices:
      - {from: 2025-01-01, to: 2025-06-10, rates: {input: "10", cache_read: "2.5"}}
      - {from: 2025-06-10, rates: {input: "2", cache_read: "0.5"}}
"#,
    );
    let m = |at: &str| prices.ask("m").at(at).reads_a_million();
    m("2025-01-01").answers("10");
    m("2025-06-09T23:59:59Z").answers("10");
    m("2025-06-10T00:00:00Z").answers("2");
    m("2030-01-01").answers("2");
    // The cached price moves with the others: o3 read at 2.5 while it cost 10.
    prices.ask("m").at("2025-03-01").uses("cache_read", "1000000").answers("2.5");
}

#[test]
fn a_day_before_the_first_price_is_not_priced_at_the_first_price() {
    let prices = Prices::of_models(r#"  - {id: m, prices: [{from: 2025-06-10, rates: {input: "2"}}]}"#);
    let before = prices.ask("m").at("2025-05-31").reads_a_million();
    before.answers("before-first-price");
    insta::assert_snapshot!(refused(&before.cost().unwrap_err()), @r#"
    acme/m has no price on 2025-05-31: its first known price is from 2025-06-10
      help: `farebox prices show acme/m` prints every period; --at DATE prices at another day
    "#);
}

/// DeepSeek changed at an hour of the day: 2025-09-05T16:00Z, and again on the 29th.
#[test]
fn a_change_at_an_hour_takes_effect_at_that_hour() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices:
      - {from: 2025-02-08, to: "2025-09-06T00:00:00+08:00", rates: {input: "0.27"}}
      - {from: "2025-09-05T16:00:00Z", to: 2025-09-29, rates: {input: "0.56"}}
      - {from: 2025-09-29, rates: {input: "0.28"}}
"#,
    );
    let m = |at: &str| prices.ask("m").at(at).reads_a_million();
    m("2025-09-05T15:59:59Z").answers("0.27");
    m("2025-09-05T16:00:00Z").answers("0.56");
    m("2025-09-06T00:00:00+08:00").answers("0.56");
    m("2025-09-29").answers("0.28");
}

#[test]
fn a_price_announced_for_later_waits_for_its_day() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices:
      - {from: 2026-01-01, to: 2027-01-01, rates: {input: "1"}}
      - {from: 2027-01-01, rates: {input: "2"}}
"#,
    );
    prices.ask("m").reads_a_million().answers("1");
    prices.ask("m").at("2027-01-01").reads_a_million().answers("2");
}

// ---- Absent, zero and not sold

#[test]
fn absent_zero_and_not_sold_are_three_things() {
    let prices = Prices::of_models(
        r#"  - {id: m, prices: [{from: 2026-01-01, rates: {input: "1", cache_read: "0", cache_write_1h: none}}]}"#,
    );
    prices.ask("m").uses("cache_read", "1000000").answers("0");
    prices.ask("m").uses("cache_write_1h", "1000000").answers("not-sold");
    prices.ask("m").uses("cache_write_5m", "1000000").answers("no-rate");
    let refusal = prices.ask("m").uses("cache_write_5m", "40").cost().unwrap_err();
    insta::assert_snapshot!(refused(&refusal), @r#"
    acme/m: 40 of cache_write_5m have no rate
      help: `farebox prices show acme/m` prints what the model bills; a price from your contract or invoice can be given in a price file (--prices FILE)
    "#);
}

#[test]
fn cached_tokens_without_a_cache_price_are_neither_free_nor_half_price() {
    let prices =
        Prices::of_models(r#"  - {id: turbo, prices: [{from: 2023-11-06, rates: {input: "10", output: "30"}}]}"#);
    prices.ask("turbo").uses("input", "1000").uses("cache_read", "1000").answers("no-rate");
}

#[test]
fn a_meter_bills_as_another_only_where_that_is_written_down() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: acme
fallbacks: {reasoning: output}
models:
  - id: thinker
    prices: [{from: 2026-01-01, rates: {input: "1", output: "10", cache_read: =input}}]
  - id: apart
    prices: [{from: 2026-01-01, rates: {input: "1", output: "10", reasoning: "40"}}]
"#,
    );
    prices.ask("thinker").uses("output", "100000").uses("reasoning", "900000").answers("10");
    prices.ask("thinker").uses("cache_read", "1000000").answers("1");
    prices.ask("apart").uses("output", "100000").uses("reasoning", "900000").answers("37");
    let cost = prices.ask("thinker").uses("output", "1").uses("reasoning", "2").cost().unwrap();
    assert_eq!(cost.lines.len(), 1, "counted once, as output: {:?}", cost.lines);
}

#[test]
fn a_cache_that_lives_longer_has_its_own_price() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices: [{from: 2026-01-01, rates: {input: "5", cache_read: "0.5", cache_write_5m: "6.25", cache_write_1h: "10"}}]
"#,
    );
    prices.ask("m").uses("cache_write_5m", "1000000").answers("6.25");
    prices.ask("m").uses("cache_write_1h", "1000000").answers("10");
    prices.ask("m").uses("cache_write_12h", "1000000").answers("no-rate");
}

#[test]
fn a_cached_token_is_in_one_bucket() {
    let prices = Prices::of_models(
        r#"  - {id: m, prices: [{from: 2026-01-01, rates: {input: "2.5", cache_read: "1.25", output: "10"}}]}"#,
    );
    let question = prices.ask("m").uses("input", "2000").uses("cache_read", "48000").uses("output", "1200");
    question.answers("0.077"); // 0.005 + 0.06 + 0.012, as on the invoice
    assert_eq!(question.usage.prompt_tokens(), 50_000);
}

// ---- Tiers

fn tiered() -> Prices {
    Prices::of_models(
        r#"
  - id: above
    prices:
      - from: 2026-01-01
        rates: {input: "2", output: "12", cache_read: "0.2", cache_write_5m: "3"}
        tiers: [{when: {prompt_tokens: ">200000"}, rates: {input: "4", output: "18", cache_read: inherit}}]
  - id: from
    prices:
      - from: 2026-01-01
        rates: {input: "2"}
        tiers: [{when: {prompt_tokens: ">=200000"}, rates: {input: "4"}}]
  - id: three
    prices:
      - from: 2026-01-01
        rates: {input: "1"}
        tiers:
          - {when: {prompt_tokens: ">1000000"}, rates: {input: "8"}}
          - {when: {prompt_tokens: ">128000"}, rates: {input: "2"}}
          - {when: {prompt_tokens: ">256000"}, rates: {input: "4"}}
"#,
    )
}

#[test]
fn the_boundary_of_a_tier_is_data() {
    let prices = tiered();
    for (model, tokens, usd) in [
        ("above", "200000", "0.4"),
        ("above", "200001", "0.800004"),
        ("from", "199999", "0.399998"),
        ("from", "200000", "0.8"),
    ] {
        prices.ask(model).uses("input", tokens).answers(usd);
    }
}

#[test]
fn a_long_prompt_moves_the_whole_request() {
    let prices = tiered();
    prices.ask("above").uses("input", "300000").uses("output", "100000").answers("3"); // 1.2 + 1.8, not part by part
    prices.ask("above").uses("input", "150000").uses("cache_read", "100000").answers("0.62"); // 0.6 + 0.02
    prices.ask("above").uses("output", "300000").answers("3.6"); // a long answer is no long prompt
    prices.ask("above").uses("cache_write_5m", "200000").answers("0.6");
    let refusal = prices.ask("above").uses("cache_write_5m", "200001").cost().unwrap_err();
    insta::assert_snapshot!(refused(&refusal), @r#"
    acme/above: no rate of cache_write_5m at prompt_tokens > 200000
      help: send shorter prompts; `farebox prices show acme/above` prints the rates of each condition
    "#);
}

#[test]
fn the_highest_tier_that_matches_wins() {
    let prices = tiered();
    for (tokens, usd) in [("100000", "0.1"), ("200000", "0.4"), ("500000", "2"), ("2000000", "16")] {
        prices.ask("three").uses("input", tokens).answers(usd);
    }
}

// ---- What a request asks for

fn served() -> Prices {
    Prices::of_file(
        r#"
schema: 1
provider: acme
neutral: {service_tier: [default, auto], inference_geo: [global]}
multipliers:
  - {when: {inference_geo: us}, factor: "1.1", models: [chat], from: 2026-02-05}
models:
  - id: chat
    prices:
      - {from: 2025-10-01, to: 2026-01-01, rates: {input: "1", output: "5"}}
      - from: 2026-01-01
        rates: {input: "1", output: "5", web_search: {price: "10", per: 1000}}
        tiers: [{when: {prompt_tokens: ">2000000"}, rates: {input: "2"}, others: inherit}]
        variants:
          - {when: {processing: batch}, rates: {input: "0.5", output: "2.5", web_search: inherit}}
          - {when: {service_tier: flex}, rates: {input: {factor: "0.5"}}, others: {refuse: nobody publishes it}}
          - {when: {service_tier: priority}, rates: {input: "2", output: "10"}}
          - {when: {mode: thinking}, rates: {output: "8"}, others: inherit}
  - {id: vectors, prices: [{from: 2026-01-01, rates: {input: "0.02"}}]}
"#,
    )
}

#[test]
fn a_misspelt_or_unknown_value_is_not_the_standard_price() {
    let prices = served();
    assert!("service_teir".parse::<Dimension>().is_err());
    for (dimension, value) in [
        ("service_tier", "superfast"),
        ("service_tier", "flexible"),
        ("speed", "fast"),
        ("region", "eu"),
        ("mode", "quick"),
    ] {
        prices.ask("chat").says(dimension, value).reads_a_million().answers("no-rate");
    }
    let refusal = prices.ask("chat").says("service_tier", "superfast").reads_a_million().cost().unwrap_err();
    insta::assert_snapshot!(refused(&refusal), @r#"
    acme/chat: no rate for service_tier "superfast"
      help: its service_tier is one of auto, default, flex, priority; `farebox prices show acme/chat` prints the rates of each
    "#);
}

#[test]
fn batch_and_flex_are_half_price_only_where_and_since_they_are_sold() {
    let prices = served();
    prices.ask("chat").says("processing", "batch").reads_a_million().answers("0.5");
    prices.ask("chat").says("service_tier", "flex").reads_a_million().answers("0.5");
    prices.ask("chat").says("service_tier", "priority").reads_a_million().answers("2");
    prices.ask("chat").says("processing", "batch").at("2025-12-31").reads_a_million().answers("no-rate");
    prices.ask("vectors").says("processing", "batch").reads_a_million().answers("no-rate");
    prices.ask("chat").says("processing", "batch").says("service_tier", "flex").reads_a_million().answers("no-rate");
}

#[test]
fn a_value_that_changes_nothing_changes_nothing() {
    let prices = served();
    for value in ["default", "auto", "AUTO"] {
        prices.ask("chat").says("service_tier", value).reads_a_million().answers("1");
    }
    prices.ask("chat").says("service_tier", "default").says("processing", "batch").reads_a_million().answers("0.5");
}

#[test]
fn a_variant_holds_only_for_the_tiers_it_lists() {
    let prices = served();
    prices.ask("chat").uses("input", "3000000").answers("6");
    prices.ask("chat").says("processing", "batch").uses("input", "3000000").answers("no-rate");
    prices.ask("chat").says("processing", "batch").uses("output", "1000000").answers("2.5");
}

#[test]
fn a_search_keeps_its_price_in_a_batch_where_the_file_says_so() {
    let prices = served();
    prices.ask("chat").says("processing", "batch").uses("web_search", "100").answers("1");
}

#[test]
fn a_meter_that_a_condition_does_not_name_never_has_the_standard_price() {
    let prices = served();
    let refusal = |tier: &str, meter: &str| {
        let question = prices.ask("chat").says("service_tier", tier).uses(meter, "100");
        refused(&question.cost().unwrap_err())
    };
    insta::assert_snapshot!(refusal("priority", "web_search"), @r#"
    acme/chat: no rate of web_search for service_tier=priority
      help: `farebox prices show acme/chat` prints the rates of each condition; a price from your contract or invoice can be given in a price file (--prices FILE)
    "#);
    insta::assert_snapshot!(refusal("flex", "output"), @r#"
    acme/chat: no rate of output for service_tier=flex: nobody publishes it
      help: `farebox prices show acme/chat` prints the rates of each condition; a price from your contract or invoice can be given in a price file (--prices FILE)
    "#);
}

#[test]
fn a_factor_on_the_base_rate_holds_in_its_tiers_too() {
    let prices = served();
    let flex = |tokens: &str| prices.ask("chat").says("service_tier", "flex").uses("input", tokens);
    flex("1000000").answers("0.5");
    flex("3000000").answers("3"); // 3 × 2 ÷ 2
}

#[test]
fn the_most_specific_condition_wins_even_where_it_refuses() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices:
      - from: 2026-01-01
        rates: {input: "1", output: "2"}
        variants:
          - {when: {processing: batch}, rates: {input: "0.5", output: "1"}}
          - {when: {processing: batch, region: eu}, rates: {input: "0.6", output: {refuse: sold out}}}
          - {when: {region: eu}, others: inherit}
"#,
    );
    let batch = || prices.ask("m").says("processing", "batch");
    batch().uses("output", "1000000").answers("1");
    batch().says("region", "eu").reads_a_million().answers("0.6");
    batch().says("region", "eu").uses("output", "1").answers("no-rate");
    prices.ask("m").says("region", "eu").uses("output", "1000000").answers("2");
}

#[test]
fn a_schedule_with_prices_refuses_what_it_does_not_name() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices:
      - from: 2026-01-01
        rates: {input: "1", output: "2", cache_read: "0.1", web_search: {price: "10", per: 1000}}
        schedule:
          - windows: ["00:00-23:59"]
            zone: UTC
            rates: {input: "3", cache_read: {factor: "3"}, web_search: inherit}
"#,
    );
    prices.ask("m").reads_a_million().answers("3");
    prices.ask("m").uses("cache_read", "1000000").answers("0.3");
    prices.ask("m").uses("web_search", "100").answers("1");
    let refusal = prices.ask("m").uses("output", "1").cost().unwrap_err();
    insta::assert_snapshot!(refused(&refusal), @r#"
    acme/m: no rate of output at this time of the day
      help: `farebox prices show acme/m` prints the rates by time of day; a price from your contract or invoice can be given in a price file (--prices FILE)
    "#);
}

#[test]
fn thinking_has_its_own_price() {
    let prices = served();
    prices.ask("chat").uses("output", "1000000").answers("5");
    prices.ask("chat").says("mode", "thinking").uses("output", "1000000").answers("8");
}

#[test]
fn computing_in_one_country_costs_a_tenth_more() {
    let prices = served();
    let us = |at: &str| prices.ask("chat").says("inference_geo", "us").at(at).reads_a_million();
    us("2026-06-15").answers("1.1");
    us("2026-02-04").answers("no-rate");
    us("2026-06-15").uses("web_search", "1000").answers("11.1"); // only tokens move
    prices.ask("chat").says("inference_geo", "us").says("processing", "batch").reads_a_million().answers("0.55");
    prices.ask("vectors").says("inference_geo", "us").reads_a_million().answers("no-rate");
}

/// A tenth more since 2026-02-05, a fifth more since 2026-05-01; a discount without a condition from 2026-06-01 to 2026-07-01.
#[test]
fn a_factor_holds_from_its_day_to_its_day() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: acme
multipliers:
  - {when: {region: eu}, factor: "1.1", from: 2026-02-05, to: 2026-05-01}
  - {when: {region: eu}, factor: "1.2", from: 2026-05-01}
  - {factor: "0.9", models: [chat], from: 2026-06-01, to: 2026-07-01}
models: [{id: chat, prices: [{from: 2026-01-01, rates: {input: "1"}}]}]
"#,
    );
    for (at, in_eu, elsewhere) in [
        ("2026-02-04T23:59:59Z", "no-rate", "1"), // nothing says what the region costs then
        ("2026-02-05", "1.1", "1"),
        ("2026-04-30T23:59:59Z", "1.1", "1"),
        ("2026-05-01", "1.2", "1"),
        ("2026-06-01", "1.08", "0.9"), // 1.2 × 0.9
        ("2026-07-01", "1.2", "1"),
    ] {
        prices.ask("chat").says("region", "eu").at(at).reads_a_million().answers(in_eu);
        prices.ask("chat").at(at).reads_a_million().answers(elsewhere);
    }
}

#[test]
fn one_region_is_not_priced_as_another() {
    let prices = Prices::of_models(
        r#"
  - id: nova
    prices:
      - from: 2026-01-01
        rates: {}
        variants:
          - {when: {region: us-east-1}, rates: {input: "0.8"}}
          - {when: {region: eu-central-1}, rates: {input: "1.05"}}
"#,
    );
    let nova = || prices.ask("nova").reads_a_million();
    nova().says("region", "us-east-1").answers("0.8");
    nova().says("region", "EU-Central-1").answers("1.05");
    nova().says("region", "eu-west-1").answers("no-rate");
    nova().answers("no-rate");
}

// ---- The time of day

/// As DeepSeek sells: dearer at two times of the working day, from a day on, except on holidays.
#[test]
fn a_window_has_a_beginning_weekdays_and_holidays() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: acme
calendars: {feasts: [2026-10-01, 2026-10-02]}
models:
  - id: flash
    prices:
      - {from: 2026-01-01, to: 2026-08-01, rates: {input: "0.15"}}
      - from: 2026-08-01
        rates: {input: "0.15"}
        schedule:
          - {windows: ["01:00-04:00", "06:00-10:00"], zone: UTC, weekdays: mon-fri, except: feasts, factor: "2"}
"#,
    );
    for (at, usd) in [
        ("2026-07-01T02:00:00Z", "0.15"), // before there was a window
        ("2026-09-14T02:00:00Z", "0.3"),  // a Monday
        ("2026-09-14T00:59:59Z", "0.15"),
        ("2026-09-14T01:00:00Z", "0.3"),
        ("2026-09-14T04:00:00Z", "0.15"),
        ("2026-09-14T05:00:00Z", "0.15"),
        ("2026-09-14T09:59:59Z", "0.3"),
        ("2026-09-13T02:00:00Z", "0.15"), // a Sunday
        ("2026-10-01T02:00:00Z", "0.15"), // a feast
        ("2026-10-05T02:00:00Z", "0.3"),
        ("2026-09-14T10:30:00+08:00", "0.3"), // 02:30 in UTC
    ] {
        let question = prices.ask("flash").at(at).reads_a_million();
        question.answers(usd);
    }
}

/// As DeepSeek sold until September 2025: cheaper in a window over midnight; a price without windows came after.
#[test]
fn a_window_ends_with_the_prices_it_belongs_to() {
    let prices = Prices::of_models(
        r#"
  - id: chat
    prices:
      - from: 2025-02-08
        to: "2025-09-05T16:00:00Z"
        rates: {input: "0.27"}
        schedule: [{windows: ["16:30-00:30"], zone: UTC, factor: "0.5"}]
      - {from: "2025-09-05T16:00:00Z", rates: {input: "0.56"}}
"#,
    );
    for (at, usd) in [
        ("2025-06-01T16:29:59Z", "0.27"),
        ("2025-06-01T16:30:00Z", "0.135"),
        ("2025-06-02T00:29:59Z", "0.135"),
        ("2025-06-02T00:30:00Z", "0.27"),
        ("2025-09-05T17:00:00Z", "0.56"),
        ("2026-06-15T17:00:00Z", "0.56"),
    ] {
        prices.ask("chat").at(at).reads_a_million().answers(usd);
    }
}

#[test]
fn a_night_belongs_to_the_day_it_began_on() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices:
      - from: 2026-01-01
        rates: {input: "2"}
        schedule: [{windows: ["22:00-06:00"], zone: "+02:00", weekdays: fri, factor: "0.5"}]
"#,
    );
    for (at, usd) in [
        ("2026-06-19T21:00:00+02:00", "2"), // a Friday
        ("2026-06-19T22:00:00+02:00", "1"),
        ("2026-06-20T05:59:59+02:00", "1"),
        ("2026-06-20T06:00:00+02:00", "2"),
        ("2026-06-20T22:00:00+02:00", "2"),
        ("2026-06-19T02:00:00+02:00", "2"),
    ] {
        prices.ask("m").at(at).reads_a_million().answers(usd);
    }
}

// ---- Quantities that are not tokens

/// Groq bills speech by the hour, at least ten seconds of it.
#[test]
fn a_minimum_is_billed_and_a_rate_by_the_hour_is_not_rounded() {
    let prices = Prices::of_models(
        r#"
  - id: whisper
    prices: [{from: 2026-01-01, rates: {audio_seconds: {price: "0.111", per: 3600, minimum: "10"}}}]
"#,
    );
    let heard = |seconds: &str| prices.ask("whisper").uses("audio_seconds", seconds);
    heard("3").answers("0.000308333333333333"); // as 10 s
    heard("10").answers("0.000308333333333333");
    heard("10.5").answers("0.00032375");
    heard("3600").answers("0.111"); // at 0.00003083 a second it would be 0.110988
    heard("0").answers("0");
    let cost = heard("3").cost().unwrap();
    assert_eq!(cost.lines[0].quantity.to_string(), "10");
    assert_eq!(cost.times(1000).unwrap().total.to_string(), "0.308333333333333", "each request has its minimum");
}

#[test]
fn a_started_minute_is_a_minute() {
    let prices = Prices::of_models(
        r#"
  - id: box
    prices: [{from: 2026-01-01, rates: {compute_seconds: {price: "1.2", per: 3600, minimum: "300", step: "60"}}}]
"#,
    );
    for (seconds, usd) in [("1", "0.1"), ("300", "0.1"), ("301", "0.12"), ("360", "0.12"), ("360.001", "0.14")] {
        prices.ask("box").uses("compute_seconds", seconds).answers(usd);
    }
}

#[test]
fn an_image_is_priced_by_quality_and_size() {
    let prices = Prices::of_models(
        r#"
  - id: painter
    prices:
      - from: 2026-01-01
        rates: {input: "5"}
        variants:
          - {when: {size: "1024x1024"}, rates: {images: {price: "0.04", per: 1}}}
          - {when: {quality: hd, size: "1024x1024"}, rates: {images: {price: "0.08", per: 1}}}
"#,
    );
    let paints = || prices.ask("painter").uses("images", "2").says("size", "1024x1024");
    paints().answers("0.08");
    paints().says("quality", "hd").answers("0.16");
    paints().says("quality", "ultra").answers("no-rate");
    prices.ask("painter").uses("images", "2").answers("no-rate");
    // The size of an image says nothing about a request that made none.
    prices.ask("painter").says("size", "512x512").reads_a_million().answers("5");
}

#[test]
fn a_price_in_credits_is_a_price_in_dollars() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: acme
credits: [{from: 2024-01-01, to: 2026-01-01, usd: "0.01"}, {from: 2026-01-01, usd: "0.012"}]
models:
  - id: core
    prices:
      - {from: 2025-01-01, to: 2026-01-01, rates: {images: {credits: "6.5", per: 1}}}
      - {from: 2026-01-01, rates: {images: {credits: "6.5", per: 1}}}
"#,
    );
    prices.ask("core").at("2025-06-01").uses("images", "2").answers("0.13");
    prices.ask("core").uses("images", "2").answers("0.156");
}

// ---- Money

#[test]
fn money_is_never_a_float() {
    let prices = Prices::of_models(
        r#"
  - id: m
    prices: [{from: 2026-01-01, rates: {input: {price: "0.1", per: 1}, output: {price: "0.2", per: 1}, cache_read: "0.0028"}}]
"#,
    );
    prices.ask("m").uses("input", "1").uses("output", "1").answers("0.3");
    prices.ask("m").uses("cache_read", "1").answers("0.0000000028");
    prices.ask("m").uses("cache_read", "9007199254740993").answers("25220157.9132747804");
}

/// Pages print 0.13 for half of 0.25.
#[test]
fn half_of_a_quarter_is_not_rounded() {
    let prices = Prices::of_models(
        r#"
  - id: nano
    prices:
      - from: 2026-01-01
        rates: {input: "0.25"}
        variants: [{when: {processing: batch}, rates: {input: "0.125"}}]
"#,
    );
    prices.ask("nano").says("processing", "batch").uses("input", "1").answers("0.000000125");
}

#[test]
fn more_than_money_can_count_is_refused() {
    let prices = Prices::of_models(
        r#"  - {id: m, prices: [{from: 2026-01-01, rates: {input: {price: "79228162514264337593543950335", per: 1}}}]}"#,
    );
    prices.ask("m").uses("input", "1").answers("79228162514264337593543950335");
    prices.ask("m").uses("input", "2").answers("invalid-usage");
}

#[test]
fn a_cost_says_which_rates_it_is_from_and_who_read_them() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: acme
sources: {page: {url: "https://acme.example/pricing", checked: 2026-11-20, evidence: documented}}
models:
  - id: m
    prices:
      - from: 2026-01-01
        to: 2027-01-01
        source: page
        rates: {input: "2", output: "4"}
        tiers: [{when: {prompt_tokens: ">100"}, rates: {input: "3", output: inherit}}]
        variants: [{when: {processing: batch}, rates: {output: "1", input: inherit}}]
        schedule: [{windows: ["11:00-13:00"], zone: UTC, factor: "2", meters: [input]}]
"#,
    );
    let cost = prices.ask("m").says("processing", "batch").uses("input", "200").uses("output", "50").cost().unwrap();
    assert_eq!(cost.period.to_string(), "2026-01-01 to 2027-01-01");
    assert_eq!((cost.source.url.as_str(), cost.source.evidence.name()), ("https://acme.example/pricing", "documented"));
    assert_eq!(cost.source.checked.to_string(), "2026-11-20");
    let lines: Vec<String> =
        cost.lines.iter().map(|l| format!("{} {} × {} ÷ {} = {}", l.meter, l.quantity, l.rate, l.per, l.usd)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    input 200 × 6 ÷ 1000000 = 0.0012
    output 50 × 1 ÷ 1000000 = 0.00005
    "#);
    insta::assert_snapshot!(cost.applied.join("\n"), @r#"
    prompt_tokens > 100
    time of day 12:00 × 2
    processing=batch
    "#);
}

// ---- Overlays

#[test]
fn a_negotiated_price_replaces_the_bundled_card_as_a_whole() {
    let bundled = PriceTable::bundled();
    let prices = Prices::of_file(
        r#"
schema: 1
provider: openai
models: [{id: gpt-4o, prices: [{from: 2025-01-01, rates: {input: "2"}}]}]
"#,
    );
    let at = "2026-06-15".parse().unwrap();
    let found = prices.0.find("openai/gpt-4o", at).unwrap();
    let million = Usage::tokens_in_out(1_000_000, 0);
    let cost = |usage: &Usage, at| price(&found.provider, &found.model, usage, &Context::default(), at);
    assert_eq!(cost(&million, at).unwrap().total.to_string(), "2");
    assert_eq!(cost(&million, at).unwrap().source.evidence.name(), "own");
    // Nothing of the bundled card shines through: neither its output price nor its older periods.
    assert_eq!(cost(&Usage::tokens_in_out(0, 1), at).unwrap_err().status(), "no-rate");
    assert_eq!(cost(&million, "2024-11-15".parse().unwrap()).unwrap_err().status(), "before-first-price");
    assert!(!found.model.tokenizers.is_empty(), "what the table knows beside prices stays");
    assert_ne!(prices.0.id().sha256, bundled.id().sha256);
    assert_eq!(prices.0.id().version, format!("{}+overlay", bundled.id().version));
}

/// The bundled head of OpenAI says that thinking bills as output, and images as input (`pricing/openai/provider.yaml`).
#[test]
fn an_overlay_of_a_bundled_provider_keeps_what_its_meters_bill_as() {
    let card = r#"models: [{id: gpt-4o, prices: [{from: 2025-01-01, rates: {input: "2", output: "10"}}]}]"#;
    let total = |head: &str, meter: Meter| {
        let prices = Prices::of_file(&format!("schema: 1\nprovider: openai\n{head}{card}"));
        let at = "2026-06-15".parse().unwrap();
        let found = prices.0.find("openai/gpt-4o", at).unwrap();
        let mut usage = Usage::default();
        usage.set(meter, "1000000".parse().unwrap());
        let cost = price(&found.provider, &found.model, &usage, &Context::default(), at);
        cost.map_or_else(|refusal| refusal.status().to_owned(), |cost| cost.total.to_string())
    };
    assert_eq!(total("", Meter::Reasoning), "10");
    assert_eq!(total("", Meter::InputImage), "2");
    // What the file says itself comes first, and the rest stays.
    assert_eq!(total("fallbacks: {reasoning: input}\n", Meter::Reasoning), "2");
    assert_eq!(total("fallbacks: {reasoning: input}\n", Meter::InputImage), "2");
    // Nothing of another provider holds for a new one.
    let prices =
        Prices::of_models("  - {id: m, prices: [{from: 2025-01-01, rates: {input: \"2\", output: \"10\"}}]}\n");
    prices.ask("m").uses("reasoning", "1000000").answers("no-rate");
}

#[test]
fn a_later_overlay_wins_and_a_broken_one_changes_nothing() {
    let file = |price: &str| PriceFile {
        path: "own.yaml".into(),
        text: format!(
            "schema: 1\nprovider: acme\nmodels: [{{id: m, prices: [{{from: 2026-01-01, rates: {{input: {price}}}}}]}}]"
        ),
    };
    let mut prices = Prices(PriceTable::bundled());
    prices.0.lay_over(&[file("\"1\""), file("\"2\"")]).unwrap();
    prices.ask("m").reads_a_million().answers("2");
    let id = prices.0.id().clone();
    let problems = prices.0.lay_over(&[file("\"3\""), file("2.5")]).unwrap_err();
    assert_eq!(problems[0].code, "float-price");
    prices.ask("m").reads_a_million().answers("2");
    assert_eq!(*prices.0.id(), id);
}

#[test]
fn a_card_may_have_the_prices_of_another_times_a_factor() {
    let prices = Prices::of_file(
        r#"
schema: 1
provider: acme
models:
  - id: base
    prices:
      - from: 2026-01-01
        rates: {input: "1.5", output: =input, images: {price: "0.5", per: 1}}
        tiers: [{when: {prompt_tokens: ">2000000"}, rates: {input: "3"}}]
        variants: [{when: {processing: batch}, rates: {input: "0.75"}}]
  - {id: fast, prices_of: base, factor: "6"}
---
schema: 1
provider: basin
models: [{id: hosted, prices_of: acme/base, factor: "0.5"}]
"#,
    );
    prices.ask("fast").reads_a_million().answers("9");
    prices.ask("fast").uses("input", "3000000").answers("54");
    prices.ask("fast").says("processing", "batch").reads_a_million().answers("4.5");
    prices.ask("fast").uses("images", "1").answers("3");
    let at = "2026-06-15".parse().unwrap();
    let found = prices.0.find("basin/hosted", at).unwrap();
    let cost = price(&found.provider, &found.model, &Usage::tokens_in_out(0, 1_000_000), &Context::default(), at);
    assert_eq!(cost.unwrap().total.to_string(), "0.75");
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
          - {when: {search_context_size: low}, rates: {requests: {price: "5", per: 1000}}, others: inherit}
          - {when: {search_context_size: high}, rates: {requests: {price: "12", per: 1000}}, others: inherit}
  - {id: plain, prices: [{from: 2026-01-01, rates: {input: "1"}}]}
"#,
    );
    let sonar = || prices.ask("sonar").reads_a_million().uses("requests", "1");
    sonar().says("search_context_size", "low").answers("1.005");
    sonar().says("search_context_size", "high").answers("1.012");
    sonar().answers("no-rate");
    let help = refused(&sonar().cost().unwrap_err());
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
            insta::assert_snapshot!(shown(&model(at).unwrap_err()), @r#"
            no model is called "acme/big-latest" at that time: it meant acme/big-4 (2026-02-05 to 2026-04-16)
              help: did you mean acme/big-4? `farebox models QUERY` searches; --prices FILE adds a model at the prices of your contract
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
