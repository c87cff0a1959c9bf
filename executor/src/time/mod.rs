//! Time for tasks: [`sleep`], [`sleep_until`], [`interval`] and [`timeout`].
//!
//! Each executor keeps its own timers and looks at them every 64 turns and before it idles, so a
//! deadline may be met late, never early. Polled outside an executor, these futures panic with
//! advice: there would be nobody to wake them.

mod interval;
mod sleep;
mod timeout;

pub use interval::{Interval, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout};
