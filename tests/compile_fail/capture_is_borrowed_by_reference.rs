//! Neither does it take a reference along.

async fn add(counter: &gossamer::Trust<usize>, name: &str) {
    counter.apply(move |c| *c += name.len()).await;
}

fn main() {
    let _ = add;
}
