//! How soon programs start, and how fast executables travel, beside what they would do without
//! daemons: the best of a few tries, taken in turns, as the machine does other things too.

use std::fs::{self, File, Permissions};
use std::io::{self, copy};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::body::{run, words};
use crate::rack::Rack;

/// Three hosts and six threads: it takes less than a second more than by a launcher alone.
#[test]
fn start_of_a_program_on_three_hosts() {
    let Some(rack) = Rack::start(3) else { return };
    let mut by_daemons = run(&rack, 0, "identity", &["--threads", "6"]);
    let options = ["run", "-n", "3", "--workers", "2", "--fabric", "tcp", "--"];
    let mut alone = rack.on(0, &options);
    alone.args(words()).env("BODY", "identity");
    // So that all hosts have the executable.
    timed(&rack, &mut by_daemons);
    let (with, without) = best(
        |_| timed(&rack, &mut by_daemons),
        |_| timed(&rack, &mut alone),
    );
    println!("from start to end: {with:?} by daemons, {without:?} by a launcher alone");
    let more = with.saturating_sub(without);
    assert!(more < Duration::from_secs(1), "{more:?} more");
}

/// It takes at most twice the time of a plain copy.
#[test]
fn executable_of_20_megabytes() {
    let Some(rack) = Rack::start(2) else { return };
    let path = |number: usize| rack.folder().join(format!("script{number}"));
    for number in 0..TRIES {
        let mut text = format!("#!/bin/sh\n# {number}\nexit\n").into_bytes();
        text.resize(BYTES, b'x');
        fs::write(path(number), text).expect("there is room");
        fs::set_permissions(path(number), Permissions::from_mode(0o755)).expect("it is ours");
    }
    let start = |number| {
        let mut command = rack.on(0, &["run", "--hosts", "b", "--"]);
        timed(&rack, command.arg(path(number)))
    };
    // Whoever starts it again does all but send it.
    let (first, again) = best(start, start);
    let (sent, copied) = (first.saturating_sub(again), best_copy(&rack, &path(0)));
    println!("{BYTES} bytes: sent in {sent:?}, copied in {copied:?}");
    assert!(sent < copied * 2, "{sent:?} is more than twice {copied:?}");
}

/// Of a file from one host to the other, where it becomes one again.
fn best_copy(rack: &Rack, path: &Path) -> Duration {
    let [from, to] = [0, 1].map(|host| rack.network().host(host));
    let listener = to
        .namespace
        .within(|| TcpListener::bind((to.address, 0)).expect("a port"));
    let address = listener.local_addr().expect("it is bound");
    let copied = rack.folder().join("copied");
    let receive = || -> io::Result<u64> {
        let (mut stream, _) = listener.accept()?;
        copy(&mut stream, &mut File::create(&copied)?)
    };
    let send = || -> io::Result<u64> {
        let mut stream = from.namespace.within(|| TcpStream::connect(address))?;
        copy(&mut File::open(path)?, &mut stream)
    };
    let copy = |_| {
        let began = Instant::now();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(receive);
            send().expect("it is received");
            let received = receiving.join().expect("no panic");
            assert_eq!(received.expect("it is sent"), BYTES as u64);
        });
        began.elapsed()
    };
    (0..TRIES).map(copy).min().expect("some tries")
}

fn timed(rack: &Rack, command: &mut Command) -> Duration {
    let began = Instant::now();
    let output = rack.output(0, command);
    assert!(output.status.success(), "{output:?}");
    began.elapsed()
}

/// Of each.
fn best(
    mut one: impl FnMut(usize) -> Duration,
    mut other: impl FnMut(usize) -> Duration,
) -> (Duration, Duration) {
    let tries = (0..TRIES).map(|number| (one(number), other(number)));
    tries.fold((Duration::MAX, Duration::MAX), |best, (one, other)| {
        (best.0.min(one), best.1.min(other))
    })
}

const TRIES: usize = 5;
const BYTES: usize = 20_000_000;
