//! `gossamer ps`.

use std::thread;

use serde_json::json;

use super::{ClientError, Contact, say, table};
use crate::control::message::{HostState, ProgramState, Reply, Request};
use crate::options::Ps;

/// The programs of all hosts that can be asked; of the others it is said that they cannot.
pub(crate) fn run(ps: &Ps) -> Result<u8, ClientError> {
    let contact = Contact::new(&ps.list.rack, "")?;
    let hosts = contact.hosts()?;
    let asked = thread::scope(|scope| {
        let contact = &contact;
        let ask = |host| scope.spawn(move || of_host(contact, host));
        let asking: Vec<_> = hosts.iter().map(ask).collect();
        let asked = asking
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        asked.collect::<Vec<_>>()
    });
    let mut programs = Vec::new();
    for (host, asked) in hosts.iter().zip(asked) {
        match asked {
            Ok(of_host) => programs.extend(of_host),
            Err(cause) => eprintln!("gossamer: host {} is left out: {cause}", host.name),
        }
    }
    programs.retain(|program| ps.all || program.status.is_none());
    if ps.list.json {
        let programs: Vec<_> = programs.iter().map(to_json).collect();
        say(format_args!("{:#}", json!(programs)))?;
        return Ok(0);
    }
    let rows: Vec<_> = programs.iter().map(row).collect();
    table::print(
        &["ID", "NODES", "THREADS", "AGE", "STATE", "HOSTS", "COMMAND"],
        &rows,
    )?;
    Ok(0)
}

fn of_host(contact: &Contact, host: &HostState) -> Result<Vec<ProgramState>, String> {
    host.state.as_ref().map_err(Clone::clone)?;
    let ask = || {
        let mut connection = contact.connect_to(host.address)?;
        match connection.ask(&Request::Programs)? {
            Reply::Programs(programs) => Ok(programs),
            _ => Err(connection.unexpected()),
        }
    };
    ask().map_err(|error: ClientError| error.to_string())
}

fn row(program: &ProgramState) -> Vec<String> {
    let threads: u32 = program.nodes.iter().map(|node| node.workers).sum();
    let hosts: Vec<_> = program.nodes.iter().map(|node| &*node.host).collect();
    let state = match (program.status, &program.note) {
        (None, _) => "runs".to_owned(),
        (Some(status), None) => format!("ended {status}"),
        (Some(status), Some(note)) => format!("ended {status}: {note}"),
    };
    vec![
        program.id.clone(),
        program.nodes.len().to_string(),
        threads.to_string(),
        age(program.age_seconds),
        state,
        hosts.join(","),
        program.command.clone(),
    ]
}

/// In the two largest units.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn to_json(program: &ProgramState) -> serde_json::Value {
    let nodes: Vec<_> = program
        .nodes
        .iter()
        .map(|node| json!({"node": node.node, "host": node.host, "workers": node.workers}))
        .collect();
    json!({
        "id": program.id,
        "command": program.command,
        "nodes": nodes,
        "age_seconds": program.age_seconds,
        "status": program.status,
        "note": program.note,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn ages() {
        for (seconds, text) in [(7, "7s"), (61, "1m01s"), (7325, "2h02m"), (90_000, "1d01h")] {
            assert_eq!(super::age(seconds), text);
        }
    }
}
