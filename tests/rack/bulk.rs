//! What does not fit into a slot: from its size to 64 MiB, both ways, with small calls beside it.

use std::sync::atomic::{AtomicBool, Ordering};

use gossamer::rack::{self, Trust};

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

/// They go in pieces, between which workers do what else there is: counted are the calls of others
/// that begin and end while the large one is under way.
#[test]
fn sixty_four_mebibytes_travel_while_small_calls_go_on() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let echo = rack::entrust_on(on(1), |_: ()| (), ()).await;
        let text: String = (0..64 << 20).map(|at: u32| letter(at)).collect();
        // By this worker, to the other trustee; by the other worker, to both. What this one asks of
        // the trustee of the large call waits behind that, as all calls keep their order.
        let mut small = Vec::new();
        for (worker, trustee) in [(0, 3), (1, 2), (1, 3)] {
            let to = rack::entrust_on(rack::trustees()[trustee], |n: usize| n, 0).await;
            to.apply(|n| *n += 1).await; // connected
            small.push(rack::spawn_on(worker, beside, to));
        }
        UNDER_WAY.store(true, Ordering::SeqCst);
        let back = echo.apply_with(|_, text: String| text, text.clone()).await;
        UNDER_WAY.store(false, Ordering::SeqCst);
        assert!(back == text);
        for small in small {
            let calls = small.await.expect("no panic");
            assert!(calls >= SMALL_CALLS, "{calls}");
        }
    });
}

/// Calls until the large one is over; returns how many calls were begun and ended before.
async fn beside(to: Trust<usize>) -> usize {
    let mut calls = 0;
    while !UNDER_WAY.load(Ordering::SeqCst) {
        gossamer::yield_now().await;
    }
    while UNDER_WAY.load(Ordering::SeqCst) {
        to.apply(|n| *n += 1).await;
        calls += usize::from(UNDER_WAY.load(Ordering::SeqCst));
    }
    calls
}

/// So that a piece in the place of another would be noticed.
fn letter(at: u32) -> char {
    char::from(b'a' + (at ^ at >> 14 ^ at >> 20) as u8 % 26)
}

static UNDER_WAY: AtomicBool = AtomicBool::new(false);
/// There are four thousand pieces each way.
const SMALL_CALLS: usize = 20;
