#!/usr/bin/env python3
"""Independent Infocast peer: a second sender and receiver, used only by interop tests.

Written from the facts in the project's Infocast notes, without looking at the product's own
code, so that agreement between the two says something.  Python 3.11, standard library only.

Verbs: `send` (carousel), `receive` (one object to a file), `join` (raw recorder), `self-test`.
Results: ONE JSON line on stdout.  Diagnostics: stderr, with a line `ready` once the socket is
set up.  Exit status: 0 ok, 1 failed (the JSON then has an "error" member), 2 usage.

Safety: IPv4 loopback interfaces only, TTL 0 by default; SIGTERM/SIGINT end a verb early with its
normal summary; no loop over the network outlives --seconds.

Counters of `receive`: `datagrams` = everything received; `foreign` = other object names;
`malformed` = too short, no room for extension and trailer, bad number, or over the memory guard;
`duplicates` = packets already held.  `trailer_checked` counts datagrams whose trailer was compared.
Extra members: `revisions` = assemblies started, `sha1_place` = where a SHA-1 was found (or null).
"""
import argparse
import binascii
import hashlib
import ipaddress
import itertools
import json
import os
import signal
import socket
import struct
import sys
import time
import zlib
from collections import Counter
from typing import NamedTuple

# Packet layout: see the project's Infocast notes, section 2.
HEADER = struct.Struct(">HHII30sH")  # type, precoding, number, total, name, dynamic info
NAME_BYTES = 30
EXTENSION_SHIFT, EXTENSION_MASK, EXTENSION_UNIT = 13, 0b11, 16  # section 2.3
LOW_BITS_MASK = 0x1FFF
# Precoding codes and their trailers: sections 2.2 and 9.2.
CODE_CRC16, CODE_SHA1, CODE_CRC32, FLAG_CRC32 = 2, 3, 4, 0x4000
SHA1_BYTES = 20
# Choices of this peer, not facts.
EXTENSION_FILL = b"\xa5"
UNEQUAL_STEPS = (0, 1, 7, 31)  # bytes taken off --slice-bytes, in turn
MAX_UDP_PAYLOAD = 65507
MAX_PACKETS = 1 << 22
MAX_OBJECT_BYTES = 1 << 30
MAX_ASSEMBLIES = 4
SWITCH_AFTER = 3  # consecutive packets of a new revision that end the older ones
RECEIVE_BUFFER = 8 << 20
SO_RCVBUFFORCE = 33  # Linux; works with CAP_NET_ADMIN only, else SO_RCVBUF is used
POLL_SECONDS = 0.2
CHECK_INPUT = b"123456789"


# ---------------------------------------------------------------------------------- CRC
class Crc:
    """Table-driven CRC from the usual parameters (polynomial in normal notation).

    `augmented=False` is the old JDK style: message bits enter at the low end of the register and
    no zero bits follow, so the result is simply the message modulo the polynomial.
    """

    def __init__(self, width, poly, init, reflected, xorout, check, augmented=True):
        self.width, self.init, self.xorout, self.check = width, init, xorout, check
        self.reflected, self.augmented = reflected, augmented
        self.mask, self.bytes = (1 << width) - 1, width // 8
        self.table = [self._entry(index, poly) for index in range(256)]

    def _entry(self, index, poly):
        if self.reflected:
            flipped = int(f"{poly:0{self.width}b}"[::-1], 2)
            for _ in range(8):
                index = index >> 1 ^ (flipped if index & 1 else 0)
            return index
        index <<= self.width - 8
        for _ in range(8):
            index = index << 1 ^ (poly if index >> (self.width - 1) else 0)
            index &= self.mask
        return index

    def value(self, data):
        crc, table, mask, shift = self.init, self.table, self.mask, self.width - 8
        if self.reflected:
            for byte in data:
                crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
        elif self.augmented:
            for byte in data:
                crc = crc << 8 & mask ^ table[crc >> shift ^ byte]
        else:
            for byte in data:
                crc = (crc << 8 & mask | byte) ^ table[crc >> shift]
        return crc ^ self.xorout

    def trailer(self, data, order):
        return self.value(data).to_bytes(self.bytes, order)


# Parameters: common CRC catalogue values; check values: the notes, section 9.2.
ALL16, ALL32 = 0xFFFF, 0xFFFFFFFF
CRCS = {
    "crc-32/iso-hdlc": Crc(32, 0x04C11DB7, ALL32, True, ALL32, 0xCBF43926),
    "crc-32/mpeg-2": Crc(32, 0x04C11DB7, ALL32, False, 0, 0x0376E6E7),
    "crc-32/bzip2": Crc(32, 0x04C11DB7, ALL32, False, ALL32, 0xFC891918),
    "crc-32/jamcrc": Crc(32, 0x04C11DB7, ALL32, True, 0, 0x340BC6D9),
    "crc-16/xmodem": Crc(16, 0x1021, 0, False, 0, 0x31C3),
    "crc-16/ibm-3740": Crc(16, 0x1021, ALL16, False, 0, 0x29B1),
    "crc-16/genibus": Crc(16, 0x1021, ALL16, False, ALL16, 0xD64E),
    "crc-16/kermit": Crc(16, 0x1021, 0, True, 0, 0x2189),
    "crc-16/ibm-sdlc": Crc(16, 0x1021, ALL16, True, ALL16, 0x906E),
    "crc-16/mcrf4xx": Crc(16, 0x1021, ALL16, True, 0, 0x6F91),
    "crc-16/sun": Crc(16, 0x1021, 0, False, 0, 0xBEEF, augmented=False),
    "crc-16/arc": Crc(16, 0x8005, 0, True, 0, 0xBB3D),
    "crc-16/modbus": Crc(16, 0x8005, ALL16, True, 0, 0x4B37),
    "crc-16/umts": Crc(16, 0x8005, 0, False, 0, 0xFEE8),
}
DEFAULT_CRC = {2: "crc-16/xmodem", 4: "crc-32/iso-hdlc"}  # by trailer size


def crc_argument(text):
    """Accepts `xmodem` and `crc-16/xmodem` alike."""
    wanted = text.lower()
    for name, crc in CRCS.items():
        if wanted in (name, name.split("/")[1]):
            return crc
    raise argparse.ArgumentTypeError(f"unknown CRC {text!r}; known: {', '.join(CRCS)}")


# ------------------------------------------------------------------------------- packets
def trailer_bytes(precoding):
    if precoding == CODE_CRC16:
        return 2
    return 4 if precoding == CODE_CRC32 or precoding & FLAG_CRC32 else 0


def extension_bytes(dynamic_info):
    return (dynamic_info >> EXTENSION_SHIFT & EXTENSION_MASK) * EXTENSION_UNIT


class Malformed(Exception):
    pass


class Packet(NamedTuple):
    raw: bytes
    type: int
    precoding: int
    number: int
    total: int
    name_field: bytes
    dynamic_info: int

    @classmethod
    def parse(cls, raw):
        if len(raw) < HEADER.size:
            raise Malformed(f"{len(raw)} bytes, shorter than the header")
        return cls(raw, *HEADER.unpack_from(raw))

    @property
    def name(self):
        return self.name_field.split(b"\0", 1)[0]

    @property
    def start(self):
        return HEADER.size + extension_bytes(self.dynamic_info)

    @property
    def end(self):
        return len(self.raw) - trailer_bytes(self.precoding)

    @property
    def payload(self):
        return self.raw[self.start:self.end]

    @property
    def trailer(self):
        return self.raw[self.end:]


def cut(data, slice_bytes, unequal):
    """Slices of one object; an empty object is one empty slice."""
    slices, position = [], 0
    steps = itertools.cycle(UNEQUAL_STEPS if unequal else (0,))
    while position < len(data):
        size = max(1, slice_bytes - next(steps))
        slices.append(data[position:position + size])
        position += size
    return slices or [b""]


def covered(coverage, head, payload, whole):
    return {"payload": payload, "header": head + payload, "object": whole}[coverage]


def build_object(name, data, opts):
    """All datagrams of one object, in ascending order."""
    if opts.sha1_place == "object-tail":
        data += hashlib.sha1(data).digest()
    elif opts.sha1_place == "object-head":
        data = hashlib.sha1(data).digest() + data
    slices = cut(data, opts.slice_bytes, opts.unequal)
    if opts.sha1_place == "packet":
        trailer_of = lambda text: hashlib.sha1(text).digest()
    elif trailer_bytes(opts.precoding):
        trailer_of = lambda text: opts.crc_algorithm.trailer(text, opts.crc_order)
    else:
        trailer_of = None
    whole_trailer = trailer_of(data) if trailer_of and opts.crc_coverage == "object" else None
    dynamic_info = opts.extension << EXTENSION_SHIFT | opts.low_bits
    extension = EXTENSION_FILL * (opts.extension * EXTENSION_UNIT)
    datagrams = []
    for number, payload in enumerate(slices, start=1):
        head = HEADER.pack(opts.type, opts.precoding, number, len(slices), name, dynamic_info)
        head += extension
        trailer = b""
        if whole_trailer is not None:
            trailer = whole_trailer
        elif trailer_of:
            trailer = trailer_of(covered(opts.crc_coverage, head, payload, data))
        datagrams.append(head + payload + trailer)
    return datagrams


# ------------------------------------------------------------------------------- sockets
class Clock:
    """Deadline plus a stop flag set by SIGTERM/SIGINT."""

    def __init__(self, seconds):
        self.deadline = time.monotonic() + seconds
        self.stopped = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, *_):
        self.stopped = True

    def remaining(self):
        return 0.0 if self.stopped else max(0.0, self.deadline - time.monotonic())


def note(text):
    print(text, file=sys.stderr, flush=True)


def open_sender(opts):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(opts.interface))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, opts.ttl)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    sock.bind((opts.interface, 0))
    return sock


def open_receiver(opts):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.bind((opts.group, opts.port))
    membership = socket.inet_aton(opts.group) + socket.inet_aton(opts.interface)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return sock


def incoming(sock, clock):
    """Datagrams until the clock runs out."""
    while (left := clock.remaining()) > 0:
        sock.settimeout(min(left, POLL_SECONDS))
        try:
            yield sock.recv(1 << 16)
        except TimeoutError:
            continue


# ---------------------------------------------------------------------------------- send
def run_send(opts):
    objects = []
    for name, path in opts.object:
        with open(path, "rb") as file:
            objects.append(build_object(name, file.read(), opts))
    if opts.interleave:
        rounds = itertools.zip_longest(*objects)
        order = [datagram for group in rounds for datagram in group if datagram is not None]
    else:
        order = list(itertools.chain.from_iterable(objects))
    if (largest := max(map(len, order))) > MAX_UDP_PAYLOAD:
        opts.parser.error(f"a datagram would have {largest} bytes")
    sent = size = cycles = 0
    with open_sender(opts) as sock:
        clock, target = Clock(opts.seconds), (opts.group, opts.port)
        note("ready")
        while clock.remaining() > 0 and not (opts.cycles and cycles >= opts.cycles):
            for position, datagram in enumerate(order, start=1):
                if clock.remaining() <= 0:
                    break
                if cycles == 0 and opts.drop_every and position % opts.drop_every == 0:
                    continue
                sock.sendto(datagram, target)
                sent, size = sent + 1, size + len(datagram)
                if opts.gap_us:
                    time.sleep(min(opts.gap_us / 1e6, clock.remaining()))
            else:
                cycles += 1
    if cycles < opts.cycles:
        note(f"time is over after {cycles} of {opts.cycles} cycles")
    return {"datagrams": sent, "bytes": size, "cycles": cycles}


# ------------------------------------------------------------------------------- receive
class Violations:
    """One entry for each kind: the first case and how often it was seen."""

    def __init__(self):
        self.first, self.count = {}, Counter()

    def add(self, kind, detail):
        self.first.setdefault(kind, detail)
        self.count[kind] += 1

    def listing(self):
        return [f"{kind}: {text} (seen {self.count[kind]}x)" for kind, text in self.first.items()]


class Assembly:
    """Packets of one revision of the object."""

    def __init__(self, key, first):
        self.key, self.first, self.packets = key, first, {}
        self.last = None  # number of the previous packet
        self.arrived, self.wrapped_at = 0, None  # for the order rule

    def complete(self):
        return len(self.packets) == self.first.total

    def ordered(self):
        return [self.packets[number] for number in range(1, self.first.total + 1)]

    def watch_order(self, number, violations):
        """Numbers ascend within a pass.  A step back is taken for the start of the next pass when
        one end of it fits (the other may be lost) and the pass before was not implausibly short."""
        total, last, self.last = self.first.total, self.last, number
        self.arrived += 1
        if last is None or number > last or total == 1:
            return
        fits = number != last and (number == 1 or last == total)
        since, self.wrapped_at = self.wrapped_at, self.arrived
        if not fits or (since is not None and 2 * (self.arrived - since) < total):
            violations.add("order", f"number {number} after {last} of {total}")


class Receiver:
    def __init__(self, opts):
        self.opts, self.wanted = opts, opts.name
        self.counts = Counter()
        self.violations = Violations()
        self.assemblies = []  # newest last
        self.revisions, self.streak, self.streak_of = 0, 0, None
        self.largest, self.seen = 0, None

    def take(self, raw):
        """Handles one datagram; returns the assembly it completed, if any."""
        self.counts["datagrams"] += 1
        try:
            packet = Packet.parse(raw)
            if packet.name != self.wanted:
                self.counts["foreign"] += 1
                return None
            self.inspect(packet)
        except Malformed as error:
            self.counts["malformed"] += 1
            note(f"malformed datagram: {error}")
            return None
        coverage = self.opts.crc_coverage if self.opts.crc_algorithm else None
        if coverage in ("payload", "header"):
            self.check(packet, None)
        assembly = self.assembly_for(packet, coverage == "object")
        assembly.watch_order(packet.number, self.violations)
        if packet.number in assembly.packets:
            self.counts["duplicates"] += 1
        if coverage == "object":
            self.counts[id(assembly)] += 1
        assembly.packets[packet.number] = packet
        return assembly if assembly.complete() else None

    def inspect(self, packet):
        """Header rules; raises Malformed for what cannot be used at all."""
        add, number, total = self.violations.add, packet.number, packet.total
        if packet.name_field.rstrip(b"\0") != packet.name:
            add("name-padding", f"bytes after the first NUL: {packet.name_field.hex()}")
        if packet.dynamic_info:
            add("dynamic-info", f"0x{packet.dynamic_info:04x} is not 0")
        if self.seen is not None and self.seen.total != total:
            add("total-changed", f"{self.seen.total} became {total}")
        self.seen = packet
        if packet.end < packet.start:
            raise Malformed("no room for extension and trailer")
        if not 1 <= number <= total:
            add("number-range", f"number {number} of {total}")
            raise Malformed(f"number {number} of {total}")
        self.largest = max(self.largest, packet.end - packet.start)
        if total > MAX_PACKETS or total * self.largest > MAX_OBJECT_BYTES:
            add("too-large", f"{total} packets of up to {self.largest} bytes")
            raise Malformed(f"total {total} is above the memory guard")

    def assembly_for(self, packet, trailer_is_revision):
        """The revision a packet belongs to: other attributes, or other bytes under a known number,
        open a new one.  Revisions with equal attributes cannot be told apart afterwards, so the
        newer replaces the older at once; otherwise the older goes after a short run of the newer."""
        key = (packet.type, packet.precoding, packet.total, packet.dynamic_info)
        if trailer_is_revision:
            key += (packet.trailer,)
        found = next((one for one in self.assemblies if one.key == key), None)
        if found is not None:
            known = found.packets.get(packet.number)
            if known is not None and known.payload != packet.payload:
                self.assemblies.remove(found)
                found = None
        if found is None:
            found = Assembly(key, packet)
            self.revisions += 1
            if trailer_is_revision and len(self.assemblies) == MAX_ASSEMBLIES:
                raise ValueError("trailers keep changing: they do not cover the whole object")
            self.assemblies = (self.assemblies + [found])[-MAX_ASSEMBLIES:]
        self.streak = self.streak + 1 if self.streak_of is found else 1
        self.streak_of = found
        if self.streak >= SWITCH_AFTER and found is self.assemblies[-1]:
            self.assemblies = [found]
        return found

    def check(self, packet, whole):
        """Compares one trailer; ValueError on a mismatch."""
        if not packet.trailer:
            return
        text = covered(self.opts.crc_coverage, packet.raw[:packet.start], packet.payload, whole)
        expected = self.opts.crc_algorithm.trailer(text, self.opts.crc_order)
        if packet.trailer != expected:
            raise ValueError(f"trailer of packet {packet.number} is {packet.trailer.hex()}, "
                             f"expected {expected.hex()}")
        self.counts["trailer_checked"] += 1

    def finish(self, assembly):
        """Content of a complete assembly and where a SHA-1 was found in it."""
        packets = assembly.ordered()
        slices = [packet.payload for packet in packets]
        inner, last = {len(one) for one in slices[:-1]}, len(slices[-1])
        if len(inner) > 1:
            self.violations.add("unequal-slices", f"inner slices of {min(inner)}..{max(inner)} bytes")
        if inner and last > max(inner):
            self.violations.add("long-last-slice", f"{last} bytes after slices of {max(inner)}")
        if inner and 0 in inner | {last}:
            self.violations.add("empty-slice", "an empty slice in an object of several packets")
        whole = b"".join(slices)
        if self.opts.crc_algorithm and self.opts.crc_coverage == "object" and packets[0].trailer:
            self.check(packets[0], whole)  # all trailers of this assembly are equal by its key
            self.counts["trailer_checked"] = self.counts[id(assembly)]
        if assembly.first.precoding == CODE_SHA1:
            return strip_sha1(packets, slices, whole)
        return whole, None

    def summary(self):
        first = self.assemblies[-1].first if self.assemblies else None
        result = {"name": os.fsdecode(self.wanted)}
        for member in ("type", "precoding", "total"):
            result[member] = getattr(first, member, None)
        result |= {"bytes": None, "sha256": None}
        for member in ("datagrams", "duplicates", "foreign", "malformed"):
            result[member] = self.counts[member]
        result["dynamic_info"] = getattr(first, "dynamic_info", None)
        result["trailer_checked"] = self.counts["trailer_checked"]
        result["header_violations"] = self.violations.listing()
        return result | {"revisions": self.revisions, "sha1_place": None}


def strip_sha1(packets, slices, whole):
    """Tries tail, head, then every packet, in the order of the notes (section 9.2)."""
    digest = lambda text: hashlib.sha1(text).digest()
    if len(whole) >= SHA1_BYTES:
        if digest(whole[:-SHA1_BYTES]) == whole[-SHA1_BYTES:]:
            return whole[:-SHA1_BYTES], "object-tail"
        if digest(whole[SHA1_BYTES:]) == whole[:SHA1_BYTES]:
            return whole[SHA1_BYTES:], "object-head"
    if all(len(one) >= SHA1_BYTES for one in slices):
        content = b"".join(one[:-SHA1_BYTES] for one in slices)
        for coverage in ("payload", "header"):
            if all(digest(covered(coverage, packet.raw[:packet.start], one[:-SHA1_BYTES], content))
                   == one[-SHA1_BYTES:] for packet, one in zip(packets, slices)):
                return content, "packet"
        whole_digest = digest(content)
        if all(one[-SHA1_BYTES:] == whole_digest for one in slices):
            return content, "packet"
    return whole, None


def run_receive(opts):
    receiver = Receiver(opts)
    error, done = "object not complete when the time was over", None
    with open_receiver(opts) as sock:
        clock = Clock(opts.seconds)
        note("ready")
        try:
            for raw in incoming(sock, clock):
                if (assembly := receiver.take(raw)) is not None:
                    done, error = receiver.finish(assembly), None
                    receiver.assemblies = [assembly]
                    break
        except ValueError as problem:
            error = str(problem)
    result = receiver.summary()
    if done is not None:
        content, result["sha1_place"] = done
        result |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        with open(opts.output, "wb") as file:
            file.write(content)
    return result if error is None else result | {"error": error}


# -------------------------------------------------------------------- join and self-test
def run_join(opts):
    count = 0
    with open_receiver(opts) as sock, open(opts.record, "wb") as file:
        clock = Clock(opts.seconds)
        note("ready")
        for raw in incoming(sock, clock):
            file.write(struct.pack(">I", len(raw)) + raw)
            count += 1
            if count == opts.count:
                break
    return {"datagrams": count}


def run_self_test(_):
    note("ready")
    failures = [f"{name}: {crc.value(CHECK_INPUT):x} instead of {crc.check:x}"
                for name, crc in CRCS.items() if crc.value(CHECK_INPUT) != crc.check]
    sample = bytes(range(256)) * 5
    if CRCS["crc-32/iso-hdlc"].value(sample) != zlib.crc32(sample):
        failures.append("crc-32/iso-hdlc differs from zlib")
    if CRCS["crc-16/xmodem"].value(sample) != binascii.crc_hqx(sample, 0):
        failures.append("crc-16/xmodem differs from binascii")
    if HEADER.size != 44:
        failures.append(f"header of {HEADER.size} bytes")
    packet = Packet.parse(bytes.fromhex("0005400000000002") + b"\0\0\0\3" + b"n" * 30
                          + b"\xe0\x01" + b"e" * 48 + b"data" + b"crc!")
    if (packet.type, packet.number, packet.total, packet.name, packet.payload, packet.trailer) != (
            5, 2, 3, b"n" * 30, b"data", b"crc!"):
        failures.append("fixed packet parsed wrongly")
    result = {"checked": len(CRCS) + 4, "failures": failures}
    return result | {"error": "self-test failed"} if failures else result


# --------------------------------------------------------------------------- command line
def integer(low, high):
    def parse(text):
        value = int(text, 0)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not in {low}..{high}")
        return value
    parse.__name__ = "integer"
    return parse


def seconds_argument(text):
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("seconds must be above 0 and at most 3600")
    return value


def address(test, what):
    def parse(text):
        try:
            if test(ipaddress.IPv4Address(text)):
                return text
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return parse


def name_argument(text):
    name = os.fsencode(text)
    if not 1 <= len(name) <= NAME_BYTES:
        raise argparse.ArgumentTypeError(f"object name must have 1..{NAME_BYTES} bytes")
    return name


def object_argument(text):
    name, separator, path = text.partition("=")
    if not separator or not path:
        raise argparse.ArgumentTypeError("expected NAME=FILE")
    return name_argument(name), path


def build_parser():
    parser = argparse.ArgumentParser(description="Infocast interop test peer (loopback only)")
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(name, run, text):
        sub = verbs.add_parser(name, help=text)
        sub.set_defaults(run=run, parser=sub)
        if name == "self-test":
            return sub
        multicast = address(lambda one: one.is_multicast, "an IPv4 multicast group")
        loopback = address(lambda one: one.is_loopback, "a loopback interface address")
        sub.add_argument("--group", type=multicast, required=True)
        sub.add_argument("--port", type=integer(1, 65535), required=True)
        sub.add_argument("--interface", type=loopback, required=True)
        sub.add_argument("--seconds", type=seconds_argument, default=30.0)
        if name != "join":
            sub.add_argument("--crc-algorithm", type=crc_argument)
            sub.add_argument("--crc-coverage", choices=("payload", "header", "object"),
                             default="payload")
            sub.add_argument("--crc-order", choices=("big", "little"), default="big")
        return sub

    send = verb("send", run_send, "send objects as a carousel")
    send.add_argument("--ttl", type=integer(0, 255), default=0)
    send.add_argument("--object", type=object_argument, action="append", required=True)
    send.add_argument("--type", type=integer(0, 0xFFFF), default=1)
    send.add_argument("--precoding", type=integer(0, 0xFFFF), default=1)
    send.add_argument("--extension", type=integer(0, EXTENSION_MASK), default=0)
    send.add_argument("--low-bits", type=integer(0, LOW_BITS_MASK), default=0)
    send.add_argument("--slice-bytes", type=integer(1, MAX_UDP_PAYLOAD), default=1024)
    send.add_argument("--unequal", action="store_true")
    send.add_argument("--sha1-place", default="none",
                      choices=("none", "object-tail", "object-head", "packet"),
                      help="with precoding 3; `packet` hashes what --crc-coverage says")
    send.add_argument("--cycles", type=integer(0, 1 << 31), default=0)
    send.add_argument("--gap-us", type=integer(0, 10_000_000), default=300)
    send.add_argument("--interleave", action="store_true")
    send.add_argument("--drop-every", type=integer(0, 1 << 31), default=0)
    receive = verb("receive", run_receive, "collect one object")
    receive.add_argument("--name", type=name_argument, required=True)
    receive.add_argument("--output", required=True)
    join = verb("join", run_join, "record raw datagrams")
    join.add_argument("--record", required=True)
    join.add_argument("--count", type=integer(1, 1 << 31))
    verb("self-test", run_self_test, "check the CRCs against their check values")
    return parser


def check_send(opts):
    """Usage rules that concern several options; fills in the default CRC."""
    size = trailer_bytes(opts.precoding)
    if size and opts.crc_algorithm is None:
        opts.crc_algorithm = CRCS[DEFAULT_CRC[size]]
    if size and opts.crc_algorithm.bytes != size:
        opts.parser.error(f"precoding {opts.precoding} has a trailer of {size} bytes, "
                          f"the CRC has {opts.crc_algorithm.bytes}")
    if opts.sha1_place != "none" and opts.precoding != CODE_SHA1:
        opts.parser.error("--sha1-place needs --precoding 3")
    if len({name for name, _ in opts.object}) != len(opts.object):
        opts.parser.error("two objects with one name")


def main():
    opts = build_parser().parse_args()
    if opts.verb == "send":
        check_send(opts)
    try:
        result = opts.run(opts)
    except OSError as error:
        result = {"error": str(error)}
    if "error" in result:
        note(f"error: {result['error']}")
    print(json.dumps(result), flush=True)
    return 1 if "error" in result else 0


if __name__ == "__main__":
    sys.exit(main())
