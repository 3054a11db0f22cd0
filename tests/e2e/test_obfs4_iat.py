"""obfs4 in iat modes 1 and 2: 64 MiB there and back over every pair of ours and Debian's obfs4proxy, each byte compared; and what the
modes do on the wire. All pairs at once, since they mostly wait: the bridges have a seed whose pauses are short."""

import os
import shutil
import socket
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Optional

from obfs4_rig import PATIENCE, Echo, Pair

SIDES = [("ours", "theirs"), ("theirs", "ours"), ("ours", "ours")]
SIZE = 64 << 20
SEGMENT = 1448
KNOWN = dict(line.split(": ", 1) for line in
             (Path(__file__).parent / "../vectors/wire/obfs4_short_pauses.txt").read_text("utf-8").splitlines() if not line.startswith("#"))
SHORTEST = min(map(int, KNOWN["pauses"].split())) * 100e-6
LENGTHS = set(map(int, KNOWN["lengths"].split()))


class Direction:
    """What came in one direction through a Tap, once it is `noted`: sizes as they were read, and times."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.times: list[float] = []


class Tap:
    """A relay in front of `port` that takes down what passes."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.to = port
        self.up, self.down = Direction(), Direction()
        self.thread = threading.Thread(target=self._carry)
        self.thread.start()

    def _carry(self) -> None:
        near, _ = self.listener.accept()
        far = socket.create_connection(("127.0.0.1", self.to))
        with near, far:
            back = threading.Thread(target=self._pump, args=(far, near, self.down))
            back.start()
            self._pump(near, far, self.up)
            back.join()

    @staticmethod
    def _pump(a: socket.socket, b: socket.socket, into: Direction) -> None:
        b.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while data := a.recv(1 << 16):
                into.times.append(time.monotonic())
                into.sizes.append(len(data))
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other direction ended first

    def close(self) -> None:
        self.listener.close()
        self.thread.join(PATIENCE)


def round_trip(pair: Pair, content: memoryview) -> None:
    """Sends all of it to the echo behind the bridge, and compares what comes back as it comes."""
    with pair.connect() as connection:

        def send() -> None:
            for begin in range(0, len(content), 1 << 18):  # the patience of a socket is that of one sendall
                connection.sendall(content[begin : begin + (1 << 18)])

        sender = threading.Thread(target=send)
        sender.start()
        at = 0
        while at < len(content):
            part = connection.recv(1 << 18)
            assert part, f"ended after {at} bytes"
            assert part == content[at : at + len(part)], f"other bytes between {at} and {at + len(part)}"
            at += len(part)
        sender.join()


class InTheIatModes(unittest.TestCase):
    def setUp(self) -> None:
        self.echo = Echo()
        self.addCleanup(self.echo.close)

    def pair(self, client: str, server: str, iat: int, tap: Optional[list[Tap]] = None) -> Pair:
        def tapped(port: int) -> int:
            assert tap is not None
            tap.append(Tap(port))
            self.addCleanup(tap[0].close)
            return tap[0].port

        out = Pair(client, server, self.echo.port, iat, between=tapped if tap is not None else None, seed=KNOWN["seed"])
        self.addCleanup(out.close)
        return out

    def test_64_mib_there_and_back(self) -> None:
        content = memoryview(os.urandom(SIZE + 16))
        failed: list[str] = []

        def cross(number: int, client: str, server: str, iat: int) -> None:
            name, began = f"{client} to {server}, iat {iat}", time.monotonic()
            try:
                round_trip(pairs[number], content[number : number + SIZE])
            except (OSError, AssertionError) as why:
                failed.append(f"{name}: {why}")
            took = time.monotonic() - began
            # No piece is larger than a segment, and none is without its pause.
            if took < SIZE / SEGMENT * SHORTEST:
                failed.append(f"{name}: {took:.1f} s, so it did not pause")
            print(f"{name}: {took:.1f} s", file=sys.stderr)

        rows = [(client, server, iat) for client, server in SIDES for iat in (1, 2)]
        pairs = [self.pair(*row) for row in rows]
        threads = [threading.Thread(target=cross, args=(number, *row)) for number, row in enumerate(rows)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])

    def test_what_the_modes_do_on_the_wire(self) -> None:
        content = memoryview(os.urandom(1 << 20))
        for client, server in SIDES:
            for iat in (0, 1, 2):
                taps: list[Tap] = []
                round_trip(self.pair(client, server, iat, taps), content)
                for name, direction in (("up", taps[0].up), ("down", taps[0].down)):
                    with self.subTest(client=client, server=server, iat=iat, direction=name):
                        self.check(iat, direction)

    def check(self, iat: int, seen: Direction) -> None:
        took = seen.times[-1] - seen.times[0]
        least = sum(seen.sizes[1:]) / SEGMENT * SHORTEST  # a first read may hold more than the first piece
        # What is read may be two pieces, where the relay was late: so only what was seen counts, not what was not.
        drawn = LENGTHS & set(seen.sizes)
        if iat == 0:
            self.assertGreater(max(seen.sizes), SEGMENT)
            return
        self.assertGreater(took, least)
        if iat == 1:
            self.assertGreater(seen.sizes.count(SEGMENT), len(seen.sizes) // 4)
        else:
            self.assertGreater(len(drawn), len(LENGTHS) // 2)
            self.assertLess(seen.sizes.count(SEGMENT), len(seen.sizes) // 4)


if __name__ == "__main__":
    if not shutil.which("obfs4proxy"):
        print("obfs4proxy is not installed: skipped")
        sys.exit(77)
    unittest.main(verbosity=2)
