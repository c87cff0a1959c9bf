//! Peers that are no nodes: of another version of the protocol, which is said, and without the
//! key, which are left alone whatever they say.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::by_hand::{Peer, connected};
use crate::process::{KEY, finish, finish_with, node};
use crate::rack::Port;

#[test]
fn a_peer_of_another_protocol_is_told_by_node_0() {
    let port = Port::reserved();
    let outcomes = finish_with(vec![node(&port, 0, 2)], || {
        let met = Peer::new(KEY, OTHER_PROTOCOL).meet(port.address());
        let (_, is_proven) = met.expect("node 0 answers");
        assert!(is_proven, "the handshake is the same in all versions");
    });
    outcomes[0].failed(&format!(
        "speaks version {OTHER_PROTOCOL} of the protocol and node 0 version 1: start the same \
         build of the program on all nodes"
    ));
}

#[test]
fn a_node_0_of_another_protocol_is_told_by_who_comes() {
    let port = Port::reserved();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let mut one = node(&port, 1, 2);
    one.env("GOSSAMER_RENDEZVOUS", address.to_string());
    let outcomes = finish_with(vec![one], || {
        let received = Peer::new(KEY, OTHER_PROTOCOL).receive(&listener);
        assert!(received.expect("node 1 comes"));
    });
    outcomes[0].failed(&format!(
        "this node speaks version 1 of the protocol and node 0 version {OTHER_PROTOCOL}"
    ));
}

/// That it is another build, or speaks another protocol, is believed of nobody without the key:
/// such a one ends no start.
#[test]
fn of_who_does_not_know_the_key_nothing_is_believed() {
    let port = Port::reserved();
    let outcomes = finish_with(vec![node(&port, 0, 2)], || {
        let wrong_key = "0f".repeat(32);
        let mut other_protocol = Peer::new(&wrong_key, OTHER_PROTOCOL);
        let mut other_build = Peer::new(&wrong_key, 1);
        other_build.build = [0xab; 32];
        for peer in [&mut other_protocol, &mut other_build] {
            let (mut stream, is_proven) = peer.meet(port.address()).expect("node 0 answers");
            assert!(!is_proven);
            // And then it says nothing more.
            let mut rest = Vec::new();
            let _end_or_error = stream.read_to_end(&mut rest);
            assert!(rest.is_empty());
        }
        // Who has no key at all has nothing to say either.
        let mut stranger = connected(port.address());
        stranger.write_all(&[0xff; 500]).expect("it is taken");
        let mut rest = Vec::new();
        let _end_or_error = stranger.read_to_end(&mut rest);
        assert!(rest.is_empty());
        finish(vec![node(&port, 1, 2)])[0].joined("node=1 nodes=2 workers=4");
    });
    outcomes[0].joined("node=0 nodes=2 workers=4");
}

const OTHER_PROTOCOL: u32 = 4711;
