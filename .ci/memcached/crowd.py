"""A thousand connections at once, values up to nearly a MiB, and a cache too small for them.

Each value names its key, so that one that is mixed up shows; each connection has a key of its own,
which has the value that was stored last or, when that had to go for others, none.
"""

import argparse
import random
import re
import select
import sys
import time
from collections import deque

from servers import Failure, Server, allow_descriptors

CONNECTIONS = 1000
ROUNDS = 20
KEYS = 3000
CACHE_MB = 64
# When all have been answered, beside the cache: the program, its table, buffers that are kept, and
# holes in the allocator's memory, which large values leave that were on their way: up to 290 MiB
# are in use meanwhile. Of 35 runs each used 159 to 184 MiB in the end, and `malloc_trim` found 24.
MEMORY_MAX = (CACHE_MB * 5 // 4 + 96) * (1 << 20) + CONNECTIONS * 32 * 1024
# With room for the key, the version and the size.
VALUE_MIN, VALUE_MAX = 40, 1_040_000
SILENCE_S = 20
LIMIT_S = 180
# What a cache may say that is too small for all that is under way at once.
FULL = (
    b"SERVER_ERROR out of memory storing object",
    b"SERVER_ERROR Out of memory during read",
)
VALUE = re.compile(rb"VALUE (\S+) (\d+) (\d+)(?: \d+)?")
META_VALUE = re.compile(rb"VA (\d+) k(\S+)")


def value_of(key, version, size):
    unit = b"<%s %d %d>" % (key, version, size)
    return (unit * (size // len(unit) + 1))[:size]


def check_value(key, value):
    """The version of a value, which is one that somebody has written to the key."""
    head = re.match(rb"<(\S+) (\d+) (\d+)>", value)
    if not head or head[1] != key or value_of(key, int(head[2]), int(head[3])) != value:
        raise Failure(f"{key!r} has the value {value[:60]!r} of {len(value)} bytes")
    return int(head[2])


class Visitor:
    """One connection: sends pipelines, and reads an answer for each command before the next."""

    def __init__(self, server, number, seed, counts):
        self.random = random.Random(f"{seed}/{number}")
        self.own = b"own%d" % number
        # Of the own key: the last that was sent, and the last that was said to be stored.
        self.version = self.stored = 0
        self.counts = counts
        self.rounds = 0
        self.outgoing = deque()
        self.incoming = bytearray()
        self.expected = deque()
        self.connection = server.connect()
        self.connection.setblocking(False)
        self.next_round()

    def is_done(self):
        return self.rounds == ROUNDS and not self.expected

    def next_round(self):
        self.rounds += 1
        whole = bytearray()
        for _ in range(self.random.randint(1, 8)):
            draw = self.random.choices(COMMANDS, WEIGHTS)[0]
            whole += draw(self)
        whole += b"mn\r\n"
        self.expect(b"MN")
        self.outgoing.append(memoryview(bytes(whole)))

    def expect(self, *lines):
        self.expected.append((lines, None))

    def expect_values(self, *keys):
        self.expected.append((None, deque(keys)))

    # Commands, with what is expected of them.

    def size(self):
        if self.random.random() < 0.75:
            return self.random.randint(VALUE_MIN, 4000)
        if self.random.random() < 0.05:
            return VALUE_MAX
        return int(1000 * (VALUE_MAX / 1000) ** self.random.random())

    def key(self):
        return b"key%d" % self.random.randrange(KEYS)

    def set(self):
        key, size = self.key(), self.size()
        self.expect(b"STORED", *FULL)
        return b"set %s 0 0 %d\r\n%s\r\n" % (key, size, value_of(key, 0, size))

    def set_own(self):
        self.version += 1
        size = self.size()
        value = value_of(self.own, self.version, size)
        if self.random.random() < 0.3:
            return b"set %s 7 0 %d noreply\r\n%s\r\n" % (self.own, size, value)
        self.expected.append(((b"STORED", *FULL), self.version))
        return b"set %s 7 0 %d\r\n%s\r\n" % (self.own, size, value)

    def set_meta(self):
        key, size = self.key(), self.size()
        self.expect(b"HD O%s" % key, *FULL)
        return b"ms %s %d O%s\r\n%s\r\n" % (key, size, key, value_of(key, 1, size))

    def get(self):
        keys = [self.key() for _ in range(self.random.choice([1, 1, 3]))]
        self.expect_values(*keys)
        return self.random.choice([b"get ", b"gets "]) + b" ".join(keys) + b"\r\n"

    def get_own(self):
        self.expect_values((self.own, self.version))
        return b"get %s\r\n" % self.own

    def get_meta(self):
        key = self.key()
        self.expected.append((b"meta", key))
        return b"mg %s v k\r\n" % key

    def delete(self):
        self.expect(b"DELETED", b"NOT_FOUND")
        return b"delete %s\r\n" % self.key()

    def touch(self):
        self.expect(b"TOUCHED", b"NOT_FOUND")
        return b"touch %s 0\r\n" % self.key()

    def count(self):
        key = self.own + b"count"
        self.expect(b"NOT_STORED", b"STORED", *FULL)
        self.expect(None)
        return b"add %s 0 0 1\r\n1\r\nincr %s 1\r\n" % (key, key)

    # Their answers.

    def on_ready(self, events):
        if events & select.POLLOUT and self.outgoing:
            rest = self.outgoing[0]
            sent = self.connection.send(rest[: 1 << 18])
            self.outgoing[0] = rest[sent:]
            if sent == len(rest):
                self.outgoing.popleft()
        if events & ~select.POLLOUT:
            received = self.connection.recv(1 << 20)
            if not received:
                raise Failure(f"{self.own!r}: the server has closed")
            self.incoming += received
            self.read_answers()
        if not self.expected and not self.outgoing and self.rounds < ROUNDS:
            self.next_round()

    def read_answers(self):
        at = 0
        while self.expected:
            end = self.incoming.find(b"\r\n", at)
            if end < 0:
                break
            line = bytes(self.incoming[at:end])
            after = self.read_answer(line, end + 2, *self.expected[0])
            if after is None:
                break
            at = after
        del self.incoming[:at]
        if self.incoming and not self.expected:
            raise Failure(f"{self.own!r}: nobody asked for {bytes(self.incoming[:60])!r}")

    def read_answer(self, line, at, lines, keys):
        """Where the next line begins; None if the answer is not there yet."""
        if lines == b"meta":
            found = META_VALUE.fullmatch(line)
            if line == b"EN k" + keys:
                return self.answered("misses", at)
            if not found or found[2] != keys:
                raise Failure(f"{self.own!r}: {line!r} for the key {keys!r}")
            return self.read_value(keys, int(found[1]), at, is_last=True)
        if lines is not None:
            if lines != (None,) and line not in lines or lines == (None,) and not is_count(line):
                raise Failure(f"{self.own!r}: {line!r} is none of {lines!r}")
            if keys and line == b"STORED":
                self.stored = keys
            return self.answered("full" if line in FULL else "others", at)
        if line == b"END":
            return self.answered("misses" if keys else "hits", at)
        found = VALUE.fullmatch(line)
        while found and keys and name_of(keys[0]) != found[1]:
            keys.popleft()
        if not found or not keys:
            raise Failure(f"{self.own!r}: {line!r}, not among those asked for")
        return self.read_value(keys[0], int(found[3]), at, is_last=False)

    def read_value(self, wanted, size, at, is_last):
        if len(self.incoming) < at + size + 2:
            return None
        value = bytes(self.incoming[at : at + size])
        key = name_of(wanted)
        version = check_value(key, value)
        if isinstance(wanted, tuple) and not self.stored <= version <= wanted[1]:
            raise Failure(f"{key!r} has version {version}, not {self.stored} to {wanted[1]}")
        if is_last:
            return self.answered("hits", at + size + 2)
        self.expected[0][1].popleft()
        return at + size + 2

    def answered(self, what, at):
        self.expected.popleft()
        self.counts[what] = self.counts.get(what, 0) + 1
        return at


def name_of(wanted):
    return wanted[0] if isinstance(wanted, tuple) else wanted


def is_count(line):
    return line.isdigit() or line == b"NOT_FOUND"


COMMANDS, WEIGHTS = zip(
    (Visitor.set, 20),
    (Visitor.set_own, 10),
    (Visitor.set_meta, 8),
    (Visitor.get, 25),
    (Visitor.get_own, 12),
    (Visitor.get_meta, 10),
    (Visitor.delete, 3),
    (Visitor.touch, 4),
    (Visitor.count, 8),
)


def visit(server, seed):
    """All visitors until all are answered; what they counted, with the server's memory then."""
    counts = {}
    visitors = [Visitor(server, number, seed, counts) for number in range(CONNECTIONS)]
    by_descriptor = {visitor.connection.fileno(): visitor for visitor in visitors}
    poll = select.epoll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN | select.EPOLLOUT)
    left, end = len(visitors), time.monotonic() + LIMIT_S
    while left:
        ready = poll.poll(SILENCE_S)
        if not ready or time.monotonic() > end:
            raise Failure(f"{left} connections still wait for answers")
        for descriptor, events in ready:
            visitor = by_descriptor[descriptor]
            visitor.on_ready(events)
            wanted = select.EPOLLIN | (select.EPOLLOUT if visitor.outgoing else 0)
            poll.modify(descriptor, wanted)
            if visitor.is_done():
                poll.unregister(descriptor)
                left -= 1
    memory = server.memory()
    for visitor in visitors:
        visitor.connection.close()
    return counts, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--ours", default="target/release/examples/memcached")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"crowd: seed {options.seed}", flush=True)
    allow_descriptors(CONNECTIONS * 2 + 200)
    start = time.monotonic()
    try:
        with Server(options.ours, "-m", str(CACHE_MB), "-t", "2", "-c", "4096") as server:
            counts, memory = visit(server, options.seed)
            server.check_alive()
            stats = server.stats()
            evictions, highest = int(stats["evictions"]), server.memory("VmHWM")
            if evictions == 0:
                raise Failure("no item had to go, though the cache is too small")
            if int(stats["bytes"]) > CACHE_MB << 20:
                raise Failure(f"holds {stats['bytes']} bytes of items")
            if memory > MEMORY_MAX:
                raise Failure(f"uses {memory >> 20} MiB of memory, not {MEMORY_MAX >> 20} at most")
    except (Failure, OSError) as failure:
        print(f"crowd: {failure}", file=sys.stderr)
        return 1
    print(f"crowd: {CONNECTIONS} connections, {counts}, {evictions} evictions, {memory >> 20} MiB "
          f"({highest >> 20} at the most), {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
