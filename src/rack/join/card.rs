//! What a node says of its program when it opens a connection.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::OnceLock;

/// Protocol and build of a peer.
///
/// **Invariant:** its layout is the same in all versions of the protocol, so that two that differ
/// can still say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) protocol: u32,
    pub(crate) build: BuildHash,
}

/// The hash of an executable: two nodes of one rack have the same.
///
/// Addresses of code travel relative to an anchor, so another build would run other code.
///
/// ```
/// use gossamer::rack::join::JoinError;
///
/// fn explain(error: &JoinError) {
///     if let JoinError::Build { ours, theirs } = error {
///         eprintln!("{ours} here, {theirs} there: copy the executable to all hosts");
///     }
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BuildHash(pub(crate) [u8; 32]);

/// How two programs differ that want to form a rack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    Protocol,
    Build,
}

impl Card {
    /// Of this process.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        Ok(Self {
            protocol: PROTOCOL,
            build: BuildHash::of_this_process()?,
        })
    }

    pub(crate) fn compare(&self, other: &Self) -> Result<(), Difference> {
        if self.protocol != other.protocol {
            Err(Difference::Protocol)
        } else if self.build != other.build {
            Err(Difference::Build)
        } else {
            Ok(())
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; CARD_BYTES] {
        let mut bytes = [0; CARD_BYTES];
        bytes[..4].copy_from_slice(&self.protocol.to_le_bytes());
        bytes[BUILD_AT..].copy_from_slice(&self.build.0);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; CARD_BYTES]) -> Self {
        let protocol = bytes.first_chunk().expect("a card is longer");
        let build = bytes.last_chunk().expect("a card is longer");
        Self {
            protocol: u32::from_le_bytes(*protocol),
            build: BuildHash(*build),
        }
    }
}

impl BuildHash {
    fn of_this_process() -> io::Result<Self> {
        static HASH: OnceLock<BuildHash> = OnceLock::new();
        if let Some(hash) = HASH.get() {
            return Ok(*hash);
        }
        // The file that runs, even if its name leads to another one by now.
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open("/proc/self/exe")?)?;
        let hash = Self(hasher.finalize().into());
        Ok(*HASH.get_or_init(|| hash))
    }
}

impl fmt::Display for BuildHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..SHOWN_BYTES]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BuildHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuildHash({self})")
    }
}

/// Of the protocol that all of this module speaks.
pub(crate) const PROTOCOL: u32 = 1;

pub(crate) const CARD_BYTES: usize = 64;

/// What lies between is zero, for versions to come.
const BUILD_AT: usize = 32;

/// Enough to tell two builds apart by eye.
const SHOWN_BYTES: usize = 16;

const _: () = assert!(BUILD_AT + 32 == CARD_BYTES);
