//! What a node's library says to the daemon of its host, and is asked.
//!
//! The daemon listens at a socket without a file, in the network namespace of its host; its name
//! and a word that is the node's alone are in the node's environment. Only processes of the
//! daemon's own user are heard. What is said are lines: `lost NODE CAUSE`, and the answer to
//! `stats`, one line of figures for each worker and then `end`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::SendFlags;

/// The daemon's end of what its nodes connect to.
#[derive(Debug)]
pub(crate) struct Links {
    name: String,
    /// By the word of the node.
    expected: Mutex<BTreeMap<String, Arc<Link>>>,
}

/// What connects a node.
#[derive(Debug, Default)]
pub(crate) struct Link {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stream: Option<UnixStream>,
    /// Answers so far, and the last of them.
    answers: u64,
    figures: Vec<Figures>,
    /// Whom the node has lost, and why.
    lost: Option<(u32, String)>,
    has_ended: bool,
}

/// Of one worker, by name.
pub(crate) type Figures = BTreeMap<String, f64>;

impl Links {
    /// Listens, on a thread that lives as long as the process.
    pub(crate) fn listen() -> io::Result<Arc<Self>> {
        let mut number = [0; 16];
        getrandom::fill(&mut number)?;
        let name = format!("gossamer-{:032x}", u128::from_ne_bytes(number));
        let address = SocketAddr::from_abstract_name(&name)?;
        let listener = UnixListener::bind_addr(&address)?;
        let links = Arc::new(Self {
            name,
            expected: Mutex::default(),
        });
        let accepting = links.clone();
        std::thread::Builder::new().spawn(move || {
            for stream in listener.incoming().flatten() {
                // One that is not expected, or says nothing, is let go.
                let _ = accepting.admit(stream);
            }
        })?;
        Ok(links)
    }

    /// What a node is told, so that it finds this.
    pub(crate) fn expect(&self, link: &Arc<Link>) -> io::Result<String> {
        let mut word = [0; 16];
        getrandom::fill(&mut word)?;
        let word = format!("{:032x}", u128::from_ne_bytes(word));
        self.lock().insert(word.clone(), link.clone());
        Ok(format!("{}:{word}", self.name))
    }

    /// A node does not come any more.
    pub(crate) fn forget(&self, link: &Arc<Link>) {
        self.lock()
            .retain(|_, expected| !Arc::ptr_eq(expected, link));
    }

    fn admit(&self, mut stream: UnixStream) -> io::Result<()> {
        let peer = rustix::net::sockopt::socket_peercred(&stream)?;
        if peer.uid != rustix::process::geteuid() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.set_read_timeout(Some(WORD_TIME))?;
        let mut word = [0; 32];
        stream.read_exact(&mut word)?;
        stream.set_read_timeout(None)?;
        let word = std::str::from_utf8(&word).map_err(io::Error::other)?;
        let link = self.lock().remove(word);
        let link = link.ok_or(io::ErrorKind::NotFound)?;
        link.lock().stream = Some(stream.try_clone()?);
        std::thread::Builder::new().spawn(move || {
            let _ = link.read(stream); // however it ends
            link.end();
        })?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Link>>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn read(&self, stream: UnixStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream);
        let mut figures = Vec::new();
        loop {
            let mut line = String::new();
            let read = lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
            if read == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(' ') {
                Some(("lost", rest)) => {
                    let lost = rest.split_once(' ');
                    let lost = lost.and_then(|(node, why)| Some((node.parse().ok()?, why.into())));
                    self.lock().lost = lost;
                }
                Some(("worker", rest)) if figures.len() < WORKERS_MAX => {
                    figures.push(figures_of(rest));
                }
                _ => {
                    let mut state = self.lock();
                    state.answers += 1;
                    state.figures = std::mem::take(&mut figures);
                    drop(state);
                    self.changed.notify_all();
                }
            }
        }
    }

    /// The figures of its workers; none if it does not tell in time.
    pub(crate) fn ask(&self, limit: Duration) -> Vec<Figures> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        let asked = state.answers;
        // What cannot take six bytes at once does not read, and so does not tell.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let is_asked = state.stream.as_ref().is_some_and(|stream| {
            rustix::net::send(stream, ASK, flags).is_ok_and(|sent| sent == ASK.len())
        });
        while is_asked && state.answers == asked && !state.has_ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Vec::new();
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match is_asked && state.answers > asked {
            true => state.figures.clone(),
            false => Vec::new(),
        }
    }

    /// Whom the node, which has ended, had lost. What it said last is waited for a little.
    pub(crate) fn lost(&self) -> Option<(u32, String)> {
        let state = self.lock();
        let is_open = |state: &mut State| state.stream.is_some() && !state.has_ended;
        let waited = self
            .changed
            .wait_timeout_while(state, LAST_WORD_TIME, is_open);
        waited.unwrap_or_else(PoisonError::into_inner).0.lost.take()
    }

    fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `name=number` and so on.
fn figures_of(text: &str) -> Figures {
    let figure = |word: &str| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.split(' ')
        .filter_map(figure)
        .take(FIGURES_MAX)
        .collect()
}

const ASK: &[u8] = b"stats\n";

const WORD_TIME: Duration = Duration::from_secs(1);
const LAST_WORD_TIME: Duration = Duration::from_millis(200);
const LINE_BYTES_MAX: u64 = 4096;
const WORKERS_MAX: usize = 1024;
const FIGURES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn connect(told: &str) -> UnixStream {
        let (name, word) = told.split_once(':').expect("a name and a word");
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        let mut stream = UnixStream::connect_addr(&address).expect("it listens");
        stream.write_all(word.as_bytes()).expect("it reads");
        stream
    }

    #[test]
    fn a_node_is_asked_and_says_what_it_has_lost() {
        let links = Links::listen().expect("a socket");
        let link = Arc::new(Link::default());
        let told = links.expect(&link).expect("a word");
        assert_eq!(link.ask(Duration::from_secs(60)), Vec::<Figures>::new());
        let stream = connect(&told);
        let mut said = BufReader::new(stream.try_clone().expect("a socket"));
        let node = std::thread::spawn(move || {
            let mut line = String::new();
            said.read_line(&mut line).expect("it asks");
            assert_eq!(line, "stats\n");
            let answer = "worker tasks=3 busy_fraction=0.5 x=y\nworker tasks=1\nend\n";
            (&stream).write_all(answer.as_bytes()).expect("it reads");
            (&stream)
                .write_all(b"lost 2 it is silent\n")
                .expect("it reads");
        });
        let figures = loop {
            let figures = link.ask(Duration::from_secs(60));
            if !figures.is_empty() {
                break figures;
            }
        };
        assert_eq!(figures[0]["busy_fraction"], 0.5);
        assert_eq!((figures.len(), figures[0].len()), (2, 2));
        node.join().expect("no panic");
        assert_eq!(link.lost(), Some((2, "it is silent".to_owned())));
        // A word is good for once.
        let mut again = connect(&told);
        assert_eq!(again.read(&mut [0]).expect("it is closed"), 0);
    }

    #[test]
    fn a_node_that_does_not_read_does_not_tell() {
        let links = Links::listen().expect("a socket");
        let link = Arc::new(Link::default());
        let stream = connect(&links.expect(&link).expect("a word"));
        while link.lock().stream.is_none() {
            std::thread::yield_now();
        }
        // More than any socket holds.
        for _ in 0..100_000 {
            assert_eq!(link.ask(Duration::ZERO), Vec::<Figures>::new());
        }
        drop(stream);
        assert_eq!(link.lost(), None);
    }
}
