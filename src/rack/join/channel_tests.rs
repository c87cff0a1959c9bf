//! Channels between nodes of a rack, by their machines alone.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::card::BuildHash;
use super::super::membership::{HostId, Member};
use super::*;

fn member(node: u32) -> Member {
    Member {
        node,
        incarnation: u64::from(node) + 50,
        host: HostId([0; 16]),
        address: SocketAddr::from(([127, 0, 0, 1], 1)),
        workers: 2,
        pid: node,
        uid: 0,
        has_rdma: false,
    }
}

fn door(me: u32, change: impl Fn(&mut Member)) -> Door {
    let mut members: Vec<_> = (0..3).map(member).collect();
    members.iter_mut().for_each(change);
    let card = Card {
        protocol: 1,
        build: BuildHash([0; 32]),
    };
    Door::new(
        RunKey::new([7; 32]),
        card,
        me,
        &Membership { run: 1, members },
    )
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Both ends, as far as they get.
fn meet(
    writer: &Door,
    worker: u32,
    to: u32,
    reader: &Door,
    is_alive: bool,
) -> (
    Result<bool, ChannelError>,
    Result<Option<Channel>, ChannelError>,
) {
    let mut opening = writer.open(worker, to, &[1; 32], later());
    let mut admission = reader.admit(&[2; 32], later());
    let (mut left, mut right) = (Ok(false), Ok(None));
    loop {
        let there = std::mem::take(opening.output());
        if !there.is_empty() {
            right = admission.handle_bytes(&there, |_| is_alive);
        }
        let back = std::mem::take(admission.output());
        if !back.is_empty() {
            left = opening.handle_bytes(&back);
        }
        if there.is_empty() && back.is_empty() {
            return (left, right);
        }
    }
}

#[test]
fn channel_says_who_writes_it() {
    let (one, two) = (door(1, |_| ()), door(2, |_| ()));
    let (left, right) = meet(&one, 1, 2, &two, true);
    let from = Party {
        node: 1,
        incarnation: 51,
    };
    assert_eq!(
        (left, right),
        (Ok(true), Ok(Some(Channel { from, worker: 1 })))
    );
}

#[test]
fn refusals() {
    let (one, two) = (door(1, |_| ()), door(2, |_| ()));
    let refused = |refusal| {
        let error = ChannelError::Refused(refusal);
        (Err(error), Err(error))
    };
    let not_for_us = refused(ChannelRefusal::NotForUs);
    assert_eq!(meet(&one, 0, 2, &door(0, |_| ()), true), not_for_us);
    let unknown = refused(ChannelRefusal::Unknown);
    assert_eq!(meet(&one, 2, 2, &two, true), unknown, "a worker too many");
    assert_eq!(meet(&two, 0, 2, &two, true), unknown, "of itself");
    let dead = refused(ChannelRefusal::Dead);
    assert_eq!(meet(&one, 0, 2, &two, false), dead);
    let earlier = |member: &mut Member| member.incarnation -= u64::from(member.node == 1);
    assert_eq!(meet(&door(1, earlier), 0, 2, &two, true), unknown);
    let earlier = |member: &mut Member| member.incarnation -= u64::from(member.node == 2);
    assert_eq!(meet(&door(1, earlier), 0, 2, &two, true), not_for_us);
}

#[test]
fn time_is_short() {
    let one = door(1, |_| ());
    let now = Instant::now();
    let mut opening = one.open(0, 2, &[1; 32], now);
    let mut admission = one.admit(&[2; 32], now);
    assert_eq!(
        (opening.poll_timeout(), admission.poll_timeout()),
        (now, now)
    );
    assert_eq!(opening.handle_timeout(now), Err(ChannelError::TooSlow));
    assert_eq!(admission.handle_timeout(now), Err(ChannelError::TooSlow));
}

/// A message of the rendezvous opens no channel, and a writer waits for the answer.
#[test]
fn other_than_a_channel() {
    let (one, two) = (door(1, |_| ()), door(2, |_| ()));
    let mut opening = one.open(0, 2, &[1; 32], later());
    opening.encounter.send(b"too early");
    let mut admission = two.admit(&[2; 32], later());
    let mut result = Ok(None);
    for _ in 0..2 {
        result = admission.handle_bytes(&std::mem::take(opening.output()), |_| true);
        let back = std::mem::take(admission.output());
        assert_eq!(opening.handle_bytes(&back), Ok(false));
    }
    assert!(
        matches!(result, Err(ChannelError::Message(MessageError::TooLong(_)))),
        "{result:?}"
    );
}
