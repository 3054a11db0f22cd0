"""HTTP CONNECT behind the hidden listeners, on the listener that tor connects to: to whom it leads, what it refuses, and that bytes, ends and
floods pass as they came."""

import http.client
import os
import shutil
import socket
import tempfile
import threading
import unittest
from contextlib import closing
from pathlib import Path

import fake_tor
import harness

BULK = os.urandom(1 << 20) * 24


class Peer:
    """Listens on loopback; what it does with a connection is the test's."""

    def __init__(self, test):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(harness.PATIENCE)
        self.place = f"127.0.0.1:{self.listener.getsockname()[1]}"
        test.addCleanup(self.listener.close)

    def accept(self, test):
        connection, _ = self.listener.accept()
        connection.settimeout(harness.PATIENCE)
        test.addCleanup(connection.close)
        return connection


class Relay(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="landfall-relay-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.peer = Peer(self)

    def serve(self, *arguments, endpoints=None):
        """Where the hidden listener is."""
        harness.replace(self.folder / harness.LIST, harness.peer_list(endpoints=endpoints or [f"tcp://{self.peer.place}"]))
        tor = fake_tor.FakeTor()
        self.addCleanup(tor.stop)
        server = harness.Server("--documents", str(self.folder), "--onion", tor.place, *arguments, environment=fake_tor.SEED)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0, server.told))
        self.server = server
        return self.server.address()

    def connect(self, address, to, more=b""):
        """The connection and the head of the answer."""
        stream = socket.create_connection(address, timeout=harness.PATIENCE)
        self.addCleanup(stream.close)
        stream.sendall(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n".encode() + more)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = stream.recv(1)
            if not byte:
                break
            head += byte
        return stream, head

    def tunnel(self, *arguments):
        """A client and the peer behind it."""
        stream, head = self.connect(self.serve("--relay", "--relay-private", *arguments), self.peer.place)
        self.assertEqual(head, b"HTTP/1.1 200 OK\r\n\r\n")
        return stream, self.peer.accept(self)

    def test_bytes_pass_both_ways_whatever_their_number(self):
        client, peer = self.tunnel()
        got = {}

        def send(to):
            to.sendall(BULK)
            to.shutdown(socket.SHUT_WR)

        def receive(name, source):
            got[name] = harness.read_all(source)
        threads = [threading.Thread(target=work, args=arguments) for work, arguments in
                   ((send, (client,)), (send, (peer,)), (receive, ("client", client)), (receive, ("peer", peer)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(got, {"client": BULK, "peer": BULK})

    def test_what_follows_the_request_at_once_is_not_lost(self):
        client, head = self.connect(self.serve("--relay", "--relay-private"), self.peer.place, b"first words")
        self.assertIn(b"200 OK", head)
        peer = self.peer.accept(self)
        self.assertEqual(read_exactly(peer, 11), b"first words")
        client.close()
        self.assertEqual(peer.recv(1), b"")

    def test_each_side_may_end_first_and_goes_on_hearing(self):
        for name in ("the client", "the peer"):
            with self.subTest(name):
                client, peer = self.tunnel()
                first, second = (client, peer) if name == "the client" else (peer, client)
                first.sendall(b"my last words")
                first.shutdown(socket.SHUT_WR)
                self.assertEqual(harness.read_all(second), b"my last words")
                second.sendall(b"mine come later")
                second.close()
                self.assertEqual(harness.read_all(first), b"mine come later")

    def test_a_side_that_hangs_up_takes_the_other_along(self):
        for name in ("the client", "the peer"):
            with self.subTest(name):
                client, peer = self.tunnel()
                first, second = (client, peer) if name == "the client" else (peer, client)
                first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                first.close()  # by a reset
                self.assertEqual(harness.read_all(second), b"")

    def test_who_does_not_read_stops_the_other_and_costs_little(self):
        client, peer = self.tunnel()
        before = self.memory()
        client.settimeout(1)
        sent = 0
        with self.assertRaises(socket.timeout):
            while sent < 256 << 20:
                sent += client.send(BULK)
        self.assertLess(self.memory() - before, 16 << 20)
        received = 0
        client.shutdown(socket.SHUT_WR)
        while part := peer.recv(1 << 20):
            received += len(part)
        self.assertEqual(received, sent)

    def memory(self):
        status = Path(f"/proc/{self.server.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def test_refused(self):
        gone = harness.free_port()
        address = self.serve("--relay", "--relay-private", endpoints=[f"tcp://{self.peer.place}", f"tcp://127.0.0.1:{gone}", "udp://127.0.0.1:53"])
        for name, to, expected in (
            ("a port that is no peer's", f"127.0.0.1:{self.server.address()[1]}", b"403 Forbidden"),
            ("another address", "127.0.0.2:" + self.peer.place.split(":")[1], b"403 Forbidden"),
            ("a name", "localhost:" + self.peer.place.split(":")[1], b"403 Forbidden"),
            ("a UDP endpoint", "127.0.0.1:53", b"403 Forbidden"),
            ("a path", "/", b"403 Forbidden"),
            ("a peer that is gone", f"127.0.0.1:{gone}", b"502 Bad Gateway"),
        ):
            with self.subTest(name):
                stream, head = self.connect(address, to, b"GET / HTTP/1.1\r\n\r\n")
                self.assertIn(expected, head)
                self.assertIn(b"Connection: close", head)
                self.assertEqual(harness.read_all(stream), b"", "one answer")

    def test_private_peers_are_none_unless_that_was_said(self):
        _, head = self.connect(self.serve("--relay"), self.peer.place)
        self.assertIn(b"403 Forbidden", head)

    def test_without_relay_there_is_no_such_method(self):
        _, head = self.connect(self.serve(), self.peer.place)
        self.assertIn(b"405 Not Allowed", head)

    def test_documents_are_served_beside_and_before(self):
        address = self.serve("--relay", "--relay-private")
        with closing(http.client.HTTPConnection(*address, timeout=harness.PATIENCE)) as kept:
            kept.request("GET", "/" + harness.LIST, headers={"Host": fake_tor.ADDRESS + ".onion"})
            self.assertEqual(kept.getresponse().read(), (self.folder / harness.LIST).read_bytes())
            kept.sock.sendall(f"CONNECT {self.peer.place} HTTP/1.1\r\n\r\n".encode())
            self.assertEqual(kept.sock.recv(64), b"HTTP/1.1 200 OK\r\n\r\n")
            self.peer.accept(self).sendall(b"hello")
            self.assertEqual(read_exactly(kept.sock, 5), b"hello")

    def test_a_new_list_names_new_peers(self):
        address, other = self.serve("--relay", "--relay-private"), Peer(self)
        self.server.wait_for("documents: 1 in service")
        harness.replace(self.folder / harness.LIST, harness.peer_list(version=2, endpoints=[f"tcp://{other.place}"]))
        self.server.wait_for("documents: 1 in service")
        for place, expected in ((self.peer.place, b"403"), (other.place, b"200")):
            self.assertIn(expected, self.connect(address, place)[1])

    def test_tunnels_are_counted_and_end_with_the_server(self):
        client, peer = self.tunnel("--max-connections", "2")
        address = self.server.address()
        second, head = self.connect(address, self.peer.place)
        self.assertIn(b"200", head)
        waiting = socket.create_connection(address, timeout=harness.PATIENCE)
        self.addCleanup(waiting.close)
        waiting.sendall(b"GET /" + harness.LIST.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting.settimeout(1)
        with self.assertRaises(socket.timeout):
            waiting.recv(1)
        waiting.settimeout(harness.PATIENCE)
        second.close()
        self.peer.accept(self).close()
        self.assertTrue(waiting.recv(16).startswith(b"HTTP/1.1 200"))
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual((harness.read_all(client), harness.read_all(peer)), (b"", b""))

    def test_relay_needs_a_hidden_listener(self):
        with self.assertRaisesRegex(AssertionError, "--relay needs --obfs4 or --onion"):
            harness.Server("--decoy", str(self.folder), "--listen", "127.0.0.1:0", "--relay")


def read_exactly(stream, size):
    out = b""
    while len(out) < size:
        part = stream.recv(size - len(out))
        if not part:
            break
        out += part
    return out


if __name__ == "__main__":
    unittest.main()
