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

/// A small request takes 16 bytes beside its payload, 8 for the same property again, and none if it
/// is like the one before it.
#[test]
fn small_headers() {
    let words = |requests: &[Request]| {
        let mut image = RequestImage::new();
        for request in requests {
            image.push(request, Content::Inline(&[0; 8]));
        }
        let slot = image.to_slot(1);
        124 - (u64_at(&slot, 127) >> 16 & 0x7fff)
    };
    let (first, other) = (request(0), request(1));
    assert_eq!(first.property, other.property);
    assert_eq!(words(&[first]), 3);
    assert_eq!(words(&[first, first, first]), 5);
    assert_eq!(words(&[first, other, first]), 7);
}

/// Requests that are alike share a header until one differs, in whatever it does.
#[test]
fn runs_end_where_requests_differ() {
    let alike = request(0);
    let mut others = [alike; 4];
    others[0].call += 1;
    others[1].property.index += 1;
    others[2].property.generation += 1;
    others[3].kind += 1;
    let payload = *b"12345678";
    let mut image = RequestImage::new();
    let mut pushed = Vec::new();
    for other in others {
        for (request, length) in [(alike, 8), (alike, 8), (other, 8), (other, 8), (alike, 7)] {
            image.push(&request, Content::Inline(&payload[..length]));
            pushed.push((request, length));
        }
    }
    image.push(&alike, Content::Bulk(7));
    image.push(&alike, Content::Inline(&payload[..7]));
    let mut reader = RequestReader::new();
    reader.take_image(&image.to_slot(1)).expect("in order");
    for (request, length) in pushed {
        let record = reader.take_record().expect("in order").expect("one more");
        assert_eq!(
            (record.call, record.property, record.kind),
            (request.call, request.property, request.kind)
        );
        assert_eq!(record.content, Content::Inline(&payload[..length]));
    }
    for content in [Content::Bulk(7), Content::Inline(&payload[..7])] {
        let record = reader.take_record().expect("in order").expect("one more");
        assert_eq!(record.content, content);
    }
    assert_eq!(reader.take_record(), Ok(None));
}

/// The same of results, of which one finds no room in the midst of a run.
#[test]
fn runs_of_results() {
    let mut image = ResultImage::new();
    image.begin(8);
    let long = [5; 900];
    let results: [(u8, &[u8]); 8] = [
        (0, b"12345678"),
        (0, b"87654321"),
        (0, &long),
        (0, &long),
        (0, b"12345678"),
        (1, b"12345678"),
        (1, b"1234"),
        (1, b"4321"),
    ];
    let inline = results.map(|(status, payload)| image.push(status, payload));
    let mut reader = ResultReader::new();
    reader.take_image(&image.to_slot(1)).expect("in order");
    for ((status, payload), is_inline) in results.into_iter().zip(inline) {
        let record = reader.take_record().expect("in order").expect("one more");
        let content = match is_inline {
            true => Content::Inline(payload),
            false => Content::Bulk(payload.len() as u64),
        };
        assert_eq!((record.status, record.content), (status, content));
    }
    assert_eq!(reader.take_record(), Ok(None));
    assert_eq!(inline.iter().filter(|&&inline| inline).count(), 7);
}

/// Requests without arguments share a header and take nothing else; a batch has no more of them
/// than can be answered.
#[test]
fn requests_without_bytes() {
    let with = |count: u64| {
        let mut image = RequestImage::new();
        image.push(&request(0), Content::Inline(&[]));
        let mut image = image.to_slot(1);
        put(&mut image, 123, (count - 1) << 32);
        put(&mut image, 127, 1 << 32 | 122 << 16 | count);
        read_requests(&image)
    };
    assert_eq!(with(127), Ok(127));
    assert_eq!(with(128), Err(WireError::Count(128)));
    let mut image = RequestImage::new();
    while image.has_room(0) {
        image.push(&request(0), Content::Inline(&[]));
    }
    assert_eq!(read_requests(&image.to_slot(1)), Ok(127));
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
    assert_eq!(with(seal(124, 1)), Err(WireError::Count(1)));
    assert_eq!(with(seal(121, 128)), Err(WireError::Count(128)));
    assert_eq!(with(seal(120, 2)), Err(WireError::Truncated(8)));
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
        with((1 << 32) - 1),
        Err(WireError::Truncated((1 << 32) - 1))
    );
    assert_eq!(with(1 << 32 | 8), Err(WireError::Repeats(1)));
    assert_eq!(with(0xffff << 32 | 8), Err(WireError::Repeats(0xffff)));
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
            // Small lengths and few repeats are likely to fit.
            put(&mut image, at, word & 0xc7c0_0003_0000_003f);
        }
        put(&mut image, 127, u64::from(seal & 0x007f_007f));
        if let Ok(count) = read_requests(&image) {
            prop_assert!(count <= 127);
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
