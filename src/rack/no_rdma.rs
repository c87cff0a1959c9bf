//! RDMA where the feature `rdma` is off: there is none.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use gossamer_transport::rack::{Channel, Place, Port, Refusal};

use crate::net::TcpStream;
use crate::rack::connect::OpenError;
use crate::rack::join::{self, Cause, FabricChoice, Membership};
use crate::rack::memory::FabricError;
use crate::rack::side::RackSide;
use crate::shared::Shared;
use crate::worker::Worker;

/// The memory of this node that others write by RDMA, of which there is none; and so on.
#[derive(Debug)]
pub(crate) enum Registered {}
#[derive(Debug)]
pub(crate) enum RdmaPeer {}
#[derive(Debug)]
pub(crate) enum Outlet {}
#[derive(Debug, Default)]
pub(crate) struct Inlets {}

/// RDMA was asked for.
#[derive(Debug, thiserror::Error)]
#[error("it was built without the feature `rdma`")]
struct NotBuilt;

pub(crate) fn is_usable(_: FabricChoice, _: IpAddr) -> bool {
    false
}

impl Registered {
    pub(crate) fn of(
        _: u32,
        _: &Membership,
        choice: FabricChoice,
    ) -> Result<Option<Self>, FabricError> {
        match choice {
            FabricChoice::Rdma => Err(FabricError::Rdma {
                source: Box::new(NotBuilt),
            }),
            _ => Ok(None),
        }
    }

    pub(crate) fn with(&self, _: u32) -> Option<RdmaPeer> {
        match *self {}
    }
}

impl RdmaPeer {
    pub(crate) fn port(&self, _: u32, _: u16) -> Port {
        match *self {}
    }

    pub(super) async fn connect(
        &self,
        _: u32,
        _: u32,
        _: Duration,
        _: &TcpStream,
    ) -> Result<(), OpenError> {
        match *self {}
    }

    pub(super) async fn attend(
        &self,
        _: &Arc<Shared>,
        _: TcpStream,
        _: join::Channel,
        _: oneshot::Receiver<()>,
    ) -> Option<Cause> {
        match *self {}
    }
}

impl Outlet {
    pub(super) fn writes(&self) -> u64 {
        match *self {}
    }
}

impl Channel for Outlet {
    fn push(&mut self, _: Place, _: &[u8], _: u64) -> Result<(), Refusal> {
        match *self {}
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        match *self {}
    }
}

impl RackSide {
    #[inline(always)]
    pub(super) fn poll_rdma(&self, _: &Worker) -> bool {
        let Inlets {} = self.rdma;
        false
    }

    #[inline(always)]
    pub(super) fn sees_rdma(&self, _: &Worker) -> bool {
        let Inlets {} = self.rdma;
        false
    }
}
