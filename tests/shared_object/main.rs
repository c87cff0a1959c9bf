//! Code of a shared object lies at other places in every process, so that its address means nothing
//! to other nodes: calls with closures of it are refused before they are sent, and the error names
//! the closure.
//!
//! The same source is linked into this test, where it works, and built as a library, which is
//! loaded.

mod ask;
#[path = "../common/example.rs"]
mod example;

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::CString;
use std::mem::transmute;
use std::os::unix::ffi::OsStringExt;

use ask::Answer;

#[test]
fn linked_in_it_is_called() {
    assert_eq!(ask::ask(), Answer::Value);
}

#[test]
fn in_a_shared_object_it_is_refused() {
    let name = "shared_object";
    let library = example::example(name, &format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"));
    let library = CString::new(library.into_os_string().into_vec()).expect("no path has a zero");
    // SAFETY: a string of C, and a library whose start runs nothing of its own.
    let library = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "it is loaded");
    // SAFETY: the library was loaded, and stays so.
    let function = unsafe { libc::dlsym(library, c"ask_in_a_shared_object".as_ptr()) };
    assert!(!function.is_null(), "it has the function");
    // SAFETY: it is of this type: see `library.rs`.
    let ask = unsafe { transmute::<*mut libc::c_void, extern "C" fn() -> u8>(function) };
    assert_eq!(ask(), Answer::SharedObject as u8);
}
