//! Signals: each future hears of one that comes after its first poll. A process of its own, as
//! signals are the whole process's.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use gossamer::signal::{ctrl_c, terminate};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::raise;

#[test]
fn heard_by_all_that_wait() {
    let runtime = gossamer::Builder::new().workers(2).pin(false);
    runtime.build().expect("a runtime").block_on_with(|| async {
        for _ in 0..3 {
            let waiting: Vec<_> = (0..4)
                .map(|n| gossamer::spawn_on(n % 2, async || ctrl_c().await))
                .collect();
            let (mut ours, mut end) = (pin!(ctrl_c()), pin!(terminate()));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(ours.as_mut().poll(&mut cx).is_pending());
            assert!(end.as_mut().poll(&mut cx).is_pending());
            // Those of the other worker may not have begun: raised until they have heard.
            while waiting.iter().any(|task| !task.is_finished()) {
                raise(SIGINT).expect("a signal");
                gossamer::yield_now().await;
            }
            for task in waiting {
                task.await.expect("no panic").expect("heard");
            }
            ours.await.expect("heard");
            assert!(end.as_mut().poll(&mut cx).is_pending(), "another signal");
            raise(SIGTERM).expect("a signal");
            end.await.expect("heard");
        }
    });
}
