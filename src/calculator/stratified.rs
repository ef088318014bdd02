//! Numbers that look random and are the same in every run.

/// A number from 0 to 1 that depends on its three keys alone.
///
/// # Source
/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators").
#[must_use]
pub(crate) fn uniform(seed: u64, input: u64, draw: u64) -> f64 {
    // Half a step from either end: neither 0 nor 1 comes up.
    ((bits(seed, input, draw) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

fn bits(seed: u64, input: u64, draw: u64) -> u64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let key = mix(seed.wrapping_add(input.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    mix(key.wrapping_add(draw.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// So many numbers from 0 to 1, one in each of as many equal parts, in an order that is random: each of them is as likely
/// to be anywhere as a number alone, and together their mean is far closer to that of all numbers (Latin hypercube).
#[must_use]
pub(crate) fn stratified(seed: u64, input: u64, draws: usize) -> Vec<f64> {
    let mut order: Vec<u32> = (0..u32::try_from(draws).unwrap_or(u32::MAX)).collect();
    for i in (1..order.len()).rev() {
        // Fisher and Yates; the high half of a product with 64 random bits is a number below i + 1.
        let to = (u128::from(bits(seed, input, i as u64)) * (i as u128 + 1)) >> 64;
        order.swap(i, to as usize);
    }
    let n = draws.max(1) as f64;
    let within = |(draw, part): (usize, u32)| (f64::from(part) + uniform(!seed, input, draw as u64)) / n;
    order.into_iter().enumerate().map(within).collect()
}

/// The number of standard deviations below which a share of a normal distribution lies.
///
/// # Source
/// Acklam's rational approximation (2003), whose relative error is below 1.15 · 10⁻⁹.
#[must_use]
pub(crate) fn normal(share: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let poly = |list: &[f64], x: f64| list.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |q: f64| poly(&C, q) / (poly(&D, q) * q + 1.0);
    if share < 0.02425 {
        tail((-2.0 * share.max(f64::MIN_POSITIVE).ln()).sqrt())
    } else if share > 1.0 - 0.02425 {
        -tail((-2.0 * (1.0 - share).max(f64::MIN_POSITIVE).ln()).sqrt())
    } else {
        let q = share - 0.5;
        let r = q * q;
        poly(&A, r) * q / (poly(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_numbers_are_uniform_and_the_same_every_time() {
        assert_eq!(uniform(1, 2, 3), uniform(1, 2, 3));
        assert_ne!(uniform(1, 2, 3), uniform(2, 2, 3));
        let n = 100_000_u64;
        let (mut sum, mut tenths) = (0.0, [0_u32; 10]);
        for draw in 0..n {
            let u = uniform(7, 5, draw);
            sum += u;
            tenths[(u * 10.0) as usize] += 1;
        }
        // Standard error of the mean: √(1/12) ÷ √n = 0.0009; of a tenth: √(0.09 n) = 95.
        assert!((sum / n as f64 - 0.5).abs() < 0.004, "{sum}");
        assert!(tenths.iter().all(|t| t.abs_diff(10_000) < 400), "{tenths:?}");
    }

    #[test]
    fn stratified_numbers_fill_every_part_once_in_an_order_of_their_own() {
        let n = 1_000;
        let (a, b) = (stratified(1, 1, n), stratified(1, 2, n));
        for list in [&a, &b] {
            let mut parts: Vec<usize> = list.iter().map(|u| (u * n as f64) as usize).collect();
            parts.sort_unstable();
            assert!(parts.into_iter().eq(0..n));
        }
        // Two inputs have nothing to do with each other: the standard error of a correlation is 1 ÷ √n = 0.03.
        let covariance: f64 = a.iter().zip(&b).map(|(a, b)| (a - 0.5) * (b - 0.5)).sum::<f64>() / n as f64;
        assert!((covariance * 12.0).abs() < 0.12, "{covariance}");
        assert!(stratified(1, 1, 0).is_empty());
    }

    /// Quantiles from R's qnorm: qnorm(c(0.001, 0.05, 0.5, 0.95, 0.999)).
    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        let cases = [
            (0.001, -3.090_232_306_2),
            (0.05, -1.644_853_626_95),
            (0.5, 0.0),
            (0.95, 1.644_853_626_95),
            (0.999, 3.090_232_306_2),
        ];
        for (share, want) in cases {
            assert!((normal(share) - want).abs() < 1e-8, "{share}: {}", normal(share));
        }
    }
}
