//! The connections that a worker opens: at first use, one for each other node.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt};
use gossamer_executor::time::{sleep, timeout};
use gossamer_transport::rack::AttachError;

use crate::net::{TcpStream, is_news, is_of_resources};
use crate::rack::bells::{BELL_BYTES, Bells};
use crate::rack::inlet::{self, End};
use crate::rack::join::{Cause, ChannelError, EncounterError, nonce};
use crate::rack::route::Fabric;
use crate::rack::side::RackSide;
use crate::shared::Shared;
use crate::stderr::say;
use crate::worker::Worker;

/// Connects this worker to a node, for what its links have for it, unless the node's connects to
/// this one meanwhile.
pub(super) fn spawn_opener(worker: &Worker, node: u32) {
    let (shared, index) = (Arc::clone(worker.shared()), worker.index());
    drop(gossamer_executor::spawn(async move {
        let Some(stream) = connect(&shared, index, node).await else {
            return;
        };
        let stream = Rc::new(stream);
        if with_side(|worker, side| side.begin_writing(worker, node, &stream)) != Some(true) {
            return; // what is not used says nothing
        }
        let Some(peers) = shared.rack().peers() else {
            return;
        };
        let peer = peers.get(node);
        if peer.is_by_tcp() {
            let writer = reader_of(index, peer.workers);
            return inlet::read(&shared, stream, (node, writer), End::Opener).await;
        }
        // The other side writes nothing: what can be read is the end.
        let mut byte = [0];
        let cause = match (&*stream).read(&mut byte).await {
            Ok(1..) => Cause::Damaged,
            Ok(0) | Err(_) => Cause::Closed,
        };
        suspect(&shared, node, cause);
    }));
}

/// Which worker of a node reads the connection that worker `opener` of another has opened: that of
/// the same number, as far as there are such.
pub(super) fn reader_of(opener: u32, workers: u32) -> u32 {
    opener % workers
}

/// Gives `f` this thread's side of the rack.
fn with_side<R>(f: impl FnOnce(&Worker, &RackSide) -> R) -> Option<R> {
    Worker::with(|worker| {
        let worker = worker?;
        Some(f(worker, worker.rack()?))
    })
}

fn suspect(shared: &Shared, node: u32, cause: Cause) {
    if let Some(peers) = shared.rack().peers() {
        peers.suspect(node, cause);
    }
}

/// Connects, as often as it takes, until there is a connection to write to; `None` if there is
/// another one meanwhile, or the node is lost, or is said to be.
///
/// Slow is not dead: delegated code may hold a worker at either end for longer than anything here
/// may take. Out of reach is a node whose host answers no connection for `silence_max`; of what
/// this process has none left, it waits until there is some.
async fn connect(shared: &Shared, worker: u32, node: u32) -> Option<TcpStream> {
    let peers = shared.rack().peers()?;
    let mut tries = Tries {
        silence_max: peers.silence_max(),
        unanswered_since: None,
    };
    let is_connected = || with_side(|_, side| side.is_connected(node)) != Some(false);
    while peers.get(node).is_live() && !is_connected() {
        let began = Instant::now();
        let error = match try_connect(shared, worker, node).await {
            Ok(stream) => return Some(stream),
            Err(error) => error,
        };
        if let OpenError::Resources(error) = &error
            && is_news()
        {
            say(format_args!(
                "gossamer: no connection to node {node} is made for now: {error}"
            ));
        }
        if !tries.handle_error(&error, began, Instant::now()) {
            break;
        }
        sleep(OPEN_PAUSE).await;
    }
    if !is_connected() {
        suspect(shared, node, Cause::Unreachable); // which says nothing of a node that is lost
    }
    None
}

/// Connections that did not open.
struct Tries {
    silence_max: Duration,
    /// When the first of those began that were not answered, without any other between.
    unanswered_since: Option<Instant>,
}

impl Tries {
    /// One has failed; whether there is to be another.
    fn handle_error(&mut self, error: &OpenError, began: Instant, now: Instant) -> bool {
        match error {
            OpenError::Broken | OpenError::Resources(_) => {
                self.unanswered_since = None;
                true
            }
            OpenError::Unanswered => {
                let since = *self.unanswered_since.get_or_insert(began);
                // Never after one try: this worker may have been held itself meanwhile.
                since == began || now.saturating_duration_since(since) < self.silence_max
            }
            OpenError::Refused => false,
        }
    }
}

async fn try_connect(shared: &Shared, worker: u32, node: u32) -> Result<TcpStream, OpenError> {
    let stream = open(shared, worker, node).await?;
    open_fabric(shared, worker, node, &stream).await?;
    Ok(stream)
}

/// Connects, and proves who we are before anything else is said.
async fn open(shared: &Shared, worker: u32, node: u32) -> Result<TcpStream, OpenError> {
    let peers = shared.rack().peers().ok_or(OpenError::Refused)?;
    let connecting = TcpStream::connect_to(peers.get(node).address);
    // Two tries fit into the time in which it must answer one.
    let connected = timeout(peers.silence_max() / 2, connecting).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if is_of_resources(&error) => return Err(OpenError::Resources(error)),
        Ok(Err(_)) | Err(_) => return Err(OpenError::Unanswered),
    };
    stream.set_nodelay(true)?;
    stream.set_silence_max(peers.silence_max())?;
    let nonce = nonce().map_err(|_| OpenError::Broken)?;
    let deadline = Instant::now() + OPEN_TIME;
    let mut opening = peers.door().open(worker, node, &nonce, deadline);
    let mut buffer = [0; HANDSHAKE_BYTES];
    loop {
        let output = std::mem::take(opening.output());
        (&stream).write_all(&output).await?;
        let left = opening
            .poll_timeout()
            .saturating_duration_since(Instant::now());
        let read = timeout(left, (&stream).read(&mut buffer)).await;
        let count = read.map_err(|_| OpenError::Broken)??;
        if count == 0 {
            return Err(OpenError::Broken);
        }
        // What has come counts, however late this worker comes to it.
        if opening.handle_bytes(&buffer[..count])? {
            let rest = std::mem::take(opening.output());
            (&stream).write_all(&rest).await?;
            return Ok(stream);
        }
        opening.handle_timeout(Instant::now())?;
    }
}

/// Opens the other fabric, if there is one: by RDMA both sides say what they have. Or maps the memory
/// of the node, if it shares that: it says under which number it has it open.
async fn open_fabric(
    shared: &Shared,
    worker: u32,
    node: u32,
    mut stream: &TcpStream,
) -> Result<(), OpenError> {
    let Some(peers) = shared.rack().peers() else {
        return Err(OpenError::Refused);
    };
    if let Some(rdma) = peers.get(node).rdma() {
        return rdma
            .connect(node, worker, peers.silence_max(), stream)
            .await;
    }
    let Some(shm) = peers.get(node).shm() else {
        return Ok(());
    };
    // Asked for, so that it never comes together with the last word of the handshake.
    stream.write_all(&QUESTION).await?;
    let mut number = [0; 4];
    // However long it takes: who has asked and goes away is taken for dead.
    stream.read_exact(&mut number).await?;
    let channel = shm.channel(worker, u32::from_le_bytes(number));
    let channel = channel.map_err(|error| match error {
        AttachError::System(error) if is_of_resources(&error) => OpenError::Resources(error),
        _ => OpenError::Refused,
    })?;
    with_side(|_, side| {
        let mut route = side.route(node).borrow_mut();
        route.fabric = Fabric::Shm(channel, Bells::default());
        route.is_dirty = true;
        side.set_dirty();
    });
    Ok(())
}

/// Why a connection did not open.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// This process has no descriptor or memory left for it, which says nothing of the other.
    Resources(io::Error),
    /// Nobody has answered at its address.
    Unanswered,
    /// It ended before it was open, or took too long: the next one may do better.
    Broken,
    /// The other node will never let us in, or we cannot go on with it.
    Refused,
}

impl From<io::Error> for OpenError {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

impl From<ChannelError> for OpenError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::TooSlow | ChannelError::Encounter(EncounterError::TooSlow) => {
                Self::Broken
            }
            _ => Self::Refused,
        }
    }
}

/// What asks for the number of the memory; of the length of a bell.
pub(super) const QUESTION: [u8; BELL_BYTES] = [b'?'; BELL_BYTES];
/// How long it may take to be let in by a node that has answered, before it is tried again.
const OPEN_TIME: Duration = Duration::from_secs(10);
const OPEN_PAUSE: Duration = Duration::from_millis(50);
/// More than what either side says in one turn.
const HANDSHAKE_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is tried again after so many failures, one a second, of a node that may be
    /// silent for two.
    fn goes_on(failures: &[fn() -> OpenError]) -> bool {
        let mut tries = Tries {
            silence_max: Duration::from_secs(2),
            unanswered_since: None,
        };
        let start = Instant::now();
        let goes_on = |(second, failure): (u64, &fn() -> OpenError)| {
            let began = start + Duration::from_secs(second);
            tries.handle_error(&failure(), began, began + Duration::from_secs(1))
        };
        (0..).zip(failures).all(goes_on)
    }

    #[test]
    fn who_never_answers_is_out_of_reach() {
        let unanswered: fn() -> OpenError = || OpenError::Unanswered;
        assert!(goes_on(&[unanswered]));
        assert!(!goes_on(&[unanswered; 2]));
        assert!(goes_on(&[unanswered, || OpenError::Broken, unanswered]));
        assert!(!goes_on(&[|| OpenError::Refused]));
    }

    /// The other node has nothing to do with it.
    #[test]
    fn a_process_without_descriptors_accuses_nobody() {
        let error = || io::Error::from(rustix::io::Errno::MFILE);
        assert!(is_of_resources(&error()));
        let no_descriptor: fn() -> OpenError =
            || OpenError::Resources(io::Error::from(rustix::io::Errno::MFILE));
        assert!(goes_on(&[no_descriptor; 10]));
    }
}
