//! Racks in one process, for tests: each node a thread, which meets the others over loopback.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::choice::{FabricChoice, OnNodeLoss};
use super::error::JoinError;
use super::identity::{Identity, Meeting, Rendezvous};
use super::joined::Joined;
use super::key::RunKey;

/// A port of the system's choice, which is kept for a rendezvous.
pub(super) struct Reserved {
    pub(super) address: SocketAddr,
    _socket: Socket,
}

impl Reserved {
    pub(super) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_port(true).expect("it can be shared");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).expect("there is a port");
        let address = socket.local_addr().expect("it has one").as_socket();
        Self {
            address: address.expect("an address of IPv4"),
            _socket: socket,
        }
    }

    pub(super) fn identity(&self, node: u32, nodes: u32) -> Identity {
        Identity {
            node,
            nodes,
            meeting: Some(Meeting {
                rendezvous: Rendezvous {
                    host: self.address.ip().to_string(),
                    port: self.address.port(),
                },
                is_reserved: true,
                key: RunKey::new([7; 32]),
                bind: None,
            }),
            start_limit: LIMIT,
            fabric: FabricChoice::Auto,
            on_node_loss: OnNodeLoss::Abort,
        }
    }

    pub(super) fn listener(&self) -> TcpListener {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_port(true).expect("it can be shared");
        socket.bind(&self.address.into()).expect("it is shared");
        socket.listen(16).expect("nobody listens yet");
        socket.into()
    }
}

/// Lets all of them join at once.
pub(super) fn join_all(identities: Vec<Identity>) -> Vec<Result<Joined, JoinError>> {
    let threads = identities.into_iter().map(|identity| {
        let workers = identity.node() + 1;
        thread::spawn(move || identity.join(workers))
    });
    let threads: Vec<_> = threads.collect();
    let results = threads.into_iter().map(|thread| thread.join());
    results
        .map(|result| result.expect("a join does not panic"))
        .collect()
}

/// The nodes of a rack that has come together.
pub(super) fn rack(nodes: u32) -> Vec<Joined> {
    let reserved = Reserved::new();
    let identities = (0..nodes).map(|node| reserved.identity(node, nodes));
    let joined = join_all(identities.collect()).into_iter();
    joined
        .map(|joined| joined.expect("nothing is wrong"))
        .collect()
}

/// Never waited for, but in tests of what happens then, which set their own.
const LIMIT: Duration = Duration::from_secs(120);
