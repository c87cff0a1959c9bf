//! A captured value that is not `Copy` is found without generating code.
use gossamer::rack;

#[gossamer::main]
async fn main() {
    let words = rack::entrust(Vec::new());
    let word = String::from("captured");
    words.apply_with(move |words, ()| words.push(word), ()).await;
}
