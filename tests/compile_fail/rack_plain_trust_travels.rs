//! A plain trust means nothing in another process; `rack::Trust` does.
use gossamer::rack;

#[gossamer::main]
async fn main() {
    let plain = gossamer::entrust(1);
    let list = rack::entrust(Vec::new());
    list.apply_with(|list, trust| list.push(trust), plain).await;
}
