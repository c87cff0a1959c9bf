//! A property on another node, as this node knows it, and the calls on it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::channel::oneshot;
use gossamer_executor::charge;

use crate::rack::calls::Travels;
use crate::rack::codec::{self, Parcel};
use crate::rack::entry::{Visits, entry};
use crate::rack::error::{CallError, NotExecuted};
use crate::rack::outbound::{Answers, Completion, Outbound};
use crate::rack::refs::{Event, Key};
use crate::rack::visit::Reply;
use crate::shared::{Message, RuntimeId, Shared};
use crate::worker::Worker;

pub(crate) use crate::rack::refs::Place as PropertyId;

/// Where something lives: a worker of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Home {
    pub(crate) node: u32,
    pub(crate) worker: u32,
}

/// This node's share of a property elsewhere, which its trusts hold together.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    home: Home,
    key: Key,
    /// What tells its type apart.
    type_word: u32,
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
            shared,
            home,
            key,
            type_word,
            is_counted,
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

    pub(crate) fn runtime(&self) -> RuntimeId {
        self.shared.id()
    }

    /// A call whose answer comes in the order of the calls.
    pub(crate) async fn call<V, F, A, U>(self: &Arc<Self>, args: A) -> Result<U, CallError>
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
    {
        let outbound = self.outbound::<V, F, A, U>(Answers::Now, args)?;
        ask(&self.shared, outbound).await
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
        ask(&self.shared, outbound).await
    }

    /// A call whose result goes to `then`, on this worker.
    pub(crate) fn call_then<V, F, A, U, G>(self: &Arc<Self>, args: A, then: G)
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
        G: FnOnce(U) + 'static,
    {
        let outbound = self
            .outbound::<V, F, A, U>(Answers::Now, args)
            .unwrap_or_else(|error| error.raise());
        Worker::with_runtime(self.runtime(), |worker| {
            let worker = worker.expect(
                "apply_then_with: not on a worker of the trust's runtime; await `apply_with`, or \
                 `post_with`",
            );
            charge();
            let then = move |reply: Reply| match reply.and_then(decoded::<U>) {
                Ok(result) => then(result),
                Err(error) => {
                    drop(then); // foreign code, which must not run in an unwind
                    error.raise() // whoever runs it tells the panic hook
                }
            };
            worker.rack_issue(outbound, Completion::Then(Box::new(then)));
        });
    }

    /// A call that nobody awaits.
    pub(crate) fn post<V, F, A>(self: &Arc<Self>, args: A)
    where
        V: Visits,
        F: 'static,
        A: Travels,
    {
        let outbound = self
            .outbound::<V, F, A, ()>(Answers::Never, args)
            .unwrap_or_else(|error| error.raise());
        charge();
        issue(&self.shared, outbound, None);
    }

    fn outbound<V, F, A, U>(
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
        outbound.result_bytes = size_of::<U>().min(RESULT_BYTES_EXPECTED_MAX) as u16;
        // What is asked for stays held until it has been answered, whoever awaits it.
        outbound.target = Some(Arc::clone(self));
        Ok(outbound)
    }
}

/// Issues a call, and awaits its outcome.
pub(crate) fn ask<U: Travels>(
    shared: &Arc<Shared>,
    outbound: Outbound,
) -> impl Future<Output = Result<U, CallError>> + Send + use<U> {
    let node = outbound.to.node as usize;
    let (sender, receiver) = oneshot::channel();
    issue(shared, outbound, Some(sender));
    async move {
        let reply = receiver.await;
        // Nobody sends if the runtime has gone.
        reply
            .unwrap_or(Err(CallError::Unknown { node }))
            .and_then(decoded)
    }
}

fn decoded<U: Travels>(parcel: Parcel) -> Result<U, CallError> {
    codec::decode(parcel).map_err(|source| CallError::Result { source })
}

/// Issues a call from wherever this thread is.
fn issue(shared: &Arc<Shared>, outbound: Outbound, answer: Option<oneshot::Sender<Reply>>) {
    let completion = |answer: Option<_>| answer.map_or(Completion::Posted, Completion::Awaited);
    Worker::with_runtime(shared.id(), |worker| {
        if let Some(worker) = worker {
            return worker.rack_issue(outbound, completion(answer));
        }
        // All of one thread's for one trustee by one worker: that keeps their order.
        let workers = shared.workers();
        let by = &workers[outbound.to.worker as usize % workers.len()];
        let issue = move |worker: &Worker| worker.rack_issue(outbound, completion(answer));
        // If the worker has ended, the message and with it the sender is dropped.
        drop(by.send(Message::Settle(Box::new(issue))));
    });
}

impl Outbound {
    /// A call of kind `V` with the closure `F`, which the caller has in hand.
    pub(crate) fn of<V: Visits, F: 'static, A: Travels>(
        to: Home,
        property: PropertyId,
        answers: Answers,
        args: A,
    ) -> Result<Self, CallError> {
        let entry = entry::<V, F>();
        let closure = entry.name();
        let word = entry
            .to_word()
            .ok_or(CallError::NotExecuted(NotExecuted::SharedObject {
                closure,
            }))?;
        let encoded = codec::encode(&args);
        drop(args);
        let parcel =
            encoded.map_err(|source| CallError::NotExecuted(NotExecuted::Arguments { source }))?;
        Ok(Self {
            to,
            word,
            property,
            answers,
            parcel,
            result_bytes: RESULT_BYTES_EXPECTED,
            target: None,
        })
    }
}

impl Drop for Remote {
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

/// Room that is kept for a result whose size says nothing, and for any at the most.
const RESULT_BYTES_EXPECTED: u16 = 64;
const RESULT_BYTES_EXPECTED_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;
    use std::net::TcpListener;

    use super::*;
    use crate::rack::refs::Node;
    use crate::rack::trust::{Place, Trust};
    use crate::rack::{Identity, Refusal};
    use crate::{Builder, Runtime};

    /// A peer has sent a handle of what this node does not have any more.
    #[test]
    fn a_call_on_what_is_gone_at_home_is_refused() {
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
            let builder = Builder::new().workers(1).rack(identity);
            builder.build().expect("a node starts")
        };
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| start("1"));
            (start("0"), second.join().expect("no panic"))
        });
        let outcome = first.block_on(async {
            let shared = Worker::with(|worker| Arc::clone(worker.expect("on one").shared()));
            let place = PropertyId {
                index: 7,
                generation: 7,
            };
            let owner = Node {
                number: 0,
                incarnation: 7,
            };
            let home = Home { node: 0, worker: 0 };
            let word = crate::rack::entry::word_of::<u64>();
            let remote = Remote::new(shared, home, Key { owner, place }, word, false);
            let place = Place::There(Arc::new(remote), PhantomData);
            let trust: Trust<u64> = Trust { place };
            trust.try_apply_with(|n, ()| *n, ()).await
        });
        let refusal = Refusal::NoProperty;
        assert!(matches!(
            outcome,
            Err(CallError::NotExecuted(NotExecuted::Refused { node: 0, refusal: found }))
                if found == refusal
        ));
        std::thread::scope(|scope| {
            // Node 0 ends the rack, the other goes when it hears of it.
            scope.spawn(|| {
                second.serve();
                drop(second);
            });
            drop(first);
        });
    }
}
