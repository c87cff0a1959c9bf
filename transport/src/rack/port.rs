//! [`Ports`]: the memory that remote workers write, and how a place of it is written and read.
//!
//! All of it is atomic words. The body of a place is stored and loaded Relaxed, word by word, and
//! the seal Release and Acquire: as plain loads and stores go, so what it costs is that they are
//! not joined into wider ones: about 40 ns for a whole slot, one or two for a small record.
//!
//! **Invariant:** a word of a port is loaded once for each decision.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::line::{LINE_WORDS, prefetch, prefetch_to_write};
use crate::rack::error::{AttachError, WireError};
use crate::rack::layout::{Layout, Place, RingKind};
use crate::rack::mapping::Mapping;
use crate::sync::{AtomicU64, Ordering};

/// Memory that remote workers write for the workers of one node; a clone is the same memory.
///
/// ```
/// use gossamer_transport::rack::{Layout, Ports, shm};
///
/// let layout = Layout { writers: 2, workers: 2, geometry: shm::GEOMETRY };
/// let (ours, memory) = Ports::shared(layout)?;
/// // In another process, which was handed the descriptor:
/// let theirs = Ports::attach(memory, layout)?;
/// # drop((ours, theirs));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ports {
    mapping: Arc<Mapping>,
    /// Where bodies are: there, too, or in memory that is laid out alike, of which seals are shown.
    bodies: Arc<Mapping>,
    layout: Layout,
}

impl Ports {
    /// Memory that only this process can write: for fabrics that carry bytes, and for tests.
    ///
    /// # Errors
    /// If there is no address space left.
    pub fn private(layout: Layout) -> io::Result<Self> {
        layout.geometry.check();
        Ok(Self::of(
            Arc::new(Mapping::private(layout.words())?),
            layout,
        ))
    }

    /// Memory that other processes of the user can map: whoever has the descriptor.
    ///
    /// # Errors
    /// What the system says.
    pub fn shared(layout: Layout) -> io::Result<(Self, OwnedFd)> {
        layout.geometry.check();
        let (mapping, memory) = Mapping::shared(layout.words())?;
        let mapping = Arc::new(mapping);
        // Relaxed: whoever gets the descriptor gets it by way of the system.
        mapping.words()[0].store(layout.to_word(), Ordering::Relaxed);
        Ok((Self::of(mapping, layout), memory))
    }

    /// The memory of a peer, to write what is there for us to write.
    ///
    /// # Errors
    /// If it is not what was agreed on, or the system says so.
    pub fn attach(memory: impl AsFd, layout: Layout) -> Result<Self, AttachError> {
        layout.geometry.check();
        let mapping = Arc::new(Mapping::attach(memory, layout.words())?);
        // Relaxed: as in `shared`.
        if mapping.words()[0].load(Ordering::Relaxed) != layout.to_word() {
            return Err(AttachError::Layout);
        }
        Ok(Self::of(mapping, layout))
    }

    fn of(mapping: Arc<Mapping>, layout: Layout) -> Self {
        let bodies = Arc::clone(&mapping);
        Self {
            mapping,
            bodies,
            layout,
        }
    }

    /// Memory that is there already; more may lie behind what the layout needs.
    #[cfg(all(feature = "rdma", not(loom)))]
    pub(crate) fn within(mapping: Arc<Mapping>, layout: Layout) -> Self {
        assert!(mapping.words().len() >= layout.words(), "it is too short");
        Self::of(mapping, layout)
    }

    /// The same memory, of which no seal is seen before it is [shown](Port::show).
    ///
    /// # Errors
    /// If there is no address space left.
    #[cfg(all(feature = "rdma", not(loom)))]
    pub(crate) fn veiled(self) -> io::Result<Self> {
        let mapping = Arc::new(Mapping::private(self.layout.words())?);
        Ok(Self { mapping, ..self })
    }

    /// Whether seals are to be shown.
    #[cfg(all(feature = "rdma", not(loom)))]
    pub(crate) fn are_veiled(&self) -> bool {
        !Arc::ptr_eq(&self.mapping, &self.bodies)
    }

    /// What the memory is laid out for.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What remote worker `writer` writes for local worker `worker`.
    ///
    /// # Panics
    /// If the layout has no such workers.
    pub fn port(&self, writer: u16, worker: u16) -> Port {
        Port {
            start: self.layout.port(writer, worker),
            ports: self.clone(),
        }
    }

    /// The word in which a worker says that it sleeps.
    pub(crate) fn parking_word(&self, worker: u16) -> &AtomicU64 {
        &self.mapping.words()[self.layout.parking(worker)]
    }
}

/// What one remote worker writes for one local worker.
#[derive(Clone, Debug)]
pub struct Port {
    ports: Ports,
    start: usize,
}

#[cfg(all(feature = "rdma", not(loom)))]
impl Port {
    /// A port that is not where a layout would have it, but begins at this word.
    pub(crate) fn at(mapping: &Arc<Mapping>, layout: Layout, start: usize) -> Self {
        let end = start + layout.geometry.port_words();
        assert!(mapping.words().len() >= end, "it is too short");
        let ports = Ports::of(Arc::clone(mapping), layout);
        Self { ports, start }
    }

    /// Shows the seal of a placement with so many used bytes in a port that is veiled: all of it
    /// has come.
    ///
    /// # Panics
    /// If there is no such place.
    pub(crate) fn show(&self, place: Place, used: usize) {
        debug_assert!(self.ports.are_veiled(), "whoever writes it shows it");
        let last = self.range(place.ring, place.index).end - 1;
        // Relaxed: whoever asks for it knows that all is there.
        let seal = self.ports.bodies.words()[last].load(Ordering::Relaxed);
        let is_notice = place.ring == RingKind::Results && used == 0;
        if is_notice && crate::seal::Seal::from_word(seal).count != 0 {
            return; // that of the batch that follows, of which the body may be missing
        }
        // Release: pairs with the Acquire load in `seal`; a reader that sees this word sees the
        // body in the memory that it was taken from.
        self.ports.mapping.words()[last].store(seal, Ordering::Release);
    }
}

impl Port {
    /// The rings that it has.
    #[inline(always)]
    pub(crate) fn layout(&self) -> Layout {
        self.ports.layout
    }

    /// Places `used` and `seal`; see [`Channel::push`](crate::rack::Channel::push).
    ///
    /// # Panics
    /// If there is no such place, or not as much room.
    #[inline]
    pub(crate) fn store(&self, place: Place, used: &[u8], seal: u64) {
        let words = self.words(place.ring, place.index);
        assert!(used.len() <= place.ring.used_bytes_max(), "no room");
        let (last, body) = words.split_last().expect("a place has words");
        let body = &body[body.len() - used.len().div_ceil(8)..];
        let (chunks, rest) = used.as_chunks();
        for (word, chunk) in body.iter().zip(chunks) {
            // Relaxed: ordered by the seal.
            word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
        }
        if let (false, Some(word)) = (rest.is_empty(), body.last()) {
            let mut padded = [0; 8];
            padded[..rest.len()].copy_from_slice(rest);
            // Relaxed: ordered by the seal.
            word.store(u64::from_le_bytes(padded), Ordering::Relaxed);
        }
        // Release: pairs with the Acquire load in `seal`; a reader that sees this word sees the
        // body stored above.
        last.store(seal, Ordering::Release);
    }

    /// Asks for the line of a place's seal and the one below it, to write them.
    #[inline(always)]
    pub(crate) fn prepare(&self, ring: RingKind, index: u16) {
        let words = self.words(ring, index);
        for word in words.iter().rev().step_by(LINE_WORDS).take(2) {
            prefetch_to_write((&raw const *word).cast());
        }
    }

    /// The sealed word of a place of ours.
    #[inline(always)]
    pub(crate) fn seal(&self, ring: RingKind, index: u16) -> u64 {
        let words = self.words(ring, index);
        // Acquire: pairs with the Release store in `store`.
        words[words.len() - 1].load(Ordering::Acquire)
    }

    /// Copies the last bytes before the seal of a place, from as many words as they need.
    ///
    /// # Panics
    /// If it has not as many.
    #[inline]
    pub(crate) fn load(&self, ring: RingKind, index: u16, target: &mut [u8]) {
        let words = &self.ports.bodies.words()[self.range(ring, index)];
        let body = &words[..words.len() - 1];
        let body = &body[body.len() - target.len().div_ceil(8)..];
        // They are another core's: so all are on their way at once.
        for line in body.iter().step_by(LINE_WORDS) {
            prefetch((&raw const *line).cast());
        }
        let (chunks, rest) = target.as_chunks_mut();
        for (chunk, word) in chunks.iter_mut().zip(body) {
            // Relaxed: ordered by the seal; whatever it is, it is read this once.
            *chunk = word.load(Ordering::Relaxed).to_le_bytes();
        }
        if let (false, Some(word)) = (rest.is_empty(), body.last()) {
            // Relaxed: as above.
            let bytes = word.load(Ordering::Relaxed).to_le_bytes();
            rest.copy_from_slice(&bytes[..rest.len()]);
        }
    }

    /// The sequence of a place that is filled in turn: its seal, if `expected` has come.
    #[inline(always)]
    pub(crate) fn sealed(
        &self,
        ring: RingKind,
        index: u16,
        expected: u32,
    ) -> Result<Option<u64>, WireError> {
        let seal = self.seal(ring, index);
        let found = (seal >> 32) as u32;
        if found == expected {
            return Ok(Some(seal));
        }
        let count = u32::from(self.layout().geometry.count(ring));
        // The batch before, or none yet.
        if found == expected.wrapping_sub(count) || (seal == 0 && expected <= count) {
            return Ok(None);
        }
        Err(WireError::Sequence { expected, found })
    }

    #[inline(always)]
    fn words(&self, ring: RingKind, index: u16) -> &[AtomicU64] {
        &self.ports.mapping.words()[self.range(ring, index)]
    }

    /// Where in the memory a place lies.
    #[inline(always)]
    fn range(&self, ring: RingKind, index: u16) -> Range<usize> {
        let place = self.layout().geometry.place(ring, index);
        let (start, count) = place.expect("whoever asks knows the ring");
        let start = self.start + start;
        start..start + count
    }
}
