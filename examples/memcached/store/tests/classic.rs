//! Answers to classic commands, as memcached 1.6.18 gave them to the same. `|` stands for the end
//! of a line.

use super::server::Server;

#[test]
fn get_and_gets_of_hits_and_misses() {
    let mut server = Server::new();
    server.says("set a 5 0 3|abc", "STORED");
    server.says("get a", "VALUE a 5 3|abc|END");
    server.says("gets a", "VALUE a 5 3 1|abc|END");
    server.says("get b", "END");
    server.says("gets b", "END");
    server.says("set empty 0 0 0|", "STORED");
    server.says("get empty", "VALUE empty 0 0||END");
}

#[test]
fn set_takes_a_cas_id_each_time() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.says("set a 0 0 1|y", "STORED");
    server.says("set b 0 0 1 noreply|z", "");
    server.says("gets a", "VALUE a 0 1 2|y|END");
    server.says("gets b", "VALUE b 0 1 3|z|END");
}

#[test]
fn add_replace_and_quiet_ones() {
    let mut server = Server::new();
    server.says("add a 1 0 1|x", "STORED");
    server.says("add a 2 0 1|y", "NOT_STORED");
    server.says("gets a", "VALUE a 1 1 1|x|END");
    server.says("replace a 3 0 2|yy", "STORED");
    server.says("replace b 3 0 2|yy", "NOT_STORED");
    server.says("gets a", "VALUE a 3 2 2|yy|END");
    server.says("gets b", "END");
    server.says("set b 0 0 1|z", "STORED");
    server.says("set b 0 0 1 noreply|u", "");
    server.says("add b 0 0 1 noreply|v", "");
    server.says("replace b 0 0 1 noreply|w", "");
    server.says("gets b", "VALUE b 0 1 5|w|END");
}

#[test]
fn append_and_prepend_keep_flags_and_deadline() {
    let mut server = Server::new();
    server.says("append a 0 0 1|x", "NOT_STORED");
    server.says("prepend a 0 0 1|x", "NOT_STORED");
    server.says("set a 7 50 3|abc", "STORED");
    server.says("append a 9 0 2|de", "STORED");
    server.says("prepend a 9 900 1|-", "STORED");
    server.says("gets a", "VALUE a 7 6 3|-abcde|END");
    server.says("mg a t f", "HD t50 f7");
    server.says(
        "append a 0 0 40|0123456789012345678901234567890123456789",
        "STORED",
    );
    server.says(
        "get a",
        "VALUE a 7 46|-abcde0123456789012345678901234567890123456789|END",
    );
}

#[test]
fn cas_of_every_outcome() {
    let mut server = Server::new();
    server.says("cas a 0 0 1 1|x", "NOT_FOUND");
    server.says("set a 0 0 1|x", "STORED");
    server.says("cas a 0 0 1 1|y", "STORED");
    server.says("cas a 0 0 1 1|z", "EXISTS");
    server.says("cas a 0 0 1 0|z", "EXISTS");
    server.says("gets a", "VALUE a 0 1 2|y|END");
    server.says("cas a 0 0 1 2 noreply|q", "");
    server.says("gets a", "VALUE a 0 1 3|q|END");
}

#[test]
fn delete_once() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.says("delete a", "DELETED");
    server.says("delete a", "NOT_FOUND");
    server.says("get a", "END");
    server.says("set a 0 0 1|x", "STORED");
    server.says("delete a noreply", "");
    server.says("delete a noreply", "");
    server.says("get a", "END");
}

#[test]
fn incr_and_decr() {
    let mut server = Server::new();
    server.says("incr n 1", "NOT_FOUND");
    server.says("decr n 1", "NOT_FOUND");
    server.says("set n 3 0 2|10", "STORED");
    server.says("incr n 5", "15");
    server.says("decr n 6", "9");
    server.says("gets n", "VALUE n 3 2 3|9 |END");
    server.says("incr n 90", "99");
    server.says("incr n 1", "100");
    server.says("gets n", "VALUE n 3 3 5|100|END");
    server.says("decr n 1000", "0");
    server.says("gets n", "VALUE n 3 3 6|0  |END");
    server.says("incr n 18446744073709551615", "18446744073709551615");
    server.says("incr n 1", "0");
    server.says("gets n", "VALUE n 3 20 8|0                   |END");
    server.says("incr n 7 noreply", "");
    server.says("gets n", "VALUE n 3 20 9|7                   |END");
}

#[test]
fn incr_of_what_is_no_number() {
    let mut server = Server::new();
    server.says("set n 0 0 3|abc", "STORED");
    server.says(
        "incr n 1",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
    server.says(
        "decr n 1",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
    server.says("incr n 1 noreply", "");
    server.says("set n 0 0 0|", "STORED");
    server.says(
        "incr n 1",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
    server.says("set n 0 0 2|-1", "STORED");
    server.says(
        "incr n 1",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
    server.says("set n 0 0 20|18446744073709551616", "STORED");
    server.says(
        "incr n 1",
        "CLIENT_ERROR cannot increment or decrement non-numeric value",
    );
    server.says("set n 0 0 20|18446744073709551615", "STORED");
    server.says("incr n 1", "0");
    server.says("gets n", "VALUE n 0 20 6|0                   |END");
    server.says("set n 0 0 24|000000000000000000000012", "STORED");
    server.says("incr n 1", "13");
    server.says("get n", "VALUE n 0 24|13                      |END");
    server.says("set n 0 0 6|12 abc", "STORED");
    server.says("decr n 3", "9");
    server.says("get n", "VALUE n 0 6|9     |END");
    server.says("set n 0 0 5|  +07", "STORED");
    server.says("incr n 1", "8");
    server.says("get n", "VALUE n 0 5|8    |END");
    server.says("gets n", "VALUE n 0 5 12|8    |END");
}

#[test]
fn incr_of_a_longer_number_is_a_new_item() {
    let mut server = Server::new();
    server.says("mg n N0", "HD W");
    server.says("ms n 1 T40 F5|9", "HD");
    server.says("mg n", "HD");
    server.says("incr n 1", "10");
    server.says("mg n s t f h c v", "VA 2 s2 t40 f5 h0 c3|10");
    server.says("set n 0 40 1|9", "STORED");
    server.says("ma n T900 t v c", "VA 2 t900 c5|10");
    server.says("mg n t c v", "VA 2 t40 c5|10");
}

#[test]
fn touch_and_gat() {
    let mut server = Server::new();
    server.says("touch a 10", "NOT_FOUND");
    server.says("gat 10 a", "END");
    server.says("set a 1 0 1|x", "STORED");
    server.says("touch a 10", "TOUCHED");
    server.says("mg a t", "HD t10");
    server.says("gat 20 a", "VALUE a 1 1|x|END");
    server.says("gats 30 a", "VALUE a 1 1 1|x|END");
    server.says("mg a t h", "HD t30 h1");
    server.says("touch a 0 noreply", "");
    server.says("mg a t", "HD t-1");
    server.says("touch a -1", "TOUCHED");
    server.says("get a", "END");
}

#[test]
fn deadlines() {
    let mut server = Server::new();
    server.says("set a 0 1 1|x", "STORED");
    server.says("set b 0 -1 1|y", "STORED");
    server.says("set c 0 2592001 1|z", "STORED");
    server.says("set d 0 3 1|w", "STORED");
    server.says("get a", "VALUE a 0 1|x|END");
    server.says("get b", "END");
    server.says("get c", "END");
    server.tick(1);
    server.says("get a", "END");
    server.says("get d", "VALUE d 0 1|w|END");
    server.says("add a 0 0 1|v", "STORED");
    server.says("touch d 0", "TOUCHED");
    server.tick(3);
    server.says("get d", "VALUE d 0 1|w|END");
}

#[test]
fn flush_all_at_once_ends_the_same_second_up_to_it() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.says("flush_all", "OK");
    server.says("get a", "END");
    server.says("set b 0 0 1|y", "STORED");
    server.says("gets b", "VALUE b 0 1 3|y|END");
    server.says("flush_all noreply", "");
    server.says("set c 0 0 1|z", "STORED");
    server.says("get b", "END");
    server.says("gets c", "VALUE c 0 1 5|z|END");
    server.tick(1);
    server.says("get c", "VALUE c 0 1|z|END");
}

#[test]
fn flush_all_later() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.says("flush_all 2", "OK");
    server.says("get a", "VALUE a 0 1|x|END");
    server.says("set b 0 0 1|y", "STORED");
    server.tick(1);
    server.says("get a", "END");
    server.says("gets b", "END");
    server.tick(1);
    server.says("get a", "END");
    server.says("get b", "END");
    server.says("set c 0 0 1|z", "STORED");
    server.says("gets c", "VALUE c 0 1 3|z|END");
}

#[test]
fn flush_all_later_takes_back_an_earlier_one() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.says("set b 0 0 1|x", "STORED");
    server.says("flush_all", "OK");
    server.says("get b", "END");
    server.says("flush_all 100", "OK");
    server.says("get a", "VALUE a 0 1|x|END");
}

#[test]
fn flush_all_in_a_second_ends_what_is_stored_in_this_one() {
    let mut server = Server::new();
    server.says("flush_all 1", "OK");
    server.says("set a 0 0 1|x", "STORED");
    server.says("get a", "END");
    server.tick(1);
    server.says("get a", "END");
    server.says("set b 0 0 1|x", "STORED");
    server.says("gets b", "VALUE b 0 1 3|x|END");
    server.says("get b", "VALUE b 0 1|x|END");
}

#[test]
fn add_notes_an_item_as_used() {
    let mut server = Server::new();
    server.says("set a 0 0 1|x", "STORED");
    server.tick(2);
    server.says("add a 0 0 1|y", "NOT_STORED");
    server.says("me a", "ME a exp=-1 la=0 cas=1 fetch=no cls=1 size=61");
    server.tick(1);
    server.says("flush_all", "OK");
    server.says("get a", "END");
}
