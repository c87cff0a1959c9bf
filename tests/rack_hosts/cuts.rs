//! Links that are cut: for a moment, for longer than a node may be silent, and for ever.

use std::fs;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use crate::judge::judge;
use crate::network::Network;
use crate::node::{LIMIT, Node, start};

/// What is lost on the way is sent again: nobody notices but by the time it takes.
#[test]
fn a_cut_shorter_than_the_limit_fails_no_call() {
    let Some(network) = Network::switched(3) else {
        return;
    };
    let mut nodes = start(&network, SILENCE_LONG);
    begin(&mut nodes);
    // One's own link, with the routes that lead there; then the other end of another's.
    network.host(1).set_link("down");
    await_retries(&nodes[0]);
    network.host(1).set_link("up");
    await_values_of_all(&mut nodes, CALLS);
    network.set_port(0, "down");
    await_retries(&nodes[1]);
    network.set_port(0, "up");
    await_values_of_all(&mut nodes, CALLS);
    nodes.iter_mut().for_each(Node::stop);
    let testimonies: Vec<_> = nodes.into_iter().map(Node::end).collect();
    judge(&testimonies).all_values_but(|_, _| false);
    for testimony in &testimonies {
        assert!(testimony.lost.is_empty(), "{testimony:?}");
    }
}

/// It is lost, and stays so when its link is there again.
#[test]
fn a_cut_longer_than_the_limit_loses_the_host() {
    let Some(network) = Network::switched(3) else {
        return;
    };
    let mut nodes = start(&network, SILENCE);
    begin(&mut nodes);
    network.host(1).set_link("down");
    nodes[0].await_loss_of(1);
    nodes[2].await_loss_of(1);
    // It hears only its own silence, and takes node 0 for lost.
    nodes[1].await_loss_of(0);
    network.host(1).set_link("up");
    nodes[0].await_values(&[2], CALLS);
    nodes[2].await_values(&[0], CALLS);
    end_without(nodes, 1);
}

#[test]
fn a_host_that_is_cut_off_for_good() {
    let Some(network) = Network::switched(3) else {
        return;
    };
    let mut nodes = start(&network, SILENCE);
    begin(&mut nodes);
    network.cut_for_good(2);
    nodes[0].await_loss_of(2);
    nodes[1].await_loss_of(2);
    nodes[2].await_loss_of(0);
    nodes[0].await_values(&[1], CALLS);
    nodes[1].await_values(&[0], CALLS);
    end_without(nodes, 2);
}

#[test]
fn of_two_hosts_one_is_cut_off() {
    let Some(network) = Network::switched(2) else {
        return;
    };
    let mut nodes = start(&network, SILENCE);
    begin(&mut nodes);
    network.set_port(1, "down");
    nodes[0].await_loss_of(1);
    nodes[1].await_loss_of(0);
    end_without(nodes, 1);
}

/// Without node 0 there is no rack: each of the others is told so.
#[test]
fn the_host_of_node_0_is_cut_off() {
    let Some(network) = Network::switched(3) else {
        return;
    };
    let mut nodes = start(&network, SILENCE);
    begin(&mut nodes);
    network.cut_for_good(0);
    nodes[0].await_loss_of(1);
    nodes[0].await_loss_of(2);
    nodes[1].await_loss_of(0);
    nodes[2].await_loss_of(0);
    nodes.iter_mut().for_each(Node::stop);
    let testimonies: Vec<_> = nodes.into_iter().map(Node::end).collect();
    let verdict = judge(&testimonies);
    verdict.within(CALL_MAX);
    verdict.ends_not_executed(0, 1);
    verdict.ends_not_executed(0, 2);
    verdict.ends_not_executed(1, 0);
    verdict.ends_not_executed(2, 0);
}

/// Node 0 reaches both, and they do not reach each other: one of the two has to go, or calls
/// between them would never end.
#[test]
fn two_hosts_that_do_not_reach_each_other() {
    let Some(network) = Network::switched(3) else {
        return;
    };
    let mut nodes = start(&network, SILENCE);
    begin(&mut nodes);
    network.host(1).lose_all_to(network.host(2));
    network.host(2).lose_all_to(network.host(1));
    let began = Instant::now();
    // Which of them is for node 0 to say.
    let lost = loop {
        nodes[0].count();
        if let Some(lost) = nodes[0].lost().first() {
            break *lost;
        }
        assert!(began.elapsed() < LIMIT, "both stay");
        park_timeout(PAUSE);
    };
    let kept = 3 - lost;
    // It is told itself.
    nodes[lost].await_loss_of(lost);
    nodes[kept].await_loss_of(lost);
    nodes[0].await_values(&[kept], CALLS);
    nodes[kept].await_values(&[0], CALLS);
    end_without(nodes, lost);
}

/// Waits until there are calls between all.
fn begin(nodes: &mut [Node]) {
    await_values_of_all(nodes, CALLS);
}

fn await_values_of_all(nodes: &mut [Node], calls: usize) {
    let count = nodes.len();
    for node in nodes {
        let others: Vec<_> = (0..count).filter(|other| *other != node.number).collect();
        node.await_values(&others, calls);
    }
}

/// Ends a rack that has lost a node: its calls and those to it ended typed and in time, all others
/// in values.
fn end_without(mut nodes: Vec<Node>, lost: usize) {
    nodes.iter_mut().for_each(Node::stop);
    let testimonies: Vec<_> = nodes.into_iter().map(Node::end).collect();
    let verdict = judge(&testimonies);
    verdict.all_values_but(|node, owner| node == lost || owner == lost);
    verdict.within(CALL_MAX);
    for (node, testimony) in testimonies
        .iter()
        .enumerate()
        .filter(|(node, _)| *node != lost)
    {
        assert_eq!(testimony.lost, [lost], "node {node}");
        verdict.ends_not_executed(node, lost);
        verdict.ends_not_executed(lost, node);
    }
}

/// Waits until the host of a node has sent again what another's did not get, some times.
fn await_retries(node: &Node) {
    let began = Instant::now();
    let before = retries(node);
    while retries(node) < before + RETRIES {
        assert!(began.elapsed() < LIMIT, "nothing is sent again");
        park_timeout(PAUSE);
    }
}

fn retries(node: &Node) -> u64 {
    let table = fs::read_to_string(format!("/proc/{}/net/snmp", node.pid())).expect("it runs");
    let mut lines = table.lines().filter(|line| line.starts_with("Tcp: "));
    let names = lines.next().expect("a line of names").split(' ');
    let values = lines.next().expect("a line of values").split(' ');
    let mut columns = names.zip(values);
    let column = columns.find(|(name, _)| *name == "RetransSegs");
    column.expect("it is counted").1.parse().expect("a number")
}

/// For how long nothing may be heard of a node that is to be lost: more than a busy machine keeps
/// the others waiting.
const SILENCE: Duration = Duration::from_secs(5);
/// Of one that is not to be.
const SILENCE_LONG: Duration = Duration::from_secs(60);
/// A call to a lost node ends after once or twice the silence, and what a busy machine takes.
const CALL_MAX: Duration = Duration::from_secs(10 * SILENCE.as_secs());
const CALLS: usize = 200;
/// By then calls have stood still for long.
const RETRIES: u64 = 5;
const PAUSE: Duration = Duration::from_millis(20);
