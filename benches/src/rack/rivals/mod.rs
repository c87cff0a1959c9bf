//! What else a program could call a counter in another process by, over TCP.
//!
//! Each side has one thread, on a core of its own, with tokio's runtime for one thread; each
//! request is the load's: add one, and answer what was there before.

mod ractor_side;
mod tarpc_side;
mod tonic_side;

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use super::process::{Done, Part, pair, say};
use crate::harness::machine::{Machine, pin};
use crate::harness::meter::{Clock, cpu_time};

/// One side of a rival.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Rival {
    library: Library,
    /// Where the other side listens; without it this one does, and has the counter.
    peer: Option<SocketAddr>,
    core: usize,
    /// Tasks that await an answer each.
    tasks: usize,
    millis: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Library {
    /// Its own calls, encoded by bincode.
    Tarpc,
    /// gRPC over HTTP/2.
    Tonic,
    /// Remote actors.
    Ractor,
}

impl Library {
    pub(super) const ALL: [(Self, &str); 3] = [
        (Self::Tarpc, "tarpc"),
        (Self::Tonic, "tonic"),
        (Self::Ractor, "ractor"),
    ];
}

/// Requests a second.
pub(super) fn run(machine: &Machine, library: Library, tasks: usize, millis: u64) -> f64 {
    let cores = machine.pair();
    let [asks, _] = pair(|side, peer| {
        Part::Rival(Rival {
            library,
            peer,
            core: cores[1 - side],
            tasks,
            millis,
        })
    });
    asks.rate()
}

/// Asks the counter once.
trait Ask: Clone + 'static {
    async fn add(&self, amount: u64) -> u64;
}

impl Rival {
    /// Does this side's part.
    pub(super) fn play(self) -> Done {
        pin(self.core);
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("tokio starts");
        let local = LocalSet::new();
        let Some(peer) = self.peer else {
            let serve = async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
                let listener = listener.expect("there is a port");
                say(&listener.local_addr().expect("it is bound"));
                match self.library {
                    Library::Tarpc => tarpc_side::serve(listener).await,
                    Library::Tonic => tonic_side::serve(listener).await,
                    Library::Ractor => ractor_side::serve(listener).await,
                }
            };
            local.block_on(&runtime, serve);
            return Done::default();
        };
        local.block_on(&runtime, async {
            match self.library {
                Library::Tarpc => self.ask(tarpc_side::connect(peer).await).await,
                Library::Tonic => self.ask(tonic_side::connect(peer).await).await,
                Library::Ractor => self.ask(ractor_side::connect(peer).await).await,
            }
        })
    }

    async fn ask(self, asks: impl Ask) -> Done {
        assert_eq!(asks.add(0).await, 0, "a new counter");
        let (clock, cpu) = (Rc::new(Clock::start(self.millis)), cpu_time());
        let tasks: Vec<_> = (0..self.tasks)
            .map(|_| spawn_local(ask_until(asks.clone(), Rc::clone(&clock))))
            .collect();
        let mut count = 0;
        for task in tasks {
            count += task.await.expect("a task runs");
        }
        let done = Done {
            count,
            seconds: clock.elapsed(),
            cpu: (cpu_time() - cpu).as_secs_f64(),
        };
        assert_eq!(asks.add(0).await, count, "each request counts once");
        done
    }
}

async fn ask_until(asks: impl Ask, clock: Rc<Clock>) -> u64 {
    let mut done = 0;
    while !clock.is_over() {
        for _ in 0..16 {
            let before = asks.add(1).await;
            assert!(before >= done, "what this task has added is there");
            done += 1;
        }
    }
    done
}
