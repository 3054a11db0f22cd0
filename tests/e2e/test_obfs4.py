"""obfs4 against Debian's obfs4proxy, in both roles, and against itself: each iat mode, sizes from a byte to 64 MiB, bytes that
come one at a time, a hundred sessions."""

import os
import shutil
import socket
import sys
import threading
import unittest
from typing import Callable, Optional

from obfs4_rig import PATIENCE, Echo, Pair, Slicer, read_exactly, request

SIDES = [("ours", "theirs"), ("theirs", "ours"), ("ours", "ours")]
# 64 MiB in the iat modes take minutes by design: test_obfs4_iat.py.
SIZES = {0: (1, 65536, 64 << 20), 1: (1, 65536), 2: (1, 65536)}


class Obfs4(unittest.TestCase):
    def setUp(self) -> None:
        self.echo = Echo()
        self.addCleanup(self.echo.close)

    def pair(self, client: str, server: str, iat: int = 0, between: Optional[Callable[[int], int]] = None) -> Pair:
        out = Pair(client, server, self.echo.port, iat, between=between)
        self.addCleanup(out.close)
        return out

    def exchange(self, pair: Pair, size: int, *, one_at_a_time: bool = False) -> None:
        sent = os.urandom(size)
        with pair.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def send() -> None:
                if one_at_a_time:
                    for i in range(size):
                        connection.send(sent[i : i + 1])
                else:
                    connection.sendall(sent)

            sender = threading.Thread(target=send)
            sender.start()
            got = read_exactly(connection, size)
            sender.join()
        self.assertTrue(got == sent, "other bytes came back")

    def test_matrix(self) -> None:
        for client, server in SIDES:
            for iat, sizes in SIZES.items():
                with self.subTest(client=client, server=server, iat=iat):
                    pair = self.pair(client, server, iat)
                    for size in sizes:
                        self.exchange(pair, size)

    def test_bytes_one_at_a_time(self) -> None:
        for client, server in SIDES:
            with self.subTest(client=client, server=server, where="from the application"):
                self.exchange(self.pair(client, server), 300, one_at_a_time=True)
            with self.subTest(client=client, server=server, where="on the wire"):
                self.exchange(self.pair(client, server, between=self.sliced), 5000)

    def sliced(self, port: int) -> int:
        slicer = Slicer(port)
        self.addCleanup(slicer.close)
        return slicer.port

    def test_a_hundred_sessions(self) -> None:
        for client, server in SIDES:
            with self.subTest(client=client, server=server):
                pair = self.pair(client, server)
                for size in range(1, 101):
                    self.exchange(pair, size * 29)

    def test_a_wrong_line_meets_silence(self) -> None:
        pair = self.pair("ours", "ours")
        other = self.pair("ours", "ours")
        with socket.create_connection(("127.0.0.1", pair.bridge_port), timeout=PATIENCE) as stranger:
            stranger.sendall(request(other.arguments))
            stranger.settimeout(1)
            with self.assertRaises(TimeoutError):
                stranger.recv(1)

    def test_what_our_asio_server_answers(self) -> None:
        pair = self.pair("ours", "ours")
        sound = request(pair.arguments)
        rows = [
            ("sound", sound, True),
            ("replayed", sound, False),
            ("an hour behind", request(pair.arguments, hour=-1), True),
            ("two hours behind", request(pair.arguments, hour=-2), False),
            ("two hours ahead", request(pair.arguments, hour=2), False),
            ("truncated", request(pair.arguments)[:-1], False),
            ("oversized", request(pair.arguments, padding=8129), False),
            ("trailing bytes", request(pair.arguments, trailing=b"x"), False),
        ]
        for name, said, answered in rows:
            with self.subTest(name), socket.create_connection(("127.0.0.1", pair.bridge_port), timeout=PATIENCE) as client:
                client.sendall(said)
                client.settimeout(PATIENCE if answered else 0.3)
                try:
                    got = client.recv(10)
                    self.assertTrue(answered and got)
                except TimeoutError:
                    self.assertFalse(answered)


if __name__ == "__main__":
    if not shutil.which("obfs4proxy"):
        print("obfs4proxy is not installed: skipped")
        sys.exit(77)
    unittest.main(verbosity=2)
