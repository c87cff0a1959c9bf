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

/// Three hosts and six threads: it takes less than a second more than by a launcher alone, if the
/// machine does nothing else.
#[test]
#[ignore = "among other processes it says nothing; see the phase `rack` of .ci/run"]
fn start_of_a_program_on_three_hosts() {
    let Some(rack) = Rack::start(3) else { return };
    let mut by_daemons = run(&rack, 0, "identity", &["--threads", "6"]);
    let options = ["run", "-n", "3", "--workers", "2", "--fabric", "tcp", "--"];
    let mut alone = rack.on(0, &options);
    alone.args(words()).env("BODY", "identity");
    // So that all hosts have the executable.
    timed(&rack, &mut by_daemons);
    let [mut with, mut without] = [Duration::MAX; 2];
    for _ in 0..TRIES {
        with = with.min(timed(&rack, &mut by_daemons));
        without = without.min(timed(&rack, &mut alone));
    }
    println!("from start to end: {with:?} by daemons, {without:?} by a launcher alone");
    let more = with.saturating_sub(without);
    assert!(more < Duration::from_secs(1), "{more:?} more");
}

/// It takes at most twice the time of a plain copy, if the machine does nothing else.
#[test]
#[ignore = "among other processes it says nothing; see the phase `rack` of .ci/run"]
fn executable_of_20_megabytes() {
    let Some(rack) = Rack::start(2) else { return };
    let path = rack.folder().join("script");
    let mut number = 0;
    let [mut first, mut again, mut copied] = [Duration::MAX; 3];
    while number < TRIES || first.saturating_sub(again) > 2 * copied && number < TRIES_MAX {
        let mut text = format!("#!/bin/sh\n# {number}\nexit\n").into_bytes();
        text.resize(BYTES, b'x');
        fs::write(&path, text).expect("there is room");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
        let start = || {
            let mut command = rack.on(0, &["run", "--hosts", "b", "--"]);
            timed(&rack, command.arg(&path))
        };
        first = first.min(start());
        // Whoever starts it again does all but send it.
        again = again.min(start());
        copied = copied.min(timed_copy(&rack, &path));
        number += 1;
    }
    let sent = first.saturating_sub(again);
    println!("{BYTES} bytes: sent in {sent:?}, copied in {copied:?}");
    assert!(sent < 2 * copied, "{sent:?} is more than twice {copied:?}");
}

/// Of a file from one host to the other, where it becomes one again.
fn timed_copy(rack: &Rack, path: &Path) -> Duration {
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
    let began = Instant::now();
    std::thread::scope(|scope| {
        let receiving = scope.spawn(receive);
        send().expect("it is received");
        let received = receiving.join().expect("no panic");
        assert_eq!(received.expect("it is sent"), BYTES as u64);
    });
    began.elapsed()
}

fn timed(rack: &Rack, command: &mut Command) -> Duration {
    let began = Instant::now();
    let output = rack.output(0, command);
    assert!(output.status.success(), "{output:?}");
    began.elapsed()
}

const TRIES: u32 = 5;
const TRIES_MAX: u32 = 30;
const BYTES: usize = 20_000_000;
