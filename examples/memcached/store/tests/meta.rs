//! Answers to meta commands, as memcached 1.6.18 gave them to the same. `|` stands for the end of a
//! line.

use super::server::Server;

#[test]
fn mg_of_a_miss_and_of_flags_on_a_hit() {
    let mut server = Server::new();
    server.says("mg a v k O1 t", "EN ka O1");
    server.says("mg a q", "");
    server.says("set a 5 100 3|abc", "STORED");
    server.says("mg a", "HD");
    server.says("mg a v", "VA 3|abc");
    server.says(
        "mg a s t c f k O12 h l v",
        "VA 3 s3 t100 c1 f5 ka O12 h1 l0|abc",
    );
    server.says("mg a h l", "HD h1 l0");
    server.says("mg a q v", "VA 3|abc");
    server.says("mg a T200 t", "HD t200");
    server.says("mg a t T300", "HD t200");
    server.says("mg a t", "HD t300");
    server.says("mg a T0 t", "HD t-1");
    server.says("mg a T-1 s", "HD s3");
    server.says("mg a", "EN");
}

#[test]
fn mg_counts_fetches_and_last_access() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.tick(2);
    server.says("mg a u h l", "HD h0 l2");
    server.says("mg a h l", "HD h0 l2");
    server.says("mg a h l", "HD h1 l2");
    server.tick(2);
    server.says("mg a h l", "HD h1 l2");
    server.says("me a", "ME a exp=-1 la=2 cas=1 fetch=yes cls=1 size=61");
}

#[test]
fn mg_vivifies_and_wins() {
    let mut server = Server::new();
    server.says("mg a N30 t c v", "VA 0 t30 c1 W|");
    server.says("mg a N30 t c v", "VA 0 t30 c1 Z|");
    server.says("mg a N30 R60 t", "HD t30 Z");
    server.says("ms a 2 T100|hi", "HD");
    server.says("mg a R30", "HD");
    server.says("mg a R200 t", "HD t100 W");
    server.says("mg a R200 t", "HD t100 Z");
    server.says("mg a R-1", "HD Z");
    server.says("ms b 1|x", "HD");
    server.says("mg b R100", "HD");
}

#[test]
fn stale_items_are_won_once() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.says("md a I T30", "HD");
    server.says("mg a t c v", "VA 1 t30 c2 X W|x");
    server.says("mg a t c v", "VA 1 t30 c2 Z X|x");
    server.says("md a I", "HD");
    server.says("mg a c", "HD c3 X W");
    server.says("mg a c q", "HD c3 Z X");
    server.says("ms a 2 C1 I c T90|hi", "HD c4");
    server.says("mg a c t v", "VA 2 c4 t30 Z X|hi");
    server.says("ms a 2 C77 I c k|hi", "EX c0 ka");
    server.says("ms a 2 C4 c|yo", "HD c5");
    server.says("mg a c t v", "VA 2 c5 t-1|yo");
    server.says("ms a 2 C4|no", "EX");
    server.says("md a C4 q", "EX");
    server.says("md a C5 q", "");
    server.says("mg a", "EN");
}

#[test]
fn ms_of_every_mode() {
    let mut server = Server::new();
    server.says("ms a 1 MR k c|x", "NS ka c0");
    server.says("ms a 1 MA|x", "NS");
    server.says("ms a 1 MP|x", "NS");
    server.says("ms a 1 ME c O1 k|x", "HD c1 O1 ka");
    server.says("ms a 1 ME c O1 k|y", "NS c0 O1 ka");
    server.says("ms a 1 MA c|y", "HD c2");
    server.says("ms a 1 MP c F9|z", "HD c3");
    server.says("ms a 1 MR c F9|w", "HD c4");
    server.says("ms a 1 MS c F8 T20|v", "HD c5");
    server.says("mg a v f t", "VA 1 f8 t20|v");
    server.says("ms a 2 MA C1 c|no", "EX c0");
    server.says("ms a 2 MA C5 c|ok", "HD c6");
    server.says("ms a 2 ME C6|no", "NS");
    server.says("ms a 2 MR C5|no", "EX");
    server.says("ms a 2 MR C6 c|ok", "HD c7");
    server.says("ms b 2 C5 c|no", "NF c0");
    server.says("ms a 1 C0|n", "EX");
    server.says("ms a 1 q k|n", "");
    server.says("ms a 1 ME q k|n", "NS ka");
    server.says("mg a v f t", "VA 1 f0 t-1|n");
}

#[test]
fn md_of_every_outcome() {
    let mut server = Server::new();
    server.says("md a", "NF");
    server.says("md a q k O3", "NF ka O3");
    server.says("set a 0 0 1|x", "STORED");
    server.says("md a C5 k", "EX ka");
    server.says("md a C5 q", "EX");
    server.says("md a C1 k O3", "HD ka O3");
    server.says("set a 0 0 1|x", "STORED");
    server.says("md a q O3", "");
    server.says("mg a", "EN");
    server.says("set a 0 0 1|x", "STORED");
    server.says("md a I q", "");
    server.says("mg a c", "HD c4 X W");
}

#[test]
fn ma_of_every_outcome() {
    let mut server = Server::new();
    server.says("ma a", "NF");
    server.says("ma a q k O5", "NF ka O5");
    server.says("ma a N0 J13 v", "VA 2|13");
    server.says("ma a N0 J13 v t c k O9", "VA 2 t-1 c2 ka O9|14");
    server.says("ma a D30 v", "VA 2|44");
    server.says("ma a MD D3 v", "VA 2|41");
    server.says("ma a MD D100 v t c", "VA 1 t-1 c5|0");
    server.says("mg a v", "VA 2|0 ");
    server.says("ma a q", "");
    server.says("ma a q v", "");
    server.says("ma a C1 v", "EX");
    server.says("ma a C7 v", "VA 1|3");
    server.says("ma a C8 v", "VA 1|4");
    server.says("ma a T50 t v", "VA 1 t50|5");
    server.says("mg a t", "HD t50");
    server.says("ma b N90 t J5", "HD t90");
    server.says("ma b N90 q", "");
    server.says("mg b t v", "VA 1 t90|6");
    server.says("ma c N90 q", "HD");
    server.says("ma c N90 t q", "");
    server.says("mg c t v", "VA 1 t90|1");
    server.says("set d 0 0 1|x", "STORED");
    server.says(
        "ma d",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
    server.says(
        "ma d q k O1",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
}

#[test]
fn base64_keys() {
    let mut server = Server::new();
    server.says("ms Zm9v 2 b k c O9|hi", "HD kZm9v b c1 O9");
    server.says("mg Zm9v b k v", "VA 2 kZm9v b|hi");
    server.says("mg foo k v", "VA 2 kZm9v b|hi");
    server.says(
        "me Zm9v b",
        "ME Zm9v exp=-1 la=0 cas=1 fetch=yes cls=1 size=64",
    );
    server.says(
        "me foo",
        "ME Zm9v exp=-1 la=0 cas=1 fetch=yes cls=1 size=64",
    );
    server.says("append foo 0 0 1|x", "STORED");
    server.says("mg Zm9v b k v", "VA 3 kfoo|hix");
    server.says("mg bWlzcw== k O5 b", "EN kbWlzcw== b O5");
    server.says("mg bWlzcw== k N50 b t", "HD kmiss t50 W");
    server.says("mg bWlzcw== k b", "HD kmiss Z");
    server.says("ma bjE= N0 b k", "HD kbjE= b");
    server.says("ma bjE= b k v", "VA 1 kbjE= b|1");
    server.says("md bjE= b k", "HD kbjE= b");
    server.says("md bjE= b k q", "NF kbjE= b");
}

#[test]
fn me_tells_of_items() {
    let mut server = Server::new();
    server.says("me a", "EN");
    server.says("set a 0 0 2|10", "STORED");
    server.says("me a", "ME a exp=-1 la=0 cas=1 fetch=no cls=1 size=62");
    server.says("set a 5 0 2|10", "STORED");
    server.says("me a", "ME a exp=-1 la=0 cas=2 fetch=no cls=1 size=66");
    server.says("get a", "VALUE a 5 2|10|END");
    server.says("me a", "ME a exp=-1 la=0 cas=2 fetch=yes cls=1 size=66");
    server.says("set a 5 100 200|01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "STORED");
    server.tick(2);
    server.says("me a", "ME a exp=-98 la=2 cas=3 fetch=no cls=6 size=264");
    server.says("add a 0 0 1|x", "NOT_STORED");
    server.says("me a", "ME a exp=-98 la=0 cas=3 fetch=no cls=6 size=264");
    server.says(
        "incr a 1",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
    server.says("touch a 10", "TOUCHED");
    server.says("me a", "ME a exp=-10 la=0 cas=3 fetch=yes cls=6 size=264");
}

#[test]
fn marks_are_lost_and_kept() {
    let mut server = Server::new();
    server.says("set n 0 0 2|10", "STORED");
    server.says("md n I", "HD");
    server.says("mg n", "HD X W");
    server.says("incr n 1", "11");
    server.says("mg n c", "HD c3 Z X");
    server.says("append n 0 0 1|1", "STORED");
    server.says("mg n c h", "HD c4 h0");
    server.says("md n I", "HD");
    server.says("set n 0 0 1|9", "STORED");
    server.says("mg n c", "HD c6");
    server.says("md n I", "HD");
    server.says("incr n 1", "10");
    server.says("mg n c v", "VA 2 c8|10");
}

#[test]
fn opaque_tokens_that_are_too_long() {
    let mut server = Server::new();
    server.says(
        "mg a O123456789012345678901234567890123",
        "CLIENT_ERROR opaque token too long",
    );
    server.says(
        "mg a q O123456789012345678901234567890123",
        "CLIENT_ERROR opaque token too long",
    );
    server.says("set a 0 0 1|7", "STORED");
    server.says(
        "mg a T50 O123456789012345678901234567890123",
        "CLIENT_ERROR opaque token too long",
    );
    server.says(
        "mg a t O12345678901234567890123456789012",
        "CLIENT_ERROR opaque token too long",
    );
    server.says(
        "mg a t O1234567890123456789012345678901",
        "HD t50 O1234567890123456789012345678901",
    );
    server.says(
        "ma a q O123456789012345678901234567890123",
        "CLIENT_ERROR opaque token too long",
    );
    server.says(
        "ma b q O123456789012345678901234567890123",
        "CLIENT_ERROR opaque token too long",
    );
    server.says(
        "ma a v C1 O123456789012345678901234567890123",
        "CLIENT_ERROR opaque token too long",
    );
    server.says("mg a v", "VA 1|8");
}
