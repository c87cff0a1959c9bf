//! Delegated code has the property for itself until it returns, so it does not await.

#[gossamer::main]
async fn main() {
    let counter = gossamer::entrust(1);
    let other = gossamer::entrust(2);
    counter.apply(move |c| *c += other.apply(|o| *o).await).await;
}
