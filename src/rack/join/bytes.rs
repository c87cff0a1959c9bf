//! Messages as bytes: a writer, and a reader that takes nothing for granted.

use std::net::{IpAddr, SocketAddr};

/// A message under construction.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

/// What is left of a message.
pub(crate) struct Reader<'a>(&'a [u8]);

/// Why a message of a peer, which knows the key, cannot be read.
///
/// ```
/// use gossamer::rack::join::MessageError;
///
/// assert_eq!(MessageError::TooShort.to_string(), "a message ends too early");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It ends too early.
    #[error("a message ends too early")]
    TooShort,
    /// It goes on behind its end.
    #[error("a message goes on for {0} bytes behind its end")]
    TooLong(usize),
    /// Its kind is not known, or not expected there.
    #[error("a message of kind {0}, which is unknown or comes at the wrong time")]
    Kind(u8),
    /// Something in it is out of its range.
    #[error("a message with {what} = {value}")]
    Value {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: u64,
    },
}

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn address(&mut self, address: SocketAddr) -> &mut Self {
        match address.ip() {
            IpAddr::V4(ip) => self.u8(4).bytes(&ip.octets()),
            IpAddr::V6(ip) => self.u8(6).bytes(&ip.octets()),
        };
        self.u16(address.port())
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(MessageError::TooShort)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, MessageError> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, MessageError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, MessageError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, MessageError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number that must be in a range.
    pub(crate) fn within(
        &mut self,
        what: &'static str,
        min: u32,
        max: u32,
    ) -> Result<u32, MessageError> {
        let value = self.u32()?;
        match (min..=max).contains(&value) {
            true => Ok(value),
            false => Err(MessageError::Value {
                what,
                value: value.into(),
            }),
        }
    }

    /// A value of few, each of which has a code.
    pub(crate) fn code<V>(
        &mut self,
        what: &'static str,
        from_code: impl Fn(u8) -> Option<V>,
    ) -> Result<V, MessageError> {
        let code = self.u8()?;
        let value = code.into();
        from_code(code).ok_or(MessageError::Value { what, value })
    }

    pub(crate) fn address(&mut self) -> Result<SocketAddr, MessageError> {
        let ip = match self.u8()? {
            4 => IpAddr::from(self.array::<4>()?),
            6 => IpAddr::from(self.array::<16>()?),
            family => {
                return Err(MessageError::Value {
                    what: "family of an address",
                    value: family.into(),
                });
            }
        };
        Ok(SocketAddr::new(ip, self.u16()?))
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), MessageError> {
        match self.0.len() {
            0 => Ok(()),
            more => Err(MessageError::TooLong(more)),
        }
    }
}
