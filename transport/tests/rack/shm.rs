//! Memory that a peer offers or writes.

use std::os::fd::AsFd;

use gossamer_transport::rack::shm::{Channel, GEOMETRY, Parking};
use gossamer_transport::rack::{
    AttachError, Channel as _, ClientLink, Geometry, Layout, LinkError, Place, Ports, Refusal,
    Request, RingKind, TrusteeLink, WireError,
};

/// Memory of another layout, of another size, and what is no such memory at all.
#[test]
fn memory_of_another_kind() {
    let (ours, memory) = Ports::shared(LAYOUT).expect("memory");
    assert!(Ports::attach(&memory, LAYOUT).is_ok());
    let larger = Layout {
        writers: 2,
        ..LAYOUT
    };
    assert!(matches!(
        Ports::attach(&memory, larger),
        Err(AttachError::Size { .. })
    ));
    // As large, and otherwise.
    let (a, b) = (
        Geometry {
            depth: 4,
            pieces: 2,
        },
        Geometry {
            depth: 8,
            pieces: 2,
        },
    );
    let (_a, memory_a) = Ports::shared(Layout {
        writers: 1,
        workers: 2,
        geometry: a,
    })
    .expect("a");
    assert!(
        Ports::attach(
            &memory_a,
            Layout {
                writers: 1,
                workers: 2,
                geometry: b
            }
        )
        .is_err()
    );
    let unsealed = rustix::fs::memfd_create("plain", rustix::fs::MemfdFlags::CLOEXEC).expect("fd");
    assert!(matches!(
        Ports::attach(unsealed.as_fd(), LAYOUT),
        Err(AttachError::Unsealed | AttachError::System(_))
    ));
    let null = std::fs::File::open("/dev/null").expect("a file");
    assert!(Ports::attach(&null, LAYOUT).is_err());
    assert_eq!(ours.layout(), LAYOUT);
}

/// What is neither the batch due nor the one before it.
#[test]
fn seal_of_another_batch() {
    let ports = Ports::private(LAYOUT).expect("memory");
    let mut channel = Channel::new(&ports, 0);
    let mut trustee = TrusteeLink::new(0, ports.port(0, 0));
    let place = Place {
        ring: RingKind::Requests,
        worker: 0,
        index: 0,
    };
    channel.push(place, &[], 9 << 32 | 1).expect("room");
    assert_eq!(trustee.poll_request(), Ok(None), "another slot is due");
    let place = Place { index: 1, ..place };
    channel.push(place, &[0; 16], 9 << 32 | 1).expect("room");
    let error = WireError::Sequence {
        expected: 1,
        found: 9,
    };
    assert_eq!(trustee.poll_request(), Err(error));
    assert_eq!(trustee.poll_request(), Err(error), "failed for ever");
    assert!(trustee.has_arrived());
}

/// Results that are more or fewer than their requests.
#[test]
fn another_number_of_results() {
    let (ports, remote) = (private(), private());
    let mut out = Channel::new(&remote, 0);
    let mut client = ClientLink::new(0, ports.port(0, 0));
    for note in 0..2 {
        client
            .issue(Request::default(), [].as_slice(), note)
            .expect("short");
    }
    assert_eq!(client.publish(&mut out), Ok(1));
    let mut lie = Channel::new(&ports, 0);
    let place = Place {
        ring: RingKind::Results,
        worker: 0,
        index: 1,
    };
    lie.push(place, &[0; 8], 1 << 32 | 126 << 16 | 1)
        .expect("room");
    let error = WireError::Results {
        expected: 2,
        found: 1,
    };
    assert_eq!(client.poll_result(), Err(error));
}

/// Credit for pieces that were never sent, and a piece longer than any.
#[test]
fn pieces_and_credit_that_cannot_be() {
    let (ports, remote) = (private(), private());
    let mut out = Channel::new(&remote, 0);
    let mut client = ClientLink::new(0, ports.port(0, 0));
    client
        .issue(Request::default(), vec![7; 300_000], ())
        .expect("short enough");
    client.publish(&mut out).expect("alive");
    let mut lie = Channel::new(&ports, 0);
    let place = Place {
        ring: RingKind::RequestCredit,
        worker: 0,
        index: 0,
    };
    lie.push(place, &[], 3).expect("room");
    let error = WireError::Credit { sent: 1, found: 3 };
    assert_eq!(client.publish(&mut out), Err(LinkError::Wire(error)));

    let mut trustee = TrusteeLink::new(0, remote.port(0, 0));
    let place = Place {
        ring: RingKind::RequestPieces,
        worker: 0,
        index: 0,
    };
    out.push(place, &[], 1 << 32 | 0xffff_ffff).expect("room");
    assert_eq!(
        trustee.poll_request(),
        Err(WireError::PieceLength(0xffff_ffff))
    );
}

/// A worker that sleeps is rung for by each that writes to it, as none can rely on another.
#[test]
fn bell_of_a_sleeper() {
    let ports = Ports::private(Layout {
        writers: 2,
        workers: 2,
        geometry: GEOMETRY,
    })
    .expect("memory");
    let (mut one, mut other) = (Channel::new(&ports, 0), Channel::new(&ports, 1));
    let place = Place {
        ring: RingKind::ResultCredit,
        worker: 1,
        index: 0,
    };
    let parking = Parking::new(&ports, 1);
    one.push(place, &[], 1).expect("room");
    one.flush().expect("alive");
    assert_eq!(one.take_bells().count(), 0, "awake");
    parking.announce();
    one.flush().expect("alive");
    assert_eq!(one.take_bells().count(), 0, "nothing new");
    one.push(place, &[], 2).expect("room");
    other.push(place, &[], 2).expect("room");
    one.flush().expect("alive");
    other.flush().expect("alive");
    assert!(one.take_bells().eq([1]));
    assert!(other.take_bells().eq([1]), "the first may never ring");
    // Nobody takes them, and the worker sleeps on.
    for seal in 3..5 {
        other.push(place, &[], seal).expect("room");
        other.flush().expect("alive");
    }
    assert!(other.take_bells().eq([1]), "once");
    parking.cancel();
    one.push(place, &[], 3).expect("room");
    one.flush().expect("alive");
    assert_eq!(one.take_bells().count(), 0, "awake again");
    one.kill();
    assert_eq!(one.push(place, &[], 3), Err(Refusal::Dead));
    assert_eq!(one.flush(), Err(Refusal::Dead));
}

fn private() -> Ports {
    Ports::private(LAYOUT).expect("memory")
}

const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: GEOMETRY,
};
