//! Slot images that no honest peer makes, and what their readers say.

use gossamer_transport::rack::WireError;
use gossamer_transport::rack::wire::{
    Content, Property, Request, RequestImage, RequestReader, ResultImage, ResultReader, SlotImage,
};
use proptest::prelude::*;

/// Records with any calls and properties come out as they went in.
#[test]
fn requests_there_and_back() {
    let mut image = RequestImage::new();
    let mut pushed = Vec::new();
    for number in 0_u64.. {
        let payload = vec![number as u8; (number % 20) as usize];
        if !image.has_room(payload.len()) {
            break;
        }
        let request = request(number);
        image.push(&request, Content::Inline(&payload));
        pushed.push((request, payload));
    }
    assert!(pushed.len() > 25, "{}", pushed.len());
    let mut reader = RequestReader::new();
    reader.take_image(&image.to_slot(3)).expect("in order");
    for (request, payload) in pushed {
        let record = reader.take_record().expect("in order").expect("one more");
        assert_eq!(
            (record.call, record.property),
            (request.call, request.property)
        );
        assert_eq!(record.kind, request.kind);
        assert_eq!(record.content, Content::Inline(&payload));
    }
    assert_eq!(reader.take_record(), Ok(None));
}

/// A cleared image keeps nothing of the batch before, but for a listed call.
#[test]
fn image_used_again() {
    let mut image = RequestImage::new();
    let mut reader = RequestReader::new();
    for round in 0..4 {
        for number in 0..round + 1 {
            image.push(&request(number), Content::Bulk(number + 1));
        }
        reader.take_image(&image.to_slot(1)).expect("in order");
        for number in 0..round + 1 {
            let record = reader.take_record().expect("in order").expect("one more");
            assert_eq!(record.call, request(number).call);
            assert_eq!(record.property, request(number).property);
            assert_eq!(record.content, Content::Bulk(number + 1));
        }
        image.clear();
    }
}

/// A small request takes 16 bytes beside its payload, and 8 for the same property again.
#[test]
fn small_headers() {
    let words = |repeats: usize| {
        let mut image = RequestImage::new();
        for _ in 0..repeats {
            image.push(&request(0), Content::Inline(&[0; 8]));
        }
        let slot = image.to_slot(1);
        124 - (u64_at(&slot, 127) >> 16 & 0x7fff)
    };
    assert_eq!((words(1), words(2), words(3)), (3, 5, 7));
}

/// What a seal can say that is wrong.
#[test]
fn seals() {
    let image = {
        let mut image = RequestImage::new();
        image.push(&request(0), Content::Inline(b"12345678"));
        image.to_slot(1)
    };
    let with = |seal: u64| {
        let mut image = image;
        put(&mut image, 127, seal);
        read_requests(&image)
    };
    let seal = |offset: u64, count: u64| 1 << 32 | offset << 16 | count;
    assert_eq!(with(seal(121, 1)), Ok(1));
    assert_eq!(
        with(seal(121, 1) | 1 << 31),
        Err(WireError::Reserved(1 << 31))
    );
    assert_eq!(with(seal(125, 1)), Err(WireError::Offset(125)));
    assert_eq!(with(seal(0x7fff, 1)), Err(WireError::Offset(0x7fff)));
    assert_eq!(with(seal(121, 0)), Err(WireError::Count(0)));
    assert_eq!(with(seal(121, 4)), Err(WireError::Count(4)));
    assert_eq!(with(seal(122, 1)), Err(WireError::Truncated(8)));
    assert_eq!(with(seal(123, 1)), Err(WireError::Truncated(8)));
    assert_eq!(with(seal(120, 1)), Err(WireError::Leftover(1)));
}

/// What a record's header can say that is wrong.
#[test]
fn headers() {
    let with = |header: u64| {
        let mut image = RequestImage::new();
        image.push(&request(0), Content::Inline(b"12345678"));
        let mut image = image.to_slot(1);
        put(&mut image, 123, header);
        read_requests(&image)
    };
    assert_eq!(with(8), Ok(1));
    assert_eq!(with(9), Err(WireError::Truncated(9)));
    assert_eq!(
        with((1 << 48) - 1),
        Err(WireError::Truncated((1 << 48) - 1))
    );
    assert_eq!(with(0), Err(WireError::Leftover(1)));
    assert_eq!(with(3 << 56 | 8), Err(WireError::CallIndex(3)));
    assert_eq!(with(1 << 54 | 8), Err(WireError::NoProperty));
    let bulk = 1 << 55;
    assert_eq!(with(bulk | 8), Err(WireError::Leftover(1)));
}

/// Bulk payloads that are empty, or longer than any may be.
#[test]
fn bulk_lengths() {
    let with = |length: u64| {
        let mut image = RequestImage::new();
        image.push(&request(0), Content::Bulk(length));
        read_requests(&image.to_slot(1))
    };
    assert_eq!(with(4 << 30), Ok(1));
    assert_eq!(
        with((4 << 30) + 1),
        Err(WireError::PayloadLength((4 << 30) + 1))
    );
    assert_eq!(with(0), Err(WireError::PayloadLength(0)));
}

/// However full the slot is, every request's result has room for its header.
#[test]
fn results_always_have_room() {
    let mut image = ResultImage::new();
    image.begin(124);
    let inline = (0..124).filter(|_| image.push(1, &[7; 24])).count();
    assert_eq!((inline, image.left()), (1, 0));
    let mut reader = ResultReader::new();
    reader.take_image(&image.to_slot(1)).expect("in order");
    let mut bulk = 0;
    while let Some(record) = reader.take_record().expect("in order") {
        bulk += usize::from(record.content == Content::Bulk(24));
    }
    assert_eq!(bulk, 123);
}

proptest! {
    /// Any bytes are read to an end, or to an error.
    #[test]
    fn any_image(seed in proptest::collection::vec(any::<u64>(), 128), seal: u32) {
        let mut image = SlotImage([0; 1024]);
        for (at, word) in seed.iter().enumerate() {
            // Small lengths are likely to fit.
            put(&mut image, at, word & 0xc7c0_0000_0000_003f);
        }
        put(&mut image, 127, u64::from(seal & 0x007f_007f));
        if let Ok(count) = read_requests(&image) {
            prop_assert!(count <= 124);
        }
        if let Ok(count) = read_results(&image) {
            prop_assert!(count <= 127);
        }
    }
}

fn read_requests(image: &SlotImage) -> Result<usize, WireError> {
    let mut reader = RequestReader::new();
    reader.take_image(image)?;
    let mut count = 0;
    while reader.take_record()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn read_results(image: &SlotImage) -> Result<usize, WireError> {
    let mut reader = ResultReader::new();
    reader.take_image(image)?;
    let mut count = 0;
    while reader.take_record()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn request(number: u64) -> Request {
    Request {
        call: 0xca11 + number % 5,
        property: Property {
            index: (number / 2) as u32,
            generation: 7,
        },
        kind: (number % 64) as u8,
        result_bytes: 0,
    }
}

fn put(image: &mut SlotImage, at: usize, word: u64) {
    image.0[8 * at..][..8].copy_from_slice(&word.to_le_bytes());
}

fn u64_at(image: &SlotImage, at: usize) -> u64 {
    u64::from_le_bytes(image.0[8 * at..][..8].try_into().expect("a word"))
}
