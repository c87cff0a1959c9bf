//! [`Piece`]: what a connection has read, cut into what is asked of the store and what is not.

/// A part of a connection's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn of(self, input: &[u8]) -> &[u8] {
        &input[self.start as usize..self.end as usize]
    }
}

/// A key: as it came, or decoded from base64 (the meta flag `b`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Plain(Span),
    Decoded(Box<[u8]>),
}

impl Key {
    pub(crate) fn of<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Plain(span) => span.of(input),
            Self::Decoded(bytes) => bytes,
        }
    }
}

/// One step towards the answers of a connection, in the order in which they go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Asked of the store; answered by what it says, which may be nothing.
    Request(Request),
    /// An answer that is known without the store.
    Say(&'static str),
    /// Asked of the server as a whole.
    Control(Control),
    /// The connection ends here, after what came before was answered.
    Close,
}

/// What one command asks for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) key: Key,
    pub(crate) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `get` and `gets`, and `gat` and `gats`, which also set the time of expiry: a `VALUE` block
    /// if there is such an item, else nothing. The `END` is a [`Piece::Say`] behind them all.
    Get {
        shows_cas: bool,
        touch: Option<i64>,
    },
    Store(Store),
    Delete {
        is_quiet: bool,
    },
    Arithmetic {
        delta: u64,
        is_decrement: bool,
        is_quiet: bool,
    },
    Touch {
        expires: i64,
        is_quiet: bool,
    },
    /// Removes an item without a word: what a value that was refused would have replaced.
    Forget,
    Meta(Meta),
    /// Does what another does, and says something else, or nothing, unless that fails.
    Instead {
        of: Box<Action>,
        text: &'static str,
    },
}

impl Action {
    /// Whether it always takes exactly one cas id (`set`), never (`get`), or who knows.
    pub(crate) fn cas_ids(&self) -> CasIds {
        match self {
            Self::Store(store) if store.mode == Mode::Set => CasIds::One,
            Self::Get { .. } | Self::Delete { .. } | Self::Touch { .. } | Self::Forget => {
                CasIds::None
            }
            Self::Meta(meta) => meta.cas_ids(),
            Self::Instead { of, .. } => of.cas_ids(),
            _ => CasIds::Unknown,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CasIds {
    None,
    One,
    Unknown,
}

/// `set`, `add`, `replace`, `append`, `prepend` and `cas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) mode: Mode,
    pub(crate) flags: u32,
    /// As it came: seconds from now, or since 1970 if more than 30 days; negative is at once.
    pub(crate) expires: i64,
    /// Without the line's end.
    pub(crate) value: Span,
    pub(crate) is_quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
    Cas(u64),
}

/// `mg`, `ms`, `md`, `ma` and `me`: the answer gives flags back in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) verb: Verb,
    /// The flags as they came, behind the key (and the value's length), for the answer.
    pub(crate) flags: Span,
    pub(crate) options: Options,
}

impl Meta {
    fn cas_ids(&self) -> CasIds {
        let options = &self.options;
        match self.verb {
            Verb::Get if options.vivify.is_none() => CasIds::None,
            Verb::Set {
                mode: Mode::Set, ..
            } if options.compare_cas.is_none() => CasIds::One,
            Verb::Delete if !options.invalidates => CasIds::None,
            Verb::Debug => CasIds::None,
            _ => CasIds::Unknown,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Set { mode: Mode, value: Span },
    Delete,
    Arithmetic { is_decrement: bool },
    Debug,
}

/// What the flags of a meta command say; those that only ask for something in the answer are read
/// from [`Meta::flags`] when it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `q`
    pub(crate) is_quiet: bool,
    /// `b`: the key is in base64, there and back.
    pub(crate) is_base64: bool,
    /// `I`: for `md` and `ms`, an item that has become stale is fair game.
    pub(crate) invalidates: bool,
    /// `T`
    pub(crate) expires: Option<i64>,
    /// `N`: makes an empty item, which lives so long, on a miss.
    pub(crate) vivify: Option<i64>,
    /// `R`: wins a recache when less time is left.
    pub(crate) recache: Option<i64>,
    /// `C`
    pub(crate) compare_cas: Option<u64>,
    /// `F`
    pub(crate) client_flags: Option<u32>,
    /// `D`
    pub(crate) delta: Option<u64>,
    /// `J`
    pub(crate) initial: Option<u64>,
}

/// What is asked of the server, not of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// `stats`, with what follows it (`items`, `settings`, `reset`, …), or nothing.
    Stats(Span),
    /// Everything that was stored up to now, or so many seconds from now, is gone.
    FlushAll {
        delay: i64,
        is_quiet: bool,
    },
    /// `cache_memlimit`.
    LimitMemory {
        megabytes: u32,
        is_quiet: bool,
    },
    Version,
}
