//! The counts of a property: its value taken back by the last trust, and given back again.

use loom::sync::Arc;
use loom::thread;

use crate::counts::{Counts, Release};
use crate::watched::Watched;

/// A trust goes while the other one claims the property: the claim is refused, or it sees what
/// was done through the trust that went. It is never both, and never neither in the end.
#[test]
fn claimed_while_another_trust_goes() {
    loom::model(|| {
        let shared = Arc::new((Counts::new(1), Watched::new(0)));
        shared.0.retain();
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (counts, value) = &*shared;
                value.write(7);
                counts.release()
            })
        };
        let (counts, value) = &*shared;
        let is_claimed = counts.claim();
        if is_claimed {
            assert_eq!(value.read(), 7);
        }
        let release = other.join().expect("no panic");
        assert_eq!(
            release,
            Release::Shared,
            "the claimer still has its trust, or took the value"
        );
        assert_eq!(is_claimed, !counts.claim());
    });
}

/// Two trusts claim at once: neither can, and both are as good as before.
#[test]
fn claimed_by_two_at_once() {
    loom::model(|| {
        let counts = Arc::new(Counts::new(1));
        counts.retain();
        let other = {
            let counts = Arc::clone(&counts);
            thread::spawn(move || counts.claim())
        };
        assert!(!counts.claim());
        assert!(!other.join().expect("no panic"));
        assert_eq!(counts.trusts(), 2);
    });
}

/// A property that was claimed gets its trust back, while weak trusts are upgraded: they find none
/// as long as it is claimed, and else one that sees what the claimer did.
#[test]
fn revived_while_weak_trusts_are_upgraded() {
    loom::model(|| {
        let shared = Arc::new((Counts::new(3), Watched::new(0)));
        let upgrades = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (counts, value) = &*shared;
                if !counts.upgrade() {
                    return 0;
                }
                let seen = value.read();
                assert!(seen == 0 || seen == 7);
                usize::from(counts.release() == Release::Last)
            })
        });
        let (counts, value) = &*shared;
        let mut last = 0;
        if counts.claim() {
            value.write(7);
            counts.revive();
        }
        last += usize::from(counts.release() == Release::Last);
        for upgrade in upgrades {
            last += upgrade.join().expect("no panic");
        }
        assert_eq!(last, 1);
    });
}

/// The models themselves: a claimer that only looks at the number, and does not take the trust out
/// of the world, shares the value with an upgraded trust.
#[test]
#[should_panic(expected = "Causality violation")]
fn claimed_by_a_look() {
    loom::model(|| {
        let shared = Arc::new((Counts::new(2), Watched::new(0)));
        let upgrade = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (counts, value) = &*shared;
                if counts.upgrade() {
                    value.read();
                }
            })
        };
        let (counts, value) = &*shared;
        if counts.trusts() == 1 {
            value.write(7);
        }
        upgrade.join().expect("no panic");
    });
}
