//! A simulated device, in which the words of a WRITE become visible one by one: in their order, or
//! in any. Behind a veil none of it matters; without one, only a device that promises order will do.
//!
//! What it writes it reads from a mirror: a request of few bytes when it is posted, any other when
//! its words become visible.

use std::collections::VecDeque;
use std::sync::Arc;

use super::*;
use crate::rack::layout::{Place, RingKind};
use crate::rack::link::{ClientLink, TrusteeLink};
use crate::rack::mapping::Mapping;
use crate::rack::rdma::GEOMETRY;
use crate::rack::rdma::mirror::Mirror;
use crate::rack::rdma::queue_pair::{INLINE_BYTES_MIN, Write};
use crate::rack::rdma::told::told_of;
use crate::rack::simulated::Random;
use crate::rack::wire::Request;
use crate::rack::{Channel, Refusal};
use crate::seal::Seal;
use crate::sync::Ordering;

const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: GEOMETRY,
};

/// A WRITE under way: which words are to be seen yet, and what is then told.
struct UnderWay {
    words: Vec<(usize, Source)>,
    told: u32,
    bytes: u32,
}

/// What a word will be.
enum Source {
    /// It was read when its WRITE was posted.
    Inline(u64),
    /// It is read from this word of the sender's memory.
    Memory(usize),
}

/// A device that lets the words of a WRITE be seen one by one, in some order, and only then
/// says that it is complete.
struct Device {
    /// The sender's memory, and what is put together there.
    sent: Arc<Mapping>,
    mirror: Mirror,
    /// What is not posted yet.
    gathered: Vec<Write>,
    words: Arc<Mapping>,
    arrivals: Arrivals,
    ports: Ports,
    is_in_order: bool,
    writes: VecDeque<UnderWay>,
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
        let sent = Arc::new(Mapping::private(GEOMETRY.port_words()).expect("memory"));
        // Words of the receiver's memory are counted from 0.
        let card = Card {
            number: 0,
            sequence: 0,
            gid: [0; 16],
            lid: 0,
            mtu: 1,
            address: 0,
            key: 0,
        };
        Self {
            mirror: Mirror::new(&sent, 0, &card, LAYOUT, 0),
            sent,
            gathered: Vec::new(),
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
        let Some(write) = self.writes.front_mut() else {
            return;
        };
        if write.words.is_empty() {
            let done = self.arrivals.take(write.told, write.bytes);
            done.expect("a place");
            self.writes.pop_front();
            return;
        }
        let at = match self.is_in_order {
            true => 0,
            false => self.random.below(write.words.len()),
        };
        let (word, source) = write.words.remove(at);
        let value = match source {
            Source::Inline(value) => value,
            // Relaxed: this thread has stored it.
            Source::Memory(word) => self.sent.words()[word].load(Ordering::Relaxed),
        };
        // Release: as a device does whose bytes are seen in their order.
        self.words.words()[word].store(value, Ordering::Release);
    }

    /// Lets all words be seen.
    fn finish(&mut self) {
        while !self.writes.is_empty() {
            self.step();
        }
    }
}

/// Posts what was gathered.
fn post(gathered: &mut Vec<Write>, sent: &Mapping, writes: &mut VecDeque<UnderWay>) {
    for write in gathered.drain(..) {
        let words = (0..write.words).map(|word| {
            let source = match write.is_inline(INLINE_BYTES_MIN) {
                // Relaxed: this thread has stored it.
                true => Source::Inline(sent.words()[write.start + word].load(Ordering::Relaxed)),
                false => Source::Memory(write.start + word),
            };
            (write.target as usize / 8 + word, source)
        });
        writes.push_back(UnderWay {
            words: words.collect(),
            told: write.immediate.expect("placements are told of"),
            bytes: 8 * write.words as u32,
        });
    }
}

impl Channel for Device {
    fn push(&mut self, place: Place, used: &[u8], seal: u64) -> Result<(), Refusal> {
        let (gathered, writes) = (&mut self.gathered, &mut self.writes);
        let put = self.mirror.put(place, used, seal, || {
            post(gathered, &self.sent, writes);
            Ok(())
        });
        self.gathered.push(put.expect("posting never fails"));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        post(&mut self.gathered, &self.sent, &mut self.writes);
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
        if random.below(2) > 0 {
            to_trustee.flush().expect("it never fails");
            to_client.flush().expect("it never fails");
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

/// The first place for results.
const RESULTS: Place = Place {
    ring: RingKind::Results,
    worker: 0,
    index: 0,
};

fn seal(count: u16) -> u64 {
    let seal = Seal {
        sequence: 1,
        offset: 0,
        count,
        has_exceptions: false,
    };
    seal.to_word()
}

impl Device {
    fn push_notice_and_batch(&mut self) {
        self.push(RESULTS, &[], seal(0)).expect("it never refuses");
        self.push(RESULTS, &[1; 16], seal(1)).expect("the same");
        self.flush().expect("the same");
    }

    fn shown(&self) -> u64 {
        self.ports.port(0, 0).seal(RESULTS.ring, RESULTS.index)
    }
}

/// Both are put together in the same place, and are posted together if nobody sees to that.
#[test]
fn a_notice_is_posted_before_its_batch_is_put_together() {
    let mut device = Device::new(true, false, 1);
    device.push_notice_and_batch();
    assert_eq!(device.writes.len(), 2);
    device.step();
    assert_eq!(device.shown(), seal(0), "not the seal of the batch");
    device.finish();
    assert_eq!(device.shown(), seal(1));
}

/// The seal of a batch of results is seen before its body, and before the notice in the same place
/// is said to be complete.
#[test]
fn a_notice_does_not_show_the_batch_behind_it() {
    let mut device = Device::new(false, true, 1);
    device.push_notice_and_batch();
    let (told, at) = (told_of(RESULTS), device.writes[0].words[0].0);
    device.step();
    // Release: as in `step`.
    device.words.words()[at].store(seal(1), Ordering::Release);
    device.step();
    assert_eq!((device.writes.len(), device.writes[0].told), (1, told));
    assert_eq!(device.shown(), 0, "not before its body");
    device.finish();
    assert_eq!(device.shown(), seal(1));
    // A notice that nothing follows is shown.
    device
        .push(RESULTS, &[], seal(0))
        .expect("it never refuses");
    device.flush().expect("the same");
    device.finish();
    assert_eq!(device.shown(), seal(0));
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
