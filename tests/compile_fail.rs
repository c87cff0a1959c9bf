//! What must not compile: the promises that the types keep.
//!
//! Delegated code runs on another thread, later, and is not async. So it may not borrow from its
//! caller, nor take along what may not cross threads, nor let the property out of its hands, nor
//! await. Each file here breaks one of these rules, and the message beside it is what a user sees.

#[test]
fn promises_of_the_types() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
    cases.pass("tests/compile_fail/pass/*.rs");
}
