//! A delegation that nobody awaits does nothing.
#![deny(unused_must_use)]

#[gossamer::main]
async fn main() {
    let counter = gossamer::entrust(1);
    counter.apply(|c| *c += 1);
    counter.try_apply(|c| *c += 1);
    counter.clone().apply_owned(|c| *c += 1);
    counter.apply_with(|c, n| *c += n, 1);
}
