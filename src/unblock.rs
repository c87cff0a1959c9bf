//! [`unblock`]: what blocks, beside the workers.

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
    blocking::unblock(f).await
}
