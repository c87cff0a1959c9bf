#![doc = include_str!("../README.md")]

mod barriers;
mod block_on;
mod builder;
mod client;
mod contain;
mod context;
mod counts;
mod delegation;
mod erase;
mod error;
#[cfg(feature = "hyper")]
pub mod hyper;
mod issued;
mod lane;
mod lane_set;
mod latch;
mod mail;
mod metrics;
pub mod net;
mod note;
mod obituary;
mod outstanding;
mod pace;
mod pending;
mod property;
pub mod rack;
mod registry;
mod runtime;
mod settings;
mod shared;
mod shutdown;
pub mod signal;
mod stall;
mod stderr;
mod sync;
mod trust;
mod trustee;
mod trustee_handle;
mod unblock;
mod weak;
mod worker;

pub use builder::{BuildError, Builder};
pub use context::{
    entrust, local_trustee, metrics, spawn, spawn_on, task_workers, trustee, trustees,
    try_worker_id, worker_id, workers,
};
pub use delegation::{Delegation, TryDelegation};
pub use error::{ApplyError, Panic};
pub use gossamer_executor::{
    Idle, JoinError, JoinHandle, LocalSpawner, Unconstrained, YieldNow, time, unconstrained,
    yield_now,
};
pub use gossamer_macros::{main, test};
pub use latch::LatchTrust;
pub use metrics::{RdmaMetrics, WorkerMetrics};
pub use runtime::Runtime;
pub use shared::PanicReport;
pub use stall::Stall;
pub use trust::Trust;
pub use trustee_handle::Trustee;
pub use unblock::unblock;
pub use weak::WeakTrust;

#[doc(hidden)]
pub mod __private;
