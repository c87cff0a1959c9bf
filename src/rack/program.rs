//! What a program knows of the rack that runs it, as the daemon of its host says.

use std::env;
use std::net::IpAddr;

/// A host of the rack that a program runs on.
///
/// ```
/// for host in gossamer::rack::hosts() {
///     println!("{} at {}", host.name(), host.address());
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: String,
    address: IpAddr,
}

impl Host {
    /// What the rack calls it.
    ///
    /// See the example of the [type](Self).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where other hosts reach it.
    ///
    /// See the example of the [type](Self).
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

/// The id of this program on its rack, by which `gossamer ps` lists it; `None` if no daemon has
/// started it.
///
/// ```
/// assert_eq!(gossamer::rack::id(), None); // started plainly
/// ```
pub fn id() -> Option<String> {
    env::var(ID).ok()
}

/// The hosts of the nodes of this program, node by node; none if no daemon has started it.
///
/// ```
/// assert!(gossamer::rack::hosts().is_empty()); // started plainly
/// ```
pub fn hosts() -> Vec<Host> {
    parse(&env::var(HOSTS).unwrap_or_default())
}

fn parse(text: &str) -> Vec<Host> {
    let host = |word: &str| {
        let (name, address) = word.split_once('=')?;
        let (name, address) = (name.to_owned(), address.parse().ok()?);
        Some(Host { name, address })
    };
    text.split(',').filter_map(host).collect()
}

const ID: &str = "GOSSAMER_PROGRAM";
const HOSTS: &str = "GOSSAMER_HOSTS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_all_nodes() {
        let hosts = parse("a=10.0.0.1,b-2=::1");
        assert_eq!(hosts[0].name(), "a");
        assert_eq!(hosts[1].address(), "::1".parse::<IpAddr>().expect("one"));
        assert_eq!(hosts.len(), 2);
        for nothing in ["", "a", "a=b", ","] {
            assert_eq!(parse(nothing), []);
        }
    }
}
