//! The example `chat` as a process, with clients of the standard library. Nothing here waits for
//! time to pass: what has happened is known by the lines that tell of it.

use std::net::TcpListener;
use std::thread;

use rustix::process::Signal;

use process::Chat;

mod client;
#[path = "../common/example.rs"]
mod example;
mod process;

#[test]
fn two_talk() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    let mut bob = chat.join("bob");
    ann.hears("* bob joined");
    ann.says("hello");
    bob.hears("ann: hello");
    bob.says("hello yourself\r");
    bob.says("");
    bob.says("and a good day");
    ann.hears("bob: hello yourself");
    ann.hears("bob: and a good day");
    bob.says("/quit");
    bob.says("a last word?");
    bob.hears("* goodbye");
    bob.hears_the_end();
    ann.hears("* bob left");
}

#[test]
fn commands() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    ann.says("/who");
    ann.hears("* here: ann");
    let _bob = chat.join("bob");
    ann.hears("* bob joined");
    ann.says(" /who ");
    ann.hears("* here: ann, bob");
    ann.says("/nick eve");
    ann.hears("* no such command: /who lists the members, /quit leaves");
}

#[test]
fn names_that_cannot_be_had() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    let mut other = chat.connect();
    other.hears("* what is your name?");
    let long = "n".repeat(25);
    for (name, why) in [
        ("ann", "that name is taken"),
        (" ann\x07\r", "that name is taken"),
        ("", "a name has one character at least"),
        (" \x1b ", "a name has one character at least"),
        (&long, "a name has 24 characters at most"),
        ("ann: hi", "a name has no ':' and does not begin with '*'"),
        (
            "* ann left",
            "a name has no ':' and does not begin with '*'",
        ),
    ] {
        other.says(name);
        let answer = other.line();
        assert!(answer.starts_with(&format!("* {why}")), "{name}: {answer}");
        assert!(answer.ends_with(": another name?"), "{name}: {answer}");
    }
    let long = "ñ".repeat(24);
    other.says(&long);
    other.is_welcome(&long);
    ann.hears(format!("* {long} joined"));
}

#[test]
fn name_of_one_who_left() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    for _ in 0..3 {
        let mut bob = chat.join("bob");
        ann.hears("* bob joined");
        bob.says("/quit");
        ann.hears("* bob left");
    }
}

#[test]
fn what_is_no_text() {
    let chat = Chat::start();
    let (mut ann, mut bob) = (chat.join("ann"), chat.join("bob"));
    bob.says("\x1b[31mred\x07\x7f\u{9b}2J\tand\0 so on");
    ann.hears("* bob joined");
    ann.hears("bob: [31mred2J\tand so on");
    bob.sends(b"caf\xe9 \xff\xfb\x01\n");
    ann.hears("bob: caf\u{fffd} \u{fffd}\u{fffd}");
}

/// As by `printf 'bob\nhi' | nc`.
#[test]
fn half_closed_leaves_after_its_lines() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    let mut bob = chat.connect();
    bob.sends(b"bob\nhi\nall of you");
    bob.half_closes();
    for line in ["* bob joined", "bob: hi", "bob: all of you", "* bob left"] {
        ann.hears(line);
    }
    bob.hears("* what is your name?");
    bob.is_welcome("bob");
    bob.hears_the_end();
}

#[test]
fn gone_without_a_name() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    let mut silent = chat.connect();
    silent.half_closes();
    silent.hears("* what is your name?");
    silent.hears_the_end();
    chat.connect().resets();
    ann.says("/who");
    ann.hears("* here: ann");
}

#[test]
fn reset_is_a_leave() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    for _ in 0..10 {
        let mut bob = chat.join("bob");
        bob.says("hi");
        ann.hears("* bob joined");
        ann.hears("bob: hi");
        bob.resets();
        ann.hears("* bob left");
    }
}

#[test]
fn longest_line() {
    let chat = Chat::start();
    let (mut ann, mut bob) = (chat.join("ann"), chat.join("bob"));
    ann.hears("* bob joined");
    let longest = "a".repeat(4095);
    bob.says(&longest);
    ann.hears(format!("bob: {longest}"));
    bob.says(longest + "a");
    bob.hears("* a line has 4096 bytes at most: goodbye");
    bob.hears_the_end();
    ann.hears("* bob left");
}

/// Much of which is still unread when it is refused: that must not reset the connection before the
/// client has seen why.
#[test]
fn line_without_an_end() {
    let chat = Chat::start();
    let mut ann = chat.join("ann");
    for is_member in [true, false] {
        let mut bob = if is_member {
            chat.join("bob")
        } else {
            chat.connect()
        };
        bob.sends(&vec![b'a'; 4 << 20]);
        if !is_member {
            bob.hears("* what is your name?");
        }
        bob.hears("* a line has 4096 bytes at most: goodbye");
        bob.hears_the_end();
    }
    ann.hears("* bob joined");
    ann.hears("* bob left");
}

/// All talk at once; one who says nothing hears the room's order, and the others hear the same one
/// without their own lines.
#[test]
fn many_hear_all_in_one_order() {
    const MEMBERS: usize = 50;
    const LINES: usize = 20;
    let chat = Chat::start();
    let mut witness = chat.join("witness");
    let mut members = Vec::new();
    for n in 0..MEMBERS {
        let name = format!("m{n}");
        let member = chat.join(&name);
        for earlier in members.iter_mut().chain([&mut witness]) {
            earlier.hears(format!("* {name} joined"));
        }
        members.push(member);
    }
    let talking = members.into_iter().map(|mut member| {
        thread::spawn(move || {
            for line in 0..LINES {
                member.says(format!("line {line}"));
            }
            let heard = (0..(MEMBERS - 1) * LINES).map(|_| member.line());
            let heard: Vec<_> = heard.collect();
            (member, heard)
        })
    });
    let talking: Vec<_> = talking.collect();
    let order: Vec<_> = (0..MEMBERS * LINES).map(|_| witness.line()).collect();
    for n in 0..MEMBERS {
        let said = (0..LINES).map(|line| format!("m{n}: line {line}"));
        let heard = order.iter().filter(|line| is_of(line, n));
        assert!(heard.eq(&said.collect::<Vec<_>>()), "m{n}: {order:?}");
    }
    let talked = talking.into_iter().map(|member| member.join());
    let mut talked: Vec<_> = talked.map(|member| member.expect("no panic")).collect();
    for (n, (member, heard)) in talked.iter_mut().enumerate() {
        let others = order.iter().filter(|line| !is_of(line, n));
        assert!(others.eq(&*heard), "m{n} heard {heard:?}\nof {order:?}");
        member.says("/who");
        let next = member.line();
        assert!(next.starts_with("* here: witness, m0, m1, "), "{next}");
    }
}

fn is_of(line: &str, n: usize) -> bool {
    line.starts_with(&format!("m{n}: "))
}

#[test]
fn who_never_reads_is_put_out() {
    let chat = Chat::start();
    let (mut ann, mut bob) = (chat.join("ann"), chat.join("bob"));
    ann.hears("* bob joined");
    let mut sloth = chat.connect_with_little_memory();
    sloth.says("sloth");
    for member in [&mut ann, &mut bob] {
        member.hears("* sloth joined");
    }
    let filler = "z".repeat(4000);
    let mut said = 0;
    // In step with the one who listens, who therefore is never slow.
    loop {
        assert!(said < 100_000, "all that is kept for somebody");
        ann.says(format!("{said} {filler}"));
        let line = bob.line();
        if line == "* sloth reads too slowly and is out" {
            break;
        }
        assert_eq!(line, format!("ann: {said} {filler}"));
        said += 1;
    }
    ann.hears("* sloth reads too slowly and is out");
    sloth.hears("* what is your name?");
    sloth.is_welcome("sloth");
    for line in 0.. {
        match sloth.try_line() {
            Some(heard) => assert_eq!(heard, format!("ann: {line} {filler}")),
            None => {
                assert!(said - line >= 1024, "the connection went with its queue");
                break;
            }
        }
    }
    ann.says("/who");
    ann.hears("* here: ann, bob");
}

/// More lines than a queue holds, faster than anybody types them.
#[test]
fn whole_book_at_once_puts_nobody_out() {
    const LINES: usize = 1500;
    let chat = Chat::start();
    let (mut ann, mut bob) = (chat.join("ann"), chat.join("bob"));
    ann.hears("* bob joined");
    let book: String = (0..LINES).map(|line| format!("{line}\n")).collect();
    ann.sends(book.as_bytes());
    ann.half_closes();
    for line in 0..LINES {
        bob.hears(format!("ann: {line}"));
    }
    bob.hears("* ann left");
}

#[test]
fn signal_says_goodbye() {
    for signal in [Signal::TERM, Signal::INT] {
        let chat = Chat::start();
        let mut members: Vec<_> = (0..10).map(|n| chat.join(&format!("m{n}"))).collect();
        let _unnamed = chat.connect();
        assert_eq!(chat.end(signal).code(), Some(0));
        for (n, member) in members.iter_mut().enumerate() {
            for later in n + 1..10 {
                member.hears(format!("* m{later} joined"));
            }
            member.hears("* the room closes: goodbye");
            member.hears_the_end();
        }
    }
}

#[test]
fn signal_as_soon_as_it_listens() {
    for _ in 0..5 {
        assert_eq!(Chat::start().end(Signal::TERM).code(), Some(0));
    }
}

/// What is queued for it may never be written, and the chat ends all the same.
#[test]
fn signal_while_one_does_not_read() {
    const LINES: usize = 900;
    let chat = Chat::start();
    let (mut ann, mut bob) = (chat.join("ann"), chat.join("bob"));
    ann.hears("* bob joined");
    let mut sloth = chat.connect_with_little_memory();
    sloth.says("sloth");
    bob.hears("* sloth joined");
    let filler = "z".repeat(4000);
    for line in 0..LINES {
        ann.says(format!("{line} {filler}"));
        bob.hears(format!("ann: {line} {filler}"));
    }
    assert_eq!(chat.end(Signal::TERM).code(), Some(0));
    bob.hears("* the room closes: goodbye");
    bob.hears_the_end();
}

#[test]
fn port_in_use() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let chat = Chat::start();
    for taken in [other.local_addr().expect("it listens"), chat.address] {
        let message = Chat::fails(&taken.to_string());
        let expected = format!("chat: cannot listen on {taken}: Address already in use");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn no_address() {
    let message = Chat::fails("nowhere");
    assert!(message.contains("\"nowhere\" is no address"), "{message}");
}
