//! A property on another node, as this node knows it, and the calls on it.

use std::fmt;
use std::sync::Arc;

use gossamer_executor::charge;

use crate::contain::contain;
use crate::rack::call::{Call, ask, decode_then, issue};
use crate::rack::calls::Travels;
use crate::rack::continuation::Continuation;
use crate::rack::entry::{Visits, entry};
use crate::rack::error::CallError;
use crate::rack::outbound::{Answers, Arguments, Outbound, Question, encode_small, shared_object};
use crate::rack::refs::{Event, Key};
use crate::rack::route::Note;
use crate::rack::side::RackSide;
use crate::rack::target::Buffer;
use crate::rack::visit::Returned;
use crate::shared::{Message, RuntimeId, Shared};
use crate::sync::{AtomicU64, Ordering};
use crate::worker::Worker;

pub(crate) use crate::rack::refs::Place as PropertyId;

/// Where something lives: a worker of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Home {
    pub(crate) node: u32,
    pub(crate) worker: u32,
}

/// This node's share of a property elsewhere, which its trusts hold together.
///
/// Calls under way do not hold it: that would be a count that all workers write for each call.
/// Instead, when the last trust goes, each worker that has issued calls on it lets its part of the
/// share go when all that it has issued to that trustee until then has been answered.
pub(crate) struct Remote {
    runtime: RuntimeId,
    home: Home,
    key: Key,
    /// What tells its type apart.
    type_word: u32,
    /// Which workers have issued calls on it: the bit of their number modulo 64.
    users: AtomicU64,
    share: Option<Share>,
}

/// A share of a property elsewhere; its owner is told when it goes.
pub(crate) struct Share {
    shared: Arc<Shared>,
    key: Key,
    /// Whether the references count it: it leads somewhere, or did when it came.
    is_counted: bool,
}

impl PropertyId {
    /// That of calls that are on no property.
    pub(crate) const NONE: Self = Self {
        index: u32::MAX,
        generation: u32::MAX,
    };
}

impl Remote {
    /// One handle of `key`, which is told of when this is dropped if it is counted.
    pub(crate) fn new(
        shared: Arc<Shared>,
        home: Home,
        key: Key,
        type_word: u32,
        is_counted: bool,
    ) -> Self {
        Self {
            runtime: shared.id(),
            home,
            key,
            type_word,
            users: AtomicU64::new(0),
            share: Some(Share {
                shared,
                key,
                is_counted,
            }),
        }
    }

    pub(crate) fn is_of_type(&self, word: u32) -> bool {
        self.type_word == word
    }

    pub(crate) fn type_word(&self) -> u32 {
        self.type_word
    }

    pub(crate) fn home(&self) -> Home {
        self.home
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    #[inline(always)]
    pub(crate) fn runtime(&self) -> RuntimeId {
        self.runtime
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        let share = self.share.as_ref();
        &share.expect("it goes when this is dropped").shared
    }

    /// A call whose answer comes in the order of the calls.
    #[inline(always)]
    pub(crate) fn call<V, F, A, U>(self: &Arc<Self>, args: A) -> Call<'_, V, F, A, U>
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
    {
        Call::new(self, args)
    }

    /// A call whose outcome may come later than those of calls after it.
    pub(crate) async fn call_late<V, F, A, U>(self: &Arc<Self>, args: A) -> Result<U, CallError>
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
    {
        let outbound = self.outbound::<V, F, A, U>(Answers::Later, args)?;
        ask(self.shared(), outbound).await
    }

    /// A call whose result goes to `then`, on this worker.
    #[inline(always)]
    pub(crate) fn call_then<V, F, A, U, G>(self: &Arc<Self>, args: A, then: G)
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
        G: FnOnce(U) + 'static,
    {
        Worker::with_runtime(self.runtime(), |worker| {
            let worker = worker.expect(
                "apply_then_with: not on a worker of the trust's runtime; await `apply_with`, or \
                 `post_with`",
            );
            let side = worker.rack().expect("a trust of another node is of a rack");
            let question = self.question::<V, F, U>(side, Answers::Now);
            let question = question.unwrap_or_else(|error| error.raise());
            charge();
            self.set_used_by(worker);
            let then = move |worker: &Worker, decoded: Result<U, CallError>| match decoded {
                Ok(result) => then(result),
                Err(error) => {
                    // Foreign code, which must neither run in an unwind nor hide why.
                    contain(|| drop(then), |panic| worker.report(panic));
                    error.raise() // whoever runs it tells the panic hook
                }
            };
            let then = move |worker: &Worker, returned: Returned<'_, '_>| {
                decode_then(worker, returned, then);
            };
            let mut buffer = Buffer::default();
            match encode_small(args, &mut buffer) {
                Ok(Arguments::Small(bytes)) => side.issue(worker, question, bytes, || {
                    Note::Now(Continuation::new(then))
                }),
                Ok(Arguments::Other(load)) => {
                    side.issue_load(worker, question, load, Some(Continuation::new(then)));
                }
                Err(error) => error.raise(),
            }
        });
    }

    /// A call that nobody awaits.
    pub(crate) fn post<V, F, A>(self: &Arc<Self>, args: A)
    where
        V: Visits,
        F: 'static,
        A: Travels,
    {
        charge();
        Worker::with_runtime(self.runtime(), |worker| {
            let side = worker.and_then(|worker| Some((worker, worker.rack()?)));
            let Some((worker, side)) = side else {
                let outbound = self.outbound::<V, F, A, ()>(Answers::Never, args);
                let outbound = outbound.unwrap_or_else(|error| error.raise());
                return issue(self.shared(), outbound, || None);
            };
            let question = self.question::<V, F, ()>(side, Answers::Never);
            let question = question.unwrap_or_else(|error| error.raise());
            self.set_used_by(worker);
            let mut buffer = Buffer::default();
            match encode_small(args, &mut buffer) {
                Ok(Arguments::Small(bytes)) => {
                    side.issue(worker, question, bytes, || Note::Posted);
                }
                Ok(Arguments::Other(load)) => side.issue_load(worker, question, load, None),
                Err(error) => error.raise(),
            }
        });
    }

    /// What a worker asks that is to issue it at once.
    #[inline(always)]
    pub(crate) fn question<V: Visits, F: 'static, U>(
        &self,
        side: &RackSide,
        answers: Answers,
    ) -> Result<Question, CallError> {
        let entry = const { entry::<V, F>() };
        let Some(word) = side.words.word(entry) else {
            return Err(shared_object(entry));
        };
        Ok(Question {
            to: self.home,
            word,
            property: self.key.place,
            answers,
            result_bytes: result_bytes::<U>(),
        })
    }

    /// Encodes a call for whichever worker comes to it.
    pub(crate) fn outbound<V, F, A, U>(
        self: &Arc<Self>,
        answers: Answers,
        args: A,
    ) -> Result<Outbound, CallError>
    where
        V: Visits,
        F: 'static,
        A: Travels,
    {
        let mut outbound = Outbound::of::<V, F, A>(self.home, self.key.place, answers, args)?;
        outbound.question.result_bytes = result_bytes::<U>();
        outbound.target = Some(Arc::clone(self));
        Ok(outbound)
    }

    /// The worker is about to issue a call on it.
    #[inline(always)]
    pub(crate) fn set_used_by(&self, worker: &Worker) {
        let user = 1 << (worker.index() % u64::BITS);
        // Relaxed: read by the drop, which comes after whoever has the trust.
        if self.users.load(Ordering::Relaxed) & user == 0 {
            // Relaxed: as above.
            self.users.fetch_or(user, Ordering::Relaxed);
        }
    }
}

const fn result_bytes<U>() -> u16 {
    let bytes = size_of::<U>();
    if bytes < RESULT_BYTES_EXPECTED_MAX {
        bytes as u16
    } else {
        RESULT_BYTES_EXPECTED_MAX as u16
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let Some(share) = self.share.take() else {
            return;
        };
        // Relaxed: whoever has set a bit had the trust, and this comes after them all.
        let users = self.users.load(Ordering::Relaxed);
        if users == 0 {
            return;
        }
        let home = self.home;
        let share = Arc::new(share);
        for (worker, number) in share.shared.workers().iter().zip(0_u32..) {
            if users & 1 << (number % u64::BITS) == 0 {
                continue;
            }
            let part = Arc::clone(&share);
            let leave = move |worker: &Worker| worker.rack_leave(home, part);
            // A worker that has ended has nothing under way.
            drop(worker.send(Message::Settle(Box::new(leave))));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.is_counted
            && let Some(peers) = self.shared.rack().peers()
        {
            let actions = peers.references().handle(Event::Dropped(self.key));
            peers.carry_out(&self.shared, actions);
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("node", &self.home.node)
            .field("worker", &self.home.worker)
            .finish_non_exhaustive()
    }
}

/// Room that is kept for a result at the most.
const RESULT_BYTES_EXPECTED_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;
    use std::net::TcpListener;
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::rack::refs::Node;
    use crate::rack::trust::{Place, Trust};
    use crate::rack::{Identity, NotExecuted, Refusal};
    use crate::{Builder, Runtime};

    /// Two nodes of two workers each.
    struct Two(Runtime, Runtime);

    impl Two {
        fn start() -> Self {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let rendezvous = free.expect("an address").to_string();
            let start = |node: &str| -> Runtime {
                let variable = |name: &str| match name {
                    "GOSSAMER_NODE" => Some(node.to_owned()),
                    "GOSSAMER_NODES" => Some("2".to_owned()),
                    "GOSSAMER_RENDEZVOUS" => Some(rendezvous.clone()),
                    "GOSSAMER_ON_NODE_LOSS" => Some("survive".to_owned()),
                    "GOSSAMER_KEY" => Some("5a".repeat(32)),
                    _ => None,
                };
                let identity = Identity::from_variables(variable).expect("an identity");
                let builder = Builder::new().workers(2).rack(identity);
                builder.build().expect("a node starts")
            };
            std::thread::scope(|scope| {
                let second = scope.spawn(|| start("1"));
                Self(start("0"), second.join().expect("no panic"))
            })
        }

        /// Node 0 ends the rack, the other goes when it hears of it.
        fn end(self) {
            let Self(first, second) = self;
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    second.serve();
                    drop(second);
                });
                drop(first);
            });
        }
    }

    fn shared() -> Arc<Shared> {
        Worker::with(|worker| Arc::clone(worker.expect("on one").shared()))
    }

    /// Asks what is said to be there, and expects that there is no such property.
    async fn is_refused(home: Home, key: Key) {
        let word = crate::rack::entry::word_of::<u64>();
        let remote = Remote::new(shared(), home, key, word, false);
        let place = Place::There(Arc::new(remote), PhantomData);
        let trust: Trust<u64> = Trust { place };
        let refusal = Refusal::NoProperty;
        for _ in 0..3 {
            assert!(matches!(
                trust.try_apply_with(|n, ()| *n, ()).await,
                Err(CallError::NotExecuted(NotExecuted::Refused { node, refusal: found }))
                    if (node, found) == (home.node as usize, refusal)
            ));
        }
    }

    /// A peer has sent a handle of what this node does not have any more.
    #[test]
    fn a_call_on_what_is_gone_at_home_is_refused() {
        let two = Two::start();
        two.0.block_on(async {
            let place = PropertyId {
                index: 7,
                generation: 7,
            };
            let owner = Node {
                number: 0,
                incarnation: 7,
            };
            let home = Home { node: 0, worker: 0 };
            is_refused(home, Key { owner, place }).await;
        });
        two.end();
    }

    static GONE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    /// What says when it is dropped.
    struct Told;

    impl Drop for Told {
        fn drop(&mut self) {
            *GONE.0.lock().expect("nobody panics with it") = true;
            GONE.1.notify_all();
        }
    }

    /// What the worker remembers, so that calls find it soon, does not keep it.
    #[test]
    fn a_property_that_was_asked_for_goes_with_its_last_trust() {
        let two = Two::start();
        two.0.block_on(async {
            let last = crate::rack::trustees()[3];
            let trust = crate::rack::entrust_on(last, |()| Told, ()).await;
            for _ in 0..2 {
                trust.apply(|_| ()).await;
            }
        });
        let gone = GONE.0.lock().expect("nobody panics with it");
        let patience = Duration::from_secs(60);
        let waited = GONE.1.wait_timeout_while(gone, patience, |gone| !*gone);
        assert!(!waited.expect("nobody panics with it").1.timed_out());
        two.end();
    }

    /// A peer asks a worker for a property that lives on another one of its node.
    #[test]
    fn a_call_to_another_worker_than_the_property_s_is_refused() {
        let two = Two::start();
        two.0.block_on(async {
            let last = crate::rack::trustees()[3];
            let trust = crate::rack::entrust_on(last, |()| 5_u64, ()).await;
            let Place::There(remote, _) = &trust.place else {
                panic!("it is on the other node");
            };
            let (home, key) = (remote.home(), remote.key);
            assert_eq!((home.node, home.worker), (1, 1));
            is_refused(Home { node: 1, worker: 0 }, key).await;
            assert_eq!(trust.apply(|n| *n).await, 5);
        });
        two.end();
    }
}
