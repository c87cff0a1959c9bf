//! A cable that is pulled, as its network device goes down, and one that loses something.

use std::process::Command;
use std::time::{Duration, Instant};

use gossamer_transport::rack::Channel as _;
use gossamer_transport::rack::rdma::SIGNAL_EVERY;

use crate::rig::{CABLE, CREDIT, Links, PATIENCE_SHORT, Turn, bytes, connect};

/// Something is wrong with the cable, until this order.
struct Wrong(&'static str);

impl Wrong {
    fn pulled() -> Self {
        guest("pull");
        Self("plug")
    }

    fn lossy() -> Self {
        guest("lose");
        Self("keep")
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        guest(self.0);
    }
}

/// What the machine of `.ci/vm/guest` does with its devices.
fn guest(order: &str) {
    let status = Command::new("bash").args(["/orders/guest", order]).status();
    assert!(status.expect("it is there").success(), "{order}");
}

#[test]
fn pulled_under_load() {
    let Some(_turn) = Turn::wait() else { return };
    let mut both = connect(CABLE, SIGNAL_EVERY, PATIENCE_SHORT).map(Links::new);
    let mut turn = || {
        for links in &mut both {
            links.turn(u64::MAX, |number| bytes(number, 100));
        }
        both.iter()
            .all(|links| links.end.channel.failure().is_some())
    };
    for _ in 0..2_000 {
        assert!(!turn(), "the cable is plugged in");
    }
    let _pulled = Wrong::pulled();
    let since = Instant::now();
    while !turn() {}
    println!(
        "noticed after {:?} with a patience of {PATIENCE_SHORT:?}",
        since.elapsed()
    );
    for links in both {
        let failure = links.end.channel.failure().expect("it has failed");
        // A device whose link is down may know that without asking.
        let expected = ["RETRY_EXC_ERR", "LOC_QP_OP_ERR"];
        let expected = expected.map(|status| format!("WRITE ended with {status}"));
        assert!(expected.contains(&failure.to_string()), "{failure}");
        assert!(links.answered > 0);
        let unanswered = links.client.into_unanswered().count() as u64;
        assert_eq!(unanswered, links.issued - links.answered);
    }
}

/// Nothing follows that would show the other device what it misses, and the one that has sent it
/// waits for an hour before it sends it again.
#[test]
fn the_last_packet_is_lost() {
    let Some(_turn) = Turn::wait() else { return };
    let patience = Duration::from_secs(86_400);
    let [mut one, mut other] = connect(CABLE, SIGNAL_EVERY, patience);
    let mut send = |seal| {
        one.channel.push(CREDIT, &[], seal).expect("alive");
        one.channel.flush().expect("alive");
    };
    send(1);
    while other.inlet.poll().expect("alive") == 0 {}
    let lossy = Wrong::lossy();
    send(2);
    drop(lossy);
    assert_eq!(other.inlet.poll().expect("alive"), 0, "it was not lost");
    while other.inlet.poll().expect("alive") == 0 {
        one.channel.nudge().expect("alive");
    }
    while !one.channel.is_settled() {
        one.channel.poll().expect("alive");
    }
}
