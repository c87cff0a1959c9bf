//! A trust: the handle to a property.
//!
//! # Unsafe
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `property` | any thread, its header only | always: the trusts share one hold on the memory, weak trusts have one each |

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use gossamer_executor::charge;
use gossamer_transport::Key;

use crate::client::{Posted, Then};
use crate::counts::Release;
use crate::delegation::{Delegation, Target, TrustRef, TryDelegation, post_foreign};
use crate::erase::OnProperty;
use crate::mail::mail;
use crate::obituary::{Heir, Obituary};
use crate::property::{Header, Property};
use crate::shared::{RuntimeId, Shared};
use crate::trustee_handle::Trustee;
use crate::weak::WeakTrust;
use crate::worker::Worker;

/// A handle to a property, which lives on one worker and is reached by delegation.
///
/// Cloning and dropping trusts costs one atomic operation; using one touches no count. The
/// property is dropped on its trustee after the last trust has gone and everything issued before
/// that has run. Cycles of trusts leak, as with `Arc`; see [`downgrade`](Self::downgrade).
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// let words = gossamer::entrust(Vec::new());
/// words.apply(|w| w.push("delegated")).await;
/// assert_eq!(words.apply(|w| w.len()).await, 1);
/// # }
/// ```
pub struct Trust<T: 'static> {
    property: NonNull<Property<T>>,
    /// The address is here too, as the property's cache line is its trustee's.
    worker: u32,
    runtime: RuntimeId,
    owns: PhantomData<fn(&mut T)>,
}

// SAFETY: a trust gives no access to the value but through requests, which its trustee runs; of
// the header it touches what any thread may. So no bound on `T` is needed: whatever crosses
// threads (closures, results, values entrusted) has its own.
unsafe impl<T> Send for Trust<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Trust<T> {}

impl<T: 'static> Trust<T> {
    /// Places `value` on the trustee of worker `worker`.
    pub(crate) fn new(
        runtime: RuntimeId,
        shared: Option<Arc<Shared>>,
        worker: u32,
        value: T,
    ) -> Self {
        let property = Property::create(shared, worker, value);
        Self {
            property,
            worker,
            runtime,
            owns: PhantomData,
        }
    }

    /// Runs `f` on the property and returns its result.
    ///
    /// Nothing happens before the first poll. Requests of one worker to one trustee run, and
    /// complete (their tasks are woken), in the order in which they were issued; nothing is
    /// promised between trustees.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let counter = gossamer::entrust(17);
    /// counter.apply(|c| *c += 1).await;
    /// assert_eq!(counter.apply(|c| *c).await, 18);
    /// # }
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`, whose effects on the property stay. If the runtime has shut down;
    /// [`try_apply`](Self::try_apply) returns both as values.
    ///
    /// # Cancel safety
    /// Dropped before its first poll, `f` never runs; later, it runs exactly once.
    #[inline]
    pub fn apply<F, U>(&self, f: F) -> Delegation<'_, T, F, U>
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        Delegation::new(TrustRef::Borrowed(self), f)
    }

    /// As [`apply`](Self::apply), as a `'static` future that holds the trust.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let counter = gossamer::entrust(1);
    /// let task = gossamer::spawn(counter.clone().apply_owned(|c| *c + 1));
    /// assert_eq!(task.await.unwrap(), 2);
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`apply`](Self::apply).
    #[inline]
    pub fn apply_owned<F, U>(self, f: F) -> Delegation<'static, T, F, U>
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        Delegation::new(TrustRef::Owned(self), f)
    }

    /// As [`apply`](Self::apply), with failures as values.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let list = gossamer::entrust(vec![1]);
    /// let result = list.try_apply(|l| l[1]).await; // out of bounds
    /// assert!(matches!(result, Err(gossamer::ApplyError::Panicked(_))));
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ApplyError`](crate::ApplyError) says what happened and whether `f` ran.
    #[inline]
    pub fn try_apply<F, U>(&self, f: F) -> TryDelegation<'_, T, F, U>
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        U: Send + 'static,
    {
        TryDelegation(self.apply(f))
    }

    /// As [`apply`](Self::apply), with the values that `f` works on given beside it.
    ///
    /// With an `f` that captures nothing, this is also the form that works across a rack.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let map = gossamer::entrust(std::collections::HashMap::new());
    /// map.apply_with(|m, (k, v)| m.insert(k, v), ("one", 1)).await;
    /// assert_eq!(map.apply_with(|m, k| m.get(k).copied(), "one").await, Some(1));
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`apply`](Self::apply).
    #[inline]
    pub fn apply_with<F, A, U>(
        &self,
        f: F,
        args: A,
    ) -> Delegation<'_, T, impl FnOnce(&mut T) -> U + Send + 'static + use<F, A, U, T>, U>
    where
        F: FnOnce(&mut T, A) -> U + Send + 'static,
        A: Send + 'static,
        U: Send + 'static,
    {
        self.apply(move |property| f(property, args))
    }

    /// Issues `f` at once; `then` gets its result later, on this worker.
    ///
    /// Neither runs inside this call. `then` need not be `Send` and runs between tasks, in the
    /// order of the requests; it may delegate again. If `f` panics, `then` is dropped unrun and
    /// the runtime's panic hook is told. The call is charged to the task's budget; await
    /// [`Trustee::ready`] now and then to bound what is under way.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let counter = gossamer::entrust(17);
    /// let seen = Rc::new(Cell::new(0));
    /// let sees = Rc::clone(&seen);
    /// counter.apply_then(|c| *c + 1, move |c| sees.set(c));
    /// counter.apply(|_| ()).await; // later in the order
    /// assert_eq!(seen.get(), 18);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If this thread is not a worker of the trust's runtime.
    #[inline]
    pub fn apply_then<F, G, U>(&self, f: F, then: G)
    where
        F: FnOnce(&mut T) -> U + Send + 'static,
        G: FnOnce(U) + 'static,
        U: Send + 'static,
    {
        Worker::with_runtime(self.runtime, |worker| {
            let worker = worker.expect(
                "apply_then: not on a worker of the trust's runtime; await `apply`, or `post`",
            );
            if worker.client.is_closed() {
                return; // the runtime shuts down: both closures are dropped unrun
            }
            charge();
            let work = OnProperty::<T, F>::new(f);
            worker
                .client
                .issue::<U, _, _>(self.worker, self.key(), work, Then(then));
        });
    }

    /// Issues `f` at once, without an answer, from any thread.
    ///
    /// A panic in `f` goes to the runtime's panic hook. Once the runtime shuts down, `f` is
    /// dropped unrun. On a worker the call is charged to the task's budget.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let counter = gossamer::entrust(0);
    /// for _ in 0..10 {
    ///     counter.post(|c| *c += 1);
    /// }
    /// assert_eq!(counter.apply(|c| *c).await, 10);
    /// # }
    /// ```
    #[inline]
    pub fn post<F>(&self, f: F)
    where
        F: FnOnce(&mut T) + Send + 'static,
    {
        Worker::with_runtime(self.runtime, |worker| {
            let work = OnProperty::<T, F>::new(f);
            let Some(worker) = worker else {
                return self.post_foreign(work);
            };
            if !worker.client.is_closed() {
                charge();
                worker
                    .client
                    .issue::<(), _, _>(self.worker, self.key(), work, Posted);
            }
        });
    }

    /// Takes the value back, if this is the last trust.
    ///
    /// Everything issued before has run by then, though a `then` may still be to come. Weak trusts
    /// do not count, and are dead after.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let trust = gossamer::entrust(String::from("mine"));
    /// let other = trust.clone();
    /// let trust = trust.into_inner().await.unwrap_err(); // there is another
    /// drop(other);
    /// assert_eq!(trust.into_inner().await.unwrap(), "mine");
    /// # }
    /// ```
    ///
    /// # Errors
    /// The trust itself, if there are others, or if the runtime has dropped the value.
    ///
    /// # Cancel safety
    /// Dropped before its first poll, it drops the trust; later, the value.
    pub async fn into_inner(self) -> Result<T, Self>
    where
        T: Send,
    {
        if !self.header().counts().claim() {
            return Err(self);
        }
        // From here on no trust exists, and a weak one holds the memory.
        let weak = self.downgrade();
        let (sender, mail) = mail(&self);
        let heir: Heir = Box::new(|header| {
            // SAFETY: the heir runs on the trustee after the last request; the header is this
            // property's.
            let value = unsafe { Property::<T>::take_value(header) };
            if let Some(value) = value {
                // If nobody waits any more, it is dropped here, on its trustee.
                sender.send(value);
            }
        });
        // SAFETY: `claim` counted the trusts down to none; `self` is forgotten below.
        let obituary = unsafe { Obituary::new(self.property.cast(), Some(heir)) };
        std::mem::forget(self);
        obituary.announce();
        match mail.await {
            Some(value) => Ok(value),
            // SAFETY: `claim` counted the trusts down to none, and the value was not taken.
            None => Err(unsafe { weak.revive() }),
        }
    }

    /// A weak trust, which does not keep the property alive.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let trust = gossamer::entrust(1);
    /// let weak = trust.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(trust);
    /// assert!(weak.upgrade().is_none());
    /// # }
    /// ```
    pub fn downgrade(&self) -> WeakTrust<T> {
        self.header().counts().retain_memory();
        // SAFETY: that hold on the memory is the weak trust's.
        unsafe { WeakTrust::from_parts(self.property, self.worker, self.runtime) }
    }

    /// # Safety
    /// The caller hands over a count of the trusts, and if it is the first one their hold on the
    /// memory.
    pub(crate) unsafe fn from_parts(
        property: NonNull<Property<T>>,
        worker: u32,
        runtime: RuntimeId,
    ) -> Self {
        Self {
            property,
            worker,
            runtime,
            owns: PhantomData,
        }
    }

    /// The trustee that the property lives on.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let trustee = gossamer::local_trustee();
    /// assert_eq!(trustee.entrust(1).trustee(), trustee);
    /// # }
    /// ```
    pub fn trustee(&self) -> Trustee {
        Trustee::new(self.runtime, self.worker)
    }

    /// How many trusts of the property there are just now.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let trust = gossamer::entrust(1);
    /// let _other = trust.clone();
    /// assert_eq!(trust.trust_count(), 2);
    /// # }
    /// ```
    pub fn trust_count(&self) -> usize {
        self.header().counts().trusts()
    }

    /// Lets a panic in delegated code poison the property: later requests on it fail unrun.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let trust = gossamer::entrust(1).with_poisoning();
    /// let _ = trust.try_apply(|_| -> () { panic!("half done") }).await;
    /// let next = trust.try_apply(|n| *n).await;
    /// assert!(matches!(next, Err(gossamer::ApplyError::Poisoned)));
    /// # }
    /// ```
    #[must_use]
    pub fn with_poisoning(self) -> Self {
        self.header().arm_poison();
        self
    }

    /// Tells its property apart from all that live.
    pub(crate) fn property_address(&self) -> usize {
        self.property.addr().get()
    }

    fn post_foreign<F: FnOnce(&mut T) + Send + 'static>(&self, work: OnProperty<T, F>) {
        let (shared, worker) = (self.shared(), self.worker);
        post_foreign(self, work, move |outcome| {
            if let (Err(crate::error::Fault::Panicked(payload)), Some(shared)) = (outcome, shared) {
                shared.report_panic(worker, &payload);
                crate::contain::dispose(payload);
            }
        });
    }

    #[inline(always)]
    fn header(&self) -> &Header {
        // SAFETY: the row of the table.
        unsafe { self.property.cast().as_ref() }
    }
}

impl<T: 'static> Target for Trust<T> {
    #[inline(always)]
    fn address(&self) -> (RuntimeId, u32) {
        (self.runtime, self.worker)
    }

    #[inline(always)]
    fn key(&self) -> Key {
        Property::key(self.property)
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.header().shared().cloned()
    }

    #[inline(always)]
    fn may_poison(&self) -> bool {
        self.header().may_poison()
    }
}

impl<T: 'static> Clone for Trust<T> {
    fn clone(&self) -> Self {
        self.header().counts().retain();
        Self {
            property: self.property,
            worker: self.worker,
            runtime: self.runtime,
            owns: PhantomData,
        }
    }
}

impl<T: 'static> Drop for Trust<T> {
    // Out of line, so that delegations, which may hold a trust, are dropped by little code.
    #[inline(never)]
    fn drop(&mut self) {
        if self.header().counts().release() == Release::Last {
            // SAFETY: the trusts were counted down to none, and this was the last.
            unsafe { Obituary::new(self.property.cast(), None) }.announce();
        }
    }
}

impl<T: 'static> fmt::Debug for Trust<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Trust");
        debug
            .field("type", &self.header().type_name())
            .field("worker", &self.worker);
        debug.finish_non_exhaustive()
    }
}
