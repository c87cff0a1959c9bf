//! The executable of a program, on its way to the hosts.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::{ClientError, Contact};
use crate::control::message::{Facts, Hash, HostState, Placed, Reply, Request};

#[derive(Debug)]
pub(crate) struct Executable {
    path: String,
    file: File,
    pub(crate) hash: Hash,
    bytes: u64,
    /// Of the processors that it is for; of a script nobody knows.
    architecture: Option<String>,
}

impl Executable {
    pub(crate) fn open(path: &Path) -> Result<Self, ClientError> {
        let read = || {
            let mut file = File::open(path)?;
            let mut head = [0; HEAD_BYTES];
            let architecture = match file.read_exact(&mut head) {
                Ok(()) => architecture(&head),
                Err(_) => None, // it is shorter
            };
            file.rewind()?;
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(&file)?;
            let bytes = file.metadata()?.len();
            Ok((file, hasher.finalize().into(), bytes, architecture))
        };
        let path = path.display().to_string();
        match read() {
            Ok((file, hash, bytes, architecture)) => Ok(Self {
                path,
                file,
                hash,
                bytes,
                architecture,
            }),
            Err(source) => Err(ClientError::Executable { path, source }),
        }
    }

    /// Whether the hosts can run it.
    pub(crate) fn check(&self, host: &str, facts: &Facts) -> Result<(), ClientError> {
        match &self.architecture {
            Some(theirs) if *theirs != facts.architecture => Err(ClientError::Architecture {
                path: self.path.clone(),
                theirs: theirs.clone(),
                host: host.to_owned(),
                ours: facts.architecture.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Sends it to all these hosts that do not have it, at the same time.
    pub(crate) fn send(&self, contact: &Contact, nodes: &[Placed]) -> Result<(), ClientError> {
        std::thread::scope(|scope| {
            let send = |node| scope.spawn(move || self.send_to(contact, node));
            let sending: Vec<_> = nodes.iter().map(send).collect();
            let mut sent = sending
                .into_iter()
                .map(|thread| thread.join().expect("no panic"));
            sent.try_for_each(|sent| sent)
        })
    }

    fn send_to(&self, contact: &Contact, node: &Placed) -> Result<(), ClientError> {
        let mut connection = contact.connect_to(node.address)?;
        match connection.ask(&Request::Has(self.hash))? {
            Reply::Has(true) => return Ok(()),
            Reply::Has(false) => {}
            _ => return Err(connection.unexpected()),
        }
        let store = Request::Store {
            hash: self.hash,
            bytes: self.bytes,
        };
        match connection.ask(&store)? {
            Reply::Done => {}
            _ => return Err(connection.unexpected()),
        }
        let mut sent = 0;
        let mut unread = None;
        while sent < self.bytes {
            let fill = |piece: &mut [u8]| {
                read_at(&self.file, piece, sent).inspect_err(|error| unread = Some(error.kind()))
            };
            match connection.sender.send_filled(fill) {
                Ok(bytes) => sent += bytes as u64,
                Err(_) => break, // the answer says why
            }
        }
        if let Some(kind) = unread {
            let (path, source) = (self.path.clone(), kind.into());
            return Err(ClientError::Executable { path, source });
        }
        match connection.receiver.receive() {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::Refused(refusal)) => Err(refusal.into()),
            Ok(_) => Err(connection.unexpected()),
            Err(error) => Err(connection.lost(error)),
        }
    }
}

/// Facts of the host of a node.
pub(crate) fn facts_of<'a>(hosts: &'a [HostState], node: &Placed) -> Option<&'a Facts> {
    let host = hosts.iter().find(|host| host.name == node.host)?;
    host.state.as_ref().ok()
}

/// Something, as the file does not end there unless it has changed.
fn read_at(file: &File, piece: &mut [u8], place: u64) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    match file.read_at(piece, place)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}

/// As Rust calls what the head of an ELF file says.
fn architecture(head: &[u8; HEAD_BYTES]) -> Option<String> {
    if head[..4] != *b"\x7fELF" {
        return None;
    }
    let machine = u16::from_le_bytes([head[18], head[19]]);
    let known = [
        (62, "x86_64"),
        (183, "aarch64"),
        (243, "riscv64"),
        (3, "x86"),
        (40, "arm"),
    ];
    let found = known.iter().find(|(number, _)| *number == machine);
    Some(found.map_or_else(
        || format!("machine {machine}"),
        |(_, name)| (*name).to_owned(),
    ))
}

/// As far as the kind of machine.
const HEAD_BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures() {
        let mut head = [0; HEAD_BYTES];
        assert_eq!(architecture(&head), None);
        head[..4].copy_from_slice(b"\x7fELF");
        head[18] = 183;
        assert_eq!(architecture(&head).as_deref(), Some("aarch64"));
        head[18] = 8;
        assert_eq!(architecture(&head).as_deref(), Some("machine 8"));
        let this = Executable::open(Path::new("/proc/self/exe")).expect("it runs");
        assert_eq!(this.architecture.as_deref(), Some(std::env::consts::ARCH));
    }
}
