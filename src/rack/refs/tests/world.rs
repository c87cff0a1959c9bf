//! Nodes, what is on its way between them, and what their users have: the oracle of the tests.

use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::failure::Failure;
use super::net::{Load, Net, Packet};
use super::rules::Rule;
use super::scope::{Budget, Scope};
use super::step::Step;
use crate::rack::refs::{Action, Control, Event, Handle, Key, Node, Refs};

/// What an owner keeps of a property: its number, by which the tests know it.
pub(super) type Property = usize;

#[derive(Clone)]
pub(super) struct World {
    pub(super) names: Rc<[Node]>,
    /// `None` is a process that has ended.
    nodes: Vec<Option<Rc<Hashed>>>,
    pub(super) net: Net,
    /// By node and property, how many handles its user has.
    pub(super) hands: Vec<Vec<u8>>,
    /// By property.
    pub(super) keys: Rc<Vec<Key>>,
    pub(super) owners: Rc<Vec<usize>>,
    pub(super) is_freed: Vec<bool>,
    /// Nodes that somebody has held dead.
    pub(super) is_declared: Vec<bool>,
    pub(super) left: Budget,
    /// The steps of the protocol that led here, a bit for each.
    pub(super) reached: u64,
    pub(super) without: Option<Rule>,
}

/// The references of a node, hashed once for all worlds that have them.
struct Hashed {
    refs: Refs<Property>,
    hash: u64,
}

impl World {
    /// Each property with a handle on its owner.
    pub(super) fn new(scope: &Scope) -> Self {
        let name = |number| Node {
            number,
            incarnation: 1,
        };
        let names: Rc<[Node]> = (0..scope.nodes as u32).map(name).collect();
        let refs = names
            .iter()
            .map(|&name| Refs::new(name, names.iter().copied()));
        let mut world = Self {
            nodes: refs.map(|refs| Some(Hashed::new(refs))).collect(),
            names,
            net: Net::default(),
            hands: vec![Vec::new(); scope.nodes],
            keys: Rc::default(),
            owners: Rc::default(),
            is_freed: Vec::new(),
            is_declared: vec![false; scope.nodes],
            left: scope.budget,
            reached: 0,
            without: scope.without,
        };
        for &owner in scope.owners {
            world.export(owner);
        }
        world
    }

    /// What tells this world from others of its scope.
    pub(super) fn hash(&self) -> u64 {
        let nodes: Vec<Option<u64>> = self.nodes.iter().map(Hashed::of).collect();
        FixedState::default().hash_one((
            nodes,
            (&self.net, &self.hands, &self.keys),
            (&self.is_freed, &self.is_declared, &self.left),
        ))
    }

    pub(super) fn refs(&self, node: usize) -> Option<&Refs<Property>> {
        self.nodes[node].as_ref().map(|hashed| &hashed.refs)
    }

    pub(super) fn is_alive(&self, node: usize) -> bool {
        self.nodes[node].is_some()
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = (usize, &Refs<Property>)> {
        (0..self.nodes.len()).filter_map(|node| Some((node, self.refs(node)?)))
    }

    pub(super) fn others(&self, node: usize) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(move |&other| other != node)
    }

    pub(super) fn number(&self, name: Node) -> usize {
        name.number as usize
    }

    pub(super) fn property(&self, key: Key) -> usize {
        let named = self.keys.iter().position(|&named| named == key);
        named.expect("only exported properties are spoken of")
    }

    pub(super) fn can_be_unsent(&self, packet: usize) -> bool {
        let packet = &self.net.packets()[packet];
        matches!(packet.load, Load::Message(_)) && self.is_alive(packet.from)
    }

    /// Lets one thing happen.
    pub(super) fn take(&mut self, step: &Step) -> Result<(), Failure> {
        match *step {
            Step::Send {
                from,
                to,
                ref properties,
            } => {
                self.left.sends -= 1;
                self.send(from, to, properties)
            }
            Step::Clone { node, property } => {
                self.left.clones -= 1;
                self.hands[node][property] += 1;
                self.handle(node, Event::Cloned(self.keys[property]))
            }
            Step::Drop { node, property } => {
                self.hands[node][property] -= 1;
                self.handle(node, Event::Dropped(self.keys[property]))
            }
            Step::Export { node } => {
                self.left.exports -= 1;
                self.export(node);
                Ok(())
            }
            Step::Receive { packet } => {
                let packet = self.net.take(packet);
                self.receive(packet)
            }
            Step::Unsend { packet } => {
                self.left.unsent -= 1;
                let Packet { from, to, load } = self.net.take(packet);
                let Load::Message(header) = load else {
                    return Ok(());
                };
                let to = self.names[to];
                self.handle(from, Event::Unsent { to, header })
            }
            Step::Crash { node } => {
                self.left.deaths -= 1;
                self.end(node);
                Ok(())
            }
            Step::Mistake { by, node } => {
                self.left.deaths -= 1;
                self.left.mistakes -= 1;
                self.handle(by, Event::Died(self.names[node]))
            }
            Step::Notice { by, node } => self.handle(by, Event::Died(self.names[node])),
            Step::Drain { by, node } => {
                self.net
                    .remove_if(|packet| packet.from == node && packet.to == by);
                let dead = self.names[node];
                self.handle(by, Event::Drained(dead))?;
                if self.without == Some(Rule::SurvivorsRegisterBeforeTheySettle) {
                    self.tell_settled(by, dead);
                }
                Ok(())
            }
        }
    }

    fn export(&mut self, owner: usize) {
        let property = self.keys.len();
        let key = self.change(owner, |refs| refs.export(property));
        Rc::make_mut(&mut self.keys).push(key.expect("few properties"));
        Rc::make_mut(&mut self.owners).push(owner);
        self.is_freed.push(false);
        for (node, hands) in self.hands.iter_mut().enumerate() {
            hands.push(u8::from(node == owner));
        }
    }

    fn send(&mut self, from: usize, to: usize, properties: &[usize]) -> Result<(), Failure> {
        let handles = properties.iter().map(|&property| self.keys[property]);
        let handles: Vec<Key> = handles.collect();
        let name = self.names[to];
        let header = self.change(from, |refs| refs.send(name, handles));
        let header = header.expect("the sender has the handles, and holds the receiver alive");
        let load = Load::Message(header.clone());
        if self.is_alive(to) || self.left.unsent > 0 {
            self.net.put(Packet { from, to, load });
        }
        self.break_after_send(from, to, header)
    }

    fn receive(&mut self, packet: Packet) -> Result<(), Failure> {
        let Packet { from, to, load } = packet;
        let Some(refs) = self.refs(to) else {
            return Ok(());
        };
        let name = self.names[from];
        let is_open = refs.is_open(name);
        let event = match load {
            Load::Message(header) => Event::Arrived { from: name, header },
            Load::Control(mut control) => {
                self.break_release(refs, name, &mut control);
                let from = name;
                Event::Control { from, control }
            }
        };
        if !is_open && self.without == Some(Rule::DeadAreRefused) {
            return self.take_in_from_the_dead(to, name, event);
        }
        self.handle(to, event)
    }

    /// Lets a node take in an event, and carries out what it says.
    pub(super) fn handle(&mut self, node: usize, event: Event) -> Result<(), Failure> {
        let mut actions = Vec::new();
        self.reached |= 1 << event.step() as u32;
        self.change(node, |refs| refs.handle(event, &mut actions));
        for action in actions {
            self.reached |= 1 << action.step() as u32;
            self.carry_out(node, action)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, node: usize, action: Action<Property>) -> Result<(), Failure> {
        match action {
            Action::Send { to, control } => self.send_control(node, self.number(to), control),
            Action::Deliver { handles, .. } => self.deliver(node, &handles),
            Action::Free { key, property } => {
                if self.is_freed[property] || self.keys[property] != key {
                    return Err(Failure::FreedTwice { property });
                }
                self.is_freed[property] = true;
                Ok(())
            }
            Action::Lost(key) => {
                let property = self.property(key);
                self.hands[node][property] = 0;
                Ok(())
            }
            Action::Drain(dead) => {
                let number = self.number(dead);
                self.is_declared[number] = true;
                self.break_at_death(node, dead)
            }
            // Without a rule, only what comes of it in the end counts.
            Action::Reject { .. } if self.without.is_some() => Ok(()),
            Action::Reject {
                node: peer,
                violation,
            } => Err(Failure::Rejected {
                node,
                peer: self.number(peer),
                violation,
            }),
            Action::End => {
                self.end(node);
                Ok(())
            }
        }
    }

    fn send_control(&mut self, from: usize, to: usize, control: Control) -> Result<(), Failure> {
        if self.is_alive(to) && !self.is_swallowed(control) {
            let load = Load::Control(control);
            self.net.put(Packet { from, to, load });
        }
        self.break_after_control(from, to, control)
    }

    fn deliver(&mut self, node: usize, handles: &[Handle]) -> Result<(), Failure> {
        for &handle in handles {
            match handle {
                Handle::Live(key) => {
                    let property = self.property(key);
                    self.hands[node][property] += 1;
                }
                Handle::Gone(key) => {
                    let property = self.property(key);
                    if self.is_sound(node) && self.is_sound(self.owners[property]) {
                        return Err(Failure::GoneTooEarly { node, property });
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a node runs, and nobody has ever held it dead.
    pub(super) fn is_sound(&self, node: usize) -> bool {
        self.is_alive(node) && !self.is_declared[node]
    }

    fn end(&mut self, node: usize) {
        self.nodes[node] = None;
        self.hands[node].fill(0);
        if self.left.unsent == 0 {
            self.net.remove_if(|packet| packet.to == node);
        }
    }

    pub(super) fn change<R>(
        &mut self,
        node: usize,
        change: impl FnOnce(&mut Refs<Property>) -> R,
    ) -> R {
        let hashed = self.nodes[node].as_ref();
        let mut refs = hashed.expect("only living nodes do anything").refs.clone();
        let outcome = change(&mut refs);
        self.nodes[node] = Some(Hashed::new(refs));
        outcome
    }
}

impl Hashed {
    fn new(refs: Refs<Property>) -> Rc<Self> {
        let hash = FixedState::default().hash_one(&refs);
        Rc::new(Self { refs, hash })
    }

    fn of(node: &Option<Rc<Self>>) -> Option<u64> {
        node.as_ref().map(|hashed| hashed.hash)
    }
}
