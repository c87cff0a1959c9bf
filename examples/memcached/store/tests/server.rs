//! A shard with what stands around it, for tests: well-formed commands in, answers out.

use std::sync::atomic::AtomicU64;

use crate::request::{Action, CasIds, Key, Meta, Mode, Options, Request, Span, Store, Verb};

use super::super::{Cas, Flush, Now, Settings, Shard, hash};

pub(super) struct Server {
    pub(super) shard: Shard,
    pub(super) now: Now,
    pub(super) cas_ids: AtomicU64,
}

impl Server {
    pub(super) fn new() -> Self {
        Self::with_bytes_max(64 << 20)
    }

    pub(super) fn with_bytes_max(bytes_max: usize) -> Self {
        Self {
            shard: Shard::new(Settings {
                bytes_max,
                item_max: 1 << 20,
            }),
            now: Now {
                seconds: Now::SECONDS_FIRST,
                started: 1_600_000_000,
            },
            cas_ids: AtomicU64::new(0),
        }
    }

    pub(super) fn tick(&mut self, seconds: u32) {
        self.now.seconds += seconds;
    }

    /// Checks the answer to a command. In both, `|` stands for the end of a line, but for the last.
    #[track_caller]
    pub(super) fn says(&mut self, command: &str, expected: &str) {
        assert_eq!(self.ask(command), expected, "answer to {command:?}");
    }

    pub(super) fn ask(&mut self, command: &str) -> String {
        let input = command.replace('|', "\r\n");
        let out = self.ask_bytes(input.as_bytes());
        let out = String::from_utf8(out)
            .expect("tests store text")
            .replace("\r\n", "|");
        out.strip_suffix('|').unwrap_or(&out).to_owned()
    }

    pub(super) fn ask_bytes(&mut self, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let line = input
            .split(|byte| *byte == b'\r')
            .next()
            .expect("one at least");
        let words = words(line);
        let word = |at: usize| std::str::from_utf8(words[at].of(input)).expect("text");
        match word(0) {
            "flush_all" => {
                let delay = words.get(1).map_or(0, |_| word(1).parse().unwrap_or(0));
                self.shard.flush(Flush::new(delay, self.now, &self.cas_ids));
                if word(words.len() - 1) != "noreply" {
                    out.extend_from_slice(b"OK\r\n");
                }
            }
            verb @ ("get" | "gets" | "gat" | "gats") => {
                let touch = verb
                    .starts_with("gat")
                    .then(|| word(1).parse().expect("a number"));
                let action = Action::Get {
                    shows_cas: verb.ends_with('s'),
                    touch,
                };
                for key in &words[if touch.is_some() { 2 } else { 1 }..] {
                    let request = Request {
                        key: Key::Plain(*key),
                        action: action.clone(),
                    };
                    self.execute(&request, input, &mut out);
                }
                out.extend_from_slice(b"END\r\n");
            }
            _ => {
                let value = Span {
                    start: (line.len() + 2) as u32,
                    end: input.len() as u32,
                };
                self.execute(&request(input, &words, value), input, &mut out);
            }
        }
        out
    }

    pub(super) fn execute(&mut self, request: &Request, input: &[u8], out: &mut Vec<u8>) {
        // As a connection does: what takes one for sure is given it before.
        let cas = match request.action.cas_ids() {
            CasIds::None => Cas::Given(u64::MAX),
            CasIds::One => Cas::Given(self.next_cas()),
            CasIds::Unknown => Cas::From(&self.cas_ids),
        };
        let hash = hash(request.key.of(input));
        self.shard.warm([hash].into_iter());
        self.shard.execute(request, hash, input, self.now, cas, out);
    }

    fn next_cas(&mut self) -> u64 {
        *self.cas_ids.get_mut() += 1;
        *self.cas_ids.get_mut()
    }
}

fn words(line: &[u8]) -> Vec<Span> {
    let mut start = 0;
    line.split(|byte| *byte == b' ')
        .map(|word| {
            let span = Span {
                start,
                end: start + word.len() as u32,
            };
            start = span.end + 1;
            span
        })
        .collect()
}

fn request(input: &[u8], words: &[Span], value: Span) -> Request {
    let word = |at: usize| std::str::from_utf8(words[at].of(input)).expect("text");
    let number = |at: usize| word(at).parse().expect("a number");
    let is_quiet = word(words.len() - 1) == "noreply";
    let mut key = Key::Plain(words[1]);
    let action = match word(0) {
        "delete" => Action::Delete { is_quiet },
        "touch" => Action::Touch {
            expires: number(2),
            is_quiet,
        },
        "forget" => Action::Forget,
        verb @ ("incr" | "decr") => Action::Arithmetic {
            delta: word(2).parse().expect("a number"),
            is_decrement: verb == "decr",
            is_quiet,
        },
        verb @ ("mg" | "ms" | "md" | "ma" | "me") => {
            let first = if verb == "ms" { 3 } else { 2 };
            let meta = meta(verb, input, &words[first.min(words.len())..], value);
            if meta.options.is_base64 {
                key = Key::Decoded(decoded(words[1].of(input)));
            }
            Action::Meta(meta)
        }
        verb => Action::Store(Store {
            mode: match verb {
                "set" => Mode::Set,
                "add" => Mode::Add,
                "replace" => Mode::Replace,
                "append" => Mode::Append,
                "prepend" => Mode::Prepend,
                "cas" => Mode::Cas(word(5).parse().expect("a number")),
                verb => unreachable!("{verb}"),
            },
            flags: word(2).parse().expect("a number"),
            expires: number(3),
            value,
            is_quiet,
        }),
    };
    Request { key, action }
}

fn meta(verb: &str, input: &[u8], flags: &[Span], value: Span) -> Meta {
    let mut options = Options::default();
    let mut letter = None;
    for flag in flags {
        let text = std::str::from_utf8(flag.of(input)).expect("text");
        let (name, token) = text.split_at(1);
        let number = || Some(token.parse().expect("a number"));
        let id = || Some(token.parse().expect("a number"));
        match name {
            "q" => options.is_quiet = true,
            "b" => options.is_base64 = true,
            "I" => options.invalidates = true,
            "T" => options.expires = number(),
            "N" => options.vivify = number(),
            "R" => options.recache = number(),
            "C" => options.compare_cas = id(),
            "F" => options.client_flags = Some(token.parse().expect("a number")),
            "D" => options.delta = id(),
            "J" => options.initial = id(),
            "M" => letter = Some(token.to_owned()),
            _ => {}
        }
    }
    let letter = letter.as_deref();
    let verb = match verb {
        "mg" => Verb::Get,
        "ms" => Verb::Set {
            mode: match letter {
                None | Some("S") => Mode::Set,
                Some("E") => Mode::Add,
                Some("A") => Mode::Append,
                Some("P") => Mode::Prepend,
                Some("R") => Mode::Replace,
                letter => unreachable!("{letter:?}"),
            },
            value,
        },
        "md" => Verb::Delete,
        "ma" => Verb::Arithmetic {
            is_decrement: matches!(letter, Some("D" | "-")),
        },
        _ => Verb::Debug,
    };
    let flags = Span {
        start: flags.first().map_or(0, |flag| flag.start),
        end: flags.last().map_or(0, |flag| flag.end),
    };
    Meta {
        verb,
        flags,
        options,
    }
}

fn decoded(text: &[u8]) -> Box<[u8]> {
    let digits = text.iter().filter(|digit| **digit != b'=').map(|digit| {
        let mut all = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9');
        all.position(|other| other == *digit)
            .expect("no + and no / in tests") as u32
    });
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::new());
    for digit in digits {
        bits = bits << 6 | digit;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes.into()
}
