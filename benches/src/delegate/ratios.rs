//! The ratios that count.

use crate::harness::report::Ratio;

/// What is said, of which row, to which row.
pub(crate) const RATIOS: [Ratio; 16] = [
    (
        "round trip of apply, in ping-pongs",
        "cache-line ping-pong",
        "apply, one side, 1 tasks",
    ),
    (
        "bare loop, requests in the time of a ping-pong",
        "bare slot loop, both sides",
        "cache-line ping-pong",
    ),
    (
        "apply, 64 tasks, to the bare loop",
        "apply, both sides, 64 tasks",
        "bare slot loop, both sides",
    ),
    (
        "apply, 256 tasks, to the bare loop",
        "apply, both sides, 256 tasks",
        "bare slot loop, both sides",
    ),
    (
        "apply_then, 64 under way, to the bare loop",
        "apply_then, both sides, 64 under way",
        "bare slot loop, both sides",
    ),
    (
        "apply_then, 256 under way, to the bare loop",
        "apply_then, both sides, 256 under way",
        "bare slot loop, both sides",
    ),
    (
        "apply, 64 tasks, to the tokio Mutex",
        "apply, both sides, 64 tasks",
        "tokio Mutex, one object, 64 tasks a thread",
    ),
    (
        "apply_then, 256 under way, to the std Mutex",
        "apply_then, both sides, 256 under way",
        "std Mutex, both threads, one object",
    ),
    (
        "apply, one side, 1 task, to the actor",
        "apply, one side, 1 tasks",
        "tokio actor (mpsc+oneshot), 1 tasks",
    ),
    (
        "apply, one side, 64 tasks, to the actor",
        "apply, one side, 64 tasks",
        "tokio actor (mpsc+oneshot), 64 tasks",
    ),
    (
        "apply, one side, 256 tasks, to the actor",
        "apply, one side, 256 tasks",
        "tokio actor (mpsc+oneshot), 256 tasks",
    ),
    (
        "apply, both sides, 64 tasks, to the actor",
        "apply, both sides, 64 tasks",
        "tokio actor (mpsc+oneshot), 64 tasks",
    ),
    (
        "apply, both sides, 256 tasks, to the actor",
        "apply, both sides, 256 tasks",
        "tokio actor (mpsc+oneshot), 256 tasks",
    ),
    (
        "apply, one side, 64 tasks, to the async-channel actor",
        "apply, one side, 64 tasks",
        "async-channel actor, 64 tasks",
    ),
    (
        "apply, one side, 64 tasks, to the kameo actor",
        "apply, one side, 64 tasks",
        "kameo actor, 64 tasks",
    ),
    (
        "local apply to the uncontended std Mutex",
        "apply, local",
        "std Mutex, uncontended",
    ),
];
