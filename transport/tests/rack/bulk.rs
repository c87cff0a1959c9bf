//! What does not fit into a slot, and what goes on beside it.

use gossamer_transport::rack::link::QUEUED_BYTES_MAX;
use gossamer_transport::rack::tcp::{self, Decoder};
use gossamer_transport::rack::{
    Channel as _, ClientLink, Layout, PIECE_BYTES, Payload, Ports, Request, TrusteeLink, shm,
};

use crate::ends::{issue, link, respond};

/// No more pieces are under way than there is credit for, and what is held is what was sent.
#[test]
fn credit() {
    let mut link = link();
    issue(&mut link.client, 10 * PIECE_BYTES, ());
    let ring = u32::from(shm::GEOMETRY.pieces);
    let mut turns = 0;
    for _ in 0..10 {
        link.client.publish(&mut link.to_trustee).expect("alive");
        turns += u32::from(link.client.has_arrived());
    }
    assert_eq!(
        turns,
        ring - 1,
        "one piece a turn; then no credit is left, and there is nothing to be done"
    );
    assert!(link.client.has_unpublished());
    for _ in 0..10 - ring {
        assert_eq!(
            link.trustee.poll_request(),
            Ok(None),
            "there is more to come"
        );
        assert!(link.trustee.has_arrived(), "the rest of the ring");
        assert_eq!(link.trustee.publish(&mut link.to_client), Ok(true));
        assert!(link.client.has_arrived(), "credit");
        link.client.publish(&mut link.to_trustee).expect("alive");
        assert!(!link.client.has_arrived(), "that was all of it");
    }
    for _ in 1..ring {
        assert_eq!(link.trustee.poll_request(), Ok(None), "one piece a turn");
    }
    let request = link.trustee.poll_request().expect("in order");
    assert_eq!(
        request.expect("all has come").payload.len(),
        10 * PIECE_BYTES
    );
}

/// Payloads that came in one piece have all arrived with it.
#[test]
fn payloads_that_share_a_piece() {
    let mut link = link();
    for note in 0..3 {
        issue(&mut link.client, 2000, note);
    }
    link.client.publish(&mut link.to_trustee).expect("alive");
    assert!(!link.client.has_unpublished(), "one piece holds them");
    for _ in 0..3 {
        assert!(link.trustee.has_arrived());
        assert!(link.trustee.poll_request().expect("in order").is_some());
        respond(&mut link.trustee, 2000);
    }
    assert!(
        link.trustee.has_arrived(),
        "there is credit for the results"
    );
    link.trustee.publish(&mut link.to_client).expect("alive");
    assert!(!link.trustee.has_arrived());
    for note in 0..3 {
        assert!(link.client.has_arrived());
        let answer = link.client.poll_result().expect("in order");
        assert_eq!(answer.expect("one of three").note, note);
    }
    assert!(!link.client.has_arrived());
}

/// A client that does not take its results has its next requests wait, those of the same batch,
/// too: of what waits for it, there is no more than was queued and the one result beyond.
#[test]
fn client_that_takes_no_results() {
    let mut link = link();
    for note in 0..4 {
        issue(&mut link.client, 8, note);
    }
    link.client.publish(&mut link.to_trustee).expect("alive");
    issue(&mut link.client, 8, 4);
    link.client.publish(&mut link.to_trustee).expect("alive");
    let mut served = 0;
    for _ in 0..10 * shm::GEOMETRY.pieces {
        while link.trustee.poll_request().expect("in order").is_some() {
            respond(&mut link.trustee, QUEUED_BYTES_MAX);
            served += 1;
        }
        link.trustee.publish(&mut link.to_client).expect("alive");
    }
    assert_eq!(served, 2, "of a batch of four");
    assert!(!link.trustee.has_arrived(), "nothing is to be done");
    assert_eq!(link.trustee.poll_alike(), Ok(None));
    assert_eq!(link.trustee.serve_alike().take(), None, "of a run of four");
    assert!(link.client.has_arrived());
    let mut answered = 0;
    while answered < 5 {
        assert!(
            link.client.has_arrived() || link.trustee.has_arrived(),
            "one of them has something to do: {served} served, {answered} answered"
        );
        while let Some(answer) = link.client.poll_result().expect("in order") {
            assert_eq!(answer.note, answered);
            assert_eq!(answer.payload.len(), QUEUED_BYTES_MAX);
            answered += 1;
        }
        link.client.publish(&mut link.to_trustee).expect("alive");
        if link.trustee.poll_request().expect("in order").is_some() {
            respond(&mut link.trustee, QUEUED_BYTES_MAX);
            served += 1;
        }
        link.trustee.publish(&mut link.to_client).expect("alive");
    }
    assert!(!link.client.has_arrived() && !link.trustee.has_arrived());
}

/// A client that pauses takes no result, and all that it has issued goes on.
#[test]
fn client_that_pauses() {
    let mut link = link();
    issue(&mut link.client, 8, 0);
    link.client.publish(&mut link.to_trustee).expect("alive");
    assert!(link.client.pause());
    assert!(!link.client.pause(), "it has paused already");
    issue(&mut link.client, 3 * PIECE_BYTES, 1);
    for _ in 0..8 {
        link.client.publish(&mut link.to_trustee).expect("alive");
        if link.trustee.poll_request().expect("in order").is_some() {
            respond(&mut link.trustee, 8);
        }
        link.trustee.publish(&mut link.to_client).expect("alive");
        assert_eq!(link.client.poll_result(), Ok(None));
    }
    assert_eq!(link.trustee.served(), 2);
    assert!(!link.client.has_arrived());
    link.client.resume();
    for note in 0..2 {
        let answer = link.client.poll_result().expect("in order");
        assert_eq!(answer.expect("it has come").note, note);
    }
}

/// Parts are sent as one payload, short or long, and come as one.
#[test]
fn payload_in_parts() {
    let mut link = link();
    for (note, bytes) in [10, 1000, PIECE_BYTES, 3 * PIECE_BYTES]
        .into_iter()
        .enumerate()
    {
        let parts = || {
            let mut payload = Payload::default();
            payload.push(vec![2; bytes]);
            payload.push(vec![3; bytes / 2]);
            payload.push_front(vec![1; 5]);
            payload
        };
        let whole = parts().into_bytes();
        assert_eq!(
            (whole.len(), whole[0], whole[5]),
            (5 + bytes + bytes / 2, 1, 2)
        );
        let request = Request::default();
        link.client
            .issue_parts(request, parts(), note)
            .expect("short enough");
        let mut answer = None;
        while answer.is_none() {
            link.client.publish(&mut link.to_trustee).expect("alive");
            if let Some(request) = link.trustee.poll_request().expect("in order") {
                assert_eq!(request.payload, whole);
                link.trustee
                    .respond_parts(7, parts())
                    .expect("short enough");
            }
            link.trustee.publish(&mut link.to_client).expect("alive");
            let result = link.client.poll_result().expect("in order");
            answer = result.map(|answer| (answer.note, answer.status, answer.payload.into_owned()));
        }
        assert_eq!(answer, Some((note, 7, whole)));
    }
}

/// A small request of another link goes out between the pieces of a large one: no more than a few
/// of them lie ahead of it.
#[test]
fn small_request_beside_bulk() {
    let ports = |workers| {
        let layout = Layout {
            writers: 1,
            workers,
            geometry: tcp::GEOMETRY,
        };
        Ports::private(layout).expect("memory")
    };
    // One client, and two trustees of another node, each with a channel back.
    let (at_trustees, at_client) = (ports(2), [ports(1), ports(1)]);
    let client = |worker: u16| ClientLink::new(worker, at_client[usize::from(worker)].port(0, 0));
    let mut clients = [0, 1].map(client);
    let mut trustees = [0, 1].map(|worker| TrusteeLink::new(0, at_trustees.port(0, worker)));
    let mut there = (tcp::Channel::new(), Decoder::new(at_trustees));
    let mut back = at_client.map(|ports| (tcp::Channel::new(), Decoder::new(ports)));
    issue(&mut clients[0], 256 * PIECE_BYTES, 0);
    let (mut sent, mut small, mut ahead_max) = (0_usize, None, 0);
    let mut is_done = false;
    let mut answers = 0;
    while !is_done || answers < 10 {
        if small.is_none() && sent > PIECE_BYTES {
            issue(&mut clients[1], 8, sent);
            small = Some(sent);
        }
        for client in &mut clients {
            client.publish(&mut there.0).expect("alive");
        }
        // A socket that takes little at a time.
        sent += transfer(&mut there, 10_000);
        for (trustee, back) in trustees.iter_mut().zip(&mut back) {
            if let Some(request) = trustee.poll_request().expect("in order") {
                is_done |= request.payload.len() == 256 * PIECE_BYTES;
                trustee.respond(0, [].as_slice()).expect("short");
            }
            trustee.publish(&mut back.0).expect("alive");
            transfer(back, usize::MAX);
        }
        if let Some(answer) = clients[1].poll_result().expect("in order") {
            ahead_max = ahead_max.max(sent - answer.note);
            answers += 1;
            small = None;
        }
    }
    assert!(sent >= 256 * PIECE_BYTES);
    assert!(answers > 50, "{answers}");
    assert!(ahead_max < 12 * PIECE_BYTES, "{ahead_max}");
}

fn transfer((channel, decoder): &mut (tcp::Channel, Decoder), bytes_max: usize) -> usize {
    channel.flush().expect("alive");
    let bytes = channel.chunk().len().min(bytes_max);
    decoder
        .handle_bytes(&channel.chunk()[..bytes])
        .expect("in order");
    channel.consume(bytes);
    bytes
}

/// An argument and a result of a gigabyte. By hand, as it takes 3 GiB of memory:
/// `cargo test --release -p gossamer-transport --test rack -- --ignored`.
#[test]
#[ignore = "takes 3 GiB of memory"]
fn gigabyte() {
    let mut link = link();
    let payload: Vec<u8> = (0..1_usize << 30).map(|at| (at % 251) as u8).collect();
    link.client
        .issue(Request::default(), payload, ())
        .expect("short enough");
    loop {
        link.client.publish(&mut link.to_trustee).expect("alive");
        if let Some(request) = link.trustee.poll_request().expect("in order") {
            let payload = request.payload.into_owned();
            link.trustee.respond(0, payload).expect("short enough");
        }
        link.trustee.publish(&mut link.to_client).expect("alive");
        if let Some(answer) = link.client.poll_result().expect("in order") {
            assert_eq!(answer.payload.len(), 1 << 30);
            let mut bytes = answer.payload.iter().enumerate();
            assert!(bytes.all(|(at, &byte)| byte == (at % 251) as u8));
            break;
        }
    }
}
