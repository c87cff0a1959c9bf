//! A client, which hears and says lines.

use std::fmt::Display;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(PATIENCE).expect("a socket");
        stream.set_write_timeout(PATIENCE).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(stream))
    }

    pub(crate) fn sends(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("it is connected");
    }

    pub(crate) fn says(&mut self, line: impl Display) {
        self.sends(format!("{line}\n").as_bytes());
    }

    pub(crate) fn line(&mut self) -> String {
        self.try_line().expect("another line")
    }

    /// `None` once the connection has ended, in whatever way.
    pub(crate) fn try_line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(_) => line.strip_suffix('\n').map(str::to_owned),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}, after {line:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn hears(&mut self, line: impl Display) {
        assert_eq!(self.line(), line.to_string());
    }

    #[track_caller]
    pub(crate) fn is_welcome(&mut self, name: &str) {
        self.hears(format!(
            "* welcome, {name}: /who lists the members, /quit leaves"
        ));
    }

    /// An orderly one.
    #[track_caller]
    pub(crate) fn hears_the_end(&mut self) {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).expect("an orderly end");
        assert_eq!(rest, "");
    }

    pub(crate) fn half_closes(&mut self) {
        let stream = self.0.get_mut();
        stream.shutdown(Shutdown::Write).expect("it is connected");
    }

    pub(crate) fn resets(self) {
        let socket = SockRef::from(self.0.get_ref());
        socket.set_linger(Some(Duration::ZERO)).expect("a socket");
    }
}

/// A guard against hanging.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));
