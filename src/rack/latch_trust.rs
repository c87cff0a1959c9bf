//! A trust of a latched property that may live on any node.

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ApplyError;
use crate::latch::Latched;
use crate::rack::calls::{ApplyLatched, Launch, Travels, With};
use crate::rack::entry::CapturesNothing;
use crate::rack::error::CallError;
use crate::rack::trust::{Place, Trust};
use crate::rack::trustee::Trustee;

/// A handle to a property behind a latch, on any node of the rack: async closures hold it across
/// their awaits, and run where it lives.
///
/// ```
/// # #[gossamer::main]
/// # async fn main() {
/// use gossamer::rack;
///
/// let account = rack::entrust_latched_on(rack::trustees()[0], |start| start, 100).await;
/// let left = account
///     .launch_with(
///         async |balance: &mut i32, amount: i32| {
///             gossamer::yield_now().await; // still holds the latch
///             *balance -= amount;
///             *balance
///         },
///         30,
///     )
///     .await;
/// assert_eq!(left, 70);
/// # }
/// ```
pub struct LatchTrust<T: 'static>(Trust<Latched<T>>);

impl<T: 'static> LatchTrust<T> {
    /// Runs `f` on the property with `args` as soon as nobody before it holds the latch.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// # use gossamer::rack;
    /// let account = rack::entrust_latched_on(rack::trustees()[0], |start| start, 100).await;
    /// account.apply_with(|balance, by| *balance += by, 5).await;
    /// assert_eq!(account.apply_with(|balance, ()| *balance, ()).await, 105);
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`Trust::apply_with`].
    ///
    /// # Cancel safety
    /// As [`Trust::apply_with`].
    pub async fn apply_with<F, A, U>(&self, f: F, args: A) -> U
    where
        F: FnOnce(&mut T, A) -> U + Copy + Send + 'static,
        A: Travels,
        U: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        match self.local() {
            Some(local) => local.apply(move |property| f(property, args)).await,
            None => (self.try_apply_with(f, args).await).unwrap_or_else(|error| error.raise()),
        }
    }

    /// As [`apply_with`](Self::apply_with), with failures as values.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// # use gossamer::rack;
    /// let account = rack::entrust_latched_on(rack::trustees()[0], |start| start, 100).await;
    /// assert!(account.try_apply_with(|_, ()| -> () { panic!("so") }, ()).await.is_err());
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Trust::try_apply_with`].
    pub async fn try_apply_with<F, A, U>(&self, f: F, args: A) -> Result<U, CallError>
    where
        F: FnOnce(&mut T, A) -> U + Copy + Send + 'static,
        A: Travels,
        U: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        match &self.0.place {
            Place::Here(trust) => {
                let local = crate::LatchTrust::from_trust(trust.clone());
                let applied = local.try_apply(move |property| f(property, args));
                applied.await.map_err(CallError::from)
            }
            Place::There(remote, _) => {
                let call = remote.call_late::<With<ApplyLatched<T, A, U>, F>, F, A, U>(args);
                call.await
            }
        }
    }

    /// Runs an async closure on the property with `args`, where the property lives: a task there,
    /// which holds the latch from its first poll to its end.
    ///
    /// See the example of the [type](Self).
    ///
    /// # Panics
    /// As [`Trust::apply_with`].
    ///
    /// # Cancel safety
    /// Dropped before its first poll, `f` never runs; later, it runs to its end all the same.
    pub fn launch_with<F, A, U>(&self, f: F, args: A) -> impl Future<Output = U>
    where
        F: AsyncFnOnce(&mut T, A) -> U + Copy + Send + 'static,
        A: Travels,
        U: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        let launched = self.try_launch_with(f, args);
        async { launched.await.unwrap_or_else(|error| error.raise()) }
    }

    /// As [`launch_with`](Self::launch_with), with failures as values.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// # use gossamer::rack;
    /// let account = rack::entrust_latched_on(rack::trustees()[0], |start| start, 100).await;
    /// let launched = account.try_launch_with(async |_: &mut i32, ()| -> () { panic!("so") }, ()).await;
    /// assert!(launched.is_err());
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Trust::try_apply_with`].
    pub async fn try_launch_with<F, A, U>(&self, f: F, args: A) -> Result<U, CallError>
    where
        F: AsyncFnOnce(&mut T, A) -> U + Copy + Send + 'static,
        A: Travels,
        U: Travels,
    {
        let () = CapturesNothing::<F>::CHECKED;
        match &self.0.place {
            Place::Here(trust) => {
                let local = crate::LatchTrust::from_trust(trust.clone());
                let launch = async move |property: &mut T| f(property, args).await;
                local.try_launch(launch).await.map_err(|error| match error {
                    // It may have run as far as to an await, and have been dropped there.
                    ApplyError::Closed => CallError::Cancelled,
                    error => CallError::from(error),
                })
            }
            Place::There(remote, _) => {
                let call = remote.call_late::<With<Launch<T, A, U>, F>, F, A, U>(args);
                call.await
            }
        }
    }

    /// The plain trust, if the property lives in this process.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// # use gossamer::rack;
    /// let account = rack::entrust_latched_on(rack::trustees()[0], |start| start, 100).await;
    /// assert_eq!(account.local().unwrap().apply(|balance| *balance).await, 100);
    /// # }
    /// ```
    pub fn local(&self) -> Option<crate::LatchTrust<T>> {
        self.0.local().map(crate::LatchTrust::from_trust)
    }

    /// The trustee that the property lives on.
    ///
    /// ```
    /// # #[gossamer::main]
    /// # async fn main() {
    /// # use gossamer::rack;
    /// let there = rack::trustees()[0];
    /// let account = rack::entrust_latched_on(there, |start: i32| start, 100).await;
    /// assert_eq!(account.trustee(), there);
    /// # }
    /// ```
    pub fn trustee(&self) -> Trustee {
        self.0.trustee()
    }
}

impl<T: 'static> From<crate::LatchTrust<T>> for LatchTrust<T> {
    fn from(trust: crate::LatchTrust<T>) -> Self {
        Self(Trust::from(trust.into_trust()))
    }
}

impl<T: 'static> Clone for LatchTrust<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: 'static> Serialize for LatchTrust<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: 'static> Deserialize<'de> for LatchTrust<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Trust::deserialize(deserializer).map(Self)
    }
}

impl<T: 'static> fmt::Debug for LatchTrust<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LatchTrust").field(&self.0).finish()
    }
}
