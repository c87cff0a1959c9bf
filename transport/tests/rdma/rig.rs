//! Two ends of a connection, and links on them.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gossamer_transport::rack::rdma::{
    Adapter, Channel, GEOMETRY, Inlet, Live, Memory, Opening, Settings,
};
use gossamer_transport::rack::{
    Channel as _, ClientLink, Layout, Place, Request, RingKind, TrusteeLink,
};

/// The one test that uses devices now. When it ends, nothing of the library may be left.
pub(crate) struct Turn {
    _turn: MutexGuard<'static, ()>,
}

/// One side: what it writes, and where it is written to.
pub(crate) struct End {
    pub(crate) channel: Channel,
    pub(crate) inlet: Inlet,
    pub(crate) memory: Memory,
}

/// Both links of one side with the other.
pub(crate) struct Links {
    pub(crate) end: End,
    pub(crate) client: ClientLink<u64>,
    pub(crate) trustee: TrusteeLink,
    pub(crate) issued: u64,
    pub(crate) answered: u64,
}

/// One writer and one worker.
pub(crate) const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: GEOMETRY,
};
/// A place of one word, which may be written again and again.
pub(crate) const CREDIT: Place = Place {
    ring: RingKind::RequestCredit,
    worker: 0,
    index: 0,
};
/// What has the device on which both ends are.
pub(crate) const ADDRESS: [u8; 4] = [10, 99, 0, 1];
/// What the two ends of a cable have.
pub(crate) const CABLE: [[u8; 4]; 2] = [[10, 98, 0, 1], [10, 98, 0, 2]];
/// Longer than any device here keeps another waiting, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// With a peer that is to be found gone: more than a busy machine keeps it waiting.
pub(crate) const PATIENCE_SHORT: Duration = Duration::from_secs(8);

impl Turn {
    /// Waits for it; `None` if there is no device.
    pub(crate) fn wait() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        match Adapter::open(&Settings::default(), ADDRESS.into()) {
            Ok(_) => Some(Self { _turn: turn }),
            Err(error) => {
                let must = std::env::var_os("GOSSAMER_TEST_RDMA").is_some();
                assert!(!must, "no RDMA device: {error:?}");
                eprintln!("SKIPPED: no RDMA device with {ADDRESS:?}: {error}");
                None
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(Live::now(), Live::default(), "something is left");
        }
    }
}

pub(crate) fn adapter(address: [u8; 4]) -> Adapter {
    let address = IpAddr::from(address);
    Adapter::open(&Settings::default(), address).expect("a device")
}

pub(crate) fn memory(address: [u8; 4]) -> Memory {
    Memory::register(&adapter(address), LAYOUT, [1]).expect("memory")
}

/// Two ends, of which one WRITE in so many is signalled.
pub(crate) fn connect(addresses: [[u8; 4]; 2], signal_every: u32, patience: Duration) -> [End; 2] {
    let [one, other] = addresses.map(memory);
    let open = |memory: &Memory| Opening::new(memory, 0, signal_every).expect("a queue pair");
    let accept = |memory: &Memory, from: &Opening| {
        Inlet::accept(memory, &from.card(), 0).expect("a queue pair")
    };
    let (from_one, from_other) = (open(&one), open(&other));
    let (at_other, card_of_other) = accept(&other, &from_one);
    let (at_one, card_of_one) = accept(&one, &from_other);
    let connect = |from: Opening, card| from.connect(&card, LAYOUT, 0, patience);
    [
        End {
            channel: connect(from_one, card_of_other).expect("connected"),
            inlet: at_one,
            memory: one,
        },
        End {
            channel: connect(from_other, card_of_one).expect("connected"),
            inlet: at_other,
            memory: other,
        },
    ]
}

impl Links {
    pub(crate) fn new(end: End) -> Self {
        let port = || end.memory.ports().port(0, 0);
        Self {
            client: ClientLink::new(0, port()),
            trustee: TrusteeLink::new(0, port()),
            issued: 0,
            answered: 0,
            end,
        }
    }

    /// Asks, answers with what was asked, and checks what it is answered; returns whether anything
    /// happened.
    pub(crate) fn turn(&mut self, requests: u64, payload: impl Fn(u64) -> Vec<u8>) -> bool {
        while self.issued < requests && self.issued < self.answered + IN_FLIGHT {
            let sent = payload(self.issued);
            let issued = self.client.issue(Request::default(), sent, self.issued);
            issued.expect("not too long");
            self.issued += 1;
        }
        let mut happened = self.end.inlet.poll().expect("alive") > 0;
        let _ = self.end.channel.poll();
        while let Some(request) = self.trustee.poll_request().expect("in order") {
            let payload = request.payload.into_owned();
            self.trustee.respond(7, payload).expect("not too long");
            happened = true;
        }
        while let Some(answer) = self.client.poll_result().expect("in order") {
            assert_eq!((answer.note, answer.status), (self.answered, 7));
            assert!(*answer.payload == payload(self.answered), "as it was sent");
            self.answered += 1;
            happened = true;
        }
        let _ = self.client.publish(&mut self.end.channel);
        let _ = self.trustee.publish(&mut self.end.channel);
        let _ = self.end.channel.flush();
        happened
    }

    /// Says that nothing more is to come, and waits until all is known to have arrived.
    pub(crate) fn settle(&mut self) {
        while !self.end.channel.is_settled() {
            self.end.channel.settle().expect("alive");
        }
    }
}

/// Bytes that say which request they are of.
pub(crate) fn bytes(number: u64, count: usize) -> Vec<u8> {
    let at = |at: usize| (number as usize).wrapping_mul(31).wrapping_add(at) as u8;
    (0..count).map(at).collect()
}

/// Requests of one link that have no answer yet.
const IN_FLIGHT: u64 = 200;
