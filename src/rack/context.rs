//! The free functions of the rack.

use std::sync::Arc;

use crate::latch::Latched;
use crate::rack::barrier::Arrivals;
use crate::rack::call::ask;
use crate::rack::calls::{Entrust, EntrustLatched, Travels, With};
use crate::rack::entry::CapturesNothing;
use crate::rack::error::CallError;
use crate::rack::latch_trust::LatchTrust;
use crate::rack::outbound::{Answers, Outbound};
use crate::rack::remote::PropertyId;
use crate::rack::spawn::spawn_on;
use crate::rack::trust::Trust;
use crate::rack::trustee::Trustee;
use crate::shared::Shared;
use crate::worker::Worker;

/// Places `value` on the next trustee of this node in turn; at once, on any thread.
///
/// To place one elsewhere, build it there: [`entrust_on`].
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// let counter = gossamer::rack::entrust(17);
/// assert_eq!(counter.apply(|c| *c).await, 17);
/// # }
/// ```
///
/// # Panics
/// On a thread that is no worker, unless the process has just one runtime.
pub fn entrust<T: Send + 'static>(value: T) -> Trust<T> {
    crate::entrust(value).into()
}

/// Builds `f(args)` on a trustee of the rack, and places it there. It need not be `Send`, nor have
/// an encoding.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::rack;
/// use std::{collections::HashMap, rc::Rc};
///
/// let mut shards = Vec::new();
/// for trustee in rack::trustees() {
///     let build = |(capacity, _): (usize, ())| Rc::new(HashMap::<u64, u64>::with_capacity(capacity));
///     shards.push(rack::entrust_on(trustee, build, (100, ())).await);
/// }
/// assert_eq!(shards[0].apply(|map| map.len()).await, 0);
/// # }
/// ```
///
/// # Panics
/// With the panic of `f`; if there is no trust for another reason, see [`try_entrust_on`].
///
/// # Cancel safety
/// Dropped before its first poll, `f` never runs; later, it runs and the value is dropped.
pub async fn entrust_on<T, F, A>(trustee: Trustee, f: F, args: A) -> Trust<T>
where
    T: 'static,
    F: FnOnce(A) -> T + Copy + Send + 'static,
    A: Travels,
{
    (try_entrust_on(trustee, f, args).await).unwrap_or_else(|error| error.raise())
}

/// As [`entrust_on`], with failures as values.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::rack;
///
/// let build = |()| -> i32 { panic!("no value") };
/// assert!(rack::try_entrust_on(rack::trustees()[0], build, ()).await.is_err());
/// # }
/// ```
///
/// # Errors
/// [`CallError`] says what happened and whether `f` ran.
pub async fn try_entrust_on<T, F, A>(trustee: Trustee, f: F, args: A) -> Result<Trust<T>, CallError>
where
    T: 'static,
    F: FnOnce(A) -> T + Copy + Send + 'static,
    A: Travels,
{
    let () = CapturesNothing::<F>::CHECKED;
    if let Some(here) = trustee.local() {
        let built = here.try_entrust_with(move || f(args)).await;
        return built.map(Trust::from).map_err(CallError::from);
    }
    let (home, none) = (trustee.home(), PropertyId::NONE);
    let outbound = Outbound::of::<With<Entrust<T, A>, F>, F, A>(home, none, Answers::Now, args)?;
    ask(&shared_of(trustee)?, outbound).await
}

/// As [`entrust_on`], behind a latch, for async closures.
///
/// See the example of [`LatchTrust`].
///
/// # Panics
/// As [`entrust_on`].
///
/// # Cancel safety
/// As [`entrust_on`].
pub async fn entrust_latched_on<T, F, A>(trustee: Trustee, f: F, args: A) -> LatchTrust<T>
where
    T: 'static,
    F: FnOnce(A) -> T + Copy + Send + 'static,
    A: Travels,
{
    (try_entrust_latched_on(trustee, f, args).await).unwrap_or_else(|error| error.raise())
}

/// As [`entrust_latched_on`], with failures as values.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::rack;
///
/// let built = rack::try_entrust_latched_on(rack::trustees()[0], |n: i32| n, 1).await;
/// assert_eq!(built.unwrap().apply_with(|n, ()| *n, ()).await, 1);
/// # }
/// ```
///
/// # Errors
/// As [`try_entrust_on`].
pub async fn try_entrust_latched_on<T, F, A>(
    trustee: Trustee,
    f: F,
    args: A,
) -> Result<LatchTrust<T>, CallError>
where
    T: 'static,
    F: FnOnce(A) -> T + Copy + Send + 'static,
    A: Travels,
{
    let () = CapturesNothing::<F>::CHECKED;
    if let Some(here) = trustee.local() {
        let built = here.try_entrust_with(move || Latched::new(f(args))).await;
        let trust = built.map(crate::LatchTrust::from_trust);
        return trust.map(LatchTrust::from).map_err(CallError::from);
    }
    let (home, none) = (trustee.home(), PropertyId::NONE);
    let outbound =
        Outbound::of::<With<EntrustLatched<T, A>, F>, F, A>(home, none, Answers::Now, args)?;
    ask(&shared_of(trustee)?, outbound).await
}

/// The trustees of the rack that properties are meant for, node by node.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// assert_eq!(gossamer::rack::trustees().len(), 2); // a rack of one
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn trustees() -> Vec<Trustee> {
    let shared = current("trustees");
    let node = shared.rack();
    let trustee = |home: crate::rack::remote::Home| match home.node == node.id() {
        true => Trustee::here(crate::Trustee::new(shared.id(), home.worker)),
        false => Trustee::there(shared.id(), home),
    };
    node.trustees().map(trustee).collect()
}

/// How many nodes the rack has; a program that was started plainly is a rack of one.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// assert_eq!(gossamer::rack::nodes(), 1);
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn nodes() -> usize {
    current("nodes").rack().members().len()
}

/// The number of this node, from 0.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// assert_eq!(gossamer::rack::node_id(), 0);
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn node_id() -> usize {
    current("node_id").rack().id() as usize
}

/// How many workers of the rack run tasks: where [`spawn_on`] can spawn, node by node.
///
/// ```
/// # #[gossamer::main(workers = 3)]
/// # async fn main() {
/// assert_eq!(gossamer::rack::workers(), 3);
/// # }
/// ```
///
/// # Panics
/// As [`entrust`].
pub fn workers() -> usize {
    current("workers").rack().task_workers().count()
}

/// Waits until every node has called it as often as this one; lost nodes are not waited for.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// gossamer::rack::barrier().await;
/// # }
/// ```
///
/// # Panics
/// If node 0 is lost; else as [`entrust`].
///
/// # Cancel safety
/// Dropped after its first poll, this node counts as having come to it.
pub async fn barrier() {
    let shared = current("barrier");
    let node = shared.rack().id();
    if node == 0 {
        return arrivals().arrive(0).await;
    }
    let arrive = async |node: u32| arrivals().arrive(node as usize).await;
    let arrived = spawn_on(0, arrive, node).await;
    arrived.unwrap_or_else(|error| error.raise());
}

/// How many of this node's properties other nodes may hold, how many of theirs it holds, and how
/// many messages with trusts are under way: all 0 when nothing is left. For tests.
#[doc(hidden)]
pub fn __references() -> (usize, usize, usize) {
    let shared = current("__references");
    let peers = shared.rack().peers();
    peers.map_or((0, 0, 0), |peers| peers.references().counts())
}

fn arrivals() -> Arc<Arrivals> {
    Arc::clone(current("barrier").rack().arrivals())
}

/// The runtime that a free function means on this thread.
pub(crate) fn current(function: &str) -> Arc<Shared> {
    let here = Worker::with(|worker| worker.map(|worker| Arc::clone(worker.shared())));
    here.or_else(Shared::only).unwrap_or_else(|| {
        panic!(
            "rack::{function}: not on a worker, and the process does not have just one runtime; \
             call this inside #[gossamer::main] or Runtime::block_on"
        )
    })
}

fn shared_of(trustee: Trustee) -> Result<Arc<Shared>, CallError> {
    use crate::rack::error::NotExecuted;
    Shared::find(trustee.runtime()).ok_or(CallError::NotExecuted(NotExecuted::Closed))
}
