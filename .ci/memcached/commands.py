"""Sequences of commands that are drawn by chance: good ones, bad ones, and such as meet each other.

What a server answers to them is the same each time. So times are far away or long past, and before
what depends on answers that have not gone out there is `mn`, with which they do: a `get` of too
long a key drops them, an end within a value, too, and an `incr` writes in place unless one of
them holds the item.
"""

import base64

FLUSH = b"mn\r\n"
ITEM_MAX = 1 << 20
# What memcached keeps with a key and a value: the item's head, its cas id, the ends of both.
ITEM_HEAD = 48 + 8 + 1 + 2

# Sixty of them make less than 2^63: from there on memcached looks for a minus sign in what lies
# behind an item, too, when it reads the number in it.
NUMBERS = [b"0", b"1", b"5", b"10", b"99", b"1000", b"99999999999999999"]
BAD_NUMBERS = [
    b"-1", b"+1", b"x", b"1x", b"0x10", b"1e3", b"1.5", b"-", b"4294967296", b"2147483648",
    b"99999999999999999999999", b"-2147483649", b"''",
]
CAS_IDS = [*NUMBERS, b"9223372036854775807", b"9223372036854775808", b"18446744073709551615"]
TIMES = [b"0"] * 6 + [
    b"1000", b"100000", b"2592000", b"2592001", b"1000000000", b"2000000000", b"2147483647",
    b"-1", b"-100",
]
# None of `TIMES`, which the clock may have left behind or not.
RECACHE_TIMES = [b"0", b"-1", b"500", b"50000", b"2500000", b"2592001", b"2000000001"]
CLIENT_FLAGS = [b"0", b"0", b"0", b"1", b"7", b"65535", b"4294967295"]
# Keys beside those of a sequence; the last are too long.
STRAYS = [b"missing", b"k" * 250, b"\x01\x7f\xff", b"k" * 251, b"k" * 260]
STORAGE = [b"set", b"set", b"set", b"add", b"replace", b"append", b"prepend"]
MODES = [b"E", b"A", b"P", b"R", b"S", b"I", b"D", b"+", b"-", b"x", b"", b"SS", b"e"]
META_LETTERS = b"bcfhIkOqstTuvNRCDJMFxlE0"
ADMIN = [
    b"cache_memlimit", b"cache_memlimit 1024", b"cache_memlimit 7", b"cache_memlimit x",
    b"cache_memlimit 1024 noreply", b"lru", b"lru tune", b"lru tune 10 25 0.1 2.0",
    b"lru tune 50 50 0.1 2.0", b"lru mode flat", b"lru mode segmented", b"lru mode x",
    b"lru temp_ttl 60", b"lru temp_ttl -1", b"lru_crawler", b"lru_crawler x",
    b"lru_crawler sleep 100", b"lru_crawler sleep 1000001", b"lru_crawler sleep x",
    b"lru_crawler tocrawl 0", b"lru_crawler tocrawl x", b"slabs", b"slabs automove",
    b"slabs automove 0", b"slabs automove 1", b"slabs automove 3", b"slabs automove x",
    b"slabs reassign", b"slabs reassign x 1", b"slabs reassign 5 5", b"extstore",
    b"extstore item_size 5", b"shutdown", b"shutdown graceful", b"shutdown now", b"watch x",
    b"refresh_certs", b"misbehave", b"debugtime 5",
]
STATS = [
    b"stats", b"stats settings", b"stats items", b"stats slabs", b"stats sizes", b"stats conns",
    b"stats reset", b"stats detail on", b"stats detail off", b"stats detail", b"stats detail x",
    b"stats x", b"stats cachedump", b"stats cachedump 1", b"stats cachedump x 1",
    b"stats cachedump 200 1", b"stats extstore", b"stats proxy", b"stats reset 1",
]
UNKNOWN = [
    b"", b" ", b"x", b"xyz", b"GET a", b"Set a 0 0 1", b"gets", b"get", b"get ", b"gat", b"gat 0",
    b"gat x a", b"mx a", b"m", b"mgx a", b"mg", b"ms", b"md", b"ma", b"me", b"mn x", b"mn", b"ge a",
    b"getx a", b"sets", b"sett a 0 0 1", b"add", b"append a", b"cas", b"cas a 0 0 1", b"incr",
    b"incr a", b"incr a 1 2 3", b"decr", b"decrx a 1", b"delete", b"touch", b"touch a",
    b"touch a x", b"version x", b"verbosity", b"verbosity x", b"verbosity 1 2 3", b"flush",
    b"flush_all x", b"flush_all 0 0 0", b"bget", b"bget a", b"replace", b"prepend a 0 0",
    b"quitx", b"set", b"set a", b"set a 0 0", b"set a 0 0 1 2 3", b"delete a b c d", b"\0", b"\x01",
    b"get\0 a", b"get\ta", b"\tget a", b"version\r", b"\r", b"\xff\xfe", b"STAT", b"END",
]


class Generator:
    """Draws sequences; each is a list of commands, a command being one or more whole lines."""

    def __init__(self, random, without=()):
        self.random = random
        kinds = [
            ("storage", 26, self.storage),
            ("retrieval", 14, self.retrieval),
            ("cas", 6, self.cas),
            ("arithmetic", 9, self.arithmetic),
            ("delete", 5, self.delete),
            ("touch", 4, self.touch),
            ("meta", 12, self.meta_get),
            ("meta", 10, self.meta_set),
            ("meta", 4, self.meta_delete),
            ("arithmetic", 7, self.meta_arithmetic),
            ("meta", 2, self.meta_cas),
            ("debug", 2, self.meta_debug),
            ("flush", 2, self.flush_all),
            ("mangled", 5, self.mangled),
            ("chunks", 4, self.bad_chunk),
            ("unknown", 4, lambda: self.line(self.pick(UNKNOWN))),
            ("version", 1, lambda: b"version\r\n"),
            ("verbosity", 1, self.verbosity),
            ("stats", 1, lambda: self.line(self.pick(STATS))),
            ("admin", 1, lambda: self.line(self.pick(ADMIN))),
            ("large", 1, self.large),
        ]
        kinds = [kind for kind in kinds if kind[0] not in without]
        self.counts = "arithmetic" not in without
        self.weights = [weight for _, weight, _ in kinds]
        self.kinds = [draw for _, _, draw in kinds]
        # Some sequences are of one kind mostly, so that its commands meet.
        for _ in range(self.random.randrange(3)):
            self.weights[self.random.randrange(len(kinds))] += 20
        self.keys = [self.new_key() for _ in range(self.random.randint(1, 4))]
        self.was_flushed = False
        # Whether the servers must not have met other sequences before.
        self.needs_fresh = False

    def sequence(self):
        count = self.pick([1, 2, 3, 5, 8, 13, 20, 30, 60])
        # So that it does not matter what came before; a quiet `md` still tells a miss.
        clean = [b"delete %s noreply\r\n" % key for key in [*self.keys, *STRAYS[:3]]]
        clean += [b"ms %s 0 b q\r\n\r\nmd %s b q\r\n" % (key, key) for key in self.keys]
        commands = [b"".join(clean)]
        for draw in self.random.choices(self.kinds, self.weights, k=count):
            commands.append(draw())
        if self.chance(8):
            commands.append(self.last())
        else:
            commands.append(b"get %s\r\n" % b" ".join(self.keys) + FLUSH)
        return commands

    # Commands.

    def storage(self):
        value, command = self.value(), self.pick(STORAGE)
        words = [command, self.key(), self.client_flags(), self.time(), b"%d" % len(value)]
        return self.line(b" ".join(words) + self.noreply()) + value + b"\r\n"

    def retrieval(self):
        count = self.pick([1, 1, 1, 2, 3, 10, 23, 24, 25, 60])
        keys = [self.key() for _ in range(count)]
        line = self.pick([b"get", b"get", b"gets", b"gat", b"gats"])
        if line.startswith(b"gat"):
            line += b" " + self.time()
            keys = keys[:5]
        line = b" ".join([line, *keys])
        return (FLUSH if any(len(key) > 250 for key in keys) else b"") + self.line(line)

    def cas(self):
        key, value = self.pick(self.keys), self.value()
        unique = b"@CAS@" if self.chance(60) else self.number(CAS_IDS)
        words = [b"cas", key, self.client_flags(), self.time(), b"%d" % len(value), unique]
        show = self.pick([b"gets %s\r\n", b"mg %s c\r\n"]) % key
        return show + self.line(b" ".join(words) + self.noreply()) + value + b"\r\n"

    def arithmetic(self):
        line = b"%s %s %s" % (self.pick([b"incr", b"decr"]), self.key(), self.number(NUMBERS))
        return FLUSH + self.line(line + self.noreply())

    def delete(self):
        extra = self.pick([b""] * 6 + [b" 0", b" noreply", b" 0 noreply", b" 5", b" 0 0", b" x"])
        return self.line(b"delete " + self.key() + extra)

    def touch(self):
        return self.line(b"touch %s %s" % (self.key(), self.time()) + self.noreply())

    def flush_all(self):
        # One in the future takes back one that was, as far as nobody, nor memcached in search of
        # memory, has looked since.
        later = [] if self.was_flushed else [b" 100000", b" 100000 noreply"]
        when = self.pick([b"", b" 0", b" -1", b" noreply", b" 0 noreply", *later])
        self.was_flushed = True
        self.needs_fresh |= when in later
        return self.line(b"flush_all" + when)

    def verbosity(self):
        return self.line(b"verbosity " + self.pick([b"0", b"1", b"0 noreply", b"99999999999"]))

    def meta_get(self):
        return self.meta(b"mg", b"bcfhkOqstTuvNRlE", "vkscftq")

    def meta_set(self):
        value = self.value()
        letters = b"bckOqFTIM"
        length = b"%d" % len(value) if self.chance(96) else self.pick(BAD_NUMBERS)
        return self.meta(b"ms", letters, "ckFT", length) + value + b"\r\n"

    def meta_delete(self):
        return self.meta(b"md", b"bkOqITC", "kq")

    def meta_arithmetic(self):
        return FLUSH + self.meta(b"ma", b"bckOqtTvNJDMC", "vctNJD")

    def meta_cas(self):
        key, value = self.pick(self.keys), self.value()
        show = b"mg %s c\r\n" % key
        flags = self.pick([b"", b" I", b" c", b" I T1000", b" MR", b" MA", b" ME", b" q"])
        if self.chance(50):
            return show + b"md %s C@CAS@%s\r\n" % (key, self.pick([b"", b" I", b" q"]))
        if self.chance(30):
            return show + FLUSH + b"ma %s C@CAS@ v c\r\n" % key
        return show + b"ms %s %d C@CAS@%s\r\n%s\r\n" % (key, len(value), flags, value)

    def meta_debug(self):
        key, extra = self.key(), self.pick([b""] * 5 + [b" x", b" q k"])
        if self.chance(20):
            key, extra = base64.b64encode(key[:100]), b" b"
        return self.line(b"me %s%s" % (key, extra))

    def meta(self, command, letters, usual, *words):
        flags = []
        if self.chance(60):
            flags += map(ord, self.random.sample(usual, self.random.randint(0, len(usual))))
        count = self.pick([0, 0, 1, 2, 4, 8])
        flags += [flag for flag in self.random.choices(letters, k=count) if flag not in flags]
        if self.chance(3):
            flags.append(self.pick(META_LETTERS))
        if self.chance(1):
            flags += self.random.choices(META_LETTERS, k=20)
        self.random.shuffle(flags)
        key = self.key()
        if ord("b") in flags and self.chance(90):
            key = base64.b64encode(key[:187])
        flags = list(dict.fromkeys(flags)) if self.chance(98) else flags
        return self.line(b" ".join([command, key, *words, *map(self.meta_flag, flags)]))

    def meta_flag(self, letter):
        name, numbers = bytes([letter]), {
            ord("T"): TIMES,
            ord("N"): TIMES,
            ord("R"): RECACHE_TIMES,
            ord("F"): CLIENT_FLAGS,
            ord("C"): CAS_IDS,
            ord("D"): NUMBERS,
            ord("J"): NUMBERS,
        }
        if letter in numbers:
            return name + self.number(numbers[letter])
        if letter == ord("O"):
            return name + self.pick([b"1", b"abc", b"", b"x" * 31, b"x" * 32, b"\xff"])
        if letter == ord("M"):
            return name + self.pick(MODES)
        return name + (b"1" if self.chance(2) else b"")

    def mangled(self):
        """A command without a value, a word of which is lost, doubled or broken."""
        draw = self.pick([self.retrieval, self.delete, self.touch, self.meta_get, self.meta_delete,
                          *([self.arithmetic, self.meta_arithmetic] if self.counts else [])])
        line = draw().split(b"\n")[-2].rstrip(b"\r")
        words = line.split(b" ")
        at = self.random.randrange(len(words))
        change = self.random.randrange(7)
        if change == 0:
            del words[at]
        elif change == 1:
            words.insert(at, words[at])
        elif change == 2:
            words.insert(at, b"")
        elif change == 3:
            words[at] = words[at].swapcase()
        elif change == 4:
            words.append(self.pick([b"noreply", b"x", b"", b"0"]))
        elif change == 5:
            words[at] += self.pick([b"\0", b"\t", b"\r", b"\xff", b"\x7f"])
        else:
            words[at] = words[at][: len(words[at]) // 2]
        line = b" ".join(words)[:1500]
        return FLUSH + line + self.pick([b"\r\n", b"\r\n", b"\n"])

    def bad_chunk(self):
        """A value that is not as long as was said; lines follow that may be lost."""
        value = self.letters(self.random.randint(0, 40))
        length = max(0, len(value) + self.random.randint(-20, 30))
        noreply = self.noreply()
        head = self.pick([
            b"set %s 0 0 %d" % (self.key(), length) + noreply,
            b"add %s 5 0 %d" % (self.key(), length) + noreply,
            b"ms %s %d" % (self.key(), length),
            b"ms %s %d q c k" % (self.key(), length),
            b"set %s 0 0 %s" % (self.key(), self.pick(BAD_NUMBERS[:6])),
            b"set %s %s 0 %d" % (self.key(), self.pick(BAD_NUMBERS), length),
            b"set %s 0 %s %d" % (self.key(), self.pick(BAD_NUMBERS), length),
            b"cas %s 0 0 %d %s" % (self.key(), length, self.pick(BAD_NUMBERS)),
        ])
        end = self.pick([b"\r\n", b"\r\n", b"\n", b"\r", b"", b"\n\r"])
        return self.line(head) + value + end + b"mn\r\n" * 12 + b"\r\n"

    def large(self):
        """Values about the limits, and such as are kept in more than one piece."""
        key = self.pick(self.keys)
        border = ITEM_MAX - ITEM_HEAD - len(key)
        size = self.pick([
            2000, 16384, 70000, 300000, 524288, 600000, 1000000, 1048576, 1048577, 1100000, 3000000,
            *(border + step for step in range(-6, 3)),
        ])
        value = (self.letters(97) * (size // 97 + 1))[:size]
        end = b"\r\n" if self.chance(90) else b"xx" + FLUSH * 2
        noreply = b" noreply" if self.chance(10) else b""
        head = self.pick([
            b"set %s 0 0 %d" % (key, size) + noreply,
            b"set %s 5 0 %d" % (key, size) + noreply,
            b"%s %s 0 0 %d" % (self.pick(STORAGE), key, size) + noreply,
            b"cas %s 0 0 %d 1" % (key, size) + noreply,
            b"ms %s %d c k" % (key, size),
            b"ms %s %d q" % (key, size),
            b"ms %s %d F5 %s" % (key, size, self.pick([b"MA", b"MP", b"ME", b"MR", b"Mx", b"T-1"])),
        ])
        return head + b"\r\n" + value + end + b"mg %s s f v\r\n" % key

    def last(self):
        """What ends a connection, or swallows all that is left."""
        key = self.pick(self.keys)
        return FLUSH + self.pick([
            b"quit\r\n",
            b"quit x\r\nget a\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"y" * self.random.randint(2049, 5000),
            b"y" * self.random.randint(1000, 2048),
            b"get %s" % key,
            b"set %s 0 0 5\r\nab" % key,
            b"set %s 0 0 2147483645\r\nab" % key,
            b"set %s 0 0 5000000 noreply\r\nab" % key,
            b"ms %s 9000000\r\nab" % key,
            b"set %s 0 0 700000\r\n%s" % (key, b"z" * 600000),
            b"set %s 0 0 2147483646\r\nab\r\n" % key + FLUSH,
            b"",
        ])

    # Their parts.

    def line(self, line):
        return line + (b"\r\n" if self.chance(97) else b"\n")

    def key(self):
        if self.chance(97):
            return self.pick(self.keys)
        return self.pick(STRAYS)

    def new_key(self):
        kind = self.random.randrange(8)
        if kind == 0:
            return bytes([self.random.choice(b"abcxyz0159")])
        if kind == 1:
            return self.letters(250)
        if kind == 2:
            return bytes(self.random.choices(range(0x80, 0x100), k=self.random.randint(1, 30)))
        if kind == 3:
            return self.letters(self.random.randint(1, 249))
        if kind == 4:
            return base64.b64encode(self.letters(self.random.randint(1, 30)))
        return b"key%d" % self.random.randrange(100)

    def value(self):
        kind = self.random.randrange(10)
        if kind < 4:
            return self.number(NUMBERS)
        if kind == 4:
            return b""
        if kind == 5:
            return self.pick([b"\n\ra", b"a\r\nb", b"END\r\n", b"version", b"9 ", b" 9", b"-1"])
        if kind == 6:
            # Without line ends, which begin commands where the command before is refused.
            noise = bytes(self.random.choices(range(256), k=self.random.randint(0, 60)))
            return noise.replace(b"\n", b".")
        return self.letters(self.pick([1, 3, 8, 20, 100, 1000]))

    def number(self, numbers):
        return self.pick(numbers) if self.chance(96) else self.pick(BAD_NUMBERS)

    def time(self):
        return self.pick(TIMES) if self.chance(98) else self.pick([b"x", b"2147483648", b"1.5"])

    def client_flags(self):
        return self.number(CLIENT_FLAGS)

    def noreply(self):
        return self.pick([b" noreply"] if self.chance(8) else [b""])

    def letters(self, count):
        return bytes(self.random.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=count))

    def pick(self, choices):
        return self.random.choice(choices)

    def chance(self, percent):
        return self.random.random() * 100 < percent
