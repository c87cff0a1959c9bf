//! Splitting bytes into words, across the borders of chunks.

use std::str;

/// Finds the words of one stream of bytes, which comes in chunks.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// A sequence of UTF-8 that the last chunk has begun and not ended: at most 3 bytes.
    incomplete: Vec<u8>,
    /// The word that may go on, in lower case.
    word: String,
    /// How many characters of the input `word` stands for.
    chars: usize,
}

impl Splitter {
    /// Gives `emit` each word that ends in this chunk.
    pub(crate) fn split(&mut self, mut chunk: &[u8], emit: &mut impl FnMut(&str)) {
        if !self.incomplete.is_empty() {
            let more = chunk
                .iter()
                .take(3)
                .take_while(|byte| is_continuation(**byte))
                .count();
            let (begin, rest) = chunk.split_at(more);
            self.incomplete.extend_from_slice(begin);
            chunk = rest;
            if chunk.is_empty() && complete_len(&self.incomplete) == 0 {
                return;
            }
            let sequence = std::mem::take(&mut self.incomplete);
            self.split_complete(&sequence, emit);
        }
        let (complete, incomplete) = chunk.split_at(complete_len(chunk));
        self.split_complete(complete, emit);
        self.incomplete.extend_from_slice(incomplete);
    }

    /// Gives `emit` the word that the end of the stream ends, if there is one.
    pub(crate) fn finish(&mut self, emit: &mut impl FnMut(&str)) {
        self.incomplete.clear(); // for ever incomplete, so in no word
        self.end_word(emit);
    }

    fn split_complete(&mut self, bytes: &[u8], emit: &mut impl FnMut(&str)) {
        for part in bytes.utf8_chunks() {
            self.split_text(part.valid(), emit);
            if !part.invalid().is_empty() {
                self.end_word(emit);
            }
        }
    }

    fn split_text(&mut self, text: &str, emit: &mut impl FnMut(&str)) {
        for char in text.chars() {
            if char.is_ascii_alphanumeric() {
                self.word.push(char.to_ascii_lowercase());
            } else if !char.is_ascii() && char.is_alphanumeric() {
                self.word.extend(char.to_lowercase());
            } else {
                self.end_word(emit);
                continue;
            }
            self.chars += 1;
            if self.chars == WORD_CHARS_MAX {
                self.end_word(emit);
            }
        }
    }

    fn end_word(&mut self, emit: &mut impl FnMut(&str)) {
        if self.chars > 0 {
            emit(&self.word);
            self.word.clear();
            self.chars = 0;
        }
    }
}

/// How much of `bytes` is there without a sequence of UTF-8 that their end cuts short.
///
/// A byte that begins a sequence ends whatever came before, so a cut in front of it changes
/// nothing.
fn complete_len(bytes: &[u8]) -> usize {
    let last = bytes
        .iter()
        .rev()
        .take(3)
        .position(|byte| !is_continuation(*byte));
    match last.map(|back| (back, bytes[bytes.len() - 1 - back])) {
        Some((back, 0xC2..=0xDF)) if back < 1 => bytes.len() - 1 - back,
        Some((back, 0xE0..=0xEF)) if back < 2 => bytes.len() - 1 - back,
        Some((back, 0xF0..=0xF4)) if back < 3 => bytes.len() - 1 - back,
        _ => bytes.len(),
    }
}

fn is_continuation(byte: u8) -> bool {
    (0x80..0xC0).contains(&byte)
}

/// Longer runs are cut, so that a word has a bounded size.
pub(crate) const WORD_CHARS_MAX: usize = 1024;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, on the whole input at once.
    pub(crate) fn words_of(bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let runs = text.split(|char: char| !char.is_alphanumeric());
        let runs = runs.map(|run| run.chars().collect::<Vec<_>>());
        let lower = |word: &[char]| word.iter().flat_map(|char| char.to_lowercase()).collect();
        runs.flat_map(|run| run.chunks(WORD_CHARS_MAX).map(lower).collect::<Vec<_>>())
            .collect()
    }

    fn split<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut words = Vec::new();
        let mut splitter = Splitter::default();
        let mut emit = |word: &str| words.push(word.to_owned());
        for chunk in chunks {
            splitter.split(chunk, &mut emit);
        }
        splitter.finish(&mut emit);
        words
    }

    /// Words, what is between them, and all that can be wrong with UTF-8.
    pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[a-zA-Z0-9]{1,8}".prop_map(String::into_bytes),
            4 => "[ \n,.'-]".prop_map(String::into_bytes),
            2 => "\\PC{0,4}".prop_map(String::into_bytes),
            1 => Just("İstanbul ΟΔΟΣ straße 北京 १२ ²".as_bytes().to_vec()),
            2 => prop::collection::vec(any::<u8>(), 0..4),
            1 => prop::collection::vec(0x80_u8..=0xFF, 0..6),
        ];
        prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(bytes in bytes(), sizes in prop::collection::vec(0_usize..7, 1..9)) {
            let mut rest = &bytes[..];
            let mut chunks = Vec::new();
            for size in sizes.into_iter().cycle().take(500) {
                let (chunk, after) = rest.split_at(size.min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            chunks.push(rest);
            prop_assert_eq!(split(chunks), words_of(&bytes));
        }

        #[test]
        fn every_byte_alone(bytes in bytes()) {
            prop_assert_eq!(split(bytes.chunks(1)), words_of(&bytes));
        }
    }

    #[test]
    fn words_in_lower_case_and_nothing_between() {
        let words = split([&b"The cat's 2 TABLE-tops, \xC3\x89t\xC3\xA9!"[..]]);
        assert_eq!(words, ["the", "cat", "s", "2", "table", "tops", "été"]);
    }

    #[test]
    fn invalid_bytes_end_a_word() {
        assert_eq!(split([&b"ab\xFFcd"[..], b"ef\xE2\x82"]), ["ab", "cdef"]);
        assert_eq!(split([&b"a\xE2"[..], b"\x82", b"b"]), ["a", "b"]);
        assert_eq!(split([&b"\xE2"[..], b"\x82", b"\xACx"]), ["x"]);
        assert_eq!(split([&b"\xC3"[..], b"\xA9\xA9t"]), ["é", "t"]);
    }

    #[test]
    fn long_run_is_cut() {
        let run = "é".repeat(2 * WORD_CHARS_MAX + 1);
        let words = split(run.as_bytes().chunks(7));
        let lengths: Vec<_> = words.iter().map(|word| word.chars().count()).collect();
        assert_eq!(lengths, [WORD_CHARS_MAX, WORD_CHARS_MAX, 1]);
        assert_eq!(words, words_of(run.as_bytes()));
    }
}
