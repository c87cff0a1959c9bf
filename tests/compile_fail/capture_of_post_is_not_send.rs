//! A posted closure goes to another thread as well.

use std::rc::Rc;

#[gossamer::main]
async fn main() {
    let counter = gossamer::entrust(1);
    let step = Rc::new(2);
    counter.post(move |c| *c += *step);
}
