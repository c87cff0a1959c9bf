//! A simulated device, in which the words of a WRITE become visible one by one: in their order, or
//! in any. Behind a veil none of it matters; without one, only a device that promises order will do.

use std::collections::VecDeque;
use std::sync::Arc;

use super::*;
use crate::rack::layout::{Place, RingKind};
use crate::rack::link::{ClientLink, TrusteeLink};
use crate::rack::mapping::Mapping;
use crate::rack::rdma::GEOMETRY;
use crate::rack::rdma::told::told_of;
use crate::rack::simulated::Random;
use crate::rack::wire::Request;
use crate::rack::{Channel, Refusal};
use crate::slot::Seal;
use crate::sync::Ordering;

const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: GEOMETRY,
};

/// A WRITE under way: which words are to be seen yet, and what is then told.
type Write = (Vec<(usize, u64)>, u32, u32);

/// A device that lets the words of a WRITE be seen one by one, in some order, and only then
/// says that it is complete.
struct Device {
    words: Arc<Mapping>,
    arrivals: Arrivals,
    ports: Ports,
    is_in_order: bool,
    writes: VecDeque<Write>,
    random: Random,
}

impl Device {
    fn new(is_in_order: bool, is_veiled: bool, seed: u64) -> Self {
        let words = Arc::new(Mapping::private(LAYOUT.words()).expect("memory"));
        let written = Ports::within(Arc::clone(&words), LAYOUT);
        let ports = match is_veiled {
            false => written,
            true => written.veiled().expect("memory"),
        };
        Self {
            words,
            arrivals: Arrivals::new(&ports, 0),
            ports,
            is_in_order,
            writes: VecDeque::new(),
            random: Random::new(seed),
        }
    }

    /// Lets one word be seen.
    fn step(&mut self) {
        let Some((words, told, bytes)) = self.writes.front_mut() else {
            return;
        };
        if words.is_empty() {
            let done = self.arrivals.take(*told, *bytes);
            done.expect("a place");
            self.writes.pop_front();
            return;
        }
        let at = match self.is_in_order {
            true => 0,
            false => self.random.below(words.len()),
        };
        let (word, value) = words.remove(at);
        // Release: as a device does whose bytes are seen in their order.
        self.words.words()[word].store(value, Ordering::Release);
    }
}

impl Channel for Device {
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        let mut padded = used.to_vec();
        padded.resize(used.len().next_multiple_of(8), 0);
        padded.extend_from_slice(&seal.to_le_bytes());
        let (chunks, _) = padded.as_chunks();
        let (at, count) = GEOMETRY.place(place.ring, place.index).expect("a place");
        let end = LAYOUT.port(0, place.worker) + at + count;
        let start = end - chunks.len();
        let words = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk));
        let words = (start..).zip(words).collect();
        let told = told_of(place);
        self.writes.push_back((words, told, padded.len() as u32));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Requests there and back over two such devices, with looks between any two words; returns
/// how many came whole before one did not.
fn come_whole(is_in_order: bool, is_veiled: bool, seed: u64) -> u64 {
    let mut random = Random::new(!seed);
    let mut to_trustee = Device::new(is_in_order, is_veiled, seed);
    let mut to_client = Device::new(is_in_order, is_veiled, seed + 1);
    let mut client = ClientLink::new(0, to_client.ports.port(0, 0));
    let mut trustee = TrusteeLink::new(0, to_trustee.ports.port(0, 0));
    let payload = |number: u64| -> Vec<u8> {
        let bytes = (number * 37 % 900) as usize + if number % 50 == 9 { 40_000 } else { 0 };
        (0..bytes).map(|at| (at as u64 + number) as u8).collect()
    };
    let (mut issued, mut answered) = (0, 0);
    while answered < REQUESTS {
        if issued < REQUESTS && issued < answered + 40 {
            let sent = client.issue(Request::default(), payload(issued), issued);
            sent.expect("not too long");
            issued += 1;
        }
        for _ in 0..random.below(60) {
            to_trustee.step();
            to_client.step();
        }
        match trustee.poll_request() {
            Err(_) => return answered,
            Ok(Some(request)) => {
                let payload = request.payload.into_owned();
                trustee.respond(0, payload).expect("short");
            }
            Ok(None) => {}
        }
        match client.poll_result() {
            Err(_) => return answered,
            Ok(Some(answer)) => {
                if *answer.payload != *payload(answer.note) {
                    return answered;
                }
                answered += 1;
            }
            Ok(None) => {}
        }
        let published = client.publish(&mut to_trustee).map(drop);
        if published.and(trustee.publish(&mut to_client)).is_err() {
            return answered;
        }
    }
    answered
}

const REQUESTS: u64 = 300;

#[test]
fn in_order_without_a_veil() {
    assert!((0..8).all(|seed| come_whole(true, false, seed) == REQUESTS));
}

#[test]
fn out_of_order_behind_a_veil() {
    assert!((0..8).all(|seed| come_whole(false, true, seed) == REQUESTS));
}

/// What the veil is there for.
#[test]
fn out_of_order_without_a_veil() {
    assert!((0..8).all(|seed| come_whole(false, false, seed) < REQUESTS));
}

/// The seal of a batch of results is seen before its body, and before the notice in the same place
/// is said to be complete.
#[test]
fn a_notice_does_not_show_the_batch_behind_it() {
    let mut device = Device::new(false, true, 1);
    let place = Place {
        ring: RingKind::Results,
        worker: 0,
        index: 0,
    };
    let seal = |count| {
        let seal = Seal {
            sequence: 1,
            offset: 0,
            count,
            has_exceptions: false,
        };
        seal.to_word()
    };
    let shown = |device: &Device| device.ports.port(0, 0).seal(place.ring, place.index);
    device.push(place, &[], seal(0)).expect("it never refuses");
    device.push(place, &[1; 16], seal(1)).expect("the same");
    let (told, at) = (told_of(place), device.writes[0].0[0].0);
    device.step();
    // Release: as in `step`.
    device.words.words()[at].store(seal(1), Ordering::Release);
    device.step();
    assert_eq!((device.writes.len(), device.writes[0].1), (1, told));
    assert_eq!(shown(&device), 0, "not before its body");
    while !device.writes.is_empty() {
        device.step();
    }
    assert_eq!(shown(&device), seal(1));
    // A notice that nothing follows is shown.
    device.push(place, &[], seal(0)).expect("the same");
    while !device.writes.is_empty() {
        device.step();
    }
    assert_eq!(shown(&device), seal(0));
}

#[test]
fn what_is_told_is_checked() {
    let mut device = Device::new(false, true, 1);
    let place = Place {
        ring: RingKind::Requests,
        worker: 0,
        index: 0,
    };
    let told = told_of(place);
    assert!(device.arrivals.take(told, 1024).is_ok());
    for (told, bytes) in [(told, 1032), (told, 4), (told | 1 << 16, 8), (u32::MAX, 8)] {
        assert!(device.arrivals.take(told, bytes).is_err());
    }
}
