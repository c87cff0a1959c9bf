//! [`Card`]: what the two ends of a queue pair have to know of each other, as bytes.

use std::net::{IpAddr, Ipv6Addr};

use crate::rack::rdma::error::RdmaError;

/// What a peer has to know of a queue pair, and of the region that it may write.
///
/// ```
/// use gossamer_transport::rack::rdma::Card;
///
/// assert!(Card::from_bytes(&[0; Card::BYTES]).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    pub(super) number: u32,
    pub(super) sequence: u32,
    pub(super) gid: [u8; 16],
    pub(super) lid: u16,
    pub(super) mtu: u8,
    pub(super) address: u64,
    pub(super) key: u32,
}

impl Card {
    /// The length of what [`to_bytes`](Self::to_bytes) makes.
    pub const BYTES: usize = 40;

    /// The card, to be sent to the peer by whatever way there is that strangers cannot write to.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = VERSION;
        bytes[1] = self.mtu;
        bytes[2..4].copy_from_slice(&self.lid.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.key.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.address.to_le_bytes());
        bytes[24..].copy_from_slice(&self.gid);
        bytes
    }

    /// The card that these bytes are.
    ///
    /// # Errors
    /// [`RdmaError::Card`] if they are none.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, RdmaError> {
        let word = |at: usize| {
            let word = bytes[at..].first_chunk();
            u32::from_le_bytes(*word.expect("a card is longer"))
        };
        let card = Self {
            number: word(4),
            sequence: word(8),
            gid: *bytes[24..].first_chunk().expect("a card is longer"),
            lid: (word(0) >> 16) as u16,
            mtu: bytes[1],
            address: u64::from(word(20)) << 32 | u64::from(word(16)),
            key: word(12),
        };
        let is_one = bytes[0] == VERSION
            && MTUS.contains(&card.mtu)
            && card.number <= NUMBER_MAX
            && card.sequence <= NUMBER_MAX;
        is_one.then_some(card).ok_or(RdmaError::Card)
    }
}

/// The address by which RoCE v2 knows a host.
pub(super) fn gid_of(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Whether an address of RoCE v2 is one of IPv4, which is set up on purpose.
pub(super) fn is_ipv4(gid: [u8; 16]) -> bool {
    Ipv6Addr::from(gid).to_ipv4_mapped().is_some()
}

/// An address of RoCE v2 as people write it.
pub(super) fn text_of(gid: [u8; 16]) -> String {
    let address = Ipv6Addr::from(gid);
    address
        .to_ipv4_mapped()
        .map_or_else(|| address.to_string(), |address| address.to_string())
}

/// Of what a card says.
const VERSION: u8 = 2;
/// 256 to 4096 bytes, in the code of the library.
const MTUS: std::ops::RangeInclusive<u8> = 1..=5;
/// Numbers of queue pairs and of packets have 24 bits.
pub(super) const NUMBER_MAX: u32 = 0xff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let card = Card {
            number: 0x12_3456,
            sequence: 0xab_cdef,
            gid: gid_of(IpAddr::from([10, 99, 0, 1])),
            lid: 0x1234,
            mtu: 5,
            address: 0x0123_4567_89ab_cdef,
            key: 0xfedc_ba98,
        };
        let bytes = card.to_bytes();
        assert_eq!(Card::from_bytes(&bytes).expect("a card"), card);
        assert_eq!(text_of(card.gid), "10.99.0.1");
        for (at, value) in [(0, 9), (1, 0), (1, 6), (7, 1), (11, 1)] {
            let mut other = bytes;
            other[at] = value;
            let error = Card::from_bytes(&other);
            assert!(matches!(error, Err(RdmaError::Card)), "byte {at}");
        }
    }
}
