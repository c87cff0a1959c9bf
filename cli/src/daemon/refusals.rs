//! Strangers that were refused: counted, and told of once for each source and minute. No clock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::control::handshake::StrangerError;

#[derive(Debug, Default)]
pub(crate) struct Refusals {
    total: u64,
    /// What was not told yet of sources that were told of lately.
    sources: BTreeMap<IpAddr, Source>,
}

#[derive(Debug)]
struct Source {
    told: Instant,
    since: u64,
}

/// Why a stranger had to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error("{0}")]
    Stranger(#[from] StrangerError),
    #[error("it went before it had proved itself")]
    Gone,
    #[error("too many came at once")]
    Crowded,
}

impl Refusals {
    /// Counts one; returns what is to be logged.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        source: IpAddr,
        reason: Reason,
    ) -> Option<String> {
        self.total += 1;
        self.sources
            .retain(|_, source| now.saturating_duration_since(source.told) < PERIOD);
        if let Some(source) = self.sources.get_mut(&source) {
            source.since += 1;
            return None;
        }
        if self.sources.len() >= SOURCES_MAX {
            return None; // counted all the same
        }
        self.sources.insert(
            source,
            Source {
                told: now,
                since: 1,
            },
        );
        Some(format!("refused a connection from {source}: {reason}"))
    }

    /// How many there were.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

const PERIOD: Duration = Duration::from_secs(60);

/// How many sources are remembered.
const SOURCES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn source(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn once_for_each_source_and_minute() {
        let mut refusals = Refusals::default();
        let now = Instant::now();
        let mut told = Vec::new();
        for second in 0..180 {
            let now = now + Duration::from_secs(second);
            for from in [1, 2] {
                told.extend(refusals.handle(now, source(from), Reason::Gone));
            }
        }
        assert_eq!(told.len(), 6, "{told:?}");
        assert_eq!(refusals.total(), 360);
    }

    #[test]
    fn many_sources_cost_bounded_memory() {
        let mut refusals = Refusals::default();
        let now = Instant::now();
        let all = 0..100_000;
        let told = all.filter_map(|from| refusals.handle(now, source(from), Reason::Crowded));
        assert_eq!(told.count(), SOURCES_MAX);
        assert_eq!(refusals.sources.len(), SOURCES_MAX);
        assert_eq!(refusals.total(), 100_000);
    }
}
