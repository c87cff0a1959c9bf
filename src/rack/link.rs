//! What a node and the daemon of its host say to each other, if a daemon has started it.
//!
//! The daemon listens at a socket without a file, whose name it has told with a word that is this
//! node's alone. It asks for figures; the node answers, and says whom it has lost before it ends
//! for that. All are lines of text, so that the two need not be of one version.

use std::env;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use crate::metrics::WorkerMetrics;
use crate::shared::Shared;

/// Answers the daemon from now on, for the first runtime of the process that is a node.
///
/// Without a daemon, or if it has gone, nothing happens: the node does not need it.
pub(crate) fn start(shared: &Arc<Shared>) {
    let Ok(told) = env::var(LINK) else { return };
    let Ok(stream) = connect(&told) else { return };
    let shared = Arc::downgrade(shared);
    if let Ok(lines) = stream.try_clone()
        && DAEMON.set(stream).is_ok()
    {
        let name = "gossamer-link".to_owned();
        let answer = move || drop(answer(&shared, lines)); // however it ends
        // Without it the daemon is not answered.
        drop(thread::Builder::new().name(name).spawn(answer));
    }
}

/// Says whom this node has lost, as it ends for that.
pub(crate) fn tell_loss(node: u32, cause: &dyn std::fmt::Display) {
    if let Some(mut daemon) = DAEMON.get() {
        // If the daemon has gone, it knows.
        drop(daemon.write_all(format!("lost {node} {cause}\n").as_bytes()));
    }
}

fn connect(told: &str) -> io::Result<UnixStream> {
    let (name, word) = told.split_once(':').ok_or(io::ErrorKind::InvalidInput)?;
    let mut stream = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?;
    stream.write_all(word.as_bytes())?;
    Ok(stream)
}

/// Until the daemon or the runtime has gone.
fn answer(shared: &Weak<Shared>, mut stream: UnixStream) -> io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    for _question in lines.map_while(Result::ok) {
        let mut text = String::new();
        for worker in shared.upgrade().iter().flat_map(|shared| shared.workers()) {
            text += &line(&WorkerMetrics::of(worker));
        }
        text += "end\n";
        stream.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn line(worker: &WorkerMetrics) -> String {
    let figures = [
        ("tasks", worker.tasks),
        ("tasks_spawned", worker.tasks_spawned),
        ("task_polls", worker.task_polls),
        ("run_queue_depth", worker.run_queue_depth),
        ("requests_sent", worker.requests_sent),
        ("batches_sent", worker.batches_sent),
        ("requests_served", worker.requests_served),
        ("requests_inline", worker.requests_inline),
        ("backlog_depth", worker.backlog_depth),
        ("posts_lost", worker.posts_lost),
        ("rack_images_sent", worker.rack_images_sent),
        ("rack_writes", worker.rack_writes),
        ("rack_bytes_written", worker.rack_bytes_written),
        ("properties", worker.properties),
        ("parks", worker.parks),
        ("unparks", worker.unparks),
    ];
    let mut line = "worker".to_owned();
    for (name, figure) in figures {
        write!(line, " {name}={figure}").expect("a string takes all");
    }
    line + &format!(" busy_fraction={:.3}\n", worker.busy_fraction)
}

/// The connection with the daemon, of this process.
static DAEMON: OnceLock<UnixStream> = OnceLock::new();

const LINK: &str = "GOSSAMER_LINK";
