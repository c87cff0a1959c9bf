//! The rack: one file for each kind of situation.

mod calls;
mod nodes;
