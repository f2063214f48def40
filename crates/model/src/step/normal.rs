//! The normal distribution: its shares, and its quantile function as scipy computes it.
//!
//! Source: Cephes `ndtri` by Stephen L. Moshier, which `scipy.stats.norm.ppf` calls; relative error below 1e-15.

use super::elementwise::erf;

const P0: [f64; 5] = [
    -5.996_335_010_141_079e1,
    9.800_107_541_859_997e1,
    -5.667_628_574_690_703e1,
    1.393_126_093_872_795e1,
    -1.239_165_838_673_812_6,
];
const Q0: [f64; 9] = [
    1.0,
    1.954_488_583_381_417_6,
    4.676_279_128_988_815,
    8.636_024_213_908_906e1,
    -2.254_626_878_541_193_7e2,
    2.002_602_123_800_606_6e2,
    -8.203_722_561_683_334e1,
    1.590_562_251_262_117e1,
    -1.183_316_211_213_3,
];
const P1: [f64; 9] = [
    4.055_448_923_059_624_5,
    3.152_510_945_998_938_6e1,
    5.716_281_922_464_213e1,
    4.408_050_738_932_008e1,
    1.468_495_619_288_580_3e1,
    2.186_633_068_507_902_5,
    -1.402_560_791_713_545e-1,
    -3.504_246_268_278_482e-2,
    -8.574_567_851_546_854e-4,
];
const Q1: [f64; 9] = [
    1.0,
    1.577_998_832_564_667_5e1,
    4.539_076_351_288_792e1,
    4.131_720_382_546_72e1,
    1.504_253_856_929_075e1,
    2.504_649_462_083_094,
    -1.421_829_228_547_877_9e-1,
    -3.808_064_076_915_783e-2,
    -9.332_594_808_954_574e-4,
];
const P2: [f64; 9] = [
    3.237_748_917_769_46,
    6.915_228_890_689_842,
    3.938_810_252_924_744_4,
    1.333_034_608_158_075_5,
    2.014_853_895_491_790_8e-1,
    1.237_166_348_178_200_3e-2,
    3.015_815_535_082_354_4e-4,
    2.658_069_746_867_375_5e-6,
    6.239_745_391_849_833e-9,
];
const Q2: [f64; 9] = [
    1.0,
    6.024_270_393_647_42,
    3.679_835_638_561_608_6,
    1.377_020_994_890_813_3,
    2.162_369_935_944_966_4e-1,
    1.342_040_060_885_431_9e-2,
    3.280_144_646_821_277_4e-4,
    2.892_478_647_453_807e-6,
    6.790_194_080_099_813e-9,
];

/// The share (0 to 1) of the standard normal distribution below a number; within a few units of the last place of 1.
pub(crate) fn normal(x: f64) -> f64 {
    0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// The number below which a share (0 to 1) of the standard normal distribution lies.
pub(crate) fn inverse_normal(share: f64) -> f64 {
    if share <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let tail = (-2.0_f64).exp();
    let upper = share > 1.0 - tail;
    let y = if upper { 1.0 - share } else { share };
    if y > tail {
        let y = y - 0.5;
        let square = y * y;
        let x = y + y * (square * polynomial(square, &P0) / polynomial(square, &Q0));
        return x * (2.0 * std::f64::consts::PI).sqrt();
    }
    let x = (-2.0 * y.ln()).sqrt();
    let z = 1.0 / x;
    let (p, q) = if x < 8.0 { (&P1, &Q1) } else { (&P2, &Q2) };
    let x = x - x.ln() / x - z * polynomial(z, p) / polynomial(z, q);
    if upper { x } else { -x }
}

/// A polynomial by Horner's rule, the highest power first.
fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_tables() {
        let known = [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.1, -1.281_551_565_544_600_4),
            (0.999, 3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
        ];
        for (share, expected) in known {
            assert!((inverse_normal(share) - expected).abs() < 1e-14, "{share}: {}", inverse_normal(share));
        }
        assert_eq!(inverse_normal(0.0), f64::NEG_INFINITY);
        assert_eq!(inverse_normal(1.0), f64::INFINITY);
    }
}
