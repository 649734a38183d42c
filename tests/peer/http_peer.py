#!/usr/bin/env python3
"""Asks an HTTP endpoint for an image in ranges, by the standard library's client alone.

usage: http_peer.py HOST PORT PATH FILE

FILE is what the image must be. Exit code 0 when everything was as RFC 9110 says.
"""

import email.parser
import email.policy
import http.client
import sys


def ask(connection, method, path, **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    return response, response.read()


def main(host, port, path, name):
    with open(name, "rb") as file:
        image = file.read()
    # One connection for everything: it is kept.
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    head, body = ask(connection, "HEAD", path)
    assert head.status == 200 and body == b"", head.status
    assert int(head.headers["Content-Length"]) == len(image)
    tag = head.headers["ETag"]

    # The image in pieces, each on condition that it still is the same one.
    collected = bytearray()
    while len(collected) < len(image):
        last = len(collected) + 99_999
        wanted = f"bytes={len(collected)}-{last}"
        part, body = ask(connection, "GET", path, Range=wanted, If_Range=tag)
        assert part.status == 206, part.status
        span = f"bytes {len(collected)}-{min(last, len(image) - 1)}/{len(image)}"
        assert part.headers["Content-Range"] == span, part.headers["Content-Range"]
        collected += body
    assert collected == image

    # Several ranges at once, taken apart by the library of mail.
    ranges = [(0, 9), (1000, 1999), (len(image) - 5, len(image) - 1)]
    wanted = "bytes=" + ", ".join(f"{first}-{last}" for first, last in ranges)
    several, body = ask(connection, "GET", path, Range=wanted)
    assert several.status == 206, several.status
    kind = several.headers["Content-Type"].encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind + b"\r\nMIME-Version: 1.0\r\n\r\n" + body
    )
    parts = list(message.iter_parts())
    assert len(parts) == len(ranges), len(parts)
    for part, (first, last) in zip(parts, ranges):
        assert part["Content-Range"] == f"bytes {first}-{last}/{len(image)}"
    for first, last in ranges:
        assert image[first : last + 1] in body

    # Another image than the one that is held: all of it.
    other, body = ask(connection, "GET", path, Range="bytes=0-9", If_Range='"other"')
    assert other.status == 200 and body == image, other.status
    same, body = ask(connection, "GET", path, If_None_Match=tag)
    assert same.status == 304 and body == b"", same.status
    beyond, _ = ask(connection, "GET", path, Range=f"bytes={len(image)}-")
    assert beyond.status == 416, beyond.status
    assert beyond.headers["Content-Range"] == f"bytes */{len(image)}"
    # A client that leaves in the middle leaves nothing behind.
    for _ in range(20):
        hasty = http.client.HTTPConnection(host, int(port), timeout=20)
        hasty.request("GET", path)
        hasty.getresponse().read(10)
        hasty.close()
    last, body = ask(connection, "GET", path)
    assert last.status == 200 and body == image, last.status


if __name__ == "__main__":
    main(*sys.argv[1:])
