//! The load: one thread with several connections, which asks as fast as it is answered, or at a
//! given rate whatever the answers do.
//!
//! It shares the cores with the server, so it does little: requests are drawn beforehand, and of
//! the answers it counts the bytes, which are known, and compares those to some pipelines only.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::set_current_timer_slack;

use super::server::Server;
use super::traffic::{Requests, Traffic};
use crate::latency::recorder::Recorder;

/// What asking as fast as possible has given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// Requests a second.
    pub(super) rate: f64,
    /// Processor time of the server a request, in nanoseconds.
    pub(super) server_ns: f64,
}

/// Connections to a server, and one thread for them all.
pub(super) struct Load<'a> {
    server: &'a Server,
    connections: Vec<Connection<'a>>,
    pipeline: usize,
}

impl<'a> Load<'a> {
    pub(super) fn connect(server: &'a Server, traffic: &'a Traffic) -> io::Result<Self> {
        // So that it wakes when a request is due, and not when that is convenient.
        set_current_timer_slack(NonZeroU64::new(1))?;
        let connections = (0..CONNECTIONS).map(|index| {
            let stream = server.connect()?;
            stream.set_nonblocking(true)?;
            Ok(Connection {
                stream,
                requests: traffic.requests(index),
                out: Vec::new(),
                due: VecDeque::new(),
                compared: Vec::new(),
                sent: 0,
            })
        });
        let connections = connections.collect::<io::Result<_>>()?;
        Ok(Self {
            server,
            connections,
            pipeline: traffic.pipeline,
        })
    }

    /// One pipeline under way on each connection, for so long.
    pub(super) fn as_fast_as_possible(&mut self, millis: u64) -> io::Result<Capacity> {
        for connection in &mut self.connections {
            connection.send(Instant::now())?;
        }
        let (start, cpu) = (Instant::now(), self.server.processor_time());
        let end = start + Duration::from_millis(millis);
        let mut answered = 0;
        let mut now = start;
        while now < end {
            let ready = self.wait_until(now + PATIENCE)?;
            for connection in ready.of(&mut self.connections) {
                answered += connection.read(|_| {})?;
                if connection.due.is_empty() {
                    connection.send(now)?;
                }
            }
            now = Instant::now();
        }
        let count = (answered * self.pipeline) as f64;
        let cpu = self.server.processor_time() - cpu;
        self.finish(|_| {})?;
        Ok(Capacity {
            rate: count / (now - start).as_secs_f64(),
            server_ns: cpu.as_nanos() as f64 / count,
        })
    }

    /// Pipelines that fall due at random times, in all so many requests a second, for so long;
    /// how long each took from then on.
    pub(super) fn at_rate(&mut self, rate: f64, millis: u64) -> io::Result<Recorder> {
        let mut random = fastrand::Rng::with_seed(0x6055);
        let mut recorder = Recorder::new();
        let mean = self.pipeline as f64 / rate;
        let mut gap = move || Duration::from_secs_f64(-(1.0 - random.f64()).ln() * mean);
        let mut due = Instant::now() + gap();
        let end = Instant::now() + Duration::from_millis(millis);
        let mut turn = 0;
        while due < end {
            let now = Instant::now();
            while due <= now {
                self.connections[turn].send(due)?;
                turn = (turn + 1) % CONNECTIONS;
                due += gap();
            }
            let ready = self.wait_until(due)?;
            for connection in ready.of(&mut self.connections) {
                connection.read(|due| recorder.record(due.elapsed()))?;
            }
        }
        self.finish(|due| recorder.record(due.elapsed()))?;
        Ok(recorder)
    }

    /// Reads what is still to come.
    fn finish(&mut self, mut answered: impl FnMut(Instant)) -> io::Result<()> {
        let start = Instant::now();
        while self.connections.iter().any(|one| !one.due.is_empty()) {
            if start.elapsed() > PATIENCE {
                return Err(ErrorKind::TimedOut.into());
            }
            let ready = self.wait_until(start + PATIENCE)?;
            for connection in ready.of(&mut self.connections) {
                connection.read(&mut answered)?;
            }
        }
        Ok(())
    }

    /// Sleeps until an answer comes, or until a time; where there is something to read.
    fn wait_until(&self, time: Instant) -> io::Result<Ready> {
        let mut polled: [PollFd<'_>; CONNECTIONS] = std::array::from_fn(|index| {
            PollFd::new(&self.connections[index].stream, PollFlags::IN)
        });
        let left = time.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: left.subsec_nanos().into(),
        };
        poll(&mut polled, Some(&timeout))?;
        Ok(Ready(polled.map(|one| !one.revents().is_empty())))
    }
}

/// Of which connections something can be read.
struct Ready([bool; CONNECTIONS]);

impl Ready {
    fn of<T>(self, connections: &mut [T]) -> impl Iterator<Item = &mut T> {
        let ready = connections.iter_mut().zip(self.0);
        ready.filter_map(|(one, is_ready)| is_ready.then_some(one))
    }
}

struct Connection<'a> {
    stream: TcpStream,
    requests: Requests<'a>,
    out: Vec<u8>,
    /// The pipelines under way: when each was due, and how many bytes of its answer are missing.
    due: VecDeque<(Instant, usize)>,
    /// The answer to the first of them, if it is to be compared; what has come is taken off.
    compared: Vec<u8>,
    /// So many pipelines were sent.
    sent: usize,
}

impl Connection<'_> {
    /// Sends the next pipeline, which was due then.
    fn send(&mut self, due: Instant) -> io::Result<()> {
        self.out.clear();
        let compares = self.sent.is_multiple_of(COMPARED_EVERY) && self.due.is_empty();
        self.compared.clear();
        let wanted = compares.then_some(&mut self.compared);
        let length = self.requests.next(&mut self.out, wanted);
        self.due.push_back((due, length));
        self.sent += 1;
        let mut rest = &self.out[..];
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(bytes) => rest = &rest[bytes..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Far too many under way already, so that the rate is beyond the server.
                    std::thread::yield_now();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has come; how many pipelines it completes, each of which is told when it was due.
    fn read(&mut self, mut answered: impl FnMut(Instant)) -> io::Result<usize> {
        let mut buffer = [0; READ_BYTES];
        let mut came = match self.stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        };
        let compared = self.compared.len().min(came);
        if self.compared[..compared] != buffer[..compared] {
            return Err(io::Error::other("an answer is not what it must be"));
        }
        self.compared.drain(..compared);
        let mut completed = 0;
        while came > 0 {
            let Some((due, missing)) = self.due.front_mut() else {
                return Err(io::Error::other("more answers than requests"));
            };
            let part = came.min(*missing);
            came -= part;
            *missing -= part;
            if *missing == 0 {
                answered(*due);
                completed += 1;
                self.due.pop_front();
            }
        }
        Ok(completed)
    }
}

const CONNECTIONS: usize = 16;
const READ_BYTES: usize = 1 << 15;
/// Comparing takes time that the server could have.
const COMPARED_EVERY: usize = 61;
const PATIENCE: Duration = Duration::from_secs(10);
