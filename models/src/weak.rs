//! The counts of a property: weak trusts upgraded while the last trust goes, and who frees the
//! memory.

use loom::sync::Arc;
use loom::thread;

use crate::counts::{Counts, Release};
use crate::watched::Watched;

/// A property as its counts see it.
struct Scene {
    counts: Counts,
    value: Watched,
    memory: Watched,
}

impl Scene {
    /// One trust, and so many holders of the memory.
    fn new(holders: usize) -> Arc<Self> {
        let (value, memory) = (Watched::new(ALIVE), Watched::new(ALIVE));
        Arc::new(Self {
            counts: Counts::new(holders),
            value,
            memory,
        })
    }

    /// Uses the value through a trust, and lets go of the trust.
    fn use_and_release(&self) -> usize {
        assert_eq!(self.value.read(), ALIVE, "used after its drop");
        self.release()
    }

    /// Lets go of a trust; the last one drops the value, and gives up the trusts' share.
    fn release(&self) -> usize {
        if self.counts.release() == Release::Shared {
            return 0;
        }
        self.value.write(DEAD);
        self.release_memory();
        1
    }

    /// Gives up a share of the memory; the last one frees it.
    fn release_memory(&self) {
        assert_eq!(self.memory.read(), ALIVE, "used after it was freed");
        if self.counts.release_memory() == Release::Last {
            self.memory.write(DEAD);
        }
    }

    fn is_freed(&self) -> bool {
        self.memory.read() == DEAD
    }
}

/// Two threads upgrade the same weak trust while the last trust goes: each either has a trust of
/// a value that is alive, or none. The value is dropped once, and the memory freed once, last.
#[test]
fn upgraded_while_the_last_trust_goes() {
    loom::model(|| {
        let scene = Scene::new(3);
        let upgrades = [(); 2].map(|()| {
            let scene = Arc::clone(&scene);
            thread::spawn(move || {
                let drops = if scene.counts.upgrade() {
                    scene.use_and_release()
                } else {
                    0
                };
                scene.release_memory();
                drops
            })
        });
        let mut drops = scene.use_and_release();
        for upgrade in upgrades {
            drops += upgrade.join().expect("no panic");
        }
        assert_eq!(drops, 1);
        assert!(scene.is_freed());
    });
}

/// A trust is cloned to another thread and both go: whoever is last sees what the other did.
#[test]
fn two_trusts_go_at_once() {
    loom::model(|| {
        let scene = Scene::new(1);
        scene.counts.retain();
        let other = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || scene.use_and_release())
        };
        let drops = scene.use_and_release();
        assert_eq!(drops + other.join().expect("no panic"), 1);
        assert!(scene.is_freed());
    });
}

/// The models themselves: an upgrade that does not look whether there is a trust left finds a
/// value that was dropped.
#[test]
#[should_panic(expected = "Causality violation")]
fn upgraded_blindly() {
    loom::model(|| {
        let scene = Scene::new(2);
        let upgrade = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || {
                scene.counts.retain();
                scene.use_and_release()
            })
        };
        let drops = scene.use_and_release();
        assert_eq!(drops + upgrade.join().expect("no panic"), 1);
    });
}

const ALIVE: u64 = 1;
const DEAD: u64 = 0;
