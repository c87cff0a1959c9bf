//! Calls whose outcome comes by a request of its own, each known by a token.

use std::sync::Arc;

use slab::Slab;

use crate::rack::continuation::Continuation;
use crate::rack::remote::Remote;

/// Calls that await their outcomes.
///
/// A token is a place here and, above, how many there were before it: a place is used again at
/// once, and what still comes of the call that had it says nothing of the call that has it.
#[derive(Default)]
pub(crate) struct LateCalls {
    calls: Slab<Late>,
    count: u32,
}

/// A call that awaits its outcome.
pub(crate) struct Late {
    token: u64,
    node: u32,
    /// What is to be done with the outcome, if anything.
    pub(crate) then: Option<Continuation>,
    /// Held until then; its drop is the caller's, when nothing is borrowed.
    _target: Option<Arc<Remote>>,
}

impl LateCalls {
    /// A call to this node; its token.
    pub(crate) fn insert(
        &mut self,
        node: u32,
        then: Option<Continuation>,
        target: Option<Arc<Remote>>,
    ) -> u64 {
        let place = self.calls.vacant_entry();
        let place_number = u32::try_from(place.key()).expect("so many calls have no memory");
        let token = u64::from(self.count) << 32 | u64::from(place_number);
        self.count = self.count.wrapping_add(1);
        place.insert(Late {
            token,
            node,
            then,
            _target: target,
        });
        token
    }

    /// The call of this token, if it is one to this node: of another's a node says nothing.
    pub(crate) fn take(&mut self, token: u64, node: u32) -> Option<Late> {
        let place = token as u32 as usize;
        let late = self.calls.get(place)?;
        let is_it = late.token == token && late.node == node;
        is_it.then(|| self.calls.remove(place))
    }

    /// The calls to this node.
    pub(crate) fn take_all(&mut self, node: u32) -> Vec<Late> {
        let of_node = self.calls.iter().filter(|(_, late)| late.node == node);
        let places: Vec<_> = of_node.map(|(place, _)| place).collect();
        let taken = places.into_iter().map(|place| self.calls.remove(place));
        taken.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_node_ends_no_call() {
        let mut late = LateCalls::default();
        let token = late.insert(1, None, None);
        assert!(late.take(token, 2).is_none());
        assert!(late.take_all(2).is_empty());
        assert!(late.take(token, 1).is_some());
        assert!(late.take(token, 1).is_none(), "once");
    }

    /// The outcome of a call has overtaken its result, which comes when its place has been given
    /// to another call.
    #[test]
    fn a_token_of_before_ends_no_call() {
        let mut late = LateCalls::default();
        let before = late.insert(1, None, None);
        assert!(late.take(before, 1).is_some());
        let after = late.insert(1, None, None);
        assert!(late.take(before, 1).is_none());
        assert!(late.take(after, 1).is_some());
        for nothing in [u64::MAX, after + 1, after ^ 1 << 63] {
            assert!(late.take(nothing, 1).is_none());
        }
    }

    #[test]
    fn a_lost_node_ends_its_own() {
        let mut late = LateCalls::default();
        let tokens: Vec<_> = (0..6)
            .map(|call| late.insert(call % 2, None, None))
            .collect();
        assert_eq!(late.take_all(0).len(), 3);
        assert!(late.take(tokens[0], 0).is_none());
        assert!(late.take(tokens[1], 1).is_some());
    }
}
