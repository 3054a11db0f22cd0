"""Bridge routes: a signed list over obfs4 bridges, ours and Debian's, in the race; how each way of failing is named; and the local
proxy's tunnel through one."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lab  # noqa: E402

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

    def test_a_list_comes_over_debians_obfs4proxy(self):
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
        theirs = Managed(str(self.folder / "theirs"), origin.server_address[1])
        self.addCleanup(theirs.stop)
        out, told = self.peers(self.sidecar("a", BRIDGE, bridges=[theirs.line]))
        self.assertEqual(len(out["peers"]), 12, told)
        # And by their client, as a managed proxy of ours.
        external = '[[transport]]\nnames = ["obfs4"]\nexec = ["obfs4proxy"]\nnative = false\n'
        out, told = self.peers(self.sidecar("b", BRIDGE, bridges=[self.bridge().line, theirs.line], settings=external))
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertIn("obfs4: ready", told)

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
        wrong_key = " ".join(f"cert={'C' * 69}A" if word.startswith("cert=") else word for word in good.split())
        for name, line, expected in (
            ("nobody listens", f"obfs4 127.0.0.2:{lab.free_port()} cert={'A' * 70} iat-mode=0", "refused"),
            ("another key meets silence", wrong_key, "bridge_silent"),
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

    def test_a_dead_way_is_passed_for_the_bridge(self):
        gone = {"kind": "https", "name": "gone", "url": f"https://127.0.0.1:{lab.free_port()}/nowhere/"}
        out, told = self.peers(self.sidecar("a", gone, BRIDGE, bridges=[self.bridge().line]))
        self.assertIn("gone: refused", told)
        self.assertIn("won by bridge-1", told)
        self.assertEqual(len(out["peers"]), 12)


if __name__ == "__main__":
    unittest.main(verbosity=2)
