//! A closure goes to another thread with what it captures.

use std::rc::Rc;

#[gossamer::main]
async fn main() {
    let counter = gossamer::entrust(1);
    let step = Rc::new(2);
    counter.apply(move |c| *c += *step).await;
}
