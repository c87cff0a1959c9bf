//! The connections that other nodes write: let in once they have proved who they are, and read to
//! where the workers take things from.

use std::collections::VecDeque;
use std::net;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{AsyncReadExt, AsyncWriteExt};
use gossamer_executor::time::{sleep, timeout};

use crate::net::{TcpListener, TcpStream, is_news, is_of_resources};
use crate::rack::bells::BELL_BYTES;
use crate::rack::connect::{QUESTION, reader_of};
use crate::rack::inlet::{self, End, Reading, open_on};
use crate::rack::join::{Cause, Channel, nonce};
use crate::rack::peers::Peers;
use crate::shared::Shared;
use crate::stderr::say;

/// Lets connections in, on worker 0, for as long as the runtime lives.
pub(super) fn spawn_acceptor(shared: &Arc<Shared>, listener: net::TcpListener) {
    let acceptor = Arc::clone(shared);
    let accept = move || async move {
        let Ok(listener) = TcpListener::try_from(listener) else {
            return;
        };
        // Those that have not proved themselves, from the oldest on; dropped, it ends one.
        let mut waiting = VecDeque::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (stays, sent_away) = oneshot::channel();
                    make_room(&mut waiting, STRANGERS_MAX - 1);
                    waiting.push_back(stays);
                    let shared = Arc::clone(&acceptor);
                    drop(gossamer_executor::spawn(async move {
                        // Who does not prove himself in time is left alone.
                        let admitted = timeout(ADMISSION_TIME, admit(&shared, &stream));
                        let admitted = match select(pin!(admitted), sent_away).await {
                            Either::Left((Ok(Some(channel)), _)) => Some(channel),
                            Either::Left(_) | Either::Right(_) => None,
                        };
                        if let Some(channel) = admitted {
                            read_elsewhere(&shared, stream, channel);
                        }
                    }));
                }
                // Of descriptors there may be more in a while.
                Err(error) => {
                    if is_of_resources(&error) && is_news() {
                        say(format_args!(
                            "gossamer: no connection of a node is taken for now: {error}"
                        ));
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    // If the worker has ended, so has the rack.
    drop(shared.workers()[0].remote().spawn(accept));
}

/// Sends the oldest away, so that at most so many stay. A node needs less time than a stranger who
/// only occupies places, and comes again if it had to go.
fn make_room(strangers: &mut VecDeque<oneshot::Sender<()>>, max: usize) {
    strangers.retain(|stays| !stays.is_canceled());
    while strangers.len() > max {
        strangers.pop_front();
    }
}

/// Hears who it is; `None` for who is to be left alone.
async fn admit(shared: &Shared, mut stream: &TcpStream) -> Option<Channel> {
    let peers = shared.rack().peers()?;
    // Whoever only reads would never notice that the other host is gone.
    stream.set_silence_max(peers.silence_max()).ok()?;
    stream.set_nodelay(true).ok()?;
    let nonce = nonce().ok()?;
    let deadline = Instant::now() + ADMISSION_TIME;
    let mut admission = peers.door().admit(&nonce, deadline);
    let mut buffer = [0; HANDSHAKE_BYTES];
    loop {
        let left = admission
            .poll_timeout()
            .saturating_duration_since(Instant::now());
        let count = timeout(left, stream.read(&mut buffer)).await.ok()?.ok()?;
        admission.handle_timeout(Instant::now()).ok()?;
        if count == 0 {
            return None;
        }
        let is_alive = |party| peers.is_alive(party);
        let admitted = admission.handle_bytes(&buffer[..count], is_alive);
        let output = std::mem::take(admission.output());
        stream.write_all(&output).await.ok()?;
        match admitted {
            Ok(None) => {}
            Ok(channel) => return channel,
            Err(_) => return None,
        }
    }
}

/// Has a worker of ours read the connection: that of the same number, as far as there are such.
fn read_elsewhere(shared: &Arc<Shared>, stream: TcpStream, channel: Channel) {
    // Taken out of this worker's watch, to be watched where it is read.
    let Ok(stream) = OwnedFd::try_from(stream) else {
        return;
    };
    let reader = Arc::clone(shared);
    let by = reader_of(channel.worker, shared.workers().len() as u32) as usize;
    let read = move || async move {
        if let Ok(stream) = TcpStream::try_from(net::TcpStream::from(stream)) {
            read(&reader, stream, channel).await;
        }
    };
    drop(shared.workers()[by].remote().spawn(read));
}

/// Reads a connection until it ends, or its node is lost.
async fn read(shared: &Arc<Shared>, stream: TcpStream, channel: Channel) {
    let node = channel.from.node;
    let Some(peers) = shared.rack().peers() else {
        return;
    };
    let peer = peers.get(node);
    if peer.is_by_tcp() {
        let writer = (node, channel.worker);
        return inlet::read(shared, Rc::new(stream), writer, End::Acceptor).await;
    }
    if let Some((reading, cut)) = Reading::begin(shared, node) {
        let cause = match peer.rdma() {
            Some(rdma) => rdma.attend(shared, stream, channel, cut).await,
            None => attend(shared, stream, channel, cut).await,
        };
        reading.end(cause);
    }
}

/// Tells the writer where our memory is, and wakes whom it rings for.
async fn attend(
    shared: &Arc<Shared>,
    mut stream: TcpStream,
    channel: Channel,
    cut: oneshot::Receiver<()>,
) -> Option<Cause> {
    let memory = shared.rack().peers().and_then(Peers::memory)?;
    let ring = async {
        let mut question = QUESTION;
        match stream.read_exact(&mut question).await {
            Ok(()) if question == QUESTION => {}
            Ok(()) => return Some(Cause::Damaged),
            // It was not in time for the writer, who comes again.
            Err(_) => return None,
        }
        // Before it can write, all look where it will.
        for worker in 0..=shared.workers().len() {
            open_on(shared, worker, channel.from.node, channel.worker);
        }
        let number = memory.number().to_le_bytes();
        if stream.write_all(&number).await.is_err() {
            return Some(Cause::Closed);
        }
        let mut bell = [0; BELL_BYTES];
        loop {
            if stream.read_exact(&mut bell).await.is_err() {
                return Some(Cause::Closed);
            }
            match shared.workers().get(usize::from(u16::from_le_bytes(bell))) {
                Some(worker) => worker.notify(),
                None => shared.workers()[0].notify(), // for control
            }
        }
    };
    match select(pin!(ring), cut).await {
        Either::Left((cause, _)) => cause,
        Either::Right(_) => None,
    }
}

/// So many that have not proved themselves may be connected at a time.
const STRANGERS_MAX: usize = 256;
/// How long each of them may take.
const ADMISSION_TIME: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// More than what either side says in one turn.
const HANDSHAKE_BYTES: usize = 512;
