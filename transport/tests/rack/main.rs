//! Links between processes, over the simulated fabric and over shared memory.
#![cfg(not(loom))]

mod damage;
mod order;
mod processes;
mod shm;
mod tcp;
mod wire;
mod world;
