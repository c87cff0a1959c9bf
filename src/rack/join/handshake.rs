//! Two strangers prove to each other that they know the key of the run, before either looks at
//! anything that the other says.
//!
//! ```text
//! connector                                   acceptor
//!     opening: card, nonce ────────────────────►       kept, not looked at
//!          ◄──────────────── reply: card, nonce, proof of "accept" over the opening and these
//!     checks the proof
//!     proof of "connect" over all that ────────►
//!                                              checks the proof
//! ```
//!
//! Each side's nonce makes an old proof worthless to it, the roles make its own proof worthless as
//! an answer to it, and as the proofs cover the cards, nobody between them can make a version or a
//! build appear another. The keys of what follows are made from all of the above and the last
//! proof. Everything has a fixed length: a stranger's byte decides nothing.
//!
//! The key has 256 random bits, so a proof that is given to a stranger helps nobody to guess it.

use super::card::{CARD_BYTES, Card};
use super::key::{KEY_BYTES, Proof, RunKey};

/// One side of it, as far as it has got. No I/O and no clock.
pub(crate) struct Handshake {
    key: RunKey,
    state: State,
    /// What each side has said, in order, which the proofs cover.
    transcript: Vec<u8>,
    /// Of the message that is awaited.
    input: Vec<u8>,
}

enum State {
    /// The acceptor, with what it will say of itself.
    AwaitsOpening { ours: [u8; OPENING_BYTES] },
    /// The connector.
    AwaitsReply,
    /// The acceptor, which has seen this card, and believes nothing yet.
    AwaitsProof { theirs: [u8; CARD_BYTES] },
    /// Nothing more is taken.
    Over,
}

/// A number that is used once.
pub(crate) type Nonce = [u8; NONCE_BYTES];

/// What two that know the key have in common now, and nobody else.
pub(crate) struct Acquaintance {
    /// What the peer says of its program: true, as it knows the key.
    pub(crate) card: Card,
    pub(crate) keys: SessionKeys,
}

/// The key of each direction.
pub(crate) struct SessionKeys {
    pub(crate) to_acceptor: [u8; KEY_BYTES],
    pub(crate) to_connector: [u8; KEY_BYTES],
}

/// Why a peer stays a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("it did not prove that it knows the key of this run")]
    Unproven,
    #[error("it sent more than its turn")]
    TooMuch,
}

impl Handshake {
    /// The connector's side, and the first bytes to send.
    pub(crate) fn connect(key: RunKey, card: &Card, nonce: &Nonce, out: &mut Vec<u8>) -> Self {
        let opening = opening(card, nonce);
        out.extend_from_slice(&opening);
        Self::new(key, State::AwaitsReply, opening.to_vec())
    }

    /// The acceptor's side.
    pub(crate) fn accept(key: RunKey, card: &Card, nonce: &Nonce) -> Self {
        let ours = opening(card, nonce);
        Self::new(key, State::AwaitsOpening { ours }, Vec::new())
    }

    fn new(key: RunKey, state: State, transcript: Vec<u8>) -> Self {
        Self {
            key,
            state,
            transcript,
            input: Vec::new(),
        }
    }

    /// Takes bytes that have come, as far as they belong to the handshake, and adds to `out` what
    /// is to be sent. Returns something once the peer has proved itself; what then is left of
    /// `bytes` comes behind the handshake.
    pub(crate) fn handle_bytes(
        &mut self,
        bytes: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Acquaintance>, HandshakeError> {
        let awaited = match self.state {
            State::AwaitsOpening { .. } => OPENING_BYTES,
            State::AwaitsReply => REPLY_BYTES,
            State::AwaitsProof { .. } => PROOF_BYTES,
            State::Over => return Err(HandshakeError::Unproven),
        };
        let taken = bytes.len().min(awaited - self.input.len());
        let (ours, rest) = bytes.split_at(taken);
        self.input.extend_from_slice(ours);
        *bytes = rest;
        if self.input.len() < awaited {
            return Ok(None);
        }
        let message = std::mem::take(&mut self.input);
        match std::mem::replace(&mut self.state, State::Over) {
            State::AwaitsOpening { .. } | State::AwaitsReply if !rest.is_empty() => {
                // Both wait for an answer before they go on.
                Err(HandshakeError::TooMuch)
            }
            State::AwaitsOpening { ours } => {
                self.reply(&message, &ours, out);
                Ok(None)
            }
            State::AwaitsReply => self.check_reply(&message, out).map(Some),
            State::AwaitsProof { theirs } => self.check_proof(&message, &theirs).map(Some),
            State::Over => unreachable!("returned above"),
        }
    }

    fn reply(&mut self, opening: &[u8], ours: &[u8; OPENING_BYTES], out: &mut Vec<u8>) {
        let theirs = *opening.first_chunk().expect("an opening is longer");
        self.transcript.extend_from_slice(opening);
        self.transcript.extend_from_slice(ours);
        let proof = self.key.prove(ACCEPT, &[&self.transcript]);
        self.transcript.extend_from_slice(proof.as_bytes());
        out.extend_from_slice(ours);
        out.extend_from_slice(proof.as_bytes());
        self.state = State::AwaitsProof { theirs };
    }

    fn check_reply(
        &mut self,
        reply: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Acquaintance, HandshakeError> {
        let (ours, proof) = reply.split_at(OPENING_BYTES);
        self.transcript.extend_from_slice(ours);
        verify(&self.key.prove(ACCEPT, &[&self.transcript]), proof)?;
        self.transcript.extend_from_slice(proof);
        let answer = self.key.prove(CONNECT, &[&self.transcript]);
        out.extend_from_slice(answer.as_bytes());
        let card = ours.first_chunk().expect("an opening is longer");
        Ok(self.acquaintance(card, &answer))
    }

    fn check_proof(
        &mut self,
        proof: &[u8],
        theirs: &[u8; CARD_BYTES],
    ) -> Result<Acquaintance, HandshakeError> {
        let expected = self.key.prove(CONNECT, &[&self.transcript]);
        verify(&expected, proof)?;
        Ok(self.acquaintance(theirs, &expected))
    }

    fn acquaintance(&self, card: &[u8; CARD_BYTES], last: &Proof) -> Acquaintance {
        let of = |role| {
            let proof = self.key.prove(role, &[&self.transcript, last.as_bytes()]);
            *proof.as_bytes()
        };
        let keys = SessionKeys {
            to_acceptor: of(TO_ACCEPTOR),
            to_connector: of(TO_CONNECTOR),
        };
        let card = Card::from_bytes(card);
        Acquaintance { card, keys }
    }
}

fn opening(card: &Card, nonce: &Nonce) -> [u8; OPENING_BYTES] {
    let mut bytes = [0; OPENING_BYTES];
    bytes[..CARD_BYTES].copy_from_slice(&card.to_bytes());
    bytes[CARD_BYTES..].copy_from_slice(nonce);
    bytes
}

fn verify(expected: &Proof, proof: &[u8]) -> Result<(), HandshakeError> {
    let proof: [u8; PROOF_BYTES] = proof.try_into().map_err(|_| HandshakeError::Unproven)?;
    // In constant time, as this is the comparison of `Proof`.
    match *expected == Proof::from_bytes(proof) {
        true => Ok(()),
        false => Err(HandshakeError::Unproven),
    }
}

const NONCE_BYTES: usize = 32;
pub(crate) const OPENING_BYTES: usize = CARD_BYTES + NONCE_BYTES;
pub(crate) const PROOF_BYTES: usize = 32;
pub(crate) const REPLY_BYTES: usize = OPENING_BYTES + PROOF_BYTES;

const ACCEPT: &str = "accept";
const CONNECT: &str = "connect";
const TO_ACCEPTOR: &str = "to acceptor";
const TO_CONNECTOR: &str = "to connector";

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
