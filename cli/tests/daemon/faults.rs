//! Programs whose nodes, daemons, launchers and hosts fail: within the time that was set all of it
//! has ended, it is said why, nothing is left behind, and other programs go on.
//!
//! `GOSSAMER_FAULT_ROUNDS` says how many faults, `GOSSAMER_FAULT_SEED` which.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::body::run;
use crate::cache::fill_disk;
use crate::lives::Launched;
use crate::processes;
use crate::rack::{Rack, await_until, name};
use crate::random::Random;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Node(usize),
    /// It stands still, and says nothing any more.
    Stop(usize),
    Launcher,
    Daemon(usize),
    Cut(usize),
    /// The daemon of a host that the program goes on without.
    Survived,
    /// The disk of a host is full.
    Disk,
}

#[test]
#[ignore = "it takes minutes; see the phase `faults` of .ci/run"]
fn random_faults() {
    let Some(mut rack) = Rack::start(HOSTS) else {
        return;
    };
    let number = |name, default| {
        let value = std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok());
        value.unwrap_or(default)
    };
    let mut random = Random::new(number("GOSSAMER_FAULT_SEED", 7));
    // It has a host of its own, which controls it.
    let (bystander, since) = start_bystander(&rack);
    for round in 0..number("GOSSAMER_FAULT_ROUNDS", 7) {
        let fault = match round % 7 {
            0 => Fault::Node(random.below(HOSTS - 1)),
            1 => Fault::Launcher,
            2 => Fault::Daemon(random.below(HOSTS - 1)),
            3 => Fault::Cut(1),
            4 => Fault::Stop(random.below(HOSTS - 1)),
            5 => Fault::Survived,
            _ => Fault::Disk,
        };
        eprintln!("round {round}: {fault:?}");
        match fault {
            Fault::Survived => survive(&mut rack),
            Fault::Disk => fill_disk(&mut rack),
            _ => fail(&mut rack, fault, &mut random),
        }
        (0..HOSTS).for_each(|host| rack.await_hosts(host, HOSTS));
        assert_eq!(
            processes::of_node(&rack.state(BYSTANDER), &bystander, 0),
            since,
            "{fault:?}"
        );
    }
    let said = rack.says(BYSTANDER, &["logs", &bystander]);
    assert!(said.contains("round 100"), "{said}");
}

fn start_bystander(rack: &Rack) -> (String, Vec<rustix::process::Pid>) {
    let options = ["--hosts", &name(BYSTANDER), "--detach"];
    let output = rack.output(BYSTANDER, &mut run(rack, BYSTANDER, "calls", &options));
    assert!(output.status.success(), "{output:?}");
    let id = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    let folder = rack.state(BYSTANDER);
    await_until("it runs", || {
        rack.says(BYSTANDER, &["logs", &id]).contains("ready")
    });
    let processes = processes::of_node(&folder, &id, 0);
    assert_eq!(processes.len(), 1);
    (id, processes)
}

fn fail(rack: &mut Rack, fault: Fault, random: &mut Random) {
    let mut command = run(rack, 0, "calls", &["--hosts", "a,b"]);
    let mut launched = Launched::start(rack, 0, &mut command);
    if random.below(4) > 0 || matches!(fault, Fault::Stop(_)) {
        launched.await_line("ready");
    } else {
        // While it starts.
        let folder = rack.state(0);
        await_until("it starts", || !processes::of_daemon(&folder).is_empty());
    }
    let programs = rack.json(0, &["ps"]);
    let mut programs = programs.as_array().expect("a list").iter();
    let program = programs.find(|program| program["nodes"][0]["host"] == "a");
    let Some(program) = program else {
        panic!("it runs: {programs:?}")
    };
    let id = program["id"].as_str().expect("text").to_owned();
    let began = Instant::now();
    let says = match fault {
        Fault::Stop(node) => {
            signal_node(rack, &id, node, Signal::STOP);
            format!(
                "node {node} on {} is lost: nothing was heard of it for too long",
                name(node)
            )
        }
        Fault::Node(node) => {
            signal_node(rack, &id, node, Signal::KILL);
            format!(
                "node {node} on {} was ended by signal 9 (SIGKILL)",
                name(node)
            )
        }
        Fault::Launcher => {
            launched.signal(Signal::KILL);
            String::new()
        }
        Fault::Daemon(host) => {
            rack.kill_daemon(host);
            match host {
                0 => "is lost: it has closed its connection; look at".to_owned(),
                _ => format!(
                    "node 1 on {} is lost: the daemon of its host has ended",
                    name(host)
                ),
            }
        }
        Fault::Cut(host) => {
            rack.network().set_port(host, "down");
            format!("node 1 on {} is lost: nothing ", name(host))
        }
        Fault::Survived | Fault::Disk => unreachable!("they end no program"),
    };
    let (status, errors) = launched.end();
    assert!(!status.success(), "{fault:?}");
    assert!(errors.contains(&says), "{fault:?}: {status} {errors}");
    if let Fault::Node(0) = fault {
        assert_eq!(status.code(), Some(137), "{errors}");
    }
    // No host needs another for that.
    (0..BYSTANDER).for_each(|host| rack.await_nothing(host));
    let took = began.elapsed();
    eprintln!("all has ended after {took:?}");
    assert!(took < ALL_TIME_MAX + SLACK, "{fault:?}: {took:?}");
    match fault {
        Fault::Daemon(host) => {
            await_loss(rack, host);
            rack.restart_daemon(host);
        }
        Fault::Cut(host) => {
            await_loss(rack, host);
            rack.await_hosts(host, 1);
            rack.network().set_port(host, "up");
        }
        _ => {}
    }
    if let Fault::Daemon(0) = fault {
        return; // nobody knows any more
    }
    let says = match fault {
        Fault::Launcher => "its launcher has gone: all nodes are ended",
        _ => &says,
    };
    let all = rack.json(0, &["ps", "--all"]);
    let mut all = all.as_array().expect("a list").iter();
    let ended = all.find(|program| program["id"] == *id);
    let note = ended.and_then(|program| program["note"].as_str());
    assert!(
        note.is_some_and(|note| note.contains(says)),
        "{fault:?}: {note:?}"
    );
}

/// Sends a signal to the processes of a node, once there are any.
fn signal_node(rack: &Rack, id: &str, node: usize, signal: Signal) {
    let folder = rack.state(node);
    let mut victims = Vec::new();
    await_until("the node runs", || {
        victims = processes::of_node(&folder, id, node);
        !victims.is_empty()
    });
    victims
        .iter()
        .for_each(|victim| processes::kill(*victim, signal));
}

/// Waits until all others know that a host is lost.
fn await_loss(rack: &Rack, lost: usize) {
    let others = (0..HOSTS).filter(|host| *host != lost);
    others.for_each(|host| rack.await_hosts(host, HOSTS - 1));
}

/// Under `survive` the program goes on without a host, unless it is that of node 0.
#[test]
fn a_program_that_survives() {
    let Some(mut rack) = Rack::start(2) else {
        return;
    };
    survive(&mut rack);
}

fn survive(rack: &mut Rack) {
    let script = "test $GOSSAMER_NODE = 1 && exec sleep 1000000; echo ready; read line; exit 3";
    let options = ["run", "--hosts", "a,b", "--on-node-loss", "survive"];
    let mut command = rack.on(0, &[&options[..], &["--", "sh", "-c", script]].concat());
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    command.stdin(reader);
    let mut launched = Launched::start(rack, 0, &mut command);
    drop(command);
    launched.await_line("ready");
    rack.kill_daemon(1);
    let folder = rack.state(1);
    await_until("its nodes end with it", || {
        processes::of_daemon(&folder).is_empty()
    });
    await_until("its loss is noticed", || {
        rack.log(0)
            .contains("node 1 on b is lost: the daemon of its host has ended")
    });
    std::io::Write::write_all(&mut writer, b"go on\n").expect("it is read");
    let (status, errors) = launched.end();
    assert_eq!(status.code(), Some(3), "{errors}");
    assert!(errors.contains("gossamer: node 1 on b is lost"), "{errors}");
    rack.restart_daemon(1);
}

/// What a node has started goes with it, also if it has gone into a session of its own.
#[test]
fn nothing_is_left_of_what_nodes_have_started() {
    let Some(mut rack) = Rack::start(2) else {
        return;
    };
    let script = "setsid sleep 1000000 & trap '' TERM HUP; sleep 1000000 & echo ready; wait";
    for kill in [false, true] {
        let mut command = rack.on(0, &["run", "--", "sh", "-c", script]);
        command.env("GOSSAMER_GRACE", "0.1");
        let mut launched = Launched::start(&rack, 0, &mut command);
        launched.await_line("ready");
        launched.await_line("ready");
        let folder = rack.state(1);
        await_until("all of it runs", || {
            processes::of_daemon(&folder).len() >= 3
        });
        match kill {
            false => drop(rack.says(1, &["kill", "a-1"])),
            true => rack.kill_daemon(1),
        }
        launched.end();
        rack.await_nothing(0);
        rack.await_nothing(1);
    }
}

const HOSTS: usize = 3;
/// The host that nothing happens to.
const BYSTANDER: usize = 2;

/// What was set: the silence of the rack, and what nodes have to end by themselves and by order.
const ALL_TIME_MAX: Duration = Duration::from_secs(5 + 2 * 5);

/// For a machine that does other things too.
const SLACK: Duration = Duration::from_secs(30);
