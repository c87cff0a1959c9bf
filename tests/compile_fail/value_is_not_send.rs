//! A value that is entrusted goes to another thread; `entrust_with` builds it there instead.

use std::rc::Rc;

#[gossamer::main]
async fn main() {
    let shared = gossamer::entrust(Rc::new(1));
    drop(shared);
}
