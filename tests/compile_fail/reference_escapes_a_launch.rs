//! A launch has the property until it ends, and no longer.

#[gossamer::main]
async fn main() {
    let list = gossamer::local_trustee().entrust_latched(vec![1, 2]);
    let first = list.launch(async |list: &mut Vec<i32>| &mut list[0]).await;
    *first += 1;
}
