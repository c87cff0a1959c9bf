//! The readers of slot images between nodes on any bytes.
//!
//! Run it by `cargo +nightly fuzz run rack_slots`, after `cargo install cargo-fuzz`.

#![no_main]

use gossamer_transport::rack::WireError;
use gossamer_transport::rack::wire::{
    Content, Request, RequestImage, RequestReader, ResultReader, SlotImage,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut image = SlotImage([0; 1024]);
    let bytes = data.len().min(image.0.len());
    // As a batch lies: at the slot's end.
    let start = image.0.len() - bytes;
    image.0[start..].copy_from_slice(&data[..bytes]);
    let _ = requests(&image);
    let mut results = ResultReader::new();
    if results.take_image(&image).is_ok() {
        while let Ok(Some(_)) = results.take_record() {}
    }
});

/// What can be read can be written, and is read again alike.
fn requests(image: &SlotImage) -> Result<(), WireError> {
    let mut reader = RequestReader::new();
    reader.take_image(image)?;
    let mut again = RequestImage::new();
    let mut records = 0;
    while let Some(record) = reader.take_record()? {
        let request = Request {
            call: record.call,
            property: record.property,
            kind: record.kind,
            result_bytes: 0,
        };
        let inline = match record.content {
            Content::Inline(payload) => payload.len(),
            Content::Bulk(_) => 0,
        };
        if !again.has_room(inline) {
            return Ok(());
        }
        again.push(&request, record.content);
        let mut second = RequestReader::new();
        second.take_image(&again.to_slot(1)).expect("one of ours");
        for _ in 0..records {
            second.take_record().expect("one of ours");
        }
        assert_eq!(second.take_record(), Ok(Some(record)));
        records += 1;
    }
    Ok(())
}
