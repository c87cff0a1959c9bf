//! A delegation that is polled or dropped away from its issuer, while its result comes in.
//!
//! The entry of a request belongs to the worker that issued it; word of the move goes there by its
//! inbox, and meets the request waiting, done, or swept away by a shutdown.

use std::task::Waker;

use gossamer_executor::Inbox;
use gossamer_transport::{ClientLink, Key, Record, Results, TrusteeLink, link};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::client::Client;
use crate::erase::{self, Complete, OnTrustee, Work};
use crate::error::Outcome;
use crate::note;
use crate::pending::Awaited;

/// What the three threads share.
struct Scene<const WORDS: usize> {
    /// That of the issuer.
    inbox: Inbox<Settle>,
    answers: Inbox<Answer<WORDS>>,
    tokens_dropped: AtomicUsize,
}

/// Word of the move of a delegation.
type Settle = Box<dyn FnOnce(&Client) + Send>;

/// What whoever polls elsewhere hears in the end; `None` if there will be no outcome.
type Answer<const WORDS: usize> = Option<Outcome<Token<WORDS>>>;

/// What becomes of the delegation elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Move {
    Redirect,
    Abandon,
}

/// What the issuer does when it has harvested the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    ShutDown,
    ForgetItsInbox,
}

/// The outcome comes where the delegation is polled now, once.
#[test]
fn polled_elsewhere() {
    loom::model(|| run::<1>(Move::Redirect, Then::GoOn));
    loom::model(|| run::<6>(Move::Redirect, Then::GoOn));
}

/// The result is dropped, once.
#[test]
fn dropped_elsewhere() {
    loom::model(|| run::<1>(Move::Abandon, Then::GoOn));
    loom::model(|| run::<6>(Move::Abandon, Then::GoOn));
}

/// The issuer's runtime ends meanwhile: the outcome comes, or word that there will be none, and
/// the result is dropped once.
#[test]
fn moved_in_a_shutdown() {
    loom::model(|| run::<1>(Move::Redirect, Then::ShutDown));
    loom::model(|| run::<6>(Move::Abandon, Then::ShutDown));
}

/// The models themselves: an issuer that does not read its inbox to the end leaves whoever polls
/// elsewhere without an answer.
#[test]
#[should_panic(expected = "no outcome")]
fn word_of_the_move_is_forgotten() {
    loom::model(|| run::<1>(Move::Redirect, Then::ForgetItsInbox));
}

fn run<const WORDS: usize>(to: Move, then: Then) {
    let scene = Arc::new(Scene::<WORDS> {
        inbox: Inbox::new(),
        answers: Inbox::new(),
        tokens_dropped: AtomicUsize::new(0),
    });
    let client = Client::default();
    let (mut client_link, trustee_link) = link();
    let entry = client
        .pending()
        .insert::<Token<WORDS>>(Waker::noop().clone());
    let makes_token = Arc::clone(&scene);
    issue(
        &mut client_link,
        OnTrustee(move || Token::new(makes_token)),
        Awaited(entry),
    );
    assert_eq!(client_link.flush(), 1);
    let trustee = thread::spawn(move || be_trustee(trustee_link));
    let elsewhere = {
        let scene = Arc::clone(&scene);
        thread::spawn(move || move_to(to, &scene, entry))
    };
    be_issuer(&scene, &client, client_link, then);
    trustee.join().expect("no panic");
    elsewhere.join().expect("no panic");

    let answers: Vec<_> = scene.answers.take().collect();
    assert_eq!(
        answers.len(),
        usize::from(to == Move::Redirect),
        "one answer for who polls"
    );
    for answer in answers {
        assert!(
            matches!(answer, Some(Ok(_))) || then == Then::ShutDown,
            "no outcome"
        );
    }
    // Relaxed: both threads have ended.
    assert_eq!(scene.tokens_dropped.load(Ordering::Relaxed), 1);
}

/// The thread that the delegation has moved to.
fn move_to<const WORDS: usize>(to: Move, scene: &Arc<Scene<WORDS>>, entry: u32) {
    let settle: Settle = match to {
        Move::Abandon => Box::new(move |client| client.pending().abandon::<Token<WORDS>>(entry)),
        Move::Redirect => {
            let reply = Reply {
                scene: Arc::clone(scene),
                answer: None,
            };
            let redirect = move |outcome| reply.send(outcome);
            Box::new(move |client| client.pending().redirect(entry, Box::new(redirect)))
        }
    };
    // If the issuer has ended, the word of it is dropped here.
    drop(scene.inbox.push(settle));
}

fn be_issuer<const WORDS: usize>(
    scene: &Scene<WORDS>,
    client: &Client,
    mut link: ClientLink,
    then: Then,
) {
    let mut has_settled = false;
    loop {
        for settle in scene.inbox.take() {
            settle(client);
            has_settled = true;
        }
        let has_harvested = harvest(client, &mut link) || link.is_idle();
        match then {
            Then::GoOn if has_harvested && has_settled => break,
            Then::ShutDown if has_harvested => {
                client.pending().sweep(&|_| panic!("no drop panics"));
                scene.inbox.close().for_each(|settle| settle(client));
                break;
            }
            Then::ForgetItsInbox if has_harvested => {
                scene.inbox.close().for_each(std::mem::forget);
                break;
            }
            _ => thread::yield_now(),
        }
    }
}

fn be_trustee(mut link: TrusteeLink) {
    let mut results = Results::new();
    loop {
        if let Some(mut requests) = link.take() {
            let Record {
                call,
                key,
                captures,
            } = requests.take_record().expect("one");
            let result = results.push(call.result_words as usize).as_mut_ptr();
            // SAFETY: the record of `issue`, taken once; its result has its room.
            unsafe { (call.run)(key, captures, result) };
            // SAFETY: the one record was taken and has its result.
            return unsafe { link.respond(&mut results) };
        }
        thread::yield_now();
    }
}

fn issue<U, W: Work<U>, C: Complete<U>>(link: &mut ClientLink, work: W, data: C) {
    let key = Key::of(std::ptr::null::<()>());
    let place = link.issue(erase::call::<U, W>(), key, note::words::<U, C>());
    // SAFETY: the link has given the place for it.
    unsafe { erase::put_captures(place.captures, work) };
    // SAFETY: the link has given the place for it.
    unsafe { note::write::<U, C>(place.note, data) };
}

fn harvest(client: &Client, link: &mut ClientLink) -> bool {
    let Some(mut responses) = link.take() else {
        return false;
    };
    let note = responses.note();
    // SAFETY: `issue` wrote the note.
    let completion = unsafe { note::completion(note) };
    let words = 1 + completion.data_words as usize;
    let result = responses.step(words, completion.result_words as usize);
    // SAFETY: the one note and the one result of the batch.
    unsafe { (completion.done)(client, note.wrapping_add(1), result) };
    // SAFETY: the completion has moved the result out.
    unsafe { link.release() };
    true
}

/// Says what there is to say when it goes, as the sender of a channel does.
struct Reply<const WORDS: usize> {
    scene: Arc<Scene<WORDS>>,
    answer: Answer<WORDS>,
}

impl<const WORDS: usize> Reply<WORDS> {
    fn send(mut self, outcome: Outcome<Token<WORDS>>) {
        self.answer = Some(outcome);
    }
}

impl<const WORDS: usize> Drop for Reply<WORDS> {
    fn drop(&mut self) {
        assert!(self.scene.answers.push(self.answer.take()).is_ok());
    }
}

/// A result, which counts its drops.
struct Token<const WORDS: usize> {
    scene: Arc<Scene<WORDS>>,
    ballast: [u64; WORDS],
}

impl<const WORDS: usize> Token<WORDS> {
    fn new(scene: Arc<Scene<WORDS>>) -> Self {
        Self {
            scene,
            ballast: [WORDS as u64; WORDS],
        }
    }
}

impl<const WORDS: usize> Drop for Token<WORDS> {
    fn drop(&mut self) {
        assert_eq!(self.ballast, [WORDS as u64; WORDS]);
        // Relaxed: a count.
        self.scene.tokens_dropped.fetch_add(1, Ordering::Relaxed);
    }
}
