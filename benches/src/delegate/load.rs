//! A load: what the contenders of a sweep all do.

use crate::harness::picks::{Picker, Picks, Skew};
use crate::harness::section::Section;

/// An object: so many words, all of which an operation reads and writes.
pub(crate) type Object<const N: usize> = [u64; N];

/// What the threads of a run do, each for itself: operations on objects.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) threads: usize,
    pub(crate) objects: usize,
    pub(crate) choice: Choice,
    pub(crate) section: Section,
}

/// Which object is the next.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    /// Any of them.
    Any(Picks),
    /// There is one a thread: so often in a hundred its own, else its neighbour's.
    Own(Picks),
}

impl Load {
    /// All cores, one object, nothing but a fetch-and-add.
    pub(crate) fn plain(threads: usize) -> Self {
        Self::on_objects(threads, 1, Skew::Uniform)
    }

    pub(crate) fn on_objects(threads: usize, objects: usize, skew: Skew) -> Self {
        Self {
            threads,
            objects,
            choice: Choice::Any(Picks::new(objects, skew)),
            section: Section::Nothing,
        }
    }

    /// An object a thread, `percent` of the operations on the thread's own.
    pub(crate) fn own(threads: usize, percent: usize) -> Self {
        Self {
            threads,
            objects: threads,
            choice: Choice::Own(Picks::coins(percent)),
            section: Section::Nothing,
        }
    }

    pub(crate) fn with_section(self, section: Section) -> Self {
        Self { section, ..self }
    }

    /// Does what is not to be measured.
    pub(crate) fn prepare(&self) {
        let (Choice::Any(picks) | Choice::Own(picks)) = &self.choice;
        picks.prepare();
    }

    /// Says for a client of a thread which object is the next.
    pub(crate) fn places(&self, thread: usize, client: usize) -> Places<'_> {
        let seed = thread * 1009 + client;
        match &self.choice {
            Choice::Any(picks) => Places::Any(picks.picker(seed)),
            Choice::Own(coins) => Places::Own {
                coins: coins.picker(seed),
                // By coin: the neighbour's, or its own.
                places: [(thread + 1) % self.objects, thread % self.objects],
            },
        }
    }
}

/// See [`Load::places`].
pub(crate) enum Places<'a> {
    Any(Picker<'a>),
    Own {
        coins: Picker<'a>,
        places: [usize; 2],
    },
}

impl Places<'_> {
    #[inline(always)]
    pub(crate) fn next(&mut self) -> usize {
        match self {
            Self::Any(picker) => picker.pick(),
            Self::Own { coins, places } => places[coins.pick()],
        }
    }
}

/// The operation: adds to each word, and returns what was there before.
#[inline(always)]
pub(crate) fn act<const N: usize>(
    object: &mut Object<N>,
    amounts: Object<N>,
    section: Section,
) -> Object<N> {
    let before = *object;
    for (word, amount) in object.iter_mut().zip(amounts) {
        *word = word.wrapping_add(amount);
    }
    section.spend();
    before
}
