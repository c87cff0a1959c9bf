//! What the payloads of requests and results look like.
//!
//! ```text
//! request   [token: 8] [table] bytes         the first if its outcome comes later
//! outcome   status: 1  [table] bytes         a request of its own, whose property is the token
//! result    [table] bytes                    its status says whether there is a table
//! table     length: 4  bincode of (header, relatives)
//! ```
//!
//! Every reader checks what it reads: what is wrong is a [`Nonsense`], for which the peer that has
//! sent it is dropped.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::rack::error::Refusal;
use crate::rack::node::Member;
use crate::rack::refs::{Control, Header, Key};
use crate::rack::visit::Failure;

/// What kind of request a record is, as its six bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) class: Class,
    pub(crate) has_table: bool,
    pub(crate) has_token: bool,
    /// Nobody looks at its result.
    pub(crate) is_post: bool,
}

/// Who takes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// An entry of the executable.
    Call,
    /// The references of the node.
    Control,
    /// Who has asked for what this is the outcome of.
    Outcome,
}

/// What a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Value {
        has_table: bool,
    },
    /// It comes as a request.
    Later,
    Failure(FailureKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Panicked,
    Poisoned,
    Closed,
    Refused,
    Result,
    Cancelled,
}

/// The trusts of a message, as they travel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) header: Header,
    /// Of each handle, in order.
    pub(crate) relatives: Vec<Relative>,
}

/// What a handle's key does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Relative {
    /// The worker of its owner that it lives on.
    pub(crate) worker: u32,
    pub(crate) type_word: u32,
}

/// A peer has sent what no peer of this build sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it sent a {0} that cannot be")]
pub(crate) struct Nonsense(pub(crate) &'static str);

impl Relative {
    /// Of a handle that nobody will use.
    pub(crate) const UNKNOWN: Self = Self {
        worker: 0,
        type_word: 0,
    };
}

impl Kind {
    /// A call with nothing but its arguments.
    pub(crate) const CALL: Self = Self {
        class: Class::Call,
        has_table: false,
        has_token: false,
        is_post: false,
    };

    /// The same, whose result nobody looks at.
    pub(crate) const POST: Self = Self {
        is_post: true,
        ..Self::CALL
    };

    pub(crate) const CONTROL: Self = Self {
        class: Class::Control,
        has_table: false,
        has_token: false,
        is_post: false,
    };

    #[inline(always)]
    pub(crate) const fn to_bits(self) -> u8 {
        let class = match self.class {
            Class::Call => 0,
            Class::Control => 1,
            Class::Outcome => 2,
        };
        class
            | (self.has_table as u8) << 2
            | (self.has_token as u8) << 3
            | (self.is_post as u8) << 4
    }

    pub(crate) fn of_bits(bits: u8) -> Result<Self, Nonsense> {
        let class = match bits & 3 {
            0 => Class::Call,
            1 => Class::Control,
            2 => Class::Outcome,
            _ => return Err(Nonsense("kind of request")),
        };
        let kind = Self {
            class,
            has_table: bits & 4 != 0,
            has_token: bits & 8 != 0,
            is_post: bits & 16 != 0,
        };
        match kind.to_bits() == bits {
            true => Ok(kind),
            false => Err(Nonsense("kind of request")),
        }
    }
}

impl Status {
    #[inline(always)]
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Value { has_table: false } => 0,
            Self::Value { has_table: true } => 1,
            Self::Later => 2,
            Self::Failure(kind) => FAILURES + kind as u8,
        }
    }

    pub(crate) fn of_byte(byte: u8) -> Result<Self, Nonsense> {
        use FailureKind::*;
        let failures = [Panicked, Poisoned, Closed, Refused, Result, Cancelled];
        Ok(match byte {
            0 => Self::Value { has_table: false },
            1 => Self::Value { has_table: true },
            2 => Self::Later,
            _ => {
                let kind = failures.get(usize::from(byte.wrapping_sub(FAILURES)));
                Self::Failure(*kind.ok_or(Nonsense("status"))?)
            }
        })
    }
}

impl Failure {
    /// Its status and its bytes.
    pub(crate) fn to_message(&self) -> (Status, Vec<u8>) {
        let (kind, bytes) = match self {
            Self::Panicked(message) => (FailureKind::Panicked, message.as_bytes().to_vec()),
            Self::Refused(refusal) => (FailureKind::Refused, vec![refusal.to_byte()]),
            Self::Poisoned => (FailureKind::Poisoned, Vec::new()),
            Self::Closed => (FailureKind::Closed, Vec::new()),
            Self::Result => (FailureKind::Result, Vec::new()),
            Self::Cancelled => (FailureKind::Cancelled, Vec::new()),
        };
        (Status::Failure(kind), bytes)
    }

    pub(crate) fn of_message(kind: FailureKind, bytes: &[u8]) -> Self {
        match kind {
            FailureKind::Panicked => Self::Panicked(String::from_utf8_lossy(bytes).into_owned()),
            FailureKind::Refused => {
                let reason = bytes.first().copied().unwrap_or(u8::MAX);
                Self::Refused(Refusal::from_byte(reason))
            }
            FailureKind::Poisoned => Self::Poisoned,
            FailureKind::Closed => Self::Closed,
            FailureKind::Result => Self::Result,
            FailureKind::Cancelled => Self::Cancelled,
        }
    }
}

impl Table {
    /// Appends it, with its length.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        write(self, bytes);
        let length = (bytes.len() - start - LENGTH_BYTES) as u32;
        bytes[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    }

    /// Takes it from the front of `bytes`; all that it names are workers of these nodes.
    pub(crate) fn take_from(bytes: &mut &[u8], members: &[Member]) -> Result<Self, Nonsense> {
        let nonsense = Nonsense("table of trusts");
        let (length, rest) = bytes.split_first_chunk().ok_or(nonsense)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (table, rest) = rest.split_at_checked(length).ok_or(nonsense)?;
        *bytes = rest;
        let table: Self = read(table).ok_or(nonsense)?;
        let is_whole = table.header.handles.len() == table.relatives.len();
        let mut homes = table.header.handles.iter().zip(&table.relatives);
        let exists = |(key, relative): (&Key, &Relative)| {
            let owner = members.get(key.owner.number as usize);
            owner.is_some_and(|owner| relative.worker < owner.workers)
        };
        match is_whole && homes.all(exists) {
            true => Ok(table),
            false => Err(nonsense),
        }
    }
}

/// Takes a token from the front of `bytes`.
pub(crate) fn take_token(bytes: &mut &[u8]) -> Result<u64, Nonsense> {
    let (token, rest) = bytes.split_first_chunk().ok_or(Nonsense("token"))?;
    *bytes = rest;
    Ok(u64::from_le_bytes(*token))
}

/// A control message of the references, as bytes.
pub(crate) fn control_bytes(control: &Control) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(control, &mut bytes);
    bytes
}

/// The control message that these bytes are.
pub(crate) fn control_of(bytes: &[u8]) -> Result<Control, Nonsense> {
    read(bytes).ok_or(Nonsense("message about references"))
}

fn write<V: Serialize>(value: &V, bytes: &mut Vec<u8>) {
    bincode::serde::encode_into_std_write(value, bytes, CONFIGURATION)
        .expect("plain numbers always have an encoding");
}

fn read<V: DeserializeOwned>(bytes: &[u8]) -> Option<V> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, CONFIGURATION).ok()?;
    (read == bytes.len()).then_some(value)
}

const CONFIGURATION: Configuration<LittleEndian, Fixint, Limit<TABLE_BYTES_MAX>> =
    bincode::config::standard()
        .with_fixed_int_encoding()
        .with_limit::<TABLE_BYTES_MAX>();

/// More than a full table takes.
const TABLE_BYTES_MAX: usize = 1 << 22;
const LENGTH_BYTES: usize = 4;
/// The status of the first failure.
const FAILURES: u8 = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rack::refs::{Message, Node, Place};

    fn members(workers: u32) -> [Member; 2] {
        [1, workers].map(|workers| Member {
            workers,
            dedicated: 0,
        })
    }

    fn table(handles: u32) -> Table {
        let key = |index| Key {
            owner: Node {
                number: 1,
                incarnation: 7,
            },
            place: Place {
                index,
                generation: 2,
            },
        };
        Table {
            header: Header {
                message: Message(9),
                handles: (0..handles).map(key).collect(),
            },
            relatives: (0..handles)
                .map(|worker| Relative {
                    worker,
                    type_word: 3,
                })
                .collect(),
        }
    }

    #[test]
    fn a_table_comes_back_and_leaves_the_rest() {
        let mut bytes = Vec::new();
        table(3).append_to(&mut bytes);
        bytes.extend_from_slice(b"rest");
        let mut left = bytes.as_slice();
        assert_eq!(Table::take_from(&mut left, &members(3)), Ok(table(3)));
        assert_eq!(left, b"rest");
    }

    #[test]
    fn the_largest_table_has_room() {
        let mut bytes = Vec::new();
        let most = crate::rack::handles::HANDLES_MAX as u32;
        table(most).append_to(&mut bytes);
        assert!(Table::take_from(&mut bytes.as_slice(), &members(most)).is_ok());
    }

    #[test]
    fn a_table_without_as_many_relatives_is_refused() {
        let mut wrong = table(2);
        wrong.relatives.pop();
        let mut bytes = Vec::new();
        wrong.append_to(&mut bytes);
        assert!(Table::take_from(&mut bytes.as_slice(), &members(3)).is_err());
    }

    /// A worker that its owner has not, for control or beyond, and an owner that is no node.
    #[test]
    fn a_table_of_what_is_nowhere_is_refused() {
        let mut bytes = Vec::new();
        table(3).append_to(&mut bytes);
        for (workers, is_there) in [(3, true), (2, false), (0, false)] {
            let taken = Table::take_from(&mut bytes.as_slice(), &members(workers));
            assert_eq!(taken.is_ok(), is_there, "{workers}");
        }
        let alone = &members(3)[..1];
        assert!(Table::take_from(&mut bytes.as_slice(), alone).is_err());
    }

    #[test]
    fn kinds_and_statuses_come_back_and_no_others_exist() {
        let kinds = (0..=255).filter_map(|bits| Kind::of_bits(bits).ok());
        assert_eq!(kinds.clone().count(), 3 * 8);
        assert!(kinds.map(Kind::to_bits).all(|bits| bits < 64));
        for byte in 0..=255 {
            if let Ok(status) = Status::of_byte(byte) {
                assert_eq!(status.to_byte(), byte);
            }
        }
        assert!(Status::of_byte(3).is_err() && Status::of_byte(22).is_err());
    }

    #[test]
    fn failures_come_back() {
        for failure in [
            Failure::Panicked("why".into()),
            Failure::Poisoned,
            Failure::Closed,
            Failure::Refused(Refusal::OtherType),
            Failure::Result,
            Failure::Cancelled,
        ] {
            let (status, bytes) = failure.to_message();
            let Status::Failure(kind) = Status::of_byte(status.to_byte()).expect("a status") else {
                panic!("a failure is one")
            };
            assert_eq!(Failure::of_message(kind, &bytes), failure);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_table_or_nonsense(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Table::take_from(&mut bytes.as_slice(), &members(1));
            let _ = control_of(&bytes);
            let _ = take_token(&mut bytes.as_slice());
        }
    }
}
