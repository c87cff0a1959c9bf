//! Calls that are alike, which are sent and run in one go: what happens to one of them is nothing to
//! those around it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use gossamer::rack::{self, CallError, Trust};

use super::nodes::{Nodes, on};

/// Calls that are alike as they are asked, in batches: some panic, and results are short, long, or
/// too long for a slot. Each has its own outcome, and those behind it run all the same.
#[test]
fn calls_that_are_alike_end_each_in_its_own_way() {
    const CALLS: u32 = 200;
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let list = &rack::entrust_on(on(1), |_: ()| Vec::new(), ()).await;
        let ask = |n: u32| {
            let answer = |list: &mut Vec<u32>, n: u32| {
                list.push(n);
                match n % 8 {
                    3 => panic!("call {n}"),
                    5 => vec![n; 200],
                    6 => vec![n; 20_000],
                    _ => vec![n],
                }
            };
            list.try_apply_with(answer, n)
        };
        let outcomes = futures::future::join_all((0..CALLS).map(ask)).await;
        for (n, outcome) in (0..CALLS).zip(outcomes) {
            let length = match n % 8 {
                3 => {
                    let Err(CallError::Panicked(panic)) = outcome else {
                        panic!("{outcome:?}");
                    };
                    assert_eq!(panic.message(), format!("call {n}"));
                    continue;
                }
                5 => 200,
                6 => 20_000,
                _ => 1,
            };
            assert_eq!(outcome.expect("it ran"), vec![n; length]);
        }
        let all = list.apply(|list| list.clone()).await;
        assert!(all.into_iter().eq(0..CALLS), "each ran once, in order");
    });
}

/// A few of many results are encoded beside the workers, and decoded there: of the first of all, of
/// two in a row, of one alone and of the last. What was asked after such a call runs after it, and
/// what comes back comes in the order of the calls.
#[test]
fn large_results_among_small_ones() {
    const CALLS: u32 = 200;
    const LARGE: [u32; 5] = [0, 60, 61, 150, 199];
    fn length(n: u32) -> usize {
        match LARGE.contains(&n) {
            true => 100_000 + n as usize,
            false => 1,
        }
    }
    let nodes = Nodes::start(2);
    let first = nodes.runtimes[0].as_ref().expect("it lives");
    for _ in 0..5 {
        first.block_on_with(|| async {
            let list = rack::entrust_on(on(1), |_: ()| Vec::new(), ()).await;
            let results = Rc::new(RefCell::new(Vec::new()));
            for n in 0..CALLS {
                let answer = |list: &mut Vec<u32>, n: u32| {
                    list.push(n);
                    vec![n; length(n)]
                };
                let results = Rc::clone(&results);
                let note = move |result| results.borrow_mut().push(result);
                list.apply_then_with(answer, n, note);
            }
            // Behind them all.
            let all = list.apply(|list| list.clone()).await;
            assert!(all.into_iter().eq(0..CALLS), "each ran once, in order");
            let results = results.borrow();
            let right = (0..CALLS).map(|n| vec![n; length(n)]);
            assert!(right.eq(results.iter().cloned()), "and was answered so");
        });
    }
}

/// Two nodes, and what the second has told its panic hook of its first worker.
fn with_panics_told() -> (Nodes, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let set = move |builder: gossamer::Builder| {
        let tell = Arc::clone(&tell);
        builder.workers(2).panic_hook(move |report| {
            assert_eq!(report.worker(), 0, "there it ran");
            let mut told = tell.lock().expect("no panic");
            told.push(report.message().to_owned());
        })
    };
    (Nodes::start_with(2, |_| {}, set), told)
}

fn note_or_panic(list: &mut Vec<u32>, n: u32) -> u32 {
    list.push(n);
    if n % 50 == 7 {
        panic!("call {n}");
    }
    n
}

/// Asks for what all have left behind, and whether the worker goes on.
async fn assert_each_ran_once(list: &Trust<Vec<u32>>, calls: u32) {
    let all = list.apply(|list| list.clone()).await;
    assert!(all.into_iter().eq(0..calls), "each ran once, in order");
    assert_eq!(list.apply_with(note_or_panic, calls).await, calls);
    let lost: u64 = gossamer::metrics()
        .iter()
        .map(|worker| worker.posts_lost)
        .sum();
    assert_eq!(lost, 0, "all were sent");
}

/// Nobody awaits them, so the node that runs them is told, and nobody else.
#[test]
fn posts_that_panic_among_posts() {
    const POSTS: u32 = 240;
    let (nodes, told) = with_panics_told();
    nodes.block_on(async {
        let list = rack::entrust_on(on(1), |_: ()| Vec::new(), ()).await;
        for n in 0..POSTS {
            list.post_with(
                |list, n| {
                    note_or_panic(list, n);
                },
                n,
            );
        }
        assert_each_ran_once(&list, POSTS).await;
    });
    let right = ["call 7", "call 57", "call 107", "call 157", "call 207"];
    assert_eq!(*told.lock().expect("no panic"), right);
}

/// Of the calls that are awaited who awaits them hears, of the posts between them the node that runs
/// them.
#[test]
fn posts_that_panic_among_calls() {
    const CALLS: u32 = 240;
    let (nodes, told) = with_panics_told();
    nodes.block_on(async {
        let list = rack::entrust_on(on(1), |_: ()| Vec::new(), ()).await;
        let mut asked = Vec::new();
        for n in 0..CALLS {
            if n % 100 == 7 {
                list.post_with(
                    |list, n| {
                        note_or_panic(list, n);
                    },
                    n,
                );
                continue;
            }
            let mut call = Box::pin(list.try_apply_with(note_or_panic, n));
            assert!(futures::poll!(&mut call).is_pending(), "it is issued");
            asked.push((n, call));
        }
        for (n, call) in asked {
            match (n % 50, call.await) {
                (7, Err(CallError::Panicked(panic))) => {
                    assert_eq!(panic.message(), format!("call {n}"));
                }
                (_, outcome) => assert_eq!(outcome.expect("it ran"), n),
            }
        }
        assert_each_ran_once(&list, CALLS).await;
    });
    let right = ["call 7", "call 107", "call 207"];
    assert_eq!(*told.lock().expect("no panic"), right);
}
