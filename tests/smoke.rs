//! x
#[gossamer::test(workers = 2)]
async fn readme() {
    let counter = gossamer::entrust(17); // Trust<i32>
    let other = counter.clone();
    let task = gossamer::spawn_on(1, async move || other.apply(|c| *c += 1).await);
    counter.apply(|c| *c += 1).await;
    task.await.unwrap();
    assert_eq!(counter.apply(|c| *c).await, 19);
}
