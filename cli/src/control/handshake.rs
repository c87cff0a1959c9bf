//! The handshake of a control connection, without I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use snow::{Builder, HandshakeState, StatelessTransportState};

use super::frame::{Opener, Sealer};
use crate::key::RackKey;

/// The end that was dialled, until the other has proved that it knows the key.
#[derive(Debug)]
pub(crate) struct Acceptor {
    stage: Stage,
    input: Vec<u8>,
    deadline: Instant,
}

#[derive(Debug)]
enum Stage {
    Opening(Box<HandshakeState>),
    Proof(Arc<StatelessTransportState>),
    Over,
}

/// What bytes have led to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More have to come.
    Waits,
    /// This is to be sent.
    Answers(Vec<u8>),
    /// It knows the key: frames follow, both ways.
    Proven(Sealer, Opener),
}

/// Why a connection is none of the rack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StrangerError {
    /// It does not know the key, or speaks another version, or repeats what another has said.
    #[error("it does not know the key, or is of another version")]
    Key,
    /// It did not say what is needed in time.
    #[error("it does not say anything in time")]
    TooSlow,
    /// The system has no random numbers, say.
    #[error("no answer can be made")]
    NoAnswer,
}

impl Acceptor {
    pub(crate) fn new(key: &RackKey, now: Instant) -> Result<Self, StrangerError> {
        let psk = key.derive(PSK_CONTEXT, b"");
        let state = builder(&psk).and_then(Builder::build_responder);
        let state = state.map_err(|_| StrangerError::NoAnswer)?;
        Ok(Self {
            stage: Stage::Opening(Box::new(state)),
            input: Vec::with_capacity(OPENING_BYTES),
            deadline: now + STRANGER_TIME,
        })
    }

    /// How many bytes are read next at most: those behind them are none of the handshake's.
    pub(crate) fn wanted(&self) -> usize {
        let whole = match &self.stage {
            Stage::Opening(_) => OPENING_BYTES,
            Stage::Proof(_) => PROOF_BYTES,
            Stage::Over => 0,
        };
        whole - self.input.len()
    }

    /// Bytes have come, [`wanted`](Self::wanted) of them at most.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Progress, StrangerError> {
        assert!(bytes.len() <= self.wanted(), "more was read than is wanted");
        self.input.extend_from_slice(bytes);
        if self.wanted() > 0 {
            return Ok(Progress::Waits);
        }
        let input = std::mem::take(&mut self.input);
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Opening(mut state) => {
                let mut nothing = [];
                let read = state.read_message(&input, &mut nothing);
                read.map_err(|_| StrangerError::Key)?;
                let mut answer = vec![0; OPENING_BYTES];
                let written = state.write_message(&[], &mut answer);
                let keys = written.and_then(|written| {
                    assert_eq!(written, answer.len(), "the pattern says how long it is");
                    state.into_stateless_transport_mode()
                });
                let keys = keys.map_err(|_| StrangerError::NoAnswer)?;
                self.stage = Stage::Proof(Arc::new(keys));
                Ok(Progress::Answers(answer))
            }
            Stage::Proof(keys) => {
                let read = keys.read_message(0, &input, &mut []);
                read.map_err(|_| StrangerError::Key)?;
                // The dialer has spent its first number on the proof.
                Ok(Progress::Proven(
                    Sealer::new(keys.clone(), 0),
                    Opener::new(keys, 1),
                ))
            }
            Stage::Over => Ok(Progress::Waits),
        }
    }

    /// It has shown that it knows the key, unless it repeats what another has said.
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self.stage, Stage::Opening(_))
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn handle_timeout(&self, now: Instant) -> Result<(), StrangerError> {
        match now >= self.deadline {
            true => Err(StrangerError::TooSlow),
            false => Ok(()),
        }
    }
}

/// The end that dials.
#[derive(Debug)]
pub(crate) struct Dialer(HandshakeState);

impl Dialer {
    /// And what it says first.
    pub(crate) fn new(key: &RackKey) -> Result<(Self, Vec<u8>), StrangerError> {
        let psk = key.derive(PSK_CONTEXT, b"");
        let state = builder(&psk).and_then(Builder::build_initiator);
        let mut state = state.map_err(|_| StrangerError::NoAnswer)?;
        let mut opening = vec![0; OPENING_BYTES];
        let written = state.write_message(&[], &mut opening);
        let written = written.map_err(|_| StrangerError::NoAnswer)?;
        assert_eq!(written, opening.len(), "the pattern says how long it is");
        Ok((Self(state), opening))
    }

    /// What it says last, once the answer of [`OPENING_BYTES`] has come.
    pub(crate) fn handle_answer(
        mut self,
        answer: &[u8],
    ) -> Result<(Vec<u8>, Sealer, Opener), StrangerError> {
        let read = self.0.read_message(answer, &mut []);
        read.map_err(|_| StrangerError::Key)?;
        let keys = self.0.into_stateless_transport_mode();
        let keys = Arc::new(keys.map_err(|_| StrangerError::Key)?);
        let mut proof = vec![0; PROOF_BYTES];
        let written = keys.write_message(0, &[], &mut proof);
        written.map_err(|_| StrangerError::NoAnswer)?;
        Ok((proof, Sealer::new(keys.clone(), 1), Opener::new(keys, 0)))
    }
}

fn builder(psk: &[u8; 32]) -> Result<Builder<'_>, snow::Error> {
    let builder = Builder::new(SUITE.parse().expect("it is one"));
    builder.psk(0, psk)?.prologue(VERSION)
}

/// The only one: there is nothing that could be talked down.
const SUITE: &str = "Noise_NNpsk0_25519_AESGCM_SHA256";

/// Part of what is authenticated, so that another version is as strange as another key.
const VERSION: &[u8] = b"gossamer control 1";

const PSK_CONTEXT: &str = "gossamer daemon, 2026-11, control connections";

/// A point of the curve, and the tag of nothing.
pub(crate) const OPENING_BYTES: usize = 32 + 16;
pub(crate) const PROOF_BYTES: usize = 16;

/// Within this a stranger must have proved itself.
pub(crate) const STRANGER_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
