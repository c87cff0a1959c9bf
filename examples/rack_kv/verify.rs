//! Whether each acknowledged write is there.

use std::collections::BTreeMap;
use std::fmt;

use crate::drive::Tally;
use crate::store::{Shard, Shards};

/// What the comparison has come to.
pub(crate) struct Verdict {
    acknowledged: u64,
    /// Acknowledged, and not there.
    lost: u64,
    /// There, and never asked for.
    phantom: u64,
    /// With them it is lost what they had asked for, so that nobody can say what is a phantom.
    lost_tasks: u64,
    /// On shards that are lost with their nodes.
    out_of_reach: u64,
}

/// Asks the shards how often each key was written.
pub(crate) async fn compare(shards: &Shards, acknowledged: &Tally) -> Verdict {
    let mut stored = BTreeMap::new();
    let mut is_reached = vec![true; shards.len()];
    for (shard, is_reached) in shards.iter().zip(&mut is_reached) {
        match shard
            .try_apply_with(|shard: &mut Shard, ()| shard.writes(), ())
            .await
        {
            Ok(writes) => stored.extend(writes),
            Err(_) => *is_reached = false,
        }
    }
    let mut verdict = Verdict {
        acknowledged: 0,
        lost: 0,
        phantom: 0,
        lost_tasks: acknowledged.lost_tasks,
        out_of_reach: 0,
    };
    for (key, writes) in &acknowledged.writes {
        verdict.acknowledged += writes;
        let there = stored.remove(key).unwrap_or(0);
        let unknown = acknowledged.unknown.get(key).copied().unwrap_or(0);
        if !is_reached[shards.index_of(*key)] {
            verdict.out_of_reach += writes;
            continue;
        }
        verdict.lost += writes.saturating_sub(there);
        verdict.phantom += there.saturating_sub(writes + unknown);
    }
    let asked = |key: &u64| acknowledged.unknown.get(key).copied().unwrap_or(0);
    let unasked = stored
        .iter()
        .map(|(key, there)| there.saturating_sub(asked(key)));
    verdict.phantom += unasked.sum::<u64>();
    verdict
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0 && (self.phantom == 0 || self.lost_tasks > 0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            acknowledged,
            lost,
            phantom,
            lost_tasks,
            out_of_reach,
        } = self;
        let word = if self.is_good() { "verified" } else { "WRONG" };
        write!(
            f,
            "{word}: {acknowledged} acknowledged writes, {lost} lost, "
        )?;
        match lost_tasks {
            0 => write!(f, "{phantom} never asked for")?,
            _ => write!(f, "{phantom} more, of {lost_tasks} tasks that are lost")?,
        }
        match out_of_reach {
            0 => Ok(()),
            _ => write!(f, ", {out_of_reach} on nodes that are lost"),
        }
    }
}
