//! [`unblock`]: what blocks, beside the workers.

use std::cell::Cell;

use blocking::Task;

/// Runs `f`, which may block, on a thread beside the workers: files, names, long computations.
///
/// The threads are those of the [`blocking`] crate: they come when they are needed, at most 500
/// (`BLOCKING_MAX_THREADS`), and go when they have had nothing to do for a while.
///
/// ```
/// # gossamer::Builder::new().workers(1).build()?.block_on(async {
/// let text = gossamer::unblock(|| std::fs::read_to_string("Cargo.toml")).await?;
/// assert!(text.contains("gossamer"));
/// # Ok::<_, std::io::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// With the panic of `f`.
///
/// # Cancel safety
///
/// Dropped before its first poll, `f` never runs. Dropped later, `f` does not run if it has not
/// begun, and else runs to its end, which nobody hears of.
pub async fn unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    beside(f).await
}

/// Runs `f` there at once. Whichever worker has started the thread, it may run on every core.
pub(crate) fn beside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    blocking::unblock(|| {
        if !IS_UNPINNED.replace(true) {
            // Without, it is only slower.
            let _ = gossamer_executor::unpin();
        }
        f()
    })
}

thread_local! {
    static IS_UNPINNED: Cell<bool> = const { Cell::new(false) };
}
