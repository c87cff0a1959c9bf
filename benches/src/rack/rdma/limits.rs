//! The limits of RDMA: what plain verbs of two processes do.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::bare_loop::{Asker, Server};
use super::ring::{Ring, SLOT_WORDS};
use super::verbs::{End, Sizes};
use crate::harness::machine::{Machine, pin};
use crate::harness::meter::{Clock, cpu_time};
use crate::rack::process::{Done, Part, pair};

/// One side of a measurement: the first answers, or is written to; the second asks, or writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::rack) struct Side {
    peer: Option<SocketAddr>,
    core: usize,
    device: String,
    what: What,
    millis: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum What {
    Slots(Slots),
    Stream(Stream),
}

/// Slots there, each answered by one back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Slots {
    /// Their bytes.
    pub(super) asked: usize,
    pub(super) answered: usize,
    pub(super) under_way: usize,
    /// Requests in each that are made, run and answered; nobody looks at what is in the slots if
    /// there are none.
    pub(super) requests: usize,
}

/// Messages one way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) bytes: usize,
    /// Messages that are posted with one doorbell.
    pub(super) chain: usize,
    pub(super) signal_every: u64,
    pub(super) is_inline: bool,
    /// Queue pairs that take turns.
    pub(super) pairs: usize,
}

impl Stream {
    /// As our own channels post.
    pub(super) fn of(bytes: usize) -> Self {
        Self {
            bytes,
            chain: 1,
            signal_every: 1000,
            is_inline: true,
            pairs: 1,
        }
    }
}

/// Round trips a second of so many bytes there, and so many back.
pub(super) fn ping_pong(
    machine: &Machine,
    device: &str,
    [asked, answered]: [usize; 2],
    millis: u64,
) -> f64 {
    let of = Slots {
        asked,
        answered,
        under_way: 1,
        requests: 0,
    };
    slots(machine, device, of, millis)
}

/// Slots a second that are answered.
pub(super) fn slots(machine: &Machine, device: &str, slots: Slots, millis: u64) -> f64 {
    run(machine, device, What::Slots(slots), millis)
}

/// Messages a second one way, of which all have arrived.
pub(super) fn stream(machine: &Machine, device: &str, stream: Stream, millis: u64) -> f64 {
    run(machine, device, What::Stream(stream), millis)
}

fn run(machine: &Machine, device: &str, what: What, millis: u64) -> f64 {
    let cores = machine.pair();
    let [done, _] = pair(|side, peer| {
        Part::Verbs(Side {
            peer,
            core: cores[1 - side],
            device: device.to_owned(),
            what,
            millis,
        })
    });
    done.rate()
}

impl Side {
    /// Does this side's part.
    pub(in crate::rack) fn play(&self) -> Done {
        pin(self.core);
        let (count, seconds) = match self.what {
            What::Slots(slots) => self.play_slots(slots),
            What::Stream(stream) => self.play_stream(stream),
        };
        Done {
            count,
            seconds,
            cpu: cpu_time().as_secs_f64(),
        }
    }

    fn play_slots(&self, slots: Slots) -> (u64, f64) {
        let under_way = slots.under_way;
        let sizes = Sizes {
            words: 2 * under_way * SLOT_WORDS,
            pairs: 1,
            depth: 256.max(2 * under_way),
            signal_every: 1000,
            inline_bytes: INLINE_BYTES,
        };
        let (end, mut talk) = End::meet(self.peer, &self.device, sizes);
        let mut ring = Ring::new(end, under_way);
        let is_asking = self.peer.is_some();
        let done = match (slots.requests, is_asking) {
            (0, true) => ring.ask(slots.asked, self.millis, |_| {}, |_| {}),
            (requests, true) => {
                let asker = Asker::new(requests);
                let (make, take) = (|words: &_| asker.make(words), |words: &_| asker.take(words));
                let done = ring.ask(slots.asked, self.millis, make, take);
                asker.check(done.0);
                done
            }
            (0, false) => ring.answer(slots.answered, |_, _| {}),
            (requests, false) => {
                let mut server = Server::new(requests);
                ring.answer(slots.answered, |asked, answer| server.run(asked, answer))
            }
        };
        // Until all that was written has arrived.
        let () = talk.swap(&());
        done
    }

    fn play_stream(&self, stream: Stream) -> (u64, f64) {
        let words = stream.bytes / 8;
        let depth = match stream.pairs {
            1 => 2 * 1000.max(stream.chain),
            // All together what a device has room for.
            _ => 64,
        };
        let sizes = Sizes {
            words: words * stream.chain,
            pairs: stream.pairs,
            depth,
            signal_every: stream.signal_every,
            inline_bytes: if stream.is_inline { INLINE_BYTES } else { 0 },
        };
        let (mut end, talk) = End::meet(self.peer, &self.device, sizes);
        if self.peer.is_none() {
            talk.stay();
            return (0, 1.0);
        }
        let clock = Clock::start(self.millis);
        let mut count = 0;
        while !clock.is_over() {
            for at in 0..stream.pairs {
                end.wait_for_room(at, stream.chain);
                for message in 0..stream.chain {
                    end.write(message * words, message * words, words);
                }
                end.ring(at);
                count += stream.chain as u64;
            }
        }
        end.settle();
        (count, clock.elapsed())
    }
}

/// As ours are: more makes all requests of a queue larger.
const INLINE_BYTES: usize = 512;
