//! A task for another worker takes its values as arguments. (Its name makes the message the same wherever
//! the repository lies: the compiler words it differently when the closure's path is short.)
use gossamer::rack;

#[gossamer::main]
async fn main() {
    let step = String::from("captured");
    let task = rack::spawn_on(0, async move |()| step.len(), ());
    task.await.unwrap();
}
