//! A seal: the word that publishes a batch.

/// What the seal of a batch says: `sequence:32 | exceptions:1 | offset:15 | count:16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) sequence: u32,
    /// In words: where the records begin; of results in memory, where they end.
    pub(crate) offset: u16,
    pub(crate) count: u16,
    /// Whether requests of the batch have no plain result.
    pub(crate) has_exceptions: bool,
}

impl Seal {
    #[inline(always)]
    pub(crate) const fn to_word(self) -> u64 {
        let offset = (self.has_exceptions as u64) << 15 | self.offset as u64;
        (self.sequence as u64) << 32 | offset << 16 | self.count as u64
    }

    #[inline(always)]
    pub(crate) const fn from_word(word: u64) -> Self {
        Self {
            sequence: (word >> 32) as u32,
            offset: (word >> 16) as u16 & 0x7fff,
            count: word as u16,
            has_exceptions: word & 1 << 31 != 0,
        }
    }
}
