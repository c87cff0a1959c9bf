//! Two processes over shared memory: this test, and itself again as the other one.

use std::fs::OpenOptions;
use std::os::unix::process::parent_id;
use std::process::{Command, Stdio};

use gossamer_transport::rack::shm::{Channel, GEOMETRY};
use gossamer_transport::rack::{Channel as _, ClientLink, Layout, Ports, Request, TrusteeLink};

/// Requests of many sizes, the bulk path included, are answered by another process, in order.
#[test]
fn two_processes() {
    if let Ok(memory) = std::env::var(MEMORY) {
        return be_trustee(&memory);
    }
    let (ports, ours) = Ports::shared(LAYOUT).expect("memory");
    let (remote, theirs) = Ports::shared(LAYOUT).expect("memory");
    let path = |fd: &std::os::fd::OwnedFd| {
        use std::os::fd::AsRawFd;
        format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd())
    };
    let mut other = Command::new(std::env::current_exe().expect("a name"))
        .args(["processes::two_processes", "--exact", "--nocapture"])
        .env(MEMORY, format!("{}:{}", path(&theirs), path(&ours)))
        .stdout(Stdio::null())
        .spawn()
        .expect("the other process");
    let mut channel = Channel::new(&remote, 0);
    let mut client = ClientLink::new(0, ports.port(0, 0));
    let (mut issued, mut answered) = (0, 0);
    while answered < REQUESTS {
        while issued < REQUESTS && issued < answered + 200 {
            client
                .issue(Request::default(), payload(issued), issued)
                .expect("short");
            issued += 1;
        }
        client.publish(&mut channel).expect("alive");
        channel.flush().expect("alive");
        let before = answered;
        while let Some(answer) = client.poll_result().expect("in order") {
            assert_eq!(answer.note, answered);
            assert_eq!(answer.status, answered as u8);
            assert!(*answer.payload == *payload(answered), "as it was sent");
            answered += 1;
        }
        if before == answered {
            let ended = other.try_wait().expect("a child");
            // It may be done, and the last pieces wait here to be taken.
            let goes_on = ended.is_none() || client.has_arrived();
            assert!(goes_on, "the other process ended early: {ended:?}");
            std::thread::yield_now();
        }
    }
    // It has to learn that the last results were taken.
    client.publish(&mut channel).expect("alive");
    assert!(client.is_idle());
    assert!(other.wait().expect("a child").success());
}

fn be_trustee(memory: &str) {
    let (ours, theirs) = memory.split_once(':').expect("two paths");
    let open = |path: &str| {
        let memory = OpenOptions::new().read(true).write(true).open(path);
        Ports::attach(memory.expect("the memory"), LAYOUT).expect("laid out alike")
    };
    let mut channel = Channel::new(&open(theirs), 0);
    let mut trustee = TrusteeLink::new(0, open(ours).port(0, 0));
    let parent = parent_id();
    while trustee.served() < REQUESTS || trustee.has_unpublished() {
        let mut did = false;
        while let Some(request) = trustee.poll_request().expect("in order") {
            let payload = request.payload.into_owned();
            let status = trustee.served() as u8;
            trustee.respond(status, payload).expect("short");
            did = true;
        }
        did |= trustee.publish(&mut channel).expect("alive");
        channel.flush().expect("alive");
        if !did {
            assert_eq!(parent_id(), parent, "the test has ended");
            std::thread::yield_now();
        }
    }
}

/// Small ones, and some that go in pieces.
fn payload(number: u64) -> Vec<u8> {
    let bytes = match number % 1000 {
        999 => 3_000_000,
        500..510 => 70_000,
        others => others % 100,
    };
    (0..bytes).map(|at| (at + number) as u8).collect()
}

const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: GEOMETRY,
};
const REQUESTS: u64 = 20_000;
const MEMORY: &str = "GOSSAMER_TEST_MEMORY";
