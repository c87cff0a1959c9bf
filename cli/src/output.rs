//! What the nodes say, line by line, each behind the number of its node.

use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Where lines go; one for all nodes, so that no line gets into another, also if both streams of
/// this process lead to the same place.
#[derive(Default)]
pub(crate) struct Printer(Mutex<Printed>);

/// How often something was printed.
type Printed = u64;

/// Which stream of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Stream {
    /// What a node reads, on its way there.
    Input,
    Output,
    Error,
}

impl Printer {
    /// What prints a stream of a node that comes piece by piece.
    pub(crate) fn lines(&self, name: &str, to: Stream) -> PrintedLines<'_> {
        PrintedLines {
            lines: Lines::new(name),
            printer: self,
            to,
        }
    }

    /// Copies a stream of a node until it ends, or this process's cannot take it.
    pub(crate) fn copy(&self, node: u32, from: impl Read, to: Stream) -> io::Result<()> {
        copy(node, from, |lines| self.print(lines, to))
    }

    /// Something has been printed since `seen`, or is being printed: then `seen` is brought up to
    /// date.
    pub(crate) fn is_busy(&self, seen: &mut u64) -> bool {
        match self.0.try_lock() {
            Ok(printed) => std::mem::replace(seen, *printed) != *printed,
            Err(_) => true,
        }
    }

    fn print(&self, lines: &[u8], to: Stream) -> io::Result<()> {
        let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *printed += 1;
        match to {
            Stream::Output => {
                let mut out = io::stdout().lock();
                out.write_all(lines).and_then(|()| out.flush())
            }
            Stream::Input | Stream::Error => io::stderr().lock().write_all(lines),
        }
    }
}

fn copy(
    node: u32,
    mut from: impl Read,
    mut print: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines = Lines::new(&node.to_string());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let bytes = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        lines.take(&buffer[..bytes]);
        lines.print_whole(&mut print)?;
    }
    lines.print_last(&mut print)
}

/// A stream of a node, printed as it comes.
pub(crate) struct PrintedLines<'a> {
    lines: Lines,
    printer: &'a Printer,
    to: Stream,
}

impl PrintedLines<'_> {
    pub(crate) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lines.take(bytes);
        let print = |lines: &[u8]| self.printer.print(lines, self.to);
        self.lines.print_whole(print)
    }

    /// The stream has ended.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let print = |lines: &[u8]| self.printer.print(lines, self.to);
        self.lines.print_last(print)
    }
}

/// Lines that are under construction: whole ones, and behind them the beginning of one.
struct Lines {
    prefix: Vec<u8>,
    text: Vec<u8>,
    /// Where the line begins that is not whole, prefix included.
    begins: usize,
}

impl Lines {
    fn new(name: &str) -> Self {
        Self {
            prefix: format!("[{name}] ").into_bytes(),
            text: Vec::new(),
            begins: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.begins == self.text.len() {
                self.text.extend_from_slice(&self.prefix);
            }
            self.text.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.begins = self.text.len();
            } else if self.text.len() - self.begins > LINE_BYTES_MAX {
                // It goes on as another line, as it cannot be kept for ever.
                self.text.push(b'\n');
                self.begins = self.text.len();
            }
        }
    }

    fn print_whole(&mut self, print: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.begins == 0 {
            return Ok(());
        }
        print(&self.text[..self.begins])?;
        self.text.drain(..self.begins);
        self.begins = 0;
        Ok(())
    }

    /// A line that the stream ended in.
    fn print_last(&mut self, print: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.begins < self.text.len() {
            self.text.push(b'\n');
            self.begins = self.text.len();
        }
        self.print_whole(print)
    }
}

const READ_BYTES: usize = 64 << 10;

/// How much of a line is kept until it is whole.
const LINE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that comes in these pieces, and what is printed at once.
    fn printed(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        struct Pieces<'a>(std::slice::Iter<'a, &'a [u8]>);
        impl Read for Pieces<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let piece = self.0.next().copied().unwrap_or_default();
                buffer[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            }
        }
        let mut printed = Vec::new();
        let print = |lines: &[u8]| {
            printed.push(lines.to_vec());
            Ok(())
        };
        copy(3, Pieces(pieces.iter()), print).unwrap();
        printed
    }

    #[test]
    fn whole_lines_at_once() {
        assert_eq!(printed(&[b"one\ntwo\n"]), [b"[3] one\n[3] two\n"]);
        assert_eq!(printed(&[b"\n\n"]), [b"[3] \n[3] \n"]);
        assert!(printed(&[]).is_empty());
    }

    #[test]
    fn line_in_pieces() {
        let all = printed(&[b"o", b"n", b"e\ntw", b"o"]);
        assert_eq!(all, [&b"[3] one\n"[..], b"[3] two\n"]);
    }

    #[test]
    fn bytes_that_are_no_text() {
        let all = printed(&[b"\xff\x00\r\n\xfe"]);
        assert_eq!(all, [&b"[3] \xff\x00\r\n"[..], b"[3] \xfe\n"]);
    }

    #[test]
    fn line_without_end() {
        let piece = [b'x'; 60_000];
        let pieces = [&piece[..]; 40];
        let all = printed(&pieces).concat();
        let longest = all.split(|&byte| byte == b'\n').map(<[u8]>::len).max();
        assert!(longest.unwrap() <= LINE_BYTES_MAX + READ_BYTES);
        let xs = all.iter().filter(|&&byte| byte == b'x').count();
        assert_eq!(xs, 40 * piece.len(), "nothing is lost");
    }
}
