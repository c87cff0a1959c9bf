use super::*;

#[test]
fn what_is_asked_of_the_server() {
    check(
        "version foo~ -> Version
         stats~ -> Stats []
         stats  detail  on ~ -> Stats [detail  on]
         flush_all~ -> FlushAll 0 false
         flush_all 5 foo~ -> FlushAll 5 false
         flush_all -5~ -> FlushAll -5 false
         flush_all noreply~ -> FlushAll 0 true
         flush_all 5 noreply~ -> FlushAll 5 true
         flush_all x~ -> CLIENT_ERROR invalid exptime argument
         flush_all noreply 5~ -> CLIENT_ERROR invalid exptime argument
         flush_all x noreply~mn~ -> MN
         flush_all 0 0 0~ -> ERROR
         version~quit foo~mn~ -> Version | Close",
    );
}

#[test]
fn knobs_of_the_server() {
    check(
        "verbosity 1~verbosity 1 foo~ -> OK | OK
         verbosity~verbosity 1 2 3~ -> ERROR | ERROR
         verbosity x~ -> CLIENT_ERROR bad command line format
         verbosity noreply~verbosity 0 noreply~mn~ -> MN
         shutdown~ -> ERROR: shutdown not enabled
         refresh_certs noreply~ -> Error TLS not enabled
         watch~ -> CLIENT_ERROR watch commands not allowed
         debugtime 1~misbehave~ -> ERROR | ERROR
         cache_memlimit~cache_memlimit x~ -> ERROR | ERROR
         cache_memlimit 7~ -> MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m
         cache_memlimit 2000000000~ -> MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes
         cache_memlimit 64~ -> LimitMemory 64 false
         cache_memlimit 64 noreply~mn~ -> LimitMemory 64 true | MN
         extstore~extstore foo 5~extstore item_age 5~ -> ERROR | ERROR | OK",
    );
}

#[test]
fn knobs_of_the_memory() {
    check(
        "slabs~slabs automove~ -> ERROR | ERROR
         slabs reassign 1 1~ -> SAME src and dst class are identical
         slabs reassign 1 2~ -> NOSPARE source class has no spare pages
         slabs reassign -1 2~ -> BADCLASS invalid src or dst class id
         slabs reassign 39 40~ -> BADCLASS invalid src or dst class id
         slabs reassign a 1~ -> CLIENT_ERROR bad command line format
         slabs automove 1~slabs automove 3~ -> OK | ERROR
         slabs automove x~ -> CLIENT_ERROR bad command line format
         slabs automove ratio 0.5~slabs automove ratio~ -> OK | ERROR
         slabs automove 1 noreply~mn~ -> MN
         lru~lru x~lru tune 10 20~ -> ERROR | ERROR | ERROR
         lru tune 10 20 0.1 2.0~ -> OK
         lru tune 10 80 0.1 2.0~ -> ERROR hot and warm pcts must not exceed 80
         lru tune 10 20 0 2.0~ -> ERROR hot/warm age factors must be greater than 0
         lru mode flat~lru mode x~lru temp_ttl -5~ -> OK | ERROR | OK
         lru_crawler~lru_crawler sleep~ -> ERROR | ERROR
         lru_crawler enable~ -> ERROR failed to start lru crawler thread
         lru_crawler disable~lru_crawler tocrawl 5~ -> OK | OK
         lru_crawler crawl all~lru_crawler crawl 1,2~ -> OK | OK
         lru_crawler crawl 99~ -> BADCLASS invalid class id
         lru_crawler sleep 5~ -> OK
         lru_crawler sleep 50000000~ -> CLIENT_ERROR sleep must be one second or less
         lru_crawler metadump all~ -> ERROR metadump not allowed",
    );
}

#[test]
fn what_is_no_command() {
    check(
        "~ ~\0~ -> ERROR | ERROR | ERROR
         m~mx~MN~auth a b~ -> ERROR | ERROR | ERROR | ERROR
         mn\r~mn ~ -> ERROR | MN
         mn foo~ -> MN
         GET / HTTP/1.1~mn~ -> Close
         POST HTTP/~ -> Close
         HTTP/1.1~ -> Close
         mxy HTTP/1.1~ -> Close
         x HTTP/1.1 y~ -> ERROR
         delay HTTP/1.1~mx HTTP/1.1~ -> ERROR | ERROR",
    );
    assert_eq!(told(b"\nmn\n"), ["ERROR", "MN"]);
}

#[test]
fn the_binary_protocol() {
    assert_eq!(told(b"\x80\r\nmn\r\n"), ["Close"]);
    assert_eq!(told(b"mn\r\n\x80\r\nmn\r\n"), ["MN", "ERROR", "MN"]);
}
