//! The bells of another node's workers that one of ours is still to ring, as bytes on a connection.
//!
//! A set: who is to be rung for stands in it once, until all of its bell is written. Until then the
//! bell wakes whoever has gone to sleep meanwhile, so that a second would say nothing.

/// Bells that are to be rung.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    /// Whom for, in order; of the first a part may be written.
    bytes: Vec<u8>,
    written: usize,
}

impl Bells {
    /// The bell of this worker is to be rung.
    pub(crate) fn ring(&mut self, worker: u16) {
        let bell = worker.to_le_bytes();
        if !self.bytes.chunks_exact(BELL_BYTES).any(|has| has == bell) {
            self.bytes.extend_from_slice(&bell);
        }
    }

    /// What is to be written.
    pub(crate) fn chunk(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// So much of it was written.
    pub(crate) fn consume(&mut self, bytes: usize) {
        let written = self.written + bytes;
        let whole = written - written % BELL_BYTES;
        self.bytes.drain(..whole);
        self.written = written - whole;
    }

    /// Nobody is rung for any more.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }
}

/// The length of a bell: the number of a worker.
pub(crate) const BELL_BYTES: usize = size_of::<u16>();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_rung_for_once() {
        let mut bells = Bells::default();
        for _ in 0..1000 {
            bells.ring(0x0201);
            bells.ring(0x0403);
        }
        assert_eq!(bells.chunk(), [1, 2, 3, 4]);
        bells.consume(2);
        bells.ring(0x0201);
        assert_eq!(bells.chunk(), [3, 4, 1, 2]);
        bells.consume(4);
        assert!(bells.chunk().is_empty());
    }

    #[test]
    fn a_bell_that_is_written_in_part_is_not_rung_again() {
        let mut bells = Bells::default();
        bells.ring(0x0201);
        bells.ring(0x0403);
        bells.consume(1);
        bells.ring(0x0201);
        assert_eq!(bells.chunk(), [2, 3, 4]);
        bells.consume(2);
        assert_eq!(bells.chunk(), [4]);
        bells.ring(0x0201);
        assert_eq!(bells.chunk(), [4, 1, 2]);
        bells.clear();
        assert!(bells.chunk().is_empty());
    }
}
