//! What a WRITE tells the peer beside its bytes: which place it was for, in 32 bits.
//!
//! ```text
//! worker:16 | ring:4 | index:12
//! ```

use crate::rack::error::WireError;
use crate::rack::layout::{DEPTH_MAX, Layout, Place};

pub(super) fn told_of(place: Place) -> u32 {
    u32::from(place.worker) << 16 | (place.ring as u32) << 12 | u32::from(place.index)
}

/// The place, if the layout has such a one.
pub(super) fn place_of(told: u32, layout: Layout) -> Result<Place, WireError> {
    let (worker, ring) = ((told >> 16) as u16, (told >> 12) as u8 & 0xf);
    layout.check(ring, worker, (told & 0xfff) as u16)
}

const _: () = assert!(DEPTH_MAX <= 1 << 12);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rack::layout::RingKind;
    use crate::rack::rdma::GEOMETRY;

    #[test]
    fn places_there_and_back() {
        let layout = Layout {
            writers: 1,
            workers: 3,
            geometry: GEOMETRY,
        };
        for ring in RingKind::ALL {
            for index in 0..GEOMETRY.count(ring) {
                let place = Place {
                    ring,
                    worker: 2,
                    index,
                };
                assert_eq!(place_of(told_of(place), layout), Ok(place));
            }
        }
        for told in [3 << 16, 6 << 12, GEOMETRY.depth.into(), u32::MAX] {
            assert!(place_of(told, layout).is_err(), "{told:#x}");
        }
    }
}
