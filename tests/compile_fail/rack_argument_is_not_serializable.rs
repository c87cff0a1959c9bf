//! What has no encoding cannot travel.
use gossamer::rack;

struct Step(i32);

#[gossamer::main]
async fn main() {
    let counter = rack::entrust(17);
    counter.apply_with(|c, step: Step| *c += step.0, Step(2)).await;
}
