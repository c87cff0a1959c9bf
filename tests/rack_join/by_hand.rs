//! A peer made by hand, after the text of the handshake: what a build of another version would be,
//! or somebody without the key.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// What it says of itself.
pub(crate) struct Peer {
    /// As in GOSSAMER_KEY.
    pub(crate) key: String,
    pub(crate) protocol: u32,
    pub(crate) build: [u8; 32],
}

impl Peer {
    /// A build of this very program.
    pub(crate) fn new(key: &str, protocol: u32) -> Self {
        let mut hasher = blake3::Hasher::new();
        let program = File::open("/proc/self/exe").expect("this program");
        hasher.update_reader(program).expect("it can be read");
        Self {
            key: key.to_owned(),
            protocol,
            build: hasher.finalize().into(),
        }
    }

    /// Goes to a node, and shows its proof if the node has shown the same key; whether it had.
    pub(crate) fn meet(&self, node: SocketAddr) -> io::Result<(TcpStream, bool)> {
        let mut stream = connected(node);
        let mut transcript = self.opening();
        stream.write_all(&transcript)?;
        let mut reply = [0; OPENING_BYTES + PROOF_BYTES];
        stream.read_exact(&mut reply)?;
        let (opening, proof) = reply.split_at(OPENING_BYTES);
        transcript.extend_from_slice(opening);
        let is_proven = self.proof("accept", &transcript) == proof;
        transcript.extend_from_slice(proof);
        stream.write_all(&self.proof("connect", &transcript))?;
        Ok((stream, is_proven))
    }

    /// Lets one node come, as node 0 would; whether it has shown the same key.
    pub(crate) fn receive(&self, listener: &TcpListener) -> io::Result<bool> {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut transcript = vec![0; OPENING_BYTES];
        stream.read_exact(&mut transcript)?;
        let opening = self.opening();
        transcript.extend_from_slice(&opening);
        let proof = self.proof("accept", &transcript);
        transcript.extend_from_slice(&proof);
        stream.write_all(&[&*opening, &proof].concat())?;
        let mut answer = [0; PROOF_BYTES];
        stream.read_exact(&mut answer)?;
        Ok(answer == self.proof("connect", &transcript))
    }

    /// The card, and a number that is used once.
    fn opening(&self) -> Vec<u8> {
        let mut bytes = vec![0; OPENING_BYTES];
        bytes[..4].copy_from_slice(&self.protocol.to_le_bytes());
        bytes[32..64].copy_from_slice(&self.build);
        bytes[64..].copy_from_slice(&[0x17; 32]);
        bytes
    }

    fn proof(&self, role: &str, transcript: &[u8]) -> [u8; PROOF_BYTES] {
        let key = blake3::Hash::from_hex(&self.key).expect("64 digits");
        let mut derived = blake3::Hasher::new_derive_key(CONTEXT);
        derived.update(key.as_bytes()).update(role.as_bytes());
        blake3::keyed_hash(derived.finalize().as_bytes(), transcript).into()
    }
}

/// A connection to a node, which may not listen yet.
pub(crate) fn connected(node: SocketAddr) -> TcpStream {
    let began = Instant::now();
    loop {
        match TcpStream::connect(node) {
            // Not to itself, on the port that is kept for the node.
            Ok(stream) if stream.local_addr().ok() != Some(node) => {
                stream.set_read_timeout(Some(LIMIT)).expect("it is open");
                return stream;
            }
            _ => assert!(began.elapsed() < LIMIT, "nobody listens"),
        }
        std::thread::yield_now();
    }
}

const OPENING_BYTES: usize = 96;
const PROOF_BYTES: usize = 32;
const CONTEXT: &str = "gossamer rack, 2026-11, authentication of connections";
/// However busy the machine is.
const LIMIT: Duration = Duration::from_secs(240);
