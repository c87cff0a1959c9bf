//! Where a node listens.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::error::JoinError;
use super::identity::{BIND, Meeting, RENDEZVOUS, Rendezvous};

/// Of node 0: at the rendezvous, or at the address that it is forwarded to.
pub(super) fn at_rendezvous(meeting: &Meeting) -> Result<TcpListener, JoinError> {
    if let Some(bind) = meeting.bind {
        let address = SocketAddr::new(bind.ip, bind.port.unwrap_or(meeting.rendezvous.port));
        return listen(address, meeting.is_reserved)
            .map_err(|source| JoinError::listen(BIND, address, source));
    }
    let mut last = None;
    for address in look_up(&meeting.rendezvous)? {
        match listen(address, meeting.is_reserved) {
            Ok(listener) => return Ok(listener),
            Err(source) => last = Some(JoinError::listen(RENDEZVOUS, address, source)),
        }
    }
    Err(last.unwrap_or_else(|| no_address(&meeting.rendezvous)))
}

/// Of any other node, which reaches node 0 from `local`: on a port of the system's choice, unless
/// one is asked for.
pub(super) fn for_channels(meeting: &Meeting, local: IpAddr) -> Result<TcpListener, JoinError> {
    let ip = meeting.bind.map_or(local, |bind| bind.ip);
    let port = meeting.bind.and_then(|bind| bind.port);
    let address = SocketAddr::new(ip, port.unwrap_or(0));
    listen(address, false).map_err(|source| match meeting.bind {
        Some(_) => JoinError::listen(BIND, address, source),
        None => JoinError::System {
            doing: "no port can be listened on",
            source,
        },
    })
}

pub(super) fn look_up(rendezvous: &Rendezvous) -> Result<Vec<SocketAddr>, JoinError> {
    let found = (rendezvous.host.as_str(), rendezvous.port).to_socket_addrs();
    let found: Vec<_> = found
        .map_err(|source| JoinError::Lookup {
            rendezvous: rendezvous.to_string(),
            source,
        })?
        .collect();
    match found.is_empty() {
        true => Err(no_address(rendezvous)),
        false => Ok(found),
    }
}

fn no_address(rendezvous: &Rendezvous) -> JoinError {
    JoinError::Lookup {
        rendezvous: rendezvous.to_string(),
        source: io::ErrorKind::NotFound.into(),
    }
}

fn listen(address: SocketAddr, is_reserved: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A rack that starts where one has just ended must not wait for its last connections.
    socket.set_reuse_address(true)?;
    if is_reserved {
        // Only then: it lets a second node 0 of the same user listen beside a first, such as a
        // program that node 0 starts and that inherits its environment. So it is looked for.
        if TcpStream::connect_timeout(&address, LOOK_TIME).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// All other nodes may come at once, and the first of each of their channels.
const BACKLOG: i32 = 4096;

/// On this host an answer comes at once.
const LOOK_TIME: Duration = Duration::from_millis(200);
