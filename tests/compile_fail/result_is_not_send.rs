//! A result comes back from another thread.

use std::rc::Rc;

#[gossamer::main]
async fn main() {
    let counter = gossamer::entrust(1);
    let shared = counter.apply(|c| Rc::new(*c)).await;
    drop(shared);
}
