//! [`Words`] and [`Line`]: a command's line, cut at its spaces.

use crate::request::Span;

/// The words of a line in turn; the line ends at its end or at a NUL. Tabs are as good as letters.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    input: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Words<'a> {
    pub(super) fn of(input: &'a [u8], start: usize, end: usize) -> Self {
        Self {
            input,
            at: start,
            end,
        }
    }
}

impl Iterator for Words<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let line = &self.input[self.at..self.end];
        let spaces = line.iter().position(|&byte| byte != b' ')?;
        let rest = &line[spaces..];
        let length = rest.iter().position(|&byte| matches!(byte, b' ' | 0));
        let length = length.unwrap_or(rest.len());
        let start = self.at + spaces;
        self.at = start + length;
        if rest.get(length) == Some(&0) {
            // What stands behind a NUL is not looked at.
            self.end = self.at;
        }
        (length > 0).then(|| span(start, self.at))
    }
}

/// The first words of a line, by number.
#[derive(Debug)]
pub(super) struct Line<'a> {
    input: &'a [u8],
    words: [Span; WORDS_MAX],
    count: usize,
}

impl<'a> Line<'a> {
    /// What stands behind the last word that counts is not looked at.
    pub(super) fn of(words: Words<'a>) -> Self {
        let input = words.input;
        let mut first = [Span::default(); WORDS_MAX];
        let mut count = 0;
        for (slot, word) in first.iter_mut().zip(words) {
            *slot = word;
            count += 1;
        }
        Self {
            input,
            words: first,
            count,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn spans(&self) -> &[Span] {
        &self.words[..self.count]
    }

    /// Empty where the line has no such word.
    pub(super) fn word(&self, index: usize) -> &'a [u8] {
        match self.spans().get(index) {
            Some(span) => span.of(self.input),
            None => &[],
        }
    }

    pub(super) fn last(&self) -> &'a [u8] {
        self.word(self.count.saturating_sub(1))
    }

    /// From a word to the end of the last, as they came.
    pub(super) fn since(&self, index: usize) -> Span {
        let end = self.spans().last().map_or(0, |last| last.end);
        let start = self.spans().get(index).map_or(end, |word| word.start);
        Span { start, end }
    }

    /// Whether it asks for silence: by its last word, whatever place that word has.
    pub(super) fn is_quiet(&self) -> bool {
        self.last() == b"noreply"
    }
}

/// Offsets fit, as [`Decoder::decode`](super::Decoder::decode) takes no larger input.
pub(super) fn span(start: usize, end: usize) -> Span {
    Span {
        start: start as u32,
        end: end as u32,
    }
}

/// As many words as memcached looks at in one line, lists of keys aside.
const WORDS_MAX: usize = 23;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> Vec<&[u8]> {
        Words::of(line, 0, line.len())
            .map(|word| word.of(line))
            .collect()
    }

    #[test]
    fn spaces_at_both_ends_and_many_between() {
        assert_eq!(words(b"  get  a b "), [&b"get"[..], b"a", b"b"]);
        assert!(words(b"   ").is_empty());
        assert!(words(b"").is_empty());
    }

    #[test]
    fn a_line_ends_at_a_nul() {
        assert_eq!(words(b"get a\0b c"), [&b"get"[..], b"a"]);
        assert_eq!(words(b"get \0b c"), [&b"get"[..]]);
    }

    #[test]
    fn a_tab_is_part_of_a_word() {
        assert_eq!(words(b"get a\tb"), [&b"get"[..], b"a\tb"]);
    }

    #[test]
    fn words_behind_the_last_that_counts() {
        let text = b"a ".repeat(30);
        let line = Line::of(Words::of(&text, 0, text.len()));
        assert_eq!(line.count(), WORDS_MAX);
        assert_eq!(line.word(WORDS_MAX), b"");
        assert_eq!(line.since(21).of(&text), b"a a");
        assert_eq!(line.since(23).of(&text), b"");
    }
}
