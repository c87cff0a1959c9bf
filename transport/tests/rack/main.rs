//! Links between processes, over the simulated fabric and over shared memory.
#![cfg(not(loom))]

mod bulk;
mod damage;
mod ends;
mod order;
mod processes;
mod shm;
mod tcp;
mod wire;
mod world;
