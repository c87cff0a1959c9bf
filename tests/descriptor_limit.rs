//! No descriptors left while connections come: the listener waits for some, says so once, and goes
//! on. A process of its own, as the limit is the whole process's; and a second, to read what it
//! says.

use std::process::Command;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use gossamer::net::{TcpListener, TcpStream};

#[path = "common/descriptors.rs"]
mod descriptors;

use descriptors::use_up_descriptors;

#[test]
fn goes_on_when_there_are_descriptors_again() {
    if std::env::var_os(IS_SERVER).is_some() {
        return run_out_of_descriptors();
    }
    let output = server().output().expect("this test runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{said}");
    let told = said.matches("no connection is taken on").count();
    assert_eq!(told, 1, "{said}");
}

/// A server is not to end because what it says goes to a pipe that nobody reads any more.
#[test]
fn goes_on_when_nobody_can_be_told() {
    let (_, unread) = std::io::pipe().expect("a pipe");
    let output = server().stderr(unread).output().expect("this test runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{said}");
}

/// The second process.
fn server() -> Command {
    let mut server = Command::new(std::env::current_exe().expect("this test"));
    let args = ["goes_on_when_there_are_descriptors_again", "--nocapture"];
    server.args(args).env(IS_SERVER, "yes");
    server
}

/// In the environment of the second process.
const IS_SERVER: &str = "IS_SERVER";

fn run_out_of_descriptors() {
    let builder = gossamer::Builder::new().workers(1).pin(false);
    let runtime = builder.build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = gossamer::spawn(async move {
            let mut incoming = listener.incoming();
            loop {
                let (mut stream, _) = incoming.next().await.expect("a listener");
                gossamer::spawn(async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        stream.write_all(&byte).await.expect("open");
                    }
                });
            }
        });
        let mut first = TcpStream::connect(address).await.expect("taken");
        echo(&mut first).await;

        // Again and again, as it happens to a server whose clients come and go.
        for _ in 0..3 {
            let mut files = use_up_descriptors();
            files.pop(); // one for this end, and none for the other
            let mut second = TcpStream::connect(address).await.expect("in the queue");
            for _ in 0..100 {
                echo(&mut first).await; // who is connected is served meanwhile
            }
            drop(files);
            echo(&mut second).await;
        }
        server.abort();
    });
}

async fn echo(stream: &mut TcpStream) {
    stream.write_all(b"x").await.expect("open");
    stream.read_exact(&mut [0]).await.expect("open");
}
