//! Transfers between accounts that live on different trustees, of one process or of a rack.
//!
//! A transfer must see one account and change another, with a wait for the other trustee in
//! between. So each account is behind a latch: `launch` runs an async closure beside the account's
//! trustee and holds the latch across its awaits, and whoever comes meanwhile waits for its turn.
//!
//! Two launches that each wait for the other's latch would wait for ever. The rule against that is
//! the same as for locks: latches are always taken in one order, here that of the accounts, whoever
//! pays. Money between the accounts is never seen: an audit that takes all latches in order finds
//! the whole sum at any time.
//!
//! On a rack, closures capture nothing: what a launch works on is given beside it, the latched
//! trusts among it.
//!
//! ```text
//! cargo run --release --example bank
//! gossamer run -n 2 -- target/release/examples/bank
//! ```

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use gossamer::rack::{self, LatchTrust};

type Accounts = Vec<LatchTrust<i64>>;

#[gossamer::main]
async fn main() {
    let workers = rack::workers();
    let mut accounts = Accounts::new();
    for trustee in rack::trustees().into_iter().cycle().take(ACCOUNTS) {
        accounts.push(rack::entrust_latched_on(trustee, |deposit| deposit, DEPOSIT).await);
    }

    // On each worker, tasks that send money round in opposite directions.
    let tasks = (0..workers).flat_map(|worker| [(worker, true), (worker, false)]);
    let tasks = tasks.map(|(worker, is_forward)| {
        let accounts = accounts.clone();
        rack::spawn_on(worker, transfers, (accounts, worker, is_forward))
    });
    let tasks = join_all(tasks.collect::<Vec<_>>());

    let audits = async {
        for _ in 0..AUDITS {
            assert_eq!(audit(accounts.clone(), 0).await, SUM, "in the middle of it");
        }
    };
    let (made, ()) = futures::join!(tasks, audits);
    let made: usize = made
        .into_iter()
        .map(|made| made.expect("no task panics"))
        .sum();

    assert_eq!(audit(accounts, 0).await, SUM);
    println!(
        "nodes: {}, workers: {workers}, transfers: {made}, audits meanwhile: {AUDITS}, sum: {SUM}",
        rack::nodes()
    );
}

/// Returns how many of the transfers were made; the others found too little money.
async fn transfers((accounts, seed, is_forward): (Accounts, usize, bool)) -> usize {
    let mut made = 0;
    for round in 0..ROUNDS {
        let (a, b) = (
            (seed + round) % ACCOUNTS,
            (seed + round + 1 + round % 3) % ACCOUNTS,
        );
        let (from, to) = if is_forward { (a, b) } else { (b, a) };
        made += usize::from(transfer(&accounts, from, to, 1 + round as i64 % 70).await);
    }
    made
}

/// Moves `amount`, unless there is too little; returns whether it did.
async fn transfer(accounts: &Accounts, from: usize, to: usize, amount: i64) -> bool {
    assert_ne!(from, to, "the second latch would wait for the first");
    let (first, second) = (&accounts[from.min(to)], accounts[from.max(to)].clone());
    first
        .launch_with(transfer_from, (second, from < to, amount))
        .await
}

/// Holds the first account while the second is waited for.
async fn transfer_from(
    first: &mut i64,
    (second, first_pays, amount): (LatchTrust<i64>, bool, i64),
) -> bool {
    if first_pays && *first < amount {
        return false;
    }
    let change = if first_pays { amount } else { -amount };
    let add = |second: &mut i64, change: i64| {
        let is_covered = *second + change >= 0;
        *second += if is_covered { change } else { 0 };
        is_covered
    };
    let is_done = second.apply_with(add, change).await;
    if is_done {
        *first -= change;
    }
    is_done
}

/// The sum of the accounts from `first` on, with the latches of all of them held.
fn audit(accounts: Accounts, first: usize) -> LocalBoxFuture<'static, i64> {
    async move {
        let Some(account) = accounts.get(first).cloned() else {
            return 0;
        };
        let add = async |balance: &mut i64, (accounts, next): (Accounts, usize)| {
            *balance + audit(accounts, next).await
        };
        account.launch_with(add, (accounts, first + 1)).await
    }
    .boxed_local()
}

const ACCOUNTS: usize = 8;
const DEPOSIT: i64 = 100;
const SUM: i64 = ACCOUNTS as i64 * DEPOSIT;
const ROUNDS: usize = 2_000;
const AUDITS: usize = 100;
