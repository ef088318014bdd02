//! Laws that every plan keeps, on workloads and prices made up by chance.

use farebox_testing::laws;

use std::path::Path;
use std::sync::Arc;

use farebox::calculator::outcome::{Outcome, outcome};
use farebox::calculator::projection::{CountingError, Resolver, plan};
use farebox::calculator::settled::{Settled, in_usd};
use farebox::calculator::workload::{Amount, Workload};
use farebox::conversation::Media;
use farebox::input::workload::load;
use farebox::money::{Exact, Usd};
use farebox::period::Instant;
use farebox::pricing::compile::PriceFile;
use farebox::pricing::{Found, PriceTable, UnknownModel};
use farebox::tokenizer::TokenCount;
use farebox::tokenizer::chat::Wrapping;
use farebox::tokenizer::media::Weighed;
use proptest::prelude::*;
use rust_decimal::{Decimal, dec};

/// A table with one made-up model; text has one token a byte.
struct ByteTokens {
    table: PriceTable,
    per_usd: Decimal,
}

impl ByteTokens {
    fn new(input: u32, output: u32, tiered: bool) -> Self {
        let tier = if tiered {
            "        tiers: [{when: {prompt_tokens: \">3000\"}, rates: {input: \"70\", output: \"90\"}, others: inherit}]\n"
        } else {
            ""
        };
        let text = format!(
            "schema: 1\nprovider: acme\nmodels:\n  - id: one\n    tokenizer: o200k_base\n    prices:\n      - from: 2026-01-01\n        source: {{url: 'https://acme.example', checked: 2026-11-01, basis: own}}\n        rates: {{input: \"{input}.5\", output: \"{output}\", cache_read: \"0.5\", cache_write_5m: \"80\"}}\n{tier}"
        );
        let mut table = PriceTable::bundled();
        table.lay_over(&[PriceFile { path: "acme.yaml".into(), text }]).unwrap();
        ByteTokens { table, per_usd: dec!(0.86) }
    }
}

impl Resolver for ByteTokens {
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        self.table.find(model, at)
    }
    fn count(&mut self, _: &Found, text: &Arc<str>) -> Result<TokenCount, CountingError> {
        let n = text.len() as u64;
        let basis = farebox::tokenizer::Basis::Estimated;
        Ok(TokenCount { tokens: n, low: n * 9 / 10, high: n * 12 / 10, basis })
    }
    fn wrapping(&mut self, _: &Found, _: Option<&Arc<str>>) -> Result<Wrapping, CountingError> {
        Ok(Wrapping::default())
    }
    fn image(&mut self, _: &Found, width: u32, height: u32) -> Result<TokenCount, CountingError> {
        Ok(TokenCount::exact(u64::from(width) * u64::from(height) / 750))
    }
    fn weigh(&mut self, _: &Found, _: &Media) -> Result<Weighed, CountingError> {
        Ok(Weighed::default())
    }
    fn tokenizer(&self, _: &Found) -> String {
        "bytes".into()
    }
    fn per_usd(&self, currency: &str, _: Instant) -> Option<Decimal> {
        (currency == "EUR").then_some(self.per_usd)
    }
}

/// What varies between the workloads.
#[derive(Clone, Debug)]
struct Made {
    calls: u32,
    prompt: u32,
    output: (u32, u32, u32),
    turns: u32,
    steps: u32,
    hit: u32,
    growth: u32,
    failures: u32,
    months: u32,
    free: u32,
}

impl Made {
    fn yaml(&self, features: u32) -> String {
        let Made { calls, prompt, output: (a, b, c), turns, steps, hit, growth, failures, months, free, .. } = self;
        let mut text = format!(
            "version: 1\nstart: 2027-01-01\nmonths: {months}\ndraws: 400\ncalendar: {{weekdays: mon-sat}}\nfeatures:\n"
        );
        for i in 0..features {
            text += &format!(
                "  f{i}: {{model: acme/one, system: 1500, prompt: {prompt}, output: {a}..{b}..{c}, turns: {turns}, steps: {{count: {steps}, call: 20, result: 100}}, cache: {{parts: [system, history], hit_rate: {hit}%}}, growth: {growth}%, retries: {{failure_rate: {failures}%, attempts: 2}}, calls: {calls} per day, free: {{requests: {free} per day}}}}\n"
            );
        }
        text
    }
}

fn made() -> impl Strategy<Value = Made> {
    let output = (0..500_u32, 0..500_u32, 0..900_u32).prop_map(|(a, b, c)| (a, a + b, a + b + c));
    let first = (0..5_000_u32, 0..4_000_u32, output, 1..5_u32, 1..5_u32);
    let second = (0..=100_u32, 0..30_u32, 0..50_u32, 1..14_u32, 0..40_u32);
    (first, second).prop_map(|((calls, prompt, output, turns, steps), (hit, growth, failures, months, free))| Made {
        calls,
        prompt,
        output,
        turns,
        steps,
        hit,
        growth,
        failures,
        months,
        free,
    })
}

fn read(yaml: &str) -> Workload {
    load(Path::new("farebox.yaml"), yaml, "2026-11-22".parse().unwrap()).expect("a good workload").0
}

fn cost(yaml: &str, tokens: &mut ByteTokens, draws: usize) -> Outcome {
    let workload = read(yaml);
    let plan = plan(&workload, tokens, None).expect("a plan");
    let settled = Settled::of(&plan, tokens).unwrap();
    outcome(&plan, &settled, true, draws).expect("an outcome")
}

proptest! {
    #![proptest_config(laws::cases(32))]

    #[test]
    fn linear_in_calls(made in made(), times in 2..5_u32, tiered: bool) {
        let mut tokens = ByteTokens::new(3, 15, tiered);
        let made = Made { free: 0, ..made };
        let once = cost(&made.yaml(1), &mut tokens, 0).total.expected;
        let more = cost(&Made { calls: made.calls * times, ..made }.yaml(1), &mut tokens, 0).total.expected;
        prop_assert_eq!(more.amount(), once.amount() * Decimal::from(times));
    }

    #[test]
    fn additive_over_features_and_months(made in made(), tiered: bool) {
        let mut tokens = ByteTokens::new(3, 15, tiered);
        let one = cost(&made.yaml(1), &mut tokens, 0);
        let three = cost(&made.yaml(3), &mut tokens, 0);
        prop_assert_eq!(three.total.expected.amount(), one.total.expected.amount() * dec!(3));
        let months: Usd = one.months.iter().map(|m| m.expected).sum();
        prop_assert_eq!(months, one.total.expected);
        // A plan that ends earlier is the beginning of the longer one.
        let shorter = cost(&Made { months: 1, ..made }.yaml(1), &mut tokens, 0);
        prop_assert_eq!(shorter.months[0].expected, one.months[0].expected);
    }

    #[test]
    fn monotone_in_every_count_and_price(made in made(), tiered: bool) {
        // Reading costs less than writing, so that a longer prompt costs more and a higher hit rate does not.
        let total = |made: &Made, tokens: &mut ByteTokens| cost(&made.yaml(1), tokens, 0).total.expected;
        let mut tokens = ByteTokens::new(3, 15, tiered);
        let base = total(&made, &mut tokens);
        let (a, b, c) = made.output;
        let more = [
            Made { calls: made.calls + 1, ..made.clone() },
            Made { prompt: made.prompt + 1, ..made.clone() },
            Made { output: (a, b + 1, c + 1), ..made.clone() },
            Made { turns: made.turns + 1, free: 0, ..made.clone() },
            Made { steps: made.steps + 1, free: 0, ..made.clone() },
            Made { growth: made.growth + 1, ..made.clone() },
            Made { months: made.months + 1, ..made.clone() },
            Made { hit: made.hit.saturating_sub(1), ..made.clone() },
            Made { free: made.free.saturating_sub(1), ..made.clone() },
        ];
        for changed in more {
            prop_assert!(total(&changed, &mut tokens) >= base, "{changed:?}");
        }
        for (input, output) in [(4, 15), (3, 16)] {
            prop_assert!(total(&made, &mut ByteTokens::new(input, output, tiered)) >= base);
        }
    }

    #[test]
    fn bounds_enclose_the_expected_cost_and_nothing_is_negative(made in made(), tiered: bool) {
        let mut tokens = ByteTokens::new(3, 15, tiered);
        let outcome = cost(&made.yaml(2), &mut tokens, 400);
        let cells = outcome.features.iter().flat_map(|f| f.spreads.iter().chain([&f.total]));
        for spread in outcome.months.iter().chain(&outcome.cumulative).chain([&outcome.total]).chain(cells) {
            prop_assert!(Usd::ZERO <= spread.low && spread.low <= spread.expected && spread.expected <= spread.high, "{spread:?}");
        }
    }

    #[test]
    fn draws_agree_with_the_closed_form(made in made()) {
        let mut tokens = ByteTokens::new(3, 15, false);
        let outcome = cost(&Made { free: 0, ..made }.yaml(2), &mut tokens, 4_000);
        prop_assert!(outcome.features.iter().all(|f| f.is_closed_form));
        if let Some(simulation) = &outcome.simulation {
            let float = |usd: Usd| f64::try_from(usd.amount()).unwrap();
            let (mean, expected) = (float(simulation.total.expected), float(outcome.total.expected));
            // Five standard errors, and what rounding to nano-dollars and 1/1,024 of a call may add up to.
            let margin = 5.0 * simulation.standard_error + expected * 1e-4 + 1e-6;
            prop_assert!((mean - expected).abs() <= margin, "{mean} {expected} {margin}");
        }
    }

    #[test]
    fn currencies_round_trip(cents in 0..1_000_000_000_u64, rate in 1..2_000_000_u64) {
        let mut tokens = ByteTokens::new(1, 1, false);
        tokens.per_usd = Decimal::new(i64::try_from(rate).unwrap(), 4);
        let amount = Amount { amount: Exact(Decimal::new(i64::try_from(cents).unwrap(), 2)), currency: "EUR".into() };
        let usd = in_usd(&amount, "x", "2027-01-01".parse().unwrap(), &tokens).unwrap();
        let back = usd.amount() * tokens.per_usd;
        prop_assert_eq!(back.round_dp(10), amount.amount.0.round_dp(10));
    }
}

/// A plan of requests that are all alike costs what the price engine asks for one of them, times their number.
#[test]
fn a_request_costs_what_the_engine_says() {
    use farebox::calculator::price;
    use farebox::context::Context;
    use farebox::meter::Meter;
    use farebox::usage::Usage;
    let mut tokens = ByteTokens::new(3, 15, true);
    for prompt in [1_u64, 2_999, 3_000, 3_001, 9_000] {
        let yaml = format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures:\n  f: {{model: acme/one, prompt: {prompt}, output: 77, calls: 3 per day}}\n"
        );
        let found = tokens.table.find("acme/one", "2027-01-15".parse().unwrap()).unwrap();
        let mut usage = Usage::tokens_in_out(prompt, 77);
        usage.set(Meter::Requests, Decimal::ONE);
        let one =
            price(&found.provider, &found.model, &usage, &Context::default(), "2027-01-15".parse().unwrap()).unwrap();
        assert_eq!(cost(&yaml, &mut tokens, 0).total.expected.amount(), one.total.amount() * dec!(93), "{prompt}");
    }
}
