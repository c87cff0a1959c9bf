//! Memory that two processes share, as atomic words.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the mapped bytes | any process, through `Deref`: as atomic words only | from `mmap` until the drop of the one `SharedWords` |
//!
//! The memory is as long as it was made: nobody here makes it shorter.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Memory that other processes of this user may open.
pub(super) struct Offered(OwnedFd);

impl Offered {
    /// So many words, all zero.
    pub(super) fn new(words: usize) -> io::Result<Self> {
        let memory = memfd_create("gossamer-bench", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, 8 * words as u64)?;
        Ok(Self(memory))
    }

    /// Where others open it, for as long as this lives.
    pub(super) fn path(&self) -> PathBuf {
        let (process, number) = (std::process::id(), self.0.as_raw_fd());
        format!("/proc/{process}/fd/{number}").into()
    }
}

/// Mapped memory.
pub(super) struct SharedWords {
    base: NonNull<c_void>,
    words: usize,
}

impl SharedWords {
    /// Opens what another process has offered.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let memory = File::options().read(true).write(true).open(path)?;
        let bytes = fstat(&memory)?.st_size as usize;
        // SAFETY: a new mapping at an address of the system's choice touches no other memory.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::POPULATE,
                memory.as_fd(),
                0,
            )
        }?;
        Ok(Self {
            base: NonNull::new(base).expect("nothing is mapped at address 0"),
            words: bytes / 8,
        })
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: row 1 of the table: mapped for as long as `self` lives, aligned to a page, and
        // every process takes it for atomic words.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().cast(), self.words) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: row 1 of the table: it is ours, and no slice outlives `self`.
        let unmapped = unsafe { munmap(self.base.as_ptr(), 8 * self.words) };
        debug_assert!(unmapped.is_ok(), "it was mapped");
    }
}
