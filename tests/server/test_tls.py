"""landfall-server with TLS: what a handshake agrees on, and certificates that change."""

import os
import shutil
import ssl
import time
import unittest
from pathlib import Path

from harness import LIST, SECRET, ServerTest, connect, make_certificate, read_all, replace

PATH = f"/{SECRET}/{LIST}"


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


class Tls(ServerTest):
    def setUp(self) -> None:
        super().setUp()
        self.certificate, self.key = make_certificate(self.folder)
        self.flags = ("--tls-cert", str(self.certificate), "--tls-key", str(self.key))

    def get(self, address, tls: ssl.SSLContext, path: str = PATH) -> bytes:
        with connect(address, tls) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return read_all(connection)

    def test_a_list_comes_over_tls_and_plainly_over_the_unix_socket(self) -> None:
        server = self.serve(*self.flags, listen=("127.0.0.1:0", f"unix:{self.folder}/socket"))
        self.assertTrue(self.get(server.address(0), trusting(self.certificate)).endswith(self.list))
        self.assertTrue(self.get(server.address(1), trusting(self.certificate)).endswith(self.list))

    def test_versions_and_protocols(self) -> None:
        server = self.serve(*self.flags)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(self.certificate)
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            with connect(server.address(), context) as connection:
                self.assertEqual(connection.version(), version.name.replace("_", "."))
                self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")
        context = trusting(self.certificate)
        context.set_alpn_protocols(["h2"])
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            connect(server.address(), context).close()

    def test_many_requests_and_a_large_answer_on_one_connection(self) -> None:
        large = os.urandom(4_000_000)
        replace(self.decoy / "large.bin", large)
        server = self.serve(*self.flags)
        with connect(server.address(), trusting(self.certificate)) as connection:
            asked = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 20
            connection.sendall(asked + b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            got = read_all(connection)
        self.assertEqual(got.count(self.list), 20)
        self.assertTrue(got.endswith(large))

    def test_a_new_certificate_is_taken_and_a_broken_one_is_not(self) -> None:
        server = self.serve(*self.flags)
        first = self.folder / "first.pem"
        shutil.copy(self.certificate, first)
        with connect(server.address(), trusting(first)) as kept:
            second = self.folder / "second"
            second.mkdir()
            make_certificate(second)
            replace(self.certificate, (second / "cert.pem").read_bytes())
            server.wait_for("TLS: cannot use the key .*mismatch; the old certificate stays")
            self.assertTrue(self.get(server.address(), trusting(first)).endswith(self.list))
            replace(self.key, (second / "key.pem").read_bytes())
            server.wait_for("TLS: the certificate was loaded again")
            self.assertTrue(self.get(server.address(), trusting(self.certificate)).endswith(self.list))
            with self.assertRaises(ssl.SSLError):
                connect(server.address(), trusting(first)).close()
            kept.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            self.assertTrue(read_all(kept).endswith(self.list))

    def test_plain_http_rubbish_and_unfinished_handshakes_disturb_nobody(self) -> None:
        server = self.serve(*self.flags, "--request-timeout", "1")
        hello = ssl.MemoryBIO()
        client = trusting(self.certificate).wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        began = time.monotonic()
        for first_bytes in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 500, hello.read()[:100], b""):
            with connect(server.address()) as one:
                one.sendall(first_bytes)
                self.assertNotIn(b"HTTP/", read_all(one))
        self.assertLess(time.monotonic() - began, 10)
        self.assertTrue(self.get(server.address(), trusting(self.certificate)).endswith(self.list))

    def test_sigterm_ends_it_with_handshakes_under_way(self) -> None:
        server = self.serve(*self.flags)
        with connect(server.address()) as half, connect(server.address(), trusting(self.certificate)) as idle:
            half.sendall(b"\x16\x03\x01")
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, 1.0)
            self.assertEqual(read_all(idle), b"")


if __name__ == "__main__":
    unittest.main()
