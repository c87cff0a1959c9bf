//! [`Table`]: all items of a shard, by key and in the order of use, and the memory they take.

use super::index::Index;
use super::item::{Item, Text};
use super::lru::Order;
use super::slots::Slots;

#[derive(Debug)]
pub(crate) struct Table {
    index: Index,
    slots: Slots,
    order: Order,
    block_bytes: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            index: Index::new(),
            slots: Slots::new(),
            order: Order::new(),
            block_bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many slots there are, used or not.
    pub(crate) fn slots(&self) -> usize {
        self.slots.capacity()
    }

    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.index
            .find(hash as u32, |at| self.slots[at].key() == key)
    }

    /// Reads what a search for each of these will read, so that the processor waits for memory once
    /// for all and not for each.
    pub(crate) fn warm(&self, hashes: impl Iterator<Item = u64>) -> usize {
        let found = hashes.filter_map(|hash| self.index.find(hash as u32, |_| true));
        found.map(|at| self.slots[at].first_byte()).sum()
    }

    pub(crate) fn item(&self, at: u32) -> &Item {
        &self.slots[at]
    }

    /// Its key and its value's length are not to be changed.
    pub(crate) fn item_mut(&mut self, at: u32) -> &mut Item {
        &mut self.slots[at]
    }

    pub(crate) fn oldest(&self) -> Option<u32> {
        self.order.oldest()
    }

    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = &Item> {
        self.order.oldest_first(&self.slots).map(|at| self.item(at))
    }

    /// Adds an item, the newest, whose key must not be there.
    pub(crate) fn insert(&mut self, item: Item) -> u32 {
        self.block_bytes += item.block_bytes();
        let hash = item.hash;
        let at = self.slots.insert(item);
        self.index.insert(hash, at);
        self.order.push(&mut self.slots, at);
        at
    }

    pub(crate) fn remove(&mut self, at: u32) -> Item {
        self.order.remove(&mut self.slots, at);
        let item = self.slots.remove(at);
        self.index.remove(item.hash, at);
        self.block_bytes -= item.block_bytes();
        item
    }

    /// Makes an item the newest.
    pub(crate) fn renew(&mut self, at: u32) {
        self.order.renew(&mut self.slots, at);
    }

    pub(crate) fn write(&mut self, at: u32, text: Text<'_>) {
        let item = &mut self.slots[at];
        self.block_bytes -= item.block_bytes();
        item.write(text);
        self.block_bytes += item.block_bytes();
    }

    /// All the memory that it has.
    pub(crate) fn bytes(&self) -> usize {
        self.block_bytes + self.slots.bytes() + self.index_bytes(self.len())
    }

    /// What it keeps when all items go.
    pub(crate) fn bytes_kept(&self) -> usize {
        self.slots.bytes() + self.index.bytes()
    }

    /// How many bytes there will be more of when an item with such a block comes in.
    pub(crate) fn bytes_of_insert(&self, block_bytes: usize) -> usize {
        let slots = self.slots.bytes_after_insert() - self.slots.bytes();
        let index = self.index_bytes(self.len() + 1) - self.index_bytes(self.len());
        block_bytes + slots + index
    }

    pub(crate) fn index_bytes_held(&self) -> usize {
        self.index.bytes()
    }

    /// Counted by entries while they grow, so that half of the items need not go at once when the
    /// index doubles; but not less than there is.
    fn index_bytes(&self, entries: usize) -> usize {
        Index::bytes_for(entries).max(self.index.bytes())
    }
}
