//! `gossamer nodes`.

use serde_json::json;

use super::table::{self, bytes};
use super::{ClientError, Contact, say};
use crate::control::message::HostState;
use crate::options::List;

pub(crate) fn run(list: &List) -> Result<u8, ClientError> {
    let hosts = Contact::new(&list.rack, "")?.hosts()?;
    if list.json {
        let hosts: Vec<_> = hosts.iter().map(to_json).collect();
        say(format_args!("{:#}", json!(hosts)))?;
        return Ok(0);
    }
    let titles = [
        "HOST", "ADDRESS", "CORES", "LOAD", "MEMORY", "FREE", "FABRICS", "NODES", "STATE",
    ];
    let rows: Vec<_> = hosts.iter().map(row).collect();
    table::print(&titles, &rows)?;
    Ok(0)
}

fn row(host: &HostState) -> Vec<String> {
    let mut row = vec![host.name.clone(), host.address.to_string()];
    match &host.state {
        Ok(facts) => row.extend([
            facts.cores.to_string(),
            format!("{:.2}", facts.load),
            bytes(facts.memory_bytes),
            bytes(facts.memory_free_bytes),
            facts.fabrics.join(","),
            facts.nodes.to_string(),
            "up".to_owned(),
        ]),
        Err(cause) => {
            row.extend(std::iter::repeat_n("-".to_owned(), 6));
            row.push(format!("down: {cause}"));
        }
    }
    row
}

fn to_json(host: &HostState) -> serde_json::Value {
    let mut object = json!({
        "host": host.name,
        "address": host.address.to_string(),
        "up": host.state.is_ok(),
    });
    match &host.state {
        Ok(facts) => {
            object["cores"] = json!(facts.cores);
            object["load"] = json!(facts.load);
            object["memory_bytes"] = json!(facts.memory_bytes);
            object["memory_free_bytes"] = json!(facts.memory_free_bytes);
            object["fabrics"] = json!(facts.fabrics);
            object["architecture"] = json!(facts.architecture);
            object["nodes"] = json!(facts.nodes);
            object["refused"] = json!(facts.refused);
            object["cache_bytes"] = json!(facts.cache_bytes);
        }
        Err(cause) => object["cause"] = json!(cause),
    }
    object
}
