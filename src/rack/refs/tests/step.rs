//! What may happen next in a world.

use super::world::World;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// User code sends handles, a property for each.
    Send {
        from: usize,
        to: usize,
        properties: Vec<usize>,
    },
    /// User code clones a handle.
    Clone { node: usize, property: usize },
    /// User code drops a handle.
    Drop { node: usize, property: usize },
    /// User code makes another property.
    Export { node: usize },
    /// A packet arrives.
    Receive { packet: usize },
    /// A message is given up before it has left.
    Unsend { packet: usize },
    /// A process ends.
    Crash { node: usize },
    /// A node is wrongly declared dead.
    Mistake { by: usize, node: usize },
    /// The end of a process is noticed.
    Notice { by: usize, node: usize },
    /// What else has come from a dead node is cut off.
    Drain { by: usize, node: usize },
}

impl World {
    /// All that may happen next.
    pub(super) fn steps(&self, tables: &[&[usize]]) -> Vec<Step> {
        let mut steps = Vec::new();
        self.steps_of_protocol(&mut steps);
        self.steps_of_users(tables, &mut steps);
        self.steps_of_fate(&mut steps);
        steps
    }

    /// What happens without anybody's doing, until nothing is left.
    pub(super) fn steps_of_protocol(&self, steps: &mut Vec<Step>) {
        steps.extend(self.net.distinct().map(|packet| Step::Receive { packet }));
        for (by, refs) in self.alive() {
            for node in self.others(by) {
                let name = self.names[node];
                if !self.is_alive(node) && refs.peers.is_live(name) {
                    steps.push(Step::Notice { by, node });
                } else if refs.peers.is_dying(name) {
                    steps.push(Step::Drain { by, node });
                }
            }
        }
    }

    fn steps_of_users(&self, tables: &[&[usize]], steps: &mut Vec<Step>) {
        for (node, refs) in self.alive() {
            for (property, &hands) in self.hands[node].iter().enumerate() {
                if hands > 0 {
                    steps.push(Step::Drop { node, property });
                    if self.left.clones > 0 {
                        steps.push(Step::Clone { node, property });
                    }
                }
            }
            if self.left.exports > 0 {
                steps.push(Step::Export { node });
            }
            if self.left.sends == 0 {
                continue;
            }
            let has = |table: &&&[usize]| {
                let hands = |&it: &usize| self.hands[node].get(it).copied();
                table.iter().all(|it| hands(it).unwrap_or(0) > 0)
            };
            for table in tables.iter().filter(has) {
                let open = |&to: &usize| refs.peers.is_live(self.names[to]);
                steps.extend(self.others(node).filter(open).map(|to| Step::Send {
                    from: node,
                    to,
                    properties: table.to_vec(),
                }));
            }
        }
    }

    fn steps_of_fate(&self, steps: &mut Vec<Step>) {
        if self.left.unsent > 0 {
            let packets = self.net.distinct();
            let unsent = packets.filter(|&packet| self.can_be_unsent(packet));
            steps.extend(unsent.map(|packet| Step::Unsend { packet }));
        }
        if self.left.deaths == 0 {
            return;
        }
        for (node, refs) in self.alive() {
            steps.push(Step::Crash { node });
            if self.left.mistakes > 0 {
                let live =
                    |&other: &usize| self.is_alive(other) && refs.peers.is_live(self.names[other]);
                let mistaken = self.others(node).filter(live);
                steps.extend(mistaken.map(|other| Step::Mistake {
                    by: node,
                    node: other,
                }));
            }
        }
    }
}
