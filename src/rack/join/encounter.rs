//! A connection from its first byte: the handshake, then sealed frames.
//!
//! No I/O: whoever has the socket gives what has come and sends what is in the output, also after
//! an error, as the other side may need it to find the same error.

use std::time::Instant;

use super::card::{Card, Difference};
use super::handshake::{Handshake, HandshakeError, Nonce};
use super::key::RunKey;
use super::sealed::{FrameError, Opener, Sealer};

/// One end of a connection between nodes.
pub(crate) struct Encounter {
    stage: Stage,
    ours: Card,
    theirs: Option<Card>,
    /// Frames that wait until the peer has proved itself.
    waiting: Vec<Vec<u8>>,
    output: Vec<u8>,
    is_acceptor: bool,
    deadline: Instant,
}

enum Stage {
    Strangers(Handshake),
    Sealed { sealer: Sealer, opener: Opener },
    Failed(EncounterError),
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncounterError {
    /// It is a stranger, of whom nothing was interpreted.
    #[error(transparent)]
    Stranger(#[from] HandshakeError),
    /// It did not prove itself in time.
    #[error("it did not prove in time that it knows the key of this run")]
    TooSlow,
    /// It knows the key and is another program.
    #[error("it is another program")]
    Differs {
        difference: Difference,
        theirs: Card,
    },
    /// It knows the key, and what it sent is damaged.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The two ends of the frames of a connection.
pub(crate) struct Sealed {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

impl Encounter {
    /// As the one that connects. The nonce must be random; until `deadline` the peer must have
    /// proved itself.
    pub(crate) fn connect(key: &RunKey, card: Card, nonce: &Nonce, deadline: Instant) -> Self {
        let mut output = Vec::new();
        let handshake = Handshake::connect(key.clone(), &card, nonce, &mut output);
        Self::new(handshake, card, output, false, deadline)
    }

    /// As the one that was connected to.
    pub(crate) fn accept(key: &RunKey, card: Card, nonce: &Nonce, deadline: Instant) -> Self {
        let handshake = Handshake::accept(key.clone(), &card, nonce);
        Self::new(handshake, card, Vec::new(), true, deadline)
    }

    fn new(
        handshake: Handshake,
        ours: Card,
        output: Vec<u8>,
        is_acceptor: bool,
        deadline: Instant,
    ) -> Self {
        Self {
            stage: Stage::Strangers(handshake),
            ours,
            theirs: None,
            waiting: Vec::new(),
            output,
            is_acceptor,
            deadline,
        }
    }

    /// Takes what has come.
    ///
    /// Between two calls [`poll_frame`](Self::poll_frame) is to be asked until it has nothing.
    pub(crate) fn handle_bytes(&mut self, mut bytes: &[u8]) -> Result<(), EncounterError> {
        // A handshake takes one message a turn.
        while !bytes.is_empty() {
            match &mut self.stage {
                Stage::Failed(error) => return Err(*error),
                Stage::Sealed { opener, .. } => {
                    opener.handle_bytes(bytes);
                    return Ok(());
                }
                Stage::Strangers(handshake) => {
                    let met = handshake.handle_bytes(&mut bytes, &mut self.output);
                    match met.map_err(EncounterError::from) {
                        Ok(None) => {}
                        Ok(Some(met)) => {
                            self.theirs = Some(met.card);
                            let (sending, receiving) = match self.is_acceptor {
                                true => (met.keys.to_connector, met.keys.to_acceptor),
                                false => (met.keys.to_acceptor, met.keys.to_connector),
                            };
                            self.transition_to_sealed(sending, receiving, met.card)?;
                        }
                        Err(error) => return self.fail(error),
                    }
                }
            }
        }
        Ok(())
    }

    fn transition_to_sealed(
        &mut self,
        sending: [u8; 32],
        receiving: [u8; 32],
        theirs: Card,
    ) -> Result<(), EncounterError> {
        if let Err(difference) = self.ours.compare(&theirs) {
            return self.fail(EncounterError::Differs { difference, theirs });
        }
        let mut sealer = Sealer::new(sending);
        for payload in std::mem::take(&mut self.waiting) {
            sealer.seal(&payload, &mut self.output);
        }
        let opener = Opener::new(receiving);
        self.stage = Stage::Sealed { sealer, opener };
        Ok(())
    }

    fn fail<V>(&mut self, error: EncounterError) -> Result<V, EncounterError> {
        self.stage = Stage::Failed(error);
        Err(error)
    }

    /// Ends it if the peer is a stranger for too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), EncounterError> {
        match self.poll_timeout() {
            Some(deadline) if deadline <= now => self.fail(EncounterError::TooSlow),
            _ => Ok(()),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if ever.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        matches!(self.stage, Stage::Strangers(_)).then_some(self.deadline)
    }

    /// The next message of the peer.
    pub(crate) fn poll_frame(&mut self) -> Result<Option<Vec<u8>>, EncounterError> {
        match &mut self.stage {
            Stage::Strangers(_) => Ok(None),
            Stage::Failed(error) => Err(*error),
            Stage::Sealed { opener, .. } => match opener.poll_frame() {
                Ok(frame) => Ok(frame),
                Err(error) => self.fail(error.into()),
            },
        }
    }

    /// Sends a message, once the peer has proved itself.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        match &mut self.stage {
            Stage::Strangers(_) => self.waiting.push(payload.to_vec()),
            Stage::Sealed { sealer, .. } => sealer.seal(payload, &mut self.output),
            Stage::Failed(_) => {}
        }
    }

    /// What is to be sent; whoever sends takes it out.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// The peer knows the key, whatever else it is.
    pub(crate) fn is_proven(&self) -> bool {
        self.theirs.is_some()
    }

    /// How many bytes have come that belong to no frame that was taken.
    pub(crate) fn rest(&self) -> usize {
        match &self.stage {
            Stage::Sealed { opener, .. } => opener.rest(),
            Stage::Strangers(_) | Stage::Failed(_) => 0,
        }
    }

    /// The ends of its frames, if it got that far.
    pub(crate) fn into_sealed(self) -> Option<Sealed> {
        match self.stage {
            Stage::Sealed { sealer, opener } => Some(Sealed { sealer, opener }),
            Stage::Strangers(_) | Stage::Failed(_) => None,
        }
    }
}
