//! What daemons and commands say to each other, authenticated and encrypted.
//!
//! ```text
//! dialer                                   daemon
//!   ephemeral key, sealed with the rack's ─►          48 bytes
//!          ◄─ ephemeral key, sealed with both         48 bytes
//!   proof that the second was opened ─────►           16 bytes
//!   frames ◄──────────────────────────────► frames    length, sealed piece
//! ```
//!
//! That is the pattern `NNpsk0` of the Noise protocol and its first message of transport. Until the
//! proof has come a daemon reads fixed numbers of bytes, interprets none of them and does nothing
//! but answer: what somebody has recorded and says again ends there, as the daemon's ephemeral key
//! is another.

pub(crate) mod connection;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod message;
