//! The thread that starts nodes: the system kills them when it ends, so it is the main one.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What other threads ask of it.
#[derive(Debug)]
pub(crate) enum Order {
    Spawn(Box<Command>, Sender<io::Result<Child>>),
    /// The daemon has to end; why, if not because it was asked to.
    End(Option<io::Error>),
}

#[derive(Clone, Debug)]
pub(crate) struct Spawner(Sender<Order>);

impl Spawner {
    pub(crate) fn new() -> (Self, Receiver<Order>) {
        let (sender, orders) = channel();
        (Self(sender), orders)
    }

    pub(crate) fn spawn(&self, command: Command) -> io::Result<Child> {
        let (sender, child) = channel();
        let sent = self.0.send(Order::Spawn(Box::new(command), sender));
        let gone = || io::Error::other("the daemon ends");
        sent.map_err(|_| gone())?;
        child.recv().map_err(|_| gone())?
    }

    pub(crate) fn end(&self, why: Option<io::Error>) {
        // It may be ending already.
        let _ = self.0.send(Order::End(why));
    }
}

/// Of the main thread: until the daemon has to end.
pub(crate) fn attend(orders: &Receiver<Order>) -> Option<io::Error> {
    loop {
        match orders.recv() {
            // Whoever asked may have gone: then the child is nobody's, and ended.
            Ok(Order::Spawn(mut command, reply)) => {
                if let Err(unheard) = reply.send(command.spawn())
                    && let Ok(mut child) = unheard.0
                {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
            Ok(Order::End(why)) => return why,
            Err(_) => return None,
        }
    }
}
