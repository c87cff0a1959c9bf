//! The options of the command, and what is said when they cannot be used.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

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
    /// Starts the nodes of a program: on this host, or on those of the rack.
    Run(Run),
    /// Makes the key of a rack.
    Keygen(Keygen),
    /// Makes this machine a host of a rack.
    Daemon(Daemon),
    /// Lists the hosts of the rack.
    Nodes(List),
    /// Lists the programs that run on the rack.
    Ps(Ps),
    /// Shows what the nodes of a program have said.
    Logs(Logs),
    /// Ends a program, or sends a signal to its nodes.
    Kill(Kill),
    /// Shows what the nodes of a program do.
    Stats(Stats),
    /// Shows by what this host can reach others, and why not by the rest.
    Fabric(FabricOptions),
}

/// How a rack is to be run.
#[derive(Debug, Args)]
#[command(after_help = STATUSES)]
pub(crate) struct Run {
    /// Starts so many nodes on this host, 1 to 1024, without any daemon: each is a process.
    #[arg(short = 'n', value_name = "NODES", value_parser = number)]
    #[arg(conflicts_with_all = ["threads", "hosts", "detach", "set"])]
    pub(crate) nodes: Option<u32>,
    /// How many threads the program has on all hosts together; by default one for each core.
    #[arg(long, value_name = "THREADS", value_parser = number)]
    pub(crate) threads: Option<u32>,
    /// On which hosts of the rack; by default on all that can be reached.
    #[arg(long, value_name = "HOST,HOST", value_delimiter = ',')]
    pub(crate) hosts: Vec<String>,
    /// Prints the id of the program, and leaves it running.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Sets an environment variable of the nodes.
    #[arg(long = "env", id = "set", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) environment: Vec<(String, String)>,
    /// How many workers each node has, 1 to 1024; by default one for each core.
    #[arg(long, value_name = "WORKERS", value_parser = number, requires = "nodes")]
    pub(crate) workers: Option<u32>,
    /// By what the nodes reach each other.
    #[arg(long, value_name = "FABRIC", default_value = "auto")]
    pub(crate) fabric: Fabric,
    /// What happens when a node is lost: the rack ends, or the others go on.
    #[arg(long, value_name = "WHAT", default_value = "abort")]
    pub(crate) on_node_loss: OnNodeLoss,
    #[command(flatten)]
    pub(crate) rack: Rack,
    /// The program, the same on each node, and its arguments.
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// Which rack.
#[derive(Debug, Args)]
pub(crate) struct Rack {
    /// The key of the rack; by default that of GOSSAMER_KEY_FILE or ~/.config/gossamer/key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// A daemon of the rack; by default that of this host.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) daemon: Option<String>,
}

/// How the key of a rack is to be made.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// The file, which must not exist; by default where the other commands look for it.
    pub(crate) file: Option<PathBuf>,
}

/// What a daemon is to be.
#[derive(Debug, Args)]
#[command(after_help = STATUSES)]
pub(crate) struct Daemon {
    /// The file that lists the hosts of the rack.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Another host of the rack, which knows the rest.
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "config")]
    pub(crate) join: Option<String>,
    /// Where this host is reached; by default as the file says, or as it reaches the one it joins.
    #[arg(long, value_name = "IP[:PORT]")]
    pub(crate) listen: Option<String>,
    /// What this host is called; by default as the system calls it.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How many threads of programs it takes; by default one for each core.
    #[arg(long, value_name = "CORES", value_parser = number)]
    pub(crate) cores: Option<u32>,
    /// How many bytes of executables are kept.
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    pub(crate) cache_bytes: u64,
    /// For how many seconds nothing may be heard of a host before it is taken for lost; 5.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) silence: Option<f64>,
    /// The key of the rack; by default that of GOSSAMER_KEY_FILE or ~/.config/gossamer/key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// How hosts are to be listed.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// For programs.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rack: Rack,
}

/// Which programs are to be listed.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Also those that have ended.
    #[arg(long, short)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) list: List,
}

/// What is to be shown of what nodes have said.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The program, as `gossamer ps` lists it.
    pub(crate) id: String,
    /// Goes on until the program ends.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Of one node.
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<u32>,
    #[command(flatten)]
    pub(crate) list: List,
}

/// What is to be ended.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The program, as `gossamer ps` lists it.
    pub(crate) id: String,
    /// Sends this signal, like TERM or 15, and nothing else; by default the program is ended.
    #[arg(long, short, value_name = "SIGNAL", value_parser = signal)]
    pub(crate) signal: Option<i32>,
    #[command(flatten)]
    pub(crate) list: List,
}

/// Whose figures are to be shown.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// The program, as `gossamer ps` lists it.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) list: List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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
    let arguments: Vec<_> = arguments.into_iter().collect();
    match Command::try_parse_from(&arguments) {
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
                text: in_one_line(&error.to_string(), &subcommand(&arguments)),
                status: STATUS_USAGE,
            },
        }),
    }
}

/// What is wrong, without the usage that follows.
fn in_one_line(text: &str, subcommand: &str) -> String {
    let lines = text.lines().map(str::trim);
    let said: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let said = said.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    format!("gossamer: {said}; see `gossamer{subcommand} --help`")
}

/// The subcommand whose help says more, if it is one.
fn subcommand(arguments: &[OsString]) -> String {
    let word = arguments.get(1).and_then(|word| word.to_str());
    let word = word.filter(|word| Command::command().find_subcommand(word).is_some());
    word.map_or_else(String::new, |word| format!(" {word}"))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    if name.is_empty() || text.contains('\0') {
        return Err("must be NAME=VALUE".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn signal(text: &str) -> Result<i32, String> {
    let is_one = |signal: &i32| rustix::process::Signal::from_named_raw(*signal).is_some();
    if let Some(signal) = text.parse().ok().filter(is_one) {
        return Ok(signal);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let is_named = |signal: &i32| {
        let known = signal_hook::low_level::signal_name(*signal);
        known.and_then(|known| known.strip_prefix("SIG")) == Some(name)
    };
    let found = (1..32).filter(is_one).find(is_named);
    found.ok_or_else(|| "must be a signal, like TERM or 15".to_owned())
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
Exit status of `run`:
  that of node 0, or 128 and the number of the signal that ended it. If node 0 ended only because
  it had lost another: of the node that failed, or 69 if that was lost with its host; or, if the
  user has ended them by a signal or `gossamer kill`, 128 and the number of the signal, 143 if none
  was named. 126: the program cannot be executed. 127: there is no such program.
Exit status of all commands:
  2: the options, the key or the settings cannot be used. 3: there is no such program, node or
  host. 4: a daemon cannot be reached. 125: what was asked for cannot be done, or not be started.

Environment:
  GOSSAMER_GRACE     how many seconds nodes have to end when another has ended, and as many
                     again when they were told to; by default 5
  GOSSAMER_KEY_FILE  the file of the rack's key; by default ~/.config/gossamer/key
  GOSSAMER_STATE     the folder of this host's daemon; by default ~/.local/state/gossamer";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (text, number) in [("TERM", 15), ("sigkill", 9), ("1", 1), ("USR1", 10)] {
            assert_eq!(signal(text), Ok(number));
        }
        for text in ["", "0", "99", "-9", "TER", "SIG"] {
            assert!(signal(text).is_err(), "{text}");
        }
    }

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
            panic!("it can be run");
        };
        assert_eq!((run.nodes, run.workers), (Some(3), Some(2)));
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
                &["run", "-n", "2", "--detach", "--", "a"],
                "gossamer: the argument '-n <NODES>' cannot be used with '--detach'; see `gossamer \
                 run --help`",
            ),
            (
                &["run", "--workers", "2", "--", "a"],
                "gossamer: the following required arguments were not provided: -n <NODES>; see",
            ),
            (
                &["run", "--env", "A", "--", "a"],
                "gossamer: invalid value 'A' for '--env <NAME=VALUE>': must be NAME=VALUE; see",
            ),
            (
                &["kill", "a-1", "-s", "NONE"],
                "gossamer: invalid value 'NONE' for '--signal <SIGNAL>': must be a signal, like \
                 TERM or 15; see `gossamer kill --help`",
            ),
            (
                &["logs"],
                "gossamer: the following required arguments were not provided: <ID>; see `gossamer \
                 logs --help`",
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
