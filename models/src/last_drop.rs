//! The last trust goes while requests are on their way by several links, and by the inbox.
//!
//! The obituary travels by the inbox and may overtake what is in the links; what a worker had
//! issued when it let go of its trust is in its counter, which the obituary brings with it.

use std::sync::Arc as StdArc;

use gossamer_executor::Inbox;
use gossamer_transport::{ClientLink, Key, Record, Results, TrusteeLink, link};
use loom::sync::Arc;
use loom::thread;

use crate::counts::{Counts, Release};
use crate::erase::{self, OnTrustee};
use crate::issued::Issued;
use crate::outstanding::Outstanding;
use crate::watched::{Watched, check_bounded};

/// What all threads share: the counts of one property, the value, and its trustee's inbox.
struct Scene {
    counts: Counts,
    value: Watched,
    inbox: Inbox<Message>,
}

enum Message {
    /// A request of a thread that is no worker.
    Run,
    Death,
}

/// A link as its trustee has it.
struct OpenLink {
    client: u32,
    link: TrusteeLink,
    issued: StdArc<Issued>,
}

/// Two workers issue a request each, let go of their trusts, and publish only then.
#[test]
fn two_workers() {
    loom::model(|| run(2, 0, Wait::ForAll));
}

/// A worker and a plain thread, whose request goes by the inbox.
#[test]
fn worker_and_plain_thread() {
    check_bounded(3, || run(1, 1, Wait::ForAll));
}

/// The models themselves: a trustee that does not wait for what was issued drops the property
/// under a request.
#[test]
#[should_panic(expected = "dropped under a request")]
fn without_the_wait() {
    loom::model(|| run(1, 0, Wait::ForNone));
}

/// Whom a trustee waits for before it drops a property.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    ForAll,
    ForNone,
}

fn run(workers: u32, plain_threads: usize, wait: Wait) {
    let scene = Arc::new(Scene {
        counts: Counts::new(1),
        value: Watched::new(ALIVE),
        inbox: Inbox::new(),
    });
    let mut threads = Vec::new();
    let mut links = Vec::new();
    for client in 0..workers {
        let (client_link, trustee_link) = link();
        let issued = StdArc::new(Issued::new());
        links.push(OpenLink {
            client,
            link: trustee_link,
            issued: StdArc::clone(&issued),
        });
        scene.counts.retain();
        let scene = Arc::clone(&scene);
        threads.push(thread::spawn(move || {
            be_worker(&scene, client_link, &issued)
        }));
    }
    for _ in 0..plain_threads {
        scene.counts.retain();
        let scene = Arc::clone(&scene);
        threads.push(thread::spawn(move || be_plain_thread(&scene)));
    }
    // Not the last: the threads have one each.
    release(&scene);
    be_trustee(&scene, &mut links, plain_threads, wait);
    for thread in threads {
        thread.join().expect("no panic");
    }
}

fn be_worker(scene: &Scene, mut link: ClientLink, issued: &Issued) {
    let place = link.issue(
        erase::call::<(), Request>(),
        Key::of(std::ptr::null::<()>()),
        0,
    );
    let request: Request = OnTrustee(|| ());
    // SAFETY: the link has given the place for it.
    unsafe { erase::put_captures(place.captures, request) };
    issued.advance();
    release(scene);
    assert_eq!(link.flush(), 1);
}

fn be_plain_thread(scene: &Scene) {
    assert!(scene.inbox.push(Message::Run).is_ok());
    release(scene);
}

/// Lets go of a trust.
fn release(scene: &Scene) {
    if scene.counts.release() == Release::Last {
        assert!(scene.inbox.push(Message::Death).is_ok());
    }
}

/// Serves until every request was served and the property is dropped.
fn be_trustee(scene: &Scene, links: &mut [OpenLink], mut runs: usize, wait: Wait) {
    let mut dying = None;
    let mut is_dead = false;
    while !is_dead || runs > 0 || links.iter().any(|open| open.link.served() == 0) {
        let mut progressed = false;
        for message in scene.inbox.take() {
            progressed = true;
            match message {
                Message::Run => {
                    assert_eq!(scene.value.read(), ALIVE, "dropped under a request");
                    runs -= 1;
                }
                Message::Death => dying = Some(outstanding(links, wait)),
            }
        }
        for open in links.iter_mut() {
            progressed |= serve(scene, open);
        }
        let served = |client| links[client as usize].link.served();
        if dying
            .take_if(|outstanding| outstanding.is_served(served))
            .is_some()
        {
            scene.value.write(DEAD);
            is_dead = true;
            progressed = true;
        }
        if !progressed {
            thread::yield_now();
        }
    }
}

fn outstanding(links: &[OpenLink], wait: Wait) -> Outstanding {
    let links = links.iter().filter(|_| wait == Wait::ForAll);
    Outstanding::now(links.map(|open| (open.client, &*open.issued, open.link.served())))
}

fn serve(scene: &Scene, open: &mut OpenLink) -> bool {
    let Some(mut requests) = open.link.take() else {
        return false;
    };
    let mut results = Results::new();
    while let Some(Record {
        call,
        key,
        captures,
    }) = requests.take_record()
    {
        assert_eq!(scene.value.read(), ALIVE, "dropped under a request");
        let result = results.push(call.result_words as usize).as_mut_ptr();
        // SAFETY: the record of `be_worker`, taken once; its result has no words.
        unsafe { (call.run)(key, captures, result) };
    }
    // SAFETY: every record was taken and has its result.
    unsafe { open.link.respond(&mut results) };
    true
}

type Request = OnTrustee<fn()>;

const ALIVE: u64 = 1;
const DEAD: u64 = 0;
