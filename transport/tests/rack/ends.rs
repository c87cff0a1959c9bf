//! The two ends of a link, beside what `order.rs` shows of them.

use gossamer_transport::rack::shm::{Channel, GEOMETRY};
use gossamer_transport::rack::wire::INLINE_BYTES_MAX;
use gossamer_transport::rack::{
    Channel as _, ClientLink, Fate, Layout, LinkError, PAYLOAD_BYTES_MAX, Place, Ports, Request,
    RingKind, TrusteeLink, WireError,
};

/// Both ends of a link in one process, and a channel each.
pub(crate) struct Link<N> {
    pub(crate) client: ClientLink<N>,
    pub(crate) trustee: TrusteeLink,
    pub(crate) to_trustee: Channel,
    pub(crate) to_client: Channel,
}

pub(crate) fn link<N>() -> Link<N> {
    let layout = Layout {
        writers: 1,
        workers: 1,
        geometry: GEOMETRY,
    };
    let ports = || Ports::private(layout).expect("memory");
    let (at_client, at_trustee) = (ports(), ports());
    Link {
        client: ClientLink::new(0, at_client.port(0, 0)),
        trustee: TrusteeLink::new(0, at_trustee.port(0, 0)),
        to_trustee: Channel::new(&at_trustee, 0),
        to_client: Channel::new(&at_client, 0),
    }
}

/// A request that waits at the trustee holds up those behind it, and nothing is lost.
#[test]
fn request_that_waits() {
    let mut link = link();
    for note in 0..2 {
        issue(&mut link.client, 8, note);
    }
    link.client.publish(&mut link.to_trustee).expect("alive");
    assert!(link.trustee.has_arrived());
    assert!(link.trustee.poll_request().expect("in order").is_some());
    assert!(link.trustee.is_due() && !link.trustee.has_arrived());
    assert_eq!(link.trustee.publish(&mut link.to_client), Ok(false));
    assert_eq!(link.client.poll_result(), Ok(None));
    respond(&mut link.trustee, 8);
    assert!(link.trustee.has_arrived());
    assert!(link.trustee.poll_request().expect("in order").is_some());
    respond(&mut link.trustee, 8);
    assert!(link.trustee.has_unpublished());
    assert_eq!(link.trustee.publish(&mut link.to_client), Ok(true));
    for note in 0..2 {
        assert!(link.client.has_arrived());
        let answer = link.client.poll_result().expect("in order");
        assert_eq!(answer.expect("one of two").note, note);
    }
    assert!(link.client.is_idle() && !link.client.has_arrived());
}

/// Results that are expected to be long are asked for in fewer requests a batch, so that they fit.
#[test]
fn expected_results() {
    for (expected, batches) in [(0, 1), (112, 2), (1000, 4)] {
        let mut link = link::<()>();
        for _ in 0..16 {
            let request = Request {
                result_bytes: expected,
                ..Request::default()
            };
            link.client
                .issue(request, [].as_slice(), ())
                .expect("short");
        }
        let published = link.client.publish(&mut link.to_trustee);
        assert_eq!(published, Ok(batches), "{expected} bytes");
    }
}

/// When the peer is gone, each request that has no result was sent, or was not.
#[test]
fn fates() {
    let mut link = link();
    let mut note = 0;
    while link.client.backlog() == 0 {
        issue(&mut link.client, INLINE_BYTES_MAX, note);
        note += 1;
        link.client.publish(&mut link.to_trustee).expect("alive");
    }
    assert_eq!(note, 6, "four slots, a batch, and the first in the backlog");
    while link.trustee.poll_request().expect("in order").is_some() {
        respond(&mut link.trustee, 0);
    }
    link.trustee.publish(&mut link.to_client).expect("alive");
    let answer = link.client.poll_result().expect("in order");
    assert_eq!(answer.expect("the first").note, 0);
    link.to_trustee.kill();
    let refused = link.client.publish(&mut link.to_trustee);
    assert_eq!(refused, Err(LinkError::Dead));
    let unanswered = link.client.into_unanswered();
    let sent = [1, 2, 3].map(|note| (note, Fate::Unknown));
    let not_sent = [4, 5].map(|note| (note, Fate::NotSent));
    assert!(unanswered.eq(sent.into_iter().chain(not_sent)));
}

/// Of a channel that is dead nothing more is expected, though pieces wait for it.
#[test]
fn pieces_for_a_dead_channel() {
    let mut link = link();
    issue(&mut link.client, 300_000, ());
    assert!(link.client.has_unpublished());
    link.to_trustee.kill();
    for _ in 0..2 {
        let refused = link.client.publish(&mut link.to_trustee);
        assert_eq!(refused, Err(LinkError::Dead));
        assert!(!link.client.has_arrived());
    }
}

/// A record that is bulk, of no bytes or of too many, is refused by whoever looks at it, so that
/// nobody goes on looking.
#[test]
fn bulk_of_a_length_that_none_has() {
    for length in [0, PAYLOAD_BYTES_MAX + 1] {
        let refused = WireError::PayloadLength(length);
        let mut link = link();
        issue(&mut link.client, 8, ());
        link.client.publish(&mut link.to_trustee).expect("alive");
        let bulk = 1 << 55 | length;
        forge(&mut link.to_client, RingKind::Results, &[bulk]);
        assert!(link.client.has_arrived());
        assert_eq!(link.client.lend_results().err(), Some(refused));
        assert_eq!(link.client.poll_result(), Err(refused));

        // Behind a request lie the calls that its batch lists.
        forge(&mut link.to_trustee, RingKind::Requests, &[bulk, 7, 7, 7]);
        assert!(link.trustee.has_arrived());
        assert_eq!(link.trustee.poll_alike(), Ok(None));
        assert_eq!(link.trustee.poll_request(), Err(refused));
    }
}

/// Writes a first batch of one record, which is these words, the last before the seal.
fn forge(channel: &mut Channel, ring: RingKind, words: &[u64]) {
    let place = Place {
        ring,
        worker: 0,
        index: 1,
    };
    let offset = 127 - words.len() as u64;
    let used: Vec<_> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let pushed = channel.push(place, &used, 1 << 32 | offset << 16 | 1);
    assert_eq!(pushed, Ok(()));
}

/// Sizes about what fits into a slot.
#[test]
fn sizes_about_a_slot() {
    for bytes in [
        INLINE_BYTES_MAX - 1,
        INLINE_BYTES_MAX,
        INLINE_BYTES_MAX + 1,
        1016,
        1017,
    ] {
        let mut link = link();
        issue(&mut link.client, bytes, ());
        link.client.publish(&mut link.to_trustee).expect("alive");
        let request = link.trustee.poll_request().expect("in order");
        assert_eq!(request.expect("it came").payload.len(), bytes);
        respond(&mut link.trustee, bytes);
        link.trustee.publish(&mut link.to_client).expect("alive");
        let answer = link.client.poll_result().expect("in order");
        assert_eq!(answer.expect("it came").payload.len(), bytes);
    }
}

pub(crate) fn issue<N>(client: &mut ClientLink<N>, bytes: usize, note: N) {
    let issued = client.issue(Request::default(), vec![7; bytes], note);
    assert!(issued.is_ok(), "short enough");
}

pub(crate) fn respond(trustee: &mut TrusteeLink, bytes: usize) {
    trustee.respond(0, vec![9; bytes]).expect("short enough");
}
