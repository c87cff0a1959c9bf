//! Memory that other processes may write while we read it, as atomic words.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the mapped bytes | anybody, through `words`: as atomic words only, so that what another process does meanwhile is no data race | from `mmap` until the drop of the one `Mapping` |
//! | `base` | `words`, to read it; `drop`, to unmap | the same |
//!
//! The size cannot change under us: memory of ours is sealed when it is made, and what a peer
//! offers is refused unless it is sealed and as large as was agreed on.

#[cfg(not(loom))]
pub(crate) use mapped::Mapping;
#[cfg(loom)]
pub(crate) use watched::Mapping;

#[cfg(not(loom))]
mod mapped {
    use std::ffi::c_void;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::ptr::NonNull;

    use rustix::fs::{
        MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
    };
    use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

    use crate::rack::error::AttachError;
    use crate::sync::AtomicU64;

    /// Mapped memory, zero at first, which becomes memory as it is touched.
    #[derive(Debug)]
    pub(crate) struct Mapping {
        base: NonNull<c_void>,
        words: usize,
    }

    // SAFETY: row 1 of the table: the words are atomics, and no thread owns the mapping.
    unsafe impl Send for Mapping {}
    // SAFETY: as above.
    unsafe impl Sync for Mapping {}

    impl Mapping {
        /// Memory of this process only.
        pub(crate) fn private(words: usize) -> io::Result<Self> {
            // SAFETY: a new mapping at an address of the system's choice touches no other memory.
            let base = unsafe {
                mmap_anonymous(
                    std::ptr::null_mut(),
                    8 * words,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::PRIVATE | MapFlags::NORESERVE,
                )
            }?;
            Ok(Self::of(base, words))
        }

        /// Memory that whoever has the descriptor can map as well.
        pub(crate) fn shared(words: usize) -> io::Result<(Self, OwnedFd)> {
            let memory = memfd_create("gossamer", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            ftruncate(&memory, 8 * words as u64)?;
            fcntl_add_seals(&memory, SEALS)?;
            Ok((Self::of_memory(memory.as_fd(), words)?, memory))
        }

        /// Memory of a peer.
        pub(crate) fn attach(memory: impl AsFd, words: usize) -> Result<Self, AttachError> {
            let memory = memory.as_fd();
            let seals = fcntl_get_seals(memory).map_err(io::Error::from)?;
            if !seals.contains(SEALS) {
                return Err(AttachError::Unsealed);
            }
            let found = fstat(memory)
                .map_err(io::Error::from)?
                .st_size
                .cast_unsigned();
            let expected = 8 * words as u64;
            if found != expected {
                return Err(AttachError::Size { expected, found });
            }
            Ok(Self::of_memory(memory, words)?)
        }

        fn of_memory(memory: impl AsFd, words: usize) -> io::Result<Self> {
            // SAFETY: a new mapping at an address of the system's choice touches no other memory.
            let base = unsafe {
                mmap(
                    std::ptr::null_mut(),
                    8 * words,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::SHARED | MapFlags::NORESERVE,
                    memory,
                    0,
                )
            }?;
            Ok(Self::of(base, words))
        }

        fn of(base: *mut c_void, words: usize) -> Self {
            let base = NonNull::new(base).expect("the system maps nothing at null");
            Self { base, words }
        }

        #[inline(always)]
        pub(crate) fn words(&self) -> &[AtomicU64] {
            // SAFETY: row 2 of the table: so many words are mapped, to be read and written, at an
            // address that is a multiple of a page, as long as `self` lives; any bits are a value
            // of an atomic word.
            unsafe { std::slice::from_raw_parts(self.base.cast().as_ptr(), self.words) }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: rows 1 and 2 of the table: this is the one `Mapping` of that memory, and no
            // borrow of `words` outlives it.
            let unmapped = unsafe { munmap(self.base.as_ptr(), 8 * self.words) };
            debug_assert!(unmapped.is_ok(), "what was mapped can be unmapped");
        }
    }

    /// The size stays as it is, for ever.
    const SEALS: SealFlags = SealFlags::SHRINK
        .union(SealFlags::GROW)
        .union(SealFlags::SEAL);
}

#[cfg(loom)]
mod watched {
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};

    use crate::rack::error::AttachError;
    use crate::sync::AtomicU64;

    /// Words that loom watches; those of another process it cannot.
    #[derive(Debug)]
    pub(crate) struct Mapping(Box<[AtomicU64]>);

    impl Mapping {
        pub(crate) fn private(words: usize) -> io::Result<Self> {
            Ok(Self((0..words).map(|_| AtomicU64::new(0)).collect()))
        }

        pub(crate) fn shared(_: usize) -> io::Result<(Self, OwnedFd)> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn attach(_: impl AsFd, _: usize) -> Result<Self, AttachError> {
            Err(AttachError::Unsealed)
        }

        pub(crate) fn words(&self) -> &[AtomicU64] {
            &self.0
        }
    }
}
