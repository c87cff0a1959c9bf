//! Nodes that meet over loopback, and what may keep them from it. The limit is short only where it
//! must pass.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::thread;

use super::super::card::BuildHash;
use super::super::choice::{FabricChoice, OnNodeLoss};
use super::super::enter::enter;
use super::super::identity::{Bind, Identity};
use super::super::joined::Joined;
use super::super::rig::{Reserved, join_all, rack};
use super::*;

/// Nobody is to come in this time.
const SHORT: Duration = Duration::from_millis(200);

/// Some are to come in this time, on a busy machine too.
const ENOUGH: Duration = Duration::from_secs(3);

fn text(result: &Result<Joined, JoinError>) -> String {
    result.as_ref().expect_err("refused").to_string()
}

fn identities(reserved: &Reserved, nodes: u32) -> Vec<Identity> {
    (0..nodes)
        .map(|node| reserved.identity(node, nodes))
        .collect()
}

/// All that are there say this, and nobody waits for anything else.
fn all_say(identities: Vec<Identity>, says: &str) {
    for result in join_all(identities) {
        let text = text(&result);
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn all_have_the_same_table() {
    for nodes in [2, 5, 16] {
        let joined = rack(nodes);
        let first = joined[0].membership();
        assert_eq!(first.members.len(), nodes as usize);
        for (node, joined) in joined.iter().enumerate() {
            assert_eq!(joined.node(), node);
            assert_eq!(joined.membership(), first);
            let member = &first.members[node];
            assert_eq!((member.node(), member.workers()), (node, node + 1));
            assert_eq!(member.pid(), std::process::id());
            assert!(first.can_share_memory(0, node as u32));
        }
        let mut ports: Vec<_> = first.members.iter().map(|member| member.address).collect();
        ports.sort();
        ports.dedup();
        assert_eq!(ports.len(), nodes as usize, "each listens");
    }
}

#[test]
fn missing_nodes_are_named_on_all_sides() {
    let reserved = Reserved::new();
    let mut here = identities(&reserved, 4);
    here.truncate(2);
    here[0].start_limit = ENOUGH;
    all_say(
        here,
        "the rack does not start: 2 nodes have joined within 3 s, and nodes 2 and 3 are missing",
    );
}

#[test]
fn two_with_one_number() {
    let reserved = Reserved::new();
    let mut here = identities(&reserved, 3);
    here[2].node = 1;
    all_say(here, "node 1 was started twice, as process");
}

#[test]
fn settings_that_differ() {
    let reserved = Reserved::new();
    let mut counts = identities(&reserved, 2);
    counts[1].nodes = 3;
    all_say(
        counts,
        "node 1 was started for 3 nodes and node 0 for 2: set GOSSAMER_NODES to the same",
    );
    let mut fabrics = identities(&reserved, 2);
    fabrics[1].fabric = FabricChoice::Tcp;
    all_say(
        fabrics,
        "node 1 was started with GOSSAMER_FABRIC=tcp and node 0 with auto",
    );
    let mut losses = identities(&reserved, 2);
    losses[0].on_node_loss = OnNodeLoss::Survive;
    all_say(
        losses,
        "node 1 was started with GOSSAMER_ON_NODE_LOSS=abort and node 0 with survive",
    );
}

#[test]
fn wrong_key() {
    let reserved = Reserved::new();
    let mut here = identities(&reserved, 2);
    here[0].start_limit = ENOUGH;
    let meeting = here[1].meeting.as_mut().expect("there are others");
    meeting.key = RunKey::new([9; 32]);
    let results = join_all(here);
    let zero = text(&results[0]);
    assert!(zero.contains("and node 1 is missing: start it"), "{zero}");
    assert!(
        zero.ends_with("a connection did not prove that it knows GOSSAMER_KEY"),
        "{zero}"
    );
    let one = text(&results[1]);
    assert!(
        one.contains("did not prove that it knows the key of this run: set GOSSAMER_KEY"),
        "{one}"
    );
}

/// Node 0 here, and a node 1 of a program with another card.
fn with_card(change: impl Fn(&mut Card)) -> (String, String) {
    let reserved = Reserved::new();
    let zero = reserved.identity(0, 2);
    let zero = thread::spawn(move || zero.join(1));
    let one = reserved.identity(1, 2);
    let mut card = Card::of_this_process().expect("it can be read");
    change(&mut card);
    let meeting = one.meeting.as_ref().expect("there are others");
    let entered = enter(&one, meeting, card, 1).err().expect("refused");
    let zero = zero.join().expect("it does not panic");
    (text(&zero), entered.to_string())
}

#[test]
fn other_protocol() {
    let (zero, one) = with_card(|card| card.protocol = 7);
    assert!(
        zero.contains("speaks version 7 of the protocol and node 0 version 1: start the same"),
        "{zero}"
    );
    assert!(
        one.contains("this node speaks version 7 of the protocol and node 0 version 1"),
        "{one}"
    );
}

#[test]
fn other_build() {
    let ours = Card::of_this_process().expect("it can be read").build;
    let theirs = BuildHash([0xab; 32]);
    let (zero, one) = with_card(|card| card.build = theirs);
    let says = format!("is build {theirs} of the program and node 0 is build {ours}");
    assert!(zero.contains(&says), "{zero}");
    assert!(one.contains(&says), "{one}");
}

#[test]
fn something_else_listens() {
    let reserved = Reserved::new();
    let listener = reserved.listener();
    let other = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a node comes");
        let answer = [b'!'; 400];
        stream.write_all(&answer).expect("it is there");
        let mut all = Vec::new();
        // An end or an error: it goes.
        let _ = stream.read_to_end(&mut all);
        all.len()
    });
    let one = reserved.identity(1, 2).join(1);
    assert!(
        text(&one).contains("did not prove that it knows the key"),
        "{}",
        text(&one)
    );
    let heard = other.join().expect("it does not panic");
    assert_eq!(
        heard,
        super::super::handshake::OPENING_BYTES,
        "and no proof"
    );
}

#[test]
fn nobody_listens() {
    let reserved = Reserved::new();
    let mut one = reserved.identity(1, 2);
    one.start_limit = SHORT;
    let text = text(&one.join(1));
    let says = format!(
        "GOSSAMER_RENDEZVOUS={}: node 0 could not be reached within 0.2 s",
        reserved.address
    );
    assert!(text.starts_with(&says), "{text}");
}

#[test]
fn address_in_use() {
    let reserved = Reserved::new();
    let mut zero = reserved.identity(0, 2);
    let meeting = zero.meeting.as_mut().expect("there are others");
    meeting.is_reserved = false;
    let says = format!(
        "GOSSAMER_RENDEZVOUS={}: something listens there already: end it, or choose another port",
        reserved.address
    );
    assert_eq!(text(&zero.join(1)), says);
}

/// The port may be shared, but not with another node 0.
#[test]
fn node_0_listens_already() {
    let reserved = Reserved::new();
    let _listens = reserved.listener();
    let said = text(&reserved.identity(0, 2).join(1));
    assert!(said.contains("something listens there already"), "{said}");
}

/// Of a network that is kept for documents.
#[test]
fn address_of_another_host() {
    let reserved = Reserved::new();
    let mut zero = reserved.identity(0, 2);
    let meeting = zero.meeting.as_mut().expect("there are others");
    meeting.rendezvous.host = "192.0.2.1".into();
    let said = text(&zero.join(1));
    assert!(
        said.contains("GOSSAMER_RENDEZVOUS=192.0.2.1:")
            && said.contains("node 0 must be started on the host of that address"),
        "{said}"
    );

    let meeting = zero.meeting.as_mut().expect("there are others");
    let ip = IpAddr::from([192, 0, 2, 1]);
    meeting.bind = Some(Bind { ip, port: None });
    let said = text(&zero.join(1));
    assert!(
        said.contains("GOSSAMER_BIND=192.0.2.1:")
            && said.ends_with("choose an address of this host"),
        "{said}"
    );
}

/// Each listens on all addresses, and the others are told one that leads there.
#[test]
fn listening_on_all_addresses() {
    let reserved = Reserved::new();
    let mut here = identities(&reserved, 2);
    for identity in &mut here {
        let meeting = identity.meeting.as_mut().expect("there are others");
        let ip = IpAddr::from([0, 0, 0, 0]);
        meeting.bind = Some(Bind { ip, port: None });
    }
    let joined = join_all(here);
    let one = joined[1].as_ref().expect("nothing is wrong").membership();
    let local = IpAddr::from([127, 0, 0, 1]);
    assert!(
        one.members
            .iter()
            .all(|member| member.address.ip() == local)
    );
}

/// Open connections that say nothing or nonsense, more of them than are kept.
#[test]
fn strangers_keep_nobody_out() {
    let reserved = Reserved::new();
    let zero = reserved.identity(0, 2);
    let zero = thread::spawn(move || zero.join(1));
    let mut strangers = Vec::new();
    while strangers.len() < STRANGERS_MAX + 20 {
        // Node 0 may not listen yet.
        let Ok(mut stranger) = TcpStream::connect(reserved.address) else {
            thread::yield_now();
            continue;
        };
        if stranger.local_addr().ok() == Some(reserved.address) {
            continue;
        }
        match strangers.len() % 3 {
            0 => {}
            1 => stranger.write_all(&[0; 500]).expect("it is taken"),
            _ => stranger.write_all(&[1; 96]).expect("it is taken"),
        }
        strangers.push(stranger);
    }
    let one = reserved.identity(1, 2).join(1);
    one.expect("it is let in");
    zero.join().expect("no panic").expect("nothing is wrong");
}

/// A node that has proved itself and goes.
#[test]
fn node_that_leaves_before_all_are_there() {
    let reserved = Reserved::new();
    let zero = reserved.identity(0, 3);
    let one = reserved.identity(1, 3);
    let threads = [zero, one].map(|identity| thread::spawn(move || identity.join(1)));
    let mut two = reserved.identity(2, 3);
    let meeting = two.meeting.take().expect("there are others");
    let card = Card::of_this_process().expect("it can be read");
    // Its listener's address cannot be had, so it gives up between proof and waiting.
    let bind = Bind {
        ip: IpAddr::from([192, 0, 2, 1]),
        port: None,
    };
    let bad = super::super::identity::Meeting {
        bind: Some(bind),
        ..meeting.clone()
    };
    let error = enter(&two, &bad, card, 1).err().expect("it gives up");
    assert!(error.to_string().starts_with("GOSSAMER_BIND=192.0.2.1:0"));
    // It had not said which node it is, so it may come again.
    two.meeting = Some(meeting);
    two.join(1).expect("now it is in");
    for thread in threads {
        thread.join().expect("no panic").expect("all are there");
    }
}

/// Node 0 dies while others wait; here it is one that only proves itself.
#[test]
fn node_0_dies_before_all_are_there() {
    let reserved = Reserved::new();
    let listener = reserved.listener();
    let zero = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a node comes");
        let card = Card::of_this_process().expect("it can be read");
        let later = Instant::now() + Duration::from_secs(3600);
        let encounter = Encounter::accept(&RunKey::new([7; 32]), card, &[1; 32], later);
        let mut wire = Wire::new(stream, encounter).expect("a connection");
        loop {
            wire.advance().expect("a node of ours");
            if wire
                .encounter
                .poll_frame()
                .expect("none is damaged")
                .is_some()
            {
                return;
            }
            super::super::wire::wait_for(&mut wire, later).expect("it can be waited for");
        }
    });
    let one = reserved.identity(1, 2).join(1);
    zero.join().expect("no panic");
    let text = text(&one);
    assert!(
        text.contains("node 0 ended before the rack was complete"),
        "{text}"
    );
}

#[test]
fn node_that_is_no_more() {
    let reserved = Reserved::new();
    let zero = reserved.identity(0, 3);
    let zero = thread::spawn(move || zero.join(1));
    let meeting = reserved.identity(1, 3).meeting.expect("there are others");
    let card = Card::of_this_process().expect("it can be read");
    let later = Instant::now() + Duration::from_secs(3600);
    let stream = loop {
        match TcpStream::connect(reserved.address) {
            Ok(stream) => break stream,
            Err(_) => thread::yield_now(),
        }
    };
    let encounter = Encounter::connect(&meeting.key, card, &[1; 32], later);
    let mut wire = Wire::new(stream, encounter).expect("a connection");
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let request = super::super::message::JoinRequest {
        nodes: 3,
        fabric: FabricChoice::Auto,
        on_node_loss: OnNodeLoss::Abort,
        member: host::this_process(1, 1, nowhere, FabricChoice::Auto).expect("a process"),
    };
    wire.encounter.send(&Message::Join(request).to_bytes());
    while !wire.encounter.is_proven() {
        wire.advance().expect("node 0 is ours");
    }
    wire.flush(later).expect("node 0 is there");
    drop(wire);
    let text = text(&zero.join().expect("no panic"));
    assert!(
        text.contains("node 1 had joined and ended before the rack was complete"),
        "{text}"
    );
}
