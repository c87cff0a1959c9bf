//! What does not fit into a slot: from its size to 64 MiB, both ways, with small calls beside it.

use gossamer::rack;

use super::nodes::{Nodes, on};

#[test]
fn every_size_comes_back() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let echo = rack::entrust_on(on(1), |_: ()| (), ()).await;
        for size in [
            0,
            1,
            900,
            999,
            1000,
            1001,
            1023,
            1024,
            1025,
            65_535,
            65_536,
            65_537,
            1 << 20,
        ] {
            let text = "x".repeat(size);
            let back = echo.apply_with(|_, text: String| text, text.clone()).await;
            assert!(back == text, "{size} bytes");
        }
    });
}

#[test]
fn sixty_four_mebibytes_travel_while_small_calls_go_on() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let echo = rack::entrust_on(on(1), |_: ()| (), ()).await;
        // On the other trustee, so that no order is promised between them.
        let counter = rack::entrust_on(rack::trustees()[3], |start: u64| start, 0).await;
        let text = "x".repeat(64 << 20);
        let large = echo.apply_with(|_, text: String| text, text.clone());
        let small = async {
            for _ in 0..1000 {
                counter.apply(|n| *n += 1).await;
            }
        };
        let (back, ()) = futures::join!(large, small);
        assert!(back == text);
        assert_eq!(counter.apply(|n| *n).await, 1000);
    });
}
