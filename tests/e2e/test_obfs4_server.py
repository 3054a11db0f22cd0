"""landfall-server --obfs4: a whole bridge in one program. Served to our client and to Debian's obfs4proxy, silent to everybody
else, whatever they send; and held connections, however many, keep nobody out."""

import http.client
import json
import os
import resource
import select
import shutil
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Optional

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "server"))

from harness import BINARY, LIST, SECRET, ServerTest, ask_raw, connect, read_all, replace  # noqa: E402
from obfs4_rig import PATIENCE, Program, connect as connect_through, request, socks_arguments  # noqa: E402

PAIR = os.environ["LANDFALL_OBFS4_PAIR"]
# Of this seed, by SipHash: 2 s of extra patience. So strangers are closed after 32 s.
SEED_OF_TWO_SECONDS = "000000000000000000000000000000000000000000000005"
GET = f"GET /{LIST} HTTP/1.1\r\nHost: landfall\r\nConnection: close\r\n\r\n".encode()


class Bridge:
    """landfall-server with --obfs4, ready once made."""

    def __init__(self, *arguments: str, environment: Optional[dict[str, str]] = None) -> None:
        self.process = subprocess.Popen(
            [BINARY, "--obfs4", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.ready = json.loads(line)
        name, self.where, *self.arguments = self.ready["bridge"].split()
        assert name == "obfs4"
        self.port = int(self.where.rsplit(":", 1)[1])

    def stop(self) -> int:
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def resident(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()


class Obfs4Server(ServerTest):
    def bridge(self, *arguments: str, **more: dict[str, str]) -> Bridge:
        given = arguments if more or "--obfs4-state" in arguments else ("--obfs4-state", str(self.folder / "bridge.json"), *arguments)
        out = Bridge("--documents", str(self.documents), *given, **more)
        self.addCleanup(lambda: self.assertEqual(out.stop(), 0, "it ended by itself"))
        return out

    def ours(self, bridge: Bridge) -> int:
        """The port of a client half of ours."""
        program = Program([PAIR, "client", bridge.where, *bridge.arguments])
        self.addCleanup(program.stop)
        return int(json.loads(program.line())["listening"].rsplit(":", 1)[1])

    def fetch(self, port: int, path: str = LIST) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/" + path, headers={"Host": "landfall"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def test_serves_the_list_at_the_root_to_our_client(self) -> None:
        port = self.ours(self.bridge())
        self.assertEqual(self.fetch(port), (200, self.list))
        self.assertEqual(self.fetch(port, f"{SECRET}/{LIST}")[0], 404)
        self.assertEqual(self.fetch(port, "index.html")[0], 404)
        with connect(("127.0.0.1", port)) as one:  # kept open, answered again, then closed at our wish
            for _ in range(3):
                one.sendall(f"GET /{LIST} HTTP/1.1\r\nHost: landfall\r\n\r\n".encode())
                got = b""
                while not got.endswith(self.list):
                    got += one.recv(65536)
            one.sendall(GET)
            self.assertTrue(read_all(one).endswith(self.list), "the whole answer comes before the end")

    def test_serves_a_large_document_whole_before_it_closes(self) -> None:
        replace(self.documents / LIST, self.list[:-1] + b" " * 100_000 + self.list[-1:])
        with connect(("127.0.0.1", self.ours(self.bridge()))) as one:
            one.sendall(GET)
            self.assertGreater(len(read_all(one)), 123_000)

    def test_serves_the_list_to_obfs4proxy(self) -> None:
        bridge = self.bridge()
        state = self.folder / "theirs"
        state.mkdir()
        program = Program(["obfs4proxy"], {"TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_STATE_LOCATION": str(state),
                                           "TOR_PT_EXIT_ON_STDIN_CLOSE": "1", "TOR_PT_CLIENT_TRANSPORTS": "obfs4"})  # fmt: skip
        self.addCleanup(program.stop)
        port = 0
        while (line := program.line()) != "CMETHODS DONE":
            if line.startswith("CMETHOD obfs4"):
                port = int(line.rsplit(":", 1)[1])
        for _ in range(20):
            with connect_through(port, bridge.port, socks_arguments(bridge.arguments)) as one:
                one.sendall(GET)
                self.assertTrue(read_all(one).endswith(self.list))

    def test_iat_modes_of_the_state_file(self) -> None:
        for mode in (1, 2):
            with self.subTest(mode):
                path = self.folder / f"bridge-{mode}.json"
                self.bridge("--obfs4-state", str(path)).stop()
                state = json.loads(path.read_text())
                path.write_text(json.dumps({**state, "iat-mode": mode}))
                bridge = self.bridge("--obfs4-state", str(path))
                self.assertEqual(bridge.arguments[1], f"iat-mode={mode}")
                self.assertEqual(self.fetch(self.ours(bridge)), (200, self.list))

    def test_its_identity_stays(self) -> None:
        first = self.bridge()
        state = self.folder / "bridge.json"
        self.assertEqual(state.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.bridge().arguments, first.arguments)
        seed = {"LANDFALL_SERVER_SEED": "5a" * 32}
        derived = self.bridge(environment=seed)
        self.assertEqual(self.bridge(environment=seed).arguments, derived.arguments)
        self.assertNotEqual(derived.arguments, first.arguments)
        environment = Path(f"/proc/{derived.process.pid}/environ").read_bytes()
        self.assertNotIn(b"5a5a", environment, "the seed is not left where others can read it")

    def test_what_it_refuses_at_start(self) -> None:
        damaged = self.folder / "damaged.json"
        damaged.write_text("{}")
        rows = [
            ("neither file nor seed", [], {}, "LANDFALL_SERVER_SEED"),
            ("a short seed", [], {"LANDFALL_SERVER_SEED": "5a"}, "64 hex digits"),
            ("a damaged file", ["--obfs4-state", str(damaged)], {}, "damaged.json: node-id"),
        ]
        for name, arguments, environment, told in rows:
            with self.subTest(name):
                ended = subprocess.run(
                    [BINARY, "--documents", str(self.documents), "--obfs4", "127.0.0.1:0", *arguments], capture_output=True, text=True,
                    env={**os.environ, **environment}, timeout=PATIENCE,
                )  # fmt: skip
                self.assertEqual(ended.returncode, 2)
                self.assertIn(told, ended.stderr)
        self.assertEqual(damaged.read_text(), "{}")

    def test_beside_its_other_listeners(self) -> None:
        bridge = self.bridge("--secret-file", str(self.folder / "secret"), "--listen", "127.0.0.1:0")
        self.assertEqual(self.fetch(self.ours(bridge)), (200, self.list))
        plain = int(bridge.ready["listening"][0].rsplit(":", 1)[1])
        self.assertTrue(ask_raw(("127.0.0.1", plain), f"GET /{SECRET}/{LIST} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).endswith(self.list))
        self.assertEqual(self.fetch(plain)[0], 404, "the way in is not the same there")

    def test_answers_those_alone_who_know_the_bridge(self) -> None:
        bridge = self.bridge()
        sound = request(bridge.arguments)
        rows = [
            ("sound", sound, True),
            ("replayed", sound, False),
            ("an hour behind", request(bridge.arguments, hour=-1), True),
            ("an hour ahead", request(bridge.arguments, hour=1), True),
            ("two hours behind", request(bridge.arguments, hour=-2), False),
            ("two hours ahead", request(bridge.arguments, hour=2), False),
            ("truncated", request(bridge.arguments)[:-1], False),
            ("the longest", request(bridge.arguments, padding=8128), True),
            ("oversized", request(bridge.arguments, padding=8129), False),
            ("too short", request(bridge.arguments, padding=76), False),
            ("trailing bytes", request(bridge.arguments, trailing=b"x"), False),
            ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
            ("a megabyte", os.urandom(1 << 20), False),
        ]
        for name, said, answered in rows:
            with self.subTest(name), connect(("127.0.0.1", bridge.port)) as client:
                client.sendall(said)
                self.assertEqual(bool(select.select([client], [], [], PATIENCE if answered else 0.3)[0]), answered)

    def test_strangers_are_held_for_the_bridges_own_time_whatever_they_do(self) -> None:
        path = self.folder / "patient.json"
        self.bridge("--obfs4-state", str(path)).stop()
        path.write_text(json.dumps({**json.loads(path.read_text()), "drbg-seed": SEED_OF_TWO_SECONDS}))
        bridge = self.bridge("--obfs4-state", str(path), "--request-timeout", "1")
        sound = request(bridge.arguments)
        with connect(("127.0.0.1", bridge.port)) as first:
            first.sendall(sound)
            self.assertTrue(first.recv(1))
        probes = {"silent": b"", "a byte now and then": b"", "a replay": sound, "random": os.urandom(500), "oversized": os.urandom(9000),
                  "HTTP": b"GET / HTTP/1.1\r\n\r\n"}  # fmt: skip
        began = time.monotonic()
        open_ = {}
        for name, said in probes.items():
            open_[name] = connect(("127.0.0.1", bridge.port))
            self.addCleanup(open_[name].close)
            open_[name].sendall(said)
        closed: dict[str, float] = {}
        while len(closed) < len(open_) and time.monotonic() - began < PATIENCE:
            waiting = [one for name, one in open_.items() if name not in closed]
            for name, one in open_.items():
                if one in select.select(waiting, [], [], 0.1)[0]:
                    self.assertEqual(one.recv(10), b"", name)
                    closed[name] = time.monotonic() - began
            if "a byte now and then" not in closed:
                open_["a byte now and then"].send(b"x")
        self.assertEqual(set(closed), set(open_))
        for name, after in closed.items():
            self.assertAlmostEqual(after, 32, delta=1, msg=name)

    def test_ten_thousand_half_open_connections(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 10_500:
            self.skipTest(f"this machine allows {hard} descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for limit, said in ((4096, os.urandom(8000)), (hard, b"x")):
            with self.subTest(limit=limit):
                bridge = self.bridge("--max-connections", str(limit))
                port = self.ours(bridge)
                self.assertEqual(self.fetch(port), (200, self.list))
                before = bridge.resident()
                held = []
                try:
                    for n in range(10_000):
                        held.append(socket.create_connection(("127.0.0.1", bridge.port), timeout=PATIENCE))
                        held[-1].send(said)
                        if n % 2500 == 2499:
                            began = time.monotonic()
                            self.assertEqual(self.fetch(port), (200, self.list))
                            self.assertLess(time.monotonic() - began, 5)
                    grown = bridge.resident() - before
                    print(f"\n10 000 half-open, limit {limit}, {len(said)} bytes each: {grown / 1e6:.1f} MB", file=sys.stderr)
                    self.assertLess(grown, 80_000_000)
                finally:
                    for one in held:
                        one.close()
                self.assertEqual(self.fetch(port), (200, self.list))


if __name__ == "__main__":
    if not shutil.which("obfs4proxy"):
        print("obfs4proxy is not installed: skipped")
        sys.exit(77)
    unittest.main(verbosity=2)
