//! The process that is tested.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};

use crate::client::Client;
use crate::example;

/// A process that listens; killed at the end of its test.
pub(crate) struct Chat {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Chat {
    pub(crate) fn start() -> Self {
        let (process, line) = Self::begin(command().arg("127.0.0.1:0"));
        let address = line.trim_end().strip_prefix("listening on ");
        let address = address.unwrap_or_else(|| panic!("{line:?}"));
        let address = address.parse().expect("the real address");
        Self { process, address }
    }

    /// Returns what it says on standard error.
    pub(crate) fn fails(address: &str) -> String {
        let (mut process, line) = Self::begin(command().arg(address).stderr(Stdio::piped()));
        if !line.is_empty() {
            let _ = process.kill(); // or it would be waited for in vain
        }
        let output = process.wait_with_output().expect("it ends");
        assert_eq!(line, "", "it should have failed");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("messages are UTF-8")
    }

    /// The process and its first line, if it gets as far as that.
    fn begin(command: &mut Command) -> (Child, String) {
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        (process, line)
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).expect("it listens"))
    }

    /// As one that reads little, or nothing.
    pub(crate) fn connect_with_little_memory(&self) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a socket");
        socket.connect(&self.address.into()).expect("it listens");
        Client::new(socket.into())
    }

    pub(crate) fn join(&self, name: &str) -> Client {
        let mut client = self.connect();
        client.hears("* what is your name?");
        client.says(name);
        client.is_welcome(name);
        client
    }

    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
        let process = Pid::from_child(&self.process);
        kill_process(process, signal).expect("it runs");
        self.process.wait().expect("it ends")
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

fn command() -> Command {
    static EXAMPLE: LazyLock<PathBuf> = LazyLock::new(|| example::example("chat", "chat"));
    let mut command = Command::new(&*EXAMPLE);
    command
        .env("GOSSAMER_WORKERS", "3")
        .env_remove("GOSSAMER_DEDICATED_TRUSTEES")
        .stdin(Stdio::null());
    command
}
