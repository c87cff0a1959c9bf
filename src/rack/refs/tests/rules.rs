//! Each rule of the protocol is needed: without it the search finds a fault.

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
    /// What a closed node says is refused.
    DeadAreRefused,
    /// A node that was declared dead is told to end.
    DeadAreFenced,
}
