//! A proxy between two hosts that neither of them notices, but for how long things take.
//!
//! At the gateway of the one it listens at the address of the other, and goes on from the other's
//! gateway, with the address of the first.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::namespace::Namespace;

/// How slow it is, in each direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) delay: Duration,
    /// Of all connections of one direction together.
    pub(crate) bytes_per_second: f64,
}

/// Starts one between two hosts, for connections that the first makes to the second: until this
/// process ends.
pub(crate) fn start(
    [(near, client), (far, server)]: [(&Namespace, Ipv4Addr); 2],
    port: u16,
    pace: Pace,
) {
    let listener = near.within(|| TcpListener::bind((server, port)));
    let listener = listener.expect("the address is the gateway's");
    // It stays in the namespace in which it is made.
    let new_socket = far.within(|| {
        let far = Namespace::of_this_thread().expect("every thread is in one");
        move || far.within(|| Socket::new(Domain::IPV4, Type::STREAM, None))
    });
    let there = Arc::new(Direction::new(pace));
    let back = Arc::new(Direction::new(pace));
    spawn(move || {
        for accepted in listener.incoming() {
            let Ok(accepted) = accepted else { continue };
            let outgoing = || -> io::Result<TcpStream> {
                let socket = new_socket()?;
                socket.bind(&SocketAddr::from((client, 0)).into())?;
                socket.connect(&SocketAddr::from((server, port)).into())?;
                Ok(socket.into())
            };
            // If nobody listens there, the client sees its connection end.
            if let Ok(outgoing) = outgoing() {
                carry(&there, &accepted, &outgoing);
                carry(&back, &outgoing, &accepted);
            }
        }
    });
}

/// What all connections of one direction share.
struct Direction {
    pace: Pace,
    free_at: Mutex<Instant>,
}

/// Bytes, and when they are to come out.
type Piece = (Instant, Vec<u8>);

impl Direction {
    fn new(pace: Pace) -> Self {
        Self {
            pace,
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Waits until so many bytes have gone in; returns when they are to come out.
    fn pass(&self, bytes: usize) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 / self.pace.bytes_per_second);
        let mut free_at = self.free_at.lock().expect("no panic while it is held");
        let passed = (*free_at).max(Instant::now()) + takes;
        *free_at = passed;
        drop(free_at);
        sleep(passed.saturating_duration_since(Instant::now()));
        passed + self.pace.delay
    }

    fn read(&self, mut from: &TcpStream, to: &SyncSender<Piece>) {
        let mut buffer = vec![0; PIECE_BYTES];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let due = self.pass(count);
            if to.send((due, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    }
}

/// Carries what comes from one end to the other, until either ends.
fn carry(direction: &Arc<Direction>, from: &TcpStream, to: &TcpStream) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("there are descriptors");
    let (from, to, direction) = (clone(from), clone(to), Arc::clone(direction));
    let (sender, receiver) = sync_channel(PIECES_ON_THE_WAY);
    to.set_nodelay(true).expect("it is of TCP");
    spawn({
        let from = clone(&from);
        move || direction.read(&from, &sender)
    });
    spawn(move || {
        write(&to, &receiver);
        // Either may have ended first; the other hears of it.
        let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
    });
}

fn write(mut to: &TcpStream, pieces: &Receiver<Piece>) {
    for (due, bytes) in pieces {
        sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
}

const PIECE_BYTES: usize = 8 << 10;
/// More than a throttled direction sends in its delay.
const PIECES_ON_THE_WAY: usize = 64;
