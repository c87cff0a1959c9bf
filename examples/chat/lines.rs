//! What a client sends, line by line.

use futures::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use gossamer::net::TcpStream;

/// The lines of a connection, of which no more than one is kept.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    input: BufReader<&'a TcpStream>,
    line: Vec<u8>,
}

/// Why there is no other line.
#[derive(Debug)]
pub(crate) enum End {
    /// The client has ended the connection or its half of it, or the connection has failed.
    Gone,
    /// The next one is longer than [`LINE_BYTES_MAX`].
    TooLong,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        Self {
            input: BufReader::new(stream),
            line: Vec::new(),
        }
    }

    /// The next line, without what is no text: its end, and codes that would change how others'
    /// terminals behave.
    pub(crate) async fn next(&mut self) -> Result<String, End> {
        self.line.clear();
        let mut input = (&mut self.input).take(LINE_BYTES_MAX);
        let read = input.read_until(b'\n', &mut self.line).await;
        match read {
            Ok(0) | Err(_) => return Err(End::Gone),
            Ok(_) if self.line.last() != Some(&b'\n') && input.limit() == 0 => {
                return Err(End::TooLong);
            }
            Ok(_) => {} // the last one may have no end
        }
        let text = String::from_utf8_lossy(&self.line);
        let is_text = |c: &char| !c.is_control() || *c == '\t';
        Ok(text.chars().filter(is_text).collect())
    }
}

/// With its end.
pub(crate) const LINE_BYTES_MAX: u64 = 4096;
