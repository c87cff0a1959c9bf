//! All situations over the fabric `shm`.

/// As GOSSAMER_FABRIC says it.
const FABRIC: &str = "shm";
/// For a node that is to be found silent: more than a busy machine keeps the others waiting.
const SILENCE_SHORT: std::time::Duration = std::time::Duration::from_secs(5);

#[path = "../bulk.rs"]
mod bulk;
#[path = "../calls.rs"]
mod calls;
#[path = "../churn.rs"]
mod churn;
#[path = "../failpoints.rs"]
mod failpoints;
#[path = "../kills.rs"]
mod kills;
#[path = "../large.rs"]
mod large;
#[path = "../losses.rs"]
mod losses;
#[path = "../nodes.rs"]
mod nodes;
#[path = "../own_code.rs"]
mod own_code;
#[path = "../processes.rs"]
mod processes;
#[path = "../runs.rs"]
mod runs;
#[path = "../tasks.rs"]
mod tasks;
#[path = "../trusts.rs"]
mod trusts;
