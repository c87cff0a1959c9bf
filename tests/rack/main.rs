//! The rack: one file for each kind of situation, over each fabric.

mod shm;
mod tcp;
