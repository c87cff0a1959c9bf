//! Mail: a value on its way to a future that no worker's table can wake.
//!
//! What nobody takes is dropped contained, by the sender or with the mail: the drop is foreign
//! code, and not the fault of whoever lets go of the future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::channel::oneshot;

use crate::contain::contain;
use crate::delegation::Target;
use crate::shared::Shared;

/// A value that is to come; `None` if nobody will send it.
pub(crate) struct Mail<V> {
    receiver: Option<oneshot::Receiver<V>>,
    panics: Panics,
}

/// Where the value is sent.
pub(crate) struct Sender<V> {
    sender: oneshot::Sender<V>,
    panics: Panics,
}

/// Who is told of panics: the hook of a runtime, with the worker that answers for the mail.
#[derive(Clone)]
struct Panics {
    shared: Option<Arc<Shared>>,
    worker: u32,
}

/// Mail about a request on `target`.
pub(crate) fn mail<V>(target: &impl Target) -> (Sender<V>, Mail<V>) {
    mail_from(target.shared(), target.address().1)
}

/// Mail that worker `worker` of the runtime answers for.
pub(crate) fn mail_from<V>(shared: Option<Arc<Shared>>, worker: u32) -> (Sender<V>, Mail<V>) {
    let panics = Panics { shared, worker };
    let (sender, receiver) = oneshot::channel();
    let mail = Mail {
        receiver: Some(receiver),
        panics: panics.clone(),
    };
    (Sender { sender, panics }, mail)
}

impl<V> Sender<V> {
    /// Sends the value, or drops it here if nobody waits any more.
    pub(crate) fn send(self, value: V) {
        if let Err(value) = self.sender.send(value) {
            self.panics.drop_contained(value);
        }
    }
}

impl<V> Future for Mail<V> {
    type Output = Option<V>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<V>> {
        match &mut self.receiver {
            Some(receiver) => Pin::new(receiver).poll(cx).map(Result::ok),
            None => Poll::Ready(None),
        }
    }
}

impl<V> Drop for Mail<V> {
    fn drop(&mut self) {
        self.panics.drop_contained(self.receiver.take());
    }
}

impl Panics {
    fn drop_contained(&self, value: impl Sized) {
        contain(
            || drop(value),
            |panic| {
                if let Some(shared) = &self.shared {
                    shared.report_panic(self.worker, panic);
                }
            },
        );
    }
}
