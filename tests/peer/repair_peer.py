#!/usr/bin/env python3
"""A second box: rebuilds an object from a capture of its channel, companion and announce session.

Written from carousels/PROTOCOL.md and the project's Infocast notes, so that agreement with the
product's own code says something.  It is told the source URL and the announce group alone.
Python 3.11, standard library only.

    repair_peer.py rebuild capture.pcap --source infocast://GROUP:PORT/NAME --announce GROUP:PORT
                   --output FILE [--without-repair] [--serial SERIAL]
    repair_peer.py self-test DIRECTORY     (carousels/fec/tests/vectors)

Result: ONE JSON line on stdout, diagnostics on stderr.  Exit status: 0 the object is whole and
matches its SHA-256, 1 it is not (the JSON then has an "error" member), 2 usage.
"""
import argparse
import base64
import hashlib
import ipaddress
import json
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from repair_codes import Rs8, Rs16


class Failed(Exception):
    """The object cannot be rebuilt; the text says why."""


class Refused(Exception):
    """A datagram is not taken; the text is the name of its counter."""


# ------------------------------------------------------------------------------- captures
LINK_ETHERNET, LINK_RAW, LINK_LINUX_SLL = 1, 101, 113
ETHER_IPV4, ETHER_IPV6, ETHER_VLANS = 0x0800, 0x86DD, (0x8100, 0x88A8)
PROTOCOL_UDP = 17
CAPTURED_BYTES_MAX = 1 << 18


class Datagram(NamedTuple):
    source: ipaddress._BaseAddress
    group: tuple  # address and port
    payload: bytes


def records(path):
    """The packets of a capture in the classic format, with its link type."""
    with open(path, "rb") as file:
        magic = file.read(4)
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<",
                 b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}.get(magic)
        rest = file.read(20)
        if order is None or len(rest) < 20:
            raise Failed(f"{path} is no capture in the classic pcap format")
        link = struct.unpack_from(order + "I", rest, 16)[0] & 0x0FFF_FFFF
        header = struct.Struct(order + "IIII")
        while len(head := file.read(header.size)) == header.size:
            captured, original = header.unpack(head)[2:]
            if captured > CAPTURED_BYTES_MAX:
                raise Failed(f"{path} has a packet of {captured} bytes")
            packet = file.read(captured)
            if len(packet) == captured == original:
                yield link, packet


def network_packet(link, frame):
    """The IP packet in a frame, or None."""
    if link == LINK_RAW:
        return frame
    at = {LINK_ETHERNET: 12, LINK_LINUX_SLL: 14}.get(link)
    if at is None:
        raise Failed(f"link type {link} is not Ethernet, raw IP or Linux cooked")
    kind = int.from_bytes(frame[at:at + 2], "big")
    while kind in ETHER_VLANS:
        at += 4
        kind = int.from_bytes(frame[at:at + 2], "big")
    return frame[at + 2:] if kind in (ETHER_IPV4, ETHER_IPV6) else None


def udp(packet):
    """The UDP datagram in an IP packet, or None. Fragments are left out."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        start, end = 4 * (packet[0] & 15), int.from_bytes(packet[2:4], "big")
        fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF
        if start < 20 or packet[9] != PROTOCOL_UDP or fragment:
            return None
        source, group = (ipaddress.IPv4Address(packet[at:at + 4]) for at in (12, 16))
    elif len(packet) >= 40 and packet[0] >> 4 == 6:
        start, end = 40, 40 + int.from_bytes(packet[4:6], "big")
        if packet[6] != PROTOCOL_UDP:
            return None
        source, group = (ipaddress.IPv6Address(packet[at:at + 16]) for at in (8, 24))
    else:
        return None
    if end > len(packet) or end < start + 8:
        return None
    port, length = struct.unpack_from(">HH", packet, start + 2)
    if not 8 <= length <= end - start:
        return None
    return Datagram(source, (group, port), packet[start + 8:start + length])


def datagrams(path):
    for link, frame in records(path):
        packet = network_packet(link, frame)
        datagram = udp(packet) if packet else None
        if datagram:
            yield datagram


def address_and_port(text):
    """`239.1.1.1:22222` or `[ff15::1]:22222`."""
    address, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ValueError(f"{text!r} is no group and port")
    if address.startswith("[") and address.endswith("]"):
        return ipaddress.IPv6Address(address[1:-1]), int(port)
    return ipaddress.IPv4Address(address), int(port)


# ------------------------------------------------------------- section 1: ALC, LCT, EXT_FTI
CP_NO_CODE, CP_RAPTORQ, CP_COMPANION = 0, 6, 128
EXT_FDT, EXT_TIME, EXT_FTI = 192, 2, 64
DATAGRAM_BYTES_MAX = 9_000
CODES = {0x5301: Rs8, 0x5302: Rs16}
SYMBOLS_MAX, BLOCKS_MAX = 1 << 24, 1 << 16


class Fti(NamedTuple):
    """What EXT_FTI and the FDT say: `instance` is None without a code."""

    length: int
    symbol_bytes: int
    block_symbols: int
    instance: int | None = None

    def check(self):
        symbols = -(-self.length // self.symbol_bytes) if self.symbol_bytes else 0
        if not self.symbol_bytes or symbols > SYMBOLS_MAX or not self.block_symbols:
            raise Refused("fti")
        if self.instance is not None:
            code = CODES.get(self.instance)
            if code is None or self.block_symbols > min(code.MOST, symbols):
                raise Refused("fti")
            if -(-symbols // self.block_symbols) > BLOCKS_MAX:
                raise Refused("fti")
        return self


class Packet(NamedTuple):
    tsi: int
    toi: int
    codepoint: int
    fti: Fti | None
    instance_id: int | None
    sent_ntp_s: int | None
    block: int
    symbol: int
    body: bytes


def parse(datagram):
    """A datagram of section 1, or Refused. None for the end of a session."""
    if not 16 <= len(datagram) <= DATAGRAM_BYTES_MAX:
        if datagram[:2] == b"\x10\x82":
            return None
        raise Refused("length")
    first, flags, words, codepoint = datagram[:4]
    if first != 0x10 or flags & 0xFC != 0xA0:
        raise Refused("lct")
    header_bytes = 4 * words
    tsi, toi = struct.unpack_from(">II", datagram, 8)
    if header_bytes < 16 or header_bytes > len(datagram):
        raise Refused("lct")
    extensions = dict(extensions_of(datagram[16:header_bytes]))
    if len(datagram) == header_bytes and flags & 3:
        return None
    fti = fti_of(codepoint, extensions.get(EXT_FTI))
    fdt, time = extensions.get(EXT_FDT), extensions.get(EXT_TIME)
    instance_id = int.from_bytes(fdt[1:4], "big") & 0xF_FFFF if fdt else None
    if fdt and fdt[1] >> 4 not in (1, 2):
        raise Refused("fdt_version")
    sent = int.from_bytes(time[4:8], "big") if time and len(time) == 12 else None
    at, end = header_bytes, len(datagram)
    if codepoint == CP_COMPANION:
        end -= 4
        if end < at + 8:
            raise Refused("length")
        if zlib.crc32(datagram[:end]) != int.from_bytes(datagram[end:], "big"):
            raise Refused("crc")
        block, symbol = struct.unpack_from(">II", datagram, at)
        at += 8
    elif codepoint == CP_NO_CODE and end >= at + 4:
        block, symbol = struct.unpack_from(">HH", datagram, at)
        at += 4
    else:
        raise Refused("codepoint")
    body = datagram[at:end]
    return Packet(tsi, toi, codepoint, fti, instance_id, sent, block, symbol, body)


def extensions_of(field):
    at = 0
    while at < len(field):
        kind = field[at]
        length = 4 if kind >= 128 else 4 * field[at + 1] if at + 1 < len(field) else 0
        if length == 0 or at + length > len(field):
            raise Refused("extension")
        yield kind, field[at:at + length]
        at += length


def fti_of(codepoint, extension):
    if extension is None or codepoint not in (CP_NO_CODE, CP_COMPANION):
        return None
    if len(extension) != 16:
        raise Refused("fti")
    length = int.from_bytes(extension[2:8], "big")
    instance, symbol_bytes, block_symbols = struct.unpack_from(">HHI", extension, 8)
    coded = codepoint == CP_COMPANION
    return Fti(length, symbol_bytes, block_symbols, instance if coded else None).check()


# --------------------------------------------------------------------- section 2: the FDT
NAMESPACE, OURS = "{urn:IETF:metadata:2005:FLUTE:FDT}", "{urn:stbcast:fdt:1}"
FDT_BYTES_MAX = 131_072


class Described(NamedTuple):
    """One `File` of the announcement."""

    location: str
    toi: int
    length: int
    sha256: bytes
    slice_bytes: int
    fti: Fti | None
    repair_group: tuple | None
    repair_tsi: int | None
    unicast: "Unicast | None"

    def agrees_with(self, other):
        """Where the bytes are served may change; the bytes may not."""
        return self._replace(unicast=None) == other._replace(unicast=None)


class Unicast(NamedTuple):
    """Where the same bytes are served over HTTP, and when a box may ask."""

    urls: list
    after_cycles: int
    window_s: int

    def delay_us(self, serial, sha256):
        """Section 5.1."""
        def text(t):
            return struct.pack(">Q", len(t)) + t

        said = text(b"stbcast delay") + text(serial.encode("ascii")) + text(sha256)
        chance = int.from_bytes(hashlib.sha256(said).digest()[:8], "big")
        return chance * self.window_s * 1_000_000 >> 64


class Announcements:
    """Puts FDT instances together and keeps what they describe."""

    def __init__(self):
        self.parts, self.seen, self.instances = {}, {}, 0

    def push(self, source, packet):
        """The files of an instance when its last part comes, else nothing."""
        if packet.toi != 0 or packet.instance_id is None or packet.fti is None:
            raise Refused("not_fdt")
        fti = packet.fti
        symbols = -(-fti.length // fti.symbol_bytes)
        if fti.length > FDT_BYTES_MAX or packet.block != 0 or symbols > fti.block_symbols:
            raise Refused("fdt_bytes")
        start = packet.symbol * fti.symbol_bytes
        if len(packet.body) != min(fti.symbol_bytes, fti.length - start):
            raise Refused("symbol")
        # A session is its source and its TSI; a restarted sender may have other bytes.
        parts = self.parts.setdefault((source, packet.tsi, packet.instance_id, fti), {})
        if parts.get(packet.symbol, packet.body) != packet.body:
            parts.clear()
        parts[packet.symbol] = packet.body
        if len(parts) < symbols:
            return []
        xml = b"".join(parts[at] for at in range(symbols))
        if self.seen.get((source, packet.tsi, packet.instance_id)) == xml:
            return []
        self.seen[source, packet.tsi, packet.instance_id] = xml
        self.instances += 1
        return list(files_of(xml, packet.sent_ntp_s))


def files_of(xml, now_ntp_s):
    if b"<!DOCTYPE" in xml:
        raise Refused("fdt")
    try:
        root = ElementTree.fromstring(xml)
        expires = int(root.get("Expires", ""))
    except (ElementTree.ParseError, ValueError):
        raise Refused("fdt") from None
    if root.tag != NAMESPACE + "FDT-Instance":
        raise Refused("fdt")
    # NTP seconds have 32 bits; of the times they can mean, the one nearest to now counts.
    if now_ntp_s is not None and (expires - now_ntp_s) % (1 << 32) >= 1 << 31:
        raise Refused("expired")
    for file in root.iterfind(NAMESPACE + "File"):
        try:
            described = file_of(file)
        except (KeyError, ValueError, Refused) as error:
            note(f"left out a file of the FDT: {error!r}")
            continue
        if described:
            yield described


def file_of(file):
    """A file with a digest and slices, else None."""
    digest, slice_bytes = file.get("Content-Digest"), file.get(OURS + "Slice-Bytes")
    if digest is None or slice_bytes is None:
        return None
    if not (digest.startswith("sha-256=:") and digest.endswith(":")):
        raise ValueError(digest)
    sha256 = base64.b64decode(digest.removeprefix("sha-256=:")[:-1], validate=True)
    length = int(file.attrib["Content-Length"])
    fti = group = tsi = None
    if (encoding := file.get("FEC-OTI-FEC-Encoding-ID")) is not None:
        if int(file.attrib["Transfer-Length"]) != length:
            raise ValueError("two lengths")
        if int(encoding) != CP_COMPANION:
            raise ValueError(f"FEC Encoding ID {encoding} is not known here")
        fti = Fti(length, int(file.attrib["FEC-OTI-Encoding-Symbol-Length"]),
                  int(file.attrib["FEC-OTI-Maximum-Source-Block-Length"]),
                  int(file.attrib["FEC-OTI-FEC-Instance-ID"])).check()
        group = address_and_port(file.attrib[OURS + "Repair-Group"])
        tsi = int(file.attrib[OURS + "Repair-TSI"])
    unicast = unicast_of(file)
    if len(sha256) != 32 or length < 1 or int(slice_bytes) < 1:
        raise ValueError("digest, length or slice")
    return Described(file.attrib["Content-Location"], int(file.attrib["TOI"]), length, sha256,
                     int(slice_bytes), fti, group, tsi, unicast)


def unicast_of(file):
    """What `stb:Alternate` says, where it stands there."""
    if (alternates := file.get(OURS + "Alternate")) is None:
        return None
    urls = alternates.split(" ")
    after_cycles = int(file.get(OURS + "Alternate-After", "2"))
    window_s = int(file.get(OURS + "Alternate-Window", "3600"))
    if not (1 <= len(urls) <= 4 and len(alternates) <= 512 and 1 <= after_cycles <= 255
            and 0 <= window_s <= 86_400):
        raise ValueError("alternate URLs")
    if not all(url.startswith(("http://", "https://")) for url in urls):
        raise ValueError(alternates)
    return Unicast(urls, after_cycles, window_s)


# ----------------------------------------------------------------- the channel: Infocast
INFOCAST = struct.Struct(">HHII30sH")
INFOCAST_TRAILERS = {0: 0, 1: 0, 2: 2, 3: 0, 4: 4, 0x4000: 4}


def slice_of(datagram, name):
    """Number from 0, packets of the object and slice of an Infocast packet of `name`, or None."""
    if len(datagram) < INFOCAST.size:
        return None
    _, precoding, number, total, written, dynamic = INFOCAST.unpack_from(datagram)
    if written.rstrip(b"\0") != name:
        return None
    start = INFOCAST.size + 16 * (dynamic >> 13 & 3)
    end = len(datagram) - INFOCAST_TRAILERS.get(precoding, 0)
    if not 1 <= number <= total or end < start:
        raise Refused("slice")
    return number - 1, total, datagram[start:end]


# ---------------------------------------------------------------- section 4: the companion
class Companion:
    """Where every symbol of an object is, and what is there of them."""

    def __init__(self, described):
        self.described, self.fti = described, described.fti
        self.slices, self.repair, self.counts = {}, {}, Counter()
        self.slice_count = -(-described.length // described.slice_bytes)
        if self.fti is None:
            return
        self.symbols_per_slice, rest = divmod(described.slice_bytes, self.fti.symbol_bytes)
        if rest or not 1 <= self.symbols_per_slice <= 8:
            raise Failed(f"slices of {described.slice_bytes} bytes are not 1 to 8 symbols of "
                         f"{self.fti.symbol_bytes}")
        self.symbols = -(-self.fti.length // self.fti.symbol_bytes)
        self.blocks = -(-self.symbols // self.fti.block_symbols)
        self.code = CODES[self.fti.instance](self.fti.block_symbols, self.fti.symbol_bytes)

    def take_slice(self, index, total, body):
        described = self.described
        start = index * described.slice_bytes
        length = min(described.slice_bytes, described.length - start)
        if total != self.slice_count or len(body) != length:
            raise Refused("slice_of_another_revision")
        self.counts["slice_datagrams"] += 1
        self.slices.setdefault(index, body)

    def take_repair(self, packet):
        described, fti = self.described, self.fti
        if packet.tsi != described.repair_tsi:
            raise Refused("other_session")
        if packet.codepoint != CP_COMPANION or packet.toi != described.toi:
            raise Refused("other_object")
        if packet.fti != fti:
            raise Refused("contradiction")
        index = packet.symbol - fti.block_symbols
        if packet.block >= self.blocks or not 0 <= index < self.code.repair_symbols:
            raise Refused("symbol")
        if len(packet.body) != self.code.symbol_bytes:
            raise Refused("symbol")
        self.counts["repair_datagrams"] += 1
        self.repair.setdefault(packet.block, {}).setdefault(index, packet.body)

    def rebuild(self):
        """Recovers what is missing; the bytes of the object, and figures."""
        missing_slices = [at for at in range(self.slice_count) if at not in self.slices]
        used = recovered_blocks = 0
        if missing_slices:
            if self.fti is None:
                raise Failed(f"{len(missing_slices)} slices are missing and nothing repairs them")
            recovered = {}
            short = []
            for block in range(self.blocks):
                made, lacking = self.recover(block)
                recovered |= made
                used += len(made)
                recovered_blocks += bool(made)
                if lacking:
                    short.append(f"{lacking} in block {block}")
            if short:
                raise Failed("repair symbols are lacking: " + ", ".join(short[:8]))
            self.fill(missing_slices, recovered)
        whole = b"".join(self.slices[at] for at in range(self.slice_count))
        return whole, {"missing": len(missing_slices), "repair_used": used,
                       "blocks_recovered": recovered_blocks}

    def recover(self, block):
        """The missing symbols of a block by their number, and how many repair symbols lack."""
        count = -(-(self.symbols - block) // self.blocks)
        held, missing = {}, []
        for position in range(count):
            symbol = position * self.blocks + block
            at, part = divmod(symbol, self.symbols_per_slice)
            if at in self.slices:
                start = part * self.fti.symbol_bytes
                body = self.slices[at][start:start + self.fti.symbol_bytes]
                held[position] = body.ljust(self.code.symbol_bytes, b"\0")
            else:
                missing.append(position)
        repair = self.repair.get(block, {})
        if len(repair) < len(missing):
            return {}, len(missing) - len(repair)
        if not missing:
            return {}, 0
        try:
            made = self.code.recover(held, repair, missing)
        except ValueError as error:
            raise Failed(f"block {block}: {error}") from None
        return {position * self.blocks + block: body for position, body in made.items()}, 0

    def fill(self, missing_slices, recovered):
        described = self.described
        for at in missing_slices:
            first = at * self.symbols_per_slice
            end = min(first + self.symbols_per_slice, self.symbols)
            body = b"".join(recovered[symbol][:self.fti.symbol_bytes]
                            for symbol in range(first, end))
            start = at * described.slice_bytes
            self.slices[at] = body[:min(described.slice_bytes, described.length - start)]


# ------------------------------------------------------------------------------- rebuild
class Box:
    """Everything from one capture, in its order."""

    def __init__(self, source, group, name, announce, without_repair):
        self.source, self.group, self.name = source, group, name
        self.announce, self.without_repair, self.serial = announce, without_repair, None
        self.announcements, self.refused = Announcements(), Counter()
        self.companion = None
        # Before the first announcement nothing can be checked, so it waits.
        self.early = []

    def push(self, datagram):
        try:
            if datagram.group == self.announce:
                self.push_announcement(datagram)
            elif self.companion is None:
                self.early.append(datagram)
            else:
                self.push_symbol(datagram)
        except Refused as reason:
            self.refused[str(reason)] += 1

    def push_announcement(self, datagram):
        packet = parse(datagram.payload)
        if packet is None:
            return
        for described in self.announcements.push(datagram.source, packet):
            if described.location != self.source:
                continue
            known = self.companion and self.companion.described
            if known and known.toi == described.toi:
                if not known.agrees_with(described):
                    raise Refused("contradiction")
                continue
            if known:
                note(f"TOI {described.toi} is a new revision: what was gathered is dropped")
                self.refused["slice_of_another_revision"] += len(self.companion.slices)
            self.companion = Companion(described)
            early, self.early = self.early, []
            for one in early:
                self.push(one)

    def push_symbol(self, datagram):
        if datagram.group == self.group:
            found = slice_of(datagram.payload, self.name)
            if found:
                self.companion.take_slice(*found)
        elif datagram.group == self.companion.described.repair_group and not self.without_repair:
            packet = parse(datagram.payload)
            # The companion's own FDT says nothing that the announcement does not say.
            if packet and packet.toi != 0:
                self.companion.take_repair(packet)

    def finish(self):
        if self.companion is None:
            raise Failed(f"no announcement names {self.source}")
        companion, described = self.companion, self.companion.described
        figures = {"slices": companion.slice_count, "slices_received": len(companion.slices),
                   "slice_datagrams": companion.counts["slice_datagrams"],
                   "repair_datagrams": companion.counts["repair_datagrams"],
                   "repair_received": sum(map(len, companion.repair.values())),
                   "fdt_instances": self.announcements.instances, "refused": dict(self.refused)}
        if described.unicast:
            unicast = described.unicast
            figures["unicast"] = unicast._asdict()
            if self.serial is not None:
                figures["unicast"]["delay_us"] = unicast.delay_us(self.serial, described.sha256)
        if companion.fti:
            figures |= {"code": type(companion.code).__name__.lower(), "blocks": companion.blocks,
                        "block_symbols": companion.fti.block_symbols,
                        "symbol_bytes": companion.fti.symbol_bytes}
        try:
            whole, more = companion.rebuild()
        except Failed as error:
            return None, figures | {"error": str(error)}
        figures |= more | {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
        if hashlib.sha256(whole).digest() != described.sha256:
            return None, figures | {"error": "the SHA-256 is not the announced one"}
        return whole, figures


def run_rebuild(opts):
    group, name = opts.source
    box = Box(opts.source_text, group, name, opts.announce, opts.without_repair)
    box.serial = opts.serial
    for datagram in datagrams(opts.capture):
        box.push(datagram)
    whole, figures = box.finish()
    if whole is not None:
        Path(opts.output).write_bytes(whole)
    return figures


# ----------------------------------------------------------------------------- self-test
def vector_object(length):
    """Byte n of every vector: the top byte of (n + 1) * 2654435761 mod 2^32."""
    return bytes((n * 2_654_435_761 & 0xFFFF_FFFF) >> 24 for n in range(1, length + 1))


def run_self_test(opts):
    checked = 0
    for path in sorted(Path(opts.vectors).glob("rs*.txt")):
        lines = [line.split() for line in path.read_text().splitlines() if line[:1] != "#"]
        said = {words[0]: words[1] for words in lines if len(words) == 2}
        length, symbol_bytes = int(said["length"]), int(said["symbol_bytes"])
        code = {"rs8": Rs8, "rs16": Rs16}[said["scheme"]](int(said["block_symbols"]), symbol_bytes)
        blocks, whole = int(said["blocks"]), vector_object(length)
        source = [[] for _ in range(blocks)]
        for start in range(0, length, symbol_bytes):
            body = whole[start:start + symbol_bytes].ljust(code.symbol_bytes, b"\0")
            source[start // symbol_bytes % blocks].append(body)
        for _, block, symbol, wanted in (words for words in lines if words[0] == "repair"):
            made = code.encode(source[int(block)], int(symbol) - code.block_symbols)
            checked += 1
            if made != bytes.fromhex(wanted):
                return {"error": f"{path.name}: symbol {symbol} of block {block} differs"}
    return {"checked": checked} if checked else {"error": f"no vectors in {opts.vectors}"}


# --------------------------------------------------------------------------- command line
def note(text):
    print(text, file=sys.stderr, flush=True)


def group_argument(text):
    try:
        return address_and_port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def source_argument(text):
    """Group and object name of `infocast://GROUP:PORT/NAME`."""
    rest = text.removeprefix("infocast://")
    group, separator, name = rest.partition("/")
    if rest == text or not separator or not 1 <= len(name.encode()) <= 30:
        raise argparse.ArgumentTypeError(f"{text!r} is not infocast://GROUP:PORT/NAME")
    return group_argument(group), name.encode()


def main():
    parser = argparse.ArgumentParser(description="a second box, from the protocol document alone")
    verbs = parser.add_subparsers(dest="verb", required=True)
    rebuild = verbs.add_parser("rebuild", help="rebuild an object from a capture")
    rebuild.add_argument("capture")
    rebuild.add_argument("--source", dest="source_text", required=True)
    rebuild.add_argument("--announce", type=group_argument, required=True)
    rebuild.add_argument("--output", required=True)
    rebuild.add_argument("--without-repair", action="store_true")
    rebuild.add_argument("--serial", help="what the box is called, for its delay")
    rebuild.set_defaults(run=run_rebuild)
    test = verbs.add_parser("self-test", help="compute the vectors of both codes")
    test.add_argument("vectors")
    test.set_defaults(run=run_self_test)
    opts = parser.parse_args()
    try:
        if opts.verb == "rebuild":
            opts.source = source_argument(opts.source_text)
        result = opts.run(opts)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    except (Failed, OSError) as error:
        result = {"error": str(error)}
    if "error" in result:
        note(f"error: {result['error']}")
    print(json.dumps(result), flush=True)
    return 1 if "error" in result else 0


if __name__ == "__main__":
    sys.exit(main())
