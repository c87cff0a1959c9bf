//! What a link between processes costs: the same link over memory of one process, over memory that
//! two processes share, and what its bytes cost over a stream. Also a link in memory, to compare.
//!
//! `cargo run --profile bench -p gossamer-transport --example rack_links`
//!
//! Two cores, each thread or process on its own. A request of 8 bytes, which is answered by 8:
//! one at a time, and up to 1000 under way. Medians of several rounds, taken in turn.

use std::hint::{black_box, spin_loop};
use std::os::fd::AsRawFd;
use std::process::{Child, Command};
use std::thread;
use std::time::Instant;

use gossamer_transport::rack::shm::{self, GEOMETRY};
use gossamer_transport::rack::tcp::{self, Decoder};
use gossamer_transport::rack::{
    Channel as _, ClientLink, Layout, PIECE_BYTES, Place, Ports, Request, RingKind, TrusteeLink,
};
use gossamer_transport::{Call, Key, Record, Results, Word, link};
use rustix::thread::{CpuSet, sched_setaffinity};

fn main() {
    if let Ok(memory) = std::env::var(MEMORY) {
        let (ours, theirs) = memory.split_once(':').expect("two paths");
        return serve(&attach(ours), &attach(theirs), true);
    }
    pin(0);
    let mut rounds: Vec<[Figures; 3]> = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([in_memory(), in_process(), between_processes()]);
    }
    let names = [
        "a link in memory",
        "in one process",
        "between two processes",
    ];
    println!("{:24}{:>16}{:>16}", "", "round trip", "throughput");
    let medians = std::array::from_fn::<_, 3, _>(|at| Figures {
        round_trip: median(rounds.iter().map(|round| round[at].round_trip)),
        throughput: median(rounds.iter().map(|round| round[at].throughput)),
        bulk: median(rounds.iter().map(|round| round[at].bulk)),
    });
    for (name, figures) in names.iter().zip(&medians) {
        let Figures {
            round_trip,
            throughput,
            bulk,
        } = figures;
        println!("{name:24}{round_trip:13.0} ns{throughput:13.1} M/s{bulk:10.2} GB/s of bulk");
    }
    let ratio = |of: fn(&Figures) -> f64| median(rounds.iter().map(|r| of(&r[2]) / of(&r[1])));
    println!(
        "two processes to one: {:.2} of the throughput, {:.2} of the round trip",
        ratio(|figures| figures.throughput),
        ratio(|figures| figures.round_trip),
    );
    stream();
}

#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Nanoseconds.
    round_trip: f64,
    /// Millions a second.
    throughput: f64,
    /// Gigabytes a second, of payloads of a MiB.
    bulk: f64,
}

/// A client here and a trustee in another thread.
fn in_process() -> Figures {
    let ports = || Ports::private(LAYOUT).expect("memory");
    let (at_client, at_trustee) = (ports(), ports());
    let trustee = {
        let (ours, theirs) = (at_trustee.clone(), at_client.clone());
        thread::spawn(move || serve(&ours, &theirs, false))
    };
    let figures = ask(&at_client, &at_trustee, || {
        assert!(!trustee.is_finished(), "the trustee has ended");
    });
    trustee.join().expect("no panic");
    figures
}

/// A client here and a trustee in another process.
fn between_processes() -> Figures {
    let ports = || Ports::shared(LAYOUT).expect("memory");
    let ((at_client, ours), (at_trustee, theirs)) = (ports(), ports());
    let path = |fd: i32| format!("/proc/{}/fd/{fd}", std::process::id());
    let memory = format!("{}:{}", path(theirs.as_raw_fd()), path(ours.as_raw_fd()));
    let mut other: Child = Command::new(std::env::current_exe().expect("a name"))
        .env(MEMORY, memory)
        .spawn()
        .expect("another process");
    let figures = ask(&at_client, &at_trustee, || {
        let ended = other.try_wait().expect("a child");
        assert_eq!(ended, None, "the trustee has ended");
    });
    assert!(other.wait().expect("a child").success());
    figures
}

fn attach(path: &str) -> Ports {
    let memory = std::fs::File::options().read(true).write(true).open(path);
    Ports::attach(memory.expect("the memory"), LAYOUT).expect("laid out alike")
}

/// The trustee: adds one to each number, and gives back what is longer.
fn serve(ours: &Ports, theirs: &Ports, is_alone: bool) {
    pin(1);
    let parent = std::os::unix::process::parent_id();
    let mut channel = shm::Channel::new(theirs, 0);
    let mut link = TrusteeLink::new(0, ours.port(0, 0));
    let mut idle = 0_u32;
    let mut is_over = false;
    while !is_over || link.has_unpublished() {
        idle += 1;
        while let Some(request) = link.poll_request().expect("in order") {
            idle = 0;
            is_over |= request.call == OVER;
            if let Some(bytes) = request
                .payload
                .first_chunk()
                .filter(|_| request.payload.len() == 8)
            {
                let result = (u64::from_le_bytes(*bytes) + 1).to_le_bytes();
                link.respond(0, result.as_slice()).expect("short");
            } else {
                let payload = request.payload.into_owned();
                link.respond(0, payload).expect("short enough");
            }
        }
        link.publish(&mut channel).expect("alive");
        channel.flush().expect("alive");
        if idle.is_multiple_of(1 << 24) && is_alone {
            assert_eq!(
                std::os::unix::process::parent_id(),
                parent,
                "the client has ended"
            );
        }
        if idle > 0 {
            spin_loop();
        }
    }
}

/// The client.
fn ask(ours: &Ports, theirs: &Ports, mut check: impl FnMut()) -> Figures {
    let mut channel = shm::Channel::new(theirs, 0);
    let mut link = ClientLink::new(0, ours.port(0, 0));
    let mut idle = 0_u32;
    let mut run = |requests: u64, under_way: u64, bytes: Option<usize>| {
        let start = Instant::now();
        let (mut issued, mut answered) = (0_u64, 0_u64);
        while answered < requests {
            while issued < requests && issued < answered + under_way {
                let result_bytes = 8;
                let request = Request {
                    result_bytes,
                    ..Request::default()
                };
                let is_issued = match bytes {
                    None => link.issue(request, issued.to_le_bytes().as_slice(), issued),
                    Some(bytes) => link.issue(request, vec![7; bytes], issued),
                };
                is_issued.expect("short enough");
                issued += 1;
            }
            link.publish(&mut channel).expect("alive");
            channel.flush().expect("alive");
            idle += 1;
            while let Some(answer) = link.poll_result().expect("in order") {
                idle = 0;
                if bytes.is_none() {
                    assert_eq!(*answer.payload, (answer.note + 1).to_le_bytes());
                }
                answered += 1;
            }
            if idle > 0 {
                spin_loop();
            }
            if idle == 1 << 28 {
                check();
            }
        }
        start.elapsed().as_secs_f64() / requests as f64
    };
    run(WARM_UP, 1000, None);
    let round_trip = run(ROUND_TRIPS, 1, None) * 1e9;
    let throughput = 1e-6 / run(REQUESTS, 1000, None);
    let bulk = 2e-9 * BULK_BYTES as f64 / run(200, 4, Some(BULK_BYTES));
    let over = Request {
        call: OVER,
        ..Request::default()
    };
    link.issue(over, [0; 8].as_slice(), 0).expect("short");
    while !link.is_idle() {
        link.publish(&mut channel).expect("alive");
        link.poll_result().expect("in order");
    }
    Figures {
        round_trip,
        throughput,
        bulk,
    }
}

/// A link in memory, with the same requests.
fn in_memory() -> Figures {
    let (mut client, mut trustee) = link();
    let served = WARM_UP + ROUND_TRIPS + REQUESTS;
    let thread = thread::spawn(move || {
        pin(1);
        let mut results = Results::new();
        while trustee.served() < served {
            let Some(mut requests) = trustee.take() else {
                spin_loop();
                continue;
            };
            while let Some(Record {
                call,
                key,
                captures,
            }) = requests.take_record()
            {
                let result = results.push(1).as_mut_ptr();
                // SAFETY: the captures of this record, once, and room for its result.
                unsafe { (call.run)(key, captures, result) };
            }
            // SAFETY: every record was taken and has its result.
            unsafe { trustee.respond(&mut results) };
        }
    });
    let mut run = |requests: u64, under_way: u64| {
        let start = Instant::now();
        let (mut issued, mut answered) = (0_u64, 0_u64);
        while answered < requests {
            while issued < requests && issued < answered + under_way {
                let place = client.issue(&ADD_ONE, Key::of(std::ptr::null::<()>()), 1);
                // SAFETY: the request has one word.
                unsafe { place.captures.cast::<u64>().write(issued) };
                // SAFETY: a note of one word was asked for.
                unsafe { place.note.cast::<u64>().write(issued) };
                issued += 1;
            }
            client.flush();
            let Some(mut responses) = client.take() else {
                spin_loop();
                continue;
            };
            for _ in 0..responses.count() {
                let note = responses.note().cast::<u64>();
                let result = responses.step(1, 1).cast::<u64>();
                // SAFETY: it was written, and is a number.
                let note = unsafe { note.read() };
                // SAFETY: as above.
                let result = unsafe { result.read() };
                assert_eq!(result, note + 1);
                answered += 1;
            }
            // SAFETY: all of it was read.
            unsafe { client.release() };
        }
        start.elapsed().as_secs_f64() / requests as f64
    };
    run(WARM_UP, 1000);
    let round_trip = run(ROUND_TRIPS, 1) * 1e9;
    let throughput = 1e-6 / run(REQUESTS, 1000);
    thread.join().expect("no panic");
    Figures {
        round_trip,
        throughput,
        bulk: f64::NAN,
    }
}

/// What it takes to make frames of images and to take them out of a stream again.
fn stream() {
    let layout = Layout {
        geometry: tcp::GEOMETRY,
        ..LAYOUT
    };
    let mut decoder = Decoder::new(Ports::private(layout).expect("memory"));
    let mut channel = tcp::Channel::new();
    for (ring, bytes) in [
        (RingKind::Requests, 64),
        (RingKind::Requests, 1016),
        (RingKind::RequestPieces, PIECE_BYTES),
    ] {
        let used = vec![7; bytes];
        let frames = 200_000_000 / (bytes + 100);
        let (mut encode, mut decode) = (0.0, 0.0);
        let mut left = frames;
        while left > 0 {
            let start = Instant::now();
            let place = |index| Place {
                ring,
                worker: 0,
                index,
            };
            let mut index = 0;
            while left > 0 && channel.push(place(index), &used, 1).is_ok() {
                index = (index + 1) % 4;
                left -= 1;
            }
            let encoded = Instant::now();
            black_box(decoder.handle_bytes(channel.chunk()).expect("in order"));
            channel.consume(channel.chunk().len());
            encode += (encoded - start).as_secs_f64();
            decode += encoded.elapsed().as_secs_f64();
        }
        let each = |seconds: f64| seconds * 1e9 / frames as f64;
        println!(
            "frames of {bytes:5} bytes: {:6.0} ns to encode, {:6.0} to decode, {:.3} ns a byte",
            each(encode),
            each(decode),
            each(encode + decode) / bytes as f64,
        );
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Runs the calling thread on one core, where there are as many.
fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // A machine with one core measures something else, and says so by its figures.
    let _ = sched_setaffinity(None, &cores);
}

/// # Safety
/// The contract of [`Call::run`].
unsafe fn add_one(_: Key, captures: *const Word, result: *mut Word) {
    // SAFETY: by the contract, one word that is a number.
    let number = unsafe { captures.cast::<u64>().read() };
    // SAFETY: by the contract, there is room for it.
    unsafe { result.cast::<u64>().write(number + 1) };
}

/// # Safety
/// The contract of [`Call::discard`].
unsafe fn discard(_: *const Word) {}

static ADD_ONE: Call = Call {
    run: add_one,
    discard,
    capture_words: 1,
    result_words: 1,
    name: || "add_one",
};

const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: GEOMETRY,
};
const ROUNDS: usize = 5;
const WARM_UP: u64 = 1_000_000;
const ROUND_TRIPS: u64 = 1_000_000;
const REQUESTS: u64 = 10_000_000;
const BULK_BYTES: usize = 1 << 20;
/// A call that ends the trustee.
const OVER: u64 = 1;
const MEMORY: &str = "GOSSAMER_BENCH_MEMORY";
