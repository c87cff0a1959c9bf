//! What a node reads and says, between its pipes and the connection to its controller.
//!
//! The connection is for that alone: when it is full, because nobody reads, the pipe fills, and the
//! node waits as it would on any pipe; and nothing else does.

use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};

use crate::control::connection::{CHUNK_BYTES_MAX, Receiver, Sender, end_of};
use crate::control::message::{Bytes, Chunk};
use crate::output::Stream;

pub(crate) struct Streams {
    sender: Arc<Sender>,
    /// When it goes, a stream that is still open is not waited for any more.
    _open: PipeWriter,
}

impl Streams {
    pub(crate) fn start(
        node: u32,
        child: &mut Child,
        sender: Sender,
        receiver: Receiver,
    ) -> io::Result<Self> {
        let sender = Arc::new(sender);
        let (ended, open) = io::pipe()?;
        let stdout = child.stdout.take().map(OwnedFd::from);
        let stderr = child.stderr.take().map(OwnedFd::from);
        for (pipe, stream) in [(stdout, Stream::Output), (stderr, Stream::Error)] {
            let Some(pipe) = pipe else { continue };
            let (sender, ended) = (sender.clone(), ended.try_clone()?);
            thread::Builder::new().spawn(move || {
                // If nobody takes it, the node finds that nobody reads what it says.
                let _ = copy(node, stream, pipe, &ended, &sender);
                let _ = sender.send(&end_of(node, stream));
            })?;
        }
        if let Some(pipe) = child.stdin.take() {
            thread::Builder::new().spawn(move || feed(pipe, receiver))?;
        }
        Ok(Self {
            sender,
            _open: open,
        })
    }

    /// Nothing is wanted of them any more.
    pub(crate) fn end(self) {
        self.sender.close();
    }
}

/// Until the stream ends, or all has been read of it that was there when it was given up.
fn copy(
    node: u32,
    stream: Stream,
    pipe: OwnedFd,
    ended: &impl AsFd,
    sender: &Sender,
) -> io::Result<()> {
    let mut pipe = io::PipeReader::from(pipe);
    let mut buffer = vec![0; CHUNK_BYTES_MAX];
    loop {
        let mut interests = [
            PollFd::new(&pipe, PollFlags::IN),
            PollFd::new(ended, PollFlags::IN),
        ];
        match poll(&mut interests, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [ready, given_up] = interests.map(|interest| !interest.revents().is_empty());
        if !ready {
            match given_up {
                true => return Ok(()),
                false => continue,
            }
        }
        let read = match pipe.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = Bytes(buffer[..read].to_vec());
        sender.send(&Chunk {
            node,
            stream,
            bytes,
        })?;
    }
}

/// Until the node does not read any more, or nothing more comes.
fn feed(mut pipe: impl Write, mut receiver: Receiver) {
    while let Ok(Chunk { bytes, .. }) = receiver.receive() {
        if bytes.0.is_empty() || pipe.write_all(&bytes.0).is_err() {
            break;
        }
    }
    drop(pipe);
    // What else comes is of no use, and must not fill the connection.
    while receiver.receive_bytes().is_ok() {}
}
