//! Nor is one kept in what the closure has captured.

#[gossamer::main]
async fn main() {
    let list = gossamer::entrust(vec![1, 2]);
    let (sender, receiver) = std::sync::mpsc::channel::<&'static mut Vec<i32>>();
    list.apply(move |list| sender.send(list).unwrap()).await;
    receiver.recv().unwrap().push(3);
}
