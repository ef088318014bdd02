//! The distribution that a range stands for, and its means: what is expected is worked out here, never drawn.
//!
//! A draw from `low..expected..high` follows two ramps that meet at `expected`, which is also the mean: the left one holds
//! the share `(high − expected) ÷ (high − low)` of all draws. Everything below is in decimals of 28 digits.

use rust_decimal::Decimal;

use crate::range::Range;

/// The value below which a share of all draws from `low..expected..high` lies.
#[must_use]
pub(crate) fn ramp(low: f64, expected: f64, high: f64, share: f64) -> f64 {
    let width = high - low;
    if width <= 0.0 {
        return expected;
    }
    let left = (high - expected) / width;
    if share < left {
        low + (expected - low) * (share / left).sqrt()
    } else {
        high - (high - expected) * ((1.0 - share) / (1.0 - left)).max(0.0).sqrt()
    }
}

/// The shares of the left and the right ramp.
fn shares(range: Range<Decimal>) -> (Decimal, Decimal) {
    let left = (range.high - range.expected).checked_div(range.high - range.low).unwrap_or(Decimal::ONE);
    (left, Decimal::ONE - left)
}

/// The mean of what a draw has above `a`: of `max(0, x − a)`.
#[must_use]
pub(crate) fn mean_above(range: Range<Decimal>, a: Decimal) -> Decimal {
    let Range { low, expected, high } = range;
    let (left, right) = shares(range);
    // A ramp of length w and mass m that rises from its end to its top holds m d³ ÷ 3 w² between its end and d before it.
    let of_ramp = |mass: Decimal, d: Decimal, w: Decimal| {
        (mass * d * d * d).checked_div(Decimal::from(3) * w * w).unwrap_or_default()
    };
    if a <= low {
        expected - a
    } else if a >= high {
        Decimal::ZERO
    } else if a >= expected {
        of_ramp(right, high - a, high - expected)
    } else {
        expected - a + of_ramp(left, a - low, expected - low)
    }
}

/// The mean of a draw that is cut off at a cap: of `min(x, cap)`.
#[must_use]
pub(crate) fn mean_up_to(range: Range<Decimal>, cap: Decimal) -> Decimal {
    range.expected - mean_above(range, cap)
}

/// How likely a draw is to be more than a whole number `n`, where a draw between two whole numbers becomes one of them so
/// that the mean stays: the mean of `min(1, max(0, x − n))`.
#[must_use]
pub(crate) fn more_than(range: Range<Decimal>, n: u32) -> Decimal {
    let n = Decimal::from(n);
    (mean_above(range, n) - mean_above(range, n + Decimal::ONE)).clamp(Decimal::ZERO, Decimal::ONE)
}

/// The means of all powers, from the one of nothing up to `most`, of `shift` plus a draw; fewer where one has no end in sight.
#[must_use]
pub(crate) fn mean_powers(range: Range<Decimal>, shift: Decimal, most: u32) -> Vec<Decimal> {
    let Range { low: a, expected: b, high: c } = range.map(|n| n + shift);
    let powers = |base: Decimal| -> Vec<Decimal> {
        let next = |power: &Decimal| power.checked_mul(base);
        std::iter::successors(Some(Decimal::ONE), next).take(most as usize + 1).collect()
    };
    if a == c || a == b || b == c {
        return powers(b);
    }
    let (left, right) = shares(range);
    // With t from 0 at the foot of a ramp to 1 at its top, x = foot + (top − foot) t has the density 2 t: the mean of xⁿ is
    // the sum of the binomial terms, each a power of the foot, a power of the way, and 2 ÷ (k + 2).
    let of_ramp = |foot: Decimal, way: Decimal| -> Vec<Decimal> {
        let (feet, ways) = (powers(foot), powers(way));
        let mean = |power: usize| -> Option<Decimal> {
            let (mut sum, mut binomial) = (Decimal::ZERO, Decimal::ONE);
            for k in 0..=power {
                let term = feet.get(power - k)?.checked_mul(*ways.get(k)?)?.checked_mul(binomial)?;
                sum = sum.checked_add(term.checked_mul(Decimal::TWO)?.checked_div(Decimal::from(k as u64 + 2))?)?;
                binomial = binomial
                    .checked_mul(Decimal::from((power - k) as u64))?
                    .checked_div(Decimal::from(k as u64 + 1))?;
            }
            Some(sum)
        };
        (0..=most as usize).map_while(mean).collect()
    };
    let both = of_ramp(a, b - a).into_iter().zip(of_ramp(c, b - c));
    both.map_while(|(l, r)| left.checked_mul(l)?.checked_add(right.checked_mul(r)?)).collect()
}

/// The mean of one such power.
#[must_use]
pub(crate) fn mean_power(range: Range<Decimal>, shift: Decimal, power: u32) -> Option<Decimal> {
    mean_powers(range, shift, power).get(power as usize).copied()
}

/// A power, rounded where it has more digits than a decimal.
#[must_use]
pub(crate) fn whole_power(base: Decimal, power: u32) -> Option<Decimal> {
    (0..power).try_fold(Decimal::ONE, |product, _| product.checked_mul(base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    fn range(low: Decimal, expected: Decimal, high: Decimal) -> Range<Decimal> {
        Range { low, expected, high }
    }

    /// Means by Python's fractions, the density integrated piece by piece:
    /// for 1..2.5..6 the mean of max(0, x − 2) is 1/2 + 7/10 · 1³ ÷ (3 · 1.5²) = 163/270.
    #[test]
    fn what_is_above_a_number_is_integrated() {
        let r = range(dec!(1), dec!(2.5), dec!(6));
        let near = |a: Decimal, b: Decimal| assert!((a - b).abs() < dec!(0.000000000000000000000001), "{a} {b}");
        near(mean_above(r, dec!(2)), dec!(163) / dec!(270));
        near(mean_above(r, dec!(1)), dec!(1.5));
        near(mean_above(r, dec!(0)), dec!(2.5));
        near(mean_above(r, dec!(6)), dec!(0));
        // Right ramp: 3/10 · 3³ ÷ (3 · 3.5²) = 8.1/36.75.
        near(mean_above(r, dec!(3)), dec!(8.1) / dec!(36.75));
        near(mean_up_to(r, dec!(3)), dec!(2.5) - dec!(8.1) / dec!(36.75));
        // The chances of every whole number add up to the mean.
        for r in [
            r,
            range(dec!(1), dec!(1.4), dec!(6)),
            range(dec!(1), dec!(1.5), dec!(2)),
            range(dec!(2), dec!(2), dec!(9)),
        ] {
            let sum: Decimal = (0..9).map(|n| more_than(r, n)).sum();
            near(sum, r.expected);
        }
        assert_eq!(more_than(Range::exactly(dec!(1.4)), 0), dec!(1));
        assert_eq!(more_than(Range::exactly(dec!(1.4)), 1), dec!(0.4));
        assert_eq!(more_than(Range::exactly(dec!(3)), 2), dec!(1));
        assert_eq!(more_than(Range::exactly(dec!(3)), 3), dec!(0));
    }

    /// The variance of the two ramps is ((b−a)² + (c−b)² + (b−a)(c−b) …): worked out as Σ mass · way² ÷ 2 around b.
    #[test]
    fn powers_have_the_means_of_the_distribution() {
        let r = range(dec!(0), dec!(0.1), dec!(0.4));
        // Around the top, x − b = −(b−a)(1−t): its second moment is (b−a)² · (1 − 4/3 + 1/2) = (b−a)²/6, and so to the right.
        let second = dec!(0.01) + dec!(0.75) * dec!(0.01) / dec!(6) + dec!(0.25) * dec!(0.09) / dec!(6);
        let near = |a: Decimal, b: Decimal| assert!((a - b).abs() < dec!(0.000000000000000000000001), "{a} {b}");
        near(mean_power(r, dec!(0), 2).unwrap(), second);
        near(mean_power(r, dec!(0), 1).unwrap(), dec!(0.1));
        near(mean_power(r, dec!(1), 2).unwrap(), dec!(1.2) + second);
        assert_eq!(mean_power(Range::exactly(dec!(0.03)), dec!(1), 2).unwrap(), dec!(1.0609));
        assert_eq!(mean_power(r, dec!(1), 0).unwrap(), dec!(1));
    }

    #[test]
    fn the_mean_of_a_range_is_its_expected_value() {
        for (low, expected, high) in [(0.0, 1.0, 2.0), (100.0, 120.0, 900.0), (5.0, 5.0, 9.0), (5.0, 9.0, 9.0)] {
            let n = 200_000_u64;
            let mean =
                (0..n).map(|draw| ramp(low, expected, high, (draw as f64 + 0.5) / n as f64)).sum::<f64>() / n as f64;
            assert!((mean - expected).abs() < 1e-4 * (high - low), "{low}..{expected}..{high}: {mean}");
        }
    }
}
