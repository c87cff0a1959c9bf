//! The executables of programs, as files that are named by their hash.
//!
//! **Invariant:** a file has its name only once it was compared with its hash. What a predecessor
//! has left is compared before its first use, and what has changed before its next.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::shelf::{Identity, NoRoom, Shelf};
use crate::control::message::Hash;

#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    shelf: Mutex<Shelf>,
    /// So that two that come at once have files of their own.
    parts: AtomicU64,
}

/// An executable that stays as long as this.
#[derive(Debug)]
pub(crate) struct Pinned {
    cache: Arc<Cache>,
    hash: Hash,
    path: PathBuf,
}

/// Why an executable is not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CacheError {
    #[error("it has {bytes} bytes, of {bytes_max}")]
    TooLarge { bytes: u64, bytes_max: u64 },
    #[error("all of it is in use: end programs, or give it more by --cache-bytes")]
    InUse,
    #[error("{0}")]
    Write(io::Error),
    /// The sender has gone.
    #[error("it does not come")]
    Source,
    #[error("it is another one than was said")]
    Other,
}

/// An executable that comes in.
pub(crate) struct Coming<'a> {
    cache: &'a Cache,
    hash: Hash,
    bytes: u64,
    left: u64,
    hasher: blake3::Hasher,
    part: PathBuf,
    file: File,
}

impl Cache {
    /// Takes over what a predecessor has left, but what is half there.
    pub(crate) fn open(folder: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let mut shelf = Shelf::new(bytes_max);
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            let hash = entry.file_name().to_str().and_then(hash_of);
            match hash.filter(|_| metadata.is_file()) {
                Some(hash) => shelf.insert(hash, metadata.len(), None),
                None => fs::remove_file(entry.path()).map_err(|error| {
                    let path = entry.path();
                    io::Error::other(format!(
                        "`{}` is none of it: {error}; remove it",
                        path.display()
                    ))
                })?,
            }
        }
        let cache = Self {
            folder,
            bytes_max,
            shelf: Mutex::new(shelf),
            parts: AtomicU64::new(0),
        };
        while cache.bytes() > bytes_max && cache.evict() {}
        Ok(cache)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes()
    }

    /// The executable, which stays as long as what is returned.
    pub(crate) fn pin(self: &Arc<Self>, hash: Hash) -> Option<Pinned> {
        if !self.has(hash) || !self.lock().pin(&hash) {
            return None;
        }
        Some(Pinned {
            cache: self.clone(),
            hash,
            path: self.path(&hash),
        })
    }

    pub(crate) fn has(&self, hash: Hash) -> bool {
        let found = self.lock().find(&hash);
        match found {
            None => false,
            Some(compared) if compared.is_some() && compared == self.identity(&hash) => true,
            Some(_) => self.verify(hash),
        }
    }

    /// Compares a file with its name that was left by a predecessor, or has changed.
    fn verify(&self, hash: Hash) -> bool {
        let path = self.path(&hash);
        let before = self.identity(&hash);
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&path).and_then(|file| hasher.update_reader(file).map(drop));
        let is_same = read.is_ok() && Hash::from(hasher.finalize()) == hash;
        let mut shelf = self.lock();
        if before != self.identity(&hash) {
            return false; // another one came meanwhile: whoever asks again sees that
        }
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        match is_same {
            true => shelf.insert(hash, bytes, before),
            false => {
                shelf.remove(&hash);
                let _ = fs::remove_file(&path); // it may not even be there
            }
        }
        is_same
    }

    /// Of the file that has this name.
    fn identity(&self, hash: &Hash) -> Option<Identity> {
        let metadata = fs::symlink_metadata(self.path(hash)).ok()?;
        let changed = metadata.ctime() as u64;
        let nanos = metadata.ctime_nsec() as u64;
        let identity = [
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            changed,
            nanos,
        ];
        metadata.is_file().then_some(Identity(identity))
    }

    /// Makes room for an executable.
    pub(crate) fn expect(&self, hash: Hash, bytes: u64) -> Result<Coming<'_>, CacheError> {
        let mut shelf = self.lock();
        let evicted = shelf.expect(bytes).map_err(|error| match error {
            NoRoom::TooLarge => CacheError::TooLarge {
                bytes,
                bytes_max: self.bytes_max,
            },
            NoRoom::InUse => CacheError::InUse,
        })?;
        for old in evicted {
            self.forget(&old);
        }
        drop(shelf);
        // Relaxed: the numbers only have to differ.
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        let part = self.folder.join(format!("part-{number}"));
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(&part);
        match made {
            Ok(file) => Ok(Coming {
                cache: self,
                hash,
                bytes,
                left: bytes,
                hasher: blake3::Hasher::new(),
                part,
                file,
            }),
            Err(error) => {
                self.lock().end_expecting(bytes);
                Err(CacheError::Write(error))
            }
        }
    }

    fn evict(&self) -> bool {
        let mut shelf = self.lock();
        let evicted = shelf.evict();
        evicted.inspect(|hash| self.forget(hash)).is_some()
    }

    /// Under the lock, so that none goes that has just come again.
    fn forget(&self, hash: &Hash) {
        let _ = fs::remove_file(self.path(hash)); // nobody looks for it any more
    }

    fn path(&self, hash: &Hash) -> PathBuf {
        self.folder
            .join(blake3::Hash::from(*hash).to_hex().as_str())
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coming<'_> {
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(CacheError::Other)?;
        self.hasher.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Rather an executable that is needed now than those that may be.
                Err(error) if error.kind() == io::ErrorKind::StorageFull && self.cache.evict() => {}
                Err(error) => return Err(CacheError::Write(error)),
            }
        }
        Ok(())
    }

    /// All has come: it is kept if it is what was said.
    pub(crate) fn finish(self) -> Result<(), CacheError> {
        if self.left > 0 {
            return Err(CacheError::Source);
        }
        if Hash::from(self.hasher.finalize()) != self.hash {
            return Err(CacheError::Other);
        }
        let mut shelf = self.cache.lock();
        let renamed = fs::rename(&self.part, self.cache.path(&self.hash));
        renamed.map_err(CacheError::Write)?;
        shelf.insert(self.hash, self.bytes, self.cache.identity(&self.hash));
        drop(shelf);
        Ok(())
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.cache.lock().end_expecting(self.bytes);
        let _ = fs::remove_file(&self.part); // it has its name by now, if it is kept
    }
}

impl Pinned {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.cache.lock().unpin(&self.hash);
    }
}

fn hash_of(name: &str) -> Option<Hash> {
    let hash = blake3::Hash::from_hex(name).ok()?;
    (hash.to_hex().as_str() == name).then(|| hash.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("gossamer-cache-{name}-{}", std::process::id());
            let folder = Self(std::env::temp_dir().join(name));
            fs::create_dir(&folder.0).expect("nothing is there yet");
            folder
        }

        fn files(&self) -> usize {
            fs::read_dir(&self.0).expect("it is there").count()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn store(cache: &Cache, hash: Hash, bytes: &[u8]) -> Result<(), CacheError> {
        let mut coming = cache.expect(hash, bytes.len() as u64)?;
        for piece in bytes.chunks(7) {
            coming.take(piece)?;
        }
        coming.finish()
    }

    fn hash(bytes: &[u8]) -> Hash {
        blake3::hash(bytes).into()
    }

    #[test]
    fn kept_by_a_successor_too() {
        let folder = Folder::new("kept");
        let (one, other) = (&b"one executable"[..], &b"another one"[..]);
        {
            let cache = Cache::open(folder.0.clone(), 1000).expect("a folder");
            store(&cache, hash(one), one).expect("room");
            store(&cache, hash(other), other).expect("room");
            assert!(cache.has(hash(one)) && !cache.has([0; 32]));
        }
        fs::write(folder.0.join("part-0"), "half").expect("room");
        // Whoever has bent it meanwhile is found out.
        let bent = folder.0.join(blake3::hash(other).to_hex().as_str());
        fs::write(bent, "bent").expect("room");
        let cache = Arc::new(Cache::open(folder.0.clone(), 1000).expect("a folder"));
        assert_eq!(folder.files(), 2);
        let pinned = cache.pin(hash(one)).expect("it is there");
        assert_eq!(fs::read(pinned.path()).expect("it stays"), one);
        assert!(cache.pin(hash(other)).is_none());
        assert_eq!(folder.files(), 1);
        // Also if it was found good before.
        store(&cache, hash(other), other).expect("room");
        let good = cache.pin(hash(other)).expect("it is there");
        fs::write(good.path(), "bent again").expect("room");
        assert!(!cache.has(hash(other)) && !good.path().exists());
        store(&cache, hash(other), other).expect("room");
        assert!(cache.has(hash(other)));
    }

    #[test]
    fn what_is_not_what_was_said_leaves_nothing() {
        let folder = Folder::new("other");
        let cache = Cache::open(folder.0.clone(), 100).expect("a folder");
        let refused = store(&cache, hash(b"this"), b"that");
        assert!(matches!(refused, Err(CacheError::Other)));
        let refused = store(&cache, hash(b"long"), &[0; 101]);
        assert!(matches!(refused, Err(CacheError::TooLarge { .. })));
        let mut coming = cache.expect(hash(b"this"), 4).expect("room");
        coming.take(b"th").expect("room");
        assert!(matches!(coming.finish(), Err(CacheError::Source)));
        let mut coming = cache.expect(hash(b"this"), 4).expect("room");
        assert!(matches!(
            coming.take(b"that is more"),
            Err(CacheError::Other)
        ));
        drop(coming);
        assert_eq!((folder.files(), cache.bytes()), (0, 0));
        assert!(cache.lock().expect(100).is_ok(), "no room is lost");
    }

    #[test]
    fn a_folder_in_it_is_named() {
        let folder = Folder::new("folder");
        fs::create_dir(folder.0.join("sub")).expect("room");
        let error = Cache::open(folder.0.clone(), 100).expect_err("it is none of ours");
        let error = error.to_string();
        assert!(error.contains("/sub` is none of it: ") && error.ends_with("; remove it"));
    }

    #[test]
    fn bounded() {
        let folder = Folder::new("bounded");
        let cache = Arc::new(Cache::open(folder.0.clone(), 100).expect("a folder"));
        let pinned = {
            store(&cache, hash(&[0; 30]), &[0; 30]).expect("room");
            cache.pin(hash(&[0; 30])).expect("it is there")
        };
        for byte in 1..20 {
            store(&cache, hash(&[byte; 30]), &[byte; 30]).expect("others go");
            assert!(cache.bytes() <= 100 && folder.files() <= 3);
        }
        assert!(pinned.path().exists());
        let smaller = Cache::open(folder.0.clone(), 50).expect("a folder");
        assert!(smaller.bytes() <= 50 && folder.files() == 1);
    }
}
