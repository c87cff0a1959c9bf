//! Nodes that are processes: this very program, started again for each node, wherever the system
//! then puts it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;

use gossamer::rack::{self, CallError, Identity, Trust};
use gossamer::{Builder, Runtime};

use super::churn::{Plan, churn_all};
use super::nodes::{SILENCE_MAX, on};
use crate::descriptors::use_up_descriptors;
use crate::process::{Port, command, is_node};
use crate::tally::tally;

/// What the nodes of one test do; its name is the name of the test.
pub(super) const SCENE: &str = "SCENE_OF_A_RACK";

/// A node, which does not outlive the test.
pub(super) struct Process {
    child: Option<Child>,
    /// Where they meet, until all have ended.
    _port: Arc<Port>,
}

#[test]
fn processes_at_different_addresses_call_each_other() {
    let outputs = run(3, "exchange", "abort");
    let mut addresses = BTreeSet::new();
    for (status, text) in outputs {
        assert!(status.success(), "{text}");
        let address = text.lines().find_map(|line| line.split_once("lies at "));
        addresses.insert(address.expect("each says so").1.to_owned());
    }
    let aslr = std::fs::read_to_string("/proc/sys/kernel/randomize_va_space");
    if aslr.is_ok_and(|aslr| aslr.trim() == "2") {
        assert_eq!(addresses.len(), 3, "{addresses:?}");
    } else {
        eprintln!("NOT SHOWN: this system puts every process at the same addresses");
    }
}

#[test]
fn calls_to_a_killed_process_end_typed_and_the_others_go_on() {
    let outputs = run(3, "killed", "survive");
    let (first, last) = (&outputs[0], &outputs[2]);
    assert!(first.0.success(), "{}", first.1);
    assert!(last.0.success(), "{}", last.1);
}

#[test]
fn by_default_all_end_with_one_that_is_killed() {
    let outputs = run(3, "killed", "abort");
    for (status, text) in [&outputs[0], &outputs[2]] {
        assert_eq!(status.code(), Some(69), "{text}");
        assert_eq!(text.matches("is lost").count(), 1, "{text}");
    }
}

#[test]
fn a_process_that_falls_silent_is_lost_within_the_limit() {
    let outputs = run(3, "silent 0", "survive");
    // The one that was stopped ends when it hears that the others have given it up.
    for (status, text) in [&outputs[0], &outputs[2]] {
        assert!(status.success(), "{text}");
    }
    assert!(
        outputs[0].1.contains("nothing was heard"),
        "{}",
        outputs[0].1
    );
    assert_eq!(outputs[1].0.code(), Some(69), "{}", outputs[1].1);
}

#[test]
fn sixteen_processes_start_meet_exchange_and_stop() {
    for (status, text) in run(16, "all", "abort") {
        assert!(status.success(), "{text}");
    }
}

/// What is answered goes back over the connection by which it was asked.
#[test]
fn a_connection_is_written_by_both_ends() {
    for (status, text) in run(2, "sockets", "abort") {
        assert!(status.success(), "{text}");
    }
}

/// It says so and waits for some; the other node has nothing to do with it.
#[test]
fn a_node_without_descriptors_accuses_nobody() {
    let outputs = run(2, "descriptors", "abort");
    for (status, text) in &outputs {
        assert!(status.success(), "{text}");
    }
    let said = &outputs[0].1;
    assert!(said.contains("no connection to node 1 is made"), "{said}");
}

/// Who waits for it is told why, by the one that makes it wait.
#[test]
fn a_node_without_descriptors_says_that_it_takes_no_connections() {
    let piped = |_: usize, command: &mut Command| {
        command.stdin(Stdio::piped());
    };
    let mut nodes = start_with(2, "full", "abort", piped);
    let full = nodes[0].child.as_mut().expect("it was not waited for");
    let until_told = full.stdin.take();
    let mut said = BufReader::new(full.stderr.take().expect("it is piped")).lines();
    let told = said.find(|line| matches!(line, Ok(line) if line.contains("is taken for now")));
    assert!(told.is_some(), "it has ended without a word");
    drop(until_told);
    for (status, text) in nodes.into_iter().map(end_of) {
        assert!(status.success(), "{text}");
    }
}

/// No test of its own: a node of those above.
#[test]
#[ignore = "started by the tests here"]
fn node() {
    let Ok(scene) = std::env::var(SCENE) else {
        return;
    };
    assert!(is_node(), "it is started as one");
    let identity = Identity::from_env().expect("the environment is set");
    let number = identity.node();
    println!("node {number} lies at {:p}", node as fn());
    if scene.starts_with("churn ") {
        tally().enter(number);
    }
    let runtime = Builder::new()
        .workers(2)
        .silence_max(if scene.starts_with("silent") {
            super::SILENCE_SHORT
        } else {
            SILENCE_MAX
        })
        .rack(identity)
        .build()
        .expect("all come");
    if number != 0 {
        assert_eq!(runtime.serve(), 0);
        return;
    }
    match scene.split_once(' ').unwrap_or((&scene, "0")) {
        ("exchange", _) => exchange(&runtime),
        ("all", _) => all(&runtime),
        ("killed", _) => killed(&runtime),
        ("silent", _) => silent(&runtime),
        ("sockets", _) => sockets(&runtime),
        ("descriptors", _) => descriptors(&runtime),
        ("full", _) => full(&runtime),
        ("churn", plan) => churn_all(&runtime, Plan::of_words(plan)),
        other => panic!("no such scene: {other:?}"),
    }
}

fn exchange(runtime: &Runtime) {
    runtime.block_on(async {
        let sum = rack::entrust_on(on(1), |start: u64| start, 0).await;
        let add = async |(sum, n): (Trust<u64>, u64)| {
            for _ in 0..100 {
                sum.apply_with(|sum, n| *sum += n, n).await;
            }
            rack::barrier().await;
        };
        let tasks = [2, 4].map(|worker| rack::spawn_on(worker, add, (sum.clone(), worker as u64)));
        rack::barrier().await;
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(sum.apply(|sum| *sum).await, 600);
    });
}

/// Every worker of every node calls all nodes, and meets all other workers.
fn all(runtime: &Runtime) {
    runtime.block_on(async {
        let mut sums = Vec::new();
        for node in 0..rack::nodes() {
            sums.push(rack::entrust_on(on(node), |start: usize| start, 0).await);
        }
        let add = async |sums: Vec<Trust<usize>>| {
            for sum in &sums {
                sum.apply(|sum| *sum += 1).await;
            }
            if gossamer::worker_id() > 0 {
                return;
            }
            rack::barrier().await; // of one worker of each node
            for sum in &sums {
                assert!(sum.apply(|sum| *sum).await >= rack::nodes());
            }
        };
        let tasks = (0..rack::workers()).map(|worker| rack::spawn_on(worker, add, sums.clone()));
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
        for sum in sums {
            assert_eq!(sum.apply(|sum| *sum).await, rack::workers());
        }
    });
}

fn killed(runtime: &Runtime) {
    runtime.block_on(async {
        let lost = rack::entrust_on(on(1), |_: ()| 0_u64, ()).await;
        let kept = rack::entrust_on(on(2), |_: ()| 0_u64, ()).await;
        // As kill -9 would, at no particular moment.
        lost.post_with(
            |_, ()| {
                let me = rustix::process::getpid();
                let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
            },
            (),
        );
        loop {
            match lost.try_apply_with(|n, ()| *n += 1, ()).await {
                Ok(()) | Err(CallError::Unknown { node: 1 }) => {}
                Err(error) => {
                    assert_eq!(error.has_run(), Some(false), "{error:?}");
                    break;
                }
            }
        }
        kept.apply(|n| *n += 1).await;
        assert_eq!(kept.apply(|n| *n).await, 1);
    });
}

/// Stops a node for longer than it may be silent, and lets it go on then.
fn silent(runtime: &Runtime) {
    runtime.block_on(async {
        let lost = rack::entrust_on(on(1), |_: ()| 0_u64, ()).await;
        let pid = lost.apply(|_| std::process::id()).await;
        let pid = rustix::process::Pid::from_raw(pid as i32).expect("a process");
        let signal = |signal| rustix::process::kill_process(pid, signal).expect("it is ours");
        signal(rustix::process::Signal::STOP);
        // It may serve some before it stops.
        let error = loop {
            if let Err(error) = lost.try_apply_with(|n, ()| *n += 1, ()).await {
                break error;
            }
        };
        signal(rustix::process::Signal::CONT);
        assert!(matches!(error, CallError::Unknown { node: 1 }), "{error:?}");
    });
}

/// One worker asks one of another node.
fn sockets(runtime: &Runtime) {
    let sockets = || {
        let descriptors = std::fs::read_dir("/proc/self/fd").expect("it is there");
        let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        let sockets = links.filter(|link| link.to_string_lossy().starts_with("socket:"));
        sockets.count()
    };
    runtime.block_on(async {
        let before = sockets();
        let sum = rack::entrust_on(on(1), |start: u64| start, 0).await;
        sum.apply(|sum| *sum += 1).await;
        // By shared memory bells go each way by a connection of their own.
        let opened = if super::FABRIC == "tcp" { 1 } else { 2 };
        assert_eq!(sockets() - before, opened);
    });
}

/// Asks another node for the first time while no descriptor is left for a connection.
fn descriptors(runtime: &Runtime) {
    runtime.block_on(async {
        let files = use_up_descriptors();
        let mut asked = pin!(rack::entrust_on(on(1), |start: u64| start, 7));
        assert!(futures::poll!(&mut asked).is_pending());
        // Long enough that what the worker has to do for the call has its turn.
        for _ in 0..1000 {
            gossamer::yield_now().await;
        }
        drop(files);
        assert_eq!(asked.await.apply(|sum| *sum).await, 7);
    });
}

/// Another worker connects to this node for the first time while no descriptor is left, until the
/// test closes the input.
fn full(runtime: &Runtime) {
    runtime.block_on(async {
        // What this one needs to ask is there.
        rack::spawn_on(2, async |()| {}, ())
            .await
            .expect("no panic");
        let sum = rack::entrust(7_u64);
        let files = use_up_descriptors();
        let ask = async |sum: Trust<u64>| sum.apply(|sum| *sum).await;
        let asked = rack::spawn_on(3, ask, sum);
        let input = gossamer::unblock(|| std::io::stdin().read_to_end(&mut Vec::new()));
        input.await.expect("it can be read");
        drop(files);
        assert_eq!(asked.await.expect("no panic"), 7);
    });
}

/// Runs a scene by so many processes, and returns how each has ended and what it has said.
fn run(nodes: usize, scene: &str, on_node_loss: &str) -> Vec<(ExitStatus, String)> {
    let children = start(nodes, scene, on_node_loss);
    children.into_iter().map(end_of).collect()
}

/// Starts so many processes for a scene.
fn start(nodes: usize, scene: &str, on_node_loss: &str) -> Vec<Process> {
    start_with(nodes, scene, on_node_loss, |_, _| {})
}

/// The same, with more for each node to know.
pub(super) fn start_with(
    nodes: usize,
    scene: &str,
    on_node_loss: &str,
    tell: impl Fn(usize, &mut Command),
) -> Vec<Process> {
    let (_, this) = module_path!().split_once("::").expect("of a crate");
    start_as(&format!("{this}::node"), nodes, scene, on_node_loss, tell)
}

/// The same, as nodes that this test of this program is.
pub(super) fn start_as(
    node_of_the_tests: &str,
    nodes: usize,
    scene: &str,
    on_node_loss: &str,
    tell: impl Fn(usize, &mut Command),
) -> Vec<Process> {
    let port = Arc::new(Port::reserved());
    let program = std::env::current_exe().expect("this program");
    let start = |node: usize| {
        let mut command = command(&program, node_of_the_tests);
        command
            .env(SCENE, scene)
            .env("GOSSAMER_NODE", node.to_string())
            .env("GOSSAMER_NODES", nodes.to_string())
            .env("GOSSAMER_RENDEZVOUS", port.address().to_string())
            .env("GOSSAMER_RENDEZVOUS_RESERVED", "true")
            .env("GOSSAMER_KEY", "c0de".repeat(16))
            .env("GOSSAMER_START_LIMIT", "600")
            .env("GOSSAMER_FABRIC", super::FABRIC)
            .env("GOSSAMER_ON_NODE_LOSS", on_node_loss);
        tell(node, &mut command);
        Process {
            child: Some(command.spawn().expect("a process starts")),
            _port: Arc::clone(&port),
        }
    };
    (0..nodes).map(start).collect()
}

pub(super) fn end_of(mut process: Process) -> (ExitStatus, String) {
    let child = process.child.take().expect("it was not waited for");
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("it ends");
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status, text.concat())
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
