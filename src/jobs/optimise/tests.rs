//! The search against the trial of every combination, with costs worked out from the rates by a formula of this file's own.

use std::path::Path;

use rust_decimal::{Decimal, dec};

use super::*;
use crate::calculator::alternatives::capped;
use crate::jobs::AsOf;
use crate::jobs::workload::WorkloadFile;
use crate::pricing::PriceTable;
use crate::pricing::compile::PriceFile;
use crate::range::Range;

/// A generator of Lehmer's: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        self.0 % n
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}

/// A made-up model; rates in dollars per million tokens.
struct Model {
    id: String,
    input: Decimal,
    output: Decimal,
    /// Read, written for five minutes, written for an hour.
    cache: Option<[Decimal; 3]>,
    /// Factors of batches and of the flex queue, where they are sold.
    batch: Option<Decimal>,
    flex: Option<Decimal>,
    window: u64,
    sees: bool,
    is_retired: bool,
    score: Option<Decimal>,
}

fn models(dice: &mut Dice) -> Vec<Model> {
    let cents = |dice: &mut Dice, n: u64| Decimal::new(dice.below(n) as i64 + 1, 2);
    let model = |index: u64| {
        let input = cents(dice, 900);
        Model {
            id: format!("zz{}/m{index}", index % 2),
            input,
            output: cents(dice, 4_000),
            cache: (dice.below(2) == 0).then(|| [input * dec!(0.1), input * dec!(1.25), input * dec!(2)]),
            batch: (dice.below(2) == 0).then(|| dice.of(&[dec!(0.5), dec!(0.75)])),
            flex: (dice.below(3) == 0).then(|| dice.of(&[dec!(0.5), dec!(0.6)])),
            window: dice.of(&[4_000, 128_000]),
            sees: dice.below(2) == 0,
            is_retired: dice.below(6) == 0,
            score: (dice.below(4) > 0).then(|| Decimal::from(dice.below(100))),
        }
    };
    (0..24).map(model).collect()
}

fn price_file(models: &[Model]) -> PriceFile {
    let mut texts = Vec::new();
    for provider in ["zz0", "zz1"] {
        let mut text = format!("schema: 1\nprovider: {provider}\nname: {provider}\nmodels:\n");
        for model in models.iter().filter(|m| m.id.starts_with(provider)) {
            let id = model.id.split('/').next_back().unwrap();
            let rates = |factor: Decimal| {
                let cache = model.cache.map_or_else(String::new, |[read, five, hour]| {
                    let [read, five, hour] = [read, five, hour].map(|rate| (rate * factor).normalize());
                    format!(", cache_read: \"{read}\", cache_write_5m: \"{five}\", cache_write_1h: \"{hour}\"")
                });
                let (input, output) = ((model.input * factor).normalize(), (model.output * factor).normalize());
                format!("{{input: \"{input}\", output: \"{output}\"{cache}}}")
            };
            let retired = if model.is_retired { "    retired: 2027-01-20\n" } else { "" };
            let image = if model.sees { ", image" } else { "" };
            text += &format!(
                "  - id: {id}\n    context_window: {}\n    max_output: 100000\n    input: [text{image}]\n{retired}    prices:\n      - from: 2026-01-01\n        rates: {}\n",
                model.window,
                rates(Decimal::ONE)
            );
            let batch =
                model.batch.map(|f| format!("          - {{when: {{processing: batch}}, rates: {}}}\n", rates(f)));
            let flex =
                model.flex.map(|f| format!("          - {{when: {{service_tier: flex}}, rates: {}}}\n", rates(f)));
            if batch.is_some() || flex.is_some() {
                text += &format!("        variants:\n{}{}", batch.unwrap_or_default(), flex.unwrap_or_default());
            }
        }
        texts.push(text);
    }
    PriceFile { path: "zz.yaml".into(), text: texts.join("---\n") }
}

/// A feature of an instance, and what may be chosen for it.
struct Case {
    own: usize,
    system: u64,
    prompt: u64,
    output: [u64; 3],
    calls: u64,
    caches: bool,
    pattern: &'static str,
    vision: bool,
    score: Option<u64>,
    latency: Option<&'static str>,
    cache: bool,
    cap: Option<u64>,
}

impl Case {
    fn roll(dice: &mut Dice, models: &[Model]) -> Case {
        let low = dice.below(300) + 1;
        let mean = low + dice.below(2) * dice.below(400);
        let high = if mean == low { low } else { mean + 1 + dice.below(1_500) };
        let live: Vec<usize> = (0..models.len()).filter(|i| !models[*i].is_retired).collect();
        Case {
            own: dice.of(&live),
            system: dice.of(&[0, 500, 1_500, 5_000]),
            prompt: 50 + dice.below(2_500),
            output: [low, mean, high],
            calls: dice.of(&[1, 20, 200, 5_000]),
            caches: dice.below(3) == 0,
            pattern: dice.of(&["[\"zz*/*\"]", "[\"zz1/*\"]", "[\"m1*\"]", "[zz0/m4, zz1/m5, zz1/m7]", "[zz0/m2]"]),
            vision: dice.below(3) == 0,
            score: (dice.below(3) == 0).then(|| dice.below(60)),
            latency: dice.of(&[None, Some("interactive"), Some("minutes"), Some("day")]),
            cache: dice.below(2) == 0,
            cap: (dice.below(2) == 0).then(|| 50 + dice.below(600)),
        }
    }

    fn yaml(&self, name: &str, models: &[Model]) -> String {
        let [low, mean, high] = self.output;
        let output = if low == high { low.to_string() } else { format!("{low}..{mean}..{high}") };
        let mut text = format!(
            "  {name}:\n    model: {}\n    system: {}\n    prompt: {}\n    output: {output}\n    calls: {} per day\n",
            models[self.own].id, self.system, self.prompt, self.calls
        );
        if self.caches {
            text += "    cache: {hit_rate: 60%, parts: [system]}\n";
        }
        text += &format!("    choose:\n      models: {}\n      cache: {}\n", self.pattern, self.cache);
        for line in [
            self.vision.then(|| "needs: [vision]".to_owned()),
            self.score.map(|score| format!("score: {score}")),
            self.latency.map(|latency| format!("latency: {latency}")),
            self.cap.map(|cap| format!("cap: {cap}")),
        ]
        .into_iter()
        .flatten()
        {
            text += &format!("      {line}\n");
        }
        text
    }

    fn allows(&self, model: &Model) -> bool {
        let (provider, id) = model.id.split_once('/').unwrap();
        let is_meant = match self.pattern {
            "[\"zz*/*\"]" => true,
            "[\"zz1/*\"]" => provider == "zz1",
            "[\"m1*\"]" => id.starts_with("m1"),
            list => list.trim_matches(['[', ']']).split(", ").any(|name| name == model.id),
        };
        let longest = self.cap.map_or(self.output[2], |cap| cap.min(self.output[2]));
        is_meant
            && !model.is_retired
            && self.system + self.prompt + longest <= model.window
            && (!self.vision || model.sees)
            && self.score.is_none_or(|least| model.score.is_some_and(|score| score >= Decimal::from(least)))
    }

    /// What January 2027 costs on a model in every way that is allowed.
    fn costs(&self, model: &Model) -> Vec<Decimal> {
        let million = dec!(1_000_000);
        let calls = Decimal::from(self.calls * 31);
        let [low, mean, high] = self.output.map(Decimal::from);
        let mut outputs = vec![mean];
        outputs.extend(self.cap.map(|cap| capped(Range { low, expected: mean, high }, Decimal::from(cap)).expected));
        let queues: &[Option<Decimal>] = match self.latency {
            None | Some("interactive") => &[Some(Decimal::ONE)],
            Some("minutes") => &[Some(Decimal::ONE), model.flex],
            _ => &[Some(Decimal::ONE), model.flex, model.batch],
        };
        let again = |minutes: u64| {
            let within = (self.calls * minutes) as f64 / 1440.0;
            let four = Decimal::try_from(1.0 - (-within).exp()).unwrap() * dec!(10000);
            (four.floor() / dec!(10000)).min(dec!(0.9999))
        };
        let own = self.caches.then_some((dec!(0.6), 1));
        let mut caches = vec![own];
        if self.cache {
            caches.extend([None, Some(own.unwrap_or((again(5), 1))), Some((again(60), 2))]);
        }
        let mut costs = Vec::new();
        for output in &outputs {
            for factor in queues.iter().flatten() {
                for cache in &caches {
                    let prefix = Decimal::from(self.system);
                    let system = match (cache, model.cache) {
                        (Some((hit, write)), Some(rates)) if self.system >= 1024 => {
                            prefix * (*hit * rates[0] + (Decimal::ONE - *hit) * rates[*write])
                        }
                        _ => prefix * model.input,
                    };
                    let call = system + Decimal::from(self.prompt) * model.input + output * model.output;
                    costs.push(call * *factor * calls / million);
                }
            }
        }
        costs
    }
}

fn setup(models: &[Model]) -> Setup {
    let mut table = PriceTable::bundled();
    table.lay_over(&[price_file(models)]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let at = "2026-11-22".parse().unwrap();
    Setup { table: table.into(), at, as_of: AsOf::Named, currency: None, vocabularies: None, strict: false }
}

/// The least sum over every combination of the features' alternatives: the features are added up one combination at a time.
fn least(cases: &[Case], models: &[Model]) -> Option<Decimal> {
    let mut sums = vec![Decimal::ZERO];
    for case in cases {
        let costs: Vec<Decimal> =
            models.iter().filter(|model| case.allows(model)).flat_map(|model| case.costs(model)).collect();
        sums = sums.iter().flat_map(|sum| costs.iter().map(move |cost| sum + cost)).collect();
        // Three features of hundreds of alternatives each are millions of sums: what cannot be the least goes.
        sums.sort();
        sums.truncate(1_000);
    }
    sums.first().copied()
}

#[test]
fn the_search_finds_what_the_trial_of_every_combination_finds() {
    let mut dice = Dice(20_261_122);
    let models = models(&mut dice);
    let setup = setup(&models);
    let scores: HashMap<String, Decimal> =
        models.iter().filter_map(|model| Some((model.id.clone(), model.score?))).collect();
    let query = OptimiseQuery { scores, top: 3, currency: None };
    // The bundled models would be looked at, and passed over, 200 times.
    let cards: Vec<Card> = setup.table.cards().filter(|(head, _)| head.id.starts_with("zz")).collect();
    let (mut found, mut impossible) = (0, 0);
    for instance in 0..200 {
        let cases: Vec<Case> = (0..=dice.below(3)).map(|_| Case::roll(&mut dice, &models)).collect();
        let features: String =
            cases.iter().enumerate().map(|(index, case)| case.yaml(&format!("f{index}"), &models)).collect();
        let text = format!("version: 1\nstart: 2027-01-01\nmonths: 1\ntax: 0%\nfeatures:\n{features}");
        let file = WorkloadFile::of_text(Path::new("farebox.yaml"), text.clone(), &setup);
        let file = file.unwrap_or_else(|error| panic!("{instance}: {}\n{text}", error.with_help()));
        let priced = PricedWorkload::of(file, &setup).unwrap_or_else(|error| panic!("{}\n{text}", error.with_help()));
        match (optimise_on(&cards, priced, &query, &setup), least(&cases, &models)) {
            (Ok(result), Some(least)) => {
                found += 1;
                let off = (result.after.amount() - least).abs();
                assert!(off < dec!(0.000000001), "{instance}: {} is not {least}\n{text}", result.after.amount());
                // The levers are real: none saves more than everything together, where all of it is chosen.
                let saved = minus(result.before, result.after).amount();
                assert!(result.levers.iter().all(|lever| lever.saving.amount() > Decimal::ZERO), "{text}");
                if let ([_], [lever, ..]) = (&cases[..], &result.levers[..]) {
                    assert!(lever.saving.amount() >= saved || saved <= Decimal::ZERO, "{instance}\n{text}");
                }
            }
            (Err(_), None) => impossible += 1,
            (Ok(result), None) => panic!("{instance}: {} where nothing is allowed\n{text}", result.after.amount()),
            (Err(error), Some(least)) => panic!("{instance}: {} instead of {least}\n{text}", error.with_help()),
        }
    }
    // The dice above give both, so neither is tried in vain.
    assert!(found > 100 && impossible > 5, "{found} {impossible}");
}

/// 20 features on 300 models: one plan of a feature for each allowed way on each model, and not one more.
#[test]
fn the_work_is_one_plan_for_each_alternative() {
    let mut text = "schema: 1\nprovider: zz0\nname: zz0\nmodels:\n".to_owned();
    for index in 0..300 {
        text += &format!(
            "  - {{id: m{index}, prices: [{{from: 2026-01-01, rates: {{input: \"{}\", output: \"4\"}}}}]}}\n",
            Decimal::new(index + 100, 2)
        );
    }
    let mut table = PriceTable::bundled();
    table.lay_over(&[PriceFile { path: "zz.yaml".into(), text }]).unwrap();
    let at = "2026-11-22".parse().unwrap();
    let setup =
        Setup { table: table.into(), at, as_of: AsOf::Named, currency: None, vocabularies: None, strict: false };
    let features: String = (0..20)
        .map(|index| {
            format!("  f{index}: {{model: zz0/m7, prompt: 900, output: 200, calls: 10 per day, choose: {{models: [\"zz0/*\"]}}}}\n")
        })
        .collect();
    let text = format!("version: 1\nstart: 2027-01-01\nmonths: 12\nfeatures:\n{features}");
    let file = WorkloadFile::of_text(Path::new("farebox.yaml"), text, &setup).unwrap();
    let priced = PricedWorkload::of(file, &setup).unwrap();
    let result = optimise(priced, &OptimiseQuery::default(), &setup).unwrap();
    assert_eq!(result.priced, 20 * 300);
    assert!(result.features.iter().all(|f| f.trials[0].found.model.id == "m0"));
}

/// 40 conversations a day begin within five minutes 40 × 5 ÷ 1440 = 0.13889 times: 1 − e^−0.13889 = 0.12967…, however many
/// turns each of them has. One that holds for an hour: 1 − e^−1.66667 = 0.81112…
#[test]
fn a_cache_is_found_again_by_other_conversations() {
    let text =
        "version: 1\nfeatures:\n  a: {model: x, prompt: 100, output: 10, turns: 8, steps: 3, calls: 40 per day}\n";
    let today = "2026-11-22".parse().unwrap();
    let (workload, _) = crate::input::workload::load(Path::new("farebox.yaml"), text, today).unwrap();
    let feature = &workload.features[0];
    assert!(feature.talks() && !feature.is_one_request());
    assert_eq!((feature.found_again(5), feature.found_again(60)), (dec!(0.1296), dec!(0.8111)));
    // Never certain, however long it holds.
    assert_eq!(feature.found_again(u32::MAX), dec!(0.9999));
}
