//! What the macros expand to; no part of the public interface.

use std::future::Future;
use std::process::{ExitCode, Termination};

use crate::builder::Builder;

/// Runs the body of `main` or of a test on a fresh runtime, and ends as its result says.
///
/// The body's result is turned into an exit code on the worker, so it need not be `Send`.
pub fn run<F, Fut>(builder: Builder, body: F) -> ExitCode
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output: Termination>,
{
    match builder.build() {
        Ok(runtime) => runtime.block_on_with(|| async { body().await.report() }),
        Err(error) => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}
