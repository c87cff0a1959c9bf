//! Reading pieces in bounded chunks.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use async_channel::Receiver;

use super::progress::Progress;
use super::walk::Piece;

/// Takes pieces from the queue and gives their bytes as one stream, a line feed behind each piece.
///
/// Where a file was cut, its words are not: a piece begins behind the first byte at or after its
/// start that is ASCII and in no word, the byte before its start included, and ends behind the
/// first such byte from the last of its range on. What a piece skips is the end of one before it.
#[derive(Debug)]
pub(crate) struct Reader {
    pieces: Receiver<Piece>,
    open: Option<OpenPiece>,
    progress: Progress,
    chunk_bytes: usize,
}

#[derive(Debug)]
struct OpenPiece {
    piece: Piece,
    file: File,
    /// Where in the file the next byte is.
    at: u64,
    has_begun: bool,
    has_ended: bool,
}

impl Reader {
    pub(crate) fn new(pieces: Receiver<Piece>, progress: Progress) -> Self {
        Self {
            pieces,
            open: None,
            progress,
            chunk_bytes: CHUNK_BYTES,
        }
    }

    /// Replaces what is in `chunk` by the next part of the stream: by nothing at its end.
    ///
    /// Waits for the file system and for the queue, so it must not be called on a worker.
    pub(crate) fn fill(&mut self, chunk: &mut Vec<u8>) {
        chunk.resize(self.chunk_bytes + 1, 0); // there is always room for the line feed
        let mut filled = 0;
        while filled < self.chunk_bytes {
            let Some(mut open) = self.open.take().or_else(|| self.open_next()) else {
                break;
            };
            match open.read(&mut chunk[filled..self.chunk_bytes]) {
                Ok(bytes) => {
                    filled += bytes;
                    self.progress.read(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    open.has_ended = true;
                    self.progress.problem(&open.piece.path, &error);
                }
            }
            if open.has_ended {
                chunk[filled] = b'\n';
                filled += 1;
            } else {
                self.open = Some(open);
            }
        }
        chunk.truncate(filled);
    }

    /// The next piece that can be opened.
    fn open_next(&self) -> Option<OpenPiece> {
        loop {
            let piece = self.pieces.recv_blocking().ok()?;
            match OpenPiece::open(&piece) {
                Ok(open) => return Some(open),
                Err(error) => self.progress.problem(&piece.path, &error),
            }
        }
    }
}

impl OpenPiece {
    fn open(piece: &Piece) -> io::Result<Self> {
        let mut file = File::open(&piece.path)?;
        let at = piece.range.start.saturating_sub(1);
        if at > 0 {
            file.seek(SeekFrom::Start(at))?;
        }
        let has_begun = piece.range.start == 0;
        Ok(Self {
            piece: piece.clone(),
            file,
            at,
            has_begun,
            has_ended: false,
        })
    }

    /// Reads more of the piece to the begin of `buffer`; what it skips is not counted.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.piece.range.end;
        let wanted = if self.at < end {
            end - self.at
        } else {
            BYTES_BEHIND_END
        };
        let wanted = usize::try_from(wanted)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let mut count = self.file.read(&mut buffer[..wanted])?;
        if count == 0 {
            self.has_ended = true;
            return Ok(0);
        }
        // The index in what was read of the last byte of the range, or of the first one here
        // that is behind it.
        let last = usize::try_from((end - 1).saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.at += count as u64;
        if let Some(break_at) = buffer[..count].iter().skip(last).position(is_break) {
            self.has_ended = true;
            count = last + break_at + 1;
        }
        if self.has_begun {
            return Ok(count);
        }
        match buffer[..count.min(last)].iter().position(is_break) {
            Some(break_at) => {
                self.has_begun = true;
                buffer.copy_within(break_at + 1..count, 0);
                Ok(count - break_at - 1)
            }
            None => {
                // What would begin in a later range is that range's.
                self.has_ended |= last < count;
                Ok(0)
            }
        }
    }
}

/// Whether no word goes on over this byte, and no sequence of UTF-8.
fn is_break(byte: &u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric()
}

/// What is read and counted at a time: long enough to pay for the way to another thread and back,
/// short enough not to keep a worker from serving others.
const CHUNK_BYTES: usize = 128 << 10;
/// What is read at a time to see where the last word of a piece ends.
const BYTES_BEHIND_END: u64 = 256;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::walk::cut;
    use super::super::words::Splitter;
    use super::super::words::tests::{bytes, words_of};
    use super::*;

    /// The words of a file, read in pieces and chunks of these sizes.
    fn words_of_file(path: &Path, bytes: u64, piece_bytes: u64, chunk_bytes: usize) -> Vec<String> {
        let (queue, pieces) = async_channel::unbounded();
        for range in cut(bytes, piece_bytes) {
            queue
                .try_send(Piece {
                    path: Arc::from(path),
                    range,
                })
                .unwrap();
        }
        drop(queue);
        let progress = Progress::new("test", Arc::default());
        let mut reader = Reader {
            chunk_bytes,
            ..Reader::new(pieces, progress.clone())
        };
        let (mut splitter, mut chunk, mut words) = (Splitter::default(), Vec::new(), Vec::new());
        let mut emit = |word: &str| words.push(word.to_owned());
        loop {
            reader.fill(&mut chunk);
            assert!(chunk.len() <= chunk_bytes + 1);
            if chunk.is_empty() {
                break;
            }
            splitter.split(&chunk, &mut emit);
        }
        splitter.finish(&mut emit);
        assert_eq!(progress.bytes(), bytes, "each byte belongs to one piece");
        words
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            bytes in bytes(),
            piece_bytes in 1_u64..20,
            chunk_bytes in 1_usize..20,
        ) {
            let path = std::env::temp_dir().join(format!("word_count.{}.txt", std::process::id()));
            fs::write(&path, &bytes).unwrap();
            let words = words_of_file(&path, bytes.len() as u64, piece_bytes, chunk_bytes);
            fs::remove_file(&path).unwrap();
            prop_assert_eq!(words, words_of(&bytes));
        }
    }
}
