//! The key of a rack: a file that only its owner reads, and what is derived from it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, fmt};

/// The secret that the daemons of a rack and their users have in common.
#[derive(Clone)]
pub(crate) struct RackKey([u8; KEY_BYTES]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum KeyError {
    #[error(
        "there is no key at `{path}`: make one with `gossamer keygen`, copy that of the rack, or \
         name it with --key"
    )]
    Missing { path: PathBuf },
    #[error("`{path}` may be read by others (mode {mode:03o}): run `chmod 600 {path}`")]
    ReadByOthers { path: PathBuf, mode: u32 },
    #[error("`{path}` belongs to another user: copy it to a file of your own")]
    OfAnother { path: PathBuf },
    #[error("`{path}` holds no key: 64 hexadecimal digits as `gossamer keygen` writes them")]
    NoKey { path: PathBuf },
    #[error("there is a file `{path}` already: remove it first if no daemon needs it any more")]
    Exists { path: PathBuf },
    #[error("`{path}`: {source}; name a key file that can be used")]
    File { path: PathBuf, source: io::Error },
    #[error("neither HOME nor XDG_CONFIG_HOME is set: name the key file with --key")]
    NoPlace,
}

impl RackKey {
    /// Makes a new key, in a file that only this user may read.
    pub(crate) fn create(path: &Path) -> Result<(), KeyError> {
        let file = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.into() },
            _ => KeyError::File {
                path: path.into(),
                source,
            },
        };
        let mut key = [0_u8; KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| file(error.into()))?;
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(file)?;
        }
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let mut opened = opened.map_err(file)?;
        let written = opened
            .write_all(format!("{}\n", blake3::Hash::from(key).to_hex()).as_bytes())
            .and_then(|()| opened.sync_all());
        written.map_err(|source| {
            // Half a key is of no use to anybody.
            let _ = fs::remove_file(path);
            file(source)
        })
    }

    /// The key in a file, if only this user may read that.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyError> {
        let file = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => KeyError::Missing { path: path.into() },
            _ => KeyError::File {
                path: path.into(),
                source,
            },
        };
        let opened = File::open(path).map_err(file)?;
        let metadata = opened.metadata().map_err(file)?;
        let mode = metadata.mode() & 0o777;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(KeyError::OfAnother { path: path.into() });
        }
        if mode & 0o077 != 0 {
            let path = path.into();
            return Err(KeyError::ReadByOthers { path, mode });
        }
        let mut text = String::new();
        let read = opened.take(TEXT_BYTES_MAX).read_to_string(&mut text);
        let hash = read
            .ok()
            .and_then(|_| blake3::Hash::from_hex(text.trim()).ok());
        hash.map(|hash| Self(hash.into()))
            .ok_or_else(|| KeyError::NoKey { path: path.into() })
    }

    /// A secret of its own for one use, from which the key cannot be found.
    pub(crate) fn derive(&self, context: &str, salt: &[u8]) -> [u8; KEY_BYTES] {
        let mut derived = blake3::Hasher::new_derive_key(context);
        derived.update(&self.0).update(salt);
        derived.finalize().into()
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

/// Where the key is, unless told otherwise.
pub(crate) fn default_path() -> Result<PathBuf, KeyError> {
    if let Some(path) = env::var_os("GOSSAMER_KEY_FILE") {
        return Ok(path.into());
    }
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".config"));
    let config = config.or_else(home).ok_or(KeyError::NoPlace)?;
    Ok(config.join("gossamer/key"))
}

impl fmt::Debug for RackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RackKey(secret)")
    }
}

pub(crate) const KEY_BYTES: usize = 32;

/// More than a key and the blanks around it.
const TEXT_BYTES_MAX: u64 = 256;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn made_and_read() {
        let folder = env::temp_dir().join(format!("gossamer-key-{}", std::process::id()));
        let path = folder.join("rack/key");
        assert!(matches!(
            RackKey::read(&path),
            Err(KeyError::Missing { .. })
        ));
        RackKey::create(&path).expect("there is room");
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode));
        assert_eq!(fs::metadata(&path).expect("made").mode() & 0o777, 0o600);
        let key = RackKey::read(&path).expect("a key");
        assert!(matches!(
            RackKey::create(&path),
            Err(KeyError::Exists { .. })
        ));
        let again = RackKey::read(&path).expect("it is still there");
        assert_eq!(key.0, again.0);
        for others in [0o640, 0o604, 0o660] {
            mode(others).expect("it is ours");
            let refused = RackKey::read(&path).expect_err("read by others");
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        mode(0o400).expect("it is ours");
        assert!(RackKey::read(&path).is_ok());
        mode(0o600).expect("it is ours");
        for text in ["", "no key", &"0".repeat(63), &"0".repeat(1000)] {
            fs::write(&path, text).expect("it is ours");
            assert!(matches!(RackKey::read(&path), Err(KeyError::NoKey { .. })));
        }
        fs::remove_dir_all(&folder).expect("it is ours");
    }

    #[test]
    fn uses_have_secrets_of_their_own() {
        let key = RackKey::new([7; KEY_BYTES]);
        let derived =
            [("a", "1"), ("a", "2"), ("b", "1")].map(|(c, s)| key.derive(c, s.as_bytes()));
        assert!(derived[0] != derived[1] && derived[0] != derived[2]);
        assert_eq!(derived[0], key.derive("a", b"1"));
    }
}
