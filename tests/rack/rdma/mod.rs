//! All situations over the fabric `rdma`, by the device that `GOSSAMER_RDMA_DEVICE` names: there must
//! be one, as in `.ci/vm/run`.

/// As GOSSAMER_FABRIC says it.
const FABRIC: &str = "rdma";
/// For a node that is to be found silent: more than a busy machine keeps the others waiting, even if
/// it is emulated.
const SILENCE_SHORT: std::time::Duration = std::time::Duration::from_secs(20);

#[path = "../bulk.rs"]
mod bulk;
mod cable;
#[path = "../calls.rs"]
mod calls;
#[path = "../churn.rs"]
mod churn;
mod counts;
#[path = "../failpoints.rs"]
mod failpoints;
#[path = "../kills.rs"]
mod kills;
#[path = "../losses.rs"]
mod losses;
#[path = "../nodes.rs"]
mod nodes;
#[path = "../processes.rs"]
mod processes;
#[path = "../runs.rs"]
mod runs;
#[path = "../tasks.rs"]
mod tasks;
#[path = "../trusts.rs"]
mod trusts;
