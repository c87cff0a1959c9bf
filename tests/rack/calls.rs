//! Calls between two nodes: values, order, panics, what cannot travel.

use gossamer::rack::{self, CallError};

use super::nodes::{Nodes, on};

/// Each opens a connection, or finds that the other has.
#[test]
fn both_ask_first() {
    for _ in 0..8 {
        let nodes = &Nodes::start(2);
        std::thread::scope(|scope| {
            for node in 0..2 {
                let ask = async move {
                    let sum = rack::entrust_on(on(1 - node), |start: u64| start, 0).await;
                    for before in 0..100 {
                        assert_eq!(sum.apply(|sum| *sum).await, before);
                        sum.apply(|sum| *sum += 1).await;
                    }
                };
                scope.spawn(move || nodes.run_on(node, ask));
            }
        });
    }
}

#[test]
fn a_value_is_built_on_another_node_and_changed_there() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        assert_eq!(
            (rack::nodes(), rack::node_id(), rack::trustees().len()),
            (2, 0, 4)
        );
        let counter = rack::entrust_on(on(1), |start: u64| start, 17).await;
        assert!(counter.local().is_none());
        assert_eq!(counter.trustee(), on(1));
        counter.apply_with(|c, by| *c += by, 2).await;
        assert_eq!(counter.apply(|c| *c).await, 19);
        assert_eq!(counter.apply(|_| rack::node_id() as u64).await, 1);
    });
}

#[test]
fn calls_of_one_task_run_in_their_order() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let list = rack::entrust_on(on(1), |_: ()| Vec::new(), ()).await;
        for n in 0..1000_u32 {
            list.post_with(|list, n| list.push(n), n);
        }
        let all = list.apply(|list| list.clone()).await;
        assert!(all.into_iter().eq(0..1000));
    });
}

#[test]
fn a_panic_comes_to_whoever_awaits() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let list = rack::entrust_on(on(1), |_: ()| vec![1], ()).await;
        match list.try_apply_with(|list, at: usize| list[at], 7).await {
            Err(CallError::Panicked(panic)) => assert!(panic.message().contains("out of bounds")),
            other => panic!("{other:?}"),
        }
        assert_eq!(list.apply(|list| list.len()).await, 1);
    });
}

#[test]
fn what_a_connection_carries_is_counted() {
    const CALLS: u64 = 100;
    let nodes = Nodes::start(2);
    let carried = || {
        let metrics = gossamer::metrics();
        let sum = |figure: fn(&gossamer::WorkerMetrics) -> u64| metrics.iter().map(figure).sum();
        let carried: [u64; 3] = [
            sum(|worker| worker.rack_images_sent),
            sum(|worker| worker.rack_writes),
            sum(|worker| worker.rack_bytes_written),
        ];
        carried
    };
    nodes.block_on(async {
        let counter = rack::entrust_on(on(1), |_: ()| 0_u64, ()).await;
        let before = carried();
        for _ in 0..CALLS {
            // Answered before the next, so that each has an image and a write of its own.
            counter.apply(|n| *n += 1).await;
        }
        let [images, writes, bytes] = std::array::from_fn(|at| carried()[at] - before[at]);
        match super::FABRIC {
            "tcp" => {
                assert!(images >= CALLS, "{images} images");
                assert!(writes >= CALLS, "{writes} writes");
                assert!(bytes > 28 * CALLS, "{bytes} bytes");
            }
            "rdma" => assert!(images >= CALLS, "{images} images"),
            _ => assert_eq!(images, 0, "images go through memory"),
        }
    });
}
