//! The macro wants an async function without arguments, and options that exist.

#[gossamer::main]
fn main() {}

#[gossamer::test(wrokers = 2)]
async fn misspelt() {}

#[gossamer::test(idle = "nap")]
async fn idle_that_does_not_exist() {}

#[gossamer::test]
async fn with_an_argument(_: i32) {}
