//! The room: who is in it, and what is on its way to whom.
//!
//! All this runs on the room's trustee, one request after the other, and none waits for anything:
//! a line goes into queues, which wakes the tasks that write it, on whatever worker they are.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::future::AbortHandle;

/// A line on its way, with its end: one text for all queues.
pub(crate) type Line = Arc<str>;

/// Whom the room means; used once only, while a name may come back.
pub(crate) type Id = u64;

#[derive(Debug)]
pub(crate) struct Room {
    members: BTreeMap<Id, Member>,
    joined: Id,
    /// Each seat holds a clone; none once the room is closed.
    occupied: Option<Sender<Infallible>>,
}

/// What the room knows of a member.
#[derive(Debug)]
struct Member {
    name: String,
    queue: Sender<Line>,
    /// Ends its task at once, even in the middle of a write.
    cut: AbortHandle,
}

/// What a member has of the room.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: Id,
    /// Ends after what was queued before the member left.
    pub(crate) queue: Receiver<Line>,
    /// Dropped when the queue has been written.
    pub(crate) occupied: Sender<Infallible>,
}

/// Why nobody joins under a name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("a name has one character at least")]
    Empty,
    #[error("a name has {NAME_CHARS_MAX} characters at most")]
    TooLong,
    #[error("a name has no ':' and does not begin with '*': it would look like another's line")]
    Misleading,
    #[error("that name is taken")]
    Taken,
    #[error("the room is closed")]
    Closed,
}

impl Room {
    /// A room, and a channel that ends once it is closed and all that was queued is written.
    pub(crate) fn new() -> (Self, Receiver<Infallible>) {
        let (occupied, vacated) = channel(0);
        let room = Self {
            members: BTreeMap::new(),
            joined: 0,
            occupied: Some(occupied),
        };
        (room, vacated)
    }

    pub(crate) fn join(&mut self, name: String, cut: AbortHandle) -> Result<Seat, Refusal> {
        let occupied = self.occupied.clone().ok_or(Refusal::Closed)?;
        self.check(&name)?;
        self.send(format!("* {name} joined\n"), |_| true);
        let (sender, queue) = channel(QUEUE_LINES);
        let member = Member {
            name: name.clone(),
            queue: sender,
            cut,
        };
        self.joined += 1;
        let id = self.joined;
        self.members.insert(id, member);
        self.tell(id, format!("* welcome, {name}: {ADVICE}\n"));
        Ok(Seat {
            id,
            queue,
            occupied,
        })
    }

    /// Hands a member's line to all others. Nothing, if it was put out meanwhile.
    pub(crate) fn say(&mut self, speaker: Id, line: Line) {
        if self.members.contains_key(&speaker) {
            self.send(line, |id| id != speaker);
        }
    }

    pub(crate) fn tell_who(&mut self, id: Id) {
        let names: Vec<_> = self.members.values().map(|member| &*member.name).collect();
        self.tell(id, format!("* here: {}\n", names.join(", ")));
    }

    pub(crate) fn tell(&mut self, to: Id, line: impl Into<Line>) {
        self.send(line, |id| id == to);
    }

    /// Ends a member's queue with what is still to be said; nothing, if it has none any more.
    pub(crate) fn leave(&mut self, id: Id, last: Option<Line>) {
        if let Some(last) = last {
            self.tell(id, last);
        }
        if let Some(member) = self.members.remove(&id) {
            self.send(format!("* {} left\n", member.name), |_| true);
        }
    }

    pub(crate) fn close(&mut self) {
        self.send("* the room closes: goodbye\n", |_| true);
        self.members.clear();
        self.occupied = None;
    }

    fn check(&self, name: &str) -> Result<(), Refusal> {
        if name.is_empty() {
            Err(Refusal::Empty)
        } else if name.chars().count() > NAME_CHARS_MAX {
            Err(Refusal::TooLong)
        } else if name.contains(':') || name.starts_with('*') {
            Err(Refusal::Misleading)
        } else if self.members.values().any(|member| member.name == name) {
            Err(Refusal::Taken)
        } else {
            Ok(())
        }
    }

    /// Puts a line into queues. Members whose queue is full are put out, which the others are told;
    /// that may put out more.
    fn send(&mut self, line: impl Into<Line>, is_meant: impl Fn(Id) -> bool) {
        let mut slow = self.queue(line.into(), is_meant);
        while let Some(member) = slow.pop() {
            member.cut.abort();
            let notice = format!("* {} reads too slowly and is out\n", member.name);
            slow.extend(self.queue(notice.into(), |_| true));
        }
    }

    /// Takes out those who have no place for it.
    fn queue(&mut self, line: Line, is_meant: impl Fn(Id) -> bool) -> Vec<Member> {
        let is_full = |member: &mut Member| match member.queue.try_send(Arc::clone(&line)) {
            Ok(()) => false,
            Err(error) => error.is_full(), // or its connection has failed, and it is about to leave
        };
        let slow = (self.members).extract_if(.., |id, member| is_meant(*id) && is_full(member));
        slow.map(|(_, member)| member).collect()
    }
}

pub(crate) const ADVICE: &str = "/who lists the members, /quit leaves";

const NAME_CHARS_MAX: usize = 24;

/// As many as one member can say in a second, and at most 12 MiB of text.
const QUEUE_LINES: usize = 1024;
