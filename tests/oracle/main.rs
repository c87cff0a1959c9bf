//! Random programs against a sequential oracle.
//!
//! A program is a list of operations for four actors, the tasks of three workers and a plain
//! thread: they entrust, clone, move, drop and forget trusts, and poll, move, drop and forget
//! delegations in every state, with panics and nested requests wherever foreign code runs. Each
//! request, result and property tells a log what happens to it, and a judge compares that with
//! what the library promises: what runs, how often, in which order, with which result, and where
//! each thing is dropped.
//!
//! A program runs in one of two ways. In turns (`conductor.rs`), one thread moves at a time, so
//! that it takes the same way every time: a failure is made smaller and can be repeated by its
//! seed. In a race (`race.rs`), all actors run at once.
//!
//! - `GOSSAMER_ORACLE_PROGRAMS`: how many programs.
//! - `GOSSAMER_ORACLE_SEED`: the seed of the first; the others count on from it.
//! - `GOSSAMER_ORACLE_MODE`: `turns` or `race`, to have only one of them.
//!
//! ```text
//! program ─► conductor or race ─► actor ─► work ─► flight, then, job ─► register
//!                                            what they see ─► log ─► judge
//! ```

mod actor;
mod answer;
mod conductor;
mod coverage;
mod driver;
mod flight;
mod held;
mod job;
mod judge;
mod listener;
mod log;
mod program;
mod property;
mod race;
mod register;
mod request;
mod runner;
mod scene;
mod taking;
mod then;
mod thread;
mod work;

#[test]
fn random_programs() {
    runner::run();
}

#[test]
fn turns_repeat_exactly() {
    runner::repeat();
}
