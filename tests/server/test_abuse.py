"""Clients that mean harm, or are just broken: each is dealt with, and everybody else is served meanwhile."""

import os
import resource
import select
import socket
import time
import unittest
from pathlib import Path

from harness import LIST, PATIENCE, SECRET, Server, ServerTest, ask_raw, connect, read_all, replace, wait_until

PATH = f"/{SECRET}/{LIST}"
GET_LIST = f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def resident(server: Server) -> int:
    """Bytes of memory."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


class Abuse(ServerTest):
    def assert_serves(self, server: Server) -> None:
        self.assertTrue(ask_raw(server.address(), GET_LIST).endswith(self.list))

    def test_a_header_that_comes_byte_by_byte_is_cut_off(self) -> None:
        server = self.serve("--request-timeout", "1")
        began = time.monotonic()
        with connect(server.address()) as loris:
            try:
                while True:  # a byte whenever 50 ms pass without an answer, as the attack does
                    loris.sendall(b"X")
                    if select.select([loris], [], [], 0.05)[0] and not loris.recv(1000):
                        break
                    self.assertLess(time.monotonic() - began, PATIENCE)
            except ConnectionError:
                pass
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertLess(time.monotonic() - began, 5)
        self.assert_serves(server)

    def test_silence_is_cut_off_before_and_between_requests(self) -> None:
        server = self.serve("--request-timeout", "1")
        with connect(server.address()) as silent, connect(server.address()) as kept:
            kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(read_all(silent), b"")
            self.assertTrue(read_all(kept).startswith(b"HTTP/1.1 200"))
        wait_until(lambda: descriptors(server) < 20, "their descriptors are closed")

    def test_a_gigabyte_is_refused_before_it_is_sent(self) -> None:
        server = self.serve()
        before = resident(server)
        with connect(server.address()) as sender:
            sender.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
            self.assertTrue(read_all(sender).startswith(b"HTTP/1.1 413"))
        with connect(server.address()) as sender:
            sender.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            with self.assertRaises(OSError):
                for _ in range(1 << 14):
                    sender.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
        self.assertLess(resident(server) - before, 10_000_000)
        self.assert_serves(server)

    def test_clients_that_never_read_cost_no_copies(self) -> None:
        replace(self.decoy / "large.bin", bytes(8_000_000))
        server = self.serve()
        self.assert_serves(server)
        before = resident(server)
        readers = [connect(server.address()) for _ in range(100)]
        for reader in readers:
            self.addCleanup(reader.close)
            reader.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        for reader in readers:
            self.assertTrue(reader.recv(10).startswith(b"HTTP/1.1"))
        self.assertLess(resident(server) - before, 20_000_000)
        self.assert_serves(server)

    def test_a_client_that_only_sends_fills_no_memory(self) -> None:
        replace(self.decoy / "large.bin", bytes(8_000_000))
        server = self.serve()
        before = resident(server)
        with connect(server.address()) as sender:
            sender.setblocking(False)
            sent = 0
            flood = b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n" * 2000
            while select.select([], [sender], [], 0.5)[1] and sent < 200_000_000:
                sent += sender.send(flood)
            self.assertLess(sent, 100_000_000, "the server stopped taking what it cannot answer")
            self.assertLess(resident(server) - before, 20_000_000)
            self.assert_serves(server)

    def test_beyond_the_limit_connections_wait_their_turn(self) -> None:
        server = self.serve("--max-connections", "20")
        holders = [connect(server.address()) for _ in range(20)]
        waiting = connect(server.address())
        self.addCleanup(waiting.close)
        waiting.sendall(GET_LIST.replace(b"Host", b"Connection: close\r\nHost"))
        self.assertEqual(select.select([waiting], [], [], 0.3)[0], [])
        for holder in holders:
            holder.close()
        self.assertTrue(read_all(waiting).endswith(self.list))

    def test_without_descriptors_it_goes_on_when_there_are_some_again(self) -> None:
        server = self.serve()
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        holders = [connect(server.address()) for _ in range(60)]
        waiting = connect(server.address())
        self.addCleanup(waiting.close)
        waiting.sendall(GET_LIST.replace(b"Host", b"Connection: close\r\nHost"))
        before = self.processor_time(server)
        self.assertEqual(select.select([waiting], [], [], 1.0)[0], [])
        self.assertLess(self.processor_time(server) - before, 0.5, "it does not spin meanwhile")
        for holder in holders:
            holder.close()
        self.assertTrue(read_all(waiting).endswith(self.list))

    @staticmethod
    def processor_time(server: Server) -> float:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_many_connections_come_and_go_and_nothing_is_left(self) -> None:
        server = self.serve()
        self.assert_serves(server)
        before = descriptors(server)
        endings = [b"", b"GET", b"\r\n\r\n", b"BREW / HTTP/1.1\r\n\r\n", GET_LIST, GET_LIST * 3, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"]
        for turn in range(700):
            one = connect(server.address())
            one.sendall(endings[turn % len(endings)])
            if turn % 3 == 0:  # a reset instead of an end
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            one.close()
        wait_until(lambda: descriptors(server) <= before, "all descriptors are closed")
        self.assert_serves(server)

    def test_a_body_that_a_proxy_might_see_otherwise_ends_the_connection(self) -> None:
        server = self.serve()
        smuggled = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
        got = ask_raw(server.address(), b"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(smuggled) + smuggled)
        self.assertEqual(got.count(b"HTTP/1.1"), 1)
        self.assertIn(b"Connection: close", got)


if __name__ == "__main__":
    unittest.main()
