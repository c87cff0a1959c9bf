//! Random numbers, uniform and by Zipf's law, as YCSB draws them.

/// Uniform numbers from a seed: xorshift64*.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// Numbers below a bound, of which the small ones come often: Gray's method, exponent 0.99.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    items: u64,
    zeta: f64,
    eta: f64,
    alpha: f64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(scramble(seed) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Zipf {
    /// Numbers below `items`, which is not 0.
    pub(crate) fn new(items: u64) -> Self {
        let zeta_of = |items: u64| (1..=items).map(|n| (n as f64).powf(-THETA)).sum::<f64>();
        let (zeta, zeta_of_two) = (zeta_of(items), zeta_of(2));
        Self {
            items,
            zeta,
            alpha: 1.0 / (1.0 - THETA),
            eta: (1.0 - (2.0 / items as f64).powf(1.0 - THETA)) / (1.0 - zeta_of_two / zeta),
        }
    }

    pub(crate) fn draw(&self, random: &mut Random) -> u64 {
        let fraction = random.fraction();
        let share = fraction * self.zeta;
        if share < 1.0 || self.items == 1 {
            return 0;
        }
        if share < 1.0 + 0.5_f64.powf(THETA) || self.items == 2 {
            return 1;
        }
        let rank = (self.eta * fraction - self.eta + 1.0).powf(self.alpha);
        ((self.items as f64 * rank) as u64).min(self.items - 1)
    }
}

/// Spreads numbers, so that what is asked for often is not all in one place: FNV's mixing.
pub(crate) fn scramble(number: u64) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in number.to_le_bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    hash
}

/// The exponent of YCSB.
const THETA: f64 = 0.99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_come_as_often_as_the_law_says() {
        let (zipf, mut random) = (Zipf::new(1000), Random::new(1));
        let mut first = 0;
        for _ in 0..100_000 {
            let drawn = zipf.draw(&mut random);
            assert!(drawn < 1000);
            first += u32::from(drawn == 0);
        }
        // 1 / zeta(1000, 0.99) = 0.130.
        assert!((12_000..14_500).contains(&first), "{first}");
    }

    #[test]
    fn few_items_are_no_problem() {
        let mut random = Random::new(2);
        for items in 1..5 {
            let zipf = Zipf::new(items);
            assert!((0..1000).all(|_| zipf.draw(&mut random) < items));
        }
    }
}
