//! A cable that is pulled: the network device goes down, or the RDMA device is taken away.

use std::process::Command;
use std::time::{Duration, Instant};

use gossamer_transport::rack::rdma::SIGNAL_EVERY;

use crate::rig::{CABLE, Links, Turn, bytes, connect};

struct Unplugged;

impl Unplugged {
    fn new() -> Self {
        ip("down");
        Self
    }
}

impl Drop for Unplugged {
    fn drop(&mut self) {
        ip("up");
        // Which is gone with the link.
        for (device, from, to, table) in [
            ("veth1", "10.98.0.1", "10.98.0.2", "101"),
            ("veth2", "10.98.0.2", "10.98.0.1", "102"),
        ] {
            let route = [
                "route", "replace", to, "dev", device, "src", from, "table", table,
            ];
            run("ip", &route);
        }
    }
}

fn ip(state: &str) {
    run("ip", &["link", "set", "veth1", state]);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.expect("it is there").success(), "{arguments:?}");
}

#[test]
fn pulled_under_load() {
    let Some(_turn) = Turn::wait() else { return };
    let patience = Duration::from_secs(4);
    let mut both = connect(CABLE, SIGNAL_EVERY, patience).map(Links::new);
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
    let _unplugged = Unplugged::new();
    let since = Instant::now();
    while !turn() {}
    println!(
        "noticed after {:?} with a patience of {patience:?}",
        since.elapsed()
    );
    for links in both {
        let failure = links.end.channel.failure().expect("it has failed");
        // A device whose link is down may know that without asking.
        let expected = ["RETRY_EXC_ERR", "LOC_QP_OP_ERR"];
        let expected = expected.map(|status| format!("WRITE ended with {status}"));
        assert!(expected.contains(&failure.to_string()), "{failure}");
        assert!(links.answered > 0);
        let unanswered = links.client.into_unanswered().len() as u64;
        assert_eq!(unanswered, links.issued - links.answered);
    }
}
