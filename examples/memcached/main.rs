//! A memcached that real clients use, whose table is sharded over trusts on all workers.
//!
//! ```text
//! cargo run --release --example memcached -- [-l ADDR] [-p PORT] [-s SOCKET] [-t WORKERS]
//!     [-m MEGABYTES] [-I MAX_ITEM] [-c CONNECTIONS] [-v]
//! ```
//!
//! It speaks the text protocol of memcached 1.6 with its meta commands, answer by answer.
//!
//! The way of a request: a [`connection`] reads; the [`protocol`] cuts what was read into pieces,
//! without any I/O; a [`batch`] gathers the pieces by shard and delegates one [`part`] to each; the
//! [`store`] runs it on the shard's worker and writes the answers; back on the connection they are
//! put in order and written together. So a client that sends 48 commands at once costs two reads
//! and writes, and one delegation to each other worker. What asks one shard alone, as a single
//! command does, is answered in place ([`direct`]), by a connection that goes to the shard's worker.
//!
//! Memory: items, with what the table and the allocator add to them, stay within `-m`. There is a
//! shard a worker, unless it would have no room for two of the largest items. Beside them a
//! connection holds 16 KiB to read into, a command that is longer while it comes in, and less
//! than 1 MiB of answers; a client that does not read its answers is not read from.
//! Once all have been answered, the process stays within `-m` and a quarter of it, 96 MiB, and
//! 32 KiB for each connection, holes of the allocator included (`.ci/memcached/crowd.py`).

mod base64;
mod batch;
mod connection;
mod control;
mod direct;
mod listen;
mod options;
mod part;
mod plain;
mod protocol;
mod request;
mod server;
mod statistics;
mod store;
mod totals;

use std::io;
use std::pin::pin;
use std::process::ExitCode;

use futures::future::{maybe_done, select};
use gossamer::signal::{ctrl_c, terminate};

use options::Options;
use server::Server;

fn main() -> ExitCode {
    let options = Options::parse_or_exit();
    give_large_blocks_back();
    // Whoever asks has a core to work on, too; a worker that waits for another gives way to it best
    // asleep, and is then woken on whichever core is free.
    let mut builder = gossamer::Builder::new().idle(gossamer::Idle::Park);
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on_with(|| run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Has the allocator give what is large back to the system as soon as it is free. By default it
/// learns to keep it, and a thousand values of 1 MiB that were on their way stay for ever.
fn give_large_blocks_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: it takes two numbers, and runs before any other thread.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 128 << 10;

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("memcached: {error}");
    ExitCode::FAILURE
}

/// Serves until the process is told to end.
async fn run(options: Options) -> io::Result<()> {
    // As it lives as long as the process, nobody need count who uses it.
    let server: &'static Server = Box::leak(Box::new(Server::new(options)));
    let (interrupted, ended) = (pin!(ctrl_c()), pin!(terminate()));
    let mut signal = pin!(maybe_done(select(interrupted, ended)));
    // Polled first: whoever reads that it listens may send a signal at once.
    let _ = futures::poll!(signal.as_mut());
    let socket = listen::start(server).await?;
    signal.await;
    if let Some(path) = socket {
        let _ = std::fs::remove_file(path); // gone already, then
    }
    Ok(())
}
