//! The workloads of YCSB: how often which operation comes.

use serde::{Deserialize, Serialize};

use crate::zipf::Random;

/// One of YCSB's core workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Workload {
    /// Half reads, half updates.
    A,
    /// 95 of 100 are reads, 5 updates.
    B,
    /// Reads only.
    C,
    /// 95 of 100 read what was inserted last, 5 insert.
    D,
    /// 95 of 100 are scans of up to 100 records, 5 insert.
    E,
    /// Half reads, half reads that are followed by a write of the same.
    F,
}

/// What is done to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Operation {
    Read,
    Update,
    Insert,
    Scan,
    ReadModifyWrite,
}

impl Workload {
    pub(crate) const ALL: [Self; 6] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
            Self::E => "e",
            Self::F => "f",
        }
    }

    /// The next operation.
    pub(crate) fn draw(self, random: &mut Random) -> Operation {
        use Operation::{Insert, Read, ReadModifyWrite, Scan, Update};
        let (often, share, seldom) = match self {
            Self::A => (Read, 50, Update),
            Self::B => (Read, 95, Update),
            Self::C => (Read, 100, Read),
            Self::D => (Read, 95, Insert),
            Self::E => (Scan, 95, Insert),
            Self::F => (Read, 50, ReadModifyWrite),
        };
        match random.below(100) < share {
            true => often,
            false => seldom,
        }
    }

    /// Whether what was inserted last is read most.
    pub(crate) fn prefers_latest(self) -> bool {
        self == Self::D
    }
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Update => "update",
            Self::Insert => "insert",
            Self::Scan => "scan",
            Self::ReadModifyWrite => "read-modify-write",
        }
    }
}
