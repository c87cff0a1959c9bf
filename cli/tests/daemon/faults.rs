//! Programs whose nodes, daemons, launchers and hosts fail: within the time that was set all of it
//! has ended, it is said why, nothing is left behind, and other programs go on.
//!
//! `GOSSAMER_FAULT_ROUNDS` says how many faults, `GOSSAMER_FAULT_SEED` which.

use std::thread::park_timeout;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::body::run;
use crate::bystander::Bystander;
use crate::cache::{break_off, fill_disk};
use crate::lives::Launched;
use crate::processes;
use crate::rack::{LIMIT, PAUSE, Rack, await_until, name};
use crate::random::Random;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Node(usize),
    /// It stands still, and says nothing any more.
    Stop(usize),
    Launcher,
    Daemon(usize),
    Cut(usize),
    /// The program goes on without a node, by its end, that of its daemon, or that of its host.
    Survived(Loss),
    /// The disk of a host is full.
    Disk,
    /// An executable is sent to host b: its daemon is killed meanwhile, or else the launcher.
    Sent {
        is_daemon_killed: bool,
    },
}

/// What happens to node 1, and its host b.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Node,
    Daemon,
    Cut,
}

#[test]
#[ignore = "it takes minutes; see the phase `faults` of .ci/run"]
fn random_faults() {
    let number = |name, default| {
        let value = std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok());
        value.unwrap_or(default)
    };
    let seed = number("GOSSAMER_FAULT_SEED", 7);
    let rounds = number("GOSSAMER_FAULT_ROUNDS", 16);
    // Most of the time it is waited for a silence: several racks wait at the same time.
    let mut late = Duration::ZERO;
    std::thread::scope(|scope| {
        let racks: Vec<_> = (0..RACKS)
            .map(|rack| {
                let rounds = (0..rounds).filter(move |round| round % RACKS == rack);
                scope.spawn(move || one_rack(rounds, Random::new(seed * RACKS + rack)))
            })
            .collect();
        for rack in racks {
            late = late.max(rack.join().expect("no panic"));
        }
    });
    println!("all have ended within the time that was set, or after {late:?} more");
}

/// Returns by how much the end of a program came later than was set, at most.
fn one_rack(rounds: impl Iterator<Item = u64>, mut random: Random) -> Duration {
    let mut late = Duration::ZERO;
    let Some(mut rack) = Rack::start_with_silence(HOSTS, SILENCE) else {
        return late;
    };
    let bystander = Bystander::start(&rack, &[SAFE]);
    let mut neighbour = None;
    // Each has asked all others then, and stays connected.
    (0..HOSTS).for_each(|host| rack.await_hosts(host, HOSTS));
    let before = processes::burden(rack.daemon_pid(SAFE));
    for round in rounds {
        let beside = neighbour.get_or_insert_with(|| Bystander::start(&rack, &[SAFE, 1]));
        let fault = draw(round, &mut random);
        eprintln!("round {round}: {fault:?}");
        match fault {
            Fault::Survived(loss) => survive(&mut rack, loss),
            Fault::Disk => fill_disk(&mut rack),
            Fault::Sent { is_daemon_killed } => break_off(&mut rack, round, is_daemon_killed),
            _ => late = late.max(fail(&mut rack, beside, fault, &mut random)),
        }
        (0..HOSTS).for_each(|host| rack.await_hosts(host, HOSTS));
        match fault {
            Fault::Daemon(1)
            | Fault::Cut(1)
            | Fault::Disk
            | Fault::Sent {
                is_daemon_killed: true,
            }
            | Fault::Survived(Loss::Daemon | Loss::Cut) => {
                beside.assert_has_lost(&rack, 1);
                neighbour = None;
            }
            _ => beside.assert_goes_on(&rack),
        }
        bystander.assert_goes_on(&rack);
        for host in 0..HOSTS {
            let of = |bystander: &Bystander| bystander.on(host);
            let beside = neighbour.as_ref().map_or_else(Vec::new, of);
            rack.await_only(host, &[beside, of(&bystander)].concat());
        }
    }
    if let Some(beside) = neighbour {
        beside.end(&rack);
    }
    // Of the daemon that has seen all of it; it asks others now and then.
    let more = || {
        let now = processes::burden(rack.daemon_pid(SAFE));
        (0..2).any(|what| now[what].len() > before[what].len())
    };
    let began = Instant::now();
    while more() {
        assert!(
            began.elapsed() < LIMIT,
            "it has more than it had, {before:?}: {:?}",
            processes::burden(rack.daemon_pid(SAFE))
        );
        park_timeout(PAUSE);
    }
    late
}

/// Each kind as often as others, and at any time of another kind in each rack.
fn draw(round: u64, random: &mut Random) -> Fault {
    match (round / RACKS + round) % 8 {
        0 => Fault::Node(random.below(SAFE)),
        1 => Fault::Launcher,
        2 => Fault::Daemon(random.below(SAFE)),
        3 => Fault::Cut(random.below(SAFE)),
        4 => Fault::Stop(random.below(SAFE)),
        5 => Fault::Survived([Loss::Node, Loss::Daemon, Loss::Cut][random.below(3)]),
        6 => Fault::Disk,
        _ => Fault::Sent {
            is_daemon_killed: random.below(2) == 0,
        },
    }
}

/// Returns by how much the end came later than was set.
fn fail(rack: &mut Rack, beside: &Bystander, fault: Fault, random: &mut Random) -> Duration {
    let mut command = run(rack, 0, "calls", &["--hosts", "a,b"]);
    command.env("GOSSAMER_GRACE", GRACE);
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
    let says = strike(rack, fault, &id, &launched);
    let (status, errors) = launched.end();
    assert!(!status.success(), "{fault:?}");
    assert!(errors.contains(&says), "{fault:?}: {status} {errors}");
    if let Fault::Node(0) = fault {
        assert_eq!(status.code(), Some(137), "{errors}");
    }
    // No host needs another for that.
    for host in 0..SAFE {
        match fault {
            Fault::Daemon(1) | Fault::Cut(1) if host == 1 => rack.await_only(host, &[]),
            _ => rack.await_only(host, &beside.on(host)),
        }
    }
    let took = began.elapsed();
    eprintln!("{fault:?}: all has ended after {took:?}");
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
    if !matches!(fault, Fault::Daemon(0)) {
        // Else nobody knows any more.
        let says = match fault {
            Fault::Launcher => "its launcher has gone: all nodes are ended",
            _ => &says,
        };
        let note = rack.await_note(0, &id);
        assert!(note.contains(says), "{fault:?}: {note}");
    }
    took.saturating_sub(ALL_TIME_MAX)
}

/// Makes it happen; returns what is to be said of it.
fn strike(rack: &mut Rack, fault: Fault, id: &str, launched: &Launched) -> String {
    match fault {
        Fault::Stop(node) => {
            signal_node(rack, id, node, Signal::STOP);
            format!(
                "node {node} on {} is lost: nothing was heard of it for too long",
                name(node)
            )
        }
        Fault::Node(node) => {
            signal_node(rack, id, node, Signal::KILL);
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
        // Whichever of them is cut off.
        Fault::Cut(host) => {
            rack.network().set_port(host, "down");
            "node 1 on b is lost: nothing ".to_owned()
        }
        Fault::Survived(_) | Fault::Disk | Fault::Sent { .. } => {
            unreachable!("they end no program")
        }
    }
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
pub(crate) fn await_loss(rack: &Rack, lost: usize) {
    let others = (0..rack.hosts()).filter(|host| *host != lost);
    others.for_each(|host| rack.await_hosts(host, rack.hosts() - 1));
}

/// Under `survive` the program goes on without a host, unless it is that of node 0.
#[test]
fn a_program_that_survives() {
    let Some(mut rack) = Rack::start(2) else {
        return;
    };
    for loss in [Loss::Node, Loss::Daemon, Loss::Cut] {
        survive(&mut rack, loss);
        (0..2).for_each(|host| rack.await_hosts(host, 2));
        (0..2).for_each(|host| rack.await_only(host, &[]));
    }
}

fn survive(rack: &mut Rack, loss: Loss) {
    let script = "test $GOSSAMER_NODE = 1 && exec sleep 1000000; echo ready; read line; exit 3";
    let options = ["run", "--hosts", "a,b", "--on-node-loss", "survive"];
    let mut command = rack.on(0, &[&options[..], &["--", "sh", "-c", script]].concat());
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    command.stdin(reader);
    let mut launched = Launched::start(rack, 0, &mut command);
    drop(command);
    launched.await_line("ready");
    let program = rack.json(0, &["ps"]);
    let mut programs = program.as_array().expect("a list").iter();
    let program = programs.find(|program| program["nodes"][0]["host"] == "a");
    let id = program.expect("it runs")["id"].as_str().expect("text");
    let says = match loss {
        Loss::Node => {
            signal_node(rack, id, 1, Signal::KILL);
            "node 1 on b was ended by signal 9 (SIGKILL)"
        }
        Loss::Daemon => {
            rack.kill_daemon(1);
            "node 1 on b is lost: the daemon of its host has ended"
        }
        Loss::Cut => {
            rack.network().set_port(1, "down");
            "node 1 on b is lost: nothing is heard of its host"
        }
    };
    let folder = rack.state(1);
    await_until("its node ends", || {
        processes::of_node(&folder, id, 1).is_empty()
    });
    let says_now = format!("program {id}: {says}");
    await_until("its loss is noticed", || rack.log(0).contains(&says_now));
    std::io::Write::write_all(&mut writer, b"go on\n").expect("it is read");
    let (status, errors) = launched.end();
    assert_eq!(status.code(), Some(3), "{errors}");
    assert!(errors.contains(&format!("gossamer: {says}")), "{errors}");
    match loss {
        Loss::Node => {}
        Loss::Daemon => {
            await_loss(rack, 1);
            rack.restart_daemon(1);
        }
        Loss::Cut => {
            await_loss(rack, 1);
            rack.await_hosts(1, 1);
            rack.network().set_port(1, "up");
        }
    }
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
const SAFE: usize = 2;

/// How many racks there are at a time.
const RACKS: u64 = 8;

/// What daemons are told, in seconds: the library of a program has its own.
const SILENCE: &str = "3";

/// What nodes have to end by themselves and by order, in seconds.
const GRACE: &str = "0.5";

/// What was set: the silence of the library, and the grace twice.
const ALL_TIME_MAX: Duration = Duration::from_secs(5 + 1);

/// For a machine that does other things too.
const SLACK: Duration = Duration::from_secs(15);
