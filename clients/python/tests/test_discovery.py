"""discovery.py against a sidecar that answers well, and against one that does everything wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from typing import Any, Coroutine, Iterator
from unittest import mock

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]

import discovery
from fake_sidecar import Answer, FakeSidecar, endless, http, peer, peers_answer, raw, then_silence

HEAD = b"HTTP/1.1 200 OK\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream\r\n\r\n"

# What a broken sidecar may send, and the name of the error that it gives. The test's deadline is one second.
HOSTILE: list[tuple[str, Answer, str]] = [
    ("closes at once", raw(b""), "malformed"),
    ("closes within the headers", raw(HEAD), "malformed"),
    ("random bytes", raw(bytes(range(256)) * 4), "malformed"),
    ("another protocol", raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "malformed"),
    ("a status that is no number", raw(b"HTTP/1.1 abc OK\r\n\r\n{}"), "malformed"),
    ("an endless header", endless(HEAD, b"X-Header: " + b"y" * 8000 + b"\r\n", 0), "malformed"),
    ("an endless header line", endless(HEAD, b"y" * 8000, 0), "malformed"),
    ("101 headers", raw(HEAD + b"A: b\r\n" * 101 + b"\r\n{}"), "malformed"),
    ("an endless body", endless(HEAD + b"\r\n", b" " * 65536, 0), "malformed"),
    ("a body cut short", raw(HEAD + b'Content-Length: 100\r\n\r\n{"peers":['), "malformed"),
    ("a negative length", raw(HEAD + b"Content-Length: -1\r\n\r\nnot json"), "malformed"),
    ("chunks", raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), "malformed"),
    ("an empty body", http(200), "malformed"),
    ("a page instead of JSON", raw(HEAD + b"\r\n<html></html>"), "malformed"),
    ("JSON cut in the middle", raw(HEAD + b'\r\n{"peers":[{"id":"'), "malformed"),
    ("JSON that nests without end", raw(HEAD + b"\r\n" + b"[" * 500_000), "malformed"),
    ("a number without end", raw(HEAD + b'\r\n{"peers":' + b"9" * 500_000 + b"}"), "malformed"),
    ("not an object", http(200, ["peers"]), "malformed"),
    ("no peers member", http(200, {}), "malformed"),
    ("peers that are a text", http(200, peers_answer() | {"peers": "abc"}), "malformed"),
    ("a peer that is a number", http(200, {"peers": [1]}), "malformed"),
    ("a peer without endpoints", http(200, peers_answer(peer(1, endpoints=[]))), "malformed"),
    ("an endpoint that is a number", http(200, peers_answer(peer(1, endpoints=[1]))), "malformed"),
    ("an endpoint with an escape sequence", http(200, peers_answer(peer(1, endpoints=["tcp://\x1b[2J"]))), "malformed"),
    ("a tier that does not exist", http(200, peers_answer(peer(1, tier="Z"))), "malformed"),
    ("a version that is a text", http(200, peers_answer(peer(1, list_version="7"))), "malformed"),
    ("lanes that are numbers", http(503, {"error": "no_peers", "lanes": [1]}), "malformed"),
    ("no peer in an empty list", http(200, peers_answer()), "no_peers"),
    ("silence", then_silence(b""), "timeout"),
    ("silence after the headers", then_silence(HEAD + b"Content-Length: 9\r\n\r\n"), "timeout"),
    ("a byte now and then", endless(HEAD + b"Content-Length: 999\r\n\r\n", b" ", 0.05), "timeout"),
]


def run(test: Coroutine[Any, Any, None]) -> None:
    """With asyncio's own checks: a callback or connection left behind is an error."""
    asyncio.run(asyncio.wait_for(test, 20), debug=True)


@contextlib.contextmanager
def environment(**given: str) -> Iterator[None]:
    """Only these variables are set, of those that the socket rule reads."""
    read = ("LANDFALL_API", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME")
    rest = {name: value for name, value in os.environ.items() if name not in read}
    with mock.patch.dict(os.environ, {**rest, **given}, clear=True):
        yield


class SocketRule(unittest.TestCase):
    CASES = [
        ("told", dict(LANDFALL_API="/a.sock", XDG_RUNTIME_DIR="/run/user/7"), 7, "/a.sock"),
        ("runtime folder", dict(XDG_RUNTIME_DIR="/run/u/7", XDG_STATE_HOME="/s"), 7, "/run/u/7/landfall/api.sock"),
        ("runtime folder, as root", dict(XDG_RUNTIME_DIR="/run/u/0"), 0, "/run/u/0/landfall/api.sock"),
        ("root", dict(XDG_STATE_HOME="/s", HOME="/root"), 0, "/run/landfall/api.sock"),
        ("state folder", dict(XDG_STATE_HOME="/s", HOME="/h"), 7, "/s/landfall/api.sock"),
        ("home", dict(HOME="/h"), 7, "/h/.local/state/landfall/api.sock"),
        ("relative is unset", dict(XDG_RUNTIME_DIR="run", XDG_STATE_HOME="s", HOME="/h"), 7,
         "/h/.local/state/landfall/api.sock"),
        ("empty is unset", dict(LANDFALL_API="", XDG_RUNTIME_DIR="", XDG_STATE_HOME="", HOME="/h"), 7,
         "/h/.local/state/landfall/api.sock"),
    ]

    def test_is_the_sidecars_own(self) -> None:
        for name, given, uid, expected in self.CASES:
            with self.subTest(name), environment(**given), mock.patch("os.geteuid", return_value=uid):
                self.assertEqual(discovery.socket_path(), expected)


class BootstrapPeers(unittest.TestCase):
    def test_hands_over_peers_with_what_they_are_worth(self) -> None:
        answer = peers_answer(peer(1), peer(2, tier="B", source="seed", proxy=True), peer(3, tier="C", source="manual"),
                              provisional=True, short=True, degraded=["asn"])
        with FakeSidecar(http(200, answer)) as sidecar:
            peers = discovery.bootstrap_peers(8, 30.0, socket_path=sidecar.path)
        self.assertEqual(sidecar.requests, [("GET", "/v1/peers?min=8&max=16&wait=29&freshness=any", None)])
        self.assertIsInstance(peers, list)
        assert isinstance(peers, discovery.Peers)
        first = discovery.Peer(id=f"{1:043d}", endpoints=("tcp://198.18.1.1:443",), roles=("relay",), source="list",
                               tier="A", list_version=7, first_seen=1795132800, proxy=False)
        self.assertEqual(peers[0], first)
        self.assertEqual(len({*peers, *peers}), 3)  # peers can be members of a set
        self.assertTrue(peers[1].proxy)
        self.assertEqual((peers.tier, peers.provisional, peers.short, peers.degraded), ("B", True, True, ("asn",)))
        self.assertEqual(peers.socks, discovery.Socks("127.0.0.1:1080", "u", "hunter2"))
        self.assertNotIn("hunter2", repr(peers.socks))

    def test_unsigned_peers_alone_are_of_the_lowest_tier(self) -> None:
        with FakeSidecar(http(200, peers_answer(peer(1, source="manual")))) as sidecar:
            peers = discovery.bootstrap_peers(socket_path=sidecar.path)
        assert isinstance(peers, discovery.Peers)
        self.assertEqual(peers.tier, "C")

    def test_does_not_wait_for_the_end_of_a_connection_that_stays_open(self) -> None:
        body = b'{"peers":[{"id":"a","endpoints":["tcp://198.18.1.1:443"],"tier":"A"}]}'
        answer = then_silence(HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        with FakeSidecar(answer) as sidecar:
            self.assertEqual(len(discovery.bootstrap_peers(socket_path=sidecar.path)), 1)

    def test_explains_each_route_when_there_is_no_peer(self) -> None:
        lanes = [{"route": "https-1", "kind": "https", "outcome": "refused", "stage": "connect", "error": "", "ms": 3},
                 {"route": "dht\x1b[2J", "outcome": "below_threshold", "stage": "verify", "error": "1 of 2", "ms": 40}]
        answer = {"error": "no_peers", "message": "every route failed", "hint": "landfall probe", "lanes": lanes}
        with FakeSidecar(http(503, answer)) as sidecar, self.assertRaises(discovery.BootstrapError) as caught:
            discovery.bootstrap_peers(socket_path=sidecar.path)
        self.assertEqual(caught.exception.name, "no_peers")
        self.assertEqual(caught.exception.lanes[0].outcome, "refused")
        self.assertEqual(str(caught.exception).splitlines(), [
            "every route failed", "  https-1: refused at connect (3 ms)",
            "  dht?[2J: below_threshold at verify: 1 of 2 (40 ms)", "  hint: landfall probe"])

    def test_without_a_sidecar_says_what_to_do(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, path in [("no file", f"{folder}/none"), ("too long", f"{folder}/{'x' * 200}")]:
                explained = self.assertRaisesRegex(discovery.BootstrapError, "(?s)no sidecar.*landfall run")
                with self.subTest(name), explained:
                    discovery.bootstrap_peers(socket_path=path)

    def test_refuses_impossible_questions_before_it_asks(self) -> None:
        for count, timeout in [(-1, 1.0), (0, 1.0), (33, 1.0), (10**9, 1.0), (8, 0.0), (8, -1.0), (8, float("nan"))]:
            with self.subTest(count=count, timeout=timeout), self.assertRaises(ValueError):
                discovery.bootstrap_peers(count, timeout, socket_path="/nonexistent")

    def test_bounds_what_a_broken_sidecar_can_do(self) -> None:
        for name, answer, expected in HOSTILE:
            with self.subTest(name), FakeSidecar(answer) as sidecar:
                begun = time.monotonic()
                with self.assertRaises(discovery.BootstrapError) as caught:
                    discovery.bootstrap_peers(8, 1.0, socket_path=sidecar.path)
                self.assertEqual(caught.exception.name, expected)
                self.assertLess(time.monotonic() - begun, 3.0)


class Report(unittest.TestCase):
    def test_names_the_peer_and_its_first_endpoint(self) -> None:
        unknown = discovery.Peer("~AbC-_9", ("tcp://198.18.1.1:443", "udp://198.18.1.1:443"))
        with FakeSidecar(http(204), http(204)) as sidecar:
            discovery.report(unknown, True, rtt_ms=41.4, socket_path=sidecar.path)
            discovery.report(unknown, False, endpoint=unknown.endpoints[1], socket_path=sidecar.path)
        self.assertEqual(sidecar.requests, [
            ("POST", "/v1/peers/~AbC-_9/outcome", {"endpoint": "tcp://198.18.1.1:443", "ok": True, "rtt_ms": 41}),
            ("POST", "/v1/peers/~AbC-_9/outcome", {"endpoint": "udp://198.18.1.1:443", "ok": False})])

    def test_says_that_the_peer_is_not_known(self) -> None:
        answer = http(404, {"error": "not_found", "message": "no such peer", "hint": ""})
        with FakeSidecar(answer) as sidecar, self.assertRaises(discovery.SidecarError) as caught:
            discovery.report(discovery.Peer("a", ("tcp://198.18.1.1:443",)), True, socket_path=sidecar.path)
        self.assertEqual((caught.exception.name, str(caught.exception)), ("not_found", "no such peer"))


class Async(unittest.TestCase):
    def test_asks_everything_at_once(self) -> None:
        async def test(path: str) -> None:
            async with discovery.Discovery(socket_path=path) as landfall:
                peers = await landfall.peers(2, 9.9, max_peers=4, freshness="fresh")
                await landfall.report(peers[0], True, rtt_ms=5)
                self.assertEqual((await landfall.status())["network"], "demo")
                self.assertEqual(await landfall.refresh(), 3)

        with FakeSidecar(http(200, peers_answer(peer(1))), http(204), http(200, {"network": "demo"}),
                         http(202, {"race": 3})) as sidecar:
            run(test(sidecar.path))
        self.assertEqual([(method, target) for method, target, _ in sidecar.requests], [
            ("GET", "/v1/peers?min=2&max=4&wait=9&freshness=fresh"), ("POST", f"/v1/peers/{1:043d}/outcome"),
            ("GET", "/v1/status"), ("POST", "/v1/refresh")])

    def test_bounds_what_a_broken_sidecar_can_do(self) -> None:
        async def test(path: str, expected: str) -> None:
            async with discovery.Discovery(socket_path=path) as landfall:
                with self.assertRaises(discovery.BootstrapError) as caught:
                    await landfall.peers(8, 1.0)
                self.assertEqual(caught.exception.name, expected)

        for name, answer, expected in HOSTILE:
            with self.subTest(name), FakeSidecar(answer) as sidecar:
                run(test(sidecar.path, expected))

    def test_a_cancelled_question_is_cancelled_and_nothing_else(self) -> None:
        async def test(path: str) -> None:
            async with discovery.Discovery(socket_path=path) as landfall:
                asking = asyncio.ensure_future(landfall.peers(8, 30.0))
                while not sidecar.requests:
                    await asyncio.sleep(0.005)
                asking.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await asking
                self.assertEqual(len(await landfall.peers(8, 30.0)), 1)

        with FakeSidecar(then_silence(b""), http(200, peers_answer(peer(1)))) as sidecar:
            run(test(sidecar.path))


class Events(unittest.TestCase):
    def events(self, *answers: Answer) -> list[discovery.Event]:
        found: list[discovery.Event] = []

        async def test(path: str) -> None:
            async with discovery.Discovery(socket_path=path) as landfall:
                async for event in landfall.events():
                    found.append(event)

        with FakeSidecar(*answers) as sidecar:
            run(test(sidecar.path))
        return found

    def test_come_one_by_one_whatever_the_packets(self) -> None:
        stream = b': hello\n\nevent: race_started\ndata: {"at":1,"race":1}\n\nevent:online\r\ndata:{"at":2}\r\n\r\n'
        expected = [discovery.Event("race_started", {"at": 1, "race": 1}), discovery.Event("online", {"at": 2})]
        self.assertEqual(self.events(raw(EVENTS + stream)), expected)
        self.assertEqual(self.events(self.byte_by_byte(EVENTS + stream)), expected)

    @staticmethod
    def byte_by_byte(data: bytes) -> Answer:
        def answer(stream: Any, _: Any) -> None:
            for at in range(len(data)):
                stream.sendall(data[at : at + 1])

        return answer

    def test_end_with_close(self) -> None:
        async def test(path: str) -> None:
            landfall = discovery.Discovery(socket_path=path)
            async for event in landfall.events():
                self.assertEqual(event.name, "online")
                await landfall.close()  # a later turn finds the stream at its end

        with FakeSidecar(then_silence(EVENTS + b"event: online\ndata: {}\n\n")) as sidecar:
            run(test(sidecar.path))

    def test_refused_or_broken_streams_are_errors(self) -> None:
        cases: list[tuple[str, Answer, str]] = [
            ("refused", http(403, {"error": "forbidden", "message": "not yours"}), "forbidden"),
            ("no JSON", raw(EVENTS + b"event: x\ndata: y\n\n"), "malformed"),
            ("an event without end", endless(EVENTS, b"data: " + b"x" * 65536, 0), "malformed"),
        ]
        for name, answer, expected in cases:
            with self.subTest(name), self.assertRaises(discovery.SidecarError) as caught:
                self.events(answer)
            self.assertEqual(caught.exception.name, expected)


class Spawn(unittest.TestCase):
    """`spawn`, with a program in place of the sidecar: it notes its arguments and answers once it listens."""

    PROGRAM = """\
        #!{python}
        import os, signal, socket, sys
        note = open({folder!r} + "/note", "w")
        print(os.getpid(), *sys.argv[1:], file=note, flush=True)
        if "fail" in sys.argv: sys.exit(2)
        listener = socket.socket(socket.AF_UNIX)
        if "late" in sys.argv: signal.pause()
        listener.bind(os.environ["LANDFALL_API"]); listener.listen(8)
        while True:
            stream = listener.accept()[0]; stream.recv(4096)
            stream.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}"); stream.close()
        """

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.program = os.path.join(self.folder, "landfall")
        self.socket = os.path.join(self.folder, "api.sock")
        Path(self.program).write_text(textwrap.dedent(self.PROGRAM).format(python=sys.executable, folder=self.folder))
        os.chmod(self.program, stat.S_IRWXU)

    def note(self) -> list[str]:
        return Path(self.folder, "note").read_text().split()

    def assert_gone(self, pid: str) -> None:
        self.assertRaises(ProcessLookupError, os.kill, int(pid), 0)

    def test_starts_the_sidecar_and_ends_it_by_its_pid(self) -> None:
        async def test() -> None:
            async with discovery.Discovery(socket_path=self.socket, spawn=[self.program, "run"]) as landfall:
                self.assertEqual(await landfall.status(), {})

        run(test())
        pid, *arguments = self.note()
        self.assertEqual(arguments, ["run", "--exit-with-parent"])
        self.assert_gone(pid)

    def test_uses_a_sidecar_that_answers(self) -> None:
        async def test(path: str) -> None:
            async with discovery.Discovery(socket_path=path, spawn=[self.program, "run"]):
                pass

        with FakeSidecar(http(200, {})) as sidecar:
            run(test(sidecar.path))
        self.assertFalse(Path(self.folder, "note").exists())

    def test_says_why_it_did_not_get_ready(self) -> None:
        cases = [
            ("not there", ["/nonexistent/landfall"], "/nonexistent/landfall cannot be started: No such file"),
            ("ended", [self.program, "fail"], "ended with status 2 before it was ready"),
            ("not ready in time", [self.program, "late"], "was not ready within 0.5 s"),
        ]

        async def test(command: list[str]) -> None:
            async with discovery.Discovery(socket_path=self.socket, spawn=command, spawn_timeout=0.5):
                self.fail("it is not ready")

        for name, command, expected in cases:
            with self.subTest(name):
                with self.assertRaisesRegex(discovery.SidecarError, expected):
                    run(test(command))
                if name != "not there":
                    self.assert_gone(self.note()[0])


if __name__ == "__main__":
    unittest.main()
