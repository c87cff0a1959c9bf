//! Signals: each future hears of one that comes after its first poll. A process of its own, as
//! signals are the whole process's.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::{Context, Waker};

use gossamer::signal::{ctrl_c, terminate};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::raise;

#[path = "common/example.rs"]
mod example;

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

#[test]
fn heard_by_examples_as_soon_as_they_say_that_they_listen() {
    let any_port = "127.0.0.1:0";
    let examples: [(_, &[_]); 3] = [
        ("chat", &[any_port]),
        ("http", &[any_port]),
        ("memcached", &["-l", any_port]),
    ];
    for (name, args) in examples {
        let example = example::example(name, name);
        for _ in 0..10 {
            let mut server = Command::new(&example);
            server.args(args).stdout(Stdio::piped());
            let mut server = server.spawn().expect("the example starts");
            let mut said = BufReader::new(server.stdout.take().expect("it is piped"));
            let mut line = String::new();
            said.read_line(&mut line).expect("text");
            assert!(line.starts_with("listening on "), "{name}: {line}");
            kill_process(Pid::from_child(&server), Signal::TERM).expect("it runs");
            std::io::copy(&mut said, &mut std::io::sink()).expect("its last words");
            let status = server.wait().expect("it ends");
            assert!(status.success(), "{name}: {status}");
        }
    }
}
