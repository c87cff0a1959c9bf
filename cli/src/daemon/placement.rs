//! How many threads of a program each machine gets. Pure.

/// Spreads `threads` over machines by their cores, none getting more than it has; for each machine
/// how many.
///
/// # Panics
/// If there are more threads than cores.
pub(crate) fn spread(threads: u32, cores: &[u32]) -> Vec<u32> {
    let all: u64 = cores.iter().map(|cores| u64::from(*cores)).sum();
    assert!(u64::from(threads) <= all, "asked for more than there is");
    if all == 0 {
        return vec![0; cores.len()];
    }
    let share = |cores: &u32| (u64::from(threads) * u64::from(*cores)) / all;
    let mut spread: Vec<_> = cores.iter().map(|cores| share(cores) as u32).collect();
    let mut left = threads - spread.iter().sum::<u32>();
    // What is left goes to those that miss most of their share, the first of them first.
    let missing = |place: usize| (u64::from(threads) * u64::from(cores[place])) % all;
    let mut places: Vec<_> = (0..cores.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(missing(*place)));
    for place in places {
        if left > 0 && spread[place] < cores[place] {
            spread[place] += 1;
            left -= 1;
        }
    }
    assert_eq!(left, 0, "a share is rounded by less than one");
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_cores() {
        assert_eq!(spread(6, &[2, 2, 2]), [2, 2, 2]);
        assert_eq!(spread(3, &[2, 2, 2]), [1, 1, 1]);
        assert_eq!(spread(2, &[2, 2, 2]), [1, 1, 0]);
        assert_eq!(spread(10, &[8, 2, 2]), [7, 2, 1]);
        assert_eq!(spread(1, &[1, 64]), [0, 1]);
        assert_eq!(spread(0, &[4]), [0]);
        assert_eq!(spread(0, &[]), [0; 0]);
    }

    #[test]
    fn all_of_them_and_none_too_many() {
        for seed in 0..2000_u32 {
            let random = |n: u32| seed.wrapping_mul(2_654_435_761).rotate_left(n * 5) % 37;
            let cores: Vec<_> = (0..1 + seed % 7).map(random).collect();
            let all: u32 = cores.iter().sum();
            for threads in [0, 1, all / 3, all / 2, all.saturating_sub(1), all] {
                let threads = threads.min(all);
                let spread = spread(threads, &cores);
                assert_eq!(spread.iter().sum::<u32>(), threads);
                assert!(spread.iter().zip(&cores).all(|(got, has)| got <= has));
            }
        }
    }
}
