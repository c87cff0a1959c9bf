//! `gossamer stats`.

use serde_json::json;

use super::table::{self, bytes};
use super::{ClientError, Contact, say};
use crate::control::message::{NodeStats, Reply, Request};
use crate::options::Stats;

pub(crate) fn run(stats: &Stats) -> Result<u8, ClientError> {
    let contact = Contact::new(&stats.list.rack, "")?;
    let mut connection = contact.connect_to_controller(&stats.id)?;
    let program = stats.id.clone();
    let Reply::Stats(nodes) = connection.ask(&Request::Stats { program })? else {
        return Err(connection.unexpected());
    };
    if stats.list.json {
        say(format_args!("{:#}", json!(nodes)))?;
        return Ok(0);
    }
    let own = ["NODE", "HOST", "PID", "RESIDENT", "CPU", "WORKER"];
    let titles: Vec<_> = own
        .into_iter()
        .chain(FIGURES.map(|(title, _)| title))
        .collect();
    let rows: Vec<_> = nodes.iter().flat_map(rows).collect();
    table::print(&titles, &rows)?;
    Ok(0)
}

/// One for each worker; one for a node that does not tell.
fn rows(node: &NodeStats) -> Vec<Vec<String>> {
    let own = || {
        vec![
            node.node.to_string(),
            node.host.clone(),
            node.process.to_string(),
            bytes(node.resident_bytes),
            format!("{:.1}s", node.processor_seconds),
        ]
    };
    let worker = |(number, figures): (usize, &std::collections::BTreeMap<String, f64>)| {
        let figure = |(_, name): (&str, &str)| match figures.get(name) {
            Some(figure) if name == "busy_fraction" => format!("{figure:.2}"),
            Some(figure) => format!("{figure}"),
            None => "-".to_owned(),
        };
        let mut row = own();
        row.push(number.to_string());
        row.extend(FIGURES.map(figure));
        row
    };
    match node.workers.is_empty() {
        true => vec![own()],
        false => node.workers.iter().enumerate().map(worker).collect(),
    }
}

/// What is shown of what a worker tells.
const FIGURES: [(&str, &str); 9] = [
    ("TASKS", "tasks"),
    ("SERVED", "requests_served"),
    ("SENT", "requests_sent"),
    ("BATCHES", "batches_sent"),
    ("QUEUE", "run_queue_depth"),
    ("BACKLOG", "backlog_depth"),
    ("BUSY", "busy_fraction"),
    ("WRITES", "rack_writes"),
    ("WRITTEN", "rack_bytes_written"),
];
