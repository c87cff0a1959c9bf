//! The protocol as a whole: in a world of nodes that send, drop and die.
//!
//! `model` goes through every interleaving of small worlds, `rules` takes a rule of the protocol
//! away and sees that `model` notices, `random` goes through larger worlds at random, `situations`
//! has single cases.

mod failure;
mod judge;
mod model;
mod net;
mod random;
mod rules;
mod scope;
mod search;
mod situations;
mod step;
mod world;
