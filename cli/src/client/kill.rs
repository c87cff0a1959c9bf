//! `gossamer kill`.

use serde_json::json;

use super::{ClientError, Contact, say};
use crate::control::message::{Reply, Request};
use crate::options::Kill;

pub(crate) fn run(kill: &Kill) -> Result<u8, ClientError> {
    let contact = Contact::new(&kill.list.rack, "")?;
    let mut connection = contact.connect_to_controller(&kill.id)?;
    let request = Request::Kill {
        program: kill.id.clone(),
        signal: kill.signal,
    };
    match connection.ask(&request)? {
        Reply::Done => {}
        _ => return Err(connection.unexpected()),
    }
    if kill.list.json {
        let killed = json!({"id": kill.id, "signal": kill.signal});
        say(format_args!("{killed:#}"))?;
    }
    Ok(0)
}
