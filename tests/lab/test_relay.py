"""A landfall-server as a whole bridge: from where a peer cannot be reached, the local proxy of `landfall run` reaches it through obfs4 and the
CONNECT behind it. The peer's address exists in the bridge's namespace alone."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]

import lab  # noqa: E402
from internet import Namespace, command  # noqa: E402

SERVER = os.environ["LANDFALL_SERVER_BIN"]
NEAR, BRIDGE, PEER = "10.9.0.1", "10.9.0.10", "192.0.2.77"
SIZE = 24 << 20
# Answers a GET with SIZE bytes, everything else, once its client has ended, with what it heard; on two ports, of which one is a peer's.
PEER_PROGRAM = f"""
import socketserver, threading
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        first = self.rfile.readline()
        if first.startswith(b"GET "):
            self.wfile.write(b"HTTP/1.0 200 OK\\r\\nContent-Length: {SIZE}\\r\\n\\r\\n" + b"landfall" * {SIZE // 8})
        else:
            self.wfile.write(b"heard " + first + self.rfile.read())
class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 64
    daemon_threads = True
with Server(("{PEER}", 0), Handler) as server, Server(("{PEER}", 0), Handler) as other:
    threading.Thread(target=other.serve_forever, daemon=True).start()
    print(server.server_address[1], other.server_address[1], flush=True)
    server.serve_forever()
"""


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="landfall-relay-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        far = Namespace()
        cls.addClassCleanup(far.close)
        command("ip", "link", "set", "lo", "up")
        command("ip", "link", "add", "c0", "type", "veth", "peer", "name", "i0", "netns", far.pid)
        command("ip", "addr", "add", f"{NEAR}/24", "dev", "c0")
        command("ip", "link", "set", "c0", "up")
        for words in (f"addr add {BRIDGE}/24 dev i0", "link set i0 up", "link set lo up", f"addr add {PEER}/32 dev lo"):
            far.run("ip", *words.split())
        cls.peer, cls.other = (f"{PEER}:{port}" for port in cls.program(far, sys.executable, "-c", PEER_PROGRAM).split())
        publisher = lab.Publisher(cls.folder)
        documents = os.path.join(cls.folder, "documents", "v1", lab.NETWORK, "public-0")
        os.makedirs(documents)
        with open(os.path.join(documents, "list"), "wb") as file:
            file.write(publisher.list(1, endpoints=[f"tcp://{cls.peer}"]))
        ready = json.loads(cls.program(far, SERVER, "--obfs4", f"{BRIDGE}:0", "--obfs4-state", os.path.join(cls.folder, "state"), "--relay",
                                       "--documents", os.path.join(cls.folder, "documents")))
        cls.sidecar = lab.Sidecar(cls.folder, "sidecar", publisher.root, [{"kind": "bridge"}],
                                  settings=f"socks_any = true\n[[bridge]]\nline = {json.dumps(ready['bridge'])}\n")
        cls.sidecar.start()
        cls.addClassCleanup(cls.sidecar.__exit__, None, None, None)
        assert len(cls.sidecar.peers(min=1)["peers"]) == 1

    @classmethod
    def program(cls, where, *words):
        """Starts it there; its first line."""
        process = subprocess.Popen([*where.launcher, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

        def end():
            process.terminate()
            process.wait(lab.PATIENCE)
            process.stdout.close()
        cls.addClassCleanup(end)
        return process.stdout.readline()

    def curl(self, *how, expect=0):
        socks = self.sidecar.status()["socks"]
        return lab.run("curl", "-sS", "--noproxy", "", "-m", "60", "-x", f"socks5://{socks['user']}:{socks['password']}@{socks['address']}", *how,
                       expect=expect)

    def dial(self, to):
        """Through the local proxy, by hand; the reply's code with it."""
        socks = self.sidecar.status()["socks"]
        host, port = socks["address"].rsplit(":", 1)
        stream = socket.create_connection((host, int(port)), lab.PATIENCE)
        self.addCleanup(stream.close)
        user, password = socks["user"].encode(), socks["password"].encode()
        address, to_port = to.rsplit(":", 1)
        stream.sendall(b"\5\1\2\1" + bytes([len(user)]) + user + bytes([len(password)]) + password +
                       b"\5\1\0\1" + socket.inet_aton(address) + int(to_port).to_bytes(2, "big"))
        said = b""
        while len(said) < 14:
            said += stream.recv(14 - len(said)) or self.fail(f"hung up after {said.hex()}")
        return stream, said[5]

    @staticmethod
    def rest(stream):
        out = b""
        with contextlib.suppress(ConnectionResetError):
            while part := stream.recv(1 << 16):
                out += part
        return out

    def test_the_peer_is_not_reached_otherwise(self):
        with self.assertRaises(OSError):
            socket.create_connection((PEER, int(self.peer.rsplit(":", 1)[1])), 5)

    def test_curl_reaches_the_peer(self):
        got, _ = self.curl(f"http://{self.peer}/")
        self.assertEqual(len(got), SIZE)
        self.assertEqual(set(got[at:at + 8] for at in range(0, SIZE, 8)), {"landfall"})
        self.assertRegex(self.sidecar.ask("/metrics")[1], r'landfall_tunnel_streams_total\{tunnel="bridge-1",result="opened"\} [1-9]')

    def test_the_client_may_end_first(self):
        stream, code = self.dial(self.peer)
        self.assertEqual(code, 0)
        words = os.urandom(3 << 20)
        sender = threading.Thread(target=lambda: (stream.sendall(words), stream.shutdown(socket.SHUT_WR)))
        sender.start()
        self.assertEqual(self.rest(stream), b"heard " + words)
        sender.join()

    def test_many_at_once(self):
        streams = [self.dial(self.peer)[0] for _ in range(32)]
        for number, stream in enumerate(streams):
            stream.sendall(b"%d" % number)
            stream.shutdown(socket.SHUT_WR)
        self.assertEqual([self.rest(stream) for stream in streams], [b"heard %d" % number for number in range(32)])

    def test_what_is_no_peer_is_refused_by_the_bridge(self):
        """Though it listens, and `socks_any` lets it pass here."""
        self.assertNotEqual(self.dial(self.other)[1], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
