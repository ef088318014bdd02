//! Why a cost changed: the difference of two features split over [`Factor`]s, exactly and in no order.
//!
//! Every part is the Shapley value of its factor: what it adds, averaged over all orders in which the factors could have
//! changed one after the other. The parts therefore add up to the whole change, a factor that changes nothing gets
//! nothing, and no order of reading the file favours one of them.
//!
//! Begin at [`shapley`]; [`mixed`] makes a feature that is partly as it was and partly as it is.

use rust_decimal::Decimal;
use serde::Serialize;

use super::workload::Feature;

macro_rules! factors {
    ($($variant:ident $name:literal $label:literal;)+) => {
        /// What a cost depends on. Those from `ranges` on are never told apart by [`shapley`], but are lines of their own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Factor {
            $(#[doc = $label] $variant,)+
        }

        impl Factor {
            /// All of them.
            pub const ALL: &[Factor] = &[$(Factor::$variant),+];

            /// The name in machine forms.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Factor::$variant => $name),+ }
            }

            /// What people call it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Factor::$variant => $label),+ }
            }
        }
    };
}

factors! {
    Prompt "prompt" "prompt size";
    Model "model" "model";
    Output "output" "output";
    Reasoning "reasoning" "reasoning";
    Calls "calls" "calls";
    Cache "cache" "cache";
    PriceTable "price_table" "price table";
    Exchange "exchange" "exchange rate";
    Ranges "ranges" "width of the ranges";
    Fixed "fixed" "fixed costs";
    Credits "credits" "credits";
    Tax "tax" "tax";
}

/// Digits behind the point that a part keeps.
pub(crate) const SCALE: u32 = 18;

/// Splits `value(all) − value(none)` over `n` factors; `value` gets the set of factors that have changed as bits.
///
/// * returns: one part for each factor, rounded at [`SCALE`] digits so that they add up to the difference exactly.
///
/// # Errors
/// What `value` answers; `None` inside of it where the numbers have more digits than can be added exactly.
///
/// # Examples
/// ```
/// use farebox::calculator::explain::shapley;
/// use rust_decimal::Decimal;
/// // 2 × 3 becomes 4 × 5: one factor gives 2 × (3 + 5) ÷ 2 = 8, the other 2 × (2 + 4) ÷ 2 = 6, together 20 − 6.
/// let value = |set: u32| {
///     let (a, b) = (if set & 1 > 0 { 4 } else { 2 }, if set & 2 > 0 { 5 } else { 3 });
///     Ok::<_, ()>(Decimal::from(a * b))
/// };
/// assert_eq!(shapley(2, value), Ok(Some(vec![Decimal::from(8), Decimal::from(6)])));
/// ```
pub fn shapley<E>(n: usize, mut value: impl FnMut(u32) -> Result<Decimal, E>) -> Result<Option<Vec<Decimal>>, E> {
    let sets = 1_u32.checked_shl(u32::try_from(n).unwrap_or(u32::MAX)).filter(|_| n <= 12);
    let Some(sets) = sets else { return Ok(None) };
    let mut values = Vec::with_capacity(sets as usize);
    for set in 0..sets {
        values.push(value(set)?);
    }
    Ok(split(n, &values))
}

/// The parts out of the value of every set, in units of the last digit ÷ n!.
fn split(n: usize, values: &[Decimal]) -> Option<Vec<Decimal>> {
    // Amounts beyond some 10 billion have fewer digits left behind the point.
    let largest = values.iter().map(|v| v.abs().trunc().normalize()).max()?;
    let scale = (0..=SCALE).rev().find(|scale| units(largest + Decimal::ONE, *scale).is_some_and(|n| n < MOST))?;
    let units: Option<Vec<i128>> = values.iter().map(|v| units(*v, scale)).collect();
    let units = units?;
    let factorial = |k: usize| (1..=k as i128).product::<i128>();
    let whole = factorial(n);
    let mut numerators = vec![0_i128; n];
    for (set, before) in units.iter().enumerate() {
        for (factor, sum) in numerators.iter_mut().enumerate().filter(|(factor, _)| set & (1 << factor) == 0) {
            let after = units.get(set | (1 << factor))?;
            let others = set.count_ones() as usize;
            let weight = factorial(others) * factorial(n - others - 1);
            *sum = sum.checked_add(after.checked_sub(*before)?.checked_mul(weight)?)?;
        }
    }
    let mut parts: Vec<i128> = numerators.iter().map(|sum| sum.div_euclid(whole)).collect();
    let total = units.last()?.checked_sub(*units.first()?)?;
    let missing = total - parts.iter().sum::<i128>();
    // What rounding down left over goes to the parts that lost most, one unit each.
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(numerators[*i].rem_euclid(whole)), *i));
    order.into_iter().take(usize::try_from(missing).ok()?).for_each(|i| parts[i] += 1);
    parts.into_iter().map(|part| Decimal::try_from_i128_with_scale(part, scale).ok().map(|d| d.normalize())).collect()
}

/// The largest number of units of the last digit that a difference of two of them fits a decimal with.
const MOST: i128 = 39_000_000_000_000_000_000_000_000_000;

/// A number in whole units of the last digit; rounded there where it has more digits.
fn units(value: Decimal, scale: u32) -> Option<i128> {
    let rounded = value.round_dp(scale);
    let missing = scale.checked_sub(rounded.scale())?;
    rounded.mantissa().checked_mul(10_i128.checked_pow(missing)?)
}

/// The set of changed factors as bits, by their place in [`Factor::ALL`].
pub(crate) type Changed = u32;

/// The bit of a factor.
#[must_use]
pub(crate) const fn bit(factor: Factor) -> Changed {
    1 << factor as u32
}

/// A feature with the changed factors as in `head` and the others as in `base`.
///
/// Turns, steps and retries say how many requests a call takes and belong to the calls; batches, tiers and what a
/// request states belong to the model, whose rates they choose.
#[must_use]
pub(crate) fn mixed(base: &Feature, head: &Feature, changed: Changed) -> Feature {
    let of = |factor| if changed & bit(factor) > 0 { head } else { base };
    let (prompt, model, output) = (of(Factor::Prompt), of(Factor::Model), of(Factor::Output));
    let (reasoning, calls, cache) = (of(Factor::Reasoning), of(Factor::Calls), of(Factor::Cache));
    Feature {
        name: head.name.clone(),
        system: prompt.system.clone(),
        tools: prompt.tools.clone(),
        prompts: prompt.prompts.clone(),
        history: prompt.history,
        rag: prompt.rag.clone(),
        attachments: prompt.attachments.clone(),
        routes: model.routes.clone(),
        batch: model.batch,
        context: model.context.clone(),
        minute: model.minute,
        batch_if_sold: model.batch_if_sold,
        free: model.free.clone(),
        tuning: model.tuning.clone(),
        output: output.output,
        says_output: output.says_output,
        spread: output.spread.clone(),
        also: output.also.clone(),
        media: prompt.media.clone(),
        reasoning: reasoning.reasoning,
        turns: calls.turns,
        steps: super::workload::Steps {
            count: calls.steps.count,
            call: output.steps.call,
            result: prompt.steps.result,
        },
        retries: calls.retries,
        calls: calls.calls,
        follows: calls.follows.clone(),
        shared_users: calls.shared_users,
        order: head.order,
        calls_of: calls.calls_of,
        prompt_growth: prompt.prompt_growth,
        growth: calls.growth.clone(),
        calendar: calls.calendar.clone(),
        cache: cache.cache,
    }
}

/// The factors in which two features differ, the price table and the exchange rate left out.
#[must_use]
pub(crate) fn differences(base: &Feature, head: &Feature) -> Vec<Factor> {
    let models = |f: &Feature| f.routes.iter().map(|r| (r.model.clone(), r.share)).collect::<Vec<_>>();
    let prompt = base.system != head.system
        || base.tools != head.tools
        || base.prompts != head.prompts
        || base.history != head.history
        || base.rag != head.rag
        || base.attachments != head.attachments
        || base.media != head.media
        || base.prompt_growth != head.prompt_growth
        || base.steps.result != head.steps.result;
    let model = models(base) != models(head)
        || base.batch != head.batch
        || base.batch_if_sold != head.batch_if_sold
        || base.context != head.context
        || base.minute != head.minute
        || base.free != head.free
        || base.tuning != head.tuning;
    let output = base.output != head.output
        || base.spread != head.spread
        || base.also != head.also
        || base.steps.call != head.steps.call;
    let calls = base.turns != head.turns
        || base.steps.count != head.steps.count
        || base.retries != head.retries
        || base.calls != head.calls
        || base.follows != head.follows
        || base.growth != head.growth
        || base.calendar != head.calendar;
    let list = [
        (Factor::Prompt, prompt),
        (Factor::Model, model),
        (Factor::Output, output),
        (Factor::Reasoning, base.reasoning != head.reasoning),
        (Factor::Calls, calls),
        (Factor::Cache, base.cache != head.cache),
    ];
    list.into_iter().filter(|(_, differs)| *differs).map(|(factor, _)| factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::dec;

    /// The definition itself: the mean over all orders of what each factor adds.
    fn by_orders(n: usize, values: &[Decimal]) -> Vec<Decimal> {
        let mut sums = vec![Decimal::ZERO; n];
        let mut orders = 0_u32;
        let mut order: Vec<usize> = (0..n).collect();
        fn each(order: &mut Vec<usize>, from: usize, take: &mut impl FnMut(&[usize])) {
            if from == order.len() {
                return take(order);
            }
            for i in from..order.len() {
                order.swap(from, i);
                each(order, from + 1, take);
                order.swap(from, i);
            }
        }
        each(&mut order, 0, &mut |order| {
            orders += 1;
            let mut set = 0;
            for factor in order {
                let before = values[set];
                set |= 1 << factor;
                sums[*factor] += values[set] - before;
            }
        });
        sums.into_iter().map(|sum| sum / Decimal::from(orders)).collect()
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(10_000))]

        #[test]
        fn parts_add_up_to_the_last_digit_and_follow_the_definition(
            n in 1_usize..=5,
            numbers in prop::collection::vec((0_i64..=10_000_000_000, 0_u32..=18), 32),
        ) {
            let values: Vec<Decimal> = numbers.iter().take(1 << n).map(|(m, s)| Decimal::new(*m, *s)).collect();
            let parts = split(n, &values).expect("small numbers fit");
            let sum: Decimal = parts.iter().sum();
            prop_assert_eq!(sum, values[(1 << n) - 1] - values[0]);
            for (part, mean) in parts.iter().zip(by_orders(n, &values)) {
                // One unit of the last digit for the rounding here, one for that of the reference's division.
                prop_assert!((*part - mean).abs() <= dec!(0.000000000000000002), "{} {}", part, mean);
            }
        }
    }

    #[test]
    fn a_factor_that_changes_nothing_gets_nothing_and_thirds_add_up() {
        let value = |set: u32| Ok::<_, ()>(if set & 0b101 == 0b101 { dec!(1) } else { dec!(0) });
        assert_eq!(shapley(3, value), Ok(Some(vec![dec!(0.5), dec!(0), dec!(0.5)])));
        let all = |set: u32| Ok::<_, ()>(if set == 0b111 { dec!(1) } else { dec!(0) });
        let parts = shapley(3, all).unwrap().unwrap();
        assert_eq!(parts.iter().sum::<Decimal>(), dec!(1));
        assert_eq!(parts[0], dec!(0.333333333333333334));
    }
}
