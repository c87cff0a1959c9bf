//! Readiness of descriptors: one epoll instance per executor, asked between turns and slept in.
//!
//! A descriptor is registered once, for both directions and for edges, with the executor whose task
//! first has to wait for it; from then on its readiness is remembered here, and an operation that
//! would block takes a lock that nobody else wants, and no system call. Tasks of other threads may
//! wait for it as well: the executor that watches it wakes them.
//!
//! Cost: one `epoll_ctl` in the life of a descriptor, and one `epoll_wait` for all the events of
//! some turns, or of a sleep. While all events are of one descriptor, an executor that has a core
//! to itself and nothing to do reads it without asking, and asks for all at every 16th look only.

mod poller;
mod reactor;
mod source;
mod watch;

pub(crate) use poller::Events;
pub(crate) use reactor::Reactor;
pub use source::Interest;
pub use watch::Watch;
