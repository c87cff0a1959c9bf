//! `gossamer run` and the processes that it starts.

mod bad_input;
mod ends;
mod killed;
mod launched;
mod output;
mod rack;
mod signals;
