//! The kinds of calls: what each does on the node that it has come to.
//!
//! # Unsafe
//!
//! | what | who may do it | in which state |
//! |---|---|---|
//! | make the closure of a call | its `visit` | that is reached only by a call of this type, which its sender made with such a closure in hand (`Outbound::of`) |

use std::future::Future;
use std::marker::PhantomData;

use futures::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::delegation::Here;
use crate::error::Fault;
use crate::latch::{LatchTrust, Latched};
use crate::rack::entry::{Visits, conjure};
use crate::rack::error::Refusal;
use crate::rack::latch_trust;
use crate::rack::trust::Trust;
use crate::rack::typed::Typed;
use crate::rack::visit::{Failure, Served, Visit, parcel_of, property_of};
use crate::worker::Worker;

/// What travels: it has an encoding, and may cross threads.
pub trait Travels: Serialize + DeserializeOwned + Send + 'static {}

impl<V: Serialize + DeserializeOwned + Send + 'static> Travels for V {}

/// `apply_with` and `post_with`: a closure on a property.
pub(crate) struct Apply<T, A, U>(PhantomData<fn(T, A) -> U>);

/// The same on a latched property, as soon as the latch is free.
pub(crate) struct ApplyLatched<T, A, U>(PhantomData<fn(T, A) -> U>);

/// `launch_with`: an async closure on a latched property.
pub(crate) struct Launch<T, A, U>(PhantomData<fn(T, A) -> U>);

/// `entrust_on`: a value that is built on a trustee.
pub(crate) struct Entrust<T, A>(PhantomData<fn(A) -> T>);

/// `entrust_latched_on`: the same behind a latch.
pub(crate) struct EntrustLatched<T, A>(PhantomData<fn(A) -> T>);

/// `spawn_on`: a task.
pub(crate) struct Spawn<A, Fut>(PhantomData<fn(A) -> Fut>);

/// The closure that a kind of call runs beside it, in its entry's type.
pub(crate) struct With<K, F>(PhantomData<fn(K) -> F>);

impl<T, A, U, F> Visits for With<Apply<T, A, U>, F>
where
    T: 'static,
    A: Travels,
    U: Travels,
    F: FnOnce(&mut T, A) -> U + Copy + Send + 'static,
{
    type Args = A;
    type Target<'p> = Here<'p, T>;

    #[inline(always)]
    fn find<'p>(worker: &'p Worker, property: Option<&'p Typed>) -> Result<Here<'p, T>, Failure> {
        // Whoever has a trust of it knows on which worker it lives.
        Here::new(worker, property_of(property)?).ok_or(Failure::Refused(Refusal::NoProperty))
    }

    #[inline(always)]
    fn visit(visit: &mut Visit<'_, '_>, target: Here<'_, T>, args: A) -> Served {
        // SAFETY: the row of the table.
        let f = unsafe { conjure::<F>() };
        match target.run(move |property: &mut T| f(property, args)) {
            Ok(value) => visit.answer(value),
            Err(fault) => Served::Failed(fault.into()),
        }
    }
}

impl<T, A, U, F> Visits for With<ApplyLatched<T, A, U>, F>
where
    T: 'static,
    A: Travels,
    U: Travels,
    F: FnOnce(&mut T, A) -> U + Copy + Send + 'static,
{
    type Args = A;
    type Target<'p> = &'p crate::Trust<Latched<T>>;

    fn find<'p>(_: &'p Worker, property: Option<&'p Typed>) -> Result<Self::Target<'p>, Failure> {
        property_of(property)
    }

    fn visit(visit: &mut Visit<'_, '_>, target: Self::Target<'_>, args: A) -> Served {
        let latched = LatchTrust::from_trust(target.clone());
        // SAFETY: the row of the table.
        let f = unsafe { conjure::<F>() };
        let begun = latched.begin_apply(move |property: &mut T| f(property, args));
        serve_later(visit, begun)
    }
}

impl<T, A, U, F> Visits for With<Launch<T, A, U>, F>
where
    T: 'static,
    A: Travels,
    U: Travels,
    F: AsyncFnOnce(&mut T, A) -> U + Copy + Send + 'static,
{
    type Args = A;
    type Target<'p> = &'p crate::Trust<Latched<T>>;

    fn find<'p>(_: &'p Worker, property: Option<&'p Typed>) -> Result<Self::Target<'p>, Failure> {
        property_of(property)
    }

    fn visit(visit: &mut Visit<'_, '_>, target: Self::Target<'_>, args: A) -> Served {
        let latched = LatchTrust::from_trust(target.clone());
        // SAFETY: the row of the table.
        let f = unsafe { conjure::<F>() };
        let begun = latched.begin_launch(async move |property: &mut T| f(property, args).await);
        serve_later(visit, begun)
    }
}

impl<T, A, F> Visits for With<Entrust<T, A>, F>
where
    T: 'static,
    A: Travels,
    F: FnOnce(A) -> T + Copy + Send + 'static,
{
    type Args = A;
    type Target<'p> = ();

    fn find<'p>(_: &'p Worker, _: Option<&'p Typed>) -> Result<(), Failure> {
        Ok(())
    }

    fn visit(visit: &mut Visit<'_, '_>, (): (), args: A) -> Served {
        let value = built::<T, A, F>(visit, args);
        visit.answer(Trust::from(visit.worker.entrust(value)))
    }
}

impl<T, A, F> Visits for With<EntrustLatched<T, A>, F>
where
    T: 'static,
    A: Travels,
    F: FnOnce(A) -> T + Copy + Send + 'static,
{
    type Args = A;
    type Target<'p> = ();

    fn find<'p>(_: &'p Worker, _: Option<&'p Typed>) -> Result<(), Failure> {
        Ok(())
    }

    fn visit(visit: &mut Visit<'_, '_>, (): (), args: A) -> Served {
        let value = built::<T, A, F>(visit, args);
        let trust = LatchTrust::from_trust(visit.worker.entrust(Latched::new(value)));
        visit.answer(latch_trust::LatchTrust::from(trust))
    }
}

impl<A, Fut, F> Visits for With<Spawn<A, Fut>, F>
where
    A: Travels,
    Fut: Future<Output: Travels> + 'static,
    F: FnOnce(A) -> Fut + Copy + Send + 'static,
{
    type Args = A;
    type Target<'p> = ();

    fn find<'p>(_: &'p Worker, _: Option<&'p Typed>) -> Result<(), Failure> {
        Ok(())
    }

    fn visit(visit: &mut Visit<'_, '_>, (): (), args: A) -> Served {
        // SAFETY: the row of the table.
        let f = unsafe { conjure::<F>() };
        // As a task, so that its first steps are no part of serving.
        let task = gossamer_executor::spawn(async move { f(args).await });
        let begun = task.map(|output| match output {
            Ok(output) => Some(Ok(output)),
            Err(error) if error.is_panic() => Some(Err(Fault::Panicked(error.into_panic()))),
            Err(_) => None,
        });
        serve_later(visit, begun)
    }
}

/// Runs the closure of an `entrust_on`.
fn built<T, A, F>(visit: &Visit<'_, '_>, args: A) -> T
where
    F: FnOnce(A) -> T + Copy + Send + 'static,
{
    // SAFETY: the row of the table.
    let f = unsafe { conjure::<F>() };
    let _delegated = visit.worker.enter_visit();
    f(args)
}

/// Sends the outcome of what a visit has begun, when it is there: `None` if the runtime has dropped
/// it before its end.
fn serve_later<U: Travels>(
    visit: &Visit<'_, '_>,
    begun: impl Future<Output = Option<crate::error::Outcome<U>>> + 'static,
) -> Served {
    let from = visit.site.from;
    drop(gossamer_executor::spawn(async move {
        let outcome = match begun.await {
            Some(Ok(value)) => parcel_of(value).await,
            Some(Err(fault)) => Err(Failure::from(fault)),
            None => Err(Failure::Cancelled),
        };
        Worker::with(|worker| worker.map(|worker| worker.rack_reply(from, outcome)));
    }));
    Served::Later
}
