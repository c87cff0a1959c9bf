//! What befalls a rack of two nodes in one process, told in the order in which it may come.

use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use socket2::{Domain, Socket, Type};

use crate::rack::context::current;
use crate::rack::join::Cause;
use crate::rack::loss::{NodeLoss, What};
use crate::rack::peers::Peers;
use crate::rack::refs::Action;
use crate::rack::{CallError, Identity, spawn_on};
use crate::shared::Shared;
use crate::sync::{AtomicUsize, Ordering};
use crate::{Builder, Runtime};

/// Two nodes of one worker each, and what the first is told of losses.
struct Two {
    first: Option<Runtime>,
    second: Option<Runtime>,
    losses: Arc<AtomicUsize>,
    /// What the second has told its panic hook of.
    panics: Arc<AtomicUsize>,
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
        let panics = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&panics);
        let second = build(1, &address)
            .node_loss_hook(|_| {})
            .panic_hook(move |_| {
                counts.fetch_add(1, Ordering::SeqCst);
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
        peers.lose(&shared, &death());
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
        peers(&shared).lose(&shared, &death());
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
    let second = rack.second.as_ref().expect("it lives");
    second.block_on(async {
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
    assert_eq!(rack.panics.load(Ordering::SeqCst), 1);
    drop(shut);
}
