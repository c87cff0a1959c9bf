//! `gossamer logs`.

use serde_json::json;

use super::printing::Printing;
use super::{ClientError, Connection, Contact, say};
use crate::control::message::{Chunk, ProgramState, Reply, Request};
use crate::daemon::refusal::Refusal;
use crate::options::Logs;
use crate::output::{Printer, Stream};

pub(crate) fn run(logs: &Logs) -> Result<u8, ClientError> {
    let contact = Contact::new(&logs.list.rack, "")?;
    let mut connection = contact.connect_to_controller(&logs.id)?;
    let program = find(&mut connection, &logs.id)?;
    let request = Request::Logs {
        program: logs.id.clone(),
        node: logs.node,
        follow: logs.follow,
    };
    match connection.ask(&request)? {
        Reply::Done => {}
        _ => return Err(connection.unexpected()),
    }
    // A program may be silent for long.
    connection.receiver.set_silence_max(None)?;
    let printer = Printer::default();
    let mut printing = Printing::new(&printer, &program.nodes);
    loop {
        let chunk: Chunk = match connection.receiver.receive() {
            Ok(chunk) => chunk,
            Err(error) => return Err(connection.lost(error)),
        };
        if chunk.bytes.0.is_empty() {
            printing.finish()?;
            return Ok(0);
        }
        match logs.list.json {
            false => printing.print(&chunk)?,
            true => say(to_json(&chunk, &program))?,
        }
    }
}

fn find(connection: &mut Connection, id: &str) -> Result<ProgramState, ClientError> {
    let Reply::Programs(programs) = connection.ask(&Request::Programs)? else {
        return Err(connection.unexpected());
    };
    let found = programs.into_iter().find(|program| program.id == id);
    found.ok_or_else(|| {
        let host = id.rsplit_once('-').map_or(id, |(host, _)| host);
        let (id, host) = (id.to_owned(), host.to_owned());
        Refusal::NoProgram { id, host }.into()
    })
}

/// One line for each piece of what a node has said.
fn to_json(chunk: &Chunk, program: &ProgramState) -> serde_json::Value {
    let host = program
        .nodes
        .get(chunk.node as usize)
        .map(|node| &node.host);
    let stream = match chunk.stream {
        Stream::Error => "error",
        Stream::Input | Stream::Output => "output",
    };
    let text = String::from_utf8_lossy(&chunk.bytes.0);
    json!({"node": chunk.node, "host": host, "stream": stream, "text": text})
}
