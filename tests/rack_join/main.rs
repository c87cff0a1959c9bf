//! Processes that are started to be nodes of a rack, with all that can be wrong about it: each says
//! what is wrong in one line, ends with a status that is not 0, and leaves nothing behind.
//!
//! A test here runs its own executable again, with the test `body_of_a_node` for a program.

mod by_hand;
mod process;
#[path = "../common/rack.rs"]
mod rack;
mod strangers;

use std::fs::{self, OpenOptions};
use std::io::Write;

use gossamer::rack::join::Identity;

use process::{Outcome, finish, node};
use rack::Port;

/// What such a process runs.
#[test]
fn body_of_a_node() {
    if !rack::is_node() {
        return;
    }
    let joined = Identity::from_env()
        .map_err(Into::into)
        .and_then(|identity| identity.join(2));
    match joined {
        Ok(joined) => {
            let members = joined.membership().members();
            let workers: usize = members.iter().map(|member| member.workers()).sum();
            println!(
                "node={} nodes={} workers={workers}",
                joined.node(),
                members.len()
            );
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
}

/// All have failed, and each says this in one line.
fn all_failed(outcomes: &[Outcome], says: &str) {
    for outcome in outcomes {
        outcome.failed(says);
    }
}

#[test]
fn plain_start_is_a_rack_of_one() {
    let outcomes = finish(vec![process::plain()]);
    outcomes[0].joined("node=0 nodes=1 workers=2");
}

#[test]
fn all_join() {
    let port = Port::reserved();
    let nodes = (0..4).map(|number| node(&port, number, 4)).collect();
    for (number, outcome) in finish(nodes).iter().enumerate() {
        outcome.joined(&format!("node={number} nodes=4 workers=8"));
    }
}

#[test]
fn nodes_that_are_not_started() {
    let port = Port::reserved();
    for limit in LIMITS {
        let mut zero = node(&port, 0, 4);
        zero.env("GOSSAMER_START_LIMIT", limit);
        let outcomes = finish(vec![zero, node(&port, 2, 4)]);
        if outcomes[0].says("nodes 1, 2 and 3 are missing") {
            continue; // node 2 needs longer
        }
        let says = format!(
            "the rack does not start: 2 nodes have joined within {limit} s, and nodes 1 and 3 are \
             missing: start them, or raise GOSSAMER_START_LIMIT"
        );
        return all_failed(&outcomes, &says);
    }
    panic!("node 2 never joins");
}

#[test]
fn node_that_is_started_twice() {
    let port = Port::reserved();
    let nodes = [0, 1, 1].map(|number| node(&port, number, 3));
    let outcomes = finish(nodes.into());
    all_failed(
        &outcomes,
        "the rack does not start: node 1 was started twice",
    );
}

#[test]
fn numbers_of_nodes_that_differ() {
    let port = Port::reserved();
    let outcomes = finish(vec![node(&port, 0, 3), node(&port, 2, 4)]);
    all_failed(
        &outcomes,
        "node 2 was started for 4 nodes and node 0 for 3: set GOSSAMER_NODES to the same number \
         on all nodes",
    );
}

#[test]
fn address_in_use() {
    let port = Port::reserved();
    let mut zero = node(&port, 0, 2);
    zero.env_remove("GOSSAMER_RENDEZVOUS_RESERVED");
    let outcomes = finish(vec![zero]);
    let says = format!(
        "GOSSAMER_RENDEZVOUS={}: something listens there already: end it, or choose another port",
        port.address()
    );
    all_failed(&outcomes, &says);
}

#[test]
fn rendezvous_that_nobody_reaches() {
    let port = Port::reserved();
    let mut one = node(&port, 1, 2);
    one.env("GOSSAMER_START_LIMIT", "0.3");
    let outcomes = finish(vec![one]);
    let says = format!(
        "GOSSAMER_RENDEZVOUS={}: node 0 could not be reached within 0.3 s",
        port.address()
    );
    all_failed(&outcomes, &says);
}

#[test]
fn wrong_key() {
    let port = Port::reserved();
    for limit in LIMITS {
        let mut zero = node(&port, 0, 2);
        zero.env("GOSSAMER_START_LIMIT", limit);
        let mut one = node(&port, 1, 2);
        one.env("GOSSAMER_KEY", "0".repeat(64));
        let outcomes = finish(vec![zero, one]);
        outcomes[0].failed("and node 1 is missing");
        if !outcomes[0].says("a connection") {
            continue; // node 1 needs longer
        }
        outcomes[0].failed("a connection did not prove that it knows GOSSAMER_KEY");
        outcomes[1].failed("did not prove that it knows the key of this run: set GOSSAMER_KEY");
        return;
    }
    panic!("node 1 never comes");
}

#[test]
fn missing_key() {
    let port = Port::reserved();
    let mut one = node(&port, 1, 2);
    one.env_remove("GOSSAMER_KEY");
    let outcomes = finish(vec![one]);
    all_failed(
        &outcomes,
        "GOSSAMER_KEY is not set, but GOSSAMER_NODES is: set it to 64 hexadecimal digits",
    );
}

#[test]
fn values_that_cannot_be_used() {
    let port = Port::reserved();
    for (variable, value, says) in [
        (
            "GOSSAMER_NODE",
            "2",
            "GOSSAMER_NODE=2: must be from 0 to 1, as there are 2 nodes",
        ),
        (
            "GOSSAMER_NODES",
            "0",
            "GOSSAMER_NODES=0: must be from 1 to 1024",
        ),
        (
            "GOSSAMER_RENDEZVOUS",
            "here",
            "GOSSAMER_RENDEZVOUS=here: must be HOST:PORT",
        ),
        (
            "GOSSAMER_KEY",
            "secret",
            "GOSSAMER_KEY=(6 characters): must be 64 hexadecimal digits",
        ),
        (
            "GOSSAMER_BIND",
            "eth0",
            "GOSSAMER_BIND=eth0: must be IP or IP:PORT",
        ),
        ("GOSSAMER_BIND", "192.0.2.1", "GOSSAMER_BIND=192.0.2.1:"),
        (
            "GOSSAMER_START_LIMIT",
            "soon",
            "GOSSAMER_START_LIMIT=soon: must be a number of seconds",
        ),
        (
            "GOSSAMER_FABRIC",
            "wool",
            "GOSSAMER_FABRIC=wool: must be auto, shm, tcp or rdma",
        ),
        (
            "GOSSAMER_ON_NODE_LOSS",
            "weep",
            "GOSSAMER_ON_NODE_LOSS=weep: must be abort or survive",
        ),
    ] {
        let mut zero = node(&port, 0, 2);
        zero.env(variable, value);
        all_failed(&finish(vec![zero]), says);
    }
}

/// A byte more at the end of an executable changes nothing but its hash.
#[test]
fn other_build() {
    let folder = std::env::temp_dir().join(format!("gossamer-build-{}", std::process::id()));
    fs::create_dir(&folder).expect("nothing is there yet");
    let copy = folder.join("other_build");
    fs::copy(process::this_executable(), &copy).expect("there is room");
    let file = OpenOptions::new().append(true).open(&copy);
    file.and_then(|mut file| file.write_all(b"!"))
        .expect("it is ours");

    let port = Port::reserved();
    let mut one = process::node_of(&copy);
    process::tell(&mut one, &port, 1, 2);
    let outcomes = finish(vec![node(&port, 0, 2), one]);
    fs::remove_dir_all(&folder).expect("it is ours");
    let hashes: Vec<_> = outcomes.iter().map(Outcome::hashes).collect();
    assert_eq!(hashes[0], hashes[1], "both name both");
    assert!(hashes[0].len() == 2 && hashes[0][0] != hashes[0][1]);
    all_failed(&outcomes, "of the program and node 0 is build");
    all_failed(&outcomes, "start the same build on all nodes");
}

#[test]
fn step_of_slurm() {
    let mut task = process::plain();
    task.env("SLURM_PROCID", "1")
        .env("SLURM_STEP_NUM_TASKS", "2")
        .env("SLURM_STEP_NODELIST", "rack[1-2]");
    all_failed(
        &finish(vec![task]),
        "this is task 1 of 2 of a Slurm step, which makes it a node of a rack; still needed: \
         GOSSAMER_KEY",
    );

    let port = Port::reserved();
    let tasks = (0..2).map(|number| {
        let mut task = node(&port, number, 2);
        task.env_remove("GOSSAMER_NODE")
            .env_remove("GOSSAMER_NODES")
            .env("SLURM_PROCID", number.to_string())
            .env("SLURM_STEP_NUM_TASKS", "2")
            .env("SLURM_STEP_NODELIST", "rack[1-2]");
        task
    });
    for (number, outcome) in finish(tasks.collect()).iter().enumerate() {
        outcome.joined(&format!("node={number} nodes=2 workers=4"));
    }
}

/// Within so many seconds node 0 gives up, where it is to do so. Others must have come before: the
/// first limit that is long enough for that is the one that counts.
const LIMITS: [&str; 4] = ["2", "8", "32", "128"];
