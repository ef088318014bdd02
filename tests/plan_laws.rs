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
    fn wrapping(&mut self, _: &Found, _: &[Arc<str>]) -> Result<Wrapping, CountingError> {
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
        // Amounts without end are rounded at 12 digits, month by month.
        let difference = more.amount() - once.amount() * Decimal::from(times);
        prop_assert!(difference.abs() < dec!(0.0000000001), "{more} {once}");
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

/// Counts what a plan asks for, which is what time goes with.
struct Counting {
    inner: ByteTokens,
    found: u32,
}

impl Resolver for Counting {
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        self.found += 1;
        self.inner.find(model, at)
    }
    fn count(&mut self, found: &Found, text: &Arc<str>) -> Result<TokenCount, CountingError> {
        self.inner.count(found, text)
    }
    fn wrapping(&mut self, found: &Found, tools: &[Arc<str>]) -> Result<Wrapping, CountingError> {
        self.inner.wrapping(found, tools)
    }
    fn image(&mut self, found: &Found, width: u32, height: u32) -> Result<TokenCount, CountingError> {
        self.inner.image(found, width, height)
    }
    fn weigh(&mut self, found: &Found, media: &Media) -> Result<Weighed, CountingError> {
        self.inner.weigh(found, media)
    }
    fn tokenizer(&self, found: &Found) -> String {
        self.inner.tokenizer(found)
    }
    fn per_usd(&self, currency: &str, at: Instant) -> Option<Decimal> {
        self.inner.per_usd(currency, at)
    }
}

/// A lever plans the feature that it changes and no other: twice the features ask for twice as many models, not four times.
#[test]
fn levers_take_time_in_proportion_to_the_features() {
    let asked = |features: usize| {
        let mut yaml = String::from("version: 1\nstart: 2027-01-01\nmonths: 2\nfeatures:\n");
        for i in 0..features {
            yaml += &format!(
                "  f{i}: {{model: acme/one, system: 2000, prompt: 300, output: 100..200..900, turns: 5, calls: 40 per day}}\n"
            );
        }
        let workload = read(&yaml);
        let mut counting = Counting { inner: ByteTokens::new(3, 15, false), found: 0 };
        let plan = plan(&workload, &mut counting, None).unwrap();
        let settled = Settled::of(&plan, &counting).unwrap();
        let smaller = vec![Vec::new(); features];
        let levers = farebox::calculator::levers::levers(&plan, &settled, &mut counting, &smaller);
        assert_eq!(levers.len() % features, 0);
        assert!(levers.len() >= 2 * features, "{}", levers.len());
        counting.found
    };
    let (ten, twenty) = (asked(10), asked(20));
    assert_eq!(twenty, 2 * ten);
}

/// How often what happens lies within the bounds of a plan: simulated here from the meaning of the keys, with a generator and
/// a way to draw of its own. Nine in ten is what the bounds are for; with 4,000 trials the standard error is half a percent.
mod coverage {
    use super::{ByteTokens, Outcome, cost};

    /// The generator of Numerical Recipes (Press et al., 3rd edition, 7.1: `Ran`).
    struct Chance {
        u: u64,
        v: u64,
        w: u64,
    }

    impl Chance {
        fn new(seed: u64) -> Chance {
            let mut chance = Chance { u: 0, v: 4_101_842_887_655_102_017, w: 1 };
            chance.u = seed ^ chance.v;
            chance.next();
            chance.v = chance.u;
            chance.next();
            chance.w = chance.v;
            chance.next();
            chance
        }

        fn next(&mut self) -> u64 {
            self.u = self.u.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(7_046_029_254_386_353_087);
            self.v ^= self.v >> 17;
            self.v ^= self.v << 31;
            self.v ^= self.v >> 8;
            self.w = 4_294_957_665_u64.wrapping_mul(self.w & 0xffff_ffff).wrapping_add(self.w >> 32);
            let mut x = self.u ^ (self.u << 21);
            x ^= x >> 35;
            x ^= x << 4;
            x.wrapping_add(self.v) ^ self.w
        }

        fn share(&mut self) -> f64 {
            (self.next() >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// A draw from `low..expected..high`: points under the two ramps, by rejection.
        fn from(&mut self, (low, expected, high): (f64, f64, f64)) -> f64 {
            // The masses of the ramps, and so their heights at the top: 2 · mass ÷ length.
            let mass = (high - expected) / (high - low);
            let (left, right) = (2.0 * mass / (expected - low), 2.0 * (1.0 - mass) / (high - expected));
            loop {
                let x = low + (high - low) * self.share();
                let height = match x < expected {
                    true => left * (x - low) / (expected - low),
                    false => right * (high - x) / (high - expected),
                };
                if self.share() * left.max(right) < height {
                    return x;
                }
            }
        }
    }

    /// The share of trials within the bounds of the total.
    fn inside(outcome: &Outcome, seed: u64, trials: u32, mut trial: impl FnMut(&mut Chance) -> f64) -> f64 {
        let float = |usd: farebox::money::Usd| f64::try_from(usd.amount()).unwrap();
        let (low, high) = (float(outcome.total.low), float(outcome.total.high));
        let mut chance = Chance::new(seed);
        let hits = (0..trials).filter(|_| (low..=high).contains(&trial(&mut chance))).count();
        hits as f64 / f64::from(trials)
    }

    fn plan(features: &str) -> Outcome {
        let yaml = format!("version: 1\nstart: 2027-01-01\n{features}");
        cost(&yaml, &mut ByteTokens::new(3, 15, false), 10_000)
    }

    fn is_nine_in_ten(share: f64, what: &str) {
        assert!((0.88..=0.92).contains(&share), "{what}: {share}");
    }

    /// Input costs 3.5 and output 15 dollars for a million tokens.
    #[test]
    fn answers_prompts_and_calls_of_independent_features() {
        let outcome = plan(
            "months: 1\nfeatures:\n  a: {model: acme/one, prompt: 100..400..2000, output: 50..300..700, calls: 100..400..500 per day}\n  b: {model: acme/one, prompt: 1000..1500..1600, output: 100, calls: 50..300..900 per day}\n",
        );
        let share = inside(&outcome, 11, 4_000, |chance| {
            let a = (chance.from((100.0, 400.0, 2000.0)) * 3.5 + chance.from((50.0, 300.0, 700.0)) * 15.0)
                * chance.from((100.0, 400.0, 500.0));
            let b = (chance.from((1000.0, 1500.0, 1600.0)) * 3.5 + 1500.0) * chance.from((50.0, 300.0, 900.0));
            (a + b) * 31.0 / 1e6
        });
        is_nine_in_ten(share, "independent features");
    }

    #[test]
    fn ranges_that_three_features_share() {
        let feature = "{model: acme/one, prompt: 0, output: 100..200..600, calls: 100..200..300 per day}";
        let yaml = format!("months: 1\nfeatures: {{a: {feature}, b: {feature}, c: {feature}}}\n");
        let shared = plan(&format!("{yaml}drawn_together: [output]\n"));
        let of = |shared: bool| {
            move |chance: &mut Chance| {
                let together = chance.from((100.0, 200.0, 600.0));
                let one = |chance: &mut Chance| {
                    let output = if shared { together } else { chance.from((100.0, 200.0, 600.0)) };
                    output * chance.from((100.0, 200.0, 300.0))
                };
                (0..3).map(|_| one(chance)).sum::<f64>() * 15.0 * 31.0 / 1e6
            }
        };
        is_nine_in_ten(inside(&shared, 12, 4_000, of(true)), "shared");
        is_nine_in_ten(inside(&plan(&yaml), 13, 4_000, of(false)), "apart");
        // One is not the other: bounds of independent ranges are too narrow for those that are drawn together.
        assert!(inside(&plan(&yaml), 14, 4_000, of(true)) < 0.86);
    }

    /// Every conversation is drawn by itself: one of the whole numbers around the mean of the trial.
    #[test]
    fn whole_turns_of_a_few_conversations() {
        let outcome = plan(
            "months: 1\nfeatures: {f: {model: acme/one, system: 300, prompt: 200, output: 200, turns: 1..2.5..6, calls: 40 per month}}\n",
        );
        let share = inside(&outcome, 15, 4_000, |chance| {
            let mean = chance.from((1.0, 2.5, 6.0));
            let talk = |chance: &mut Chance| {
                let turns = mean.floor() + f64::from(u8::from(chance.share() < mean.fract()));
                // 500 tokens and an answer of 200 in each turn, and 400 more for each turn before it.
                (500.0 * turns + 400.0 * turns * (turns - 1.0) / 2.0) * 3.5 + 200.0 * turns * 15.0
            };
            (0..40).map(|_| talk(chance)).sum::<f64>() / 1e6
        });
        is_nine_in_ten(share, "turns");
    }

    #[test]
    fn users_growth_hits_and_tax() {
        let outcome = plan(
            "months: 4\ntax: 10%..19%..25%\nfeatures: {f: {model: acme/one, system: 5000, prompt: 100, output: 100..150..400, cache: {parts: [system], hit_rate: 20%..60%..90%}, growth: 0%..10%..30%, calls: {users: 20..50..200, sessions: 1..2..6 per month}}}\n",
        );
        let share = inside(&outcome, 16, 4_000, |chance| {
            let calls = chance.from((20.0, 50.0, 200.0)) * chance.from((1.0, 2.0, 6.0));
            let hit = chance.from((0.2, 0.6, 0.9));
            let call = 5000.0 * (hit * 0.5 + (1.0 - hit) * 80.0) + 350.0 + chance.from((100.0, 150.0, 400.0)) * 15.0;
            let growth = 1.0 + chance.from((0.0, 0.1, 0.3));
            let months: f64 = (0..4).map(|month| growth.powi(month)).sum();
            calls * call * months / 1e6 * (1.0 + chance.from((0.1, 0.19, 0.25)))
        });
        is_nine_in_ten(share, "users");
    }

    /// Answers of an unknown mean, of which 30 were measured: what 60 further ones cost lies within the bounds.
    #[test]
    fn measured_answers_and_the_ones_to_come() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("farebox.yaml");
        let mut chance = Chance::new(17);
        // Between 20 and 800 tokens, short ones more often.
        let answer = |chance: &mut Chance| (20.0 + 780.0 * chance.share() * chance.share()).round();
        let trials = 2_000;
        let mut hits = 0;
        for trial in 0..trials {
            // A seed of its own: the bounds of a few hundred draws are off by a percent, in a direction that the seed decides.
            let yaml = format!(
                "version: 1\nseed: {trial}\nstart: 2027-01-01\nmonths: 1\nfeatures: {{f: {{model: acme/one, prompt: 0, output: {{file: n.csv}}, calls: 60 per month}}}}\n"
            );
            let measured: Vec<String> = (0..30).map(|_| answer(&mut chance).to_string()).collect();
            std::fs::write(dir.path().join("n.csv"), format!("n\n{}\n", measured.join("\n"))).unwrap();
            let workload = farebox::input::workload::load(&path, &yaml, "2026-11-22".parse().unwrap()).unwrap().0;
            let mut tokens = ByteTokens::new(3, 15, false);
            let plan = farebox::calculator::projection::plan(&workload, &mut tokens, None).unwrap();
            let settled = farebox::calculator::settled::Settled::of(&plan, &tokens).unwrap();
            let outcome = farebox::calculator::outcome::outcome(&plan, &settled, false, 400).unwrap();
            let float = |usd: farebox::money::Usd| f64::try_from(usd.amount()).unwrap();
            let spent = (0..60).map(|_| answer(&mut chance)).sum::<f64>() * 15.0 / 1e6;
            hits += u32::from((float(outcome.total.low)..=float(outcome.total.high)).contains(&spent));
        }
        is_nine_in_ten(f64::from(hits) / f64::from(trials), "measured");
    }
}
