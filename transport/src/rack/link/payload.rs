//! [`Payload`]: what does not fit into a slot.

use std::collections::VecDeque;

/// The bytes of a message that does not fit into a slot, in parts, and what is done with each when
/// it has been sent: giving 64 MiB back to the system takes milliseconds, which not every thread
/// has.
///
/// ```
/// use gossamer_transport::rack::Payload;
///
/// let mut payload = Payload::from(b"body".to_vec());
/// payload.push_front(b"head and ".to_vec());
/// assert_eq!(payload.len(), 13);
/// assert_eq!(payload.into_bytes(), b"head and body");
/// ```
#[derive(Debug)]
pub struct Payload {
    parts: VecDeque<Vec<u8>>,
    bytes: usize,
    dispose: Dispose,
}

/// What is done with a part that has been sent.
pub(super) type Dispose = fn(Vec<u8>);

impl Payload {
    /// How many bytes they are.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Appends a part.
    pub fn push(&mut self, part: Vec<u8>) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_back(part);
        }
    }

    /// Has something else done with what has been sent than dropping it.
    pub fn set_disposal(&mut self, dispose: fn(Vec<u8>)) {
        self.dispose = dispose;
    }

    /// Puts a part ahead of the others.
    pub fn push_front(&mut self, part: Vec<u8>) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_front(part);
        }
    }

    /// All of them in one.
    pub fn into_bytes(mut self) -> Vec<u8> {
        match self.parts.len() {
            0 | 1 => self.parts.pop_front().unwrap_or_default(),
            _ => Vec::from(self.parts).concat(),
        }
    }

    /// The parts, and what is done with each when it has been sent.
    pub(super) fn into_parts(self) -> (VecDeque<Vec<u8>>, Dispose) {
        (self.parts, self.dispose)
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self {
            parts: VecDeque::new(),
            bytes: 0,
            dispose: drop,
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        let mut payload = Self::default();
        payload.push(bytes);
        payload
    }
}
