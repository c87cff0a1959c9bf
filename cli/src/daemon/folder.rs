//! The folder of a daemon: its lock, its address for commands of this host, and its cache.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// A folder that no other daemon uses, for as long as this.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
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
        let path = path()?;
        let system = |source: io::Error| FolderError::System {
            path: path.clone(),
            source,
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(system)?;
        // Whoever may change it may have anything run.
        let metadata = fs::metadata(&path).map_err(system)?;
        let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if !is_ours || metadata.mode() & 0o022 != 0 {
            return Err(FolderError::Open { path });
        }
        // Nodes may run elsewhere.
        let path = fs::canonicalize(&path).map_err(system)?;
        let system = |source: io::Error| FolderError::System {
            path: path.clone(),
            source,
        };
        let lock = File::create(path.join("lock")).map_err(system)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let at = address().map(|address| format!(", at {address}"));
                let at = at.unwrap_or_default();
                Err(FolderError::InUse { path, at })
            }
            Err(error) => Err(system(error.into())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
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
        let mut file = File::create(&new)?;
        writeln!(file, "{text}")?;
        fs::rename(new, self.path.join(name))
    }
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
