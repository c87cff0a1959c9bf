"""Runs the calls of pymemcache on two servers and compares what they return or raise."""

import argparse
import datetime
import sys

from pymemcache import serde
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient

from servers import Failure, Server


class Both:
    """A client of each server; a call is made on both, and their outcomes are the same."""

    def __init__(self, connect, servers):
        self.clients = [connect(("127.0.0.1", server.port)) for server in servers]
        self.calls = 0

    def __getattr__(self, name):
        def call(*args, **options):
            outcomes = [outcome(client, name, args, options) for client in self.clients]
            self.calls += 1
            forms = [FORMS.get(name, lambda result: result)(outcome) for outcome in outcomes]
            if forms[0] != forms[1]:
                raise Failure(f"{name}{args!r}{options or ''}: ours {forms[0]!r:.300}, "
                              f"memcached {forms[1]!r:.300}")
            return outcomes[1]

        return call

    def close(self):
        for client in self.clients:
            client.close()


def outcome(client, name, args, options):
    try:
        return getattr(client, name)(*args, **options)
    except AttributeError:
        raise
    except Exception as error:  # whatever else a client raises is an outcome
        return f"{type(error).__name__}: {error}"


# What may differ in what they say of themselves.
FORMS = {
    "stats": lambda stats: sorted(map(str, stats)) if isinstance(stats, dict) else stats,
    "version": type,
}


def single_calls(both):
    both.flush_all(noreply=False)
    both.version()
    for value in ("text", b"bytes", "", "é€𝄞", 5, -5, 2**70, 1.5, None, True, "x" * 250):
        both.set("value", value, noreply=False)
        both.get("value")
    both.set("long", "v" * 1_000_000, noreply=False)
    both.get("long")
    both.set("too long", "v", noreply=False)
    both.set("toolong", "v" * 2_000_000, noreply=False)
    both.get("toolong")
    both.get("long", "default")
    both.get("missing")
    both.get("missing", default=7)
    both.add("value", "other", noreply=False)
    both.add("added", "new", noreply=False)
    both.replace("added", "replaced", noreply=False)
    both.replace("missing", "x", noreply=False)
    both.append("added", " behind", noreply=False)
    both.prepend("added", "before ", noreply=False)
    both.append("missing", "x", noreply=False)
    both.prepend("missing", "x", noreply=False)
    both.get("added")
    both.delete("added", noreply=False)
    both.delete("added", noreply=False)
    both.get("added")
    for flags in (0, 1, 65535, 2**32 - 1):
        both.set("flags", "x", flags=flags, noreply=False)
        both.raw_command("get flags", "END\r\n")


def without_replies(both):
    both.set("quiet", "a")
    both.add("quiet", "b")
    both.replace("quiet", "c")
    both.append("quiet", "d")
    both.prepend("quiet", "e")
    both.get("quiet")
    both.touch("quiet", 1000)
    both.set("number", "1")
    both.incr("number", 5, noreply=True)
    both.decr("number", 2, noreply=True)
    both.get("number")
    both.delete("quiet")
    both.get("quiet")
    both.set_many({"a": 1, "b": 2})
    both.delete_many(["a"])
    both.get_many(["a", "b"])
    both.cas("b", "x", b"1")
    both.flush_all()
    both.get("b")


def many_at_once(both):
    values = {f"key{number}": "v" * number for number in range(300)}
    both.set_many(values, noreply=False)
    both.get_many(list(values))
    both.gets_many(["key1", "key2", "missing"])
    both.get_many([])
    both.get_many(["missing", "key5", "key5"])
    both.set_many({"good": 1, "b d": 2}, noreply=False)
    both.delete_many(["key1", "key2", "missing"], noreply=False)
    both.get_many(["key1", "key3"])
    both.get_multi(["key4"])
    both.set_multi({"multi": "x"})
    both.delete_multi(["multi"])


def compare_and_swap(both):
    both.set("cas", "one", noreply=False)
    _, unique = both.gets("cas")
    both.cas("cas", "two", unique, noreply=False)
    both.cas("cas", "three", unique, noreply=False)
    both.get("cas")
    both.gets("missing")
    both.gets("missing", default=1, cas_default=2)
    both.cas("missing", "x", unique, noreply=False)
    both.cas("cas", "x", b"no number", noreply=False)
    both.cas("cas", "x", 2**64 - 1, noreply=False)
    both.raw_command("gats 1000 cas missing", "END\r\n")
    both.raw_command("gat 0 cas cas", "END\r\n")


def counters(both):
    both.set("count", "10", noreply=False)
    both.incr("count", 1)
    both.incr("count", 2**63)
    both.decr("count", 3)
    both.decr("count", 2**64 - 1)
    both.get("count")
    both.set("count", str(2**64 - 1), noreply=False)
    both.incr("count", 1)
    both.incr("count", 2**64)
    both.incr("count", -1)
    both.incr("missing", 1)
    both.decr("missing", 1)
    both.set("count", "no number", noreply=False)
    both.incr("count", 1)
    both.decr("count", 1)


def times(both):
    both.set("time", "x", expire=1000, noreply=False)
    both.touch("time", 0, noreply=False)
    both.touch("missing", 0, noreply=False)
    both.touch("time", -1, noreply=False)
    both.get("time")
    both.set("time", "x", expire=-1, noreply=False)
    both.get("time")
    both.set("time", "x", expire=2**31 - 1, noreply=False)
    both.get("time")
    both.set("time", "x", expire="soon", noreply=False)
    both.flush_all(delay=100_000, noreply=False)
    both.get("time")
    both.flush_all(noreply=False)
    both.get("time")


def errors(both):
    for key in ("with space", "k" * 251, "", "new\nline", "nul\0", "\x7f", "é"):
        both.set(key, "x", noreply=False)
        both.get(key)
        both.delete(key, noreply=False)
    both.raw_command("nonsense")
    both.raw_command("get " + "k" * 251)
    both.raw_command("set a b c d")
    both.raw_command("mg missing")
    both.raw_command("ms raw 3\r\nabc")
    both.raw_command("mg raw v s", "abc\r\n")
    both.cache_memlimit(1024)
    both.cache_memlimit(1)
    both.stats()
    both.stats("settings")
    both.stats("reset")
    both.stats("nonsense")
    both.shutdown()
    both.get("raw")
    both.quit()
    both.get("raw")


def pickled(both):
    values = [{"a": [1, 2, (3, None)]}, {1, 2}, datetime.date(2020, 2, 29), [0] * 1000, "text", 7,
              b"\0\r\n\xff", 2**100]
    for number, value in enumerate(values):
        both.set(f"pickle{number}", value, noreply=False)
        if both.get(f"pickle{number}") != value:
            raise Failure(f"{value!r} does not come back")
    both.get_many([f"pickle{number}" for number in range(len(values) + 1)])


def connections():
    """Ways to connect, and the parts that are run by each."""
    plain = [single_calls, without_replies, many_at_once, compare_and_swap, counters, times, errors]
    limits = {"connect_timeout": 5, "timeout": 5}
    yield lambda address: Client(address, no_delay=True, **limits), plain
    yield lambda address: Client(address, key_prefix=b"p:", encoding="utf8", **limits), plain
    yield lambda address: Client(address, allow_unicode_keys=True, **limits), [errors]
    yield lambda address: Client(address, default_noreply=False, **limits), [without_replies]
    yield lambda address: Client(address, serde=serde.pickle_serde, **limits), [pickled]
    yield lambda address: Client(address, serde=serde.compressed_serde, **limits), [pickled]
    yield lambda address: PooledClient(address, max_pool_size=4, **limits), plain[:6]
    yield lambda address: HashClient([address], **limits), [many_at_once, counters]
    yield lambda address: RetryingClient(Client(address, **limits), attempts=2), [counters]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", default="target/release/examples/memcached")
    parser.add_argument("--real", default="memcached")
    options = parser.parse_args()
    calls = parts = 0
    with Server(options.ours) as ours, Server(options.real) as real:
        for connect, run in connections():
            both = Both(connect, (ours, real))
            for part in run:
                try:
                    part(both)
                except Failure as failure:
                    print(f"client: {part.__name__}: {failure}", file=sys.stderr)
                    return 1
                parts += 1
            both.close()
            calls += both.calls
    print(f"client: {calls} calls of pymemcache in {parts} parts, the same on both")
    return 0


if __name__ == "__main__":
    sys.exit(main())
