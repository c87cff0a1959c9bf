//! Servers as processes of their own: started, filled, and stopped while others are measured.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::traffic::Traffic;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `examples/memcached`, with a way to share its items.
    Ours { backend: &'static str },
    /// As it is installed.
    Memcached,
}

impl Kind {
    /// Starts it, to keep so many mebibytes.
    fn spawn(self, megabytes: usize) -> io::Result<(Child, SocketAddr)> {
        let port = match self {
            Self::Ours { .. } => 0,
            Self::Memcached => free_port()?,
        };
        let mut command = match self {
            Self::Ours { backend } => {
                let mut command = Command::new(example()?);
                command.args(["--backend", backend]).stdout(Stdio::piped());
                command
            }
            Self::Memcached => {
                let mut command = Command::new("memcached");
                command
                    .args(["-u", "root", "-U", "0"])
                    .stdout(Stdio::null());
                command
            }
        };
        command.args(["-l", "127.0.0.1", "-t", THREADS]);
        command.args(["-p", &port.to_string(), "-m", &megabytes.to_string()]);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let address = match child.stdout.take() {
            Some(stdout) => {
                let mut line = String::new();
                BufReader::new(stdout).read_line(&mut line)?;
                let address = line.trim_end().strip_prefix("listening on ");
                address.and_then(|address| address.parse().ok())
            }
            None => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        };
        let Some(address) = address else {
            drop(Server::of(
                child,
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ));
            return Err(io::Error::other("it does not say where it listens"));
        };
        Ok((child, address))
    }
}

/// A server that runs; killed when dropped.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Whether there is such a server, else why not.
    pub(super) fn check(kind: Kind) -> io::Result<()> {
        Self::start(kind, 64).map(drop)
    }

    /// Starts one and writes all keys; it then sleeps until it is woken.
    pub(super) fn with_keys(kind: Kind, traffic: &Traffic) -> io::Result<Self> {
        // What memcached keeps with an item, and more than enough of it.
        let bytes = traffic.keys * (traffic.value_bytes + 100);
        let server = Self::start(kind, 256 + bytes / (1 << 20) * 3 / 2)?;
        let mut stream = server.connect()?;
        let mut requests = Vec::new();
        for key in 0..traffic.keys {
            traffic.fill(key, &mut requests);
            if requests.len() > 1 << 16 || key + 1 == traffic.keys {
                stream.write_all(&requests)?;
                requests.clear();
            }
        }
        stream.write_all(b"mn\r\n")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        if answer != *b"MN\r\n" {
            return Err(io::Error::other("it does not take all keys"));
        }
        server.signal(Signal::STOP);
        Ok(server)
    }

    /// Runs something while it is awake.
    pub(super) fn awake<T>(&self, run: impl FnOnce(&Self) -> T) -> T {
        self.signal(Signal::CONT);
        let result = run(self);
        self.signal(Signal::STOP);
        result
    }

    pub(super) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Processor time of all its threads until now.
    pub(super) fn processor_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter();
        let nanos = tasks.flatten().flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    fn start(kind: Kind, megabytes: usize) -> io::Result<Self> {
        let (child, address) = kind.spawn(megabytes)?;
        let server = Self::of(child, address);
        let start = Instant::now();
        loop {
            match server.connect() {
                Ok(_) => return Ok(server),
                Err(error) if start.elapsed() > PATIENCE => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn of(child: Child, address: SocketAddr) -> Self {
        Self { child, address }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // One that has ended shows by its silence.
        let _ = kill_process(pid.expect("a process has a number"), signal);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Beside this program, where cargo puts both.
fn example() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folders = program.ancestors().skip(1).take(2);
    let mut examples = folders.map(|folder| folder.join("examples/memcached"));
    examples.find(|path| path.exists()).ok_or_else(|| {
        let how = "not built: cargo build --profile bench --example memcached";
        io::Error::new(io::ErrorKind::NotFound, how)
    })
}

fn free_port() -> io::Result<u16> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(probe.local_addr()?.port())
}

const THREADS: &str = "2";
/// What has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(10);
