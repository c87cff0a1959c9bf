//! A number that is captured stays in this process: it is to be an argument.
use gossamer::rack;

#[gossamer::main]
async fn main() {
    let counter = rack::entrust(17);
    let step = 2;
    counter.apply_with(move |c, ()| *c += step, ()).await;
}
