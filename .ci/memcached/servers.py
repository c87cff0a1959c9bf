"""Servers under test: starts them, talks to them, and looks at them from outside."""

import ctypes
import os
import re
import resource
import select
import shlex
import signal
import socket
import struct
import subprocess
import time

START_S = 10
SILENCE_S = 10
BARRIER_S = 2
CAS = b"@CAS@"
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """What a part of the phase ends with when something is not as it should be."""


class Server:
    """A server on a free port of its own, from its command with options.

    A name without a slash is Debian's, which must be told to run as root and without UDP.
    """

    def __init__(self, command, *options):
        words = shlex.split(command)
        self.name = os.path.basename(words[0]) if "/" in words[0] else "debian's"
        self.port = free_port()
        words += [*options, "-l", "127.0.0.1", "-p", str(self.port)]
        self.is_ours = "/" in words[0]
        if not self.is_ours:
            words += ["-u", "root", "-U", "0"]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.is_ours else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent,
        )
        try:
            self.wait_until_it_accepts()
        except BaseException:
            self.stop()
            raise

    def wait_until_it_accepts(self):
        end = time.monotonic() + START_S
        if self.is_ours:
            ready, _, _ = select.select([self.process.stdout], [], [], START_S)
            line = self.process.stdout.readline() if ready else b""
            if not line.startswith(b"listening on "):
                raise Failure(f"{self.name}: says {line!r}, not where it listens")
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Failure(f"{self.name}: does not listen") from None
                time.sleep(0.002)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), SILENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, commands):
        """All answers to commands: until the server has seen the end and closes."""
        return Talk(self, commands).run()

    def stats(self):
        lines = self.ask(b"stats\r\n").split(b"\r\n")
        stats = [line.split(b" ", 2) for line in lines if line.startswith(b"STAT ")]
        return {name.decode(): value.decode() for _, name, value in stats}

    def check_alive(self):
        status = self.process.poll()
        if status is not None:
            raise Failure(f"{self.name}: ended by itself with status {status}")

    def memory(self, field="VmRSS"):
        """In bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            found = re.search(rf"^{field}:\s*(\d+) kB$", status.read(), re.MULTILINE)
        return int(found[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Talk:
    """One connection, from its first byte to its end.

    Commands go out in pieces that are cut at `cuts`. Where a line contains `CAS`, what came before
    is answered first, and the last cas id in the answers takes its place.
    """

    def __init__(self, server, commands, cuts=(), pauses=None):
        self.server = server
        self.parts = split_before_cas(commands)
        self.cuts = cuts
        self.pauses = pauses
        self.answers = bytearray()
        self.ended = False
        # What was on its way then may be lost.
        self.was_reset = False

    def run(self):
        with self.server.connect() as self.connection:
            self.connection.setblocking(False)
            self.poll = select.poll()
            sent = 0
            for number, part in enumerate(self.parts):
                if number > 0:
                    self.send(b"mg barrier%d k\r\n" % number)
                    self.read_until(b"EN kbarrier%d\r\n" % number)
                    part = part.replace(CAS, self.last_cas())
                for piece in cut(part, sent, self.cuts):
                    self.send(piece)
                    if self.pauses and self.pauses.random() < 0.3:
                        time.sleep(0.0002)
                sent += len(part)
            self.end()
            while not self.ended:
                if self.exchange(b"", SILENCE_S) is None:
                    self.answers += b"<and no end>"
                    break
        return bytes(self.answers)

    def send(self, piece):
        rest = memoryview(piece)
        while rest and not self.ended:
            sent = self.exchange(rest, SILENCE_S)
            if sent is None:
                self.answers += b"<takes no more>"
                self.ended = True
                return
            rest = rest[sent:]

    def exchange(self, rest, seconds):
        """Reads and sends what is possible; how much was sent, or None if nothing was."""
        self.poll.register(self.connection, select.POLLIN | (select.POLLOUT if rest else 0))
        ready = self.poll.poll(seconds * 1000)
        if not ready:
            return None
        events, sent = ready[0][1], 0
        try:
            if events & select.POLLOUT:
                sent = self.connection.send(rest[: 1 << 18])
        except (BrokenPipeError, ConnectionResetError):
            self.was_reset = True
        except BlockingIOError:
            pass
        if events & ~select.POLLOUT:
            self.read()
        # Something happened, so that this is no silence.
        return sent

    def read(self):
        try:
            received = self.connection.recv(1 << 20)
        except BlockingIOError:
            return
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            received = b""
        self.answers += received
        self.ended = not received

    def read_until(self, answer):
        end = time.monotonic() + BARRIER_S
        while not self.ended and not self.answers.endswith(answer):
            if time.monotonic() > end:
                return
            self.exchange(b"", BARRIER_S)

    def last_cas(self):
        found = re.findall(rb"^VALUE \S+ \d+ \d+ (\d+)\r$| c(\d+)[ \r]", self.answers, re.MULTILINE)
        return (found[-1][0] or found[-1][1]) if found else b"1"

    def end(self):
        try:
            self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            self.was_reset = True


def split_before_cas(commands):
    parts, start = [], 0
    at = commands.find(CAS)
    while at >= 0:
        line = commands.rfind(b"\n", 0, at) + 1
        if line > start:
            parts.append(commands[start:line])
            start = line
        at = commands.find(CAS, commands.find(b"\n", at))
    return [*parts, commands[start:]]


def cut(part, start, cuts):
    """The pieces of a part that starts at `start` of the whole, which is cut at `cuts`."""
    at = 0
    for place in cuts:
        if at < place - start < len(part):
            yield part[at : place - start]
            at = place - start
    yield part[at:]


def abort(connection):
    """Closes with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
