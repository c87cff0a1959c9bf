//! What the system knows of a TCP connection, by `TCP_INFO`.
//!
//! What unsafe code touches:
//!
//! | field | who may touch it | in which state |
//! |---|---|---|
//! | `info` | the system, during the call, up to `length` bytes | zeroed, which is a value of it |
//! | `length` | the system, during the call | the size of `info` |

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// For how long nothing has come from the other host, if it owes an acknowledgement for which this
/// one has asked again.
pub(crate) fn unanswered(socket: BorrowedFd<'_>) -> io::Result<Option<Duration>> {
    let info = tcp_info(socket)?;
    // Data that is sent again, or a question for room.
    if info.tcpi_retransmits == 0 && info.tcpi_probes == 0 {
        return Ok(None);
    }
    let silence = info.tcpi_last_data_recv.min(info.tcpi_last_ack_recv);
    Ok(Some(Duration::from_millis(silence.into())))
}

fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<libc::tcp_info> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the socket is open while it is borrowed; `info` and `length` as in the table.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `info` was zeroed, and what the system has written are numbers, too.
    Ok(unsafe { info.assume_init() })
}
