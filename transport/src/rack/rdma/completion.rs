//! What has become of a request, in the words of the library.

use std::fmt::{self, Display};

use rdma_mummy_sys::ibv_wc_status as status;

/// What has become of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) id: u64,
    pub(super) status: Status,
    /// Of what was received only, as the following; of all else it may be anything.
    pub(super) immediate: u32,
    pub(super) bytes: u32,
}

/// How a request has ended: its number, which the library names.
///
/// ```
/// use gossamer_transport::rack::rdma::Status;
///
/// assert_eq!(Status(12).to_string(), "RETRY_EXC_ERR");
/// assert_eq!(Status(99).to_string(), "status 99");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// A WRITE into the peer's memory.
    Write,
    /// A receive of what the peer says with a WRITE.
    Receive,
}

impl Status {
    pub(super) const SUCCESS: Self = Self(status::IBV_WC_SUCCESS);

    /// Whether the request ended because another had failed, or its queue pair was ended.
    pub fn is_flushed(self) -> bool {
        self.0 == status::IBV_WC_WR_FLUSH_ERR
    }

    /// Whether the peer did not answer, or is out of reach.
    pub fn is_unanswered(self) -> bool {
        matches!(
            self.0,
            status::IBV_WC_RETRY_EXC_ERR
                | status::IBV_WC_RNR_RETRY_EXC_ERR
                | status::IBV_WC_RESP_TIMEOUT_ERR
                | status::IBV_WC_LOC_QP_OP_ERR
        )
    }

    /// Whether the peer refused what was asked for.
    pub fn is_refused(self) -> bool {
        matches!(
            self.0,
            status::IBV_WC_REM_ACCESS_ERR
                | status::IBV_WC_REM_INV_REQ_ERR
                | status::IBV_WC_REM_OP_ERR
        )
    }
}

impl Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "status {}", self.0),
        }
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write => f.write_str("WRITE"),
            Self::Receive => f.write_str("receive"),
        }
    }
}

const NAMES: [(u32, &str); 22] = [
    (status::IBV_WC_SUCCESS, "SUCCESS"),
    (status::IBV_WC_LOC_LEN_ERR, "LOC_LEN_ERR"),
    (status::IBV_WC_LOC_QP_OP_ERR, "LOC_QP_OP_ERR"),
    (status::IBV_WC_LOC_EEC_OP_ERR, "LOC_EEC_OP_ERR"),
    (status::IBV_WC_LOC_PROT_ERR, "LOC_PROT_ERR"),
    (status::IBV_WC_WR_FLUSH_ERR, "WR_FLUSH_ERR"),
    (status::IBV_WC_MW_BIND_ERR, "MW_BIND_ERR"),
    (status::IBV_WC_BAD_RESP_ERR, "BAD_RESP_ERR"),
    (status::IBV_WC_LOC_ACCESS_ERR, "LOC_ACCESS_ERR"),
    (status::IBV_WC_REM_INV_REQ_ERR, "REM_INV_REQ_ERR"),
    (status::IBV_WC_REM_ACCESS_ERR, "REM_ACCESS_ERR"),
    (status::IBV_WC_REM_OP_ERR, "REM_OP_ERR"),
    (status::IBV_WC_RETRY_EXC_ERR, "RETRY_EXC_ERR"),
    (status::IBV_WC_RNR_RETRY_EXC_ERR, "RNR_RETRY_EXC_ERR"),
    (status::IBV_WC_LOC_RDD_VIOL_ERR, "LOC_RDD_VIOL_ERR"),
    (status::IBV_WC_REM_INV_RD_REQ_ERR, "REM_INV_RD_REQ_ERR"),
    (status::IBV_WC_REM_ABORT_ERR, "REM_ABORT_ERR"),
    (status::IBV_WC_INV_EECN_ERR, "INV_EECN_ERR"),
    (status::IBV_WC_INV_EEC_STATE_ERR, "INV_EEC_STATE_ERR"),
    (status::IBV_WC_FATAL_ERR, "FATAL_ERR"),
    (status::IBV_WC_RESP_TIMEOUT_ERR, "RESP_TIMEOUT_ERR"),
    (status::IBV_WC_GENERAL_ERR, "GENERAL_ERR"),
];
