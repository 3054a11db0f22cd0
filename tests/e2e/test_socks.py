"""The local SOCKS5 proxy of `landfall run`: by curl, by hand-made bytes, behind Debian's proxies, under thousands of
connections. Traffic stays on loopback."""
import contextlib
import json
import os
import re
import resource
import select
import shutil
import socket
import subprocess
import threading
import time
import unittest

import lab
from lab import PATIENCE, run

HELD = 5000
HALF_OPEN = 10_000
HANDSHAKE = 8.0  # seconds that a client has
IDLE_BYTES = 8 * 1024  # of our memory for a connection that waits
OK = bytes.fromhex("05000001000000000000")


def descriptors(wanted):
    """The soft limit up to the hard one; false when that is not enough."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard >= wanted


def request(port, host="127.0.0.1"):
    return b"\5\1\0\1" + socket.inet_aton(host) + port.to_bytes(2, "big")


def read(stream, size):
    got = b""
    while len(got) < size:
        piece = stream.recv(size - len(got))
        if not piece:
            break
        got += piece
    return got


def read_to_end(stream):
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := stream.recv(65536):
            got += piece
    return got


class Origin:
    """Answers what it read, once its client has ended its direction; HTTP at once."""

    def __init__(self, test):
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listening.getsockname()[1]
        self.accepted = 0
        test.addCleanup(self.listening.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            got = client.recv(65536)
            if got.startswith(b"GET "):
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nlanded\n")
                return
            while piece := client.recv(65536):
                got += piece
            client.sendall(b"heard " + got)


class Proxied(unittest.TestCase):
    def setUp(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.origin = Origin(self)

    @contextlib.contextmanager
    def proxy(self, settings="", named=True, name="a"):
        dead = {"kind": "https", "name": "dead", "url": f"https://127.0.0.1:{lab.free_port()}/{lab.SECRET}/"}
        with self.lab.sidecar(name, dead, settings=settings) as sidecar:
            if named:
                status, _ = sidecar.ask("/v1/peers", "POST", {"endpoints": [f"tcp://127.0.0.1:{self.origin.port}"]})
                self.assertEqual(status, 201)
            yield sidecar

    def dial(self, sidecar, timeout=PATIENCE):
        address = sidecar.status()["socks"]["address"]
        if address.startswith("unix:"):
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(timeout)
            stream.connect(address[5:])
        else:
            host, port = address.rsplit(":", 1)
            stream = socket.create_connection((host.strip("[]"), int(port)), timeout)
        self.addCleanup(stream.close)
        return stream

    def login(self, sidecar, user=b"token"):
        password = sidecar.status()["socks"]["password"].encode()
        return b"\5\1\2\1" + bytes([len(user)]) + user + bytes([len(password)]) + password

    def curl(self, sidecar, url, *how, expect=0, user=None):
        socks = sidecar.status()["socks"]
        login = f"{user or socks['user']}:{socks['password']}@" if socks["password"] else ""
        scheme = "socks5h" if "--by-name" in how else "socks5"
        how = [option for option in how if option != "--by-name"]
        proxy = f"{scheme}://{login}{socks['address']}"
        return run("curl", "-sS", "--noproxy", "", "-m", str(int(PATIENCE)), "-x", proxy, *how, url, expect=expect)

    def metrics_with(self, sidecar, pattern):
        """The metrics, once they show it: what a client sees and what is counted are not one moment."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, metrics := sidecar.ask("/metrics")[1]):
            self.assertLess(time.monotonic(), until, f"never: {pattern}")
        return metrics

    def url(self, host="127.0.0.1"):
        return f"http://{host}:{self.origin.port}/"


class Curl(Proxied):
    def test_with_the_password_of_this_start(self):
        with self.proxy() as sidecar:
            told = sidecar.peers(min=1)["socks"]
            self.assertEqual(sorted(told), ["address", "password", "user"])
            self.assertEqual(told, sidecar.status()["socks"])
            self.assertRegex(told["address"], r"^127\.0\.0\.1:\d+$")
            self.assertGreaterEqual(len(told["password"]), 24)
            self.assertEqual(self.curl(sidecar, self.url())[0], "landed\n")
            self.assertEqual(self.curl(sidecar, self.url(), user="another-token")[0], "landed\n")
            first = told["password"]
            metrics = self.metrics_with(sidecar, r"landfall_socks_connections 0\n")
            self.assertIn('landfall_tunnel_streams_total{tunnel="direct",result="opened"} 2', metrics)
            self.assertRegex(metrics, r'landfall_tunnel_bytes_total\{tunnel="direct",direction="received"\} [1-9]')
            sidecar.stop()
            said = "".join(sidecar.told) + sidecar.process.stderr.read()
            sidecar.process.stderr.close()
            self.assertNotIn(first, said)
            self.assertNotIn(str(self.origin.port), said)
            sidecar.start()
            self.assertNotEqual(sidecar.status()["socks"]["password"], first)

    def test_as_in_the_readme(self):
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "README.md"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        begin = next(n for n, line in enumerate(lines) if line.startswith("proxy=$(landfall"))
        script = "\n".join(lines[begin:begin + 2]).replace("PEER:PORT", f"127.0.0.1:{self.origin.port}")
        self.assertIn("curl", script)
        with self.proxy() as sidecar:
            environment = {**sidecar.environment, "PATH": os.path.dirname(lab.LANDFALL) + ":" + os.environ["PATH"]}
            environment.pop("no_proxy", None)
            environment.pop("NO_PROXY", None)
            self.assertEqual(run("bash", "-euc", script, env=environment)[0], "landed\n")

    def test_without_the_password(self):
        with self.proxy() as sidecar:
            address = sidecar.status()["socks"]["address"]
            for login in ("", "landfall:wrong@", "landfall:@"):
                run("curl", "-sS", "--noproxy", "", "-x", f"socks5://{login}{address}", self.url(), expect=97)
            self.assertEqual(self.origin.accepted, 0)
            self.metrics_with(sidecar, r'landfall_socks_refused_total\{reason="handshake"\} 3\n')

    def test_a_name_is_never_looked_up_here(self):
        with self.proxy("socks_any = true") as sidecar:
            _, said = self.curl(sidecar, self.url("localhost"), "--by-name", expect=97)
            self.assertIn("(8)", said)
            self.assertEqual(self.curl(sidecar, self.url())[0], "landed\n")

    def test_peers_alone(self):
        other = Origin(self)
        with self.proxy() as sidecar:
            _, said = self.curl(sidecar, f"http://127.0.0.1:{other.port}/", expect=97)
            self.assertIn("(2)", said)
            _, said = self.curl(sidecar, self.url("127.0.0.2"), expect=97)
            self.assertIn("(2)", said)
            self.curl(sidecar, "http://10.0.0.1:443/", expect=97)
            self.assertEqual(other.accepted, 0)
        with self.proxy("socks_any = true", named=False, name="b") as sidecar:
            self.assertEqual(self.curl(sidecar, f"http://127.0.0.1:{other.port}/")[0], "landed\n")

    def test_peers_of_the_verified_list(self):
        self.lab.nginx.put("good", self.lab.publisher.list(1, endpoints=[f"tcp://127.0.0.1:{self.origin.port}"]))
        self.lab.nginx.start()
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            self.curl(sidecar, self.url("127.0.0.3"), expect=97)
            sidecar.peers(min=1)
            self.assertEqual(self.curl(sidecar, self.url())[0], "landed\n")

    def test_open(self):
        with self.proxy("socks_open = true") as sidecar:
            self.assertEqual(sidecar.status()["socks"]["password"], "")
            self.assertEqual(self.curl(sidecar, self.url())[0], "landed\n")

    def test_refused_by_the_destination(self):
        with self.proxy("socks_any = true") as sidecar:
            _, said = self.curl(sidecar, f"http://127.0.0.1:{lab.free_port()}/", expect=97)
            self.assertIn("(5)", said)

    def test_a_port_that_is_taken_is_told_at_the_start(self):
        with self.assertRaisesRegex(AssertionError, "sidecar.socks: cannot listen at"):
            self.lab.sidecar("taken", settings=f'socks = "127.0.0.1:{self.origin.port}"').start()

    def test_check_tells_what_it_would_do(self):
        with self.proxy("socks_open = true\nsocks_any = true") as sidecar:
            out, said = sidecar.command("check")
            self.assertIn("proxy          127.0.0.1:0, open to all of this machine, to any destination", out)
            self.assertIn("socks_open and socks_any", said)
            self.assertEqual(json.loads(sidecar.command("check", "--json")[0])["socks"],
                             {"listen": "127.0.0.1:0", "open": True, "any": True})


class ByHand(Proxied):
    def test_a_byte_at_a_time_and_all_at_once(self):
        with self.proxy() as sidecar:
            said = self.login(sidecar) + request(self.origin.port)
            for pieces in ([bytes([b]) for b in said], [said], [said + b"early, "]):
                stream = self.dial(sidecar)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in pieces:
                    stream.sendall(piece)
                self.assertEqual(read(stream, 14), b"\5\2\1\0" + OK)
                stream.sendall(b"hello")
                stream.shutdown(socket.SHUT_WR)
                early = b"early, " if pieces[0].endswith(b"early, ") else b""
                self.assertEqual(read_to_end(stream), b"heard " + early + b"hello")

    def test_refusals_by_their_bytes(self):
        with self.proxy() as sidecar:
            login = self.login(sidecar)
            address = b"\1\x7f\0\0\1" + self.origin.port.to_bytes(2, "big")
            good = b"\5\2\1\0"
            for what, said, answer in (
                    ("SOCKS4", b"\4\1\0\x50\x7f\0\0\1\0", b""),
                    ("HTTP", b"GET / HTTP/1.1\r\n\r\n", b""),
                    ("no method", b"\5\0", b"\5\xff"),
                    ("none where a password is wanted", b"\5\1\0", b"\5\xff"),
                    ("a wrong password", b"\5\1\2\1\1u\1p", b"\5\2\1\1"),
                    ("BIND", login + b"\5\2\0" + address, good + b"\5\7\0\1" + bytes(6)),
                    ("UDP ASSOCIATE", login + b"\5\3\0" + address, good + b"\5\7\0\1" + bytes(6)),
                    ("an unknown kind of address", login + b"\5\1\0\2", good + b"\5\x08\0\1" + bytes(6)),
                    ("a NUL in a name", login + b"\5\1\0\3\3a\0b\0\x50", good + b"\5\1\0\1" + bytes(6)),
                    ("a name", login + b"\5\1\0\3\1a\0\x50", good + b"\5\x08\0\1" + bytes(6)),
                    ("nobody's peer", login + request(9, "127.0.0.9"), good + b"\5\2\0\1" + bytes(6))):
                with self.subTest(what):
                    stream = self.dial(sidecar)
                    stream.sendall(said)
                    self.assertEqual(read_to_end(stream), answer)

    def test_half_close_keeps_the_answer_and_megabytes_come_whole(self):
        big = os.urandom(1 << 20) * 8
        with self.proxy("socks_open = true") as sidecar:
            stream = self.dial(sidecar)
            stream.sendall(b"\5\1\0" + request(self.origin.port))
            self.assertEqual(read(stream, 12), b"\5\0" + OK)
            sender = threading.Thread(target=lambda: (stream.sendall(big), stream.shutdown(socket.SHUT_WR)))
            sender.start()
            got = read_to_end(stream)
            sender.join()
            self.assertTrue(got == b"heard " + big)

    def test_a_unix_socket_for_who_may_use_the_api(self):
        path = os.path.join(self.lab.folder, "proxy", "socks.sock")
        with self.proxy(f'socks = "unix:{path}"') as sidecar:
            self.assertEqual(sidecar.status()["socks"], {"address": f"unix:{path}", "user": "", "password": ""})
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            for said in (b"\5\1\0", b"\5\1\2\1\5token\1x"):
                stream = self.dial(sidecar)
                stream.sendall(said + request(self.origin.port))
                self.assertTrue(read(stream, 12 if len(said) == 3 else 14).endswith(OK))
                stream.sendall(b"hello")
                stream.shutdown(socket.SHUT_WR)
                self.assertEqual(read_to_end(stream), b"heard hello")
        self.assertFalse(os.path.exists(path))


class Upstream(Proxied):
    """Debian's proxies as the way out: then they alone are, and names are theirs to look up."""

    @contextlib.contextmanager
    def program(self, *command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def wait_for(self, port):
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), until, "the proxy does not listen")
                select.select([], [], [], 0.02)

    def both_ways(self, upstream):
        with self.proxy(f'socks_any = true\nupstream_proxy = "{upstream}"') as sidecar:
            self.assertEqual(self.curl(sidecar, self.url())[0], "landed\n")
            self.assertEqual(self.curl(sidecar, self.url("localhost"), "--by-name")[0], "landed\n")

    def test_microsocks_with_a_password(self):
        port = lab.free_port()
        with self.program("microsocks", "-i", "127.0.0.1", "-p", str(port), "-u", "user", "-P", "pass"):
            self.wait_for(port)
            self.both_ways(f"socks5://user:pass@127.0.0.1:{port}")

    def test_dante(self):
        port, conf = lab.free_port(), os.path.join(self.lab.folder, "danted.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: lo\nsocksmethod: none\nclientmethod: none\n"
                       "client pass { from: 0/0 to: 0/0 }\nsocks pass { from: 0/0 to: 0/0 }\n")
        with self.program(shutil.which("danted") or "/usr/sbin/danted", "-f", conf):
            self.wait_for(port)
            self.both_ways(f"socks5://127.0.0.1:{port}")

    def test_tinyproxy(self):
        port, conf = lab.free_port(), os.path.join(self.lab.folder, "tinyproxy.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 10\n")
        with self.program("tinyproxy", "-d", "-c", conf):
            self.wait_for(port)
            self.both_ways(f"http://127.0.0.1:{port}")

    def test_a_proxy_that_is_gone_is_not_passed_by(self):
        with self.proxy(f'socks_any = true\nupstream_proxy = "socks5://127.0.0.1:{lab.free_port()}"') as sidecar:
            self.curl(sidecar, self.url(), expect=97)
            self.assertEqual(self.origin.accepted, 0)

    def test_a_client_that_hangs_up_ends_what_is_opened_for_it(self):
        """The proxy says nothing: the opening would last 30 s, and a test's patience is less."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        upstream = f'upstream_proxy = "socks5://127.0.0.1:{silent.getsockname()[1]}"'
        with self.lab.sidecar("a", settings=f"socks_open = true\nsocks_any = true\n{upstream}") as sidecar:
            for said in (b"", b"early"):
                with self.subTest(early=said):
                    stream = self.dial(sidecar)
                    stream.sendall(b"\5\1\0" + request(9) + said)
                    far, _ = silent.accept()
                    far.settimeout(PATIENCE)
                    self.assertEqual(read(far, 3), b"\5\1\0")
                    if said:  # then an end may be half a one; a reset is none
                        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, (1).to_bytes(4, "little") + bytes(4))
                    stream.close()
                    self.assertEqual(read_to_end(far), b"")
                    far.close()
            self.metrics_with(sidecar, r"landfall_socks_connections 0\n")


class Thousands(Proxied):
    def memory(self, sidecar):
        with open(f"/proc/{sidecar.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))

    def test_held_connections(self):
        if not descriptors(2 * HELD + 500):
            self.skipTest(f"{HELD} held connections need {2 * HELD + 500} descriptors")
        held = []
        listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.addCleanup(listening.close)
        self.addCleanup(lambda: [stream.close() for stream in held])
        with self.proxy("socks_open = true\nsocks_any = true", named=False) as sidecar:
            said = b"\5\1\0" + request(listening.getsockname()[1])

            def hold():
                stream = self.dial_fast(address)
                stream.sendall(said)
                self.assertEqual(read(stream, 12), b"\5\0" + OK)
                far, _ = listening.accept()
                held.extend((stream, far))
                return stream, far

            host, port = sidecar.status()["socks"]["address"].rsplit(":", 1)
            address = (host, int(port))
            for _ in range(100):
                hold()
            before = self.memory(sidecar)
            pairs = [hold() for _ in range(HELD - 100)]
            each = (self.memory(sidecar) - before) / len(pairs)
            print(f"\n{HELD} held: {each / 1024:.1f} KiB each")
            self.assertLessEqual(each, IDLE_BYTES)
            self.metrics_with(sidecar, rf"landfall_socks_connections {HELD}\n")
            for near, far in pairs[::97]:
                near.sendall(b"still there?")
                self.assertEqual(read(far, 12), b"still there?")
                far.sendall(b"yes")
                self.assertEqual(read(near, 3), b"yes")
            self.assertLess(sidecar.stop(), 1.0)

    def dial_fast(self, address):
        return socket.create_connection(address, PATIENCE)

    def test_half_open_connections_keep_nobody_out(self):
        if not descriptors(HALF_OPEN + 500):
            self.skipTest(f"{HALF_OPEN} half-open connections need {HALF_OPEN + 500} descriptors")
        silent = []
        self.addCleanup(lambda: [stream.close() for stream in silent])
        with self.proxy() as sidecar:
            host, port = sidecar.status()["socks"]["address"].rsplit(":", 1)
            before = self.memory(sidecar)
            for n in range(HALF_OPEN):
                silent.append(self.dial_fast((host, int(port))))
                silent[-1].sendall(b"\5"[:n % 2])
                if n % 2500 == 2499:
                    self.assertEqual(self.curl(sidecar, self.url())[0], "landed\n")
            grown = self.memory(sidecar) - before
            print(f"\n{HALF_OPEN} half-open: {grown / 1024 / 1024:.1f} MiB")
            self.assertLess(grown, 16 * 1024 * 1024)
            self.assertEqual(read_to_end(silent[0]), b"", "the oldest made room")
            self.metrics_with(sidecar, r"landfall_socks_half_open 10[0-2]\d\n")
            begun = time.monotonic()
            self.assertEqual(read_to_end(silent[-1]), b"", "and the last one had its time")
            self.assertLess(time.monotonic() - begun, HANDSHAKE + 3)

    def test_without_descriptors_the_next_client_waits(self):
        few = 300  # of which 256 are for others: 22 connections
        sidecar = self.lab.sidecar("a", settings="socks_open = true\nsocks_any = true")
        sidecar.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few)))
        self.addCleanup(sidecar.process.stderr.close)
        self.addCleanup(sidecar.stop)
        said = b"\5\1\0" + request(self.origin.port)
        held = [self.dial(sidecar) for _ in range((few - 256) // 2)]
        for stream in held:
            stream.sendall(said)
            self.assertEqual(read(stream, 12), b"\5\0" + OK)
        late = self.dial(sidecar)
        late.sendall(said)
        self.assertEqual(select.select([late], [], [], 0.3)[0], [], "it has to wait")
        self.assertEqual(sidecar.status()["socks"]["password"], "", "the API has descriptors left")
        held[0].close()
        self.assertEqual(read(late, 12), b"\5\0" + OK)

    def test_a_slow_loris_has_its_time_and_no_more(self):
        with self.proxy() as sidecar:
            stream = self.dial(sidecar)
            begun = time.monotonic()
            ended = False
            for byte in self.login(sidecar) + request(self.origin.port):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    stream.sendall(bytes([byte]))
                ready, _, _ = select.select([stream], [], [], 0.5)  # its pace
                ended = bool(ready) and self.drained(stream)
                if ended:
                    break
            self.assertTrue(ended, "it was never closed")
            took = time.monotonic() - begun
            self.assertGreater(took, HANDSHAKE - 1)
            self.assertLess(took, HANDSHAKE + 3)

    def drained(self, stream):
        try:
            return stream.recv(64) == b""
        except ConnectionResetError:
            return True


if __name__ == "__main__":
    unittest.main()
