//! Ends in every order, and what they come to.

use super::*;

const GRACE: Duration = Duration::from_secs(5);
const WELL: End = End::Status(0);

fn policy(nodes: u32, on_node_loss: OnNodeLoss) -> (Policy, Instant) {
    let names = (0..nodes).map(|node| format!("node {node}")).collect();
    (Policy::new(names, on_node_loss, GRACE), Instant::now())
}

#[test]
fn all_end_well() {
    let (mut policy, now) = policy(3, OnNodeLoss::Abort);
    for node in [2, 0, 1] {
        assert_eq!(policy.handle_end(now, node, WELL), (None, None));
    }
    assert!(policy.is_over());
    assert_eq!(policy.status(), 0);
}

#[test]
fn one_stays_when_the_others_have_gone() {
    let (mut policy, now) = policy(2, OnNodeLoss::Abort);
    assert_eq!(policy.handle_end(now, 0, WELL), (None, None));
    assert_eq!(policy.poll_timeout(), Some(now + GRACE));
    assert_eq!(policy.handle_timeout(now), None);
    let later = now + GRACE;
    assert_eq!(policy.handle_timeout(later), Some(Order::Terminate));
    assert_eq!(policy.handle_timeout(later + GRACE), Some(Order::Kill));
    assert_eq!(policy.poll_timeout(), None);
    let killed = End::Signal(9);
    assert_eq!(policy.handle_end(later, 1, killed), (None, None));
    assert_eq!(policy.status(), 0, "node 0 has done its work");
}

#[test]
fn failure_ends_the_rack() {
    let (mut policy, now) = policy(3, OnNodeLoss::Abort);
    let (order, note) = policy.handle_end(now, 2, End::Signal(9));
    assert_eq!(order, Some(Order::Terminate));
    assert_eq!(
        note.as_deref(),
        Some("node 2 was ended by signal 9 (SIGKILL): the other nodes are ended")
    );
    assert_eq!(
        policy.handle_end(now, 1, End::Signal(15)),
        (None, None),
        "it was asked to"
    );
    assert_eq!(policy.handle_end(now, 0, End::Signal(15)), (None, None));
    assert_eq!(policy.status(), 137, "of the one that failed");
}

#[test]
fn node_0_fails_in_its_own_way() {
    let (mut policy, now) = policy(2, OnNodeLoss::Abort);
    policy.handle_end(now, 1, End::Status(3));
    policy.handle_end(now, 0, End::Status(7));
    assert_eq!(policy.status(), 7);
}

#[test]
fn node_0_fails_alone() {
    for on_node_loss in [OnNodeLoss::Abort, OnNodeLoss::Survive] {
        let (mut policy, now) = policy(2, on_node_loss);
        let (order, note) = policy.handle_end(now, 0, End::Signal(11));
        assert_eq!(order, Some(Order::Terminate));
        assert!(note.expect("it is told").contains("(SIGSEGV)"));
        policy.handle_end(now, 1, WELL);
        assert_eq!(policy.status(), 139);
    }
}

#[test]
fn the_last_says_what_its_status_does_not() {
    for (end, says) in [
        (End::Status(3), None),
        (
            End::Signal(9),
            Some("node 0 was ended by signal 9 (SIGKILL)"),
        ),
        (
            End::Lost(Loss::Silent),
            Some("node 0 is lost: nothing is heard of its host"),
        ),
    ] {
        let (mut policy, now) = policy(1, OnNodeLoss::Abort);
        let (order, note) = policy.handle_end(now, 0, end);
        assert_eq!((order, note.as_deref()), (None, says));
    }
}

#[test]
fn survivors_go_on() {
    let (mut policy, now) = policy(3, OnNodeLoss::Survive);
    let (order, note) = policy.handle_end(now, 1, End::Signal(9));
    assert_eq!(order, None);
    let said = "node 1 was ended by signal 9 (SIGKILL)";
    assert_eq!(note.as_deref(), Some(said));
    assert_eq!(policy.handle_end(now, 2, WELL), (None, None));
    assert_eq!(policy.poll_timeout(), None, "node 0 has all its time");
    assert_eq!(policy.handle_end(now, 0, WELL), (None, None));
    assert!(policy.is_over());
    assert_eq!(policy.status(), 0);
}

#[test]
fn signal_of_the_user_explains_all_ends() {
    let (mut policy, now) = policy(3, OnNodeLoss::Abort);
    policy.handle_signal(now, SIGINT);
    assert_eq!(policy.handle_end(now, 1, End::Signal(2)), (None, None));
    assert_eq!(policy.poll_timeout(), Some(now + GRACE), "all have time");
    assert_eq!(policy.handle_end(now, 0, End::Signal(2)), (None, None));
    assert_eq!(policy.handle_timeout(now + GRACE), Some(Order::Terminate));
    policy.handle_end(now, 2, End::Signal(15));
    assert_eq!(policy.status(), 130);
}

/// Node 0 sees that another node has ended before the signal comes to it.
#[test]
fn node_0_loses_one_that_the_user_has_ended() {
    let lost = (0, End::Status(STATUS_LOST));
    for (signal, end, status) in [
        (SIGINT, End::Signal(2), 130),
        (SIGTERM, End::Signal(15), 143),
        // It ends in its own way.
        (SIGTERM, WELL, 143),
        (SIGHUP, End::Status(3), 129),
        // Nobody expects it.
        (10, End::Signal(10), 138),
    ] {
        for [first, second] in [[lost, (1, end)], [(1, end), lost]] {
            let (mut policy, now) = policy(2, OnNodeLoss::Abort);
            policy.handle_signal(now, signal);
            assert_eq!(policy.handle_end(now, first.0, first.1).1, None);
            assert_eq!(policy.handle_end(now, second.0, second.1).1, None);
            assert_eq!(policy.status(), status, "{end:?} and {first:?} first");
        }
    }
}

#[test]
fn status_of_what_was_killed_by_order() {
    for (patience, end, status) in [
        (Duration::ZERO, End::Signal(15), 143),
        (GRACE, End::Signal(9), 137),
    ] {
        let (mut policy, now) = policy(2, OnNodeLoss::Abort);
        assert_eq!(policy.handle_order(now), Some(Order::Terminate));
        let killed = policy.handle_timeout(now + patience);
        assert_eq!(killed.is_some(), patience == GRACE);
        let now = now + patience;
        let lost = End::Status(STATUS_LOST);
        assert_eq!(policy.handle_end(now, 0, lost), (None, None));
        assert_eq!(policy.handle_end(now, 1, end), (None, None));
        assert_eq!(policy.status(), status);
    }
}

/// It was heard and did not end the program: what fails later has another cause.
#[test]
fn signal_that_is_long_ago_explains_nothing() {
    let (mut policy, now) = policy(3, OnNodeLoss::Abort);
    policy.handle_signal(now, SIGHUP);
    policy.handle_signal(now, 10);
    let later = now + GRACE + Duration::from_secs(1);
    let (order, note) = policy.handle_end(later, 1, End::Status(3));
    assert_eq!(order, Some(Order::Terminate));
    let says = "node 1 ended with status 3: the other nodes are ended";
    assert_eq!(note.as_deref(), Some(says));
    policy.handle_end(later, 2, End::Signal(15));
    policy.handle_end(later, 0, End::Status(STATUS_LOST));
    assert_eq!(policy.status(), 3);
}

/// A signal explains neither another one nor a host that is lost.
#[test]
fn other_causes_beside_a_signal() {
    for (end, says) in [
        (
            End::Signal(11),
            "node 1 was ended by signal 11 (SIGSEGV): the other nodes are ended",
        ),
        (
            End::Lost(Loss::Closed),
            "node 1 is lost: the daemon of its host has ended: the other nodes are ended",
        ),
    ] {
        let (mut policy, now) = policy(2, OnNodeLoss::Abort);
        policy.handle_signal(now, SIGINT);
        let (order, note) = policy.handle_end(now, 1, end);
        assert_eq!(
            (order, note.as_deref()),
            (Some(Order::Terminate), Some(says))
        );
    }
}

#[test]
fn failure_of_the_last() {
    let (mut policy, now) = policy(2, OnNodeLoss::Abort);
    policy.handle_end(now, 0, WELL);
    let (order, note) = policy.handle_end(now, 1, End::Status(4));
    assert_eq!(order, None, "nobody is left");
    assert_eq!(note.as_deref(), Some("node 1 ended with status 4"));
    assert_eq!(policy.status(), 4);
}

/// Others may notice it before its end is told.
#[test]
fn a_node_that_has_lost_another_is_not_to_blame() {
    let (mut policy, now) = policy(3, OnNodeLoss::Abort);
    let lost = End::Status(STATUS_LOST);
    let (order, note) = policy.handle_end(now, 0, lost);
    assert_eq!((order, note), (Some(Order::Terminate), None));
    let (_, note) = policy.handle_end(now, 1, End::Signal(9));
    let note = note.expect("it is to blame");
    assert!(note.starts_with("node 1 was ended by signal 9"), "{note}");
    assert_eq!(policy.handle_end(now, 2, lost), (None, None));
    assert_eq!(policy.status(), 137);
}

/// The others are asked to end before node 0 has noticed the loss itself.
#[test]
fn node_0_is_ended_as_another_has_lost_one() {
    let (mut policy, now) = policy(3, OnNodeLoss::Abort);
    policy.handle_end(now, 2, WELL);
    let (order, _) = policy.handle_end(now, 1, End::Status(STATUS_LOST));
    assert_eq!(order, Some(Order::Terminate));
    policy.handle_end(now, 0, End::Signal(15));
    assert_eq!(policy.status(), STATUS_LOST, "no user has ended it");
}

#[test]
fn a_node_says_whom_it_has_lost() {
    let (mut policy, now) = policy(3, OnNodeLoss::Abort);
    policy.handle_testimony(2, "nothing was heard of it for 5 s".to_owned());
    policy.handle_end(now, 0, End::Status(STATUS_LOST));
    policy.handle_end(now, 1, End::Signal(15));
    // It stood still, and is ended.
    policy.handle_timeout(now + GRACE);
    let (_, note) = policy.handle_end(now + GRACE, 2, End::Signal(9));
    let says = "node 2 is lost: nothing was heard of it for 5 s";
    assert_eq!(note.as_deref(), Some(says));
    assert_eq!(policy.status(), STATUS_LOST);
}

#[test]
fn the_host_of_a_node_is_lost() {
    for (loss, says) in [
        (
            Loss::Closed,
            "node 1 is lost: the daemon of its host has ended",
        ),
        (Loss::Silent, "node 1 is lost: nothing is heard of its host"),
    ] {
        let (mut policy, now) = policy(2, OnNodeLoss::Abort);
        let (order, note) = policy.handle_end(now, 1, End::Lost(loss));
        assert_eq!(order, Some(Order::Terminate));
        assert!(note.expect("it is told").starts_with(says));
        policy.handle_end(now, 0, End::Status(STATUS_LOST));
        assert_eq!(policy.status(), STATUS_LOST);
    }
}
