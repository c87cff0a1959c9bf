//! Calls between two nodes: values, order, panics, what cannot travel.

use gossamer::rack::{self, CallError};

use super::nodes::{Nodes, on};

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
