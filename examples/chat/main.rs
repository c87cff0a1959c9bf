//! A chat over TCP whose room is a trust.
//!
//! Each worker has a listener of its own on the one port, and the system spreads connections over
//! them: members live on different workers, the room is one value on one of them. Who says
//! something posts it there and goes on; the room puts it into the queue of each other member, and
//! each member's task writes to its socket what the queue holds. So nobody waits for anybody, and
//! all see one order, the room's. Queues are bounded: a member that reads too slowly is put out.
//!
//! Plain lines of text, for `nc` or `telnet`: the first is a name, `/who` lists the members,
//! `/quit` leaves. Ctrl-C or a `SIGTERM` ends the chat, with a goodbye to all members.
//!
//! ```text
//! cargo run --release --example chat -- [ADDRESS]
//! nc 127.0.0.1 7070
//! ```

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use futures::StreamExt;
use futures::future::select;
use gossamer::Trust;
use gossamer::net::TcpListener;
use gossamer::signal::{ctrl_c, terminate};
use gossamer::time::timeout;

use room::Room;

mod lines;
mod member;
mod room;

#[gossamer::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1);
    match run(address.as_deref().unwrap_or("127.0.0.1:7070")).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str) -> io::Result<()> {
    let first = TcpListener::bind_shared(address).await?;
    let address = first.local_addr()?;
    let (room, mut vacated) = Room::new();
    let room = gossamer::entrust(room);

    for worker in 1..gossamer::task_workers() {
        let room = room.clone();
        let listening = gossamer::spawn_on(worker, move || async move {
            let listener = TcpListener::bind_shared(address).await?;
            gossamer::spawn(serve(listener, room));
            io::Result::Ok(())
        });
        listening.await.expect("no task panics")?;
    }
    gossamer::spawn(serve(first, room.clone()));

    // Polled in this order: whoever reads that line may send a signal at once.
    let (signal, ()) = futures::join!(signal(), async { println!("listening on {address}") });
    signal?;
    room.post(Room::close);
    // Who has not read the goodbye by then never will.
    let _ = timeout(FAREWELL_MAX, vacated.next()).await;
    Ok(())
}

async fn serve(listener: TcpListener, room: Trust<Room>) {
    let mut incoming = listener.incoming();
    loop {
        match incoming.next().await {
            Ok((stream, _)) => _ = gossamer::spawn(member::attend(stream, room.clone())),
            Err(error) => return eprintln!("chat: no more members are let in: {error}"),
        }
    }
}

/// Awaits one of the signals that ask the process to end.
async fn signal() -> io::Result<()> {
    let (interrupted, ended) = (pin!(ctrl_c()), pin!(terminate()));
    select(interrupted, ended).await.factor_first().0
}

const FAREWELL_MAX: Duration = Duration::from_secs(2);
