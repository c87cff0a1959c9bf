//! A network namespace, which lasts as long as a descriptor of it or a process in it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

#[derive(Debug)]
pub(crate) struct Namespace(OwnedFd);

impl Namespace {
    /// A new one, without any interface but its loopback, which is down.
    pub(crate) fn new() -> io::Result<Self> {
        let make = || {
            // SAFETY: it concerns no memory and no descriptor, only which network this thread sees.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
            Self::of_this_thread()
        };
        // By a thread that ends, so that nobody else is left in it.
        std::thread::scope(|scope| scope.spawn(make).join()).expect("no panic")
    }

    pub(crate) fn of_this_thread() -> io::Result<Self> {
        Ok(Self(File::open("/proc/thread-self/ns/net")?.into()))
    }

    /// Runs `f` with this thread in it: processes that it starts and sockets that it makes belong
    /// there.
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        /// Goes home, also in a panic.
        struct Home(Namespace);
        impl Drop for Home {
            fn drop(&mut self) {
                self.0.enter();
            }
        }
        let home = Home(Self::of_this_thread().expect("every thread is in one"));
        self.enter();
        let result = f();
        drop(home);
        result
    }

    fn enter(&self) {
        let moved = move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network));
        moved.expect("who may make one may enter it");
    }

    /// Runs `ip` in it with these words.
    ///
    /// # Errors
    /// What it says.
    pub(crate) fn try_ip(&self, words: &str) -> Result<(), String> {
        let run = || Command::new("ip").args(words.split(' ')).output();
        let output = self.within(run).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "the command `ip` of iproute2 is missing".to_owned(),
            _ => format!("ip: {error}"),
        })?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("ip {words}: {}", said.trim_end()))
            }
        }
    }

    /// Runs `ip` in it with these words, which must succeed.
    pub(crate) fn ip(&self, words: &str) {
        self.try_ip(words).unwrap_or_else(|error| panic!("{error}"));
    }

    /// As `ip` takes it behind `netns`.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}
