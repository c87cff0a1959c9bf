//! Whether what all callers were told is what the owners have done.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::report::{Caller, Effects, Outcome, Told};

/// What a node has said at its end.
#[derive(Debug, Default)]
pub(crate) struct Testimony {
    pub(crate) told: BTreeMap<(Caller, usize), Told>,
    pub(crate) effects: BTreeMap<Caller, Effects>,
    /// Whom it was told to have lost, in order.
    pub(crate) lost: Vec<usize>,
    /// It has said all.
    pub(crate) is_complete: bool,
}

/// What the calls came to, of each caller and owner.
#[derive(Debug)]
pub(crate) struct Verdict<'a>(BTreeMap<(Caller, usize), &'a Told>);

/// Compares all that was told with all that was done. Each node's testimony is in its place.
///
/// # Panics
/// If they do not agree.
pub(crate) fn judge(testimonies: &[Testimony]) -> Verdict<'_> {
    let nothing = Effects::default();
    let mut all = BTreeMap::new();
    for (at, told) in testimonies.iter().flat_map(|testimony| &testimony.told) {
        let (caller, owner) = *at;
        let effects = testimonies[owner].effects.get(&caller).unwrap_or(&nothing);
        agree(&told.outcomes, effects).unwrap_or_else(|error| {
            panic!("caller {caller} and owner {owner}: {error}\n{told:?}\n{effects:?}")
        });
        all.insert(*at, told);
    }
    Verdict(all)
}

fn agree(told: &[Outcome], effects: &Effects) -> Result<(), String> {
    if let Some(pair) = effects.0.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(format!("call {} ran after call {}", pair[1], pair[0]));
    }
    let has_run = |call: usize| effects.0.binary_search(&call).is_ok();
    for (call, outcome) in told.iter().enumerate() {
        match outcome {
            Outcome::Value if !has_run(call) => return Err(format!("call {call} has not run")),
            Outcome::NotExecuted if has_run(call) => {
                return Err(format!("call {call} has run all the same"));
            }
            Outcome::WrongValue => return Err(format!("call {call} has another's result")),
            Outcome::Value | Outcome::NotExecuted | Outcome::Unknown => {}
        }
    }
    match effects.0.last() {
        Some(last) if *last >= told.len() => Err(format!("call {last} was never told of")),
        _ => Ok(()),
    }
}

impl Verdict<'_> {
    /// All calls ended in values, but those between nodes that `may_fail`.
    pub(crate) fn all_values_but(&self, may_fail: impl Fn(usize, usize) -> bool) {
        for ((caller, owner), told) in &self.0 {
            let failed = told
                .outcomes
                .iter()
                .any(|outcome| *outcome != Outcome::Value);
            let node = caller / crate::scene::WORKERS;
            assert!(
                !failed || may_fail(node, *owner),
                "caller {caller} and owner {owner}: {told:?}"
            );
        }
    }

    /// All callers of a node were told in the end that calls to that owner are not executed.
    pub(crate) fn ends_not_executed(&self, node: usize, owner: usize) {
        let callers = (self.0.iter())
            .filter(|((caller, of), _)| caller / crate::scene::WORKERS == node && *of == owner);
        for (at, told) in callers {
            assert_eq!(
                told.outcomes.last(),
                Some(&Outcome::NotExecuted),
                "{at:?}: {told:?}"
            );
        }
    }

    /// No call took longer.
    pub(crate) fn within(&self, limit: Duration) {
        for (at, told) in &self.0 {
            assert!(told.longest <= limit, "{at:?}: {:?}", told.longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{NotExecuted, Unknown, Value, WrongValue};

    #[test]
    fn what_disagrees_is_found() {
        let agrees = |told: &[Outcome], effects: &[usize]| agree(told, &Effects(effects.to_vec()));
        assert_eq!(
            agrees(&[Value, Unknown, Unknown, NotExecuted], &[0, 1]),
            Ok(())
        );
        for (told, effects) in [
            (&[Value, Value][..], &[0][..]),
            (&[Value, NotExecuted], &[0, 1]),
            (&[Value, Value], &[0, 0, 1]),
            (&[Value, Value], &[1, 0]),
            (&[Value], &[0, 1]),
            (&[WrongValue], &[0]),
        ] {
            assert!(agrees(told, effects).is_err(), "{told:?} {effects:?}");
        }
    }
}
