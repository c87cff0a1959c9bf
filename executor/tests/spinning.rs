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

#[test]
fn turns_after_those_in_vain_are_said_to_spin() {
    const FOUND: &[bool] = &[false, false, true, false, false];
    let expected = [false, true, true, false, true];
    for idle in [Idle::Spin, Idle::Adaptive] {
        assert_eq!(spins(idle, FOUND), expected, "{idle}");
    }
}

#[test]
fn no_turn_after_a_sleep_is_said_to_spin() {
    assert_eq!(spins(Idle::Park, &[false; 5]), [false; 5]);
}
