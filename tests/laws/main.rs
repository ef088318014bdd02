//! Laws of the price engine, held against price files that nobody wrote.
//!
//! [`file`] makes up price files and requests, [`oracle`] prices them slowly in rational numbers, straight from what
//! `pricing/README.md` says; the tests here compare that with the engine, and check what must hold for any card.
//!
//! Each price file that a test tries is asked about several requests; `FAREBOX_LAW_TIMES` multiplies how many files there are.

mod file;
use farebox_testing::laws;
mod oracle;

use std::cell::RefCell;
use std::collections::BTreeMap;

use farebox::calculator::{Cost, Refusal, price};
use farebox::context::{Context, Dimension};
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::card::{Rate, Rates, Variant};
use farebox::pricing::compile::{PriceFile, Provider, Use, compile};
use farebox::pricing::packed::{Packed, pack};
use farebox::usage::Usage;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use rust_decimal::Decimal;

use file::{File, Request, files, requests};
use oracle::{Answer, Q, exact};

/// As many files as a debug build tries in a second or two for each test.
const FILES: u32 = 60;

/// Runs a law over made-up files, each with some requests.
fn law(requests_each: usize, check: impl Fn(&File, &Provider, &Request) -> TestCaseResult) {
    let strategy = (files(), prop::collection::vec(requests(), requests_each));
    let outcome = TestRunner::new(laws::cases(FILES)).run(&strategy, |(file, mut requests)| {
        let text = file.to_yaml();
        let provider = compiled(&text);
        requests.iter_mut().for_each(|request| request.fit(&file));
        for request in &requests {
            check(&file, &provider, request).map_err(|e| TestCaseError::fail(format!("{e}\n{request:?}\n{text}")))?;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn compiled(text: &str) -> Provider {
    let file = PriceFile { path: "made-up.yaml".into(), text: text.to_owned() };
    let (mut providers, problems) = compile(&[file], Use::Overlay, &|_, _| None);
    let errors: Vec<String> =
        problems.iter().filter(|p| !matches!(p.code, "gap" | "unsaid-meter")).map(|p| p.render(text)).collect();
    assert!(errors.is_empty(), "{}\n{text}", errors.join("\n"));
    providers.remove(0)
}

fn usage_of(quantities: &BTreeMap<&'static str, String>) -> Usage {
    let mut usage = Usage::default();
    for (meter, quantity) in quantities {
        usage.set(meter.parse().unwrap(), quantity.parse().unwrap());
    }
    usage
}

fn context_of(said: &BTreeMap<&'static str, String>) -> Context {
    said.iter().fold(Context::default(), |c, (dimension, value)| c.with(dimension.parse().unwrap(), value))
}

fn ask(provider: &Provider, request: &Request) -> Result<Cost, Refusal> {
    let (usage, context) = (usage_of(&request.quantities), context_of(&request.said));
    price(&provider.head, &provider.models[0], &usage, &context, Instant::from_unix(request.at))
}

fn rational(decimal: Decimal) -> Q {
    exact(&decimal.to_string())
}

#[test]
#[expect(clippy::print_stdout, reason = "how many of each answer there were is what a long run is read for")]
fn the_engine_agrees_with_the_oracle() {
    let tally: RefCell<BTreeMap<String, u32>> = RefCell::default();
    law(12, |file, provider, request| {
        let (got, want) = (ask(provider, request), oracle::answer(file, request));
        let outcome = match (&got, &want) {
            (Ok(cost), Answer::Priced { lines, total }) => {
                prop_assert_eq!(&rational(cost.total.amount()), total, "the total of {:?}", cost);
                prop_assert_eq!(cost.lines.len(), lines.len(), "the lines of {:?}", cost);
                for (line, want) in cost.lines.iter().zip(lines) {
                    prop_assert_eq!(line.meter.name(), want.meter);
                    prop_assert_eq!(rational(line.quantity), want.quantity.clone(), "the quantity of {:?}", line);
                    prop_assert_eq!(rational(line.rate), want.rate.clone(), "the rate of {:?}", line);
                    prop_assert_eq!(line.per, want.per);
                    prop_assert_eq!(rational(line.usd.amount()), want.usd.clone(), "the amount of {:?}", line);
                }
                if cost.lines.is_empty() { "nothing used" } else { "priced" }
            }
            (Err(refusal), Answer::Refused(reasons)) => {
                prop_assert!(reasons.contains(refusal.status()), "refused as {:?}, want {:?}", refusal, reasons);
                refusal.status()
            }
            _ => {
                return Err(TestCaseError::fail(format!("the engine says {got:?}, the oracle {want:?}")));
            }
        };
        *tally.borrow_mut().entry(outcome.to_owned()).or_default() += 1;
        Ok(())
    });
    let tally = tally.into_inner();
    println!("{tally:?}");
    let all: u32 = tally.values().sum();
    assert!(tally["priced"] * 5 > all, "the made-up requests are refused too often to say much: {tally:?}");
}

#[test]
fn a_receipt_adds_up_again() {
    law(8, |_, provider, request| {
        let Ok(cost) = ask(provider, request) else { return Ok(()) };
        let sum = cost.lines.iter().fold(exact("0"), |sum, line| sum + rational(line.usd.amount()));
        prop_assert_eq!(rational(cost.total.amount()), sum);
        prop_assert!(cost.lines.windows(2).all(|pair| pair[0].meter < pair[1].meter), "in the order of a receipt");
        for line in &cost.lines {
            let amount = rational(line.quantity) * rational(line.rate) / exact(&line.per.to_string());
            let off = rational(line.usd.amount()) - amount;
            prop_assert!(oracle::is_within_half(&off), "{:?} is off by {}", line, off);
        }
        Ok(())
    });
}

#[test]
fn a_cost_is_linear_in_requests() {
    law(8, |_, provider, request| {
        let Ok(cost) = ask(provider, request) else { return Ok(()) };
        for n in [0, 1, 3, 1_000, u64::from(u32::MAX)] {
            let want = rational(cost.total.amount()) * exact(&n.to_string());
            match cost.clone().times(n) {
                Some(many) => {
                    prop_assert_eq!(rational(many.total.amount()), want);
                    let sum = many.lines.iter().fold(exact("0"), |sum, line| sum + rational(line.usd.amount()));
                    prop_assert_eq!(sum, rational(many.total.amount()));
                }
                None => {
                    let parts = cost.lines.iter().flat_map(|line| [line.quantity, line.usd.amount()]);
                    let mut many = parts.map(|part| rational(part) * exact(&n.to_string())).chain([want]);
                    prop_assert!(!many.all(|part| oracle::fits(&part)), "{} times {:?} fits", n, cost);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn more_never_costs_less_within_a_tier() {
    let dearer = RefCell::new(0);
    law(8, |file, provider, request| {
        let Ok(cost) = ask(provider, request) else { return Ok(()) };
        for meter in request.quantities.keys() {
            let mut more = request.clone();
            let quantity: Decimal = more.quantities[meter].parse().unwrap();
            more.quantities.insert(meter, (quantity + Decimal::ONE).to_string());
            // A prompt in another tier is another matter, and so is a quantity that was none: its rate may be missing.
            if file.tiers_of(request) != file.tiers_of(&more) || quantity.is_zero() {
                continue;
            }
            let more = match ask(provider, &more) {
                Err(Refusal::InvalidUsage { .. }) => continue,
                other => other,
            };
            let more = more.map_err(|e| TestCaseError::fail(format!("one more of {meter}: {e}")))?;
            prop_assert!(more.total >= cost.total, "one more of {}: {:?} {:?}", meter, cost, more);
            *dearer.borrow_mut() += usize::from(more.total > cost.total);
        }
        Ok(())
    });
    assert!(dearer.into_inner() > 100, "hardly anything became dearer");
}

#[test]
fn a_boundary_belongs_to_the_later_period() {
    law(4, |file, provider, request| {
        for period in &file.periods {
            let Some(from) = period.from else { continue };
            let asked = |at| ask(provider, &Request { at, ..request.clone() });
            if let Ok(cost) = asked(from) {
                prop_assert_eq!(cost.period.from.map(Instant::unix), Some(from));
            }
            if let Ok(cost) = asked(from - 1) {
                prop_assert!(cost.period.to.is_some_and(|to| to.unix() <= from), "{:?} goes on", cost.period);
            }
            let card = provider.models[0].rates_at(Instant::from_unix(from)).expect("a price begins");
            prop_assert_eq!(card.period.from.map(Instant::unix), Some(from));
        }
        Ok(())
    });
}

#[test]
fn what_the_card_does_not_know_is_refused() {
    let refused = RefCell::new(0);
    law(8, |_, provider, request| {
        for dimension in Dimension::ALL {
            let used = usage_of(&request.quantities);
            if !used.used().any(|(meter, _)| dimension.concerns(meter)) {
                continue;
            }
            let mut odd = request.clone();
            odd.said.insert(dimension.name(), "never-heard-of".into());
            let answer = ask(provider, &odd);
            if dimension.is_one_without_rates() {
                // No card of these files has two caches: what a request says of the one changes nothing.
                prop_assert_eq!(answer, ask(provider, request), "{}", dimension);
                continue;
            }
            prop_assert!(answer.is_err(), "{} was not known, and yet {:?}", dimension, answer);
            let was_priced = ask(provider, request).is_ok();
            if was_priced && !request.said.contains_key(dimension.name()) {
                prop_assert_eq!(answer.unwrap_err().status(), "no-rate");
                *refused.borrow_mut() += 1;
            }
        }
        Ok(())
    });
    assert!(refused.into_inner() > 100, "hardly any request was good before");
}

#[test]
fn a_neutral_value_changes_nothing() {
    law(8, |file, provider, request| {
        for (dimension, values) in &file.neutral {
            if request.said.contains_key(dimension) {
                continue;
            }
            for value in values {
                let mut said = request.clone();
                said.said.insert(dimension, value.to_uppercase());
                prop_assert_eq!(ask(provider, &said), ask(provider, request), "{}={}", dimension, value);
            }
        }
        Ok(())
    });
}

/// What no made-up file is about.
const STATED: [(Dimension, &str); 3] =
    [(Dimension::Speed, "fast"), (Dimension::Endpoint, "regional"), (Dimension::Route, "elsewhere")];

/// The same provider, whose cards have one more variant, and what a request to it costs that fulfils the variant.
fn with_variant(provider: &Provider, request: &Request, when: &[(Dimension, &str)], rates: &Rates) -> Asked {
    let mut provider = provider.clone();
    let when: Vec<(Dimension, String)> = when.iter().map(|(d, value)| (*d, (*value).to_owned())).collect();
    for card in &mut provider.models[0].rate_cards {
        card.variants.push(Variant { when: when.clone(), rates: rates.clone(), tiers: Vec::new() });
    }
    let mut request = request.clone();
    request.said.extend(when.iter().map(|(d, value)| (d.name(), value.clone())));
    ask(&provider, &request)
}

type Asked = Result<Cost, Refusal>;

#[test]
fn a_variant_that_inherits_everything_changes_nothing() {
    let inherits: Rates = Meter::ALL.iter().map(|meter| (*meter, Rate::Inherit)).collect();
    law(8, |_, provider, request| {
        let got = with_variant(provider, request, &STATED[..1], &inherits);
        prop_assert_eq!(got, ask(provider, request));
        Ok(())
    });
}

/// No standard rate, and no other variant's, is billed for a meter that the most specific condition does not name.
#[test]
fn a_variant_that_says_nothing_refuses_everything() {
    law(8, |_, provider, request| {
        let Ok(cost) = ask(provider, request) else { return Ok(()) };
        let got = with_variant(provider, request, &STATED, &Rates::new());
        prop_assert_eq!(got.is_err(), !cost.lines.is_empty(), "{:?}", got);
        Ok(())
    });
}

#[test]
fn a_packed_card_is_the_card() {
    law(1, |_, provider, _| {
        let bytes = pack("2026.11.22", std::slice::from_ref(provider));
        let packed = Packed::open(bytes).expect("what was packed opens");
        prop_assert_eq!(packed.provider(0), Some(provider.head.clone()));
        prop_assert_eq!(packed.model(0), Some((0, provider.models[0].clone())));
        prop_assert_eq!(packed.find("made-up").collect::<Vec<_>>(), vec![0]);
        Ok(())
    });
}

/// Clocks in logs are not always sane.
#[test]
fn no_moment_is_too_far_away() {
    law(2, |_, provider, request| {
        for at in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            // An answer of either kind will do: what is checked is that there is one.
            let _ = ask(provider, &Request { at, ..request.clone() });
        }
        Ok(())
    });
}

/// Every meter and dimension that the made-up files use is one of the engine's, with the properties they count on.
#[test]
fn the_made_up_files_speak_the_language_of_the_engine() {
    for meter in file::METERS {
        let known: Meter = meter.name.parse().unwrap();
        assert_eq!(known.is_tokens(), meter.is_tokens, "{known}");
    }
    for (dimension, _) in file::DIMENSIONS {
        assert!(dimension.parse::<Dimension>().is_ok(), "{dimension}");
    }
}
