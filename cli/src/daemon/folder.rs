//! The folder of a daemon: its lock, its address for commands of this host, and its cache.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

/// A folder that no other daemon uses, for as long as this.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    identity: String,
    _lock: File,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FolderError {
    #[error(
        "none of GOSSAMER_STATE, XDG_STATE_HOME and HOME is set: say with GOSSAMER_STATE where \
             the daemon keeps what it needs"
    )]
    NoPlace,
    #[error(
        "a daemon runs already with the folder `{path}`{at}: end it, or give this one another \
             by GOSSAMER_STATE"
    )]
    InUse { path: PathBuf, at: String },
    #[error(
        "`{path}` may be changed by others: run `chmod 700 {path}`, or name a folder of your own by \
         GOSSAMER_STATE"
    )]
    Open { path: PathBuf },
    #[error("`{path}`: {source}; make it a folder of your own, or name another by GOSSAMER_STATE")]
    System { path: PathBuf, source: io::Error },
}

impl Folder {
    pub(crate) fn take() -> Result<Self, FolderError> {
        let path = private(&path()?)?;
        let system = |source: io::Error| FolderError::System {
            path: path.clone(),
            source,
        };
        let lock = open(&path.join("lock")).map_err(system)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let identity = fs::metadata(&path).map_err(system)?;
                let (device, inode) = (identity.dev(), identity.ino());
                Ok(Self {
                    identity: format!("{}:{device}:{inode}", path.display()),
                    path,
                    _lock: lock,
                })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let at = address().map(|address| format!(", at {address}"));
                let at = at.unwrap_or_default();
                Err(FolderError::InUse { path, at })
            }
            Err(error) => Err(system(error.into())),
        }
    }

    /// Which one it is, also among those that have the same path for others.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Where executables are kept.
    pub(crate) fn cache(&self) -> Result<PathBuf, FolderError> {
        private(&self.path.join("cache"))
    }

    /// Commands of this host find the daemon there.
    pub(crate) fn set_address(&self, address: SocketAddr) -> io::Result<()> {
        self.write("address", &address.to_string())
    }

    /// Nobody finds it any more.
    pub(crate) fn remove_address(&self) {
        let _ = fs::remove_file(self.path.join("address")); // somebody has cleaned up
    }

    /// The number of the last program, of this daemon or one before.
    pub(crate) fn last_program(&self) -> u64 {
        let text = fs::read_to_string(self.path.join("last")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    pub(crate) fn set_last_program(&self, number: &str) -> io::Result<()> {
        self.write("last", number)
    }

    /// As a whole, or not at all.
    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let new = self.path.join(format!("{name}.new"));
        let mut file = open(&new)?;
        file.set_len(0)?;
        writeln!(file, "{text}")?;
        fs::rename(new, self.path.join(name))
    }
}

/// A folder that only this user may change, made if it is missing: whoever may change it may have
/// anything run. As it is called wherever nodes run.
fn private(path: &Path) -> Result<PathBuf, FolderError> {
    let found = || {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let path = fs::canonicalize(path)?;
        let metadata = fs::metadata(&path)?;
        Ok((path, metadata))
    };
    let (path, metadata) = found().map_err(|source| FolderError::System {
        path: path.to_owned(),
        source,
    })?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    match is_ours && metadata.mode() & 0o022 == 0 {
        true => Ok(path),
        false => Err(FolderError::Open { path }),
    }
}

/// A file that is made if it is missing, and never another one that its name leads to.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
}

/// Where the daemon of this host and user keeps what it needs.
fn path() -> Result<PathBuf, FolderError> {
    if let Some(path) = env::var_os("GOSSAMER_STATE") {
        return Ok(path.into());
    }
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".local/state"));
    let state = state.or_else(home).ok_or(FolderError::NoPlace)?;
    Ok(state.join("gossamer"))
}

/// Of the daemon of this host, as far as one has run.
pub(crate) fn address() -> Option<SocketAddr> {
    let text = fs::read_to_string(path().ok()?.join("address")).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn neither_open_to_others_nor_led_elsewhere() {
        let name = format!("gossamer-folder-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        assert_eq!(
            private(&path).expect("it is made").file_name(),
            path.file_name()
        );
        let mode = fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o700);
        for (mode, is_private) in [(0o755, true), (0o720, false), (0o702, false), (0o700, true)] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(&path, mode).expect("it is ours");
            assert_eq!(private(&path).is_ok(), is_private);
        }
        let other = path.join("other");
        fs::write(&other, "kept").expect("there is room");
        symlink(&other, path.join("lock")).expect("there is room");
        assert!(open(&path.join("lock")).is_err());
        open(&other).expect("it is a file");
        assert_eq!(fs::read(&other).expect("it stays"), b"kept");
        fs::remove_dir_all(&path).expect("it is ours");
    }
}
