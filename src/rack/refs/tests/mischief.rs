//! How a world takes a rule away: by what it does to events, actions and packets.

use super::failure::Failure;
use super::net::{Load, Packet};
use super::rules::Rule;
use super::world::{Property, World};
use crate::rack::refs::{Control, Event, Header, Key, Node, Refs};

impl World {
    /// The rules about what a message holds.
    pub(super) fn break_after_send(
        &mut self,
        from: usize,
        to: usize,
        header: Header,
    ) -> Result<(), Failure> {
        let is_pinned = |key: &Key| key.owner != self.names[from];
        match self.without {
            Some(Rule::OwnerGrantsBeforeSending) => {
                let handles = header.handles.into_iter();
                let message = header.message;
                let handles = handles.filter(|key| !is_pinned(key)).collect();
                let header = Header { message, handles };
                let to = self.names[to];
                self.handle(from, Event::Unsent { to, header })
            }
            Some(Rule::SenderPinsUntilAcknowledged) if header.handles.iter().any(is_pinned) => {
                let control = Control::Acknowledge(header.message);
                let from_name = self.names[to];
                self.handle(
                    from,
                    Event::Control {
                        from: from_name,
                        control,
                    },
                )
            }
            _ => Ok(()),
        }
    }

    /// The rules about what the owner waits for.
    pub(super) fn break_at_death(&mut self, node: usize, dead: Node) -> Result<(), Failure> {
        let control = Control::Settled(dead);
        match self.without {
            Some(Rule::SurvivorsCloseBeforeTheySettle) => {
                self.tell_settled(node, dead);
            }
            Some(Rule::OwnerAwaitsSurvivors) => {
                for by in self.others(node).collect::<Vec<_>>() {
                    if self.names[by] != dead {
                        let from = self.names[by];
                        self.handle(node, Event::Control { from, control })?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn tell_settled(&mut self, from: usize, dead: Node) {
        for to in self.others(from).collect::<Vec<_>>() {
            if self.is_alive(to) && self.names[to] != dead {
                let load = Load::Control(Control::Settled(dead));
                self.net.put(Packet { from, to, load });
            }
        }
    }

    /// A release gives back all that the owner has granted.
    pub(super) fn break_release(&self, owner: &Refs<Property>, from: Node, control: &mut Control) {
        if self.without == Some(Rule::ReleaseCountsGrants)
            && let Control::Release { place, grants } = control
            && let Ok(export) = owner.exports.find(*place)
        {
            *grants = export.holders.grants(from).max(*grants);
        }
    }

    /// What a closed node says is taken in like that of a dying one.
    pub(super) fn take_in_from_the_dead(
        &mut self,
        to: usize,
        from: Node,
        event: Event,
    ) -> Result<(), Failure> {
        let before = self.change(to, |refs| refs.peers.reopen(from));
        self.handle(to, event)?;
        if self.is_alive(to) {
            self.change(to, |refs| refs.peers.restore(from, before));
        }
        Ok(())
    }

    /// Whether a message of the protocol is not sent, as its rule is taken away, or as it was
    /// forged before.
    pub(super) fn is_swallowed(&self, control: Control) -> bool {
        let rule = self.without;
        match control {
            Control::Fenced => rule == Some(Rule::DeadAreFenced),
            Control::Acknowledge(_) => rule == Some(Rule::SenderPinsUntilAcknowledged),
            Control::Registered(_) | Control::Gone(_) => rule == Some(Rule::ReceiverAwaitsItsOwner),
            Control::Settled(_) => matches!(
                rule,
                Some(
                    Rule::OwnerForgetsTheDead
                        | Rule::OwnerAwaitsSurvivors
                        | Rule::SurvivorsCloseBeforeTheySettle
                        | Rule::SurvivorsRegisterBeforeTheySettle
                )
            ),
            Control::Register(_) | Control::Release { .. } => false,
        }
    }

    /// A node that registers hears at once what the owner will say.
    pub(super) fn break_after_control(
        &mut self,
        node: usize,
        owner: usize,
        control: Control,
    ) -> Result<(), Failure> {
        match (self.without, control) {
            (Some(Rule::ReceiverAwaitsItsOwner), Control::Register(place)) => {
                let (from, control) = (self.names[owner], Control::Registered(place));
                self.handle(node, Event::Control { from, control })
            }
            _ => Ok(()),
        }
    }
}
