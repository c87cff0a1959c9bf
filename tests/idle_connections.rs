//! Ten thousand connections that say nothing: what they hold, and that each is still heard. A
//! process of its own, as what is counted is the process's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use gossamer::net::TcpListener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CONNECTIONS: usize = 10_000;
const BYTES_MAX: usize = 200 << 20;

#[test]
fn ten_thousand_hold_little_and_are_heard() {
    let connections = CONNECTIONS.min((raise_limit() - 100) / 2); // both ends are ours
    let runtime = gossamer::Builder::new().workers(2).pin(false);
    let runtime = runtime.build().expect("a runtime");
    let (listening, is_listening) = mpsc::channel();
    let (taken, all_taken) = mpsc::channel();
    let server = runtime.spawn_on(0, move || async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listening.send(listener.local_addr()).expect("heard");
        let mut incoming = listener.incoming();
        for number in 0.. {
            let (mut stream, _) = incoming.next().await.expect("a listener");
            let taken = taken.clone();
            gossamer::spawn_on(number % 2, move || async move {
                taken.send(()).expect("counted");
                let mut byte = [0];
                while stream.read_exact(&mut byte).await.is_ok() {
                    stream.write_all(&byte).await.expect("open");
                }
            });
        }
    });
    let address = is_listening.recv().expect("sent").expect("an address");
    let mut clients: Vec<_> = (0..connections)
        .map(|_| TcpStream::connect(address).expect("taken"))
        .collect();
    (0..connections).for_each(|_| all_taken.recv().expect("taken"));

    let resident = resident_bytes();
    println!("{connections} connections, {} KiB", resident >> 10);
    assert!(resident < BYTES_MAX, "{resident} bytes");
    for (number, client) in clients.iter_mut().enumerate() {
        let byte = [number as u8];
        client.write_all(&byte).expect("open");
        let mut answer = [0];
        client.read_exact(&mut answer).expect("open");
        assert_eq!(answer, byte);
    }
    server.abort();
}

/// As many descriptors as are wanted, or as this process may have; how many those are.
fn raise_limit() -> usize {
    let wanted = (2 * CONNECTIONS + 1_000) as u64;
    let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(wanted);
    for limit in [wanted, allowed] {
        let both = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        if setrlimit(Resource::Nofile, both).is_ok() {
            return limit as usize;
        }
    }
    panic!("neither {wanted} nor {allowed} descriptors are allowed");
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .expect("a process has memory")
        .trim()
        .trim_end_matches(" kB");
    kib.parse::<usize>().expect("a number") << 10
}
