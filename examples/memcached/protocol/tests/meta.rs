use super::*;
use crate::request::Options;

#[test]
fn keys_and_flags() {
    let opaque = format!("O{}", long(31));
    check(&format!(
        "mg a~ -> a Get []
         mg a t  v Oabc ~ -> a Get [t  v Oabc]
         mg YQ== b k v~ -> a Get [b k v]
         mg a Mx sfoo~ -> a Get [Mx sfoo]
         mg a {opaque}~ -> a Get [{opaque}]
         md a MX q~ -> a Delete [MX q]
         ma a~ -> a Arithmetic false []
         ma a MI~ma a M+~ -> a Arithmetic false [MI] | a Arithmetic false [M+]
         ma a MD N0 J5~ma a M-~ -> a Arithmetic true [MD N0 J5] | a Arithmetic true [M-]
         me a x b~ -> a Debug [x b]
         me YQ== b~me YQ== bb~ -> a Debug [b] | YQ== Debug [bb]",
    ));
}

#[test]
fn modes_of_ms() {
    check(
        "ms a 2~ab~ -> a Set ab []
         ms a 2 c q~ab~ -> a Set ab [c q]
         ms a 2 ME~ab~ -> a Add ab [ME]
         ms a 2 MS C7 I~ab~ -> a Cas(7) ab [MS C7 I]
         ms a 2 MR C7~ab~ -> a Cas(7) ab [MR C7]
         ms a 2 MR~ab~ -> a Replace ab [MR]
         ms a 2 MA C7~ab~ -> a Append ab [MA C7]
         ms a 2 MP~ab~ -> a Prepend ab [MP]
         ms YQ== 2 b k~ab~ -> a Set ab [b k]",
    );
}

#[test]
fn what_flags_say() {
    let said = options(b"mg YQ== q bfoo I T5 N-1 R4294967297 C7 F8 D9 J10\r\n");
    let expected = Options {
        is_quiet: true,
        is_base64: true,
        invalidates: true,
        expires: Some(5),
        vivify: Some(-1),
        recache: Some(1),
        compare_cas: Some(7),
        client_flags: Some(8),
        delta: Some(9),
        initial: Some(10),
    };
    assert_eq!(said, expected);
    assert_eq!(options(b"mg a s t v\r\n"), Options::default());
}

fn options(line: &[u8]) -> Options {
    let mut pieces = Vec::new();
    let mut decoder = Decoder::new(Limits { item_max: ITEM_MAX });
    let progress = decoder.decode(line, 0, &mut pieces);
    assert_eq!(progress, Progress::Took(line.len()));
    match pieces.pop() {
        Some(Piece::Request(Request {
            action: Action::Meta(meta),
            ..
        })) => meta.options,
        other => panic!("no meta command: {other:?}"),
    }
}

#[test]
fn lines_that_are_refused_whole() {
    let (key, few, many) = (long(251), "z ".repeat(17), "z ".repeat(18));
    check(&format!(
        "mg~ms~md~ma~ -> ERROR | ERROR | ERROR | ERROR
         me~ -> CLIENT_ERROR bad command line format
         me a b~ -> CLIENT_ERROR bad command line format
         mg {key}~ -> CLIENT_ERROR bad command line format
         ms {key} 2~mn~ -> CLIENT_ERROR bad command line format | MN
         md {key}~ -> CLIENT_ERROR bad command line format
         ma {key}~ -> CLIENT_ERROR bad command line format
         me {key}~ -> CLIENT_ERROR bad command line format
         mg a {few}~ -> CLIENT_ERROR invalid flag
         mg a {many}~ -> CLIENT_ERROR options flags are too long
         md a {many}~ -> CLIENT_ERROR options flags too long
         ma a {many}~ -> CLIENT_ERROR options flags too long
         ms a 2 {few}~mn~ -> CLIENT_ERROR options flags too long | MN
         ms a~mn~ -> CLIENT_ERROR bad command line format | MN
         ms a x~mn~ -> CLIENT_ERROR bad command line format | MN
         ms a -1~mn~ -> CLIENT_ERROR bad command line format | MN
         ms a 2147483646~mn~ -> CLIENT_ERROR bad command line format | MN",
    ));
}

#[test]
fn flags_that_are_refused() {
    let opaque = format!("O{}", long(32));
    check(&format!(
        "mg a !~ -> CLIENT_ERROR invalid flag
         mg a s s~mg a \x7f~ -> CLIENT_ERROR duplicate flag | CLIENT_ERROR duplicate flag
         mg a b~ -> CLIENT_ERROR error decoding key
         mg A=== b~ -> CLIENT_ERROR error decoding key
         mg a Mxx~ -> CLIENT_ERROR incorrect length for M token
         mg a T~ -> CLIENT_ERROR bad token in command line format
         mg a Nx~ -> CLIENT_ERROR bad token in command line format
         mg a R-~ -> CLIENT_ERROR bad token in command line format
         mg a C~ -> CLIENT_ERROR bad token in command line format
         mg a Dx~ -> CLIENT_ERROR invalid numeric delta value
         mg a Jx~ -> CLIENT_ERROR invalid numeric initial value
         mg a F~ -> CLIENT_ERROR bad command line format
         mg a Tx Fx~ -> CLIENT_ERROR bad token in command line format
         mg a Fx Tx~ -> CLIENT_ERROR bad token in command line format
         mg a Tx Jx~ -> CLIENT_ERROR invalid numeric initial value
         mg a Tx !~ -> CLIENT_ERROR invalid flag
         md a q {opaque}~ -> CLIENT_ERROR opaque token too long
         md a !~ -> CLIENT_ERROR invalid or duplicate flag
         md a s s~ -> CLIENT_ERROR invalid or duplicate flag
         md a Tx~ -> CLIENT_ERROR invalid or duplicate flag
         ma a MXX~ -> CLIENT_ERROR invalid or duplicate flag
         ma a MX~ -> CLIENT_ERROR invalid mode for ma M token",
    ));
    assert_eq!(told(b"mg a \xff\r\n"), ["CLIENT_ERROR duplicate flag"]);
}

/// Once the length is known, the value goes with them.
#[test]
fn flags_of_ms_that_are_refused() {
    let opaque = format!("O{}", long(32));
    check(&format!(
        "ms a 2 !~ab~mn~ -> CLIENT_ERROR invalid flag | MN
         ms a 2 c c~ab~mn~ -> CLIENT_ERROR duplicate flag | MN
         ms a 2 q F-1~ab~mn~ -> CLIENT_ERROR bad command line format | MN
         ms a 2 Ms~ab~mn~ -> CLIENT_ERROR invalid mode for ms M token | MN
         ms a 2 b~ab~mn~ -> CLIENT_ERROR error decoding key | MN
         ms a 2 {opaque}~ab~mn~ -> CLIENT_ERROR opaque token too long | MN
         ms a 2 {opaque} MX~ab~mn~ -> CLIENT_ERROR invalid mode for ms M token | MN",
    ));
}
