//! Values that are encoded and decoded beside the workers: in their order, with trusts in them, with
//! encodings that fail, and when a node is lost meanwhile.

use std::future::Future;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::task::Poll;
use std::{cell::RefCell, rc::Rc};

use futures::future::BoxFuture;
use gossamer::rack::{self, CallError, CodecError, NotExecuted, Refusal, Trust};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::nodes::{Nodes, on};

#[derive(Serialize, Deserialize)]
struct Shipment {
    bytes: Vec<u8>,
    numbers: Vec<f64>,
    trusts: Vec<Trust<u64>>,
}

/// By way of the other node, which uses the trusts of both meanwhile.
#[test]
fn sixty_four_mebibytes_with_trusts_there_and_back() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let here = rack::entrust(1_u64);
        let there = rack::entrust_on(on(1), |n: u64| n, 2).await;
        let store = rack::entrust_on(on(1), |_: ()| None::<Shipment>, ()).await;
        let bytes: Vec<_> = (0..64_u32 << 20).map(|at| (at ^ at >> 12) as u8).collect();
        let numbers: Vec<_> = (0..1000).map(f64::from).collect();
        let shipment = Shipment {
            bytes: bytes.clone(),
            numbers: numbers.clone(),
            trusts: vec![here.clone(), there.clone(), here.clone()],
        };
        store
            .apply_with(|store, shipment| *store = Some(shipment), shipment)
            .await;
        let homes = store
            .apply(|store| {
                let trusts = store.as_ref().expect("it is there").trusts.iter();
                let here = trusts.clone().filter(|trust| trust.local().is_some());
                (trusts.count(), here.count())
            })
            .await;
        assert_eq!(homes, (3, 1));
        let back = store
            .apply(|store| store.take().expect("it is there"))
            .await;
        assert!(back.bytes == bytes && back.numbers == numbers);
        assert!(back.trusts[0].local().is_some() && back.trusts[1].local().is_none());
        for trust in &back.trusts {
            trust.apply_with(|n, by| *n += by, 10).await;
        }
        assert_eq!(here.apply(|n| *n).await, 21);
        assert_eq!(there.apply(|n| *n).await, 12);
    });
    for node in 0..2 {
        nodes.run_on(node, async {
            while rack::__references() != (0, 0, 0) {
                gossamer::yield_now().await;
            }
        });
    }
}

/// Small calls wait behind large ones, both on their way there and on their way back.
#[test]
fn calls_keep_their_order_about_large_ones() {
    const SIZES: [usize; 8] = [8, 1 << 20, 0, 2000, 300 << 10, 8, 2 << 20, 8];
    let nodes = Nodes::start(2);
    nodes.runtimes[0]
        .as_ref()
        .expect("it lives")
        .block_on_with(|| async {
            let sizes = rack::entrust_on(on(1), |_: ()| Vec::<usize>::new(), ()).await;
            let completed = Rc::new(RefCell::new(Vec::new()));
            for round in 0..5 {
                for size in SIZES {
                    let notes = Rc::clone(&completed);
                    let call = |sizes: &mut Vec<usize>, bytes: Vec<u8>| {
                        sizes.push(bytes.len());
                        bytes
                    };
                    let note = move |back: Vec<u8>| notes.borrow_mut().push(back.len());
                    match round % 2 {
                        0 => sizes.apply_then_with(call, vec![7; size], note),
                        _ => {
                            sizes.post_with(|sizes, bytes: Vec<u8>| sizes.push(bytes.len()), {
                                vec![7; size]
                            });
                        }
                    }
                }
            }
            // Behind them all.
            let found = sizes.apply(|sizes| sizes.clone()).await;
            assert_eq!(found, SIZES.repeat(5));
            assert_eq!(*completed.borrow(), SIZES.repeat(3));
        });
}

/// A call with large arguments runs, though the last trust has gone before they are encoded.
#[test]
fn a_property_outlives_large_arguments_for_it() {
    static BYTES: AtomicIsize = AtomicIsize::new(0);

    struct Sum(isize);

    impl Drop for Sum {
        fn drop(&mut self) {
            BYTES.fetch_add(self.0, Ordering::SeqCst);
        }
    }

    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let sum = rack::entrust_on(on(1), |_: ()| Sum(1), ()).await;
        sum.post_with(|sum, bytes: Vec<u8>| sum.0 += bytes.len() as isize, {
            vec![0; 1 << 20]
        });
        drop(sum);
        while BYTES.load(Ordering::SeqCst) == 0 {
            gossamer::yield_now().await;
        }
        assert_eq!(BYTES.load(Ordering::SeqCst), (1 << 20) + 1);
    });
}

/// Bytes whose encoding goes wrong after they have been written, or read.
struct Faulty {
    bytes: Vec<u8>,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fault {
    None,
    Write,
    WritePanics,
    Read,
    ReadPanics,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let bytes = vec![3; 1 << 20];
        Self { bytes, fault }
    }
}

impl Serialize for Faulty {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = (&self.bytes, self.fault).serialize(to)?;
        match self.fault {
            Fault::Write => Err(S::Error::custom("as it was told")),
            Fault::WritePanics => panic!("as it was told"),
            _ => Ok(written),
        }
    }
}

impl<'de> Deserialize<'de> for Faulty {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (bytes, fault) = Deserialize::deserialize(from)?;
        match fault {
            Fault::Read => Err(D::Error::custom("as it was told")),
            Fault::ReadPanics => panic!("as it was told"),
            _ => Ok(Self { bytes, fault }),
        }
    }
}

/// Whoever waits hears of it, and what comes behind goes on.
#[test]
fn large_values_whose_encodings_fail() {
    let nodes = Nodes::start(2);
    nodes.block_on(async {
        let calls = rack::entrust_on(on(1), |_: ()| 0, ()).await;
        for fault in [
            Fault::Write,
            Fault::WritePanics,
            Fault::Read,
            Fault::ReadPanics,
        ] {
            let give = |calls: &mut i32, _: Faulty| *calls += 100;
            let given = calls.try_apply_with(give, Faulty::new(fault));
            let next = calls.try_apply_with(|calls, ()| *calls += 1, ());
            let (given, next) = futures::join!(given, next);
            assert!(next.is_ok());
            match (fault, given) {
                (
                    Fault::Write | Fault::WritePanics,
                    Err(CallError::NotExecuted(NotExecuted::Arguments { .. })),
                )
                | (
                    Fault::Read | Fault::ReadPanics,
                    Err(CallError::NotExecuted(NotExecuted::Refused {
                        refusal: Refusal::Arguments,
                        ..
                    })),
                ) => {}
                (fault, given) => panic!("{fault:?}: {given:?}"),
            }
            let take = |calls: &mut i32, fault| {
                *calls += 10;
                Faulty::new(fault)
            };
            let taken = calls.try_apply_with(take, fault);
            let next = calls.try_apply_with(|calls, ()| *calls += 1, ());
            let (taken, next) = futures::join!(taken, next);
            assert!(next.is_ok());
            match (fault, taken.map(|_| ())) {
                (
                    Fault::Write | Fault::WritePanics,
                    Err(CallError::Result {
                        source: CodecError::EncodeThere,
                    }),
                )
                | (
                    Fault::Read | Fault::ReadPanics,
                    Err(CallError::Result {
                        source: CodecError::Decode { .. },
                    }),
                ) => {}
                (fault, taken) => panic!("{fault:?}: {taken:?}"),
            }
        }
        assert_eq!(calls.apply(|calls| *calls).await, 4 * (1 + 10 + 1));
        let back = calls
            .apply_with(|_, none| Faulty::new(none), Fault::None)
            .await;
        assert!(back.bytes == Faulty::new(Fault::None).bytes);
    });
}

/// Where a large value stays until it is let go on.
struct Gate {
    state: Mutex<(Entered, Open)>,
    changed: Condvar,
}

type Entered = bool;
type Open = bool;

impl Gate {
    const fn new() -> Self {
        Self {
            state: Mutex::new((false, false)),
            changed: Condvar::new(),
        }
    }

    fn pass(&self) {
        let mut state = self.state.lock().expect("no panic");
        state.0 = true;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |(_, open)| !*open));
    }

    fn wait_until_entered(&self) {
        let state = self.state.lock().expect("no panic");
        drop(self.changed.wait_while(state, |(entered, _)| !*entered));
    }

    fn open(&self) {
        self.state.lock().expect("no panic").1 = true;
        self.changed.notify_all();
    }
}

/// Large bytes that come to a gate when they have been written, and to another when they have
/// been read; none is gate 0.
struct Gated<const WRITTEN: usize, const READ: usize>(Vec<u8>);

static GATES: [Gate; 7] = [const { Gate::new() }; 7];
/// How many of those there are.
static GATED: [AtomicIsize; 7] = [const { AtomicIsize::new(0) }; 7];

impl<const WRITTEN: usize, const READ: usize> Gated<WRITTEN, READ> {
    fn new(bytes: Vec<u8>) -> Self {
        GATED[WRITTEN + READ].fetch_add(1, Ordering::SeqCst);
        Self(bytes)
    }

    fn large() -> Self {
        Self::new(vec![1; 1 << 20])
    }
}

impl<const WRITTEN: usize, const READ: usize> Drop for Gated<WRITTEN, READ> {
    fn drop(&mut self) {
        GATED[WRITTEN + READ].fetch_sub(1, Ordering::SeqCst);
    }
}

impl<const WRITTEN: usize, const READ: usize> Serialize for Gated<WRITTEN, READ> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = self.0.serialize(to)?;
        if WRITTEN > 0 {
            GATES[WRITTEN].pass();
        }
        Ok(written)
    }
}

impl<'de, const WRITTEN: usize, const READ: usize> Deserialize<'de> for Gated<WRITTEN, READ> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = Self::new(Vec::deserialize(from)?);
        if READ > 0 {
            GATES[READ].pass();
        }
        Ok(read)
    }
}

/// Waits until all values of a gate have gone.
fn wait_until_gone(gate: usize) {
    while GATED[gate].load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
}

type Asked<U> = BoxFuture<'static, Result<U, CallError>>;

/// Issues a call from node 0, and returns when its value has come to the gate.
fn begin<U: Send + 'static>(
    nodes: &Nodes,
    gate: usize,
    ask: impl Future<Output = Result<U, CallError>> + Send + 'static,
) -> Asked<U> {
    let mut asked: Asked<U> = Box::pin(ask);
    let is_pending = nodes.block_on(async {
        let poll = futures::poll!(&mut asked);
        matches!(poll, Poll::Pending)
    });
    assert!(is_pending);
    GATES[gate].wait_until_entered();
    asked
}

fn unit_on_node_1(nodes: &Nodes) -> Trust<()> {
    nodes.block_on(async { rack::entrust_on(on(1), |_: ()| (), ()).await })
}

/// The call was not sent; what comes of its arguments interests nobody any more.
#[test]
fn a_node_is_lost_while_arguments_for_it_are_encoded() {
    let mut nodes = Nodes::start(2);
    let unit = unit_on_node_1(&nodes);
    let ask = unit.clone();
    let asked = begin(&nodes, 1, async move {
        ask.try_apply_with(|(), _: Gated<1, 0>| (), Gated::large())
            .await
    });
    nodes.lose(1);
    let outcome = nodes.block_on(asked);
    assert!(
        matches!(
            outcome,
            Err(CallError::NotExecuted(NotExecuted::NodeLost { node: 1 }))
        ),
        "{outcome:?}"
    );
    GATES[1].open();
    wait_until_gone(1);
    drop(unit);
}

#[test]
fn a_node_is_lost_while_it_decodes_arguments() {
    let mut nodes = Nodes::start(2);
    let unit = unit_on_node_1(&nodes);
    let asked = begin(&nodes, 2, async move {
        unit.try_apply_with(|(), _: Gated<0, 2>| (), Gated::large())
            .await
    });
    nodes.lose(1);
    let outcome = nodes.block_on(asked);
    assert!(
        matches!(outcome, Err(CallError::Unknown { node: 1 })),
        "{outcome:?}"
    );
    GATES[2].open();
    wait_until_gone(2);
}

#[test]
fn a_node_is_lost_while_it_encodes_a_result() {
    let mut nodes = Nodes::start(2);
    let unit = unit_on_node_1(&nodes);
    let asked = begin(&nodes, 3, async move {
        unit.try_apply_with(|(), ()| Gated::<3, 0>::large(), ())
            .await
    });
    nodes.lose(1);
    let outcome = nodes.block_on(asked).map(|_| ());
    assert!(
        matches!(outcome, Err(CallError::Unknown { node: 1 })),
        "{outcome:?}"
    );
    GATES[3].open();
    wait_until_gone(3);
}

/// The result is here.
#[test]
fn a_node_is_lost_while_its_result_is_decoded() {
    let mut nodes = Nodes::start(2);
    let unit = unit_on_node_1(&nodes);
    let asked = begin(&nodes, 4, async move {
        unit.try_apply_with(|(), ()| Gated::<0, 4>::large(), ())
            .await
    });
    nodes.lose(1);
    GATES[4].open();
    let outcome = nodes.block_on(asked);
    assert_eq!(outcome.expect("it has come").0.len(), 1 << 20);
    wait_until_gone(4);
}

/// Nothing waits for what its worker does not do.
#[test]
fn a_runtime_ends_while_large_values_are_on_their_way() {
    let nodes = Nodes::start(2);
    let unit = unit_on_node_1(&nodes);
    let gives = unit.clone();
    let given = begin(&nodes, 5, async move {
        gives
            .try_apply_with(|(), _: Gated<5, 0>| (), Gated::large())
            .await
    });
    // Of the other worker of the other node, as calls to the first wait.
    let takes =
        nodes.block_on(async { rack::entrust_on(rack::trustees()[3], |_: ()| (), ()).await });
    let taken = begin(&nodes, 6, async move {
        takes
            .try_apply_with(|(), ()| Gated::<0, 6>::large(), ())
            .await
    });
    drop(nodes);
    drop((given, taken, unit));
    for gate in [5, 6] {
        GATES[gate].open();
        wait_until_gone(gate);
    }
}
