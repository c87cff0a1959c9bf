//! What is refused beside this, done right: so that a message is about its rule and no other.

#[gossamer::main(workers = 2)]
async fn main() {
    let list = gossamer::trustee(1).entrust(vec![1, 2]);
    let local = vec![3, 4];
    list.apply(move |list| list.extend(&local)).await;
    let length = list.apply(|list| list.len()).await;
    assert_eq!(length, 4);
    let shared = gossamer::trustee(1).entrust_with(|| std::rc::Rc::new(1)).await;
    assert_eq!(shared.apply(|shared| **shared).await, 1);
    let first = list.apply(|list| list[0]).await;
    assert_eq!(first, 1);
    gossamer::spawn_on(1, async || std::rc::Rc::new(1).to_string()).await.unwrap();
}
