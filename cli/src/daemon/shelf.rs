//! Which executables are kept, and which have to go. No files, no clock.

use std::collections::BTreeMap;

use crate::control::message::Hash;

/// Executables by hash, bounded by bytes.
#[derive(Debug)]
pub(crate) struct Shelf {
    bytes_max: u64,
    entries: BTreeMap<Hash, Entry>,
    /// Of executables that are on their way in.
    coming_bytes: u64,
    /// Uses so far: the place in time of the last one of each.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    used: u64,
    pins: u32,
    /// What its file was when it was compared with the hash, if it was.
    compared: Option<Identity>,
}

/// Another one when a file has changed, or is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) [u64; 5]);

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// It could never be kept.
    TooLarge,
    /// What is kept is in use.
    InUse,
}

impl Shelf {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            entries: BTreeMap::new(),
            coming_bytes: 0,
            uses: 0,
        }
    }

    /// Makes room for one that comes; what is returned is gone. If there is no room, nothing goes.
    pub(crate) fn expect(&mut self, bytes: u64) -> Result<Vec<Hash>, NoRoom> {
        if bytes > self.bytes_max {
            return Err(NoRoom::TooLarge);
        }
        let in_use = self.entries.values().filter(|entry| entry.pins > 0);
        let in_use: u64 = in_use.map(|entry| entry.bytes).sum();
        // One that has just come may count twice for a moment.
        let free_beside = |kept: u64| self.bytes_max.saturating_sub(self.coming_bytes + kept);
        if bytes > free_beside(in_use) {
            return Err(NoRoom::InUse);
        }
        let mut evicted = Vec::new();
        while bytes
            > self
                .bytes_max
                .saturating_sub(self.coming_bytes + self.bytes())
        {
            evicted.push(self.evict().ok_or(NoRoom::InUse)?);
        }
        self.coming_bytes += bytes;
        Ok(evicted)
    }

    /// One that was expected has come, or does not come.
    pub(crate) fn end_expecting(&mut self, bytes: u64) {
        self.coming_bytes -= bytes;
    }

    pub(crate) fn insert(&mut self, hash: Hash, bytes: u64, compared: Option<Identity>) {
        let used = self.next_use();
        let entry = self.entries.entry(hash).or_insert(Entry {
            bytes,
            used,
            pins: 0,
            compared,
        });
        (entry.bytes, entry.used, entry.compared) = (bytes, used, compared);
    }

    /// Its file is another one, or has gone. Whoever uses it still counts.
    pub(crate) fn remove(&mut self, hash: &Hash) {
        if let Some(entry) = self.entries.get_mut(hash) {
            entry.compared = None;
            if entry.pins == 0 {
                self.entries.remove(hash);
            }
        }
    }

    /// If it is there: what its file was when it was compared with its hash.
    pub(crate) fn find(&mut self, hash: &Hash) -> Option<Option<Identity>> {
        let used = self.next_use();
        let entry = self.entries.get_mut(hash)?;
        entry.used = used;
        Some(entry.compared)
    }

    /// It has to stay.
    pub(crate) fn pin(&mut self, hash: &Hash) -> bool {
        self.entries
            .get_mut(hash)
            .map(|entry| entry.pins += 1)
            .is_some()
    }

    pub(crate) fn unpin(&mut self, hash: &Hash) {
        if let Some(entry) = self.entries.get_mut(hash) {
            entry.pins -= 1;
        }
    }

    /// Lets the one go that was not used for longest, of those that may.
    pub(crate) fn evict(&mut self) -> Option<Hash> {
        let may_go = self.entries.iter().filter(|(_, entry)| entry.pins == 0);
        let (hash, _) = may_go.min_by_key(|(_, entry)| entry.used)?;
        let hash = *hash;
        self.entries.remove(&hash);
        Some(hash)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).sum()
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: Option<Identity> = Some(Identity([1; 5]));

    fn hash(byte: u8) -> Hash {
        [byte; 32]
    }

    fn put(shelf: &mut Shelf, byte: u8, bytes: u64) -> Result<Vec<Hash>, NoRoom> {
        let evicted = shelf.expect(bytes)?;
        shelf.end_expecting(bytes);
        shelf.insert(hash(byte), bytes, SAME);
        Ok(evicted)
    }

    #[test]
    fn the_longest_unused_goes() {
        let mut shelf = Shelf::new(100);
        for byte in 1..=4 {
            assert_eq!(put(&mut shelf, byte, 25), Ok(vec![]));
        }
        assert_eq!(shelf.find(&hash(1)), Some(SAME));
        assert_eq!(put(&mut shelf, 5, 25), Ok(vec![hash(2)]));
        assert_eq!(put(&mut shelf, 6, 60), Ok(vec![hash(3), hash(4), hash(1)]));
        assert_eq!(shelf.bytes(), 85);
    }

    #[test]
    fn what_runs_stays() {
        let mut shelf = Shelf::new(100);
        put(&mut shelf, 1, 60).expect("room");
        assert!(shelf.pin(&hash(1)) && !shelf.pin(&hash(2)));
        assert_eq!(put(&mut shelf, 2, 41), Err(NoRoom::InUse));
        assert_eq!(put(&mut shelf, 2, 101), Err(NoRoom::TooLarge));
        assert_eq!(put(&mut shelf, 2, 40), Ok(vec![]));
        shelf.unpin(&hash(1));
        assert_eq!(put(&mut shelf, 3, 41), Ok(vec![hash(1)]));
    }

    /// Whoever is told what goes removes its file: nothing goes that is not told.
    #[test]
    fn nothing_goes_in_vain() {
        let mut shelf = Shelf::new(100);
        put(&mut shelf, 1, 60).expect("room");
        put(&mut shelf, 2, 30).expect("room");
        assert!(shelf.pin(&hash(1)));
        assert_eq!(put(&mut shelf, 3, 50), Err(NoRoom::InUse));
        assert_eq!((shelf.find(&hash(2)), shelf.bytes()), (Some(SAME), 90));
    }

    #[test]
    fn those_that_come_need_room_too() {
        let mut shelf = Shelf::new(100);
        assert_eq!(shelf.expect(60), Ok(vec![]));
        assert_eq!(shelf.expect(60), Err(NoRoom::InUse));
        shelf.end_expecting(60);
        assert_eq!(shelf.expect(60), Ok(vec![]));
    }

    #[test]
    fn what_a_predecessor_left_is_compared_first() {
        let mut shelf = Shelf::new(100);
        shelf.insert(hash(1), 10, None);
        assert_eq!(shelf.find(&hash(1)), Some(None));
        shelf.insert(hash(1), 10, SAME);
        assert_eq!(shelf.find(&hash(1)), Some(SAME));
        assert_eq!(shelf.bytes(), 10);
    }

    #[test]
    fn what_is_used_counts_though_its_file_has_gone() {
        let mut shelf = Shelf::new(100);
        put(&mut shelf, 1, 10).expect("room");
        assert!(shelf.pin(&hash(1)));
        shelf.remove(&hash(1));
        assert_eq!(shelf.find(&hash(1)), Some(None));
        put(&mut shelf, 1, 10).expect("room");
        shelf.unpin(&hash(1));
        assert_eq!(shelf.evict(), Some(hash(1)));
    }
}
