//! A request that has come.

use gossamer_transport::rack::Arrived;

use crate::rack::codec::Body;
use crate::rack::entry::CallWord;
use crate::rack::envelope::{Kind, Nonsense, Relative};
use crate::rack::remote::PropertyId;

/// A request that has come, taken apart.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) word: CallWord,
    pub(crate) property: PropertyId,
    pub(crate) kind: Kind,
    pub(crate) token: u64,
    pub(crate) relatives: Vec<Relative>,
    pub(crate) body: Body<'static>,
}

impl Arrival {
    pub(crate) fn of(request: Arrived<'_>) -> Result<Self, Nonsense> {
        let property = PropertyId {
            index: request.property.index,
            generation: request.property.generation,
        };
        Ok(Self {
            word: CallWord(request.call),
            property,
            kind: Kind::of_bits(request.kind)?,
            token: 0,
            relatives: Vec::new(),
            body: Body::of(request.payload.into_owned()),
        })
    }
}
