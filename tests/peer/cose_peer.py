#!/usr/bin/env python3
"""A second reader of signed statements: verifies with the public library pycose, and reads the fields
by carousels/PROTOCOL.md section 7 alone.

    cose_peer.py read --root ROOT.cose STATEMENT...     one JSON line each: what it says, or why not
    cose_peer.py make --seed HEX < RELEASE.json         a release, signed, on stdout

Exit status: 0 everything was read (refused ones included), 2 usage.  Needs pycose (.ci/run peers).
"""
import argparse
import hashlib
import io
import ipaddress
import json
import sys

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pycose.algorithms import EdDSA
from pycose.headers import KID, Algorithm, ContentType
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import CoseMessage, Sign1Message, SignMessage

DOMAIN = "application/vnd.stbcast.%s+cbor"
KINDS = ["image", "splash", "diagnostic", "config"]


class Refused(Exception):
    """A statement is not taken; the text says why."""


def need(is_so, why):
    if not is_so:
        raise Refused(why)


def deterministic(data, what):
    """The value that `data` is the one encoding of."""
    stream = io.BytesIO(data)
    value = cbor2.CBORDecoder(stream).decode()
    need(stream.tell() == len(data), f"bytes behind the {what}")
    need(cbor2.dumps(value, canonical=True) == data, f"the {what} has another encoding")
    return value


def kid_of(public):
    return hashlib.sha256(public).digest()[:8]


def key_of(public):
    return OKPKey(crv=Ed25519, x=public, optional_params={"ALG": EdDSA})


def check_headers(message, labels):
    need(message.uhdr == {}, "an unprotected header")
    deterministic(message.phdr_encoded, "header")
    need(set(message.phdr) == labels, "other protected headers than its place has")
    if Algorithm in labels:
        need(message.phdr[Algorithm] is EdDSA, "another algorithm")


def open_message(data):
    """(kind, payload, [(kid, verify)]) with nothing of the payload looked at."""
    need(len(data) <= 1400, "too long")
    deterministic(data, "message")
    message = CoseMessage.decode(data)
    if isinstance(message, Sign1Message):
        check_headers(message, {Algorithm, ContentType, KID})
        kinds, signers = ["release", "action"], [message]
    else:
        need(isinstance(message, SignMessage), "another message")
        check_headers(message, {ContentType})
        kinds, signers = ["root", "permit"], message.signers
        for signer in signers:
            check_headers(signer, {Algorithm, KID})
        kids = [signer.phdr[KID] for signer in signers]
        need(kids == sorted(set(kids)), "signatures out of order")
    kind = [kind for kind in kinds if DOMAIN % kind == message.phdr[ContentType]]
    need(kind, "another domain")

    def verifier(signer):
        def verify(public):
            signer.key = key_of(public)
            return signer.verify_signature()
        return verify

    return kind[0], message.payload, [(signer.phdr[KID], verifier(signer)) for signer in signers]


def role(value):
    return {"threshold": value[1], "keys": [key.hex() for key in value[2]]}


def check_signed(signers, roles):
    known = {kid_of(bytes.fromhex(key)): bytes.fromhex(key) for one in roles for key in one["keys"]}
    for kid, verify in signers:
        need(kid in known, "a key that may not sign")
        need(verify(known[kid]), "a wrong signature")
    for one in roles:
        ids = {kid_of(bytes.fromhex(key)) for key in one["keys"]}
        signed = len({kid for kid, _ in signers} & ids)
        need(signed >= one["threshold"], "too few signatures")


def read_root(value):
    return {"kind": "root", "number": value[1], "epoch": value[2], "operator": value[3], "expiry": value[7],
            "root": role(value[9]), "release": role(value[10]), "channel": role(value[11])}


def read_object(value):
    found = {"kind": KINDS[value[1]], "name": value[2], "length": value[3], "sha256": value[4].hex(),
             "slice_bytes": value[5], "url": value[6]}
    if 7 in value:
        address, port, tsi = value[7]
        found["companion"] = [str(ipaddress.ip_address(address)), port, tsi]
    if 8 in value:
        found["layout"] = value[8]
    if 9 in value:
        found.update(http=value[9], http_after=value[10], http_window_s=value[11])
    return found


def read_release(value):
    return {"kind": "release", "number": value[1], "epoch": value[2], "operator": value[3], "models": value[4],
            "hardware": value[5], "not_before": value[6], "expiry": value[7],
            "objects": [read_object(one) for one in value[8]]}


def read_permit(value):
    return {"kind": "permit", "operator": value[3], "models": value[4], "expiry": value[7], "serials": value[12],
            "from": value[13], "to": value[14], "release": value[15].hex()}


def read_action(value):
    serials = [one if isinstance(one, list) else [one, one] for one in value[12]]
    need(all(first == last or (len(first) == len(last) and first < last) for first, last in serials), "serials")
    order = value[16]
    if order[0] == 1:
        _, release, jitter_s, when = order
        order = {"order": "reboot", "release": release, "jitter_s": jitter_s, "when": ["now", "idle"][when]}
    else:
        kind, number, release = order
        need(kind == 2 and len(release) == 32, "another order")
        order = {"order": "kill", "number": number, "release": release.hex()}
    return {"kind": "action", "number": value[1], "operator": value[3], "models": value[4], "hardware": value[5],
            "not_before": value[6], "expiry": value[7], "serials": serials, "order": order}


def read(data, root):
    kind, payload, signers = open_message(data)
    if kind == "root":
        # The first root: believed because of where it is.
        found = read_root(deterministic(payload, "payload"))
        check_signed(signers, [found["root"]])
        return found
    if kind == "release":
        check_signed(signers, [root["release"]])
        return read_release(deterministic(payload, "payload"))
    if kind == "action":
        check_signed(signers, [root["channel"]])
        return read_action(deterministic(payload, "payload"))
    check_signed(signers, [root["release"], root["channel"]])
    return read_permit(deterministic(payload, "payload"))


def read_files(arguments):
    with open(arguments.root, "rb") as file:
        root = read(file.read(), None)
    for path in arguments.statements:
        with open(path, "rb") as file:
            data = file.read()
        try:
            found = {"accepted": True, **read(data, root)}
        except Exception as error:  # whatever the library says of hostile bytes is a refusal
            found = {"accepted": False, "why": f"{type(error).__name__}: {error}"}
        print(json.dumps(found))


def write_object(one):
    value = {1: KINDS.index(one["kind"]), 2: one["name"], 3: one["length"], 4: bytes.fromhex(one["sha256"]),
             5: one["slice_bytes"], 6: one["url"]}
    if "companion" in one:
        address, port, tsi = one["companion"]
        value[7] = [ipaddress.ip_address(address).packed, port, tsi]
    if "layout" in one:
        value[8] = one["layout"]
    if "http" in one:
        value.update({9: one["http"], 10: one["http_after"], 11: one["http_window_s"]})
    return value


def make(arguments):
    said = json.load(sys.stdin)
    payload = {1: said["number"], 2: said["epoch"], 3: said["operator"], 4: said["models"], 5: said["hardware"],
               6: said["not_before"], 7: said["expiry"], 8: [write_object(one) for one in said["objects"]]}
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(arguments.seed))
    public = private.public_key().public_bytes_raw()
    key = OKPKey(crv=Ed25519, x=public, d=private.private_bytes_raw(), optional_params={"ALG": EdDSA})
    headers = {Algorithm: EdDSA, ContentType: DOMAIN % "release", KID: kid_of(public)}
    message = Sign1Message(phdr=headers, payload=cbor2.dumps(payload, canonical=True), key=key)
    sys.stdout.buffer.write(message.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("read")
    verb.add_argument("--root", required=True)
    verb.add_argument("statements", nargs="+")
    verb.set_defaults(run=read_files)
    verb = verbs.add_parser("make")
    verb.add_argument("--seed", required=True)
    verb.set_defaults(run=make)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
