#!/usr/bin/env python3
"""A second, independent sender of Infomir's (MAG) multicast carousel.

Written from the wire description in the reference notes alone (section 1.3 of
"MAG, Dune HD and the open standards"), without a look at the Rust code it is
tested against.  Python 3 standard library only.

    mag_send.py --interface 127.0.0.1 --group 239.9.9.9 --port 9000 \
                --file imageupdate --serial 7 --description "September image" \
                --rate 20000000 --cycles 2

One cycle is one description datagram, the file's data datagrams in order, and a
pause of about 100 ms.  In a long cycle the description comes again every
--cycle-time milliseconds, in steps of about 100 ms.

Prints one line of JSON when done.  Loss, reordering and duplication are decided
by a generator with a fixed seed, so a failing test can be run again.
"""

import argparse
import ipaddress
import json
import random
import socket
import struct
import sys
import time

TYPE_DATA = 1
TYPE_DESCRIPTION = 2
TLV_DESCRIPTION = 1
DATA_HEADER = struct.Struct(">BBHHHII")  # type, header length, serial, index, last index, offset, total
PAUSE = 0.100  # seconds between cycles, and the step of the repeated description


def description_datagram(serial, text):
    """`02 04 serial 01 length text`; the text is cut to what one length byte can say."""
    text = text.encode("utf-8")[:255]
    return struct.pack(">BBHBB", TYPE_DESCRIPTION, 4, serial & 0xFFFF, TLV_DESCRIPTION, len(text)) + text


def packet_count(total, packet_size):
    return (total + packet_size - 1) // packet_size


def data_header(serial, index, count, offset, total):
    return DATA_HEADER.pack(
        TYPE_DATA, DATA_HEADER.size, serial & 0xFFFF, index & 0xFFFF, (count - 1) & 0xFFFF, offset, total
    )


class Image:
    """A file on the air: its serial number, its description and its bytes."""

    def __init__(self, path, serial, description, packet_size):
        with open(path, "rb") as handle:
            self.content = memoryview(handle.read())
        if len(self.content) > 0xFFFFFFFF:
            sys.exit("mag_send: the format ends at 4 GiB - 1")
        self.serial = serial
        self.description = description_datagram(serial, description)
        self.packet_size = packet_size
        self.count = packet_count(len(self.content), packet_size)

    def datagrams(self):
        """The data datagrams of one cycle as (header, payload).  An empty file still is one header."""
        total = len(self.content)
        for index in range(max(self.count, 1)):
            offset = index * self.packet_size
            yield (
                data_header(self.serial, index, self.count, offset, total),
                self.content[offset : offset + self.packet_size],
            )


class Air:
    """The socket, the pacing, and whatever goes wrong on the way."""

    def __init__(self, options):
        self.to = (options.group, options.port)
        self.rate = options.rate
        self.loss = options.loss
        self.duplicate = options.duplicate
        self.reorder = options.reorder
        self.impaired = options.loss or options.duplicate or options.reorder
        self.random = random.Random(options.seed)
        self.sent = self.lost = self.duplicated = self.reordered = 0
        self.late = []  # [datagrams still to pass it, header, payload]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        if ipaddress.ip_address(options.group).is_multicast:
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, options.ttl)
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            if options.interface:
                self.socket.setsockopt(
                    socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(options.interface)
                )
        self.socket.bind((options.interface or "0.0.0.0", options.source_port))
        self.socket.connect(self.to)
        self.restart_clock()

    def restart_clock(self):
        self.began = time.monotonic()
        self.payload_bytes = 0

    def pace(self, size):
        """Sleeps once a millisecond or more has been saved up: batches, not single datagrams."""
        self.payload_bytes += size
        if self.rate:
            ahead = self.payload_bytes / self.rate - (time.monotonic() - self.began)
            if ahead > 0.001:
                time.sleep(ahead)
            elif ahead < -0.25:  # a busy machine: do not make it up with a long burst
                self.restart_clock()

    def put(self, header, payload):
        while True:
            try:
                self.socket.sendmsg((header, payload))
                self.sent += 1
                return
            except BlockingIOError:
                time.sleep(0.001)
            except ConnectionRefusedError:  # only with a unicast destination that is not there (yet)
                return

    def send(self, header, payload=b""):
        if not self.impaired:
            self.put(header, payload)
            return
        if self.random.random() < self.loss:
            self.lost += 1
        elif self.random.random() < self.reorder:
            self.reordered += 1
            self.late.append([self.random.randint(1, 16), header, payload])
            return
        else:
            self.put(header, payload)
            if self.random.random() < self.duplicate:
                self.duplicated += 1
                self.put(header, payload)
        for waiting in self.late:
            waiting[0] -= 1
        while self.late and self.late[0][0] <= 0:
            _, header, payload = self.late.pop(0)
            self.put(header, payload)

    def flush(self):
        for _, header, payload in self.late:
            self.put(header, payload)
        self.late.clear()


def cycle(air, image, cycle_time, stop_at, packets=None):
    """Sends one cycle; returns False when `stop_at` came or `packets` data datagrams are out."""
    air.restart_clock()
    air.send(image.description)
    described = time.monotonic()
    interval = max(cycle_time / 1000.0, PAUSE)
    for number, (header, payload) in enumerate(image.datagrams()):
        if number == packets:
            air.flush()
            return False
        air.send(header, payload)
        air.pace(len(payload))
        if number & 15 == 15:  # the clock is only read now and then
            now = time.monotonic()
            if now >= stop_at:
                air.flush()
                return False
            if now - described >= interval:
                air.send(image.description)
                described = now
    air.flush()
    time.sleep(PAUSE)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interface", help="address of the interface to send on")
    parser.add_argument("--group", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--source-port", type=int, default=0)
    parser.add_argument("--ttl", type=int, default=0)
    parser.add_argument("--file", required=True)
    parser.add_argument("--serial", type=int, default=1, help="its low 16 bits go on the air")
    parser.add_argument("--description", default="")
    parser.add_argument("--packet-size", type=int, default=1456, help="payload bytes in a datagram")
    parser.add_argument("--rate", type=float, default=0, help="payload byte/s; 0 = as fast as it goes")
    parser.add_argument("--cycle-time", type=int, default=1000, help="ms between descriptions; 0 = every 100 ms")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--cycles", type=int)
    length.add_argument("--seconds", type=float)
    parser.add_argument("--loss", type=float, default=0, help="share of datagrams never sent")
    parser.add_argument("--reorder", type=float, default=0, help="share sent 1 to 16 datagrams late")
    parser.add_argument("--duplicate", type=float, default=0, help="share sent twice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--change-after", type=int, metavar="PACKETS",
                        help="drop the first file after this many data datagrams and go on with the change")
    parser.add_argument("--change-file")
    parser.add_argument("--change-serial", type=int)
    parser.add_argument("--change-description", default="")
    options = parser.parse_args()
    if options.packet_size < 1 or options.packet_size + DATA_HEADER.size > 65507:
        parser.error("a packet size from 1 to 65491, please")
    if options.change_after is not None and options.change_serial is None:
        parser.error("--change-after needs --change-serial")

    image = Image(options.file, options.serial, options.description, options.packet_size)
    air = Air(options)
    began = time.monotonic()
    stop_at = began + options.seconds if options.seconds else float("inf")
    if options.change_after is not None:
        changed = Image(options.change_file or options.file, options.change_serial,
                        options.change_description, options.packet_size)
        cycle(air, image, options.cycle_time, stop_at, options.change_after)
        image = changed
    cycles = 0
    while options.cycles is None or cycles < options.cycles:
        if time.monotonic() >= stop_at or not cycle(air, image, options.cycle_time, stop_at):
            break
        cycles += 1
    print(json.dumps({
        "cycles": cycles,
        "sent": air.sent,
        "lost": air.lost,
        "duplicated": air.duplicated,
        "reordered": air.reordered,
        "packets": image.count,
        "seconds": round(time.monotonic() - began, 3),
    }))


if __name__ == "__main__":
    main()
