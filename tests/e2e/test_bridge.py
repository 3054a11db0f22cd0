"""Bridge routes: a signed list over obfs4 bridges, ours and Debian's, in the race; how each way of failing is named; and the local
proxy's tunnel through one."""

import contextlib
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lab  # noqa: E402
from obfs4_rig import Impostor  # noqa: E402

SERVER = os.environ["LANDFALL_SERVER_BIN"]
BRIDGE = {"kind": "bridge"}


class Bridge:
    """landfall-server --obfs4 in front of signed documents."""

    def __init__(self, documents, state):
        self.process = subprocess.Popen([SERVER, "--obfs4", "127.0.0.1:0", "--documents", documents, "--obfs4-state", state],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.line = json.loads(self.process.stdout.readline())["bridge"]

    def stop(self):
        self.process.terminate()
        self.process.wait(lab.PATIENCE)
        self.process.stdout.close()


class Managed:
    """Debian's obfs4proxy as the server of `port`."""

    def __init__(self, folder, port):
        self.port = lab.free_port()
        environment = {"PATH": os.environ["PATH"], "TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_STATE_LOCATION": folder, "TOR_PT_SERVER_TRANSPORTS": "obfs4",
                       "TOR_PT_SERVER_BINDADDR": f"obfs4-127.0.0.1:{self.port}", "TOR_PT_ORPORT": f"127.0.0.1:{port}", "TOR_PT_EXIT_ON_STDIN_CLOSE": "1"}
        self.process = subprocess.Popen(["obfs4proxy"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        arguments = ""
        for line in self.process.stdout:
            if line.startswith("SMETHOD obfs4"):
                arguments = line.split("ARGS:", 1)[1].strip().replace(",", " ")
            if line.startswith("SMETHODS DONE"):
                break
        self.line = f"obfs4 127.0.0.1:{self.port} {arguments}"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(lab.PATIENCE)
        self.process.stdout.close()


class Meek:
    """A meek server in front of `port`: a stream for each X-Session-Id, its bytes in the bodies of POSTs and of their answers."""

    def __init__(self, port):
        self.sessions, self.hosts, self.sent, self.received = {}, set(), 0, 0
        meek = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802: the library's name
                meek.hosts.add(self.headers["Host"])
                body = self.rfile.read(int(self.headers["Content-Length"]))
                down = meek.exchange(self.headers["X-Session-Id"], body)
                self.send_response(200)
                self.send_header("Content-Length", str(len(down)))
                self.end_headers()
                with contextlib.suppress(OSError):  # the client may have ended while it polled
                    self.wfile.write(down)

            def log_message(self, *_):
                pass
        self.port = port
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def exchange(self, session, body):
        if session not in self.sessions:
            self.sessions[session] = socket.create_connection(("127.0.0.1", self.port), lab.PATIENCE)
        stream = self.sessions[session]
        stream.sendall(body)
        self.received += len(body)
        stream.settimeout(lab.PATIENCE if body else 0.1)
        try:
            down = stream.recv(65536)
        except TimeoutError:
            down = b""
        self.sent += len(down)
        return down

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        for stream in self.sessions.values():
            stream.close()


class FarEnd:
    """The far end of a bridge as the local proxy sees it: says 200 to every CONNECT, then echoes."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.asked = []
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listening.accept()[0],), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n") and (piece := client.recv(4096)):
                head += piece
            if not head.startswith(b"CONNECT "):
                return
            self.asked.append(head.split()[1].decode())
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while piece := client.recv(4096):
                client.sendall(piece)

    def stop(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()


class Bridges(lab.WithLab):
    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.documents = self.folder / "documents"
        path = self.documents / "v1" / lab.NETWORK / "public-0"
        path.mkdir(parents=True)
        self.list = self.publisher.list(7)
        (path / "list").write_bytes(self.list)

    def bridge(self):
        out = Bridge(str(self.documents), str(self.folder / "bridge.json"))
        self.addCleanup(out.stop)
        return out

    def sidecar(self, name, *routes, bridges=(), settings=""):
        lines = "".join(f"[[bridge]]\nline = {json.dumps(line)}\n" for line in bridges)
        return self.lab.sidecar(name, *routes, settings=settings + "\n" + lines)

    def peers(self, sidecar, *more, expect=0):
        out, told = sidecar.command("peers", "--json", "--timeout", "20", *more, expect=expect)
        return json.loads(out), told

    def test_a_list_comes_over_a_bridge_of_ours(self):
        out, told = self.peers(self.sidecar("a", BRIDGE, bridges=[self.bridge().line]))
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertIn("bridge-1: won", told)

    def origin(self):
        """The documents by plain HTTP, as the far end of a bridge has them."""
        class Files(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *what, **how):
                super().__init__(*what, directory=str(documents), **how)

            def log_message(self, *_):
                pass
        documents = self.documents
        origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        threading.Thread(target=origin.serve_forever).start()
        self.addCleanup(origin.server_close)
        self.addCleanup(origin.shutdown)
        return origin.server_address[1]

    def test_a_list_comes_over_debians_obfs4proxy(self):
        theirs = Managed(str(self.folder / "theirs"), self.origin())
        self.addCleanup(theirs.stop)
        out, told = self.peers(self.sidecar("a", BRIDGE, bridges=[theirs.line]))
        self.assertEqual(len(out["peers"]), 12, told)
        # And by their client, as a managed proxy of ours.
        external = '[[transport]]\nnames = ["obfs4"]\nexec = ["obfs4proxy"]\nnative = false\n'
        out, told = self.peers(self.sidecar("b", BRIDGE, bridges=[self.bridge().line, theirs.line], settings=external))
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertIn("obfs4: ready", told)

    def test_a_list_comes_over_meek(self):
        """By Debian's meek_lite, an external program: the front is asked, the Host header names another."""
        meek = Meek(self.origin())
        self.addCleanup(meek.stop)
        external = '[[transport]]\nnames = ["meek_lite"]\nexec = ["obfs4proxy"]\n'
        line = f"meek_lite 192.0.2.3:80 url=http://meek.example/ front=127.0.0.1:{meek.server.server_address[1]}"
        out, told = self.peers(self.sidecar("a", BRIDGE, bridges=[line], settings=external))
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertIn("meek_lite: ready", told)
        self.assertIn("bridge-1: won", told)
        self.assertEqual(meek.hosts, {"meek.example"})
        self.assertEqual(len(meek.sessions), 1)
        self.assertGreater(meek.sent, len(self.list))
        self.assertGreater(meek.received, 0)

    def test_every_line_is_a_route_of_its_own_and_those_that_were_added_count(self):
        good, dead = self.bridge(), f"obfs4 127.0.0.2:{lab.free_port()} cert={'A' * 70} iat-mode=0"
        sidecar = self.sidecar("a", BRIDGE, bridges=[dead])
        sidecar.command("bridge", "add", good.line)
        out, told = self.peers(sidecar)
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertIn("bridge-1.1: refused", told)
        self.assertIn("bridge-1.2: won", told)

    def test_what_goes_wrong_has_its_class(self):
        good = self.bridge().line
        impostor = Impostor(good)
        self.addCleanup(impostor.close)
        wrong_key = " ".join(f"cert={'C' * 69}A" if word.startswith("cert=") else word for word in good.split())
        for name, line, expected in (
            ("nobody listens", f"obfs4 127.0.0.2:{lab.free_port()} cert={'A' * 70} iat-mode=0", "refused"),
            ("another key meets silence", wrong_key, "bridge_silent"),
            ("an answer without the key", impostor.line, "bridge_bad_auth"),
            ("no program for it", "snowflake 192.0.2.3:80 url=https://snowflake.example/", "off"),
        ):
            with self.subTest(name):
                sidecar = self.sidecar(name.replace(" ", "-"), BRIDGE, bridges=[line])
                _, told = self.peers(sidecar, expect=1)
                if expected == "off":
                    routes = json.loads(sidecar.command("check", "--json")[0])["routes"]
                    self.assertIn("no [[transport]] names 'snowflake'", json.dumps(routes))
                else:
                    self.assertIn(f"bridge-1: {expected}", told)
                if expected == "bridge_silent":  # after the handshake's own 10 s, and not the lane's 30
                    self.assertIn("not done within 10000 ms", told)

    def test_a_dead_way_is_passed_for_the_bridge(self):
        gone = {"kind": "https", "name": "gone", "url": f"https://127.0.0.1:{lab.free_port()}/nowhere/"}
        out, told = self.peers(self.sidecar("a", gone, BRIDGE, bridges=[self.bridge().line]))
        self.assertIn("gone: refused", told)
        self.assertIn("won by bridge-1", told)
        self.assertEqual(len(out["peers"]), 12)

    def through(self, sidecar, port):
        """The reply of the local proxy, and whether bytes then come back."""
        host, at = sidecar.status()["socks"]["address"].rsplit(":", 1)
        with socket.create_connection((host, int(at)), lab.PATIENCE) as stream:
            stream.sendall(b"\5\1\0\5\1\0\1" + socket.inet_aton("127.0.0.1") + port.to_bytes(2, "big"))
            got = b""
            while len(got) < 12:
                piece = stream.recv(12 - len(got))
                self.assertTrue(piece, got)
                got += piece
            stream.sendall(b"still there?")
            return got[3], stream.recv(64) == b"still there?"

    def tunnels(self, sidecar):
        found = re.findall(r'landfall_tunnel_streams_total{tunnel="([^"]+)",result="([^"]+)"} (\d+)', sidecar.ask("/metrics")[1])
        return {(tunnel, result): int(count) for tunnel, result, count in found}

    def test_the_proxy_takes_the_bridge_where_direct_dialling_fails_and_does_not_forget_it(self):
        far = FarEnd()
        self.addCleanup(far.stop)
        theirs = Managed(str(self.folder / "theirs"), far.port)
        self.addCleanup(theirs.stop)
        closed = lab.free_port()
        sidecar = self.sidecar("a", BRIDGE, bridges=[theirs.line], settings="socks_open = true\nsocks_any = true")
        with sidecar:
            self.assertEqual(self.through(sidecar, closed), (0, True))
            self.assertEqual(far.asked, [f"127.0.0.1:{closed}"])
            seen = self.tunnels(sidecar)
            self.assertEqual((seen["direct", "failed"], seen["bridge-1", "opened"]), (1, 1))
        kept = Path(sidecar.state, "tunnels.json")
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        self.assertNotRegex(kept.read_text("ascii"), r"direct|bridge|127")
        with sidecar:
            self.assertEqual(self.through(sidecar, closed), (0, True))
            seen = self.tunnels(sidecar)
            self.assertEqual((seen["direct", "failed"], seen["bridge-1", "opened"]), (0, 1))
            sidecar.stop()
        kept.write_text("{", "ascii")
        with sidecar:
            self.assertEqual(self.through(sidecar, closed), (0, True))
            self.assertEqual(self.tunnels(sidecar)["direct", "failed"], 1, "nothing was remembered")
            self.assertTrue(kept.with_suffix(".json.damaged").exists())
            self.assertIn("tunnels.json: damaged", " ".join(sidecar.status()["warnings"]))

    def test_a_peer_that_the_vpn_did_not_reach_is_to_be_reached_by_the_proxy(self):
        dead = {"kind": "https", "name": "dead", "url": f"https://127.0.0.1:{lab.free_port()}/nowhere/"}
        unused = f"obfs4 127.0.0.2:{lab.free_port()} cert={'A' * 70} iat-mode=0"
        for bridges, expected in (((unused,), True), ((), False)):  # without another way the proxy would dial no better
            with self.subTest(bridges=len(bridges)), self.sidecar(f"with-{len(bridges)}", dead, bridges=bridges) as sidecar:
                ids = [sidecar.ask("/v1/peers", "POST", {"endpoints": [f"tcp://127.0.0.1:{port}"]})[1]["id"] for port in (9, 10)]
                shown = {peer["id"]: peer["proxy"] for peer in sidecar.peers(min=1)["peers"]}
                self.assertEqual(shown, {ids[0]: False, ids[1]: False})
                report = {"endpoint": "tcp://127.0.0.1:9", "ok": False}
                self.assertEqual(sidecar.ask(f"/v1/peers/{ids[0]}/outcome", "POST", report)[0], 204)
                shown = {peer["id"]: peer["proxy"] for peer in sidecar.peers(min=1)["peers"]}
                self.assertEqual(shown, {ids[0]: expected, ids[1]: False})
                sidecar.ask(f"/v1/peers/{ids[0]}/outcome", "POST", {**report, "ok": True})  # by the proxy, as it was told
                self.assertEqual({peer["id"]: peer["proxy"] for peer in sidecar.peers(min=1)["peers"]}[ids[0]], expected)


if __name__ == "__main__":
    unittest.main(verbosity=2)
