//! References across nodes: who holds a handle to a property of whom, and when it may go.
//!
//! A pure state machine without I/O and clock: [`Refs`] takes an [`Event`] and answers with
//! [`Action`]s. One stands in each node, for all of its workers.
//!
//! # The protocol
//!
//! A property gets a [`Key`] at its first export: its owner, an index into the owner's table, and
//! the generation of that index. A node counts its own handles of a key; a clone inside a node is
//! no matter of anybody else. The owner keeps the set of *holders*: nodes, each with its
//! incarnation and with how often the node was *granted* the property. A grant is one arrival
//! that the owner knows of. When the last handle of a node goes, the node *releases*: it gives
//! back all grants that it has received. A release that crosses a further grant therefore leaves
//! the node a holder, whichever comes first, and nothing here needs an order between messages.
//!
//! Handles travel in the table of a message's [`Header`]:
//!
//! - **From their owner.** The owner grants before the message leaves. The receiver is a holder
//!   from then on, and user code sees the value as soon as the message is there.
//! - **From another node.** The sender *pins*: it stays a holder until the receiver acknowledges
//!   the message. A receiver that is no holder yet registers with the owner and has the owner's
//!   word before user code sees the value and before it acknowledges. One that is the owner, or a
//!   holder already, has nothing to ask.
//!
//! | what happens | messages of the protocol | round trips before user code sees it |
//! |---|---|---|
//! | clone, or a drop that is not the node's last | 0 | – |
//! | a node's last drop | 1: release | – |
//! | sent by its owner | 0 | 0 |
//! | sent to its owner | 1: acknowledgement | 0 |
//! | sent by a holder to a holder | 1: acknowledgement | 0 |
//! | sent by a holder to a node without it | 3: register, registered, acknowledgement | 1, to the owner |
//! | a node of n dies | (n − 1) × (n − 2): settled | – |
//!
//! Acknowledgements are one per message and registrations one per key on its way, however often
//! a handle stands in a message or in how many it waits.
//!
//! # Death
//!
//! ```text
//!          Died, or Settled             Drained               Settled by all live
//!   Live ────────────────────► Dying ──────────────► Closed ────────────────────────► Forgotten
//!          then: drain it              then: fence it         then: drop what it held
//! ```
//!
//! Who learns that a node is dead takes in what has arrived from it, and closes it: whatever comes
//! from it later is refused, and it is told to end itself if it still runs. A survivor has *settled*
//! a closed node when none of its messages waits for registration any more, and says so to
//! everybody, who thereby learn of the death if they have not. An owner drops the holdings of the
//! dead node when all live nodes have settled: what the dead node had sent on has by then been
//! registered, or is lost. Handles of a dead owner are *gone*, and pins towards a dead receiver go.
//!
//! **Invariant:** no property is let go while a node that nobody has declared dead has a handle, or
//! could still take in a message with one.
//!
//! # What the caller keeps
//!
//! - Control messages and headers arrive once, or their sender dies. Their order does not matter.
//! - No control message waits behind a message that waits to be delivered: it may be the one that
//!   is waited for.
//! - All inputs of a peer (each of its connections) are consumed or cut before
//!   [`Event::Drained`].
//! - A request keeps a handle of its target until it has been answered. One without an answer
//!   names its target in its own header: the pin holds it until the owner has taken it in.
//! - All actions are carried out, in any order.
//!
//! # Not promised
//!
//! - Nodes do not join later: the members are those of the start. A node that is started again
//!   has another incarnation, and is not a member.
//! - Two halves that declare each other dead both go on, unless one reaches the other: who may
//!   declare whom dead is for the membership to say.
//! - Cycles of handles leak, as with `Arc`.

mod action;
mod arrival;
mod control;
mod death;
mod event;
mod exports;
mod failpoint;
mod held;
mod holders;
mod inbound;
mod key;
mod machine;
mod message;
mod node;
mod outbound;
mod peers;
mod sending;
#[cfg(test)]
mod tests;
mod violation;

pub(crate) use action::{Action, Handle};
pub(crate) use control::Control;
pub(crate) use event::Event;
pub(crate) use exports::ExportError;
pub(crate) use failpoint::{Failpoint, Moment, Step};
pub(crate) use key::{Key, Place};
pub(crate) use machine::Refs;
pub(crate) use message::{Envelope, Header};
pub(crate) use node::Node;
pub(crate) use sending::SendError;

#[cfg(test)]
pub(crate) use {
    exports::NotThere,
    message::{HANDLES_MAX, Message},
    violation::Violation,
};
