//! The contenders of the sweeps: each does a [`Load`] in its own way.

mod actors;
mod gossamer;
mod threads;
mod tokio_mutex;

use dashmap::DashMap;
use tokio::sync::mpsc;

use self::actors::{Kameo, Request};
use self::gossamer::Way;
use super::load::{Load, Object};
use crate::harness::machine::Machine;
use crate::harness::meter::Sample;
use crate::harness::section::Section;
use crate::harness::sweep::Kind;

/// Who does the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Apply,
    Dedicated,
    ApplyThen,
    Alone,
    Atomics,
    Std,
    ParkingLot,
    Spin,
    Mcs,
    DashMap,
    TokioMutex,
    TokioActor,
    AsyncChannelActor,
    KameoActor,
}

impl Contender {
    /// All but the one that shares nothing.
    pub(crate) const SHARING: [Self; 13] = [
        Self::Apply,
        Self::Dedicated,
        Self::ApplyThen,
        Self::Atomics,
        Self::Std,
        Self::ParkingLot,
        Self::Spin,
        Self::Mcs,
        Self::DashMap,
        Self::TokioMutex,
        Self::TokioActor,
        Self::AsyncChannelActor,
        Self::KameoActor,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Dedicated => "apply, dedicated trustees",
            Self::ApplyThen => "apply_then",
            Self::Alone => "one thread alone",
            Self::Atomics => "atomic",
            Self::Std => "std Mutex",
            Self::ParkingLot => "parking_lot Mutex",
            Self::Spin => "spin Mutex",
            Self::Mcs => "MCS lock",
            Self::DashMap => "DashMap",
            Self::TokioMutex => "tokio Mutex",
            Self::TokioActor => "tokio actor",
            Self::AsyncChannelActor => "async-channel actor",
            Self::KameoActor => "kameo actor",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Apply | Self::Dedicated | Self::ApplyThen => Kind::Ours,
            Self::Alone | Self::Atomics => Kind::Limit,
            Self::TokioActor | Self::AsyncChannelActor | Self::KameoActor => Kind::Messages,
            _ => Kind::Lock,
        }
    }

    /// `None` if it cannot.
    pub(crate) fn run<const N: usize>(
        self,
        machine: &Machine,
        load: &Load,
        millis: u64,
    ) -> Option<Sample> {
        load.prepare();
        let delegate = |way| gossamer::run::<N>(machine, load, way, millis);
        let sample = match self {
            Self::Apply => return delegate(Way::Apply),
            Self::Dedicated => return delegate(Way::Dedicated),
            Self::ApplyThen => return delegate(Way::ApplyThen),
            Self::Atomics if N > 1 || !matches!(load.section, Section::Nothing) => return None,
            Self::Atomics => threads::atomics(machine, load, millis),
            Self::Alone => threads::alone::<N>(machine, load, millis),
            Self::Std => threads::run::<N, threads::Std<N>>(machine, load, millis),
            Self::ParkingLot => threads::run::<N, threads::ParkingLot<N>>(machine, load, millis),
            Self::Spin => threads::run::<N, threads::Spin<N>>(machine, load, millis),
            Self::Mcs => threads::run::<N, threads::Mcs<N>>(machine, load, millis),
            Self::DashMap => threads::run::<N, DashMap<usize, Object<N>>>(machine, load, millis),
            Self::TokioMutex => tokio_mutex::run::<N>(machine, load, millis),
            Self::TokioActor => actors::run::<N, mpsc::Sender<Request<N>>>(machine, load, millis),
            Self::AsyncChannelActor => {
                actors::run::<N, async_channel::Sender<Request<N>>>(machine, load, millis)
            }
            Self::KameoActor => actors::run::<N, Kameo<N>>(machine, load, millis),
        };
        Some(sample)
    }
}

/// Tasks a thread, where there are tasks.
const TASKS: usize = 64;

/// Operations between two looks at the clock.
const STRIDE: u64 = 8;
