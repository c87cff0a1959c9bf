"""Asks two servers the same, by sequences of commands drawn by chance, and compares the answers.

They must be the same to the byte, cas ids included; but for times, which may differ by the seconds
that lie between the two, the version, and the values of `stats`. What differs is made smaller until
nothing can be left out, and printed.
"""

import argparse
import random
import re
import sys
import time
from itertools import groupby

from commands import Generator
from servers import Failure, Server, Talk

CLOCK_S = 5
SHRINK_TRIALS = 300
RESETS_MAX = 20
SHOWN_BYTES = 200
# What servers have differently inside: shown by name only, or not at all.
NAMED = re.compile(rb"STAT ([a-z_]+) ")
INNER = re.compile(rb"STAT (items:|\d+:|slab|hash_|lru_|lrutail_|active_slabs|total_malloced)")


class Pair:
    """Both servers, fresh at the same time."""

    def __init__(self, commands, has_background):
        self.commands = commands
        # Without dumps of keys and logs, as ours; and its threads hold items now and then, and then
        # `incr` does not write in place.
        self.real = ["-W", "-X"]
        if not has_background:
            self.real += ["-o", "no_lru_maintainer,no_lru_crawler"]
        self.servers = []
        self.start()

    def start(self):
        self.stop()
        for command in self.commands:
            server = Server(command, *OPTIONS, *([] if "/" in command else self.real))
            self.servers.append(server)

    def stop(self):
        for server in self.servers:
            server.stop()
        self.servers = []

    def ask(self, commands, seed):
        """What each has answered, and where they differ if they do."""
        for _ in range(RESETS_MAX):
            answers, was_reset = self.ask_once(b"".join(commands), seed)
            # A connection that is reset may lose the last answers.
            if not (was_reset and is_cut(*answers)):
                break
        return answers, difference(*answers)

    def ask_once(self, whole, seed):
        """What each has answered, and whether any has reset the connection."""
        answers, was_reset = [], False
        for server in self.servers:
            randomness = random.Random(f"{seed}/cuts")
            cuts = draw_cuts(randomness, len(whole))
            try:
                talk = Talk(server, whole, cuts, randomness)
                answers.append(talk.run())
                was_reset |= talk.was_reset
                server.check_alive()
            except (OSError, Failure) as error:
                answers.append(f"<{error}>".encode())
        return answers, was_reset

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def draw_cuts(randomness, length):
    """Where a pipeline is cut into several sends: mostly at a few places, or at all of a few."""
    kind = randomness.randrange(4)
    if kind == 0 or length == 0:
        return []
    if kind == 1:
        start = randomness.randrange(length)
        return list(range(start, min(start + 40, length)))
    return sorted(randomness.randrange(length) for _ in range(randomness.randint(1, 8)))


def is_cut(one, other):
    return len(one) != len(other) and (one.startswith(other) or other.startswith(one))


def difference(one, other):
    """The first lines that differ, as a pair; None if none do."""
    if one == other:
        return None
    ones, others = (significant(answers) for answers in (one, other))
    for first, second in zip(ones, others):
        if not is_same(first, second):
            return first, second
    shorter = min(len(ones), len(others))
    if len(ones) == len(others):
        return None
    return tuple([*lines, b"<nothing>"][shorter] for lines in (ones, others))


def significant(answers):
    return [line for line in answers.split(b"\r\n") if not INNER.match(line)]


def is_same(first, second):
    if first == second:
        return True
    if first.startswith(b"VERSION ") and second.startswith(b"VERSION "):
        return True
    if first.startswith(b"STAT "):
        named, other = NAMED.match(first), NAMED.match(second)
        return bool(named and other) and named[1] == other[1]
    ours, theirs = first.split(b" "), second.split(b" ")
    if first[:3] not in (b"HD ", b"VA ", b"ME ") or len(ours) != len(theirs):
        return False
    return all(one == other or is_near(one, other) for one, other in zip(ours, theirs))


def is_near(one, other):
    """Whether these are the same time, by clocks that do not tick together."""
    form = re.compile(rb"(t|l|exp=|la=)(-?\d+)")
    first, second = form.fullmatch(one), form.fullmatch(other)
    if not (first and second) or first[1] != second[1] or b"-1" in (first[2], second[2]):
        return False
    apart = (int(first[2]) - int(second[2])) % (1 << 32)
    return min(apart, (1 << 32) - apart) <= CLOCK_S


class Shrinker:
    """Finds how little of some sequences still makes two fresh servers differ."""

    def __init__(self, pair):
        self.pair = pair
        self.trials = 0

    def differs(self, sequences):
        """The answers to the last of sequences and where they differ, if they do."""
        self.trials += 1
        self.pair.start()
        for commands, seed in sequences[:-1]:
            self.pair.ask(commands, seed)
        answers, where = self.pair.ask(*sequences[-1])
        return (answers, where) if where else None

    def shrink(self, sequences):
        """The least, with what it is answered; None if fresh servers do not differ any more."""
        count = 1
        while True:
            tail = sequences[-count:]
            found = self.differs(tail)
            if found or count >= len(sequences):
                break
            count *= 4
        if not found:
            return None
        commands, seed = tail[-1]
        # Without the cuts, if they do not matter.
        if plain := self.differs([*tail[:-1], (commands, "whole")]):
            seed, found = "whole", plain
        step = max(1, len(commands) // 2)
        while self.trials < SHRINK_TRIALS:
            at, dropped = 0, False
            while at < len(commands) and self.trials < SHRINK_TRIALS:
                fewer = commands[:at] + commands[at + step :]
                smaller = self.differs([*tail[:-1], (fewer, seed)]) if fewer else None
                if smaller:
                    commands, found, dropped = fewer, smaller, True
                else:
                    at += step
            if step == 1 and not dropped:
                break
            step = max(1, step // 2)
        return tail[:-1], commands, found


def shorten(text):
    shown = repr(bytes(text))[2:-1]
    if len(shown) <= SHOWN_BYTES:
        return shown
    half = SHOWN_BYTES // 2
    return f"{shown[:half]} … {shown[-half:]} ({len(text)} bytes)"


def report(names, index, before, commands, answers, where):
    print(f"differences: sequence {index}" + (f", after {before} others" if before else ""))
    for line, times in groupby(b"".join(commands).split(b"\n")):
        count = len(list(times))
        print(f"    {shorten(line)}" + (f"    ({count} times)" if count > 1 else ""))
    for name, answer, line in zip(names, answers, where):
        print(f"  {name} says {shorten(line)} where they differ, in all")
        print(f"    {shorten(answer)}")


def main():
    options = read_options()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    print(f"differences: seed {seed}, {options.sequences} sequences", flush=True)
    start, found, kinds, history, commands_count = time.monotonic(), 0, set(), [], 0
    # What shows whether there are such threads, and what depends on what they do.
    without = [*options.without, *(["arithmetic"] if options.background else ["admin", "stats"])]
    with Pair([options.ours, options.real], options.background) as pair:
        names = ("ours", "memcached")
        chosen = range(options.sequences) if options.only is None else [options.only]
        for index in chosen:
            generator = Generator(random.Random(f"{seed}/{index}"), without)
            commands = generator.sequence()
            commands_count += len(commands)
            if generator.needs_fresh and history:
                pair.start()
                history = []
            history.append((commands, f"{seed}/{index}"))
            answers, where = pair.ask(*history[-1])
            if options.show:
                report(names, index, 0, commands, answers, (b"", b""))
            if not where:
                continue
            found += 1
            kind = tuple(re.sub(rb"\d+", b"0", line)[:40] for line in where)
            if kind not in kinds:
                kinds.add(kind)
                smallest = Shrinker(pair).shrink(history)
                if smallest:
                    before, commands, (answers, where) = smallest
                    report(names, index, len(before), commands, answers, where)
                else:
                    report(names, index, "all", commands, answers, where)
                sys.stdout.flush()
            # They may go on differing by what has differed once.
            pair.start()
            history = []
            if len(kinds) >= options.kinds:
                break
    took = time.monotonic() - start
    print(f"differences: {index + 1} sequences, {commands_count} commands, {found} differ "
          f"in {len(kinds)} ways; seed {seed}, {took:.0f} s")
    return 1 if found else 0


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--ours", default="target/release/examples/memcached", help="command")
    parser.add_argument("--real", default="memcached", help="command")
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", type=int, help="just the sequence of this number")
    parser.add_argument("--show", action="store_true", help="print all sequences and answers")
    parser.add_argument("--kinds", type=int, default=5, help="ends after so many ways to differ")
    parser.add_argument("--without", nargs="*", default=[], help="kinds of commands to leave out")
    parser.add_argument("--background", action="store_true",
                        help="with memcached's threads for this and that, and commands for them")
    return parser.parse_args()


# No item has to go for another.
OPTIONS = ["-m", "1024", "-t", "2"]

if __name__ == "__main__":
    sys.exit(main())
