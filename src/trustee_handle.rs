//! The public handle to a trustee.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use gossamer_transport::Key;

use crate::delegation::{Request, Target};
use crate::erase::OnTrustee;
use crate::error::Outcome;
use crate::latch::LatchTrust;
use crate::shared::{RuntimeId, Shared};
use crate::trust::Trust;
use crate::worker::Worker;

/// A trustee: the part of a worker that owns properties and runs requests on them.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// let there = gossamer::trustee(1);
/// let name = there.entrust(String::from("on worker 1"));
/// assert_eq!(name.apply(|_| gossamer::worker_id()).await, 1);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trustee {
    runtime: RuntimeId,
    worker: u32,
}

impl Trustee {
    pub(crate) fn new(runtime: RuntimeId, worker: u32) -> Self {
        Self { runtime, worker }
    }

    /// The index of its worker.
    ///
    /// ```
    /// # #[gossamer::main(workers = 2)]
    /// # async fn main() {
    /// assert_eq!(gossamer::trustee(1).worker(), 1);
    /// # }
    /// ```
    pub fn worker(self) -> usize {
        self.worker as usize
    }

    /// Places `value` here; at once, on any thread.
    ///
    /// If the runtime has shut down, the value is dropped and requests on the trust fail.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let trust = gossamer::local_trustee().entrust(1);
    /// assert_eq!(trust.apply(|n| *n).await, 1);
    /// # }
    /// ```
    pub fn entrust<T: Send + 'static>(self, value: T) -> Trust<T> {
        Trust::new(self.runtime, self.shared(), self.worker, value)
    }

    /// Builds a value on the trustee, which need not be `Send`.
    ///
    /// ```
    /// # #[gossamer::main(workers = 2)]
    /// # async fn main() {
    /// use std::rc::Rc;
    ///
    /// let graph = gossamer::trustee(1).entrust_with(|| Rc::new(7)).await;
    /// assert_eq!(graph.apply(|rc| Rc::strong_count(rc)).await, 1);
    /// # }
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`; if the runtime has shut down.
    ///
    /// # Cancel safety
    /// Dropped before its first poll, `f` never runs; later, it runs and the value is dropped.
    pub async fn entrust_with<T: 'static>(
        self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Trust<T> {
        self.try_entrust_with(f)
            .await
            .unwrap_or_else(|fault| fault.raise())
    }

    /// As [`entrust_with`](Self::entrust_with), with failures as values.
    pub(crate) async fn try_entrust_with<T: 'static>(
        self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Outcome<Trust<T>> {
        let entrust = move || {
            let shared = Worker::with(|worker| worker.map(|worker| Arc::clone(worker.shared())));
            Trust::new(self.runtime, shared, self.worker, f())
        };
        OnTrusteeRequest::new(self, entrust).await
    }

    pub(crate) fn runtime(self) -> RuntimeId {
        self.runtime
    }

    /// Places `value` here behind a latch, for async closures.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let account = gossamer::local_trustee().entrust_latched(100);
    /// let left = account
    ///     .launch(async |balance: &mut i32| {
    ///         gossamer::yield_now().await; // still holds the latch
    ///         *balance -= 30;
    ///         *balance
    ///     })
    ///     .await;
    /// assert_eq!(left, 70);
    /// # }
    /// ```
    pub fn entrust_latched<T: Send + 'static>(self, value: T) -> LatchTrust<T> {
        LatchTrust::new(self.runtime, self.shared(), self.worker, value)
    }

    /// Resolves once no request of this worker to the trustee waits for a free slot.
    ///
    /// `post` and `apply_then` never wait; awaiting this now and then bounds how much they can
    /// pile up. Elsewhere than on a worker of the runtime it resolves once the trustee has run
    /// everything that was posted to it from other threads before. On a closed runtime it
    /// resolves at once.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let sum = gossamer::entrust(0_u64);
    /// for n in 0..100_000 {
    ///     sum.post(move |sum| *sum += n);
    ///     sum.trustee().ready().await;
    /// }
    /// assert_eq!(sum.apply(|sum| *sum).await, 4_999_950_000);
    /// # }
    /// ```
    pub async fn ready(self) {
        std::future::poll_fn(|cx| {
            ready!(gossamer_executor::poll_charge(cx));
            Poll::Ready(())
        })
        .await;
        let is_full = || {
            Worker::with_runtime(self.runtime, |worker| {
                worker.map(|worker| worker.client.backlog(self.worker) > 0)
            })
        };
        if is_full() != Some(false) {
            // Behind everything that is under way on this link or in the foreign queue.
            let _: Outcome<()> = OnTrusteeRequest::new(self, || ()).await;
        }
    }
}

impl Target for Trustee {
    fn address(&self) -> (RuntimeId, u32) {
        (self.runtime, self.worker)
    }

    /// No property: work on the trustee itself never looks at the key.
    fn key(&self) -> Key {
        Key::of(std::ptr::null::<()>())
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        let here = Worker::with_runtime(self.runtime, |worker| {
            worker.map(|worker| Arc::clone(worker.shared()))
        });
        here.or_else(|| Shared::find(self.runtime))
    }

    fn may_poison(&self) -> bool {
        false
    }
}

impl fmt::Debug for Trustee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trustee")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// A request to the trustee itself.
struct OnTrusteeRequest<U: Send + 'static, F: FnOnce() -> U + Send + 'static> {
    request: Request<U, OnTrustee<F>>,
    trustee: Trustee,
}

impl<U: Send + 'static, F: FnOnce() -> U + Send + 'static> OnTrusteeRequest<U, F> {
    fn new(trustee: Trustee, f: F) -> Self {
        Self {
            request: Request::new(OnTrustee(f)),
            trustee,
        }
    }
}

impl<U: Send + 'static, F: FnOnce() -> U + Send + 'static> Unpin for OnTrusteeRequest<U, F> {}

impl<U: Send + 'static, F: FnOnce() -> U + Send + 'static> Future for OnTrusteeRequest<U, F> {
    type Output = Outcome<U>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<U>> {
        let Self { request, trustee } = &mut *self;
        request.poll::<true>(trustee, cx)
    }
}

impl<U: Send + 'static, F: FnOnce() -> U + Send + 'static> Drop for OnTrusteeRequest<U, F> {
    fn drop(&mut self) {
        self.request.abandon(&self.trustee);
    }
}
