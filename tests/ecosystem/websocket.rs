//! WebSockets by `async-tungstenite`, server and client.

use std::collections::HashMap;

use async_channel::Sender;
use async_tungstenite::tungstenite::error::ProtocolError;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use async_tungstenite::{WebSocketStream, accept_async, client_async};
use futures::StreamExt;
use gossamer::Trust;
use gossamer::net::TcpStream;

use crate::{bytes, pair, run};

type Socket = WebSocketStream<TcpStream>;

/// Two ends after the handshake.
async fn socket_pair() -> (Socket, Socket) {
    let (one, other) = pair().await;
    let connecting = client_async("ws://localhost/", one);
    let (client, server) = futures::join!(connecting, accept_async(other));
    let (client, answer) = client.expect("taken");
    assert_eq!(answer.status(), 101);
    (client, server.expect("a handshake"))
}

/// The next message, of which there is one.
async fn next(socket: &mut Socket) -> Message {
    let message = socket.next().await.expect("not the end");
    message.expect("open")
}

/// All that comes until the clean end; the stream is closed then.
async fn rest(socket: Socket) -> Vec<Message> {
    let messages = socket.map(|message| message.expect("open"));
    messages.collect().await
}

#[test]
fn text_and_bytes_come_back() {
    run(2, || async {
        let (mut client, mut server) = socket_pair().await;
        let echoing = gossamer::spawn_on(1, || async move {
            while let Some(Ok(message)) = server.next().await {
                if !message.is_close() {
                    server.send(message).await.expect("open");
                }
            }
        });
        let messages = [
            Message::text(""),
            Message::text("grüß dich"),
            Message::binary(bytes(1)),
            Message::binary(bytes(70_000)),
            Message::text("x".repeat(1 << 20)),
            Message::binary(bytes(3 << 20)),
        ];
        for message in messages {
            client.send(message.clone()).await.expect("open");
            assert!(next(&mut client).await == message);
        }
        client.close(None).await.expect("open");
        assert_eq!(rest(client).await, [Message::Close(None)]);
        echoing.await.expect("no panic");
    });
}

#[test]
fn ping_is_answered_while_the_other_end_reads() {
    run(1, || async {
        let (mut client, mut server) = socket_pair().await;
        let ping = Bytes::from_static(b"there?");
        let reading = async {
            assert_eq!(next(&mut server).await, Message::Ping(ping.clone()));
            next(&mut server).await
        };
        let asking = async {
            let sent = client.send(Message::Ping(ping.clone())).await;
            sent.expect("open");
            assert_eq!(next(&mut client).await, Message::Pong(ping.clone()));
            client.send(Message::text("good")).await.expect("open");
        };
        let (message, ()) = futures::join!(reading, asking);
        assert_eq!(message, Message::text("good"));
    });
}

#[test]
fn close_handshake() {
    run(1, || async {
        let (mut client, server) = socket_pair().await;
        let frame = CloseFrame {
            code: CloseCode::Away,
            reason: Utf8Bytes::from_static("lunch"),
        };
        client.close(Some(frame.clone())).await.expect("open");
        let (here, there) = futures::join!(rest(client), rest(server));
        assert_eq!(there, [Message::Close(Some(frame))]);
        assert_eq!(here, there);
    });
}

#[test]
fn end_without_a_close_handshake_is_an_error() {
    run(1, || async {
        let (client, mut server) = socket_pair().await;
        drop(client);
        let error = server.next().await.expect("no end yet");
        let error = error.expect_err("cut");
        let cut = ProtocolError::ResetWithoutClosingHandshake;
        assert!(
            matches!(&error, Error::Protocol(what) if *what == cut),
            "{error}"
        );
        assert!(server.next().await.is_none());
    });
}

/// Who is in the room, by number.
#[derive(Default)]
struct Room {
    members: HashMap<usize, Sender<Utf8Bytes>>,
    entered: usize,
}

impl Room {
    fn enter(&mut self, member: Sender<Utf8Bytes>) -> usize {
        self.entered += 1;
        self.members.insert(self.entered, member);
        if self.entered == MEMBERS {
            self.tell(&Utf8Bytes::from_static("all here"));
        }
        self.entered
    }

    fn tell(&self, text: &Utf8Bytes) {
        for member in self.members.values() {
            let told = member.try_send(text.clone());
            told.expect("unbounded, and open until the member leaves");
        }
    }
}

/// The server's side of one member.
async fn host(stream: TcpStream, room: Trust<Room>) {
    let socket = accept_async(stream).await.expect("a handshake");
    let (mut sender, mut receiver) = socket.split();
    let (member, told) = async_channel::unbounded();
    let number = room.apply(|room| room.enter(member)).await;
    let telling = gossamer::spawn(async move {
        while let Ok(text) = told.recv().await {
            sender.send(Message::Text(text)).await.expect("open");
        }
    });
    while let Some(message) = receiver.next().await {
        if let Message::Text(text) = message.expect("a close handshake") {
            room.apply(move |room| room.tell(&text)).await;
        }
    }
    room.apply(move |room| room.members.remove(&number)).await;
    telling.await.expect("no panic");
}

/// Says its words when all are there, and returns what it heard until all had said theirs.
async fn talk(stream: TcpStream, member: usize) -> Vec<String> {
    let connecting = client_async("ws://localhost/", stream);
    let (mut socket, _) = connecting.await.expect("taken");
    assert_eq!(next(&mut socket).await, Message::text("all here"));
    for word in 0..WORDS {
        let text = Message::text(format!("{member}: {word}"));
        socket.send(text).await.expect("open");
    }
    let mut heard = Vec::new();
    while heard.len() < MEMBERS * WORDS {
        let text = next(&mut socket).await.into_text();
        heard.push(text.expect("text").to_string());
    }
    socket.close(None).await.expect("open");
    assert_eq!(rest(socket).await, [Message::Close(None)]);
    heard
}

/// The room is in one place, so everybody hears the same in the same order.
#[test]
fn room_in_a_trust() {
    run(2, || async {
        let room = gossamer::entrust(Room::default());
        let (mut hosts, mut members) = (Vec::new(), Vec::new());
        for member in 0..MEMBERS {
            let (one, other) = pair().await;
            let room = room.clone();
            hosts.push(gossamer::spawn_on(member % 2, || host(other, room)));
            members.push(gossamer::spawn_on(1 - member % 2, move || {
                talk(one, member)
            }));
        }
        let mut heard = Vec::new();
        for member in members {
            heard.push(member.await.expect("no panic"));
        }
        assert!(heard.iter().all(|one| *one == heard[0]), "{heard:?}");
        for member in 0..MEMBERS {
            let whose = format!("{member}: ");
            let words = heard[0].iter().filter_map(|text| text.strip_prefix(&whose));
            assert!(words.eq((0..WORDS).map(|word| word.to_string())));
        }
        for host in hosts {
            host.await.expect("no panic");
        }
        assert_eq!(room.apply(|room| room.members.len()).await, 0);
    });
}

const MEMBERS: usize = 5;
const WORDS: usize = 20;
