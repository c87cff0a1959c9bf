//! Properties of all inputs.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

proptest! {
    /// Of a line that is longer than any may be without its end, how it came decides.
    #[test]
    fn where_the_input_is_cut_tells_nothing(
        input in session(),
        cuts in prop::collection::vec(any::<Index>(), 0..20),
        item_max in 60..160_usize,
    ) {
        let longest = input.split(|&byte| byte == b'\n').map(<[u8]>::len).max();
        prop_assume!(longest.is_none_or(|bytes| bytes < UNFINISHED_BYTES_MAX));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let all: Vec<_> = (0..input.len()).collect();
        let whole = told_in_parts(&input, &[], item_max);
        prop_assert_eq!(&told_in_parts(&input, &cuts, item_max), &whole);
        prop_assert_eq!(&told_in_parts(&input, &all, item_max), &whole);
    }

    /// The helper looks that each call makes progress or asks for a bounded amount.
    #[test]
    fn any_bytes(
        input in prop::collection::vec(any::<u8>(), 0..4000),
        item_max in 60..160_usize,
    ) {
        told_in_parts(&input, &[input.len() / 2], item_max);
    }
}

/// Something that looks like a client's words now and then.
fn session() -> impl Strategy<Value = Vec<u8>> {
    let value = (STORES, 0..99_usize).prop_map(|(line, bytes)| {
        let value = vec![b'x'; bytes];
        [line.as_bytes(), b"\r\n", &value].concat()
    });
    let line = prop::collection::vec(word(), 0..26).prop_map(|words| words.join(&b' '));
    let bytes = prop::collection::vec(any::<u8>(), 0..20);
    let part = prop_oneof![3 => value, 4 => line, 1 => bytes];
    let end = select(&["\r\n", "\n", "\r\n\r\n", "", "\0\r\n"][..]);
    let ended = (part, end).prop_map(|(part, end)| [part, end.as_bytes().to_vec()].concat());
    prop::collection::vec(ended, 0..12).prop_map(|parts| parts.concat())
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<_> = WORDS.split_whitespace().collect();
    prop_oneof![
        20 => select(known).prop_map(|word| word.as_bytes().to_vec()),
        1 => (1..300_usize).prop_map(|bytes| vec![b'k'; bytes]),
        1 => prop::collection::vec(any::<u8>(), 1..6),
    ]
}

const STORES: &str = "(set|add|append|ms) (a|YQ==)( 0 0)? [0-9]{1,2}( noreply| q b| c| MA)?";
const WORDS: &str = "get gets gat gats bget set add replace append prepend cas delete incr decr \
    touch mn mg ms md ma me stats version flush_all verbosity quit watch lru lru_crawler slabs \
    crawl reassign tune cache_memlimit extstore noreply 0 1 2 5 -1 +3 200 4294967298 \
    99999999999999999999 a YQ== q b k v t T5 N30 R1 MS MA MX C1 F1 D2 J2 I Oxyz HTTP/1.1";
