//! The decoder of frames between nodes on any bytes, and on frames with checksums that match.
//!
//! Run it by `cargo +nightly fuzz run rack_frames`, after `cargo install cargo-fuzz`.

#![no_main]

use gossamer_transport::rack::tcp::{Channel, Decoder};
use gossamer_transport::rack::{
    Channel as _, ClientLink, Geometry, Layout, PIECE_BYTES, Place, Ports, Request, RingKind,
    TrusteeLink,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [cut, input @ ..] = data else { return };
    any_bytes(input, usize::from(*cut));
    any_frames(input);
});

/// Bytes that come in two parts end alike.
fn any_bytes(input: &[u8], cut: usize) {
    let (first, second) = input.split_at(cut.min(input.len()));
    let (mut whole, mut parts) = (decoder(), decoder());
    let in_parts = parts
        .handle_bytes(first)
        .and_then(|_| parts.handle_bytes(second));
    assert_eq!(whole.handle_bytes(input).err(), in_parts.err());
    assert_eq!(whole.frames(), parts.frames());
    assert_eq!(whole.handle_end(), parts.handle_end());
}

/// Placements of a peer that lies, read by both ends of a link.
fn any_frames(mut input: &[u8]) {
    let ports = Ports::private(LAYOUT).expect("memory");
    let mut decoder = Decoder::new(ports.clone());
    let mut out = Channel::new();
    let mut channel = Channel::new();
    let mut client = ClientLink::new(0, ports.port(0, 0));
    let mut trustee = TrusteeLink::new(0, ports.port(0, 0));
    for note in 0..3 {
        let payload = vec![7; 40_000 * note];
        client
            .issue(Request::default(), payload, note)
            .expect("short");
    }
    while let [ring, index, length, words, rest @ ..] = input {
        let ring = [
            RingKind::Requests,
            RingKind::Results,
            RingKind::RequestCredit,
            RingKind::ResultCredit,
            RingKind::RequestPieces,
            RingKind::ResultPieces,
        ][usize::from(ring % 6)];
        let place = Place {
            ring,
            worker: 0,
            index: u16::from(index % 3),
        };
        let bytes = (usize::from(*length) * 4).min(rest.len());
        let (body, rest) = rest.split_at(bytes);
        let used = match ring {
            RingKind::RequestPieces | RingKind::ResultPieces => body.repeat(64),
            RingKind::RequestCredit | RingKind::ResultCredit => Vec::new(),
            _ => body.to_vec(),
        };
        let used = &used[..used.len().min(PIECE_BYTES)];
        let used = if matches!(ring, RingKind::Requests | RingKind::Results) {
            &used[..used.len().min(1016)]
        } else {
            used
        };
        let (seal, rest) = rest
            .split_first_chunk()
            .unwrap_or((&[1, 0, 123, 0, 1, 0, 0, 0], rest));
        channel
            .push(
                place,
                used,
                u64::from_le_bytes(*seal) & u64::MAX << (words % 8),
            )
            .expect("room");
        let _ = decoder.handle_bytes(channel.chunk());
        channel.consume(channel.chunk().len());
        let _ = client.publish(&mut out);
        let _ = trustee.publish(&mut out);
        out.consume(out.chunk().len());
        while let Ok(Some(request)) = trustee.poll_request() {
            let payload = request.payload.into_owned();
            trustee.respond(0, payload).expect("short");
        }
        while let Ok(Some(_)) = client.poll_result() {}
        input = rest;
    }
    assert!(client.into_unanswered().count() <= 3);
}

fn decoder() -> Decoder {
    Decoder::new(Ports::private(LAYOUT).expect("memory"))
}

/// Small, so that its slots come up.
const LAYOUT: Layout = Layout {
    writers: 1,
    workers: 1,
    geometry: Geometry {
        depth: 2,
        pieces: 2,
    },
};
