//! [`Plain`]: a table without trusts, to compare with: a `DashMap` of items that are never evicted.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::request::{Action, Mode, Request};

/// Knows `get`, `gets`, `set` and `delete`, which is what load is made of; nothing expires.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    items: DashMap<Box<[u8]>, Item>,
}

#[derive(Debug)]
struct Item {
    value: Box<[u8]>,
    flags: u32,
    cas: u64,
}

impl Plain {
    pub(crate) fn execute(
        &self,
        request: &Request,
        input: &[u8],
        ids: &AtomicU64,
        out: &mut Vec<u8>,
    ) {
        let key = request.key.of(input);
        match &request.action {
            Action::Get {
                shows_cas,
                touch: None,
            } => {
                if let Some(item) = self.items.get(key) {
                    item.write(key, *shows_cas, out);
                }
            }
            Action::Store(store) if store.mode == Mode::Set => {
                let value = store.value.of(input);
                // Relaxed: a number that differs from all others.
                let cas = ids.fetch_add(1, Ordering::Relaxed) + 1;
                match self.items.get_mut(key) {
                    Some(mut item) if item.value.len() == value.len() => {
                        item.value.copy_from_slice(value);
                        (item.flags, item.cas) = (store.flags, cas);
                    }
                    found => {
                        drop(found); // a lock, which `insert` takes
                        let item = Item {
                            value: value.into(),
                            flags: store.flags,
                            cas,
                        };
                        self.items.insert(key.into(), item);
                    }
                }
                if !store.is_quiet {
                    out.extend_from_slice(b"STORED\r\n");
                }
            }
            Action::Delete { is_quiet } => {
                let found = self.items.remove(key).is_some();
                if !is_quiet {
                    let answer: &[u8] = if found {
                        b"DELETED\r\n"
                    } else {
                        b"NOT_FOUND\r\n"
                    };
                    out.extend_from_slice(answer);
                }
            }
            _ => out.extend_from_slice(b"SERVER_ERROR this table has no such command\r\n"),
        }
    }
}

impl Item {
    fn write(&self, key: &[u8], shows_cas: bool, out: &mut Vec<u8>) {
        let (flags, bytes) = (self.flags, self.value.len());
        out.extend_from_slice(b"VALUE ");
        out.extend_from_slice(key);
        let written = if shows_cas {
            write!(out, " {flags} {bytes} {}\r\n", self.cas)
        } else {
            write!(out, " {flags} {bytes}\r\n")
        };
        written.expect("a vector takes all");
        out.extend_from_slice(&self.value);
        out.extend_from_slice(b"\r\n");
    }
}
