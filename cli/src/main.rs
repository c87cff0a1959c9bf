//! The command `gossamer`: starts the nodes of a rack on this host.
//!
//! ```text
//! gossamer run -n 3 --workers 2 -- target/release/program arguments
//! ```
//!
//! Each line that a node says is printed behind its number, as `[1] text`; standard input goes to
//! node 0; `SIGINT`, `SIGTERM` and `SIGHUP` go to all. When a node ends, the others have a grace
//! time of 5 seconds (`GOSSAMER_GRACE`) to end too, and then are ended. No process is left behind,
//! also if this command is killed.

mod environment;
mod fabric;
mod guard;
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

/// Runs what the arguments ask for.
fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    match arguments.next() {
        // What this executable does in the processes that it starts.
        Some(word) if word == node::WORD => node::main(arguments),
        Some(word) if word == guard::WORD => guard::main(),
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
    let run = match options {
        options::Action::Run(run) => run,
        options::Action::Fabric(options) => {
            fabric::run(&options);
            return ExitCode::SUCCESS;
        }
    };
    match launch::run(&run) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("gossamer: {error}");
            ExitCode::from(error.status())
        }
    }
}
