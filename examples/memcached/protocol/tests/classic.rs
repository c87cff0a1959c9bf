use super::*;

#[test]
fn keys_of_get_and_gets() {
    check(
        "get a~ -> a Get false None | END
         bget a~ -> a Get false None | END
         get  a  b ~ -> a Get false None | b Get false None | END
         gets a~ -> a Get true None | END
         get~ -> ERROR
         gets ~ -> ERROR
         bgets a~ -> ERROR
         get HTTP/1.1~ -> HTTP/1.1 Get false None | END
         get a\0b c~ -> a Get false None | END",
    );
    let many = format!("get {}\r\n", "a ".repeat(1000));
    assert_eq!(told(many).len(), 1001);
}

#[test]
fn times_and_keys_of_gat() {
    check(
        "gat 10 a~ -> a Get false Some(10) | END
         gats -1 a~ -> a Get true Some(-1) | END
         gat 10~ -> END
         gat~ -> ERROR
         gat x~ -> CLIENT_ERROR invalid exptime argument
         gat x a~ -> CLIENT_ERROR invalid exptime argument",
    );
}

/// Nothing is said of those before it.
#[test]
fn a_key_that_is_too_long_among_others() {
    let (most, more) = (long(250), long(251));
    check(&format!(
        "get {most}~ -> {most} Get false None | END
         get a {more} b~mn~ -> a silent Get false None | CLIENT_ERROR bad command line format | MN
         mn~gat 5 a {more}~ -> MN | a silent Get false Some(5) | CLIENT_ERROR bad command line format",
    ));
}

#[test]
fn values_that_are_stored() {
    let most = long(250);
    check(&format!(
        "set a 1 2 3~abc~ -> a Set 1 2 abc false
         add a 1 2 3~a~~ -> a Add 1 2 a\\r\\n false
         replace a 1 2 0~~ -> a Replace 1 2  false
         append a 1 2 1 foo~x~ -> a Append 1 2 x false
         prepend a 1 2 1 noreply~x~ -> a Prepend 1 2 x true
         cas a 1 2 1 9~x~ -> a Cas(9) 1 2 x false
         cas a 1 2 1 9 noreply~x~ -> a Cas(9) 1 2 x true
         set a \t1\t7 -1 +1~x~ -> a Set 1 -1 x false
         set a 4294967297 4294967297 4294967297~x~ -> a Set 1 1 x false
         set a -18446744073709551615 0 1~x~ -> a Set 1 0 x false
         set {most} 0 0 1~x~ -> {most} Set 0 0 x false",
    ));
}

/// What follows is read as commands, the value with it.
#[test]
fn stores_whose_line_is_broken() {
    let more = long(251);
    check(&format!(
        "set~ -> ERROR
         set a 0 0~mn~ -> ERROR | MN
         set a 0 0 1 a b~mn~ -> ERROR | MN
         set a 0 0 -1~mn~ -> CLIENT_ERROR bad command line format | MN
         set a 0 0 2147483646~mn~ -> CLIENT_ERROR bad command line format | MN
         set a -1 0 1~x~mn~ -> CLIENT_ERROR bad command line format | ERROR | MN
         set a 18446744073709551616 0 1~mn~ -> CLIENT_ERROR bad command line format | MN
         set a 0 99999999999999999999 1~mn~ -> CLIENT_ERROR bad command line format | MN
         set a 0 0 0x1~mn~ -> CLIENT_ERROR bad command line format | MN
         set a 0 0 noreply~mn~ -> MN
         set a 0 0 x noreply~mn~ -> MN
         cas a 0 0 1~mn~ -> ERROR | MN
         cas a 0 0 1 x~mn~ -> CLIENT_ERROR bad command line format | MN
         cas a 0 0 1 noreply~mn~ -> MN
         set {more} 0 0 1~mn~ -> CLIENT_ERROR bad command line format | MN
         set {more} 0 0 1 noreply~mn~ -> MN",
    ));
}

#[test]
fn values_that_do_not_end_where_they_should() {
    check(
        "set a 0 0 3~abcdef~mn~ -> CLIENT_ERROR bad data chunk | ERROR | MN
         set a 0 0 1~x\rmn~ -> CLIENT_ERROR bad data chunk | ERROR
         set a 0 0 3 noreply~abcdef~mn~ -> ERROR | MN
         ms a 3~abcdef~mn~ -> CLIENT_ERROR bad data chunk | ERROR | MN
         ms a 3 q~abcdef~mn~ -> CLIENT_ERROR bad data chunk | ERROR | MN",
    );
    let bare = "set a 0 0 3\nabc\nx\nmn\n";
    assert_eq!(told(bare), ["CLIENT_ERROR bad data chunk", "ERROR", "MN"]);
}

#[test]
fn values_at_the_limit_and_beyond() {
    let max = ITEM_MAX - 48 - 2 - 2 - 8;
    let (value, beyond) = ("x".repeat(max), max + 1);
    let flagged = &value[4..];
    let small = max - 3;
    check(&format!(
        "set b 0 0 {max}~{value}~ -> b Set 0 0 {value} false
         ms Yg== {max} b~{value}~ -> b Set {value} [b]
         set b 7 0 {}~{flagged}~ -> b Set 7 0 {flagged} false
         set b 7 0 {small}~x{flagged}~mn~ -> b Forget | {TOO_LARGE} | MN
         set b 0 0 {beyond}~x{value}~mn~ -> b Forget | {TOO_LARGE} | MN
         set b 0 0 {beyond} noreply~x{value}~mn~ -> b Forget | MN
         add b 0 0 {beyond}~x{value}~mn~ -> {TOO_LARGE} | MN
         cas b 0 0 {beyond} 1 noreply~x{value}~mn~ -> MN
         ms b {beyond} ME q~x{value}~mn~ -> b Forget | {TOO_LARGE} | MN
         ms Yg== {beyond} b~x{value}~mn~ -> b Forget | {TOO_LARGE} | MN",
        flagged.len(),
    ));
}

#[test]
fn words_of_delete() {
    let more = long(251);
    let usage = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
    check(&format!(
        "delete a~ -> a Delete false
         delete a 0~ -> a Delete false
         delete a noreply~ -> a Delete true
         delete a 0 noreply~ -> a Delete true
         delete noreply~ -> noreply Delete false
         delete a 1~ -> {usage}
         delete a 0 0~ -> {usage}
         delete a 1 noreply~mn~ -> MN
         delete a 0 0 0~ -> ERROR
         delete~ -> ERROR
         delete {more}~ -> CLIENT_ERROR bad command line format
         delete {more} noreply~mn~ -> MN",
    ));
}

#[test]
fn words_of_incr_decr_and_touch() {
    let more = long(251);
    check(&format!(
        "incr a 5~ -> a Arithmetic 5 false false
         decr a 5 noreply~ -> a Arithmetic 5 true true
         incr a 18446744073709551615 x~ -> a Arithmetic 18446744073709551615 false false
         incr a~incr a 1 2 3~ -> ERROR | ERROR
         incr a -1~ -> CLIENT_ERROR invalid numeric delta argument
         incr a x~ -> CLIENT_ERROR invalid numeric delta argument
         decr a 18446744073709551616~ -> CLIENT_ERROR invalid numeric delta argument
         incr a noreply~mn~ -> MN
         incr {more} x~ -> CLIENT_ERROR bad command line format
         touch a 5~ -> a Touch 5 false
         touch a -5 noreply~ -> a Touch -5 true
         touch a~touch a 1 2 3~ -> ERROR | ERROR
         touch a x~ -> CLIENT_ERROR invalid exptime argument
         touch a noreply~mn~ -> MN
         touch {more} x~ -> CLIENT_ERROR bad command line format",
    ));
}

const TOO_LARGE: &str = "SERVER_ERROR object too large for cache";
