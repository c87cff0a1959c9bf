//! Finding the program before any node is started, so that there is one message and not many.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Why a program cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error("there is no program `{name}` in any folder of PATH: check its name, or give a path")]
    NotInPath { name: String },
    #[error("there is no file `{path}`: build the program, or correct the path")]
    Missing { path: PathBuf },
    #[error("`{path}` is a folder: name the program in it")]
    Folder { path: PathBuf },
    #[error(
        "`{path}` may not be executed: make it executable (`chmod +x`), or name its interpreter \
         before it"
    )]
    NotExecutable { path: PathBuf },
}

/// The file that a name or a path stands for.
pub(crate) fn find(program: &OsStr) -> Result<PathBuf, ProgramError> {
    let path = Path::new(program);
    if path.components().count() > 1 || program.as_encoded_bytes().contains(&b'/') {
        return check(path).map(|()| path.to_owned());
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut refusal = None;
    for folder in env::split_paths(&folders).filter(|_| !program.is_empty()) {
        let path = folder.join(program);
        match check(&path) {
            Ok(()) => return Ok(path),
            // As a shell does, go on, but remember that there was something.
            Err(error @ ProgramError::NotExecutable { .. }) => {
                refusal.get_or_insert(error);
            }
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or_else(|| ProgramError::NotInPath {
        name: program.to_string_lossy().into_owned(),
    }))
}

fn check(path: &Path) -> Result<(), ProgramError> {
    let path = path.to_owned();
    if !path.exists() {
        Err(ProgramError::Missing { path })
    } else if path.is_dir() {
        Err(ProgramError::Folder { path })
    } else if access(&path, Access::EXEC_OK).is_err() {
        Err(ProgramError::NotExecutable { path })
    } else {
        Ok(())
    }
}

impl ProgramError {
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::NotInPath { .. } | Self::Missing { .. } => STATUS_NOT_FOUND,
            Self::Folder { .. } | Self::NotExecutable { .. } => STATUS_NOT_EXECUTABLE,
        }
    }
}

/// As shells have it.
pub(crate) const STATUS_NOT_EXECUTABLE: u8 = 126;
pub(crate) const STATUS_NOT_FOUND: u8 = 127;
