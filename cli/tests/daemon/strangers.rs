//! Whoever does not know the key: refused, counted, told of once a minute, and no burden.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use crate::rack::{Rack, await_until};
use crate::random::Random;

#[test]
fn strangers_are_no_burden() {
    let Some(rack) = Rack::start(2) else { return };
    let within = |f: &mut dyn FnMut()| rack.network().host(1).namespace.within(f);
    let address = rack.address(0);
    let connect = || {
        let stream = TcpStream::connect(&*address).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a time");
        stream
    };
    let refused = || {
        rack.json(0, &["nodes"])[0]["refused"]
            .as_u64()
            .expect("a number")
    };
    let memory = resident(rack.daemon_pid(0));
    let mut expected = 0;
    // A million random bytes, and what would be huge lengths.
    within(&mut || {
        let mut random = Random::new(1);
        let bytes: Vec<u8> = (0..1_000_000).map(|_| random.next() as u8).collect();
        for bytes in [&bytes[..], &[0xff; 100_000], &[0; 100_000]] {
            let mut stranger = connect();
            let _ = stranger.write_all(bytes); // it hangs up in between
            assert!(is_at_end(&mut stranger), "it gets no answer");
            expected += 1;
        }
        // One that goes.
        let stranger = connect();
        stranger.shutdown(Shutdown::Write).expect("it is open");
        expected += 1;
    });
    await_until("they are counted", || refused() >= expected);
    // A thousand that say nothing, while users go on.
    let mut silent = Vec::new();
    within(&mut || silent.extend((0..1000).map(|_| connect())));
    for _ in 0..10 {
        rack.says(0, &["ps"]);
        rack.says(1, &["run", "--threads", "2", "--", "true"]);
    }
    expected += 1000 - 64;
    await_until("most have had to go", || refused() >= expected);
    drop(silent);
    expected += 64;
    await_until("all are counted", || refused() >= expected);
    let grown = resident(rack.daemon_pid(0)).saturating_sub(memory);
    assert!(grown < 64 << 20, "{grown} bytes more");
    // Of that source once a minute, however many came; the test may take longer than that.
    let log = rack.log(0);
    let told = log
        .lines()
        .filter(|line| line.contains("refused a connection from 10.77.0.2"));
    assert!((1..10).contains(&told.count()), "{log}");
}

/// They come without end, also from where the user is, and take all places again and again.
#[test]
fn users_are_served_in_a_flood() {
    let Some(rack) = Rack::start(2) else { return };
    let address = rack.address(0);
    let is_over = AtomicBool::new(false);
    let flood = || {
        let mut strangers = VecDeque::new();
        // Acquire: pairs with the Release in `Over`; it is only to be seen soon.
        while !is_over.load(Ordering::Acquire) {
            strangers.extend(TcpStream::connect(&*address).ok()); // there may be no port
            if strangers.len() > 200 {
                strangers.pop_front();
            }
        }
    };
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| rack.network().host(1).namespace.within(flood));
        let over = Over(&is_over);
        await_until("strangers have had to go", || {
            rack.json(0, &["nodes"])[0]["refused"].as_u64() > Some(100)
        });
        for _ in 0..10 {
            for host in 0..2 {
                rack.says(host, &["ps", "--daemon", &address]);
                rack.says(host, &["run", "--", "true"]);
            }
        }
        drop(over);
        flooding.join().expect("no panic");
    });
}

/// Ends the flood, also in a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in the flood.
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn another_key_is_refused_and_told_of() {
    let Some(rack) = Rack::start(2) else { return };
    let other = rack.folder().join("other");
    let other = other.to_str().expect("text");
    rack.says(1, &["keygen", other]);
    let address = rack.address(0);
    for _ in 0..3 {
        let (status, text) = rack.fails(1, &["ps", "--key", other, "--daemon", &address]);
        assert!(text.contains("it has another key"), "{text}");
        assert_eq!(status, Some(4));
    }
    let log = rack.log(0);
    let says = "refused a connection from 10.77.0.2: it does not know the key";
    assert!(log.contains(says), "{log}");
    assert!(rack.json(0, &["nodes"])[0]["refused"].as_u64() >= Some(3));
}

/// All that a user has said once is said again.
#[test]
fn what_was_recorded_is_refused() {
    let Some(rack) = Rack::start(1) else { return };
    let host = rack.network().host(0);
    let recorder = host.namespace.within(|| Recorder::start(&rack.address(0)));
    let refused = || {
        rack.json(0, &["nodes"])[0]["refused"]
            .as_u64()
            .expect("a number")
    };
    let before = refused();
    let address = recorder.address.clone();
    rack.says(0, &["nodes", "--daemon", &address]);
    let recorded = recorder.recorded.join().expect("no panic");
    assert!(recorded.len() > 64, "a handshake and a request");
    host.namespace.within(|| {
        let mut again = TcpStream::connect(rack.address(0)).expect("it listens");
        again.set_read_timeout(Some(LIMIT)).expect("a time");
        let _ = again.write_all(&recorded); // it hangs up in between
        let mut answer = Vec::new();
        let _ = again.read_to_end(&mut answer); // however it ends
        assert!(answer.len() <= 48, "no more than any opening gets");
    });
    await_until("it is counted", || refused() == before + 1);
}

/// Who does not know the key learns no more from a user than that it has none.
#[test]
fn a_false_daemon_is_found_out() {
    let Some(rack) = Rack::start(1) else { return };
    let host = rack.network().host(0);
    let listener = host
        .namespace
        .within(|| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = listener.local_addr().expect("it is bound").to_string();
    let server = spawn(move || {
        for stream in listener.incoming().take(4) {
            let mut stream = stream.expect("a user");
            let mut opening = [0; 48];
            stream.read_exact(&mut opening).expect("it is said first");
            stream.write_all(&[7; 48]).expect("it is read");
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest); // however it ends
            assert!(rest.is_empty(), "nothing more is said to it");
        }
    });
    let (status, text) = rack.fails(0, &["nodes", "--daemon", &address]);
    assert!(
        text.contains("it has another key, or another version of gossamer"),
        "{text}"
    );
    assert_eq!(status, Some(4));
    server.join().expect("no panic");
}

/// Passes one connection on, and keeps what the user says.
struct Recorder {
    address: String,
    recorded: JoinHandle<Vec<u8>>,
}

impl Recorder {
    fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let mut daemon = TcpStream::connect(to).expect("it listens");
        let recorded = spawn(move || {
            let (mut user, _) = listener.accept().expect("a user");
            let mut answers = daemon.try_clone().expect("a socket");
            let mut back = user.try_clone().expect("a socket");
            let answering = spawn(move || std::io::copy(&mut answers, &mut back));
            let mut recorded = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = user.read(&mut buffer) {
                recorded.extend_from_slice(&buffer[..read]);
                daemon.write_all(&buffer[..read]).expect("it is taken");
            }
            daemon.shutdown(Shutdown::Both).expect("it is open");
            let _ = answering.join().expect("no panic"); // however it ended
            recorded
        });
        Self { address, recorded }
    }
}

fn is_at_end(stream: &mut TcpStream) -> bool {
    // With what was not read of it, a connection is reset.
    !matches!(stream.read(&mut [0]), Ok(1..))
}

fn resident(process: u32) -> u64 {
    let table = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = table.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .expect("it is there")
        .parse::<u64>()
        .expect("a number")
        << 10
}

const LIMIT: Duration = Duration::from_secs(60);
