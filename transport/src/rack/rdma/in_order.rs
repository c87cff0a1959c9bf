//! The function of the library that says whether bytes are seen in their order, which the binding
//! does not have.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the library | `query_in_order` | always: it is the one that the binding opens, too, and it stays open |
//! | the function, if the library has one of this name | whoever has a queue pair to ask about | always; its type is that of the library's header |

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use rdma_mummy_sys as sys;

/// It takes a queue pair, an operation and flags.
type QueryInOrder = unsafe extern "C" fn(*mut sys::ibv_qp, u32, u32) -> c_int;

/// `ibv_query_qp_data_in_order`, which the binding does not have; nor have old libraries.
pub(super) fn query_in_order() -> Option<QueryInOrder> {
    // SAFETY: row 1 of the table.
    let library = unsafe { libc::dlopen(c"libibverbs.so.1".as_ptr(), libc::RTLD_LAZY) };
    let library = NonNull::new(library)?;
    let name = c"ibv_query_qp_data_in_order";
    // SAFETY: row 1; and the name ends in a zero.
    let function = NonNull::new(unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) })?;
    // SAFETY: row 2.
    Some(unsafe { std::mem::transmute::<NonNull<c_void>, QueryInOrder>(function) })
}
