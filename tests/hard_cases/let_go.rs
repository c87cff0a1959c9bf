//! Handles that are let go while there is still something behind them.
//!
//! A future may go when its result is there already, and the last trust of a latched property
//! while a launch has it. What is behind them then belongs to the runtime alone: a destructor that
//! panics there is nobody's but the hook's, and a property stays as long as somebody works on it.

use futures::FutureExt;
use futures::executor::block_on;

use crate::common::{Bomb, poll_now, reporting_runtime, runtime, some_turns};

#[test]
fn result_whose_drop_panics_goes_with_its_future() {
    let (runtime, reports) = reporting_runtime(2);
    let trust = runtime.trustee(1).entrust(0);
    runtime.block_on(async move {
        let mut unwanted = trust.apply(|_| Bomb("unwanted"));
        assert!(poll_now(&mut unwanted).is_pending());
        trust.apply(|_| ()).await; // behind it, so its result is there
        drop(unwanted);
        assert_eq!(trust.apply(|number| *number).await, 0);
    });
    assert_eq!(reports.recv().unwrap(), (0, "unwanted".into()));
}

#[test]
fn launch_keeps_its_property_until_it_has_ended() {
    let runtime = runtime(1);
    let properties = || runtime.metrics()[0].properties;
    let latched = runtime.trustee(0).entrust_latched(0);
    let (open, opens) = async_channel::bounded::<()>(1);
    let (done, is_done) = async_channel::bounded(1);
    runtime.block_on(async move {
        let launch = latched.launch(async move |number: &mut u32| {
            opens.recv().await.unwrap_err();
            *number += 1;
            done.send(*number).await.unwrap();
        });
        let mut launch = launch.boxed();
        assert!(poll_now(&mut launch).is_pending());
        drop(launch);
        drop(latched);
        some_turns().await;
    });
    block_on(runtime.trustee(0).ready()); // behind the obituary, if there is one
    assert_eq!(properties(), 1, "a launch has it");
    drop(open);
    assert_eq!(block_on(is_done.recv()).unwrap(), 1);
    while properties() > 0 {
        std::thread::yield_now(); // its obituary is on its way
    }
}
