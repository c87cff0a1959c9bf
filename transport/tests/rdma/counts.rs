//! How many WRITEs complete with a word, and why.

use crate::rig::{ADDRESS, Links, PATIENCE, Turn, bytes, connect};

/// Runs requests, with a sleep announced after each so many, and returns what was counted at one
/// end.
fn signals(
    signal_every: u32,
    requests: u64,
    sleeps: bool,
) -> gossamer_transport::rack::rdma::Signals {
    let mut both = connect([ADDRESS; 2], signal_every, PATIENCE).map(Links::new);
    while both.iter().any(|links| links.answered < requests) {
        for links in &mut both {
            links.turn(requests, |number| bytes(number, 600));
            if sleeps {
                links.end.channel.settle().expect("alive");
            }
        }
    }
    both.iter_mut().for_each(Links::settle);
    both[0].end.channel.signals()
}

#[test]
fn one_in_so_many() {
    let Some(_turn) = Turn::wait() else { return };
    for every in [1, 10, 1000] {
        let signals = signals(every, 3000, false);
        assert_eq!(signals.every, signals.writes / u64::from(every));
        assert_eq!(signals.full, 0);
        // At the end, unless the last one was signalled anyway.
        assert!(signals.idle <= 1, "{signals:?}");
        let asked = signals.every + signals.full + signals.idle;
        assert_eq!(signals.completed, asked, "{signals:?}");
    }
}

/// As seldom as to fill the queue before the first is due.
#[test]
fn before_the_queue_is_full() {
    let Some(_turn) = Turn::wait() else { return };
    let signals = signals(1_000_000, 5000, false);
    assert_eq!(signals.every, 0);
    assert!(signals.full >= 2, "{signals:?}");
    assert_eq!(
        signals.completed,
        signals.full + signals.idle,
        "{signals:?}"
    );
}

#[test]
fn before_a_sleep() {
    let Some(_turn) = Turn::wait() else { return };
    let signals = signals(1000, 300, true);
    assert!(signals.idle > 1, "{signals:?}");
    assert_eq!(signals.every, signals.writes / 1000);
    let asked = signals.every + signals.full + signals.idle;
    assert_eq!(signals.completed, asked, "{signals:?}");
}
