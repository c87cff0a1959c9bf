//! The property is its trustee's: no reference to it comes out of a closure.

#[gossamer::main]
async fn main() {
    let list = gossamer::entrust(vec![1, 2]);
    let first: &mut i32 = list.apply(|list| &mut list[0]).await;
    *first += 1;
}
