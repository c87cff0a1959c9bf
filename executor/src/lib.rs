//! The executor of Gossamer: one per thread, for tasks that never leave it.
//!
//! A task is a future that need not be `Send`. Its waker is an id: clone and drop cost nothing, a
//! wake on its own thread is a flag and a push on a queue, and a wake from elsewhere is a message.
//! There is no work stealing; who wants a task elsewhere spawns it there.
//!
//! ```
//! use gossamer_executor::{Claim, Config, Executor, spawn, yield_now};
//!
//! let claim = Claim::new()?;
//! let executor = Executor::new(claim.remote(), Config::default());
//! let sum = executor.run_until(async {
//!     let task = spawn(async {
//!         yield_now().await;
//!         20
//!     });
//!     task.await.unwrap() + 22
//! });
//! assert_eq!(sum, 42);
//! # Ok::<(), gossamer_executor::TooManyExecutors>(())
//! ```
//!
//! - [`Claim`] takes a place in the process's registry, [`Executor`] runs there, and [`Remote`] is
//!   what other threads see of it: they spawn on it, wake it, read its [`Counters`].
//! - [`Resident`]s are the permanent part of a thread, polled once a turn beside the tasks.
//! - [`JoinHandle`] is the output of a task, awaited from anywhere; it never hangs.
//! - [`time`] has sleep, interval and timeout; [`charge`] and its like keep tasks fair.
//!
//! **Invariant:** no borrow of the executor's own state is alive while foreign code (polls, drops,
//! wakers) runs. So tasks may spawn, wake and abort each other from anywhere, their destructors
//! included.

// Where a pointer is narrower, a waker's id does not fit in it.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("gossamer-executor needs a target with 64-bit pointers");

mod affinity;
mod budget;
mod contain;
mod counters;
mod current;
mod executor;
mod id;
mod idle;
mod inbox;
pub mod io;
mod join;
mod join_error;
mod local;
mod oversubscription;
mod queue;
mod registry;
mod remote;
#[doc(hidden)]
pub mod sleep;
mod spawner;
#[doc(hidden)]
pub mod state;
#[doc(hidden)]
pub mod sync;
mod task;
mod tasks;
pub mod time;
mod timers;
mod turn;
mod waker;
mod yield_now;

pub use affinity::{allowed_cores, pin_to, unpin};
pub use budget::{Unconstrained, charge, overdraw, poll_charge, unconstrained};
pub use counters::Counters;
pub use current::{is_entered, with_current};
pub use executor::{Config, Executor, Resident, spawn};
pub use id::MAX_EXECUTORS;
pub use idle::{Idle, ParseIdleError};
pub use inbox::{Batch, Inbox};
pub use join::JoinHandle;
pub use join_error::{JoinError, PanicPayload};
pub use registry::{Claim, TooManyExecutors};
pub use remote::{Ended, Remote};
pub use spawner::LocalSpawner;
pub use waker::wake_now;
pub use yield_now::{YieldNow, yield_now};
