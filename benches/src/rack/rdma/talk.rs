//! What two sides say to each other beside what they measure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rack::raw_tcp::meet;

/// A connection with the other side, by lines of JSON.
pub(super) struct Talk(BufReader<TcpStream>);

impl Talk {
    /// The second side is told where the first listens.
    pub(super) fn begin(peer: Option<SocketAddr>) -> Self {
        Self(BufReader::new(meet(peer).expect("loopback works")))
    }

    /// Says something, and hears the same of the other side.
    pub(super) fn swap<T: Serialize + DeserializeOwned>(&mut self, ours: &T) -> T {
        let line = serde_json::to_string(ours).expect("it has no maps with odd keys");
        writeln!(self.0.get_mut(), "{line}").expect("the other side is there");
        let mut line = String::new();
        self.0
            .read_line(&mut line)
            .expect("the other side is there");
        serde_json::from_str(&line).expect("it says the same")
    }

    /// Waits until the other side has gone.
    pub(super) fn stay(mut self) {
        // However it goes.
        let _ = self.0.read(&mut [0]);
    }
}
