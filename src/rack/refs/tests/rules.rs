//! Each rule of the protocol is needed: without it the search finds a fault.

use super::failure::Failure;
use super::model::scope;
use super::scope::Scope;
use super::search::search;

/// A rule that the world can take away, by what it does to events and actions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rule {
    /// An owner makes the receiver a holder before the message leaves.
    OwnerGrantsBeforeSending,
    /// A sender stays a holder until the message is acknowledged.
    SenderPinsUntilAcknowledged,
    /// A receiver has the owner's word before it acknowledges and delivers.
    ReceiverAwaitsItsOwner,
    /// A release gives back what has come, and not all that was granted.
    ReleaseCountsGrants,
    /// An owner drops the holdings of a dead node.
    OwnerForgetsTheDead,
    /// It does so when all survivors have settled, not before.
    OwnerAwaitsSurvivors,
    /// Survivors settle a dead node when they take nothing more in from it.
    SurvivorsCloseBeforeTheySettle,
    /// They settle it when nothing that they have taken in from it waits for its owner.
    SurvivorsRegisterBeforeTheySettle,
    /// What a closed node says is refused.
    DeadAreRefused,
    /// A node that was declared dead is told to end.
    DeadAreFenced,
}

/// The first fault that comes of it; the judge overlooks what would be harmless in itself, such as
/// an owner's count that is not that of its holders.
#[track_caller]
fn fails_without(rule: Rule, of: Scope) -> Failure {
    let without = Some(rule);
    match search(&Scope { without, ..of }) {
        Ok(seen) => panic!("no fault in {} worlds without {rule:?}", seen.worlds),
        Err(fault) => {
            println!("without {rule:?}: {fault:?}");
            fault.failure
        }
    }
}

#[test]
fn without_the_grant_ahead_of_a_message() {
    let failure = fails_without(Rule::OwnerGrantsBeforeSending, scope(1, 0, 0));
    assert!(matches!(failure, Failure::WildMessage { .. }));
}

#[test]
fn without_pins() {
    let failure = fails_without(Rule::SenderPinsUntilAcknowledged, scope(2, 0, 0));
    assert!(matches!(failure, Failure::WildMessage { .. }));
}

#[test]
fn without_the_owners_word() {
    let failure = fails_without(Rule::ReceiverAwaitsItsOwner, scope(2, 0, 0));
    assert!(matches!(failure, Failure::WildHandle { .. }));
}

#[test]
fn without_counts_in_releases() {
    let failure = fails_without(Rule::ReleaseCountsGrants, scope(2, 0, 0));
    assert!(matches!(failure, Failure::WildMessage { .. }));
}

#[test]
fn without_forgetting_the_dead() {
    let failure = fails_without(Rule::OwnerForgetsTheDead, scope(1, 1, 0));
    assert!(matches!(failure, Failure::Leaked { .. }));
}

#[test]
fn without_waiting_for_survivors() {
    let failure = fails_without(Rule::OwnerAwaitsSurvivors, scope(2, 1, 0));
    assert!(matches!(failure, Failure::WildMessage { .. }));
}

#[test]
fn without_closing_before_settling() {
    let failure = fails_without(Rule::SurvivorsCloseBeforeTheySettle, scope(2, 1, 0));
    assert!(matches!(failure, Failure::WildMessage { .. }));
}

#[test]
fn without_registering_before_settling() {
    let failure = fails_without(Rule::SurvivorsRegisterBeforeTheySettle, scope(2, 1, 0));
    assert!(matches!(failure, Failure::WildMessage { .. }));
}

#[test]
fn without_refusing_the_dead() {
    let failure = fails_without(Rule::DeadAreRefused, scope(2, 1, 1));
    assert!(matches!(failure, Failure::GoneTooEarly { .. }));
}

#[test]
fn without_fencing_the_dead() {
    let failure = fails_without(Rule::DeadAreFenced, scope(1, 1, 1));
    assert!(matches!(failure, Failure::NotFenced { .. }));
}
