//! [`serve`]: reads what a client sends, has it answered, and writes the answers.

use std::io;
use std::mem;
use std::sync::Arc;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use gossamer::net::{TcpStream, UnixStream};

use crate::batch::{Batch, Out};
use crate::direct;
use crate::protocol::{Decoder, Limits, Progress};
use crate::request::Piece;
use crate::server::Server;

/// What a client is connected by.
pub(crate) trait Stream: Send + Sync + 'static
where
    for<'a> &'a Self: AsyncRead + AsyncWrite,
{
    /// Waits until there may be something to read.
    async fn readable(&self);
}

impl Stream for TcpStream {
    async fn readable(&self) {
        self.readable().await;
    }
}

impl Stream for UnixStream {
    async fn readable(&self) {
        self.readable().await;
    }
}

/// Serves one client until it leaves. At most so much is held for it as it has sent and not been
/// answered, one batch of answers, and what it does not read of them: it is not read from before
/// they are written.
///
/// What asks the shard of another worker alone is answered from there: the connection goes to that
/// worker, and is looked for when the client says more. So the worker that reads, which may sleep,
/// need not be woken to pass an answer on.
pub(crate) async fn serve<S: Stream>(stream: Arc<S>, server: &'static Server) -> io::Result<()>
where
    for<'a> &'a S: AsyncRead + AsyncWrite,
{
    let mut connection = Box::new(Connection::new(Arc::clone(&stream), server));
    while connection.input.read(&mut &*stream, server).await? > 0 {
        let ended = connection.decode();
        let shard = connection.only_shard();
        match shard {
            Some(shard) if shard != gossamer::worker_id() && connection.waits_for_more(ended) => {
                let visit = gossamer::spawn_on(shard, move || connection.visit(shard));
                stream.readable().await;
                let answered;
                (connection, answered) = visit.await.expect("no request panics");
                answered?;
            }
            _ => {
                if !connection.answer(ended, shard).await? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// What is between a client and the shards.
struct Connection<S> {
    server: &'static Server,
    input: Input,
    decoder: Decoder,
    /// Decoded, and not answered.
    pieces: Vec<Piece>,
    batch: Batch,
    output: Output<S>,
}

impl<S> Connection<S>
where
    for<'a> &'a S: AsyncWrite,
{
    fn new(stream: Arc<S>, server: &'static Server) -> Self {
        Self {
            server,
            input: Input::default(),
            decoder: Decoder::new(Limits {
                item_max: server.options.item_max,
            }),
            pieces: Vec::new(),
            batch: Batch::default(),
            output: Output {
                stream,
                server,
                bytes: Vec::new(),
            },
        }
    }

    fn decode(&mut self) -> bool {
        self.input.decode(&mut self.decoder, &mut self.pieces)
    }

    fn only_shard(&self) -> Option<usize> {
        self.server.only_shard(&self.pieces, &self.input.bytes)
    }

    /// Whether nothing is left to be done with what was read when the pieces are answered.
    fn waits_for_more(&self, ended: bool) -> bool {
        !ended && self.input.start == self.input.end
    }

    /// Answers what was decoded, on the worker of the shard that is asked.
    async fn visit(mut self: Box<Self>, shard: usize) -> (Box<Self>, io::Result<()>) {
        let answered = match self.answer_directly(shard).await {
            Ok(()) => self.output.send().await,
            failed => failed,
        };
        (self, answered)
    }

    /// Answers what was decoded, which may ask one shard alone, and all that can be after it;
    /// `false` if the client is to be left.
    async fn answer(&mut self, mut ended: bool, mut shard: Option<usize>) -> io::Result<bool> {
        let goes_on = loop {
            if self.pieces.is_empty() {
                break !ended;
            }
            let goes_on = match shard {
                Some(shard) => {
                    self.answer_directly(shard).await?;
                    true
                }
                None => {
                    let (batch, input) = (&mut self.batch, &self.input.bytes);
                    let (pieces, output) = (&mut self.pieces, &mut self.output);
                    batch.answer(self.server, input, pieces, output).await?
                }
            };
            if !goes_on || ended {
                break false;
            }
            ended = self.decode();
            shard = self.only_shard();
        };
        self.output.send().await?;
        Ok(goes_on)
    }

    /// Has one shard answer all that was decoded.
    async fn answer_directly(&mut self, shard: usize) -> io::Result<()> {
        while !self.pieces.is_empty() {
            let pieces = mem::take(&mut self.pieces);
            let input = mem::take(&mut self.input.bytes);
            let out = mem::take(&mut self.output.bytes);
            (self.pieces, self.input.bytes, self.output.bytes) =
                direct::answer(self.server, shard, pieces, input, out).await;
            self.output.send_if_full().await?;
        }
        Ok(())
    }
}

/// What was read and not decoded.
#[derive(Debug, Default)]
struct Input {
    /// As long as there is room.
    bytes: Arc<Vec<u8>>,
    /// Decoded up to here.
    start: usize,
    /// Read up to here.
    end: usize,
    /// The next command needs so many.
    needed: usize,
}

impl Input {
    /// Decodes as many commands as make a batch; `true` if the client is to be left.
    fn decode(&mut self, decoder: &mut Decoder, pieces: &mut Vec<Piece>) -> bool {
        self.needed = 0;
        while self.start < self.end && pieces.len() < PIECES_MAX {
            match decoder.decode(&self.bytes[..self.end], self.start, pieces) {
                Progress::Took(bytes) => self.start += bytes,
                Progress::NeedsMore(bytes) => {
                    self.needed = bytes;
                    break;
                }
                Progress::Ended => return true,
            }
        }
        false
    }

    /// Reads once; nothing but the end of what was sent is read as 0 bytes.
    async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        server: &Server,
    ) -> io::Result<usize> {
        let bytes = Arc::get_mut(&mut self.bytes).expect("no batch is under way");
        bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        // Twice as much for a line that has no end yet: it is copied once, on average.
        let room = self.needed.max(2 * self.end).max(ROOM);
        if bytes.len() < room {
            bytes.resize(room, 0);
        } else if bytes.len() > 4 * room {
            bytes.truncate(room);
            bytes.shrink_to_fit();
        }
        let read = stream.read(&mut bytes[self.end..]).await?;
        self.end += read;
        server.totals().add_read(read);
        Ok(read)
    }
}

/// What is to be written.
struct Output<S> {
    stream: Arc<S>,
    server: &'static Server,
    bytes: Vec<u8>,
}

impl<S> Output<S>
where
    for<'a> &'a S: AsyncWrite,
{
    async fn send(&mut self) -> io::Result<()> {
        if !self.bytes.is_empty() {
            (&*self.stream).write_all(&self.bytes).await?;
            self.server.totals().add_written(self.bytes.len());
            self.bytes.clear();
            self.bytes.shrink_to(OUTPUT_KEPT_MAX);
        }
        Ok(())
    }
}

impl<S> Out for Output<S>
where
    for<'a> &'a S: AsyncWrite,
{
    async fn send_if_full(&mut self) -> io::Result<()> {
        if self.bytes.len() >= OUTPUT_MAX {
            self.send().await?;
        }
        Ok(())
    }

    fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// So much room there is to read into, when nothing larger is on its way.
const ROOM: usize = 16 << 10;
/// So many pieces make a batch, and those of one command more.
const PIECES_MAX: usize = 512;
/// A connection that waits for its client keeps room for no more.
const OUTPUT_KEPT_MAX: usize = 8 << 10;
/// Answers are written when there are so many bytes, or all is answered.
pub(crate) const OUTPUT_MAX: usize = 64 << 10;
