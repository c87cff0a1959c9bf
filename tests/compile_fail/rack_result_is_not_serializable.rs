//! What has no encoding cannot come back.
use gossamer::rack;

struct Step(i32);

#[gossamer::main]
async fn main() {
    let counter = rack::entrust(17);
    counter.apply(|c| Step(*c)).await;
}
