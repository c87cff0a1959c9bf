//! Models of the protocols between the workers of Gossamer, checked by loom for every
//! interleaving:
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p gossamer-models --release`
//!
//! The files of the library that hold such a protocol are compiled here once more, with loom's
//! primitives in the place of the standard library's (`sync.rs`); the links and the inboxes are
//! those of the crates below it, which are built so as well. What a model adds are its threads,
//! and the loop of a worker as far as the protocol goes. Each model is followed by one that
//! leaves a part of the protocol out and must fail.
#![cfg(all(loom, test))]
#![expect(
    dead_code,
    reason = "the library has more uses for its files than the models"
)]

#[path = "../../src/barriers.rs"]
mod barriers;
#[path = "../../src/contain.rs"]
mod contain;
#[path = "../../src/counts.rs"]
mod counts;
#[path = "../../src/erase.rs"]
mod erase;
#[path = "../../src/error.rs"]
#[expect(unreachable_pub, reason = "the errors are public in the library")]
mod error;
#[path = "../../src/issued.rs"]
mod issued;
#[path = "../../src/note.rs"]
mod note;
#[path = "../../src/outstanding.rs"]
mod outstanding;
#[path = "../../src/pending.rs"]
mod pending;

mod claim;
mod client;
mod last_drop;
mod property;
mod redirect;
mod shutdown;
mod sync;
mod watched;
mod weak;
