//! The limits of RDMA: what plain verbs of two processes do.

use std::hint::spin_loop;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

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
    /// Slots there, each answered by one back, with so many under way.
    Slots {
        asked: usize,
        answered: usize,
        under_way: usize,
    },
    Stream(Stream),
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

/// Round trips a second of so many bytes.
pub(super) fn ping_pong(machine: &Machine, device: &str, bytes: usize, millis: u64) -> f64 {
    slots(machine, device, [bytes; 2], 1, millis)
}

/// Slots of so many bytes a second that are answered by slots of so many.
pub(super) fn slots(
    machine: &Machine,
    device: &str,
    [asked, answered]: [usize; 2],
    under_way: usize,
    millis: u64,
) -> f64 {
    let what = What::Slots {
        asked,
        answered,
        under_way,
    };
    run(machine, device, what, millis)
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
            What::Slots {
                asked,
                answered,
                under_way,
            } => {
                let sizes = Sizes {
                    words: 2 * under_way * SLOT_WORDS,
                    pairs: 1,
                    depth: 256.max(2 * under_way),
                    signal_every: 1000,
                    inline_bytes: INLINE_BYTES,
                };
                let (end, mut talk) = End::meet(self.peer, &self.device, sizes);
                let mut ring = Ring {
                    end,
                    slots: under_way,
                };
                let done = match self.peer {
                    Some(_) => ring.ask(asked, self.millis),
                    None => {
                        ring.answer(answered);
                        (0, 1.0)
                    }
                };
                // Until all that was written has arrived.
                let () = talk.swap(&());
                done
            }
            What::Stream(stream) => self.play_stream(stream),
        };
        Done {
            count,
            seconds,
            cpu: cpu_time().as_secs_f64(),
        }
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

/// Slots in memory of both sides: first those that are sent, then those that come.
struct Ring {
    end: End,
    slots: usize,
}

impl Ring {
    /// Sends slots, and waits for the answer to each before it is used again; returns how many were
    /// answered, and in how many seconds.
    fn ask(&mut self, bytes: usize, millis: u64) -> (u64, f64) {
        let clock = Clock::start(millis);
        let (mut sent, mut answered) = (0, 0);
        let mut is_over = false;
        while !is_over || answered < sent {
            is_over = is_over || (sent % 16 == 0 && clock.is_over());
            let mut some = 0;
            while !is_over && some < self.slots && sent < answered + self.slots as u64 {
                sent += 1;
                some += 1;
                self.put(sent, sent, bytes);
            }
            self.send(some);
            while answered < sent && self.has(answered + 1) {
                answered += 1;
            }
            spin_loop();
        }
        let done = (answered, clock.elapsed());
        self.put(sent + 1, OVER, bytes);
        self.send(1);
        self.end.settle();
        done
    }

    fn answer(&mut self, bytes: usize) {
        let mut answered = 0;
        while !self.is_over(answered + 1) {
            let mut some = 0;
            while some < self.slots && self.has(answered + 1) {
                answered += 1;
                some += 1;
                self.put(answered, answered, bytes);
            }
            self.send(some);
            spin_loop();
        }
        self.end.settle();
    }

    /// Adds slot `number` to what is sent, which ends in this word.
    fn put(&mut self, number: u64, last: u64, bytes: usize) {
        let ours = self.end_of(number);
        // Relaxed: only the device reads it, when it is asked to.
        self.end.words()[ours - 1].store(last, Ordering::Relaxed);
        let words = bytes / 8;
        let theirs = ours + self.slots * SLOT_WORDS;
        self.end.write(ours - words, theirs - words, words);
    }

    fn send(&mut self, slots: usize) {
        if slots > 0 {
            self.end.wait_for_room(0, slots);
            self.end.ring(0);
        }
    }

    /// Whether slot `number` has come.
    fn has(&self, number: u64) -> bool {
        self.last_of(number) == number
    }

    fn is_over(&self, number: u64) -> bool {
        self.last_of(number) == OVER
    }

    fn last_of(&self, number: u64) -> u64 {
        let end = self.end_of(number) + self.slots * SLOT_WORDS;
        // Acquire: as one would who then reads what was before it.
        self.end.words()[end - 1].load(Ordering::Acquire)
    }

    fn end_of(&self, number: u64) -> usize {
        (number as usize % self.slots + 1) * SLOT_WORDS
    }
}

const SLOT_WORDS: usize = 128;
/// As ours are: more makes all requests of a queue larger.
const INLINE_BYTES: usize = 512;
/// What no slot ends in.
const OVER: u64 = u64::MAX;
