//! Messages there and back, and bytes that are none.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::super::card::BuildHash;
use super::super::membership::HostId;
use super::*;

fn member(node: u32) -> Member {
    Member {
        node,
        incarnation: 77,
        host: HostId([3; 16]),
        address: SocketAddr::from(([10, 0, 0, 7], 7411)),
        workers: 4,
        pid: 123,
        uid: 1000,
        has_rdma: false,
    }
}

fn all() -> Vec<Message> {
    let party = Party {
        node: 3,
        incarnation: u64::MAX,
    };
    let v6 = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 1));
    let failures = [
        StartFailure::Missing {
            nodes: vec![1, 2],
            joined: 1,
            seconds: 0.5,
            strangers: 3,
        },
        StartFailure::Twice {
            node: 1,
            first: 2,
            second: 3,
        },
        StartFailure::Nodes {
            node: 1,
            theirs: 2,
            ours: 3,
        },
        StartFailure::Fabric {
            node: 1,
            theirs: FabricChoice::Shm,
            ours: FabricChoice::Tcp,
        },
        StartFailure::NodeLoss {
            node: 1,
            theirs: OnNodeLoss::Survive,
            ours: OnNodeLoss::Abort,
        },
        StartFailure::NotShared { node: 5 },
        StartFailure::Protocol {
            peer: v6,
            theirs: 2,
            ours: 1,
        },
        StartFailure::Build {
            peer: v6,
            theirs: BuildHash([1; 32]),
            ours: BuildHash([2; 32]),
        },
        StartFailure::Left { node: 1 },
        StartFailure::Failed,
    ];
    let mut messages = vec![
        Message::Join(JoinRequest {
            nodes: 3,
            fabric: FabricChoice::Auto,
            on_node_loss: OnNodeLoss::Survive,
            member: member(2),
        }),
        Message::Complete(Membership {
            run: 9,
            members: vec![member(0), member(1)],
        }),
        Message::Channel(ChannelRequest {
            from: party,
            worker: 5,
            to: Party {
                node: 0,
                incarnation: 1,
            },
        }),
        Message::Accepted,
        Message::Refused(ChannelRefusal::Dead),
        Message::Control(Control::Heartbeat),
        Message::Control(Control::Dead {
            party,
            cause: Cause::Silent,
        }),
        Message::Control(Control::Suspect {
            party,
            cause: Cause::Left,
        }),
        Message::Control(Control::End { status: -1 }),
        Message::Control(Control::Leave),
    ];
    messages.extend(failures.map(Message::Failed));
    messages
}

#[test]
fn there_and_back() {
    for message in all() {
        assert_eq!(Message::from_bytes(&message.to_bytes()), Ok(message));
    }
}

#[test]
fn cut_or_continued() {
    for message in all() {
        let bytes = message.to_bytes();
        for cut in 0..bytes.len() {
            let read = Message::from_bytes(&bytes[..cut]);
            assert_eq!(read, Err(MessageError::TooShort), "{message:?} at {cut}");
        }
        let more = [&bytes[..], &[0]].concat();
        assert_eq!(Message::from_bytes(&more), Err(MessageError::TooLong(1)));
    }
}

proptest! {
    /// What can be read is what its bytes say, and the rest is an error.
    #[test]
    fn any_bytes(which in 0_usize..20, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let messages = all();
        let mut bytes = messages[which % messages.len()].to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(message) = Message::from_bytes(&bytes) {
            // NaN is no reason to differ.
            prop_assert_eq!(message.to_bytes(), bytes);
        }
    }

    #[test]
    fn garbage(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::from_bytes(&bytes) {
            prop_assert_eq!(message.to_bytes(), bytes);
        }
    }
}
