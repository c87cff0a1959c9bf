//! Connections whose other host owes an answer and gives none.
//!
//! The system asks whether a host is there only while nothing waits for its acknowledgement; what
//! does wait it sends again, less and less often, for a quarter of an hour. A connection goes both
//! ways, so both of its ends may wait: then nobody asks, and neither end is told.

use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use gossamer_executor::{spawn, time::sleep};

use crate::net::TcpStream;

/// Ends a connection for whoever reads and writes it here once the other host owes it an answer for
/// twice as long as it may be silent.
///
/// Twice, as the pauses between two tries double: after a cut that was shorter than `silence_max`
/// the next try comes, and with it the answer, before that.
pub(super) fn watch(stream: &Rc<TcpStream>, silence_max: Duration) {
    let stream = Rc::downgrade(stream);
    drop(spawn(async move {
        loop {
            sleep(silence_max / LOOKS_PER_SILENCE).await;
            let Some(stream) = stream.upgrade() else {
                return;
            };
            // Who cannot be asked about has no socket any more, which its reader sees, too.
            let unanswered = stream.unanswered().ok().flatten();
            if unanswered.is_some_and(|silence| silence >= 2 * silence_max) {
                // Who reads sees the end, if there was none yet.
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }));
}

const LOOKS_PER_SILENCE: u32 = 4;
