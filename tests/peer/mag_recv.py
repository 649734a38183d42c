#!/usr/bin/env python3
"""A second, independent receiver of Infomir's (MAG) multicast carousel.

Written from the wire description in the reference notes alone (section 1.3 of
"MAG, Dune HD and the open standards"), without a look at the Rust code it is
tested against.  Python 3 standard library only.

    mag_recv.py --interface 127.0.0.1 --group 239.9.9.9 --port 9000 \
                --output image --deadline 30

Starts at any packet, places payloads by their byte offset (never by the index,
which wraps after 65536 packets), is done when all of the total length is
covered, and starts over when the serial number or the total length changes.

Prints one line of JSON: what arrived, and in "complaints" what the format does
not allow.  Exit status 0 = the file is complete, 1 = the deadline came first.
"""

import argparse
import bisect
import collections
import hashlib
import ipaddress
import json
import socket
import struct
import sys
import time

TYPE_DATA = 1
TYPE_DESCRIPTION = 2
TLV_DESCRIPTION = 1
DATA_HEADER = struct.Struct(">BBHHHII")
SO_RCVBUFFORCE = 33
IP_MULTICAST_ALL = 49


class Covered:
    """Disjoint byte ranges in order; ranges that touch are joined."""

    def __init__(self):
        self.starts = []
        self.ends = []
        self.bytes = 0

    def add(self, start, end):
        """Returns how many bytes of [start, end) are new."""
        starts, ends = self.starts, self.ends
        if ends and ends[-1] == start:  # the usual case: in order
            ends[-1] = end
            self.bytes += end - start
            return end - start
        low = bisect.bisect_left(ends, start)  # first range that touches or lies behind start
        high = bisect.bisect_right(starts, end)  # first range that lies wholly behind end
        old = sum(ends[i] - starts[i] for i in range(low, high))
        if low < high:
            start = min(start, starts[low])
            end = max(end, ends[high - 1])
        starts[low:high] = [start]
        ends[low:high] = [end]
        self.bytes += end - start - old
        return end - start - old


class Transfer:
    """One file being received: one serial number and one total length."""

    def __init__(self, serial, total):
        self.serial = serial
        self.total = total
        self.content = bytearray(total)
        self.view = memoryview(self.content)
        self.covered = Covered()
        self.packet_size = None  # learnt from any datagram but the last
        self.before = None  # (index, offset) of the datagram before this one


class Receiver:
    def __init__(self, only_serial, keep_headers):
        self.only_serial = only_serial
        self.keep_headers = keep_headers
        self.headers = []
        self.transfer = None
        self.descriptions = {}  # serial -> text
        self.sources = set()
        self.complaints = collections.Counter()
        self.datagrams = self.description_datagrams = self.duplicates = 0
        self.others = self.wraps = self.restarts = 0

    def take(self, datagram):
        """Returns True when the file is complete."""
        if len(self.headers) < self.keep_headers:
            self.headers.append(bytes(datagram[: 16 if datagram[:1] == b"\1" else len(datagram)]).hex())
        if len(datagram) < 4:
            self.complaints["shorter than any header"] += 1
            return False
        kind, header_length, serial = struct.unpack_from(">BBH", datagram)
        if self.only_serial is not None and serial != self.only_serial:
            self.others += 1
            return False
        if kind == TYPE_DESCRIPTION and header_length >= 4:
            self.describe(serial, datagram[header_length:])
            return False
        if kind != TYPE_DATA or header_length < DATA_HEADER.size or len(datagram) < header_length:
            self.complaints["neither description nor data"] += 1
            return False
        _, _, _, index, last_index, offset, total = DATA_HEADER.unpack_from(datagram)
        payload = datagram[header_length:]
        if offset + len(payload) > total:
            self.complaints["payload past the end"] += 1
            return False
        if not payload and total:
            self.complaints["no payload"] += 1
            return False
        self.datagrams += 1
        transfer = self.transfer
        if transfer is None or transfer.serial != serial or transfer.total != total:
            if transfer is not None:
                self.restarts += 1
            transfer = self.transfer = Transfer(serial, total)
            self.wraps = 0
        self.check(transfer, index, last_index, offset, len(payload))
        if payload and not transfer.covered.add(offset, offset + len(payload)):
            self.duplicates += 1
        transfer.view[offset : offset + len(payload)] = payload
        return transfer.covered.bytes == total

    def describe(self, serial, values):
        """A list of tag, length, text; unknown tags are stepped over."""
        self.description_datagrams += 1
        while len(values) >= 2:
            tag, length = values[0], values[1]
            if length > len(values) - 2:
                break
            if tag == TLV_DESCRIPTION:
                self.descriptions[serial] = bytes(values[2 : 2 + length]).decode("utf-8", "replace")
            values = values[2 + length :]
        if len(values):
            self.complaints["description ends inside a value"] += 1

    def check(self, transfer, index, last_index, offset, length):
        """The two index fields are not needed to receive, but a good sender fills them."""
        before = transfer.before
        if before is not None and before[0] - index > 0x8000 and offset > before[1]:
            self.wraps += 1
        transfer.before = (index, offset)
        if offset + length < transfer.total:
            if transfer.packet_size is None:
                transfer.packet_size = length
            elif transfer.packet_size != length:
                self.complaints["packets of different sizes"] += 1
                return
        size = transfer.packet_size or length
        if not size:  # the empty file
            if (index, last_index) != (0, 0xFFFF):
                self.complaints["index of an empty file"] += 1
            return
        if transfer.packet_size is None and offset:
            return  # began with the last packet: the packet size is not known yet
        if offset % size or index != offset // size & 0xFFFF:
            self.complaints["index is not offset / packet size"] += 1
        if last_index != (transfer.total + size - 1) // size - 1 & 0xFFFF:
            self.complaints["last index is not packets - 1"] += 1

    def report(self, complete, seconds):
        transfer = self.transfer
        answer = {
            "complete": complete,
            "serial": transfer and transfer.serial,
            "description": transfer and self.descriptions.get(transfer.serial),
            "total": transfer and transfer.total,
            "covered": transfer and transfer.covered.bytes,
            "packet_size": transfer and transfer.packet_size,
            "datagrams": self.datagrams,
            "descriptions": self.description_datagrams,
            "duplicates": self.duplicates,
            "others": self.others,
            "index_wraps": self.wraps,
            "restarts": self.restarts,
            "sources": len(self.sources),
            "complaints": dict(self.complaints),
            "seconds": round(seconds, 3),
        }
        if complete:
            answer["sha256"] = hashlib.sha256(transfer.content).hexdigest()
        if self.keep_headers:
            answer["headers"] = self.headers
        return answer


def listen(options):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.buffer)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, options.buffer)
    except OSError:
        pass  # needs a privilege; SO_RCVBUF gave what the system allows
    receiver.bind((options.group, options.port))
    if ipaddress.ip_address(options.group).is_multicast:
        membership = socket.inet_aton(options.group) + socket.inet_aton(options.interface or "0.0.0.0")
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        receiver.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    # A kernel timeout keeps the socket blocking: one system call a datagram, not two.
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 100_000))
    return receiver


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interface", help="address of the interface to join on")
    parser.add_argument("--group", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--output", help="where to write the file")
    parser.add_argument("--deadline", type=float, default=30, help="seconds")
    parser.add_argument("--serial", type=int, help="take this serial number only")
    parser.add_argument("--headers", type=int, default=0, metavar="N", help="report the first N headers in hex")
    parser.add_argument("--buffer", type=int, default=32 << 20, help="receive buffer")
    options = parser.parse_args()

    receiver = Receiver(options.serial, options.headers)
    air = listen(options)
    print("listening", file=sys.stderr, flush=True)
    buffer = bytearray(65536)
    view = memoryview(buffer)
    began = time.monotonic()
    complete, count = False, 0
    while not complete:
        try:
            size, source = air.recvfrom_into(buffer)
        except BlockingIOError:
            if time.monotonic() - began >= options.deadline:
                break
            continue
        receiver.sources.add(source)
        complete = receiver.take(view[:size])
        count += 1
        if count & 255 == 0 and time.monotonic() - began >= options.deadline:
            break
    if complete and options.output:
        with open(options.output, "wb") as handle:
            handle.write(receiver.transfer.content)
    print(json.dumps(receiver.report(complete, time.monotonic() - began)))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
