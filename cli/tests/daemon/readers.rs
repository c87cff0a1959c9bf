//! Users who do not read what programs say, or who go: they hold nothing up, and nothing of them is
//! left.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::thread::spawn;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::lives::Launched;
use crate::processes::is_guard;
use crate::rack::{Rack, await_until};

/// A user who runs a program that says more than anything holds, and reads none of it.
fn spawn_unread(rack: &Rack) -> Child {
    let mut command = rack.on(0, &["run", "--", "sh", "-c", "yes; exit 3"]);
    command.env("GOSSAMER_GRACE", "0.1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = rack.spawn(0, &mut command);
    let mut before = None;
    // Nothing moves any more.
    await_until("all that holds something is full", || {
        let said = rack.says(0, &["ps"]).contains("runs");
        let waits = said.then(|| log_bytes(rack));
        let is_full = waits.is_some() && waits > Some(0) && waits == before;
        before = waits;
        is_full
    });
    child
}

fn log_bytes(rack: &Rack) -> usize {
    rack.says(0, &["logs", "a-1"]).len()
}

#[test]
fn a_launcher_that_stands_still() {
    let Some(rack) = Rack::start(1) else { return };
    let mut child = spawn_unread(&rack);
    kill_process(Pid::from_child(&child), Signal::STOP).expect("it runs");
    rack.await_nothing(0);
    await_until("the program is over", || {
        !rack.says(0, &["ps"]).contains("runs")
    });
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}

#[test]
fn a_program_whose_words_nobody_reads_can_be_killed() {
    let Some(rack) = Rack::start(1) else { return };
    let child = spawn_unread(&rack);
    rack.says(0, &["kill", "a-1"]);
    rack.await_nothing(0);
    await_until("the program is over", || {
        !rack.says(0, &["ps"]).contains("runs")
    });
    // And the user can still read what was on its way.
    let output = child.wait_with_output().expect("it ends");
    assert!(output.stdout.starts_with(b"[0@a] y\n"));
}

/// It does not come for what the nodes say: they do not wait for ever, and nothing is left of it.
#[test]
fn a_launcher_that_is_not_ready_in_time() {
    let Some(rack) = Rack::start_with_silence(1, "0.5") else {
        return;
    };
    let (launched, _listener) = launch_halfway(&rack, "true");
    let (status, errors) = launched.end();
    assert!(errors.contains("it does not answer in time"), "{errors}");
    assert_eq!(status.code(), Some(4));
    await_until("its nodes are not expected any more", || {
        rack.json(0, &["nodes"])[0]["nodes"] == 0
    });
    assert_eq!(rack.json(0, &["ps", "--all"]), serde_json::json!([]));
    rack.await_only(0, &[]);
}

#[test]
fn a_signal_that_comes_before_there_are_nodes() {
    let Some(rack) = Rack::start(1) else { return };
    let (launched, listener) = launch_halfway(&rack, "sleep 60; exit 5");
    // It has its number now.
    let (user, _) = listener.accept().expect("a launcher");
    rack.says(0, &["kill", "-s", "INT", "a-1"]);
    relay(&rack, user);
    let (status, errors) = launched.end();
    assert_eq!((status.code(), &*errors), (Some(130), ""));
}

/// A launcher that has asked for the hosts and for the program, and is not answered what it asks
/// next, by this listener.
fn launch_halfway(rack: &Rack, script: &str) -> (Launched, TcpListener) {
    let namespace = &rack.network().host(0).namespace;
    let listener = namespace.within(|| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = listener.local_addr().expect("it is bound").to_string();
    let words = ["run", "--daemon", &address, "--", "sh", "-c", script];
    let launched = Launched::start(rack, 0, &mut rack.on(0, &words));
    for _ in 0..2 {
        relay(rack, listener.accept().expect("a launcher").0);
    }
    (launched, listener)
}

/// Passes what a user and the daemon say on to each other.
fn relay(rack: &Rack, user: TcpStream) {
    let namespace = &rack.network().host(0).namespace;
    let daemon = namespace.within(|| TcpStream::connect(rack.address(0)));
    let daemon = daemon.expect("it listens");
    let clone = |stream: &TcpStream| stream.try_clone().expect("there are descriptors");
    for (mut from, mut to) in [(clone(&user), clone(&daemon)), (daemon, user)] {
        spawn(move || {
            let _ = std::io::copy(&mut from, &mut to); // however it ends
            let _ = to.shutdown(Shutdown::Write); // it may have ended
        });
    }
}

/// As by `| head -1`: the user knows why it ends.
#[test]
fn a_reader_that_goes() {
    let Some(rack) = Rack::start(1) else { return };
    let mut command = rack.on(0, &["run", "--", "yes"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = rack.spawn(0, &mut command);
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    output.read_line(&mut line).expect("it says something");
    assert_eq!(line, "[0@a] y\n");
    drop(output);
    let mut errors = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    stderr.read_to_string(&mut errors).expect("text");
    assert_eq!(errors, "");
    assert!(child.wait().expect("it is ours").code().is_some());
    rack.await_nothing(0);
}

#[test]
fn whoever_follows_a_silent_program_and_goes_leaves_nothing() {
    let Some(rack) = Rack::start(1) else { return };
    let id = rack.says(0, &["run", "--detach", "--", "sleep", "1000000"]);
    let id = id.trim_end();
    let threads = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", rack.daemon_pid(0)));
        tasks.expect("it runs").count()
    };
    let before = threads();
    let mut followers: Vec<_> = (0..20)
        .map(|_| rack.spawn(0, &mut rack.on(0, &["logs", id, "-f"])))
        .collect();
    await_until("they are served", || threads() >= before + followers.len());
    for follower in &mut followers {
        follower.kill().expect("it is ours");
        follower.wait().expect("it is ours");
    }
    await_until("nothing is left of them", || threads() < before + 10);
    rack.says(0, &["kill", id]);
    rack.await_nothing(0);
}

/// In the background of a shell, which would stop whoever reads its terminal.
#[test]
fn a_terminal_is_not_read_in_its_background() {
    let Some(rack) = Rack::start(1) else { return };
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("it is ours");
    unlockpt(&terminal).expect("it is ours");
    let name = ptsname(&terminal, Vec::new()).expect("it has a name");
    let name = OsStr::from_bytes(name.as_bytes());
    let input = File::options().read(true).write(true).open(name);
    let done = rack.folder().join("done");
    let run = rack.on(0, &[]);
    let mut shell = Command::new("setsid");
    let script = r#"set -m; "$0" run -- sh -c "$1" & wait"#;
    shell.args(["--ctty", "sh", "-c", script]);
    shell.arg(run.get_program());
    let program = format!(
        "echo ready; until test -e {}; do sleep 0.01; done; echo done",
        done.display()
    );
    shell.arg(program);
    for (name, value) in run.get_envs() {
        shell.envs(value.map(|value| (name, value)));
    }
    shell.stdin(input.expect("it is there"));
    let mut launched = Launched::start(&rack, 0, &mut shell);
    launched.await_line("ready");
    fs::write(done, "").expect("there is room");
    launched.await_line("done");
    rack.await_nothing(0);
}

/// The daemon was started by `nohup`: its programs are not.
#[test]
fn programs_hear_what_their_daemon_ignores() {
    let Some(mut rack) = Rack::start(1) else {
        return;
    };
    rack.kill_daemon(0);
    fs::remove_file(rack.state(0).join("address")).expect("it was killed");
    rack.start_daemon_ignoring(0, "HUP INT QUIT TERM");
    rack.await_hosts(0, 1);
    let said = rack.says(0, &["run", "--", "grep", "SigIgn", "/proc/self/status"]);
    let ignored = said.split_whitespace().last().expect("a set");
    let ignored = u64::from_str_radix(ignored, 16).expect("a set");
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
        assert_eq!(ignored >> (signal.as_raw() - 1) & 1, 0, "{said}");
    }
}

/// Nobody would end what the daemon leaves behind.
#[test]
fn a_daemon_whose_guard_is_killed_ends() {
    let Some(mut rack) = Rack::start(1) else {
        return;
    };
    let id = rack.says(0, &["run", "--detach", "--", "sleep", "1000000"]);
    assert_eq!(id, "a-1\n");
    let children = format!("/proc/{0}/task/{0}/children", rack.daemon_pid(0));
    let children = fs::read_to_string(children).expect("it runs");
    let children = children.split_whitespace();
    let mut children = children.filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    let guard = children.find(|pid| is_guard(*pid)).expect("it has one");
    kill_process(guard, Signal::KILL).expect("it runs");
    assert_eq!(rack.await_end_of_daemon(0), Some(125));
    assert!(rack.log(0).contains("its guard has ended; start it again"));
    let folder = rack.state(0);
    await_until("its nodes end with it", || {
        crate::processes::of_daemon(&folder).is_empty()
    });
}
