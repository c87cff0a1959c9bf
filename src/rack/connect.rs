//! The connections that a worker writes: made at first use, one for each other node.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use gossamer_executor::time::timeout;

use crate::net::TcpStream;
use crate::rack::join::{Cause, ChannelError, nonce};
use crate::rack::route::Fabric;
use crate::rack::side::RackSide;
use crate::shared::Shared;
use crate::worker::Worker;

/// Connects this worker to a node, and writes what its links have for it, until either is lost.
pub(super) fn spawn_writer(worker: &Worker, node: u32) {
    let (shared, index) = (Arc::clone(worker.shared()), worker.index());
    drop(gossamer_executor::spawn(async move {
        let opened = timeout(OPEN_TIME, open(&shared, index, node)).await;
        let stream = match opened {
            Ok(Ok(stream)) => Rc::new(stream),
            _ => return suspect(&shared, node, Cause::Unreachable),
        };
        if !open_fabric(&shared, index, node, &stream).await {
            return suspect(&shared, node, Cause::Unreachable);
        }
        let reading = Rc::clone(&stream);
        let told = Arc::clone(&shared);
        // The other side writes nothing: what can be read is the end.
        drop(gossamer_executor::spawn(async move {
            let mut byte = [0];
            let cause = match (&*reading).read(&mut byte).await {
                Ok(1..) => Cause::Damaged,
                Ok(0) | Err(_) => Cause::Closed,
            };
            suspect(&told, node, cause);
        }));
        if write(&stream, node).await.is_err() {
            suspect(&shared, node, Cause::Closed);
        }
    }));
}

fn suspect(shared: &Shared, node: u32, cause: Cause) {
    if let Some(peers) = shared.rack().peers() {
        peers.suspect(node, cause);
    }
}

/// Connects, and proves who we are before anything else is said.
async fn open(shared: &Shared, worker: u32, node: u32) -> Result<TcpStream, OpenError> {
    let peers = shared.rack().peers().ok_or(OpenError::Closed)?;
    let stream = TcpStream::connect(peers.get(node).address).await?;
    stream.set_nodelay(true)?;
    // What is not acknowledged is sent again for very long; the reader, who asks too, notices.
    stream.set_silence_max(peers.silence_max())?;
    let nonce = nonce().map_err(|_| OpenError::Closed)?;
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
        let count = read.map_err(|_| ChannelError::TooSlow)??;
        if count == 0 {
            return Err(OpenError::Closed);
        }
        opening.handle_timeout(Instant::now())?;
        if opening.handle_bytes(&buffer[..count])? {
            let rest = std::mem::take(opening.output());
            (&stream).write_all(&rest).await?;
            return Ok(stream);
        }
    }
}

/// Maps the memory of the node, if it shares that: it says under which number it has it open.
async fn open_fabric(shared: &Shared, worker: u32, node: u32, mut stream: &TcpStream) -> bool {
    let Some(shm) = shared
        .rack()
        .peers()
        .and_then(|peers| peers.get(node).shm())
    else {
        return true;
    };
    // Asked for, so that it never comes together with the last word of the handshake.
    if stream.write_all(&QUESTION).await.is_err() {
        return false;
    }
    let mut number = [0; 4];
    let read = timeout(OPEN_TIME, stream.read_exact(&mut number)).await;
    if !matches!(read, Ok(Ok(()))) {
        return false;
    }
    let Ok(channel) = shm.channel(worker, u32::from_le_bytes(number)) else {
        return false;
    };
    Worker::with(|worker| {
        if let Some(side) = worker.and_then(Worker::rack) {
            let mut route = side.route(node).borrow_mut();
            route.fabric = Fabric::Shm(channel, Vec::new());
            route.is_dirty = true;
            side.set_dirty();
        }
    });
    true
}

/// Why a connection did not open.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("the connection")]
    Io(#[from] io::Error),
    #[error("the other node")]
    Refused(#[from] ChannelError),
    #[error("it was closed")]
    Closed,
}

/// Writes what is in the channel, as it comes; ends when the node is lost.
fn write(stream: &TcpStream, node: u32) -> impl Future<Output = io::Result<()>> {
    poll_fn(move |cx| {
        Worker::with(|worker| match worker.and_then(Worker::rack) {
            Some(side) => side.poll_write(stream, node, cx),
            None => Poll::Ready(Ok(())),
        })
    })
}

impl RackSide {
    fn poll_write(
        &self,
        mut stream: &TcpStream,
        node: u32,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        // The waker is this task's own: cloning it and dropping it is no foreign code.
        let mut route = self.route(node).borrow_mut();
        loop {
            if route.is_dead {
                return Poll::Ready(Ok(()));
            }
            if route.chunk().is_empty() {
                route.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let written = Pin::new(&mut stream).poll_write(cx, route.chunk());
            let count = ready!(written)?;
            route.consume(count);
            if route.has_unpublished() {
                // There is room for more now.
                route.is_dirty = true;
                self.set_dirty();
            }
        }
    }
}

/// What asks for the number of the memory; of the length of a bell.
pub(super) const QUESTION: [u8; 2] = [b'?'; 2];
/// How long it may take to reach a node and to be let in.
const OPEN_TIME: Duration = Duration::from_secs(10);
/// More than what either side says in one turn.
const HANDSHAKE_BYTES: usize = 512;
