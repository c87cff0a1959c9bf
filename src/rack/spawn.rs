//! Tasks on any worker of the rack.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use crate::rack::call::ask;
use crate::rack::calls::{Spawn, Travels, With};
use crate::rack::context::current;
use crate::rack::entry::CapturesNothing;
use crate::rack::error::CallError;
use crate::rack::outbound::{Answers, Outbound};
use crate::rack::remote::PropertyId;

/// Runs `f(args)` as a task on a worker of the rack, from `0` to [`workers`](crate::rack::workers).
///
/// `f` is an async function, or an async closure that captures nothing: a value without bytes is
/// not noticed, see [`Trust`](crate::rack::Trust). The task is sent at once, and runs whether or
/// not its handle is kept.
///
/// ```
/// # #[gossamer::main(workers = 2)]
/// # async fn main() {
/// use gossamer::rack;
///
/// async fn add(to: rack::Trust<u64>, what: u64) -> u64 {
///     to.apply_with(|sum, what| *sum += what, what).await;
///     to.apply(|sum| *sum).await
/// }
///
/// let sum = rack::entrust(1);
/// let task = rack::spawn_on(1, async |(to, what)| add(to, what).await, (sum.clone(), 2));
/// assert_eq!(task.await.unwrap(), 3);
/// # }
/// ```
///
/// # Panics
/// If there is no such worker, or `args` cannot be encoded for another node; else as
/// [`rack::entrust`](crate::rack::entrust).
pub fn spawn_on<F, A, Fut>(worker: usize, f: F, args: A) -> JoinHandle<Fut::Output>
where
    F: FnOnce(A) -> Fut + Copy + Send + 'static,
    A: Travels,
    Fut: Future<Output: Travels> + 'static,
{
    let () = CapturesNothing::<F>::CHECKED;
    let shared = current("spawn_on");
    let node = shared.rack();
    let to = node.task_workers().nth(worker).unwrap_or_else(|| {
        let count = node.task_workers().count();
        panic!(
            "rack::spawn_on({worker}): tasks run on workers 0 to {} of the rack",
            count - 1
        )
    });
    if to.node == node.id() {
        let task = crate::context::spawn_on_shared(&shared, to.worker as usize, move || f(args));
        return JoinHandle(Box::pin(async move {
            task.await.map_err(|error| match error.is_panic() {
                true => CallError::Panicked(crate::error::Panic::new(error.into_panic())),
                false => CallError::Cancelled,
            })
        }));
    }
    let none = PropertyId::NONE;
    let outbound = Outbound::of::<With<Spawn<A, Fut>, F>, F, A>(to, none, Answers::Later, args)
        .unwrap_or_else(|error| error.raise());
    JoinHandle(Box::pin(ask(&shared, outbound)))
}

/// The output of a task that [`spawn_on`] has started; dropped, the task goes on.
///
/// # Errors
/// [`CallError`]: a panic of the task, the loss of its node, the end of its runtime.
#[must_use = "a task goes on without its handle, but then nobody hears of its end; drop it to say so"]
pub struct JoinHandle<U>(BoxFuture<'static, Result<U, CallError>>);

impl<U> Future for JoinHandle<U> {
    type Output = Result<U, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<U> fmt::Debug for JoinHandle<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinHandle")
    }
}
