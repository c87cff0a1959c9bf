//! The executors that are compared, each behind the same few calls.

use std::future::Future;
use std::rc::Rc;
use std::time::Instant;

use async_executor::LocalExecutor;
use gossamer_executor::{Claim, Config, Executor, Idle};
use tokio::task::LocalSet;

/// An executor for tasks that stay on one thread.
pub(crate) trait OneThread: Copy + Send + Sync + 'static {
    type Handle: Future;

    /// Runs what `main` makes, on this thread and on an executor of its own.
    fn run<Fut: Future + 'static>(self, main: impl FnOnce() -> Fut) -> Fut::Output;

    /// Spawns a task beside the one that calls.
    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Handle;

    /// Is there at `deadline`; free of a task's budget.
    fn sleep_until(deadline: Instant) -> impl Future;
}

#[derive(Clone, Copy)]
pub(crate) struct Gossamer(pub(crate) Idle);

impl OneThread for Gossamer {
    type Handle = gossamer_executor::JoinHandle<()>;

    fn run<Fut: Future + 'static>(self, main: impl FnOnce() -> Fut) -> Fut::Output {
        let claim = Claim::new().expect("there is a place");
        let config = Config {
            idle: self.0,
            ..Config::default()
        };
        Executor::new(claim.remote(), config).run_until(main())
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Handle {
        gossamer_executor::spawn(task)
    }

    fn sleep_until(deadline: Instant) -> impl Future {
        gossamer_executor::unconstrained(gossamer_executor::time::sleep_until(deadline))
    }
}

/// `async_executor::LocalExecutor`, with timers of `async-io`.
#[derive(Clone, Copy)]
pub(crate) struct AsyncExecutor;

thread_local! {
    static LOCAL: Rc<LocalExecutor<'static>> = Rc::default();
}

impl OneThread for AsyncExecutor {
    type Handle = async_executor::Task<()>;

    fn run<Fut: Future + 'static>(self, main: impl FnOnce() -> Fut) -> Fut::Output {
        let executor = LOCAL.with(Rc::clone);
        // As the others do, it runs the body as a task and not beside the tasks.
        let main = executor.spawn(main());
        smol::block_on(executor.run(main))
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Handle {
        LOCAL.with(|executor| executor.spawn(task))
    }

    fn sleep_until(deadline: Instant) -> impl Future {
        smol::Timer::at(deadline)
    }
}

/// Tokio's runtime of one thread, with a `LocalSet`.
#[derive(Clone, Copy)]
pub(crate) struct Tokio;

impl OneThread for Tokio {
    type Handle = tokio::task::JoinHandle<()>;

    fn run<Fut: Future + 'static>(self, main: impl FnOnce() -> Fut) -> Fut::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().build().expect("tokio starts");
        LocalSet::new().block_on(&runtime, async {
            tokio::task::spawn_local(main()).await.expect("no panic")
        })
    }

    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Handle {
        tokio::task::spawn_local(task)
    }

    fn sleep_until(deadline: Instant) -> impl Future {
        tokio::task::unconstrained(tokio::time::sleep_until(deadline.into()))
    }
}
