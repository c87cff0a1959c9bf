//! A process that runs out of descriptors.

use std::fs::File;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files until no descriptor is left.
pub(crate) fn use_up_descriptors() -> Vec<File> {
    let limit = Rlimit {
        current: Some(128),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).expect("a lower limit");
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}
