//! A growing queue of words, whose records lie in one piece.
//!
//! Costs an addition and a comparison a record; when its end is reached the live part moves to
//! the front, or to twice the room when more than half is alive.

use std::mem::MaybeUninit;

use crate::call::Word;

/// First in, first out, in records of any number of words; never shrinks, never allocates while
/// what it holds stays below its high-water mark.
///
/// ```
/// use gossamer_transport::Spool;
///
/// let mut spool = Spool::new();
/// spool.push(2).fill(std::mem::MaybeUninit::new(7));
/// assert_eq!(spool.len(), 2);
/// assert_eq!(spool.pop(2).len(), 2);
/// assert!(spool.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Spool {
    words: Box<[Word]>,
    head: usize,
    tail: usize,
}

impl Spool {
    /// An empty spool without memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many words it holds.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.tail - self.head
    }

    /// Whether it holds nothing.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Appends `count` words and returns their place.
    #[inline(always)]
    pub fn push(&mut self, count: usize) -> &mut [Word] {
        let (start, end) = (self.tail, self.tail + count);
        if end > self.words.len() {
            return self.push_with_room(count);
        }
        self.tail = end;
        &mut self.words[start..end]
    }

    /// All it holds.
    #[inline(always)]
    pub fn words(&self) -> &[Word] {
        &self.words[self.head..self.tail]
    }

    /// Removes all it holds.
    #[inline(always)]
    pub fn clear(&mut self) {
        (self.head, self.tail) = (0, 0);
    }

    /// Removes the first `count` words and returns them; they stay readable until the next push.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline(always)]
    pub fn pop(&mut self, count: usize) -> &[Word] {
        let start = self.head;
        assert!(self.len() >= count, "a record is popped as it was pushed");
        self.head += count;
        if self.is_empty() {
            (self.head, self.tail) = (0, 0);
        }
        &self.words[start..start + count]
    }

    #[cold]
    fn push_with_room(&mut self, count: usize) -> &mut [Word] {
        self.make_room(count);
        self.push(count)
    }

    fn make_room(&mut self, count: usize) {
        let live = self.len();
        if live + count > self.words.len() / 2 {
            let capacity = (2 * self.words.len())
                .max(2 * (live + count))
                .max(WORDS_MIN);
            let mut words = vec![MaybeUninit::uninit(); capacity].into_boxed_slice();
            words[..live].copy_from_slice(&self.words[self.head..self.tail]);
            self.words = words;
        } else {
            self.words.copy_within(self.head..self.tail, 0);
        }
        (self.head, self.tail) = (0, live);
    }
}

const WORDS_MIN: usize = 128;
