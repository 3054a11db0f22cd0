#!/usr/bin/env python3
"""Makes the ClientHello vectors of this folder: runs real clients against a socket on loopback and writes what they sent.

A file has "key: value" lines and "hex:". JA4 is computed here a second time, from FoxIO's description and not from the
parser under test: two people would have to make the same mistake."""
import hashlib
import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = {
    "openssl-tls13": ["openssl", "s_client", "-connect", "{at}", "-servername", "Hidden.Example.org", "-alpn", "h2,http/1.1"],
    "openssl-tls12": ["openssl", "s_client", "-connect", "{at}", "-servername", "www.example.org", "-tls1_2"],
    "openssl-no-name": ["openssl", "s_client", "-connect", "{at}", "-noservername"],
    "curl": ["curl", "-sk", "--max-time", "5", "--connect-to", "cdn-a.example.com:443:{at}", "https://cdn-a.example.com/"],
}


def capture(command):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        at = "127.0.0.1:%d" % listening.getsockname()[1]
        child = subprocess.Popen([word.format(at=at) for word in command], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection, _ = listening.accept()
        with connection:
            record = connection.recv(5, socket.MSG_WAITALL)
            record += connection.recv(struct.unpack(">H", record[3:])[0], socket.MSG_WAITALL)
        child.wait(20)
        return record


def grease(value):
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def ja4(record):
    at = 5 + 4
    version = struct.unpack(">H", record[at:at + 2])[0]
    at += 34
    at += 1 + record[at]
    size = struct.unpack(">H", record[at:at + 2])[0]
    ciphers = [c for c in struct.unpack(">%dH" % (size // 2), record[at + 2:at + 2 + size]) if not grease(c)]
    at += 2 + size
    at += 1 + record[at]
    end = at + 2 + struct.unpack(">H", record[at:at + 2])[0]
    at += 2
    types, signatures, alpn = [], [], "00"
    while at < end:
        kind, size = struct.unpack(">HH", record[at:at + 4])
        body = record[at + 4:at + 4 + size]
        at += 4 + size
        if grease(kind):
            continue
        types.append(kind)
        if kind == 13:
            signatures = struct.unpack(">%dH" % (len(body) // 2 - 1), body[2:])
        elif kind == 16:
            first = body[3:3 + body[2]].decode()
            alpn = first[0] + first[-1]
        elif kind == 43:
            offered = struct.unpack(">%dH" % (body[0] // 2), body[1:])
            version = max(v for v in offered if not grease(v))
    text = ",".join(sorted("%04x" % t for t in types if t not in (0, 16)))
    if signatures:
        text += "_" + ",".join("%04x" % s for s in signatures)
    short = lambda what: hashlib.sha256(what.encode()).hexdigest()[:12]
    return "t%s%s%02d%02d%s_%s_%s" % ({0x304: "13", 0x303: "12"}[version], "d" if 0 in types else "i", len(ciphers),
                                      len(types), alpn, short(",".join(sorted("%04x" % c for c in ciphers))), short(text))


def main():
    for name, command in CLIENTS.items():
        record = capture(command)
        sni = {"openssl-tls13": "hidden.example.org", "openssl-tls12": "www.example.org", "curl": "cdn-a.example.com"}.get(name, "")
        with open(os.path.join(HERE, name + ".hello"), "w", encoding="ascii") as out:
            out.write(f"sni: {sni}\nja4: {ja4(record)}\ntls13: {int(name != 'openssl-tls12')}\nhex: {record.hex()}\n")
        print(name, len(record), "bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
