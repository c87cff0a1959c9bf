"""What no client should send: lines without an end, wrong lengths, noise, resets, and floods.

First cases whose outcome is certain, which must be memcached's; then many by chance, after which
the server still answers, has kept to its memory, and holds no connection that has ended.
"""

import argparse
import random
import select
import socket
import sys
import time

from commands import Generator
from servers import Failure, Server, abort, allow_descriptors

CACHE_MB = 64
# Beside the cache: the program, its table, and buffers that are kept.
MEMORY_MAX = (CACHE_MB * 3 // 2 + 128) << 20
SILENCE_S = 1.0
SETTLE_S = 15
ROUNDS = 400
FLOOD = 300
BIG = b"b" * 500_000

# What is sent, and then a sentinel: the outcome is the answer, and whether the server closes.
CASES = {
    "an empty line": b"\r\n",
    "a line of noise": bytes(range(1, 10)) + bytes(range(11, 128)) + b"\r\n",
    "zeros": b"\0" * 100 + b"\r\n",
    "a line of 2048 bytes": b"y" * 2046 + b"\r\n",
    "a line of 2000 bytes that comes late": (b"y" * 2000, b"\r\n"),
    "an endless line": b"y" * 2049,
    "an endless line of spaces": b" " * 2049,
    "a get after many spaces": (b" " * 101 + b"get " + b"k " * 2000, b"\r\n"),
    "a get after few spaces": (b" " * 99 + b"get " + b"k " * 2000, b"\r\n"),
    "a get of very many keys": (b"get " + b"key " * 30_000, b"\r\n"),
    "a gat of very many keys": (b"gat 0 " + b"key " * 3_000, b"\r\n"),
    "a set on an endless line": b"set a 0 0 1" + b" " * 2100,
    "only line feeds": b"\n" * 50,
    "carriage returns": b"\r\r\r\n",
    "half a line": b"get a",
    "a line in two": (b"ver", b"bosity 0\r\n"),
    "a value in single bytes": tuple(bytes([byte]) for byte in b"set a 0 0 5\r\nabcde\r\nget a\r\n"),
    "a value that is too short": b"set a 0 0 10\r\nabc\r\n",
    "a value that is too long": b"set a 0 0 2\r\nabcdef\r\n",
    "a value without an end": b"set a 0 0 3\r\nabc",
    "a length below zero": b"set a 0 0 -1\r\nabc\r\n",
    "a length that is no number": b"set a 0 0 1x\r\nabc\r\n",
    "a length of 64 bits": b"set a 0 0 18446744073709551616\r\nabc\r\n",
    "the greatest length": b"set a 0 0 2147483645\r\nabc\r\n",
    "one more than the greatest": b"set a 0 0 2147483646\r\nabc\r\n",
    "a meta set of nonsense": b"ms a x y z\r\nabc\r\n",
    "a value above the limit": b"set a 0 0 1048577\r\n" + b"v" * 1048577 + b"\r\n",
    "a value above it, in parts": (b"set a 0 0 1048577\r\n" + b"v" * 500_000, b"v" * 548577 + b"\r\n"),
    "a browser": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "another": b"POST / HTTP/1.0\r\n\r\n",
    "quit": b"quit\r\n",
    "quit with more": b"quit now\r\nget a\r\n",
    "a key of 251 bytes": b"get " + b"k" * 251 + b"\r\n",
    "a command of 24 words": b"set" + b" a" * 24 + b"\r\n",
    "an opaque of 33 bytes": b"mg a O" + b"o" * 33 + b"\r\n",
    "ten thousand commands": b"get a\r\n" * 10_000,
}


def outcome(server, pieces):
    """The answers, and what has become of the connection."""
    answers = bytearray()
    with server.connect() as connection:
        connection.settimeout(SILENCE_S)
        try:
            for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
                connection.sendall(piece)
                if len(piece) > 1:
                    time.sleep(0.01)
            # What is still missing of a line ends with it.
            connection.sendall(b"\r\nmn\r\n")
        except OSError:
            pass
        while not answers.endswith(b"MN\r\n"):
            try:
                received = connection.recv(1 << 16)
            except TimeoutError:
                return bytes(answers), "silent"
            except ConnectionResetError:
                received = b""
            if not received:
                return bytes(answers), "closed"
            answers += received
    return bytes(answers), "open"


def run_cases(ours, real):
    for name, pieces in CASES.items():
        expected, got = outcome(real, pieces), outcome(ours, pieces)
        # As long as it waits for the rest of a value memcached keeps answers back; others need not.
        if expected[1] == got[1] == "silent":
            expected = got
        if expected != got:
            raise Failure(f"{name}: memcached {expected!r:.400}, ours {got!r:.400}")
        check_answers(ours)
    print(f"noise: {len(CASES)} cases as memcached has them")


class Noise:
    """Attacks by chance on one server; none waits for an answer."""

    def __init__(self, server, randomness):
        self.server = server
        self.random = randomness
        self.attacks = [
            self.bytes_by_chance, self.broken_commands, self.broken_commands, self.half_a_value,
            self.endless_line, self.unread_answers, self.greatest_value, self.closed_at_once,
        ]

    def run(self):
        for number in range(ROUNDS):
            self.random.choice(self.attacks)()
            if number % 100 == 50:
                self.flood()
            if number % 20 == 0:
                self.server.check_alive()
                check_answers(self.server)

    def send(self, *pieces):
        """Sends what is taken at once, reads what there is, and goes in one way or another."""
        connection = self.server.connect()
        connection.setblocking(False)
        for piece in pieces:
            try:
                connection.send(piece)
                connection.recv(1 << 16)
            except BlockingIOError:
                pass
            except OSError:
                break
        self.leave(connection)

    def leave(self, connection):
        way = self.random.randrange(3)
        if way == 0:
            abort(connection)
            return
        if way == 1:
            try:
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            select.select([connection], [], [], 0.002)
        connection.close()

    def bytes_by_chance(self):
        length = self.random.choice([1, 24, 100, 1000, 20_000])
        noise = self.random.randbytes(length)
        if self.random.random() < 0.2:
            # The first byte of the binary protocol.
            noise = b"\x80" + noise
        self.send(noise)

    def broken_commands(self):
        whole = bytearray(b"".join(Generator(self.random).sequence())[: 1 << 21])
        for _ in range(self.random.randrange(20)):
            at = self.random.randrange(len(whole))
            change = self.random.randrange(4)
            if change == 0:
                whole[at] = self.random.randrange(256)
            elif change == 1:
                del whole[at : at + self.random.randrange(30)]
            elif change == 2:
                whole[at:at] = whole[at : at + self.random.randrange(50)]
            else:
                whole[at:at] = self.random.choice([b"\r\n", b"\n", b" ", b"\0", b"noreply", b"9" * 9])
            whole = whole or bytearray(b"x")
        cuts = sorted(self.random.randrange(len(whole)) for _ in range(3))
        pieces = zip([0, *cuts], [*cuts, len(whole)])
        self.send(*(bytes(whole[start:end]) for start, end in pieces))

    def half_a_value(self):
        size = self.random.randrange(1, 1_000_000)
        head = b"set half%d 0 0 %d\r\n" % (self.random.randrange(10), size)
        self.send(head, BIG[: self.random.randrange(size)])

    def endless_line(self):
        start = self.random.choice([b"", b"get ", b"gets ", b"set a 0 0 ", b"mg "])
        self.send(start, *[b"k" * 60_000] * self.random.randrange(1, 20))

    def unread_answers(self):
        """Asks for a gigabyte and reads none of it."""
        self.send(b"set big 0 0 %d\r\n%s\r\n" % (len(BIG), BIG), *[b"get big\r\n" * 500] * 4)

    def greatest_value(self):
        self.send(b"set a 0 0 2147483645\r\n", *[BIG] * 4)

    def closed_at_once(self):
        self.send()

    def flood(self):
        """Many at once, each in the middle of something."""
        connections = [self.server.connect() for _ in range(FLOOD)]
        for connection in connections:
            connection.setblocking(False)
            try:
                connection.send(self.random.choice([b"", b"g", b"set a 0 0 99999\r\nabc", b"mg a"]))
            except OSError:
                pass
        check_answers(self.server)
        for connection in connections:
            self.leave(connection)


def check_answers(server):
    answers = server.ask(b"set canary 5 0 4\r\nbird\r\nget canary\r\nmg canary s f\r\n")
    if answers != b"STORED\r\nVALUE canary 5 4\r\nbird\r\nEND\r\nHD s4 f5\r\n":
        raise Failure(f"{server.name} does not answer as before: {answers!r:.300}")


def check_settled(server, before):
    """No connection is left over, and the memory is what was allowed."""
    end = time.monotonic() + SETTLE_S
    while True:
        now = holdings(server)
        if all(held <= allowed for held, allowed in zip(now, before)):
            break
        if time.monotonic() > end:
            raise Failure(f"{server.name} holds {now} connections and descriptors, not {before}")
        time.sleep(0.1)
    memory = server.memory()
    if memory > MEMORY_MAX:
        raise Failure(f"{server.name} has grown to {memory >> 20} MiB")
    return memory


def holdings(server):
    return int(server.stats()["curr_connections"]), server.descriptors()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--ours", default="target/release/examples/memcached")
    parser.add_argument("--real", default="memcached")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"noise: seed {options.seed}", flush=True)
    allow_descriptors(4096)
    cache = ("-m", str(CACHE_MB), "-t", "2")
    try:
        with Server(options.ours, *cache) as ours, Server(options.real, *cache) as real:
            run_cases(ours, real)
            check_answers(ours)
            before = holdings(ours)
            Noise(ours, random.Random(options.seed)).run()
            ours.check_alive()
            check_answers(ours)
            memory = check_settled(ours, before)
    except (Failure, OSError) as failure:
        print(f"noise: {failure}", file=sys.stderr)
        return 1
    print(f"noise: {ROUNDS} attacks; it answers, holds no connection more, {memory >> 20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
