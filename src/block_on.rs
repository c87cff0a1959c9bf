//! Running a future on a worker while the calling thread waits for it.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | what `f` and its future borrow | the worker | until the sender has spoken or gone; the caller does not return before |

use std::future::Future;
use std::mem::transmute;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll};

use gossamer_executor::Remote;

use crate::error::Payload;

/// Builds a future on the worker, runs it there, and returns its output or its panic.
pub(crate) fn block_on_worker<F, Fut>(worker: &Remote, f: F) -> Result<Fut::Output, Payload>
where
    F: FnOnce() -> Fut + Send,
    Fut: Future,
    Fut::Output: Send,
{
    let (sender, receiver) = sync_channel(1);
    let start = Start { f, sender };
    let job: Job<'_> = Box::new(move || start.run());
    // SAFETY: only the lifetime changes. What is borrowed outlives this call, and this call waits
    // below until the sender has spoken or gone. In `Start` as in `Running` the sender is the
    // last field, dropped after `f` and the future wherever the job ends, and it speaks only
    // after both have been dropped; what is left of the job then holds no borrow.
    let job = unsafe { transmute::<Job<'_>, Job<'static>>(job) };
    drop(worker.spawn(job));
    receiver
        .recv()
        .expect("block_on: the worker ended before the future did")
}

type Job<'a> = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + 'a>> + Send + 'a>;

/// A job that no worker has begun. The order of the fields matters: see above.
struct Start<F, O> {
    f: F,
    sender: SyncSender<Result<O, Payload>>,
}

impl<F, O> Start<F, O> {
    fn run<'a, Fut>(self) -> Pin<Box<dyn Future<Output = ()> + 'a>>
    where
        F: FnOnce() -> Fut + 'a,
        Fut: Future<Output = O> + 'a,
        O: 'a,
    {
        let Self { f, sender } = self;
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(future) => Box::pin(Running {
                future: Some(Box::pin(future)),
                sender,
            }),
            Err(payload) => {
                // The caller waits for this, so it is there to take it.
                drop(sender.send(Err(payload)));
                Box::pin(std::future::ready(()))
            }
        }
    }
}

/// A job under way. The order of the fields matters: see above.
struct Running<Fut: Future> {
    future: Option<Pin<Box<Fut>>>,
    sender: SyncSender<Result<Fut::Output, Payload>>,
}

impl<Fut: Future> Unpin for Running<Fut> {}

impl<Fut: Future> Future for Running<Fut> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(());
        };
        let outcome = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        let future = self.future.take();
        let dropped = catch_unwind(AssertUnwindSafe(move || drop(future)));
        // The caller waits for this, so it is there to take it.
        drop(
            self.sender
                .send(outcome.and_then(|output| dropped.map(|()| output))),
        );
        Poll::Ready(())
    }
}
