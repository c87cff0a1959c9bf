//! A trust whose property may live on any node.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::rack::calls::{Apply, Travels, With};
use crate::rack::entry::CapturesNothing;
use crate::rack::error::CallError;
use crate::rack::remote::Remote;
use crate::rack::trustee::Trustee;

/// A handle to a property that may live on any node of the rack.
///
/// It may travel in the arguments and results of rack calls, and there alone. On the node of its
/// property a call is that of the plain [`Trust`](crate::Trust): nothing is encoded.
///
/// **What a call may take along.** Its closure runs in another process of the same program, where
/// its code is but none of this process's memory. So it captures nothing, and what it works on is
/// given beside it: `trust.apply_with(|map, (key, value)| map.insert(key, value), (key, value))`.
/// Arguments and results have a serde encoding. If it takes more than 256 KiB, their `Serialize`
/// and `Deserialize` run on threads beside the workers; that of arguments is then begun twice, the
/// first time on the worker. What the same worker asks of the same trustee later waits meanwhile,
/// and nothing else. A worker drops such a value where its closure does: giving 64 MiB back to the
/// system takes milliseconds. At most 4096 trusts travel in the arguments, or in the result, of one
/// call; with more, it cannot be encoded.
///
/// **What is not checked.** A captured value that takes no bytes is not noticed, and the process
/// that runs the call makes one of its own. So it is no proof there: a `Copy` token that `init()`
/// hands out to say that *this process* has done something (say, set up a C library) would say it
/// where nothing of that kind was done. Do not capture such a token; take it in the closure, from
/// the process that it runs in.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::rack;
///
/// let words = rack::entrust(Vec::new());
/// let word = String::from("delegated");
/// words.apply_with(|words, word| words.push(word), word).await;
/// assert_eq!(words.apply(|words| words.len()).await, 1);
/// # }
/// ```
pub struct Trust<T: 'static> {
    pub(crate) place: Place<T>,
}

/// Where the property lives.
pub(crate) enum Place<T: 'static> {
    Here(crate::Trust<T>),
    There(Arc<Remote>, PhantomData<fn(&mut T)>),
}

impl<T: 'static> Trust<T> {
    /// Runs `f` on the property and returns its result; the form without arguments.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let counter = gossamer::rack::entrust(17);
    /// assert_eq!(counter.apply(|c| *c + 1).await, 18);
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`apply_with`](Self::apply_with).
    ///
    /// # Cancel safety
    /// As [`apply_with`](Self::apply_with).
    pub fn apply<F, U>(&self, f: F) -> impl Future<Output = U> + Send
    where
        F: FnOnce(&mut T) -> U + Copy + Send + 'static,
        U: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        self.apply_with(move |property, ()| f(property), ())
    }

    /// Runs `f` on the property with `args` and returns its result.
    ///
    /// `f` captures nothing, not even a value without bytes: that is not checked, see the
    /// [type](Self). Nothing happens before the first poll. Calls of one worker to one trustee run
    /// in the order in which they were issued. They complete in it too, but for a result with trusts
    /// of a third node, which may come after those of later calls.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let map = gossamer::rack::entrust(std::collections::HashMap::new());
    /// map.apply_with(|m, (k, v)| m.insert(k, v), (1, 10)).await;
    /// assert_eq!(map.apply_with(|m, k: i32| m.get(&k).copied(), 1).await, Some(10));
    /// # }
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`; its payload is its text if the property lives on another node. If
    /// the call has no result for another reason: [`try_apply_with`](Self::try_apply_with) returns
    /// each as a value.
    ///
    /// # Cancel safety
    /// Dropped before its first poll, `f` never runs; later, it runs exactly once, unless a node
    /// is lost.
    pub async fn apply_with<F, A, U>(&self, f: F, args: A) -> U
    where
        F: FnOnce(&mut T, A) -> U + Copy + Send + 'static,
        A: Travels,
        U: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        match &self.place {
            Place::Here(trust) => trust.apply_with(f, args).await,
            Place::There(remote, _) => remote
                .call::<With<Apply<T, A, U>, F>, F, A, U>(args)
                .await
                .unwrap_or_else(|error| error.raise()),
        }
    }

    /// As [`apply_with`](Self::apply_with), with failures as values.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let list = gossamer::rack::entrust(vec![1]);
    /// assert!(list.try_apply_with(|l, at: usize| l[at], 1).await.is_err()); // out of bounds
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CallError`] says what happened and whether `f` ran.
    pub async fn try_apply_with<F, A, U>(&self, f: F, args: A) -> Result<U, CallError>
    where
        F: FnOnce(&mut T, A) -> U + Copy + Send + 'static,
        A: Travels,
        U: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        match &self.place {
            Place::Here(trust) => {
                let applied = trust.try_apply(move |property| f(property, args));
                applied.await.map_err(CallError::from)
            }
            Place::There(remote, _) => {
                let call = remote.call::<With<Apply<T, A, U>, F>, F, A, U>(args);
                call.await.map_err(|error| *error)
            }
        }
    }

    /// Issues `f` at once; `then` gets its result later, on this worker.
    ///
    /// `then` stays here: it may capture what it likes, and need not be `Send`. It runs between
    /// tasks, in the order in which the calls to one trustee complete, see
    /// [`apply_with`](Self::apply_with). If there is no result, `then` is dropped unrun and the
    /// runtime's panic hook is told why.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let counter = gossamer::rack::entrust(17);
    /// let seen = Rc::new(Cell::new(0));
    /// let sees = Rc::clone(&seen);
    /// counter.apply_then_with(|c, by| *c + by, 1, move |sum| sees.set(sum));
    /// counter.apply(|_| ()).await; // later in the order
    /// assert_eq!(seen.get(), 18);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If this thread is not a worker of the trust's runtime, and if `args` cannot be encoded for
    /// another node; of large ones the panic hook is told instead.
    pub fn apply_then_with<F, A, U, G>(&self, f: F, args: A, then: G)
    where
        F: FnOnce(&mut T, A) -> U + Copy + Send + 'static,
        A: Travels,
        U: Travels,
        G: FnOnce(U) + 'static,
    {
        let () = CapturesNothing::<F>::CHECKED;
        match &self.place {
            Place::Here(trust) => trust.apply_then(move |property| f(property, args), then),
            Place::There(remote, _) => {
                remote.call_then::<With<Apply<T, A, U>, F>, F, A, U, G>(args, then);
            }
        }
    }

    /// Issues `f` at once, without an answer, from any thread.
    ///
    /// A panic in it goes to the panic hook of the node that it runs on. What cannot be sent, as
    /// its node is lost, is dropped, and counted as
    /// [`posts_lost`](crate::WorkerMetrics::posts_lost).
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let counter = gossamer::rack::entrust(0);
    /// for by in 0..10 {
    ///     counter.post_with(|c, by| *c += by, by);
    /// }
    /// assert_eq!(counter.apply(|c| *c).await, 45);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If `args` cannot be encoded for another node; large ones are counted as lost instead.
    pub fn post_with<F, A>(&self, f: F, args: A)
    where
        F: FnOnce(&mut T, A) + Copy + Send + 'static,
        A: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        match &self.place {
            Place::Here(trust) => trust.post(move |property| f(property, args)),
            Place::There(remote, _) => remote.post::<With<Apply<T, A, ()>, F>, F, A>(args),
        }
    }

    /// The plain trust, if the property lives in this process.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let counter = gossamer::rack::entrust(17);
    /// let step = 2; // a plain trust's closures may capture
    /// counter.local().unwrap().apply(move |c| *c += step).await;
    /// assert_eq!(counter.apply(|c| *c).await, 19);
    /// # }
    /// ```
    pub fn local(&self) -> Option<crate::Trust<T>> {
        match &self.place {
            Place::Here(trust) => Some(trust.clone()),
            Place::There(..) => None,
        }
    }

    /// The trustee that the property lives on.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// let counter = gossamer::rack::entrust(17);
    /// assert_eq!(counter.trustee().node(), gossamer::rack::node_id());
    /// # }
    /// ```
    pub fn trustee(&self) -> Trustee {
        match &self.place {
            Place::Here(trust) => Trustee::here(trust.trustee()),
            Place::There(remote, _) => Trustee::there(remote.runtime(), remote.home()),
        }
    }
}

impl<T: 'static> From<crate::Trust<T>> for Trust<T> {
    fn from(trust: crate::Trust<T>) -> Self {
        let place = Place::Here(trust);
        Self { place }
    }
}

impl<T: 'static> Clone for Trust<T> {
    fn clone(&self) -> Self {
        let place = match &self.place {
            Place::Here(trust) => Place::Here(trust.clone()),
            Place::There(remote, _) => Place::There(Arc::clone(remote), PhantomData),
        };
        Self { place }
    }
}

impl<T: 'static> fmt::Debug for Trust<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Here(trust) => trust.fmt(f),
            Place::There(remote, _) => remote.fmt(f),
        }
    }
}
