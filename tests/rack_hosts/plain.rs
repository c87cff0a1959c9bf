//! Nothing is lost: two hosts and three, quick and slow networks between them, and hosts with
//! several nodes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::judge::judge;
use crate::network::Network;
use crate::node::{Node, start, start_by, start_on};
use crate::proxy::Pace;

#[test]
fn two_hosts() {
    let Some(network) = Network::switched(2) else {
        return;
    };
    all_go_well(start(&network, SILENCE), CALLS);
}

#[test]
fn three_hosts() {
    let Some(network) = Network::switched(3) else {
        return;
    };
    all_go_well(start(&network, SILENCE), CALLS);
}

#[test]
fn two_hosts_far_apart() {
    let Some(network) = Network::proxied(2, FAR) else {
        return;
    };
    all_go_well(start(&network, SILENCE), CALLS_FAR);
}

#[test]
fn three_hosts_far_apart() {
    let Some(network) = Network::proxied(3, FAR) else {
        return;
    };
    all_go_well(start(&network, SILENCE), CALLS_FAR);
}

/// Nodes of one host share memory and reach others by TCP, in one rack. That two hosts here have
/// one kernel must not deceive them.
#[test]
fn nodes_of_one_host_share_memory_and_no_others() {
    let Some(network) = Network::switched(2) else {
        return;
    };
    let mut nodes = start_on(&network, &[0, 0, 1], SILENCE);
    for node in &mut nodes {
        let others: Vec<_> = (0..3).filter(|other| *other != node.number).collect();
        node.await_values(&others, 1);
    }
    let has_memory: Vec<_> = nodes.iter().map(has_shared_memory).collect();
    assert_eq!(has_memory, [true, true, false]);
    all_go_well(nodes, CALLS);
}

/// As containers are that share a network: other processes' memory is out of their reach.
#[test]
fn nodes_in_other_namespaces_than_that_of_the_network() {
    let Some(network) = Network::switched(1) else {
        return;
    };
    for namespace in ["--user", "--ipc"] {
        let apart = |node: Command| {
            let mut apart = Command::new("unshare");
            apart.arg(namespace).arg(node.get_program());
            apart.args(node.get_args());
            for (name, value) in node.get_envs() {
                match value {
                    Some(value) => apart.env(name, value),
                    None => apart.env_remove(name),
                };
            }
            apart
        };
        let nodes = start_by(&network, &[0, 0], SILENCE, apart);
        all_go_well(nodes, CALLS);
    }
}

fn has_shared_memory(node: &Node) -> bool {
    let maps = fs::read_to_string(format!("/proc/{}/maps", node.pid())).expect("it runs");
    // As memory is called that has no name in any folder.
    maps.contains("/memfd:gossamer")
}

fn all_go_well(mut nodes: Vec<Node>, calls: usize) {
    let count = nodes.len();
    for node in &mut nodes {
        let others: Vec<_> = (0..count).filter(|other| *other != node.number).collect();
        node.await_values(&others, calls);
    }
    nodes.iter_mut().for_each(Node::stop);
    let testimonies: Vec<_> = nodes.into_iter().map(Node::end).collect();
    judge(&testimonies).all_values_but(|_, _| false);
    for testimony in &testimonies {
        assert!(testimony.lost.is_empty(), "{testimony:?}");
    }
}

/// As by a distant and narrow line.
const FAR: Pace = Pace {
    delay: Duration::from_millis(20),
    bytes_per_second: 1e6,
};

/// More than a busy machine keeps a node from saying that it lives.
const SILENCE: Duration = Duration::from_secs(60);
const CALLS: usize = 1000;
const CALLS_FAR: usize = 100;
