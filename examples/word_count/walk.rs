//! Finding the files, and cutting large ones into pieces.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use async_channel::{Receiver, Sender};
use walkdir::{DirEntry, WalkDir};

use super::progress::Progress;

/// A file or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) path: Arc<Path>,
    /// Where it begins and ends, but for words that are cut; the last piece of a file goes on to
    /// its end, wherever that is by then.
    pub(crate) range: Range<u64>,
}

/// Finds the files at `paths`, or the text files under the current folder if there are none, in a
/// thread of its own.
///
/// The queue is bounded: the walk waits for those who read.
pub(crate) fn pieces_of(paths: Vec<PathBuf>, progress: Progress) -> Receiver<Piece> {
    let (queue, pieces) = async_channel::bounded(QUEUE_PIECES);
    // The thread ends when it has found everything, or when nobody reads any more.
    thread::spawn(move || {
        let walk = Walk {
            queue,
            progress,
            only_text: paths.is_empty(),
        };
        let _ = if walk.only_text {
            walk.folder(Path::new("."))
        } else {
            paths.iter().try_for_each(|path| walk.given(path))
        };
    });
    pieces
}

struct Walk {
    queue: Sender<Piece>,
    progress: Progress,
    only_text: bool,
}

/// Nobody reads any more.
struct Gone;

impl Walk {
    /// What was given is read whatever it is: a pipe, too.
    fn given(&self, path: &Path) -> Result<(), Gone> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(metadata) => self.file(path, metadata.len()),
            Err(error) => {
                self.progress.problem(path, &error);
                Ok(())
            }
        }
    }

    fn folder(&self, path: &Path) -> Result<(), Gone> {
        let entries = WalkDir::new(path).into_iter();
        for entry in entries.filter_entry(|entry| !self.is_skipped(entry)) {
            match entry {
                Ok(entry) => self.entry(&entry)?,
                Err(error) => {
                    let reason = error
                        .io_error()
                        .map_or_else(|| error.to_string(), io::Error::to_string);
                    self.progress.problem(error.path().unwrap_or(path), &reason);
                }
            }
        }
        Ok(())
    }

    /// Only files are read in folders: no pipes or devices, which may have no end.
    fn entry(&self, entry: &DirEntry) -> Result<(), Gone> {
        if entry.file_type().is_dir() {
            return Ok(());
        }
        match fs::metadata(entry.path()) {
            Ok(metadata) if !metadata.is_file() => Ok(()),
            Ok(_) if self.only_text && is_binary(entry.path()).unwrap_or(false) => Ok(()),
            Ok(metadata) => self.file(entry.path(), metadata.len()),
            Err(error) => {
                self.progress.problem(entry.path(), &error);
                Ok(())
            }
        }
    }

    fn file(&self, path: &Path, bytes: u64) -> Result<(), Gone> {
        self.progress.found(bytes);
        let path = Arc::from(path);
        cut(bytes, PIECE_BYTES).try_for_each(|range| {
            let piece = Piece {
                path: Arc::clone(&path),
                range,
            };
            self.queue.send_blocking(piece).map_err(|_| Gone)
        })
    }

    fn is_skipped(&self, entry: &DirEntry) -> bool {
        self.only_text
            && entry.file_type().is_dir()
            && SKIPPED.iter().any(|name| entry.file_name() == *name)
    }
}

/// Cuts a file of `bytes` into ranges, of which the last has no end.
pub(crate) fn cut(bytes: u64, piece_bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let pieces = bytes.div_ceil(piece_bytes).max(1);
    (0..pieces).map(move |piece| {
        let start = piece * piece_bytes;
        start..if piece + 1 == pieces {
            u64::MAX
        } else {
            start + piece_bytes
        }
    })
}

/// Whether a file begins with what no text has: a zero byte.
fn is_binary(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    File::open(path)?.take(8192).read_to_end(&mut begin)?;
    Ok(begin.contains(&0))
}

/// Folders that are not looked into unless they are given.
const SKIPPED: [&str; 2] = ["target", ".git"];
/// Larger files are cut, so that all workers get their share.
const PIECE_BYTES: u64 = 8 << 20;
/// So many pieces wait at most.
const QUEUE_PIECES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_file() {
        let ranges = |bytes| cut(bytes, 10).collect::<Vec<_>>();
        let whole = 0..u64::MAX;
        assert_eq!(ranges(0), std::slice::from_ref(&whole));
        assert_eq!(ranges(10), std::slice::from_ref(&whole));
        assert_eq!(ranges(11), [0..10, 10..u64::MAX]);
        assert_eq!(ranges(30), [0..10, 10..20, 20..u64::MAX]);
    }
}
