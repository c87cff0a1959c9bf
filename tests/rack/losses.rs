//! The loss of a node: every call ends, in a value or in a typed outcome.

use gossamer::rack::{self, CallError, NotExecuted};

use super::nodes::{Nodes, on};

#[test]
fn calls_to_a_lost_node_end_and_say_how() {
    let mut nodes = Nodes::start(3);
    let (lost, kept) = nodes.block_on(async {
        let lost = rack::entrust_on(on(1), |_: ()| 0_u64, ()).await;
        let kept = rack::entrust_on(on(2), |_: ()| 0_u64, ()).await;
        lost.apply(|n| *n += 1).await;
        (lost, kept)
    });
    nodes.lose(1);
    nodes.block_on(async {
        // Until the loss is noticed, what is sent may be lost with the node.
        loop {
            match lost.try_apply_with(|n, ()| *n, ()).await {
                Ok(_) => {}
                Err(CallError::Unknown { node: 1 }) => {}
                Err(CallError::NotExecuted(NotExecuted::NodeLost { node: 1 })) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        kept.apply(|n| *n += 1).await;
        assert_eq!(kept.apply(|n| *n).await, 1);
    });
}

#[test]
fn a_task_on_a_lost_node_ends_unknown() {
    let mut nodes = Nodes::start(2);
    let mut sent = None;
    nodes.block_on(async {
        let task = rack::spawn_on(2, async |_: ()| std::future::pending::<()>().await, ());
        // Sent and begun: later in the order of that link.
        let probe = rack::entrust_on(on(1), |_: ()| 0, ()).await;
        probe.apply(|_| ()).await;
        sent = Some(task);
    });
    nodes.lose(1);
    let outcome = nodes.block_on(sent.expect("put there"));
    assert!(
        matches!(
            outcome,
            Err(CallError::Unknown { node: 1 } | CallError::Cancelled)
        ),
        "{outcome:?}"
    );
}

/// Nobody hears of the outcome of a post, so that it is counted.
#[test]
fn posts_to_a_lost_node_are_counted() {
    let mut nodes = Nodes::start(2);
    let build = async { rack::entrust_on(on(1), |_: ()| 0_u64, ()).await };
    let lost = nodes.block_on(build);
    nodes.lose(1);
    let posts_lost = || {
        gossamer::metrics()
            .iter()
            .map(|worker| worker.posts_lost)
            .sum::<u64>()
    };
    nodes.block_on(async {
        // Some may have been sent before the loss is noticed, and are not known to have run.
        while posts_lost() == 0 {
            lost.post_with(|n, by| *n += by, 1);
            gossamer::yield_now().await;
        }
        let before = posts_lost();
        lost.post_with(|n, by| *n += by, 1);
        assert!(posts_lost() > before);
    });
}
