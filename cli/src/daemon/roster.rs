//! Which hosts there are, as this one knows them. No I/O.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::control::message::{Card, Facts, HostState};

/// The other hosts, by name.
#[derive(Debug)]
pub(crate) struct Roster {
    me: Card,
    hosts: BTreeMap<String, Host>,
}

#[derive(Debug)]
struct Host {
    address: SocketAddr,
    /// Of the daemon that was there last.
    incarnation: Option<u64>,
    state: Result<Facts, String>,
}

/// What is known of a host now that was not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// Nothing.
    Old,
    /// It is to be watched.
    New,
    /// Another host has its name and lives.
    Taken(SocketAddr),
}

impl Roster {
    pub(crate) fn new(me: Card) -> Self {
        Self {
            me,
            hosts: BTreeMap::new(),
        }
    }

    /// There is such a host, or is to be.
    pub(crate) fn handle_host(&mut self, name: &str, address: SocketAddr) -> Learned {
        if name == self.me.name {
            return match address == self.me.address {
                true => Learned::Old,
                false => Learned::Taken(self.me.address),
            };
        }
        if let Some(host) = self.hosts.get_mut(name) {
            if host.address == address {
                return Learned::Old;
            }
            if host.state.is_ok() {
                return Learned::Taken(host.address);
            }
            // It has moved; whoever watches it looks there from now on.
            host.address = address;
            return Learned::Old;
        }
        if self.hosts.len() >= HOSTS_MAX {
            return Learned::Old;
        }
        let host = Host {
            address,
            incarnation: None,
            state: Err("it was not reached yet".to_owned()),
        };
        self.hosts.insert(name.to_owned(), host);
        Learned::New
    }

    /// A host has said what it has.
    pub(crate) fn handle_facts(&mut self, card: &Card, facts: Facts) {
        if let Some(host) = self.hosts.get_mut(&card.name) {
            host.incarnation = Some(card.incarnation);
            host.state = Ok(facts);
        }
    }

    /// A host cannot be reached. Returns whether it could before.
    pub(crate) fn handle_loss(&mut self, name: &str, cause: String) -> bool {
        let Some(host) = self.hosts.get_mut(name) else {
            return false;
        };
        std::mem::replace(&mut host.state, Err(cause)).is_ok()
    }

    pub(crate) fn address_of(&self, name: &str) -> Option<SocketAddr> {
        self.hosts.get(name).map(|host| host.address)
    }

    /// What others may learn from this one.
    pub(crate) fn known(&self) -> Vec<Card> {
        let known = self.hosts.iter().filter_map(|(name, host)| {
            Some(Card {
                name: name.clone(),
                address: host.address,
                incarnation: host.incarnation?,
            })
        });
        known.collect()
    }

    /// All hosts, this one first, which has these.
    pub(crate) fn states(&self, mine: Facts) -> Vec<HostState> {
        let me = HostState {
            name: self.me.name.clone(),
            address: self.me.address,
            state: Ok(mine),
        };
        let others = self.hosts.iter().map(|(name, host)| HostState {
            name: name.clone(),
            address: host.address,
            state: host.state.clone(),
        });
        std::iter::once(me).chain(others).collect()
    }
}

/// As many as a rack has nodes.
const HOSTS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn card(name: &str, last: u8) -> Card {
        Card {
            name: name.to_owned(),
            address: (Ipv4Addr::new(10, 0, 0, last), 7410).into(),
            incarnation: last.into(),
        }
    }

    fn facts() -> Facts {
        Facts {
            cores: 2,
            memory_bytes: 0,
            memory_free_bytes: 0,
            load: 0.0,
            fabrics: Vec::new(),
            architecture: String::new(),
            nodes: 0,
            refused: 0,
            cache_bytes: 0,
        }
    }

    #[test]
    fn hosts_come_go_and_move() {
        let mut roster = Roster::new(card("a", 1));
        let (b, moved) = (card("b", 2), card("b", 3));
        assert_eq!(roster.handle_host("b", b.address), Learned::New);
        assert_eq!(roster.handle_host("b", b.address), Learned::Old);
        assert_eq!(roster.known(), [], "nobody has seen it yet");
        roster.handle_facts(&b, facts());
        assert_eq!(roster.known(), std::slice::from_ref(&b));
        let taken = roster.handle_host("b", moved.address);
        assert_eq!(taken, Learned::Taken(b.address));
        assert!(roster.handle_loss("b", "cut".to_owned()));
        assert!(!roster.handle_loss("b", "still cut".to_owned()));
        assert_eq!(roster.states(facts())[1].state, Err("still cut".to_owned()));
        assert_eq!(roster.handle_host("b", moved.address), Learned::Old);
        assert_eq!(roster.address_of("b"), Some(moved.address));
    }

    #[test]
    fn my_own_name() {
        let mut roster = Roster::new(card("a", 1));
        assert_eq!(roster.handle_host("a", card("a", 1).address), Learned::Old);
        let other = roster.handle_host("a", card("a", 2).address);
        assert_eq!(other, Learned::Taken(card("a", 1).address));
        assert_eq!(roster.states(facts()).len(), 1);
    }

    #[test]
    fn bounded() {
        let mut roster = Roster::new(card("a", 1));
        for number in 0..5000 {
            roster.handle_host(&format!("h{number}"), card("", 9).address);
        }
        assert_eq!(roster.states(facts()).len(), HOSTS_MAX + 1);
    }
}
