//! The key of a run, and what is made with it.

use std::fmt;
use std::str::FromStr;

/// The secret that the nodes of a run have in common.
///
/// What authenticates is derived from it, so that it never meets a peer's bytes itself.
#[derive(Clone)]
pub(crate) struct RunKey([u8; KEY_BYTES]);

/// What both ends of a connection can compute and nobody else; compared in constant time.
pub(crate) type Proof = blake3::Hash;

impl RunKey {
    #[cfg(test)]
    pub(crate) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The code of `parts`, which a `role` made: as each is of a fixed length, or the last, no two
    /// lists of parts are the same bytes.
    pub(crate) fn prove(&self, role: &str, parts: &[&[u8]]) -> Proof {
        let mut derived = blake3::Hasher::new_derive_key(CONTEXT);
        derived.update(&self.0).update(role.as_bytes());
        keyed(derived.finalize().as_bytes(), parts)
    }
}

/// The code of `parts` with a key that was derived before.
pub(crate) fn keyed(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> Proof {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

impl FromStr for RunKey {
    type Err = blake3::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text).map(|hash| Self(hash.into()))
    }
}

impl fmt::Debug for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunKey(secret)")
    }
}

pub(crate) const KEY_BYTES: usize = 32;

const CONTEXT: &str = "gossamer rack, 2026-11, authentication of connections";
