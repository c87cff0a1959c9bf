//! Picks: which object an operation is on, drawn beforehand.

use std::sync::{Arc, OnceLock};

/// How often each object is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skew {
    Uniform,
    /// The object at place `n` in proportion to `1 / n`.
    Zipf,
}

/// Places of objects in the order in which they are used; drawn at the first use.
#[derive(Clone, Debug)]
pub(crate) struct Picks {
    objects: usize,
    skew: Skew,
    places: Arc<OnceLock<Box<[u32]>>>,
}

/// Goes through picks again and again.
pub(crate) struct Picker<'a> {
    places: &'a [u32],
    next: usize,
}

impl Picks {
    pub(crate) fn new(objects: usize, skew: Skew) -> Self {
        Self {
            objects,
            skew,
            places: Arc::default(),
        }
    }

    /// Ones in so many of a hundred places, else zeros.
    pub(crate) fn coins(percent: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(0x6055);
        // A prime, so that they do not go round with the picks of something else.
        let coins = (0..65_521).map(|_| u32::from(random.usize(..100) < percent));
        Self {
            objects: 2,
            skew: Skew::Uniform,
            places: Arc::new(OnceLock::from(coins.collect::<Box<[u32]>>())),
        }
    }

    /// Draws, if that was not done before.
    pub(crate) fn prepare(&self) {
        self.picker(0);
    }

    /// A picker that starts where few others do.
    pub(crate) fn picker(&self, seed: usize) -> Picker<'_> {
        let places = self.places.get_or_init(|| draw(self.objects, self.skew));
        Picker {
            places,
            next: seed.wrapping_mul(0x9e37_79b9) % places.len(),
        }
    }
}

impl Picker<'_> {
    #[inline(always)]
    pub(crate) fn pick(&mut self) -> usize {
        let place = self.places[self.next];
        self.next += 1;
        if self.next == self.places.len() {
            self.next = 0;
        }
        place as usize
    }
}

/// So many places that a million objects do not fit a cache.
fn draw(objects: usize, skew: Skew) -> Box<[u32]> {
    let mut random = fastrand::Rng::with_seed(0x6055);
    let picks = if objects == 1 { 1 } else { 1 << 20 };
    match skew {
        Skew::Uniform => (0..picks).map(|_| random.u32(..objects as u32)).collect(),
        Skew::Zipf => {
            let mut sum = 0.0;
            let sums: Vec<f64> = (1..=objects)
                .map(|place| {
                    sum += 1.0 / place as f64;
                    sum
                })
                .collect();
            // Scattered, so that the most used objects are not neighbours.
            let mut scattered: Vec<u32> = (0..objects as u32).collect();
            random.shuffle(&mut scattered);
            (0..picks)
                .map(|_| {
                    let at = random.f64() * sum;
                    scattered[sums.partition_point(|&sum| sum <= at).min(objects - 1)]
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Picks, Skew};

    /// How often the most and the least used of some objects is picked.
    fn extremes(skew: Skew) -> (usize, usize) {
        let mut counts = [0; 10];
        let picks = Picks::new(counts.len(), skew);
        let mut picker = picks.picker(3);
        (0..1 << 20).for_each(|_| counts[picker.pick()] += 1);
        let most = counts.into_iter().max().expect("some");
        (most, counts.into_iter().min().expect("some"))
    }

    #[test]
    fn uniform_picks_all_alike() {
        let (most, least) = extremes(Skew::Uniform);
        assert!(most < least * 11 / 10, "{most} {least}");
    }

    #[test]
    fn zipf_picks_the_first_as_often_as_its_rank_says() {
        let (most, least) = extremes(Skew::Zipf);
        assert!((9..12).contains(&(most / least)), "{most} {least}");
    }
}
