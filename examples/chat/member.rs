//! A member: the task of one connection.

use std::pin::pin;
use std::time::Duration;

use futures::future::{AbortHandle, Abortable, Either, select};
use futures::io::{AsyncWriteExt, copy, sink};
use futures::{FutureExt, StreamExt};
use gossamer::Trust;
use gossamer::net::TcpStream;
use gossamer::time::{sleep, timeout};

use crate::lines::{End, LINE_BYTES_MAX, Lines};
use crate::room::{ADVICE, Id, Line, Room, Seat};

/// Serves a connection to its end.
pub(crate) async fn attend(stream: TcpStream, room: Trust<Room>) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_keepalive(Some(SILENCE_MAX));
    let (cut, registration) = AbortHandle::new_pair();
    let visit = async {
        let mut lines = Lines::new(&stream);
        match introduce(&stream, &mut lines, &room, cut).await {
            Ok((name, seat)) => converse(&stream, lines, &room, &name, seat).await,
            Err(end) => {
                let last = last_line(Err(end)).unwrap_or_default();
                finish(&stream, async { drop(write(&stream, &last).await) }).await;
            }
        }
    };
    // If the room has cut it: nothing is left to do.
    let _ = Abortable::new(visit, registration).await;
}

/// Asks for a name until the room takes one.
async fn introduce(
    stream: &TcpStream,
    lines: &mut Lines<'_>,
    room: &Trust<Room>,
    cut: AbortHandle,
) -> Result<(String, Seat), End> {
    write(stream, "* what is your name?\n").await?;
    loop {
        let (name, cut) = (lines.next().await?.trim().to_owned(), cut.clone());
        let wanted = name.clone();
        match room.apply(|room| room.join(wanted, cut)).await {
            Ok(seat) => return Ok((name, seat)),
            Err(refusal) => write(stream, &format!("* {refusal}: another name?\n")).await?,
        }
    }
}

/// Reads and writes at once, until one of them ends.
async fn converse(
    stream: &TcpStream,
    mut lines: Lines<'_>,
    room: &Trust<Room>,
    name: &str,
    seat: Seat,
) {
    let id = seat.id;
    let speaking = speak(stream, seat).shared(); // for two to await
    let ended = match select(pin!(hear(&mut lines, room, id, name)), speaking.clone()).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => Err(End::Gone),
    };
    room.post(move |room| room.leave(id, last_line(ended)));
    finish(stream, speaking).await;
}

/// Takes to the room what the client sends, until it quits or its lines end.
async fn hear(lines: &mut Lines<'_>, room: &Trust<Room>, id: Id, name: &str) -> Result<(), End> {
    loop {
        let text = lines.next().await?;
        match text.trim() {
            "" => continue,
            "/quit" => return Ok(()),
            "/who" => room.post(move |room| room.tell_who(id)),
            command if command.starts_with('/') => {
                room.post(move |room| room.tell(id, format!("* no such command: {ADVICE}\n")));
            }
            _ => {
                let line = Line::from(format!("{name}: {text}\n"));
                room.post(move |room| room.say(id, line));
            }
        }
        // No more is under way than fits into the slots, however many members there are.
        room.trustee().ready().await;
        // Nobody types so fast; but who sends a whole book must not fill the others' queues faster
        // than they are written.
        sleep(PACE).await;
    }
}

/// Writes to the client what the room has for it; all that has gathered at once.
async fn speak(stream: &TcpStream, seat: Seat) {
    let mut batches = seat.queue.ready_chunks(BATCH_LINES_MAX);
    while let Some(lines) = batches.next().await {
        if write(stream, &lines.concat()).await.is_err() {
            break;
        }
    }
    drop(seat.occupied);
}

/// Ends the connection once `last` has written what is left, and the client has ended it as well:
/// if something that it has sent were still unread, the system would reset the connection, and the
/// client might never see those last lines.
async fn finish(stream: &TcpStream, last: impl Future<Output = ()>) {
    let end = async {
        last.await;
        let _ = { stream }.close().await;
        let _ = copy(stream, &mut sink()).await;
    };
    let _ = timeout(FINISH_MAX, end).await;
}

async fn write(mut stream: &TcpStream, text: &str) -> Result<(), End> {
    let written = stream.write_all(text.as_bytes()).await;
    written.map_err(|_| End::Gone)
}

/// What is told to whom ends so.
fn last_line(ended: Result<(), End>) -> Option<Line> {
    match ended {
        Ok(()) => Some("* goodbye\n".into()),
        Err(End::TooLong) => {
            Some(format!("* a line has {LINE_BYTES_MAX} bytes at most: goodbye\n").into())
        }
        Err(End::Gone) => None,
    }
}

/// A line is handed on at once, and the next one read after so long.
const PACE: Duration = Duration::from_millis(1);
const BATCH_LINES_MAX: usize = 64;
const FINISH_MAX: Duration = Duration::from_secs(5);
/// After so long, a client that says nothing is asked whether its machine is still there.
const SILENCE_MAX: Duration = Duration::from_secs(60);
