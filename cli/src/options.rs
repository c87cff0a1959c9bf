//! The options of the command, and what is said when they cannot be used.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::fabric::FabricOptions;

/// Shares state by delegation, on one machine or a rack.
#[derive(Debug, Parser)]
#[command(name = "gossamer", version, after_help = STATUSES)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Starts the nodes of a rack on this host.
    Run(Run),
    /// Shows by what this host can reach others, and why not by the rest.
    Fabric(FabricOptions),
}

/// How a rack is to be run.
#[derive(Debug, Args)]
#[command(after_help = STATUSES)]
pub(crate) struct Run {
    /// How many nodes the rack has, 1 to 1024: each is a process.
    #[arg(short = 'n', value_name = "NODES", value_parser = number)]
    pub(crate) nodes: u32,
    /// How many workers each node has, 1 to 1024; by default one for each core.
    #[arg(long, value_name = "WORKERS", value_parser = number)]
    pub(crate) workers: Option<u32>,
    /// By what the nodes reach each other.
    #[arg(long, value_name = "FABRIC", default_value = "auto")]
    pub(crate) fabric: Fabric,
    /// What happens when a node is lost: the rack ends, or the others go on.
    #[arg(long, value_name = "WHAT", default_value = "abort")]
    pub(crate) on_node_loss: OnNodeLoss,
    /// The program, the same on each node, and its arguments.
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fabric {
    /// Shared memory between the nodes of a host; between hosts RDMA, or TCP.
    Auto,
    /// Shared memory.
    Shm,
    /// TCP.
    Tcp,
    /// RDMA; the program must have it built in.
    Rdma,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnNodeLoss {
    /// The rack ends.
    Abort,
    /// The others go on, unless it was node 0.
    Survive,
}

/// What is to be said instead of running anything.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) text: String,
    /// 0: it was asked for.
    pub(crate) status: u8,
}

pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Action, Unusable> {
    match Command::try_parse_from(arguments) {
        Ok(Command { action }) => Ok(action),
        Err(error) => Err(match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Unusable {
                text: error.to_string(),
                status: 0,
            },
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Unusable {
                text: error.to_string(),
                status: STATUS_USAGE,
            },
            _ => Unusable {
                text: in_one_line(&error.to_string()),
                status: STATUS_USAGE,
            },
        }),
    }
}

/// What is wrong, without the usage that follows.
fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let said: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let said = said.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    format!("gossamer: {said}; see `gossamer run --help`")
}

fn number(text: &str) -> Result<u32, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=NUMBER_MAX).contains(number))
        .ok_or_else(|| format!("must be from 1 to {NUMBER_MAX}"))
}

impl Fabric {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Shm => "shm",
            Self::Tcp => "tcp",
            Self::Rdma => "rdma",
        }
    }
}

impl OnNodeLoss {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Survive => "survive",
        }
    }
}

/// The most nodes of a rack, and the most workers of a node.
const NUMBER_MAX: u32 = 1024;

/// Options that cannot be used.
const STATUS_USAGE: u8 = 2;

const STATUSES: &str = "\
Exit status:
  that of node 0, or 128 and the number of the signal that ended it. If the rack was ended because
  another node failed, and node 0 did not fail by itself, that of the node that failed.
  2: the options cannot be used. 125: the nodes cannot be started. 126: the program cannot be
  executed. 127: there is no such program.

Environment:
  GOSSAMER_GRACE  how many seconds nodes have to end when another has ended; by default 5";

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let all = ["gossamer"].iter().chain(arguments);
        let unusable = parse(all.map(OsString::from)).expect_err("refused");
        assert_eq!(unusable.status, STATUS_USAGE);
        unusable.text
    }

    #[test]
    fn all_options() {
        let all = "gossamer run -n 3 --workers 2 --fabric shm --on-node-loss survive -- a -n b";
        let Ok(Action::Run(run)) = parse(all.split(' ').map(OsString::from)) else {
            panic!("it is to run");
        };
        assert_eq!((run.nodes, run.workers), (3, Some(2)));
        assert_eq!(run.fabric.word(), "shm");
        assert_eq!(run.on_node_loss.word(), "survive");
        assert_eq!(run.program, ["a", "-n", "b"]);
    }

    #[test]
    fn bad_options_are_named_in_one_line() {
        for (arguments, says) in [
            (
                &["run", "-n", "0", "--", "a"][..],
                "gossamer: invalid value '0' for '-n <NODES>': must be from 1 to 1024; see \
                 `gossamer run --help`",
            ),
            (
                &["run", "-n", "many", "--", "a"],
                "gossamer: invalid value 'many' for '-n <NODES>': must be from 1 to 1024",
            ),
            (
                &["run", "-n", "1025", "--", "a"],
                "gossamer: invalid value '1025' for '-n <NODES>': must be from 1 to 1024",
            ),
            (
                &["run", "-n", "2", "--workers", "0", "--", "a"],
                "gossamer: invalid value '0' for '--workers <WORKERS>': must be from 1 to 1024",
            ),
            (
                &["run", "-n", "2", "--fabric", "udp", "--", "a"],
                "gossamer: invalid value 'udp' for '--fabric <FABRIC>' [possible values: auto, \
                 shm, tcp, rdma]; see",
            ),
            (
                &["run", "-n", "2", "--on-node-loss", "panic", "--", "a"],
                "gossamer: invalid value 'panic' for '--on-node-loss <WHAT>' [possible values: \
                 abort, survive]",
            ),
            (
                &["run", "--", "a"],
                "gossamer: the following required arguments were not provided: -n <NODES>; see",
            ),
            (
                &["run", "-n", "2"],
                "gossamer: the following required arguments were not provided: <PROGRAM>...",
            ),
            (
                &["run", "-n", "2", "a"],
                "gossamer: unexpected argument 'a' found",
            ),
            (&["walk"], "gossamer: unrecognized subcommand 'walk'"),
        ] {
            let text = refusal(arguments);
            assert!(text.starts_with(says), "{arguments:?}: {text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
