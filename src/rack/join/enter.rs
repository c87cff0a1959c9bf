//! Every node but the first goes to the rendezvous, and waits there until all have come.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::card::{Card, Difference};
use super::encounter::{Encounter, EncounterError};
use super::error::JoinError;
use super::host;
use super::identity::{Identity, Meeting};
use super::joined::ControlLink;
use super::listen;
use super::membership::Membership;
use super::message::{JoinRequest, Message};
use super::wire::{Wire, WireError, wait_for};

/// What a node has once it is in.
pub(super) struct Entered {
    pub(super) membership: Membership,
    pub(super) listener: TcpListener,
    pub(super) control: ControlLink,
}

/// Why a try to reach node 0 did not succeed.
enum Try {
    /// It may not have started yet.
    Again(JoinError),
    Never(JoinError),
}

/// Goes to node 0, waits there, and returns when all are there.
pub(super) fn enter(
    identity: &Identity,
    meeting: &Meeting,
    card: Card,
    workers: u32,
) -> Result<Entered, JoinError> {
    let mut wire = reach(identity.start_limit, meeting, card)?;
    let addresses = wire.stream.local_addr().and_then(|local| {
        let peer = wire.stream.peer_addr()?;
        Ok((local, peer))
    });
    let (local, zero) = addresses.map_err(|source| JoinError::Lost { source })?;
    let listener = listen::for_channels(meeting, local.ip())?;
    let address = listener
        .local_addr()
        .map_err(JoinError::system("the port that is listened on is unknown"))?;
    let member = host::this_process(identity.node, workers, address, identity.fabric)?;
    let request = JoinRequest {
        nodes: identity.nodes,
        fabric: identity.fabric,
        on_node_loss: identity.on_node_loss,
        member,
    };
    wire.encounter
        .send(&Message::Join(request.clone()).to_bytes());
    let mut membership = await_membership(&mut wire, identity.start_limit)?;
    check(&membership, &request)?;
    // Node 0 need not know by which of its addresses, or of those that lead there, it is reached.
    membership.members[0].address = zero;
    let sealed = wire.encounter.into_sealed().ok_or(JoinError::Damaged)?;
    let control = ControlLink {
        node: 0,
        stream: wire.stream,
        sealed,
    };
    Ok(Entered {
        membership,
        listener,
        control,
    })
}

/// Tries until node 0 has proved itself, or the limit has passed.
fn reach(limit: Duration, meeting: &Meeting, card: Card) -> Result<Wire, JoinError> {
    let began = Instant::now();
    let deadline = began + limit;
    let mut pause = PAUSE_MIN;
    loop {
        let error = match meet(limit, meeting, card, deadline) {
            Ok(wire) => return Ok(wire),
            Err(Try::Never(error)) => return Err(error),
            Err(Try::Again(error)) => error,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(error);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn meet(limit: Duration, meeting: &Meeting, card: Card, deadline: Instant) -> Result<Wire, Try> {
    let unreachable = |source| {
        Try::Again(JoinError::Unreachable {
            rendezvous: meeting.rendezvous.to_string(),
            seconds: limit.as_secs_f32(),
            source,
        })
    };
    // A name may be known only once its host runs.
    let addresses = listen::look_up(&meeting.rendezvous).map_err(Try::Again)?;
    let stream = connect(&addresses, deadline).map_err(unreachable)?;
    let until = deadline.min(Instant::now() + STRANGER_TIME);
    let nonce = host::nonce().map_err(Try::Never)?;
    let encounter = Encounter::connect(&meeting.key, card, &nonce, until);
    let mut wire = Wire::new(stream, encounter).map_err(unreachable)?;
    loop {
        let error = match wire.advance() {
            Ok(()) if wire.encounter.is_proven() => return Ok(wire),
            Ok(()) => wire.encounter.handle_timeout(Instant::now()).err(),
            Err(WireError::Closed(source)) => return Err(unreachable(source)),
            Err(WireError::Encounter(error)) => Some(error),
        };
        match error {
            None => wait_for(&mut wire, until).map_err(unreachable)?,
            Some(EncounterError::TooSlow) => {
                return Err(unreachable(io::ErrorKind::TimedOut.into()));
            }
            Some(error) => return Err(Try::Never(explain(error, meeting, card))),
        }
    }
}

/// The first address that accepts a connection.
fn connect(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.clamp(CONNECT_TIME_MIN, CONNECT_TIME_MAX);
        match TcpStream::connect_timeout(address, left) {
            // A port that nobody listens on may be given to this very connection, which then has
            // this process at both ends, and keeps node 0 from the port.
            Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {
                last = io::ErrorKind::ConnectionRefused.into();
            }
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn explain(error: EncounterError, meeting: &Meeting, ours: Card) -> JoinError {
    match error {
        EncounterError::Stranger(_) | EncounterError::TooSlow => JoinError::Key {
            rendezvous: meeting.rendezvous.to_string(),
        },
        EncounterError::Differs {
            difference: Difference::Protocol,
            theirs,
        } => JoinError::Protocol {
            ours: ours.protocol,
            theirs: theirs.protocol,
        },
        EncounterError::Differs {
            difference: Difference::Build,
            theirs,
        } => JoinError::Build {
            ours: ours.build,
            theirs: theirs.build,
        },
        EncounterError::Frame(_) => JoinError::Damaged,
    }
}

/// Waits for node 0 to say what the start has come to: for longer than that may take, as its clock
/// began before.
fn await_membership(wire: &mut Wire, limit: Duration) -> Result<Membership, JoinError> {
    let patience = limit + ANSWER_TIME;
    let deadline = Instant::now() + patience;
    loop {
        let advanced = wire.advance();
        match wire.encounter.poll_frame() {
            Ok(Some(frame)) => {
                return match Message::from_bytes(&frame)? {
                    Message::Complete(membership) => Ok(membership),
                    Message::Failed(failure) => Err(failure.into()),
                    other => Err(other.unexpected().into()),
                };
            }
            Ok(None) => {}
            Err(_) => return Err(JoinError::Damaged),
        }
        match advanced {
            Ok(()) => {}
            Err(WireError::Closed(source)) => return Err(JoinError::Lost { source }),
            Err(WireError::Encounter(_)) => return Err(JoinError::Damaged),
        }
        if Instant::now() >= deadline {
            let seconds = patience.as_secs_f32();
            return Err(JoinError::Silent { seconds });
        }
        wait_for(wire, deadline).map_err(|source| JoinError::Lost { source })?;
    }
}

/// The table must have this node in its place.
fn check(membership: &Membership, request: &JoinRequest) -> Result<(), JoinError> {
    let ours = membership.find(request.member.node);
    let is_in = ours.is_some_and(|member| member.incarnation == request.member.incarnation);
    if is_in && membership.members.len() == request.nodes as usize {
        return Ok(());
    }
    let what = "nodes";
    let value = membership.members.len() as u64;
    Err(super::bytes::MessageError::Value { what, value }.into())
}

/// How long is waited at first before node 0 is looked for again, and at last.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// How long one address may take to answer. The last try may go beyond the limit by the least.
const CONNECT_TIME_MIN: Duration = Duration::from_millis(1);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How long what listens there may take to prove that it is node 0.
const STRANGER_TIME: Duration = Duration::from_secs(5);

/// How much longer than the limit node 0 may take to say what the start has come to.
const ANSWER_TIME: Duration = Duration::from_secs(5);
