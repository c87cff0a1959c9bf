//! Trusts on their way: in arguments, in results, by way of a third node, and back home.

use gossamer::rack::{self, Trust};

use super::nodes::{Nodes, on};

#[test]
fn a_trust_travels_in_arguments_and_is_used_there() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let here = rack::entrust(1_u64);
        let there = rack::entrust_on(on(1), |_: ()| Vec::<Trust<u64>>::new(), ()).await;
        there
            .apply_with(|list, trust| list.push(trust), here.clone())
            .await;
        // It is used by a task there, as a call may not await.
        let add = async |list: Trust<Vec<Trust<u64>>>| {
            let list = list.local().expect("it is of this node");
            let trust = list.apply(|list| list[0].clone()).await;
            assert!(trust.local().is_none());
            trust.apply_with(|n, by| *n += by, 10).await;
        };
        rack::spawn_on(2, add, there.clone())
            .await
            .expect("no panic");
        assert_eq!(here.apply(|n| *n).await, 11);
    });
}

#[test]
fn a_trust_that_comes_home_is_plain_again() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let here = rack::entrust(String::from("home"));
        let echo = rack::entrust_on(on(1), |_: ()| (), ()).await;
        let back = echo
            .apply_with(|_, trust: Trust<String>| trust, here.clone())
            .await;
        assert!(back.local().is_some());
        assert_eq!(back.apply(|text| text.clone()).await, "home");
    });
}

#[test]
fn a_third_node_gets_a_trust_from_one_that_does_not_own_it() {
    let nodes = Nodes::start(3);
    nodes.block_on(async {
        let first = rack::entrust_on(on(1), |start: i64| start, 5).await;
        let second = rack::entrust_on(on(2), |_: ()| Vec::<Trust<i64>>::new(), ()).await;
        // Of node 1's property, from node 0 to node 2, which has to register with node 1 first;
        // what follows waits its turn behind that.
        for _ in 0..10 {
            second.post_with(|list, trust| list.push(trust), first.clone());
            second.post_with(|_, ()| (), ());
        }
        assert_eq!(second.apply(|list| list.len()).await, 10);
        let back = second.apply(|list| list[9].clone()).await;
        assert_eq!(back.trustee().node(), 1);
        back.apply_with(|n, by| *n *= by, 2).await;
        drop(back);
        second.apply(|list| list.clear()).await;
        assert_eq!(first.apply(|n| *n).await, 10);
    });
}

#[test]
fn a_property_lives_as_long_as_another_node_holds_it_and_no_longer() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
        }
    }

    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let held = rack::entrust_on(on(1), |_: ()| None::<Trust<Counted>>, ()).await;
        let counted = rack::entrust(Counted);
        held.apply_with(|held, trust| *held = Some(trust), counted)
            .await;
        // Home again, by way of the one trust that is left.
        let back = held
            .apply(|held| held.clone())
            .await
            .expect("it was put there");
        assert_eq!(back.apply(|_| 7).await, 7);
        drop(back);
        assert_eq!(DROPPED.load(Ordering::SeqCst), 0);
        held.apply(|held| *held = None).await;
        while DROPPED.load(Ordering::SeqCst) == 0 {
            gossamer::yield_now().await;
        }
    });
    drop(nodes);
    assert_eq!(DROPPED.load(Ordering::SeqCst), 1);
}

#[test]
fn nothing_is_held_when_all_trusts_have_gone() {
    let nodes = Nodes::start(3);
    nodes.block_on(async {
        let holders =
            [1, 2].map(|node| rack::entrust_on(on(node), |_: ()| Vec::<Trust<Vec<u8>>>::new(), ()));
        let holders = futures::future::join_all(holders).await;
        for round in 0..50_u8 {
            let value = rack::entrust_on(on(usize::from(round % 3)), |n: u8| vec![n], round).await;
            for holder in &holders {
                holder
                    .apply_with(|list, trust| list.push(trust), value.clone())
                    .await;
            }
            // From one node to the other, by way of this one.
            let back = holders[0].apply(|list| list.last().cloned()).await;
            holders[1].post_with(|list, trust| list.extend(trust), back);
        }
        for holder in &holders {
            holder.apply(|list| list.clear()).await;
        }
    });
    for node in 0..3 {
        nodes.run_on(node, async {
            while rack::__references() != (0, 0, 0) {
                gossamer::yield_now().await;
            }
        });
    }
}

#[test]
fn a_trust_of_another_type_is_no_way_in() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Of<T: 'static>(Trust<T>);

    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let echo = rack::entrust_on(on(1), |_: ()| (), ()).await;
        // The same bytes, read as something else on the way back.
        let text = rack::entrust(String::new());
        let back = echo
            .apply_with(|_, trust: Trust<String>| Of(trust), text)
            .await;
        assert!(back.0.local().is_some());
    });
}
