//! The rack: one file for each kind of situation.

mod bulk;
mod calls;
mod losses;
mod nodes;
mod processes;
mod tasks;
mod trusts;
