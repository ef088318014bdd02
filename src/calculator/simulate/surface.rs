//! What a call costs, as a function of what is uncertain in it: [`Surface`].
//!
//! A call's cost is the sum of its requests, and these are too many to walk through in every draw. Where no draw changes
//! rates, the cost is linear in every quantity and in both hit rates, for each number of turns and steps: a few calls at the
//! ends of the ranges say all there is to know.

use crate::calculator::shape::{Shape, WHOLE};
use crate::calculator::tariff::{ALL_SLOTS, SLOTS, Tariff};

use super::float;

/// Rates as floats, by the length of a prompt in millionths of a token.
pub(super) struct FloatRates(Vec<(i128, [f64; SLOTS])>);

/// What requests cost apart from failed attempts: what is paid for each that is sent, and for each that is answered.
pub(super) type Paid = [f64; 2];

impl FloatRates {
    pub(super) fn of(tariff: &Tariff) -> FloatRates {
        let band = |band: &crate::calculator::tariff::Band| {
            // A plan that may send such a prompt was refused when it was made.
            let rates = band.rates.as_ref().map_or([0.0; SLOTS], |rates| {
                // A rate for one unit over the units of a quantity: 10⁻¹⁵ tokens.
                rates.map(|rate| if rate.per == 0 { 0.0 } else { float(rate.rate) / rate.per as f64 / 1e15 })
            });
            (i128::from(band.first) * 1_000_000, rates)
        };
        FloatRates(tariff.bands.iter().map(band).collect())
    }

    /// The same price for every kind of token, and nothing for a request, or the other way round.
    pub(super) fn counting(tokens: bool) -> FloatRates {
        use crate::calculator::tariff::TokenSlot;
        FloatRates(vec![(0, ALL_SLOTS.map(|slot| if (slot == TokenSlot::Request) == tokens { 0.0 } else { 1e-15 }))])
    }

    /// What the first so many turns of a call cost, from none to all of them.
    pub(super) fn by_turns(&self, shape: &Shape) -> Vec<Paid> {
        let mut turns = vec![[0.0; 2]; usize::try_from(shape.turns).unwrap_or(0) + 1];
        shape.requests(|request| {
            let band = self.0.iter().rposition(|(first, _)| *first <= request.prompt).unwrap_or(0);
            let sum = &mut turns[request.turn + 1];
            for ((slot, part), rate) in ALL_SLOTS.iter().zip(request.parts).zip(self.0[band].1) {
                sum[usize::from(slot.is_answer())] += part as f64 * rate;
            }
        });
        for turn in 1..turns.len() {
            let before = turns[turn - 1];
            turns[turn] = [turns[turn][0] + before[0], turns[turn][1] + before[1]];
        }
        turns
    }
}

/// How many quantities a shape has.
const FIELDS: usize = 13;

fn fields(shape: &Shape) -> [i64; FIELDS] {
    let cached = shape.cached.map_or(0, |cached| cached.prefix);
    let Shape { prefix, user, passages, images, output, reasoning, around, call, result, .. } = *shape;
    let Shape { audio, video, speech, .. } = *shape;
    [prefix, cached, user, passages, images, output, reasoning, around, call, result, audio, video, speech]
}

/// The place of the answer among the quantities.
const OUTPUT: usize = 5;

fn with_field(shape: &Shape, field: usize, value: i64) -> Shape {
    let mut shape = *shape;
    let place = match field {
        0 => &mut shape.prefix,
        1 => match &mut shape.cached {
            Some(cached) => &mut cached.prefix,
            None => return shape,
        },
        2 => &mut shape.user,
        3 => &mut shape.passages,
        4 => &mut shape.images,
        OUTPUT => &mut shape.output,
        6 => &mut shape.reasoning,
        7 => &mut shape.around,
        8 => &mut shape.call,
        9 => &mut shape.result,
        10 => &mut shape.audio,
        11 => &mut shape.video,
        _ => &mut shape.speech,
    };
    *place = value;
    shape
}

fn hits(shape: &Shape) -> [i64; 2] {
    shape.cached.map_or([0, 0], |cached| [cached.between, cached.within])
}

fn with_hits(shape: &Shape, [between, within]: [i64; 2]) -> Shape {
    let mut shape = *shape;
    if let Some(cached) = &mut shape.cached {
        (cached.between, cached.within) = (between, within);
    }
    shape
}

/// What so many turns cost: at the low ends, and more for each millionth of a token of the quantities that vary.
struct Corner {
    base: Vec<Paid>,
    slopes: Vec<Vec<Paid>>,
}

/// What a call costs over all that is uncertain in it.
pub(super) struct Surface {
    low: Shape,
    low_hits: [i64; 2],
    high_hits: [i64; 2],
    /// Quantities that vary, and the one whose slope is asked for.
    varying: Vec<usize>,
    first_steps: i64,
    /// By steps, then by the corner of the hit rates.
    corners: Vec<[Option<Corner>; 4]>,
}

/// A number between two whole ones: the lower one, and how far it is to the next.
#[derive(Clone, Copy)]
pub(super) struct Between(pub i64, pub f64);

impl Between {
    pub(super) fn of(x: f64) -> Between {
        let below = x.floor();
        Between(below as i64, x - below)
    }

    /// Both whole numbers with their shares; the second one is left out where it has none.
    fn both(self) -> impl Iterator<Item = (i64, f64)> {
        [(self.0, 1.0 - self.1), (self.0 + 1, self.1)].into_iter().filter(|(_, share)| *share > 1e-12)
    }
}

/// What a call costs in a draw.
#[derive(Clone, Copy, Default)]
pub(super) struct CallCost {
    pub mean: f64,
    /// The variance of single calls, as their turns, steps and answers differ.
    pub variance: f64,
}

impl Surface {
    /// Prices the ends of what is uncertain.
    ///
    /// * `low`, `high`: a call with every quantity and hit rate at its low and its high end, and the most turns.
    /// * `steps`: the fewest and the most steps.
    /// * `slope`: whether the slope by the length of the answer is asked for though that is certain.
    pub(super) fn of(rates: &FloatRates, low: &Shape, high: &Shape, steps: (i64, i64), slope: bool) -> Surface {
        let (low_fields, high_fields) = (fields(low), fields(high));
        let varies = |field: &usize| low_fields[*field] != high_fields[*field] || slope && *field == OUTPUT;
        let varying: Vec<usize> = (0..FIELDS).filter(varies).collect();
        let (low_hits, high_hits) = (hits(low), hits(high));
        let corner = |count: i64, index: usize| {
            let pick = |hit: usize| if index & (1 << hit) > 0 { high_hits[hit] } else { low_hits[hit] };
            let needless = (0..2).any(|hit| index & (1 << hit) > 0 && low_hits[hit] == high_hits[hit]);
            if needless {
                return None;
            }
            let base_shape = Shape { steps: count, ..with_hits(low, [pick(0), pick(1)]) };
            let base = rates.by_turns(&base_shape);
            let slopes = varying.iter().map(|field| {
                // A token at least, so that a slope is never lost in the digits.
                let width = (high_fields[*field] - low_fields[*field]).max(1_000_000);
                let moved = rates.by_turns(&with_field(&base_shape, *field, low_fields[*field].saturating_add(width)));
                let slope = |(moved, base): (&Paid, &Paid)| [0, 1].map(|i| (moved[i] - base[i]) / width as f64);
                moved.iter().zip(&base).map(slope).collect()
            });
            Some(Corner { slopes: slopes.collect(), base })
        };
        let corners = (steps.0..=steps.1).map(|count| [0, 1, 2, 3].map(|index| corner(count, index))).collect();
        Surface { low: *low, low_hits, high_hits, varying, first_steps: steps.0, corners }
    }

    /// What a call of a draw costs.
    ///
    /// * `attempts`: what is paid for sent, and for answered requests.
    /// * `deviation`: how far the lengths of single answers are from their mean, in millionths of a token.
    pub(super) fn cost(
        &self,
        shape: &Shape,
        (turns, steps): (Between, Between),
        attempts: Paid,
        deviation: f64,
    ) -> CallCost {
        let at = hits(shape);
        let far = [0, 1].map(|hit| {
            let width = self.high_hits[hit] - self.low_hits[hit];
            if width == 0 { 0.0 } else { (at[hit] - self.low_hits[hit]) as f64 / width as f64 }
        });
        let (now, low) = (fields(shape), fields(&self.low));
        let (mut mean, mut square, mut slope) = (0.0, 0.0, 0.0);
        for (count, count_share) in steps.both() {
            let Some(corners) = usize::try_from(count - self.first_steps).ok().and_then(|i| self.corners.get(i)) else {
                continue;
            };
            for (turn, turn_share) in turns.both() {
                let turn = usize::try_from(turn).unwrap_or(0);
                let mut cost = 0.0;
                for (index, corner) in corners.iter().enumerate() {
                    let Some(corner) = corner else { continue };
                    let weight: f64 =
                        (0..2).map(|hit| if index & (1 << hit) > 0 { far[hit] } else { 1.0 - far[hit] }).product();
                    let Some(base) = corner.base.get(turn) else { continue };
                    let mut paid = *base;
                    for (field, slopes) in self.varying.iter().zip(&corner.slopes) {
                        let moved = (now[*field] - low[*field]) as f64;
                        paid = [paid[0] + slopes[turn][0] * moved, paid[1] + slopes[turn][1] * moved];
                        if *field == OUTPUT && deviation > 0.0 {
                            let own = slopes[turn][0] * attempts[0] + slopes[turn][1] * attempts[1];
                            slope += weight * count_share * turn_share * own;
                        }
                    }
                    cost += weight * (paid[0] * attempts[0] + paid[1] * attempts[1]);
                }
                mean += count_share * turn_share * cost;
                square += count_share * turn_share * cost * cost;
            }
        }
        let answers = (turns.0 as f64 + turns.1).max(1.0);
        let by_answers = (slope * deviation).powi(2) / answers;
        CallCost { mean, variance: (square - mean * mean).max(0.0) + by_answers }
    }
}

/// What a call of a draw costs where its quantities decide which rates hold: request by request.
pub(super) fn walked(
    rates: &FloatRates,
    shape: &Shape,
    (turns, steps): (Between, Between),
    attempts: Paid,
    deviation: f64,
) -> CallCost {
    let all = |shape: &Shape| {
        let (mut mean, mut square) = (0.0, 0.0);
        for (count, count_share) in steps.both() {
            let most = turns.0 + i64::from(turns.1 > 0.0);
            let by_turns = rates.by_turns(&Shape { turns: most, steps: count, ..*shape });
            for (turn, turn_share) in turns.both() {
                let Some(paid) = usize::try_from(turn).ok().and_then(|turn| by_turns.get(turn)) else { continue };
                let cost = paid[0] * attempts[0] + paid[1] * attempts[1];
                mean += count_share * turn_share * cost;
                square += count_share * turn_share * cost * cost;
            }
        }
        (mean, square)
    };
    let (mean, square) = all(shape);
    let mut variance = (square - mean * mean).max(0.0);
    if deviation > 0.0 {
        let longer = all(&with_field(shape, OUTPUT, shape.output.saturating_add(1_000_000))).0;
        let answers = (turns.0 as f64 + turns.1).max(1.0);
        variance += ((longer - mean) / 1e6 * deviation).powi(2) / answers;
    }
    CallCost { mean, variance }
}

/// A hit rate is in billionths.
const _: () = assert!(WHOLE == 1_000_000_000);
