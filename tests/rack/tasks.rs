//! Tasks on any worker of the rack, latched properties, the barrier.

use gossamer::rack::{self, CallError};

use super::nodes::{Nodes, on};

#[test]
fn a_task_runs_on_the_worker_that_was_asked_for() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        assert_eq!(rack::workers(), 4);
        for worker in 0..4 {
            let place = async |add: usize| (rack::node_id(), gossamer::worker_id() + add);
            let task = rack::spawn_on(worker, place, 100);
            assert_eq!(
                task.await.expect("no panic"),
                (worker / 2, worker % 2 + 100)
            );
        }
    });
}

#[test]
fn a_panic_of_a_task_is_its_outcome() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        for worker in [1, 3] {
            let task = rack::spawn_on(worker, async |_: ()| -> u8 { panic!("so") }, ());
            match task.await {
                Err(CallError::Panicked(panic)) => assert_eq!(panic.message(), "so"),
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_launch_holds_the_latch_across_its_awaits() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let log = rack::entrust_latched_on(on(1), |_: ()| Vec::<u32>::new(), ()).await;
        let twice = async |log: &mut Vec<u32>, n: u32| {
            log.push(n);
            gossamer::yield_now().await;
            log.push(n);
            log.len()
        };
        let launches = (0..20).map(|n| log.launch_with(twice, n));
        let lengths = futures::future::join_all(launches).await;
        assert!(lengths.into_iter().eq((1..=20).map(|n| 2 * n)));
        let all = log.apply_with(|log, ()| log.clone(), ()).await;
        assert!(all.chunks(2).all(|pair| pair[0] == pair[1]));
    });
}

#[test]
fn nobody_passes_the_barrier_before_all_have_come() {
    let nodes = Nodes::start(3);
    let arrived = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for node in 0..3 {
            let (nodes, arrived) = (&nodes, &arrived);
            scope.spawn(move || {
                nodes.run_on(node, async {
                    for round in 1..=5 {
                        arrived.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        rack::barrier().await;
                        let seen = arrived.load(std::sync::atomic::Ordering::SeqCst);
                        assert!(seen >= 3 * round, "{seen} in round {round}");
                        rack::barrier().await;
                    }
                });
            });
        }
    });
}
