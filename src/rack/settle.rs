//! What a worker does with a result that has come from another node.

use crate::rack::codec::{Body, Opened};
use crate::rack::envelope::{Nonsense, Relative, Status, Table};
use crate::rack::error::CallError;
use crate::rack::failpoints::reach;
use crate::rack::handles::Handle;
use crate::rack::parked::{Parked, arrived, members};
use crate::rack::references::{self, trusts};
use crate::rack::refs::{Envelope, Moment, Step};
use crate::rack::route::Note;
use crate::rack::side::RackSide;
use crate::rack::visit::Failure;
use crate::worker::Worker;

impl RackSide {
    /// Acts on a result that has come. Of nonsense, too, whoever waits for it hears.
    pub(super) fn settle(
        &self,
        worker: &Worker,
        node: u32,
        note: Note,
        status: u8,
        body: Body<'_>,
    ) -> Result<(), Nonsense> {
        let status = Status::of_byte(status);
        let then = match (note, status) {
            (Note::Now(then), _) => Some(then),
            // As it says that there will be none, this is the outcome.
            (Note::Later(token), Ok(Status::Failure(_))) => {
                let late = self.late.borrow_mut().take(token, node);
                match late {
                    Some(late) => late.then,
                    None => return Ok(()),
                }
            }
            (Note::Later(_), Ok(Status::Later)) => return Ok(()),
            (Note::Later(_), Ok(Status::Value { .. }) | Err(_)) => return Err(Nonsense("result")),
            (Note::Posted | Note::Unread, _) => None,
        };
        match status.and_then(|status| unpacked(worker, node, status, &body)) {
            Ok(Unpacked::Reply(Ok(handles), rest)) => {
                let body = body.last(rest);
                let opened = Opened {
                    node,
                    body,
                    handles,
                };
                self.complete(worker, then, Ok(opened));
            }
            Ok(Unpacked::Reply(Err(error), _)) => self.complete(worker, then, Err(error)),
            Ok(Unpacked::Waits(envelope, relatives, rest)) => {
                let parked = Parked::Reply {
                    then,
                    relatives,
                    node,
                    body: body.last(rest).take().detached(),
                };
                if let Err(Parked::Reply { then, .. }) = self.park(envelope, parked) {
                    let node = node as usize;
                    self.complete(worker, then, Err(CallError::Unknown { node }));
                    return Err(Nonsense("number of a message"));
                }
            }
            Err(nonsense) => {
                let node = node as usize;
                self.complete(worker, then, Err(CallError::Unknown { node }));
                return Err(nonsense);
            }
        }
        Ok(())
    }
}

/// What a result holds.
enum Unpacked {
    /// Its trusts, and how many bytes at its end are its value's; or why it has none.
    Reply(Result<Vec<Handle>, CallError>, usize),
    /// Its trusts are not registered yet.
    Waits(Envelope, Vec<Relative>, usize),
}

fn unpacked(
    worker: &Worker,
    node: u32,
    status: Status,
    mut bytes: &[u8],
) -> Result<Unpacked, Nonsense> {
    let reply = match status {
        Status::Value { has_table: false } => Ok(Vec::new()),
        Status::Value { has_table: true } => {
            let Table { header, relatives } = Table::take_from(&mut bytes, members(worker))?;
            match arrived(worker, node, header) {
                references::Arrival::Deliver(handles) => {
                    let trusts = trusts(worker.shared(), &handles, &relatives);
                    reach(Moment::After.of(Step::Deliver));
                    Ok(trusts)
                }
                references::Arrival::Wait(envelope) => {
                    return Ok(Unpacked::Waits(envelope, relatives, bytes.len()));
                }
                references::Arrival::Refused => return Err(Nonsense("table of trusts")),
            }
        }
        Status::Later => return Err(Nonsense("result")),
        Status::Failure(kind) => Err(Failure::of_message(kind, bytes).into_error(node)),
    };
    Ok(Unpacked::Reply(reply, bytes.len()))
}
