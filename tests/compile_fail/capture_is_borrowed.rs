//! A closure may run after its caller has gone, so it borrows nothing from it.

#[gossamer::main]
async fn main() {
    let counter = gossamer::entrust(1);
    let step = 2;
    counter.apply(|c| *c += step).await;
}
