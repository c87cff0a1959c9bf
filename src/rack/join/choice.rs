//! Settings of a rack that must be the same on all its nodes.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::identity::Choice;

/// By what nodes reach each other.
///
/// ```
/// use gossamer::rack::join::FabricChoice;
///
/// assert_eq!("shm".parse(), Ok(FabricChoice::Shm));
/// assert_eq!(FabricChoice::default().to_string(), "auto");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FabricChoice {
    /// Shared memory between processes of one host and user; between hosts RDMA where both have a
    /// device that can be used, and TCP where not.
    #[default]
    Auto,
    /// Shared memory; all nodes must be on one host.
    Shm,
    /// TCP, also on one host.
    Tcp,
    /// RDMA, also on one host; all nodes must have a device. It takes the feature `rdma`.
    Rdma,
}

/// What becomes of the rack when one of its nodes dies.
///
/// ```
/// use gossamer::rack::join::OnNodeLoss;
///
/// assert_eq!("survive".parse(), Ok(OnNodeLoss::Survive));
/// assert_eq!(OnNodeLoss::default().to_string(), "abort");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnNodeLoss {
    /// It ends, as a process does of which a thread dies.
    #[default]
    Abort,
    /// It goes on without the node, unless that is node 0, which runs `main`.
    Survive,
}

/// The text is none of the words that are allowed.
///
/// ```
/// let error = "udp".parse::<gossamer::rack::join::FabricChoice>().unwrap_err();
/// assert_eq!(error.to_string(), "must be auto, shm, tcp or rdma");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct ChoiceError(&'static str);

impl FabricChoice {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Auto, "auto"),
        (Self::Shm, "shm"),
        (Self::Tcp, "tcp"),
        (Self::Rdma, "rdma"),
    ];
}

impl OnNodeLoss {
    const ALL: [(Self, &'static str); 2] = [(Self::Abort, "abort"), (Self::Survive, "survive")];
}

macro_rules! words {
    ($choice:ty, $allowed:literal) => {
        impl Choice for $choice {
            const ALLOWED: &'static str = $allowed;
        }

        impl FromStr for $choice {
            type Err = ChoiceError;

            fn from_str(text: &str) -> Result<Self, ChoiceError> {
                let found = Self::ALL.iter().find(|(_, word)| *word == text);
                found.map(|(value, _)| *value).ok_or(ChoiceError($allowed))
            }
        }

        impl Display for $choice {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (_, word) = Self::ALL[self.code() as usize];
                f.write_str(word)
            }
        }

        impl $choice {
            /// Its place among all, which is also what stands for it in messages.
            pub(crate) fn code(self) -> u8 {
                self as u8
            }

            pub(crate) fn from_code(code: u8) -> Option<Self> {
                Self::ALL.get(usize::from(code)).map(|(value, _)| *value)
            }
        }
    };
}

words!(FabricChoice, "auto, shm, tcp or rdma");
words!(OnNodeLoss, "abort or survive");
