//! Which cores a thread may run on.

use std::io;

/// The cores that the calling thread may run on.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert!(!gossamer_executor::allowed_cores()?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// What the system answers; [`io::ErrorKind::Unsupported`] where it cannot be asked.
pub fn allowed_cores() -> io::Result<Vec<usize>> {
    system::allowed_cores()
}

/// Lets the calling thread run on `core` only.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// # std::thread::spawn(|| -> std::io::Result<()> {
/// use gossamer_executor::{allowed_cores, pin_to};
///
/// let core = allowed_cores()?[0];
/// pin_to(core)?;
/// assert_eq!(allowed_cores()?, [core]);
/// # Ok(())
/// # }).join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// What the system answers, such as for a core that is not there;
/// [`io::ErrorKind::Unsupported`] where it cannot be asked.
pub fn pin_to(core: usize) -> io::Result<()> {
    system::pin_to(core)
}

/// Lets the calling thread run wherever the first thread of its process may: threads that a pinned
/// one starts are pinned as it is.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// # std::thread::spawn(|| -> std::io::Result<()> {
/// use gossamer_executor::{allowed_cores, pin_to, unpin};
///
/// let before = allowed_cores()?;
/// pin_to(before[0])?;
/// unpin()?;
/// assert_eq!(allowed_cores()?, before);
/// # Ok(())
/// # }).join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// What the system answers; [`io::ErrorKind::Unsupported`] where it cannot be asked.
pub fn unpin() -> io::Result<()> {
    system::unpin()
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use rustix::process::getpid;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(super) fn unpin() -> io::Result<()> {
        let allowed = sched_getaffinity(Some(getpid()))?;
        Ok(sched_setaffinity(None, &allowed)?)
    }

    pub(super) fn allowed_cores() -> io::Result<Vec<usize>> {
        let allowed = sched_getaffinity(None)?;
        Ok((0..CpuSet::MAX_CPU)
            .filter(|&core| allowed.is_set(core))
            .collect())
    }

    pub(super) fn pin_to(core: usize) -> io::Result<()> {
        if core >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut only = CpuSet::new();
        only.set(core);
        Ok(sched_setaffinity(None, &only)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    pub(super) fn allowed_cores() -> io::Result<Vec<usize>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn unpin() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn pin_to(_core: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn core_that_is_not_there() {
        assert!(pin_to(usize::MAX).is_err());
    }
}
