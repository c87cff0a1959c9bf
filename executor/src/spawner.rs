//! [`LocalSpawner`]: the current executor for code that is generic over its executor.

use futures::future::{FutureObj, LocalFutureObj};
use futures::task::{LocalSpawn, Spawn, SpawnError};

use crate::current::with_current;

/// Spawns on whichever executor runs on the calling thread, by the traits of `futures`.
///
/// ```
/// use futures::task::LocalSpawnExt;
/// use gossamer_executor::{Claim, Config, Executor, LocalSpawner};
///
/// let claim = Claim::new()?;
/// let executor = Executor::new(claim.remote(), Config::default());
/// executor.run_until(async {
///     let answer = LocalSpawner.spawn_local_with_handle(async { 42 }).unwrap();
///     assert_eq!(answer.await, 42);
/// });
/// # Ok::<(), gossamer_executor::TooManyExecutors>(())
/// ```
///
/// # Errors
///
/// Its calls fail with [`SpawnError::shutdown`] off the executors, and on one that takes no more
/// tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalSpawner;

impl LocalSpawn for LocalSpawner {
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status_local()?;
        with_current(|executor| {
            executor.ok_or_else(SpawnError::shutdown)?.spawn(future);
            Ok(())
        })
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        with_current(|executor| match executor {
            Some(executor) if !executor.is_closed() => Ok(()),
            _ => Err(SpawnError::shutdown()),
        })
    }
}

impl Spawn for LocalSpawner {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.spawn_local_obj(future.into())
    }

    fn status(&self) -> Result<(), SpawnError> {
        self.status_local()
    }
}
