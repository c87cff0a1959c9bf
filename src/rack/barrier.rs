//! A barrier of all nodes: arrivals are counted on node 0.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

/// How often each node has come to the barrier; on node 0.
#[derive(Debug)]
pub(crate) struct Arrivals(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    /// By node; `None`: lost, and not waited for.
    arrived: Box<[Option<u64>]>,
    waiting: Vec<(u64, oneshot::Sender<()>)>,
}

impl Arrivals {
    pub(crate) fn new(nodes: usize) -> Self {
        Self(Mutex::new(Counts {
            arrived: vec![Some(0); nodes].into(),
            waiting: Vec::new(),
        }))
    }

    /// Node `node` arrives; resolves when all others that are left have, as often as it.
    pub(crate) async fn arrive(&self, node: usize) {
        if let Some(passed) = self.enter(node) {
            // Nobody sends if the rack has gone, and then nobody is to be waited for.
            let _ = passed.await;
        }
    }

    fn enter(&self, node: usize) -> Option<oneshot::Receiver<()>> {
        let (sender, receiver) = oneshot::channel();
        let mut counts = self.lock();
        let arrived = counts.arrived.get_mut(node)?.as_mut()?;
        *arrived += 1;
        let round = *arrived;
        counts.waiting.push((round, sender));
        let passed = counts.pass();
        drop(counts);
        tell(passed);
        Some(receiver)
    }

    /// A node is lost: nobody waits for it any more.
    pub(crate) fn lose(&self, node: usize) {
        let mut counts = self.lock();
        if let Some(arrived) = counts.arrived.get_mut(node) {
            *arrived = None;
        }
        let passed = counts.pass();
        drop(counts);
        tell(passed);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // No foreign code runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Those who need wait no more.
    fn pass(&mut self) -> Vec<oneshot::Sender<()>> {
        let all = self.arrived.iter().flatten().min().copied();
        let passes = |round: u64| all.is_none_or(|all| round <= all);
        let passed = self.waiting.extract_if(.., |(round, _)| passes(*round));
        passed.map(|(_, sender)| sender).collect()
    }
}

/// Wakes them, which is foreign code.
fn tell(passed: Vec<oneshot::Sender<()>>) {
    for sender in passed {
        // Who is gone waits no more.
        let _ = sender.send(());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::Arrivals;

    #[test]
    fn nobody_passes_before_the_last_has_arrived() {
        let arrivals = Arrivals::new(2);
        let mut first = Box::pin(arrivals.arrive(0));
        assert!((&mut first).now_or_never().is_none());
        let mut again = Box::pin(arrivals.arrive(0)); // for the next round
        assert!((&mut again).now_or_never().is_none());
        assert!(arrivals.arrive(1).now_or_never().is_some());
        assert!(first.now_or_never().is_some());
        assert!((&mut again).now_or_never().is_none());
        assert!(arrivals.arrive(1).now_or_never().is_some());
        assert!(again.now_or_never().is_some());
    }

    #[test]
    fn a_lost_node_is_not_waited_for() {
        let arrivals = Arrivals::new(3);
        let mut first = Box::pin(arrivals.arrive(0));
        let mut second = Box::pin(arrivals.arrive(1));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        arrivals.lose(2);
        assert!(first.now_or_never().is_some());
        assert!(second.now_or_never().is_some());
        assert!(arrivals.arrive(7).now_or_never().is_some()); // no such node
    }
}
