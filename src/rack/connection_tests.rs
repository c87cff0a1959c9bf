//! A route and its connection: what is written at once, and what waits for its task.

use std::cell::RefCell;
use std::io::{ErrorKind, Read};
use std::net::{self, Ipv4Addr, SocketAddr};

use gossamer_executor::{JoinHandle, spawn, yield_now};
use gossamer_transport::rack::tcp::{self, Decoder};
use gossamer_transport::rack::{Channel as _, Layout, Place, Ports, RingKind};
use socket2::SockRef;

use super::*;
use crate::rack::peer::Peer;
use crate::rack::refs::Node;

/// A route that writes to a connection, and the other end of that.
struct Scene {
    route: Rc<RefCell<Route>>,
    /// Writes that were told of: at once, and by the task.
    at_once: usize,
    by_task: Rc<RefCell<usize>>,
    task: JoinHandle<io::Result<()>>,
    other: net::TcpStream,
    decoder: Decoder,
    pushed: u64,
}

impl Scene {
    /// Its task waits for something to do, and its connection has as little room as there may be.
    async fn new() -> Self {
        let party = Node {
            number: 1,
            incarnation: 2,
        };
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let route = Route::new(&Peer::new(party, nowhere, 1, 1, None));
        let route = Rc::new(RefCell::new(route));
        let (ours, other) = connection().expect("the system has sockets");
        let stream = Rc::new(TcpStream::try_from(ours).expect("it is open"));
        let by_task = Rc::new(RefCell::new(0));
        let (route_of_task, writes) = (Rc::clone(&route), Rc::clone(&by_task));
        let task = spawn(poll_fn(move |cx| {
            let mut route = route_of_task.borrow_mut();
            route.poll_write(&stream, cx, |_| *writes.borrow_mut() += 1)
        }));
        while !is_idle(&route.borrow()) {
            yield_now().await;
        }
        let layout = Layout {
            writers: 1,
            workers: 1,
            geometry: tcp::GEOMETRY,
        };
        Self {
            route,
            at_once: 0,
            by_task,
            task,
            other,
            decoder: Decoder::new(Ports::private(layout).expect("memory")),
            pushed: 0,
        }
    }

    /// Pushes a frame; whether there was room for it.
    fn push(&mut self) -> bool {
        let place = Place {
            ring: RingKind::Results,
            worker: 0,
            index: (self.pushed % 32) as u16,
        };
        let mut route = self.route.borrow_mut();
        let Fabric::Tcp(channel) = &mut route.fabric else {
            panic!("it is a stream");
        };
        let seal = self.pushed + 1;
        let took = channel.push(place, &seal.to_le_bytes().repeat(125), seal);
        self.pushed += u64::from(took.is_ok());
        took.is_ok()
    }

    fn flush(&mut self) {
        let mut route = self.route.borrow_mut();
        let is_dirty = route.write_at_once(|_| self.at_once += 1);
        assert!(!is_dirty, "no link waits for room");
    }

    /// Whether all of it is written, and the task waits for more.
    fn is_done(&self) -> bool {
        let route = self.route.borrow();
        is_idle(&route) && route.chunk().is_empty()
    }

    /// Reads all that has been pushed and not been read: it comes whole and in order.
    async fn read_all(&mut self) {
        let mut bytes = [0; 3000];
        while self.decoder.frames() < self.pushed {
            match self.other.read(&mut bytes) {
                Ok(count) => {
                    let decoded = self.decoder.handle_bytes(&bytes[..count]);
                    decoded.expect("frames in order");
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            yield_now().await;
        }
    }
}

fn is_idle(route: &Route) -> bool {
    matches!(route.connection, Connection::Idle(..))
}

/// A connection that holds as little as the system allows, and its other end, which never blocks.
fn connection() -> io::Result<(net::TcpStream, net::TcpStream)> {
    let listener = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    SockRef::from(&listener).set_recv_buffer_size(1)?;
    let ours = net::TcpStream::connect(listener.local_addr()?)?;
    SockRef::from(&ours).set_send_buffer_size(1)?;
    let (other, _) = listener.accept()?;
    other.set_nonblocking(true)?;
    Ok((ours, other))
}

/// Plays a scene on a worker, as that watches descriptors.
fn play<Fut: Future<Output = ()>>(scene: impl FnOnce() -> Fut + Send) {
    let runtime = crate::Builder::new().workers(1).build();
    runtime.expect("it starts").block_on_with(scene);
}

#[test]
fn what_the_system_takes_is_written_without_the_task() {
    play(async || {
        let mut scene = Scene::new().await;
        for writes in 1..=3 {
            assert!(scene.push());
            scene.flush();
            assert!(scene.is_done());
            assert_eq!((scene.at_once, *scene.by_task.borrow()), (writes, 0));
            scene.read_all().await;
        }
    });
}

/// The system takes a part. Until the task has written the rest, nothing is written at once; then
/// it is again.
#[test]
fn a_full_connection_is_left_to_the_task_until_it_has_room() {
    play(async || {
        let mut scene = Scene::new().await;
        for _ in 0..3 {
            while scene.push() {}
            scene.flush();
            assert!(!scene.is_done(), "there is no room for so much");
            let at_once = scene.at_once;
            for _ in 0..3 {
                yield_now().await;
                scene.flush();
                assert_eq!(scene.at_once, at_once, "the task is next");
            }
            scene.read_all().await;
            while !scene.is_done() {
                yield_now().await;
            }
            assert!(*scene.by_task.borrow() > 0);
            assert!(scene.push());
            scene.flush();
            assert!(scene.is_done());
            assert_eq!(scene.at_once, at_once + 1);
            scene.read_all().await;
        }
    });
}

#[test]
fn an_error_ends_the_task_whoever_meets_it() {
    play(async || {
        let mut scene = Scene::new().await;
        let resets = SockRef::from(&scene.other).set_linger(Some(Duration::ZERO));
        resets.expect("it can be asked for");
        scene.other = connection().expect("the system has sockets").1;
        while scene.is_done() {
            assert!(scene.push(), "what was written before the reset is gone");
            scene.flush();
            yield_now().await;
        }
        assert!(scene.task.await.expect("no panic").is_err());
    });
}

#[test]
fn a_route_that_is_killed_ends_its_task() {
    play(async || {
        let mut scene = Scene::new().await;
        assert!(scene.push());
        scene.route.borrow_mut().kill();
        scene.flush();
        assert_eq!(scene.at_once, 0);
        assert!(scene.task.await.expect("no panic").is_ok());
    });
}
