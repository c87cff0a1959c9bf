//! Which slot of a link a batch lies in, told by where its results are read.
#![cfg(not(loom))]

use std::collections::HashSet;

use gossamer_transport::{Call, ClientLink, DEPTH, Key, Results, TrusteeLink, Word, link};

#[test]
fn batches_under_way_each_have_a_slot() {
    let (mut client, mut trustee) = link();
    let mut results = Results::new();
    let mut slots = HashSet::new();
    (0..DEPTH).for_each(|_| publish(&mut client));
    (0..DEPTH).for_each(|_| assert!(serve(&mut trustee, &mut results)));
    (0..DEPTH).for_each(|_| assert!(slots.insert(harvest(&mut client))));
    assert!(client.is_idle());
}

#[test]
fn batch_alone_mostly_stays_at_its_slot() {
    let (mut client, mut trustee) = link();
    let mut results = Results::new();
    let slots: Vec<_> = (0..20_000)
        .map(|_| {
            publish(&mut client);
            assert!(serve(&mut trustee, &mut results));
            harvest(&mut client)
        })
        .collect();
    let moves = slots.windows(2).filter(|two| two[0] != two[1]).count();
    assert!(
        moves < 200,
        "{moves}: its lines are to be those of the last"
    );
    let used: HashSet<_> = slots.into_iter().collect();
    assert_eq!(
        used.len(),
        DEPTH,
        "none is left until its number comes again"
    );
}

#[test]
fn alone_and_in_company_by_turns() {
    let (mut client, mut trustee) = link();
    let mut results = Results::new();
    for round in 0..10_000 {
        let batches = 1 + round % DEPTH;
        (0..batches).for_each(|_| publish(&mut client));
        (0..batches).for_each(|_| assert!(serve(&mut trustee, &mut results)));
        assert!(!serve(&mut trustee, &mut results), "nothing is taken twice");
        (0..batches).for_each(|_| _ = harvest(&mut client));
    }
    assert_eq!(
        trustee.served(),
        (1..=DEPTH as u64).sum::<u64>() * 10_000 / DEPTH as u64
    );
}

fn publish(client: &mut ClientLink) {
    client.issue(&CALL, Key::of(std::ptr::null::<()>()), 0);
    assert!(client.publish());
}

/// Serves the next batch, if there is one.
fn serve(trustee: &mut TrusteeLink, results: &mut Results) -> bool {
    let Some(mut requests) = trustee.take() else {
        return false;
    };
    while requests.take_record().is_some() {
        results.push(1)[0].write(7);
    }
    // SAFETY: every record was taken and has its result.
    unsafe { trustee.respond(results) };
    true
}

/// Takes the results of the oldest batch; says where they were.
fn harvest(client: &mut ClientLink) -> *const Word {
    let mut responses = client.take().expect("it was served");
    let result = responses.step(0, 1);
    // SAFETY: the result is a number, which belongs to nobody.
    unsafe { client.release() };
    result
}

static CALL: Call = Call {
    run: |_, _, _| (),
    discard: |_| (),
    capture_words: 0,
    result_words: 1,
    name: || "a call",
};
