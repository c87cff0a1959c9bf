//! What the macros expand to; no part of the public interface.

use std::future::Future;
use std::process::{ExitCode, Termination};

use crate::builder::Builder;
use crate::rack::{End, Identity};
use crate::stderr::say;

/// Runs the body of `main`: on node 0 of the rack that the environment speaks of. Other nodes serve.
pub fn run_main<F, Fut>(builder: Builder, body: F) -> ExitCode
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output: Termination>,
{
    let identity = match Identity::from_env() {
        Ok(identity) => identity,
        Err(error) => return fail(&error),
    };
    let leads = identity.node() == 0;
    let runtime = match builder.rack(identity).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    if !leads {
        // The status of the program is node 0's to say: who has served it to its end has not failed.
        return match runtime.serve_to_the_end() {
            End::Told(_) => ExitCode::SUCCESS,
            End::CutOff => ExitCode::FAILURE,
        };
    }
    let code = runtime.block_on_with(|| async { body().await.report() });
    runtime.end_rack(i32::from(code != ExitCode::SUCCESS));
    code
}

/// Runs the body of a test on a fresh runtime, and ends as its result says.
///
/// The body's result is turned into an exit code on the worker, so it need not be `Send`.
pub fn run<F, Fut>(builder: Builder, body: F) -> ExitCode
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output: Termination>,
{
    match builder.build() {
        Ok(runtime) => runtime.block_on_with(|| async { body().await.report() }),
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    say(format_args!("error: {text}"));
    ExitCode::FAILURE
}
