//! What memcached 1.6.18 was seen to say and to take, case by case.

use super::*;
use crate::request::{Action, Control, Meta, Request, Store, Verb};

mod admin;
mod any_input;
mod classic;
mod lines;
mod meta;

/// Cases, one in a line: an input, in which `~` is the end of a line, and behind an arrow its
/// pieces.
#[track_caller]
fn check(cases: &str) {
    for case in cases.lines().filter(|case| !case.trim().is_empty()) {
        let (input, pieces) = case.split_once("->").expect("a case has an arrow");
        let input = input
            .trim_start()
            .trim_end_matches(' ')
            .replace('~', "\r\n");
        assert_eq!(told(&input).join(" | "), pieces.trim(), "of {input:?}");
    }
}

/// All pieces of an input that comes at once, each as text.
fn told(input: impl AsRef<[u8]>) -> Vec<String> {
    told_in_parts(input.as_ref(), &[], ITEM_MAX)
}

/// The same of an input that comes cut at these places.
fn told_in_parts(input: &[u8], cuts: &[usize], item_max: usize) -> Vec<String> {
    let mut decoder = Decoder::new(Limits { item_max });
    let mut pieces = Vec::new();
    let mut at = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        loop {
            match decoder.decode(&input[..end], at, &mut pieces) {
                Progress::Took(bytes) => {
                    assert!(bytes > 0 && at + bytes <= end);
                    at += bytes;
                }
                Progress::NeedsMore(bytes) => {
                    assert!(bytes > end - at);
                    assert!(bytes <= KEYS_LINE_BYTES_MAX.max(LINE_BYTES_MAX + item_max));
                    break;
                }
                Progress::Ended => break,
            }
        }
    }
    pieces.iter().map(|piece| shown(piece, input)).collect()
}

fn shown(piece: &Piece, input: &[u8]) -> String {
    match piece {
        Piece::Request(Request { key, action }) => {
            let key = key.of(input).escape_ascii();
            format!("{key} {}", shown_action(action, input))
        }
        Piece::Say(answer) => answer.strip_suffix("\r\n").expect("a line").to_owned(),
        Piece::Control(Control::Stats(of)) => format!("Stats [{}]", of.of(input).escape_ascii()),
        Piece::Control(control) => without_names(control),
        Piece::Close => "Close".to_owned(),
    }
}

fn shown_action(action: &Action, input: &[u8]) -> String {
    match action {
        Action::Store(store) => {
            let Store {
                mode,
                flags,
                expires,
                value,
                is_quiet,
            } = store;
            let value = value.of(input).escape_ascii();
            format!("{mode:?} {flags} {expires} {value} {is_quiet}")
        }
        Action::Meta(Meta { verb, flags, .. }) => {
            let verb = match verb {
                Verb::Set { mode, value } => {
                    format!("{mode:?} {}", value.of(input).escape_ascii())
                }
                verb => without_names(verb),
            };
            format!("{verb} [{}]", flags.of(input).escape_ascii())
        }
        Action::Instead { of, text: "" } => format!("silent {}", shown_action(of, input)),
        action => without_names(action),
    }
}

/// `Touch 5 true` of `Touch { expires: 5, is_quiet: true }`.
fn without_names(of: &impl std::fmt::Debug) -> String {
    let text = format!("{of:?}").replace(['{', '}', ','], "");
    let words = text.split_whitespace().filter(|word| !word.ends_with(':'));
    words.collect::<Vec<_>>().join(" ")
}

/// A word that is a key if it is not too long.
fn long(bytes: usize) -> String {
    "k".repeat(bytes)
}

const ITEM_MAX: usize = 1 << 20;
