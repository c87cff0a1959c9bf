//! The output of a task elsewhere comes from another thread.

use std::rc::Rc;

#[gossamer::main]
async fn main() {
    let task = gossamer::spawn_on(0, async || Rc::new(1));
    drop(task.await);
}
