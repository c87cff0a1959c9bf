//! A task for another worker takes its values as arguments.
use gossamer::rack;

#[gossamer::main]
async fn main() {
    let step = String::from("captured");
    let task = rack::spawn_on(0, async move |()| step.len(), ());
    task.await.unwrap();
}
