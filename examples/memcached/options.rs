//! [`Options`]: memcached's own names.

use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};

/// A memcached whose table is sharded over trusts on all workers.
#[derive(Clone, Debug, Parser)]
#[command(name = "memcached", disable_version_flag = true)]
pub(crate) struct Options {
    /// Addresses to listen on, each with a port or without.
    #[arg(
        short = 'l',
        value_name = "ADDR",
        value_delimiter = ',',
        default_value = "127.0.0.1"
    )]
    pub(crate) addresses: Vec<String>,

    /// TCP port to listen on; 0 for one of the system's choice.
    #[arg(short = 'p', value_name = "PORT", default_value_t = 11211)]
    pub(crate) port: u16,

    /// Unix socket to listen on, instead of TCP.
    #[arg(short = 's', value_name = "SOCKET")]
    pub(crate) socket: Option<PathBuf>,

    /// Workers, each with a shard of the table; by default one a core.
    #[arg(short = 't', value_name = "WORKERS", value_parser = workers)]
    pub(crate) workers: Option<usize>,

    /// Memory for items, in megabytes.
    #[arg(short = 'm', value_name = "MEGABYTES", default_value = "64", value_parser = megabytes)]
    pub(crate) megabytes: usize,

    /// Largest item in bytes, or with k or m behind it: 1k to 1024m.
    #[arg(short = 'I', value_name = "MAX_ITEM", default_value = "1m", value_parser = item_max)]
    pub(crate) item_max: usize,

    /// Connections at the same time; who comes when there are so many is told and sent away.
    #[arg(short = 'c', value_name = "CONNECTIONS", default_value = "1024", value_parser = connections)]
    pub(crate) connections: usize,

    /// Say more on standard error: how connections fail.
    #[arg(short = 'v', action = ArgAction::Count)]
    pub(crate) verbosity: u8,

    /// What holds the table; the others are there to be compared with.
    #[arg(long, value_enum, default_value = "delegated", hide = true)]
    pub(crate) backend: Backend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// A shard a worker, in a trust.
    Delegated,
    /// Shards behind locks.
    Mutex,
    /// A `DashMap`, which evicts nothing and knows `get`, `set` and `delete` only.
    Dashmap,
}

impl Options {
    /// Of the command line; whoever writes nonsense is told so in one line.
    pub(crate) fn parse_or_exit() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            if !error.use_stderr() {
                error.exit(); // help
            }
            let text = error.to_string();
            let line: Vec<_> = text.lines().take_while(|line| !line.is_empty()).collect();
            eprintln!(
                "memcached: {}",
                line.join(" ").trim_start_matches("error: ")
            );
            std::process::exit(2);
        })
    }
}

fn workers(text: &str) -> Result<usize, String> {
    in_range(text, 1, 1024)
}

fn megabytes(text: &str) -> Result<usize, String> {
    in_range(text, 1, 1 << 30)
}

fn connections(text: &str) -> Result<usize, String> {
    in_range(text, 1, 1 << 30)
}

fn item_max(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let bytes = digits.parse::<usize>().ok();
    let bytes = bytes.and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| (1 << 10..=1 << 30).contains(bytes))
        .ok_or_else(|| "a size from 1k to 1024m is needed".to_owned())
}

fn in_range(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("a number from {least} to {most} is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_items() {
        assert_eq!(item_max("1k"), Ok(1 << 10));
        assert_eq!(item_max("2M"), Ok(2 << 20));
        assert_eq!(item_max("5000"), Ok(5000));
        for text in ["", "k", "0", "1023", "1025m", "2g", "-1", "é"] {
            assert!(item_max(text).is_err(), "{text}");
        }
    }

    #[test]
    fn command_lines() {
        let options = Options::try_parse_from(["memcached", "-l", "::1,127.0.0.1:1", "-vv"]);
        let options = options.expect("well-formed");
        assert_eq!(options.addresses, ["::1", "127.0.0.1:1"]);
        assert_eq!(options.verbosity, 2);
        for wrong in [
            ["-m", "0"],
            ["-t", "x"],
            ["-I", "1"],
            ["-p", "65536"],
            ["-c", "0"],
        ] {
            let options = Options::try_parse_from([&["memcached"], &wrong[..]].concat());
            assert!(options.is_err(), "{wrong:?}");
        }
    }
}
