//! Nodes of a test that are processes: this very program, started again.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use socket2::{Domain, Socket, Type};

/// A port of the system's choice, which is kept for node 0.
pub(crate) struct Port(Socket);

impl Port {
    pub(crate) fn reserved() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_port(true).expect("it can be shared");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).expect("there is a port");
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.0.local_addr().expect("it is bound");
        address.as_socket().expect("an address of IPv4")
    }
}

/// A command that runs one test of a test program, which knows nothing of any rack.
pub(crate) fn command(executable: &Path, test: &str) -> Command {
    let mut command = Command::new(executable);
    command.args([
        test,
        "--exact",
        "--include-ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_a_rack(name)) {
        command.env_remove(name);
    }
    command
        .env(STARTER, std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Whether this process was started by such a command. From then on it dies with the test that has
/// started it.
pub(crate) fn is_node() -> bool {
    let Ok(starter) = std::env::var(STARTER) else {
        return false;
    };
    set_parent_process_death_signal(Some(Signal::KILL)).expect("any process may");
    let parent = getppid().map(|parent| parent.as_raw_nonzero().to_string());
    if parent.as_ref() != Some(&starter) {
        std::process::exit(1); // nobody is there any more
    }
    true
}

fn is_of_a_rack(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    // Which device there is does not hang on the rack.
    let is_ours = name.starts_with(b"GOSSAMER_") && !name.starts_with(b"GOSSAMER_RDMA_");
    is_ours || name.starts_with(b"SLURM_")
}

const STARTER: &str = "NODE_IS_STARTED_BY";
