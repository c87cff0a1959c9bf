//! What holds in every world, and what holds when nothing is left to happen.

use super::failure::Failure;
use super::net::Load;
use super::world::World;
use crate::rack::refs::Key;

impl World {
    /// No property is gone under a handle, or under a message that can still be taken in.
    pub(super) fn judge(&self) -> Result<(), Failure> {
        for (property, &key) in self.keys.iter().enumerate() {
            if !self.is_sound(self.owners[property]) {
                continue;
            }
            let is_there = self.is_there(property);
            for (node, refs) in self.alive().filter(|&(node, _)| self.is_sound(node)) {
                if self.hands[node][property] > 0 {
                    self.judge_hand(node, property, is_there)?;
                }
                let mut inbound = refs.inbound.values();
                let waits = inbound.any(|it| it.handles.contains(&key) && !it.gone.contains(&key));
                if waits && !is_there {
                    return Err(Failure::WildMessage { to: node, property });
                }
            }
            if !is_there {
                self.judge_net(property, key)?;
            }
        }
        Ok(())
    }

    fn judge_hand(&self, node: usize, property: usize, is_there: bool) -> Result<(), Failure> {
        if !is_there {
            return Err(Failure::WildHandle { node, property });
        }
        let owner = self.owners[property];
        let is_whole = self.without.is_none();
        if is_whole && node != owner && self.grants(property, node) == 0 {
            return Err(Failure::NoHolder { node, property });
        }
        Ok(())
    }

    fn judge_net(&self, property: usize, key: Key) -> Result<(), Failure> {
        for packet in self.net.packets() {
            let Load::Message(header) = &packet.load else {
                continue;
            };
            let to = packet.to;
            let is_open = |to| {
                let refs = self.refs(to);
                refs.is_some_and(|refs| refs.is_open(self.names[packet.from]))
            };
            if header.handles.contains(&key) && self.is_sound(to) && is_open(to) {
                return Err(Failure::WildMessage { to, property });
            }
        }
        Ok(())
    }

    /// Whether nothing happens any more unless somebody does something.
    pub(super) fn is_quiet(&self) -> bool {
        let mut steps = Vec::new();
        self.steps_of_protocol(&mut steps);
        steps.is_empty()
    }

    /// In a quiet world: what has no handle was let go once, what has one is there, and nothing
    /// is remembered of what is over.
    pub(super) fn judge_quiet(&self) -> Result<(), Failure> {
        for (node, refs) in self.alive() {
            if refs.waiting() != (0, 0) {
                return Err(Failure::Stuck { node });
            }
            for other in self.others(node) {
                let name = self.names[other];
                let is_alive = self.is_alive(other);
                if is_alive && !refs.peers.is_live(name) {
                    return Err(Failure::NotFenced { node: other });
                }
                let is_whole = self.without.is_none();
                if is_whole && !is_alive && !refs.peers.is_forgotten(name) {
                    return Err(Failure::Remembered { node, dead: other });
                }
            }
            self.judge_counts(node)?;
        }
        let owners = self.owners.iter().enumerate();
        for (property, _) in owners.filter(|&(_, &owner)| self.is_alive(owner)) {
            self.judge_end(property)?;
        }
        Ok(())
    }

    /// A node has the handles that its user has, and holds nothing else.
    fn judge_counts(&self, node: usize) -> Result<(), Failure> {
        let refs = self.refs(node).expect("it is alive");
        let mut held = 0;
        for (property, &key) in self.keys.iter().enumerate() {
            let hands = u64::from(self.hands[node][property]);
            let counted = if self.owners[property] == node {
                let export = refs.exports.find(key.place);
                export.map_or(0, |export| export.handles)
            } else {
                held += usize::from(hands > 0);
                refs.held.get(&key).map_or(0, |held| held.handles)
            };
            if counted != hands {
                return Err(Failure::Miscounted { node });
            }
        }
        if refs.holding() == held {
            Ok(())
        } else {
            Err(Failure::Miscounted { node })
        }
    }

    fn judge_end(&self, property: usize) -> Result<(), Failure> {
        let owner = self.owners[property];
        let has = |node: usize| self.hands[node][property] > 0;
        let is_held = (0..self.names.len()).any(has);
        let is_there = self.is_there(property);
        match (is_held, is_there && !self.is_freed[property]) {
            (true, false) => return Err(Failure::Freed { property }),
            (false, true) => return Err(Failure::Leaked { property }),
            // Neither there nor freed: lost.
            (false, false) if !self.is_freed[property] => return Err(Failure::Leaked { property }),
            _ => {}
        }
        if self.without.is_some() {
            return Ok(());
        }
        let is_holder = |node| self.grants(property, node) > 0;
        match self
            .others(owner)
            .find(|&node| is_holder(node) != has(node))
        {
            Some(node) => Err(Failure::NoHolder { node, property }),
            None => Ok(()),
        }
    }

    /// Whether the owner has it under its name.
    fn is_there(&self, property: usize) -> bool {
        let refs = self.refs(self.owners[property]);
        let place = self.keys[property].place;
        refs.is_some_and(|refs| refs.find(place) == Ok(&property))
    }

    fn grants(&self, property: usize, node: usize) -> u64 {
        let refs = self.refs(self.owners[property]);
        let export = refs.and_then(|refs| refs.exports.find(self.keys[property].place).ok());
        export.map_or(0, |export| export.holders.grants(self.names[node]))
    }
}
