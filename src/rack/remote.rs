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
use crate::rack::visit::Reply;
use crate::shared::{Message, RuntimeId, Shared};
use crate::worker::Worker;

/// Where something lives: a worker of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Home {
    pub(crate) node: u32,
    pub(crate) worker: u32,
}

/// What the owner of a property calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PropertyId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// This node's share of a property elsewhere, which its trusts hold together.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    home: Home,
    id: PropertyId,
    /// What tells its type apart.
    type_word: u32,
}

impl PropertyId {
    /// That of calls that are on no property.
    pub(crate) const NONE: Self = Self {
        index: u32::MAX,
        generation: u32::MAX,
    };

    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.index) | u64::from(self.generation) << 32
    }

    pub(crate) fn of_word(word: u64) -> Self {
        Self {
            index: word as u32,
            generation: (word >> 32) as u32,
        }
    }
}

impl Remote {
    /// The node holds the property from now on, until this is dropped.
    pub(crate) fn new(shared: Arc<Shared>, home: Home, id: PropertyId, type_word: u32) -> Self {
        Self {
            shared,
            home,
            id,
            type_word,
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

    pub(crate) fn id(&self) -> PropertyId {
        self.id
    }

    pub(crate) fn runtime(&self) -> RuntimeId {
        self.shared.id()
    }

    /// A call whose answer comes in the order of the calls.
    pub(crate) async fn call<V, F, A, U>(&self, args: A) -> Result<U, CallError>
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
    {
        let outbound = Outbound::of::<V, F, A>(self.home, self.id, Answers::Now, args)?;
        ask(&self.shared, outbound).await
    }

    /// A call whose outcome may come later than those of calls after it.
    pub(crate) async fn call_late<V, F, A, U>(&self, args: A) -> Result<U, CallError>
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
    {
        let outbound = Outbound::of::<V, F, A>(self.home, self.id, Answers::Later, args)?;
        ask(&self.shared, outbound).await
    }

    /// A call whose result goes to `then`, on this worker.
    pub(crate) fn call_then<V, F, A, U, G>(&self, args: A, then: G)
    where
        V: Visits,
        F: 'static,
        A: Travels,
        U: Travels,
        G: FnOnce(U) + 'static,
    {
        let outbound = Outbound::of::<V, F, A>(self.home, self.id, Answers::Now, args)
            .unwrap_or_else(|error| error.raise());
        Worker::with_runtime(self.runtime(), |worker| {
            let worker = worker.expect(
                "apply_then_with: not on a worker of the trust's runtime; await `apply_with`, or \
                 `post_with`",
            );
            charge();
            let then = move |reply: Reply| match reply.and_then(decoded::<U>) {
                Ok(result) => then(result),
                Err(error) => error.raise(), // whoever runs it tells the panic hook
            };
            worker.rack_issue(outbound, Completion::Then(Box::new(then)));
        });
    }

    /// A call that nobody awaits.
    pub(crate) fn post<V, F, A>(&self, args: A)
    where
        V: Visits,
        F: 'static,
        A: Travels,
    {
        let outbound = Outbound::of::<V, F, A>(self.home, self.id, Answers::Never, args)
            .unwrap_or_else(|error| error.raise());
        charge();
        issue(&self.shared, outbound, None);
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
        })
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.shared.rack().release(self.home, self.id);
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
