"""A box that asks a DHCP server: sends DISCOVER as of a vendor class, and prints option 43 of the OFFER.

    dhcp_ask.py INTERFACE VENDOR-CLASS ASKED SECONDS

ASKED are the codes of the options that it asks for, between commas. Prints the bytes of option 43 in hexadecimal,
`none` where the OFFER has none, and fails where no OFFER comes. RFC 2131 and RFC 2132 alone.
"""

import random
import socket
import struct
import sys
import time

COOKIE = bytes([99, 130, 83, 99])


def discover(number, vendor_class, asked):
    hardware = bytes([2, 0, 0]) + random.randbytes(3)
    fixed = struct.pack(">BBBBIHH", 1, 1, 6, 0, number, 0, 0x8000)  # the answer is broadcast
    fixed += bytes(16) + hardware + bytes(10) + bytes(64 + 128)
    options = bytes([53, 1, 1])
    options += bytes([60, len(vendor_class)]) + vendor_class
    options += bytes([61, 7, 1]) + hardware
    options += bytes([55, len(asked)]) + bytes(asked)
    return (fixed + COOKIE + options + bytes([255])).ljust(300, b"\0")


def options_of(packet):
    """All options; parts of one are joined (RFC 3396)."""
    found, at = {}, 240
    while at < len(packet) and packet[at] != 255:
        if packet[at] == 0:
            at += 1
            continue
        code, length = packet[at], packet[at + 1]
        found[code] = found.get(code, b"") + packet[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def main():
    interface, vendor_class, asked, seconds = sys.argv[1:]
    asked = [int(code) for code in asked.split(",")]
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    box.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    box.bind(("0.0.0.0", 68))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        number = random.getrandbits(32)
        box.sendto(discover(number, vendor_class.encode(), asked), ("255.255.255.255", 67))
        again = time.monotonic() + 0.5
        while (left := again - time.monotonic()) > 0:
            box.settimeout(left)
            try:
                packet = box.recv(2048)
            except TimeoutError:
                break
            is_mine = packet[0] == 2 and packet[4:8] == struct.pack(">I", number) and packet[236:240] == COOKIE
            found = options_of(packet) if is_mine else {}
            if found.get(53) == bytes([2]):
                print(found[43].hex(" ") if 43 in found else "none")
                return
    sys.exit("no OFFER came")


main()
