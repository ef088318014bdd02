//! How fast a plan is: `cargo bench --bench plan`, one thread. 20 features over 24 months with 10,000 draws, and the
//! same on one model after the other.

use std::path::Path;
use std::sync::Arc;

use divan::{Bencher, black_box};
use farebox::calculator::outcome::outcome;
use farebox::calculator::projection::{CountingError, Plan, Planner, Resolver, plan};
use farebox::calculator::settled::Settled;
use farebox::calculator::workload::Workload;
use farebox::conversation::Media;
use farebox::input::workload::load;
use farebox::period::Instant;
use farebox::pricing::card::Kind;
use farebox::pricing::{Found, PriceTable, UnknownModel};
use farebox::tokenizer::TokenCount;
use farebox::tokenizer::chat::Wrapping;
use farebox::tokenizer::media::Weighed;
use rust_decimal::Decimal;

fn main() {
    divan::main();
}

struct Quarters(PriceTable);

impl Resolver for Quarters {
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        self.0.find(model, at)
    }
    fn count(&mut self, _: &Found, text: &Arc<str>) -> Result<TokenCount, CountingError> {
        Ok(TokenCount::exact(text.len() as u64 / 4))
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
        "quarter".into()
    }
    fn per_usd(&self, _: &str, _: Instant) -> Option<Decimal> {
        None
    }
}

fn workload(features: usize) -> Workload {
    let mut yaml = String::from(
        "version: 1\nstart: 2027-01-01\nmonths: 24\ndraws: 10000\ncalendar: {weekdays: mon-fri}\nfeatures:\n",
    );
    for i in 0..features {
        yaml += &format!(
            "  f{i}: {{model: openai/gpt-4o, system: 800, prompt: 300, turns: 3, output: 100..300..700, cache: {{hit_rate: 60%..80%..90%}}, calls: 200..400..700 per day, growth: 2%..4%..9%}}\n"
        );
    }
    load(Path::new("bench.yaml"), &yaml, "2026-11-22".parse().expect("a day")).expect("a workload").0
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn twenty_features_two_years_ten_thousand_draws(bencher: Bencher) {
    let (workload, mut resolver) = (workload(20), Quarters(PriceTable::bundled()));
    let plan = plan(&workload, &mut resolver, None).expect("a plan");
    let settled = Settled::of(&plan, &resolver).expect("no currency");
    bencher.bench_local(|| black_box(outcome(&plan, &settled, true, 10_000).expect("an outcome")));
}

/// As `compare -w` does it: all models in order by their expected costs, the first twenty with bounds.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn twenty_features_on_five_hundred_models(bencher: Bencher) {
    let (workload, mut resolver) = (workload(20), Quarters(PriceTable::bundled()));
    let at: Instant = "2026-11-22".parse().expect("a day");
    let live = |card: &farebox::pricing::card::ModelCard| card.info.kind == Kind::Chat && card.rates_at(at).is_some();
    let cards = resolver.0.cards().filter(|(_, card)| live(card)).take(500);
    let models: Vec<Found> = cards.map(|(head, card)| Found::of_card(head, card)).collect();
    assert_eq!(models.len(), 500);
    bencher.bench_local(|| {
        let planner = Planner::new(workload.clone(), &resolver);
        let price = |plan: &Plan, resolver: &Quarters, draws| {
            let settled = Settled::of(plan, resolver).expect("no currency");
            outcome(plan, &settled, false, draws).expect("an outcome").total
        };
        let mut rows = Vec::new();
        for found in &models {
            if let Ok(plan) = planner.plan(&mut resolver, Some(found)) {
                rows.push((price(&plan, &resolver, 0).expected, found));
            }
        }
        rows.sort_by_key(|(usd, _)| *usd);
        for (_, found) in rows.iter().take(20) {
            let plan = planner.plan(&mut resolver, Some(found)).expect("planned before");
            black_box(price(&plan, &resolver, 500));
        }
    });
}
