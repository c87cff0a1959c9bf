//! A value that was built on its trustee stays there.

use std::rc::Rc;

#[gossamer::main]
async fn main() {
    let shared = gossamer::trustee(0).entrust_with(|| Rc::new(1)).await;
    drop(shared.into_inner().await);
}
