//! Frames in any cuts, and frames that nobody sent.

use gossamer_transport::rack::tcp::{self, BUFFER_BYTES_MAX, Channel, Decoder};
use gossamer_transport::rack::{
    Channel as _, Layout, PIECE_BYTES, Place, Ports, Refusal, RingKind, WireError,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However the stream is cut, the same frames come out, and the workers that they are for are
    /// known.
    #[test]
    fn any_cuts(cuts in proptest::collection::vec(1_usize..70_000, 1..40)) {
        let bytes = some_frames();
        let mut decoder = decoder();
        let mut rest = &bytes[..];
        let mut frames = 0;
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            frames += decoder.handle_bytes(now).expect("in order");
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(frames, 7);
        prop_assert_eq!(decoder.take_touched().collect::<Vec<_>>(), vec![0, 1]);
        prop_assert!(decoder.take_touched().next().is_none());
        prop_assert_eq!(decoder.handle_end(), Ok(()));
    }

    /// Any one bit that is changed is found.
    #[test]
    fn any_flip(at: usize, bit in 0_u8..8) {
        let mut bytes = some_frames();
        let at = at % bytes.len();
        bytes[at] ^= 1_u8 << bit;
        let mut decoder = decoder();
        let error = decoder.handle_bytes(&bytes).expect_err("damaged");
        prop_assert!(matches!(error, WireError::HeaderChecksum | WireError::BodyChecksum));
        prop_assert_eq!(decoder.handle_bytes(&some_frames()), Err(error), "failed for ever");
        prop_assert_eq!(decoder.handle_end(), Err(error));
    }

    /// Any bytes are no frames.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 16..3000)) {
        prop_assert_eq!(decoder().handle_bytes(&bytes), Err(WireError::HeaderChecksum));
    }
}

/// Frames for places that there are not, made by a channel that believes otherwise.
#[test]
fn no_such_place() {
    let of = |ring, worker, index| {
        let mut channel = Channel::new();
        let place = Place {
            ring,
            worker,
            index,
        };
        channel.push(place, &[], 1).expect("room");
        decoder().handle_bytes(channel.chunk())
    };
    assert_eq!(of(RingKind::Requests, 1, 31), Ok(1));
    let error = |ring, worker, index| {
        Err(WireError::NoSuchPlace {
            ring,
            worker,
            index,
        })
    };
    assert_eq!(of(RingKind::Requests, 1, 32), error(0, 1, 32));
    assert_eq!(of(RingKind::Requests, 2, 0), error(0, 2, 0));
    assert_eq!(of(RingKind::ResultPieces, 0, 16), error(5, 0, 16));
    assert_eq!(of(RingKind::ResultCredit, 0, 1), error(3, 0, 1));
}

/// A frame comes twice, or is left out.
#[test]
fn frames_out_of_order() {
    let mut channel = Channel::new();
    let mut frame = |index| {
        let place = Place {
            ring: RingKind::Requests,
            worker: 0,
            index,
        };
        channel.push(place, &[1; 24], 1).expect("room");
        let frame = channel.chunk().to_vec();
        channel.consume(frame.len());
        frame
    };
    let (first, second, third) = (frame(0), frame(1), frame(2));
    let order = |frames: &[&[u8]]| decoder().handle_bytes(&frames.concat());
    assert_eq!(order(&[&first, &second, &third]), Ok(3));
    let error = |expected, found| Err(WireError::FrameOrder { expected, found });
    assert_eq!(order(&[&first, &first]), error(1, 0));
    assert_eq!(order(&[&first, &third]), error(1, 2));
}

/// The stream ends within a frame.
#[test]
fn end_in_frame() {
    let bytes = some_frames();
    let mut decoder = decoder();
    decoder
        .handle_bytes(&bytes[..bytes.len() - 1])
        .expect("in order");
    assert!(matches!(
        decoder.handle_end(),
        Err(WireError::EndInFrame(_))
    ));
}

/// A channel takes no piece while much waits to be sent, so that what is small is not held up, and
/// at some point nothing.
#[test]
fn full_channel() {
    let mut channel = Channel::new();
    let piece = Place {
        ring: RingKind::RequestPieces,
        worker: 0,
        index: 0,
    };
    let image = Place {
        ring: RingKind::Requests,
        worker: 0,
        index: 0,
    };
    let mut pieces = 0;
    while channel.push(piece, &[0; PIECE_BYTES], 1) == Ok(()) {
        pieces += 1;
    }
    assert_eq!(pieces, 4, "with the last it is more than the most");
    let mut images = 0;
    while channel.push(image, &[0; 1000], 1) == Ok(()) {
        images += 1;
    }
    assert!(images > 150);
    assert!(channel.chunk().len() < BUFFER_BYTES_MAX + 2000);
    channel.consume(200_000);
    assert_eq!(channel.push(image, &[0; 1000], 1), Ok(()));
    channel.kill();
    assert_eq!(channel.push(image, &[], 1), Err(Refusal::Dead));
}

/// Frames of every kind, for two workers.
fn some_frames() -> Vec<u8> {
    let mut channel = Channel::new();
    let mut bytes = Vec::new();
    for (ring, worker, used) in [
        (RingKind::Requests, 0, 16),
        (RingKind::RequestPieces, 1, PIECE_BYTES),
        (RingKind::RequestCredit, 1, 0),
        (RingKind::ResultPieces, 1, 13),
        (RingKind::Results, 0, 1016),
        (RingKind::ResultCredit, 0, 0),
        (RingKind::Requests, 1, 24),
    ] {
        let place = Place {
            ring,
            worker,
            index: 0,
        };
        let used: Vec<_> = (0..used).map(|at| at as u8).collect();
        channel.push(place, &used, 1 << 32 | 1).expect("room");
        bytes.extend_from_slice(channel.chunk());
        channel.consume(channel.chunk().len());
    }
    bytes
}

fn decoder() -> Decoder {
    let layout = Layout {
        writers: 1,
        workers: 2,
        geometry: tcp::GEOMETRY,
    };
    Decoder::new(Ports::private(layout).expect("memory"))
}
