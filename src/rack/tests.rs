//! What befalls a rack of two nodes in one process, told in the order in which it may come.

use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use socket2::{Domain, Socket, Type};

use crate::rack::context::current;
use crate::rack::join::Cause;
use crate::rack::loss::{NodeLoss, What};
use crate::rack::parked::Parked;
use crate::rack::peers::Peers;
use crate::rack::refs::{Action, Envelope, Message};
use crate::rack::{CallError, Identity, Trust, spawn_on};
use crate::shared::Shared;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};
use crate::worker::Worker;
use crate::{Builder, Runtime};

/// Two nodes of one worker each, and what the first is told of losses.
struct Two {
    first: Option<Runtime>,
    second: Option<Runtime>,
    losses: Arc<AtomicUsize>,
    /// What the second has told its panic hook.
    panics: Arc<Mutex<Vec<String>>>,
    port: Socket,
}

impl Two {
    /// The hook of the first counts, and then does this.
    fn start_with(hook: impl Fn(&NodeLoss) + Send + Sync + 'static) -> Self {
        let port = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        port.set_reuse_port(true).expect("it is not bound");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        port.bind(&any.into()).expect("some port is free");
        let address = port.local_addr().expect("it is bound").as_socket();
        let address = address.expect("an address of the internet").to_string();
        let losses = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&losses);
        let first = build(0, &address).node_loss_hook(move |loss| {
            counts.fetch_add(1, Ordering::SeqCst);
            hook(loss);
        });
        let panics = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&panics);
        let second = build(1, &address)
            .node_loss_hook(|_| {})
            .panic_hook(move |report| {
                let mut told = told.lock().expect("nobody panics with it");
                told.push(report.message().to_owned());
            });
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| second.build().expect("it starts"));
            let first = first.build().expect("it starts");
            (first, second.join().expect("no panic"))
        });
        Self {
            first: Some(first),
            second: Some(second),
            losses,
            panics,
            port,
        }
    }

    /// Runs a future on the first.
    fn block_on<Fut: Future<Output: Send> + Send>(&self, future: Fut) -> Fut::Output {
        self.first.as_ref().expect("it lives").block_on(future)
    }

    fn second(&self) -> &Runtime {
        self.second.as_ref().expect("it lives")
    }

    /// How often the second has told its panic hook this.
    fn told(&self, part: &str) -> usize {
        let told = self.panics.lock().expect("nobody panics with it");
        told.iter().filter(|told| told.contains(part)).count()
    }

    fn losses(&self) -> usize {
        self.losses.load(Ordering::SeqCst)
    }
}

impl Drop for Two {
    /// The first ends the rack, and the other goes when it hears of it.
    fn drop(&mut self) {
        let second = self.second.take();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if let Some(second) = second {
                    second.serve();
                }
            });
            drop(self.first.take());
        });
    }
}

fn build(node: u32, rendezvous: &str) -> Builder {
    let variable = |name: &str| {
        Some(match name {
            "GOSSAMER_NODE" => node.to_string(),
            "GOSSAMER_NODES" => "2".to_owned(),
            "GOSSAMER_RENDEZVOUS" => rendezvous.to_owned(),
            "GOSSAMER_RENDEZVOUS_RESERVED" => "true".to_owned(),
            "GOSSAMER_KEY" => "5eed".repeat(16),
            "GOSSAMER_FABRIC" => "tcp".to_owned(),
            "GOSSAMER_ON_NODE_LOSS" => "survive".to_owned(),
            _ => return None,
        })
    };
    let identity = Identity::from_variables(variable).expect("all is set");
    Builder::new().workers(1).rack(identity)
}

fn peers(shared: &Shared) -> &Peers {
    shared.rack().peers().expect("there is another node")
}

fn death() -> NodeLoss {
    NodeLoss {
        node: 1,
        what: What::Died(Cause::Closed),
    }
}

/// Another survivor may be told of a death first, settle it, and say so before this node has heard
/// the verdict itself.
#[test]
fn verdict_after_a_survivor_has_settled() {
    let rack = Two::start_with(|_| {});
    rack.block_on(async {
        let shared = current("a test");
        let peers = peers(&shared);
        peers.carry_out(&shared, vec![Action::Drain(peers.get(1).party)]);
        peers.suspect(1, Cause::Closed);
        // Nobody waits for the lost one.
        crate::rack::barrier().await;
    });
    assert_eq!(rack.losses(), 1);
}

/// The hook is foreign code, on a thread that all depends on.
#[test]
fn hook_that_panics() {
    let rack = Two::start_with(|_| panic!("of the hook"));
    rack.block_on(async {
        let shared = current("a test");
        peers(&shared).suspect(1, Cause::Closed);
        crate::rack::barrier().await;
    });
    assert_eq!(rack.losses(), 1);
}

/// A hook may let a node go on that the others have given up; nothing then waits for them.
#[test]
fn calls_of_a_fenced_node_end() {
    let rack = Two::start_with(|_| {});
    rack.block_on(async {
        let shared = current("a test");
        let never = async |_: ()| std::future::pending::<()>().await;
        let under_way = spawn_on(1, never, ());
        // It has begun: later in the order of that link.
        let there = crate::rack::trustees()[1];
        let probe = crate::rack::entrust_on(there, |_: ()| 0, ()).await;
        peers(&shared).end_by(&shared, &NodeLoss::fenced(0));
        let ended = under_way.await;
        assert!(
            matches!(ended, Err(CallError::Unknown { node: 1 })),
            "{ended:?}"
        );
        let late = probe.try_apply_with(|_, ()| (), ()).await;
        assert_eq!(late.expect_err("nobody hears it").has_run(), Some(false));
        // What follows from it is no news.
        peers(&shared).lose(&shared, &death());
        peers(&shared).end_by(&shared, &NodeLoss::fenced(0));
    });
    assert_eq!(rack.losses(), 1);
}

/// A launch that has begun has run in part: nobody may take it for safe to issue again.
#[test]
fn launch_that_shutdown_drops_at_an_await() {
    let runtime = Builder::new().workers(2).build().expect("it starts");
    let mut begun = None;
    runtime.block_on(async {
        let there = crate::rack::trustees()[1];
        let latched = crate::rack::entrust_latched_on(there, |_: ()| 0, ()).await;
        let launch = async |n: &mut i32, ()| {
            *n += 1;
            std::future::pending::<()>().await;
        };
        let mut launched = Box::pin(async move { latched.try_launch_with(launch, ()).await });
        assert!((&mut launched).now_or_never().is_none());
        // It has begun: whatever was posted there before this has run.
        let probe = crate::rack::entrust_on(there, |_: ()| 0, ()).await;
        probe.apply(|_| ()).await;
        begun = Some(launched);
    });
    drop(runtime);
    let ended = futures::executor::block_on(begun.expect("put there"));
    assert!(matches!(ended, Err(CallError::Cancelled)), "{ended:?}");
}

/// Whoever takes all places at the door keeps no node out, and nobody is blamed for it.
#[test]
fn strangers_take_all_places_at_the_door() {
    let rack = Two::start_with(|_| {});
    let door = rack.port.local_addr().expect("it is bound").as_socket();
    let door = door.expect("an address of the internet");
    let strangers: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(door).expect("it listens"))
        .collect();
    rack.second().block_on(async {
        let there = crate::rack::trustees()[0];
        let trust = crate::rack::entrust_on(there, |_: ()| 7, ()).await;
        assert_eq!(trust.apply(|n| *n).await, 7);
    });
    drop(strangers);
    assert_eq!(rack.losses(), 0);
}

/// What captures a foreign value waits for an answer, and the worker ends: that value's drop may
/// panic, and the panic hook hears of it as of any other.
#[test]
fn completion_that_is_dropped_at_the_end_panics() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("of a drop");
        }
    }
    static GATE: Mutex<()> = Mutex::new(());
    let mut rack = Two::start_with(|_| {});
    let shut = GATE.lock().expect("nobody panics with it");
    let second = rack.second.take().expect("it lives");
    second.block_on(async {
        let there = crate::rack::trustees()[0];
        let trust = crate::rack::entrust_on(there, |_: ()| 0, ()).await;
        let bomb = Bomb;
        // What comes after it is not served before the gate is open.
        trust.post_with(|_, ()| drop(GATE.lock()), ());
        trust.apply_then_with(|_, ()| (), (), move |()| drop(bomb));
    });
    drop(second);
    assert_eq!(rack.told("of a drop"), 1);
    assert_eq!(rack.told("may have run"), 1, "why there was no answer");
    drop(shut);
}

/// What is dropped as its call has no result issues another call, and so on; the last panics.
#[test]
fn calls_that_drops_issue_at_the_end() {
    struct Chain(u32, Trust<u32>);
    impl Drop for Chain {
        fn drop(&mut self) {
            let Self(left, trust) = self;
            let Some(left) = left.checked_sub(1) else {
                panic!("of the last of them");
            };
            let next = Chain(left, trust.clone());
            trust.apply_then_with(|_, ()| (), (), move |()| drop(next));
        }
    }
    static GATE: Mutex<()> = Mutex::new(());
    let mut rack = Two::start_with(|_| {});
    let shut = GATE.lock().expect("nobody panics with it");
    let second = rack.second.take().expect("it lives");
    second.block_on(async {
        let there = crate::rack::trustees()[0];
        let trust = crate::rack::entrust_on(there, |_: ()| 0, ()).await;
        trust.post_with(|_, ()| drop(GATE.lock()), ());
        let chain = Chain(3, trust.clone());
        trust.apply_then_with(|_, ()| (), (), move |()| drop(chain));
    });
    drop(second);
    assert_eq!(rack.told("of the last of them"), 1);
    assert_eq!(rack.told("may have run"), 1, "the first");
    assert_eq!(
        rack.told("was not run"),
        3,
        "those that the drops have issued"
    );
    drop(shut);
}

/// A call is polled on a worker, then elsewhere, and dropped when its result is there: that one's
/// drop may panic, which is no fault of whoever drops the call.
#[test]
fn result_that_is_dropped_in_the_mail() {
    static IS_ARMED: AtomicBool = AtomicBool::new(false);
    #[derive(Serialize, Deserialize)]
    struct Bomb(u8);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!IS_ARMED.load(Ordering::SeqCst), "of a result");
        }
    }
    struct Sends(mpsc::Sender<()>);
    impl Wake for Sends {
        fn wake(self: Arc<Self>) {
            self.0.send(()).expect("the test waits");
        }
    }
    static GATE: Mutex<()> = Mutex::new(());
    let rack = Two::start_with(|_| {});
    let shut = GATE.lock().expect("nobody panics with it");
    let trust = rack.second().block_on(async {
        let there = crate::rack::trustees()[0];
        let trust = crate::rack::entrust_on(there, |_: ()| 0, ()).await;
        trust.post_with(|_, ()| drop(GATE.lock()), ());
        trust
    });
    let mut call = Box::pin(trust.apply_with(|_, ()| Bomb(0), ()));
    let polled = rack.second().block_on(async { (&mut call).now_or_never() });
    assert!(polled.is_none(), "the gate is shut");
    let (sender, woken) = mpsc::channel();
    let waker = Waker::from(Arc::new(Sends(sender)));
    let polled = call.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending(), "the gate is shut");
    drop(shut);
    woken.recv().expect("it has a result");
    // A turn later its worker, which has woken us, has no part of the mail any more.
    rack.second().block_on(async {});
    IS_ARMED.store(true, Ordering::SeqCst);
    drop(call);
    IS_ARMED.store(false, Ordering::SeqCst);
    assert_eq!(rack.told("of a result"), 1);
}

/// A result has a trust in it, and then has no encoding, or panics instead: nobody gets the trust.
#[test]
fn trusts_in_a_result_that_cannot_travel() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Probe;
    impl Drop for Probe {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
        }
    }
    struct Unfinished(Trust<Probe>, bool);
    impl Serialize for Unfinished {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut pair = serializer.serialize_tuple(2)?;
            pair.serialize_element(&self.0)?;
            assert!(!self.1, "of an encoding");
            Err(ser::Error::custom("it has none"))
        }
    }
    impl<'de> Deserialize<'de> for Unfinished {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(de::Error::custom("it has none"))
        }
    }
    let rack = Two::start_with(|_| {});
    for (panics, count) in [(false, 1), (true, 2)] {
        let outcome = rack.block_on(async {
            let there = crate::rack::trustees()[1];
            let trust = crate::rack::entrust_on(there, |_: ()| 0, ()).await;
            let unfinished = |_: &mut i32, panics| {
                let probe = crate::local_trustee().entrust(Probe);
                Unfinished(Trust::from(probe), panics)
            };
            trust.try_apply_with(unfinished, panics).await.map(|_| ())
        });
        assert!(matches!(outcome, Err(CallError::Result { .. })));
        rack.second().block_on(async {
            // Turns of its worker, which buries what is dead.
            for _ in 0..1000 {
                crate::yield_now().await;
            }
        });
        assert_eq!(DROPPED.load(Ordering::SeqCst), count, "panics: {panics}");
    }
}

/// A peer numbers two messages alike: the first goes on waiting for its trusts.
#[test]
fn message_of_a_number_that_waits() {
    let rack = Two::start_with(|_| {});
    rack.block_on(async {
        Worker::with(|worker| {
            let side = worker
                .and_then(Worker::rack)
                .expect("on a worker of a node");
            let from = peers(worker.expect("on one").shared()).get(1).party;
            let envelope = Envelope {
                from,
                message: Message(7),
            };
            let call = |remote| Parked::Call { node: 1, remote };
            assert!(side.park(envelope, call(0)).is_ok());
            let other = side.park(envelope, call(1));
            assert!(matches!(other, Err(Parked::Call { remote: 1, .. })));
            let first = side.parked.borrow_mut().remove(&envelope);
            assert!(matches!(first, Some(Parked::Call { remote: 0, .. })));
        });
    });
}

/// What goes to other nodes counts as what goes to workers of this one does.
#[test]
fn requests_between_nodes_are_counted() {
    static GATE: Mutex<()> = Mutex::new(());
    let rack = Two::start_with(|_| {});
    let first = || rack.first.as_ref().expect("it lives").metrics()[0].clone();
    let trust = rack.block_on(async {
        let there = crate::rack::trustees()[1];
        crate::rack::entrust_on(there, |_: ()| 0_u64, ()).await
    });
    let before = first();
    let shut = GATE.lock().expect("nobody panics with it");
    let gate = rack.second().trustee(0).entrust(());
    gate.post(|()| drop(GATE.lock()));
    rack.block_on(async {
        (0..POSTS).for_each(|_| trust.post_with(|n, by| *n += by, 1));
        let mut turns = 0..10_000;
        while first().backlog_depth == 0 && turns.next().is_some() {
            gossamer_executor::yield_now().await;
        }
    });
    let waiting = first().backlog_depth;
    assert!((1..POSTS).contains(&waiting), "{waiting} wait");
    drop(shut);
    let sum = rack.block_on(trust.apply(|n| *n));
    assert_eq!(sum, POSTS);
    let after = first();
    assert_eq!(after.backlog_depth, 0);
    // References speak, too.
    let sent = after.requests_sent - before.requests_sent;
    assert!((POSTS + 1..POSTS + 50).contains(&sent), "{sent} sent");
    let batches = after.batches_sent - before.batches_sent;
    // No slot has more results.
    assert!((POSTS / 127..POSTS).contains(&batches), "{batches} batches");
    assert!(rack.second().metrics()[0].requests_served >= sent);
    const POSTS: u64 = 20_000;
}
