//! The protocol as a whole: in a world of nodes that send, drop and die.
//!
//! `model` goes through every interleaving of small worlds, `rules` takes a rule of the protocol
//! away and sees that `model` notices, `random` goes through larger worlds at random, `situations`,
//! `deaths` and `nonsense` have single cases.

mod deaths;
mod failpoints;
mod failure;
mod judge;
mod mischief;
mod model;
mod net;
mod nonsense;
mod random;
mod rules;
mod scope;
mod search;
mod situations;
mod stage;
mod step;
mod world;
