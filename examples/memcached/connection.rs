//! [`serve`]: reads what a client sends, has it answered, and writes the answers.

use std::io;
use std::sync::Arc;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::batch::{Batch, Out};
use crate::protocol::{Decoder, Limits, Progress};
use crate::request::Piece;
use crate::server::Server;

/// Serves one client until it leaves. At most so much is held for it as it has sent and not been
/// answered, one batch of answers, and what it does not read of them: it is not read from before
/// they are written.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    server: &'static Server,
) -> io::Result<()> {
    let mut input = Input::default();
    let mut decoder = Decoder::new(Limits {
        item_max: server.options.item_max,
    });
    let mut batch = Batch::default();
    let mut pieces = Vec::new();
    let mut output = Output {
        stream,
        server,
        bytes: Vec::new(),
    };
    loop {
        let goes_on = loop {
            let ended = input.decode(&mut decoder, &mut pieces);
            if pieces.is_empty() {
                break !ended;
            }
            if !batch
                .answer(server, &input.bytes, &mut pieces, &mut output)
                .await?
                || ended
            {
                break false;
            }
        };
        output.send().await?;
        if !goes_on || input.read(&mut output.stream, server).await? == 0 {
            return Ok(());
        }
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
    stream: S,
    server: &'static Server,
    bytes: Vec<u8>,
}

impl<S: AsyncWrite + Unpin> Output<S> {
    async fn send(&mut self) -> io::Result<()> {
        if !self.bytes.is_empty() {
            self.stream.write_all(&self.bytes).await?;
            self.server.totals().add_written(self.bytes.len());
            self.bytes.clear();
            self.bytes.shrink_to(OUTPUT_KEPT_MAX);
        }
        Ok(())
    }
}

impl<S: AsyncWrite + Unpin> Out for Output<S> {
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
const OUTPUT_MAX: usize = 64 << 10;
