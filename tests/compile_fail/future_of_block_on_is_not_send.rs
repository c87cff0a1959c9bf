//! `block_on` hands its future to worker 0; `block_on_with` builds it there instead.

use std::rc::Rc;

fn main() {
    let runtime = gossamer::Runtime::new().unwrap();
    let shared = Rc::new(1);
    runtime.block_on(async move { drop(shared) });
}
