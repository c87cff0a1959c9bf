//! In which turns an executor says that it spins.
#![cfg(not(loom))]

use std::cell::RefCell;

use gossamer_executor::{Claim, Config, Executor, Idle, Resident};

/// Finds something to do in some turns, and writes down in each whether the executor spins.
struct Finds {
    turns: &'static [bool],
    spins: RefCell<Vec<bool>>,
}

impl Resident for Finds {
    fn poll(&self, executor: &Executor) -> bool {
        let mut spins = self.spins.borrow_mut();
        spins.push(executor.is_spinning());
        if spins.len() == self.turns.len() {
            executor.stop();
        }
        self.turns[spins.len() - 1]
    }

    fn flush(&self) -> bool {
        false
    }

    /// So that no sleep is for long.
    fn sees_work(&self) -> bool {
        true
    }
}

/// In which of these turns it is said to spin.
fn spins(idle: Idle, turns: &'static [bool]) -> Vec<bool> {
    let claim = Claim::new().expect("a free place");
    let config = Config {
        idle,
        ..Config::default()
    };
    let finds = Finds {
        turns,
        spins: RefCell::default(),
    };
    Executor::new(claim.remote(), config).run(&finds);
    finds.spins.into_inner()
}

/// One test, so that no other executor runs: with more of them than cores none is said to spin.
#[test]
fn only_turns_at_once_after_those_in_vain_are_said_to_spin() {
    const FOUND: &[bool] = &[false, false, true, false, false];
    for idle in [Idle::Spin, Idle::Adaptive] {
        assert_eq!(
            spins(idle, FOUND),
            [false, true, true, false, true],
            "{idle}"
        );
    }
    assert_eq!(
        spins(Idle::Park, FOUND),
        [false; 5],
        "it has slept meanwhile"
    );
}
