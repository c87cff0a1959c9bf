//! Answers, and cargo: what makes captures and results as large as the shape of a request says.

use std::sync::Arc;

use crate::coverage::{Situation, reached};
use crate::held::Held;
use crate::request::{End, Part, Request, Token};
use crate::thread::Thread;

/// The result of a request under test.
pub(crate) struct Answer<C> {
    state: u64,
    cargo: C,
    token: Token,
}

impl<C: Cargo> Answer<C> {
    pub(crate) fn new(
        request: &Arc<Request>,
        state: u64,
        explodes: bool,
        held: Option<Held>,
    ) -> Self {
        let token = Token::new(request, Part::Result, explodes);
        Self {
            state,
            cargo: C::load(request.number, held),
            token,
        }
    }

    /// Tells the log that it has arrived here, and drops it but for the trust that it carries.
    pub(crate) fn open(self) -> Option<Held> {
        let Self {
            state,
            cargo,
            token,
        } = self;
        let request = token.request();
        request.life().end = End::Value {
            state,
            by: Thread::current(),
        };
        cargo.unload(request)
    }
}

/// Something of a certain size that can tell whether it has arrived whole.
pub(crate) trait Cargo: Send + 'static {
    fn load(number: u32, held: Option<Held>) -> Self;
    fn unload(self, request: &Request) -> Option<Held>;
}

impl Cargo for () {
    fn load(_: u32, _: Option<Held>) -> Self {}

    fn unload(self, _: &Request) -> Option<Held> {
        None
    }
}

impl<const WORDS: usize> Cargo for [u64; WORDS] {
    fn load(number: u32, _: Option<Held>) -> Self {
        std::array::from_fn(|word| pattern(number, word))
    }

    fn unload(self, request: &Request) -> Option<Held> {
        reached(match WORDS > SLOT_WORDS {
            true => Situation::Boxed,
            false => Situation::Wide,
        });
        let number = request.number;
        if self != Self::load(number, None) {
            request
                .property
                .log
                .fault(format_args!("cargo of {number} was damaged"));
        }
        None
    }
}

/// A trust that travels with a result.
pub(crate) struct Carried(Option<Held>);

impl Cargo for Carried {
    fn load(_: u32, held: Option<Held>) -> Self {
        Self(held)
    }

    fn unload(self, _: &Request) -> Option<Held> {
        self.0
    }
}

fn pattern(number: u32, word: usize) -> u64 {
    u64::from(number) << 32 | word as u64
}

/// More than these are not in any slot.
const SLOT_WORDS: usize = 128;
