//! The command `gossamer`: starts the nodes of a program, on this host alone or on those of a rack,
//! each of which has a daemon.
//!
//! ```text
//! gossamer run -n 3 --workers 2 -- target/release/program arguments
//! gossamer run --threads 12 -- target/release/program arguments
//! ```
//!
//! Each line that a node says is printed behind its number, as `[1] text`; standard input goes to
//! node 0; `SIGINT`, `SIGTERM` and `SIGHUP` go to all. When a node ends, the others have a grace
//! time of 5 seconds (`GOSSAMER_GRACE`) to end too, and then are ended. No process is left behind,
//! also if this command is killed.

mod client;
mod control;
mod daemon;
mod environment;
mod fabric;
mod guard;
mod key;
mod launch;
mod node;
mod options;
mod output;
mod policy;
mod program;
mod rack;
mod signals;

use std::env;
use std::process::ExitCode;

use crate::client::ClientError;
use crate::options::Action;

/// Runs what the arguments ask for.
fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    match arguments.next() {
        // What this executable does in the processes that it starts.
        Some(word) if word == node::WORD => node::main(arguments),
        Some(word) if word == guard::WORD => guard::main(arguments),
        _ => command(),
    }
}

fn command() -> ExitCode {
    let options = match options::parse(env::args_os()) {
        Ok(options) => options,
        Err(options::Unusable { text, status }) => {
            match status {
                0 => print!("{text}"),
                _ => eprintln!("{text}"),
            }
            return ExitCode::from(status);
        }
    };
    match act(&options) {
        Ok(status) => ExitCode::from(status),
        Err((error, status)) => {
            eprintln!("gossamer: {error}");
            ExitCode::from(status)
        }
    }
}

/// The exit status, or what is wrong and its exit status.
fn act(action: &Action) -> Result<u8, (String, u8)> {
    let of_client = |error: ClientError| (error.to_string(), error.status());
    match action {
        Action::Run(run) if run.nodes.is_some() => {
            launch::run(run).map_err(|error| (error.to_string(), error.status()))
        }
        Action::Run(run) => client::run::run(run).map_err(of_client),
        Action::Fabric(options) => {
            fabric::run(options);
            Ok(0)
        }
        Action::Keygen(keygen) => client::keygen(keygen).map_err(of_client),
        Action::Daemon(daemon) => {
            daemon::run(daemon).map_err(|error| (error.to_string(), error.status()))
        }
        Action::Nodes(list) => client::nodes::run(list).map_err(of_client),
        Action::Ps(ps) => client::ps::run(ps).map_err(of_client),
        Action::Logs(logs) => client::logs::run(logs).map_err(of_client),
        Action::Kill(kill) => client::kill::run(kill).map_err(of_client),
        Action::Stats(stats) => client::stats::run(stats).map_err(of_client),
    }
}
