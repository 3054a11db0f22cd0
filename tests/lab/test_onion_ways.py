"""By what a tor of ours goes, in a private Tor network: bridges that a signed list brings, an upstream proxy; and a tor of others whose control
connection comes and goes."""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]

import lab  # noqa: E402
import tor_network  # noqa: E402
from onion_lab import x25519_pair  # noqa: E402

LANDFALL = os.environ["LANDFALL_BIN"]


class Relay:
    """A port in front of another one; its connections can be cut."""

    def __init__(self, to):
        self._to, self._pairs, self.accepted = to, [], 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def cut(self):
        os.write(self._wake, b"c")

    def close(self):
        os.write(self._wake, b"e")
        self._thread.join()
        for end in (self._woken, self._wake):
            os.close(end)
        self._listener.close()

    def _run(self):
        order = b""
        while order != b"e":
            ends = {a: b for pair in self._pairs for a, b in (pair, pair[::-1])}
            ready, _, _ = select.select([self._listener, self._woken, *ends], [], [])
            order = os.read(self._woken, 1) if self._woken in ready else b""
            if order:
                self._end(list(self._pairs))
                continue
            if self._listener in ready:
                self._pairs.append((self._listener.accept()[0], socket.create_connection(("127.0.0.1", self._to))))
                self.accepted += 1
            for end in ends.keys() & set(ready):
                with contextlib.suppress(OSError):
                    data = end.recv(65536)
                    ends[end].sendall(data)
                    if data:
                        continue
                self._end([pair for pair in self._pairs if end in pair])

    def _end(self, pairs):
        for pair in pairs:
            self._pairs.remove(pair)
            for end in pair:
                end.close()


class Ways(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = tor_network.shared()
        cls.folder = cls.net.folder / "ways"
        cls.folder.mkdir(mode=0o700)
        cls.publisher = lab.Publisher(str(cls.folder))
        cls.nginx = lab.Nginx(str(cls.folder))
        cls.nginx.put("open", cls.publisher.list(2))
        cls.nginx.put("stale", cls.publisher.list(2, age=2 * lab.DAY))
        cls.nginx.put("bridges", b"")
        cls.ports = {"open": lab.free_port(), "stale": lab.free_port()}
        servers = cls.nginx.servers
        cls.nginx.servers = lambda: servers() + "".join(
            f"server {{ listen 127.0.0.1:{port}; root {cls.nginx.folder}/sites/{site}; }}\n" for site, port in cls.ports.items())
        cls.nginx.start()
        cls.addClassCleanup(cls.nginx.kill)
        cls.private_key, public = x25519_pair()
        lines = []
        for site, port in cls.ports.items():
            made = cls.folder / f"hs-{site}"
            made.mkdir(mode=0o700)
            lines += [f"HiddenServiceDir {made}", f"HiddenServicePort 80 127.0.0.1:{port}"]
        (made / "authorized_clients").mkdir(mode=0o700)
        (made / "authorized_clients" / "us.auth").write_text(f"descriptor:x25519:{public}\n")
        cls.net.uploaded(cls.net.node("hsways", "SocksPort 0", *lines), len(cls.ports))
        cls.open, cls.closed = ((cls.folder / f"hs-{site}/hostname").read_text().strip() for site in cls.ports)
        cls.torrc = cls.folder / "lab-torrc"
        cls.torrc.write_text("".join(line + "\n" for line in tor_network.CLIENT + cls.net.authorities))

    def sidecar(self, name, *routes, settings="", more=""):
        return lab.Sidecar(str(self.folder), name, self.publisher.root, routes, settings=f'{settings}\n[tor]\ntorrc = "{self.torrc}"\n{more}')

    def onion(self, **more):
        return {"kind": "onion", "name": "onion", "url": f"http://{self.open}/", **more}

    def https(self, site, **more):
        return {"kind": "https", "name": site, "url": self.nginx.url(site), "ca": self.nginx.ca, **more}

    def peers(self, client, timeout=60, expect=0):
        """`landfall peers`, without a sidecar: what it tells of its way."""
        ended = subprocess.run([LANDFALL, "peers", "--timeout", str(timeout), "--json"], text=True, stdin=subprocess.DEVNULL, capture_output=True,
                               timeout=timeout + 30, env=client.environment, check=False)
        self.assertEqual(ended.returncode, expect, ended.stdout + ended.stderr)
        return ended.stdout + ended.stderr

    def listed(self, *lines):
        """A list that is a day too old to end a race, and names bridges."""
        document = self.publisher.list(1, age=2 * lab.DAY, routes=[{"kind": "bridge", "lines": list(lines)}])
        self.nginx.put("bridges", document)
        return self.https("bridges")

    def test_a_bridge_of_the_list_in_hand_is_tors_at_the_next_start(self):
        bridge = self.net.bridge("listed", f"exec {LANDFALL} run")
        told = self.peers(self.sidecar("listed", self.listed(bridge.line)), timeout=5)
        self.assertIn('"tier":"A-"', told.replace(" ", ""))
        self.assertNotIn("list-bridge", told, "a bridge of tor's was taken for one of ours")
        told = self.peers(self.sidecar("listed", self.onion()))
        self.assertIn('"tier":"A"', told.replace(" ", ""))
        self.assertIn("conn_pt", told, "the phase of a pluggable transport")
        bridge.stop()
        shutil.rmtree(self.folder / "listed/state/tor")
        told = self.peers(self.sidecar("listed", self.onion()), timeout=8)  # the old list is handed over
        self.assertNotIn("100 %", told, "tor went past the list's bridge")

    def test_a_bridge_that_comes_while_tor_gets_nowhere_helps_at_once(self):
        bridge = self.net.bridge("late", f"exec {LANDFALL} run")
        words = bridge.line.split()
        dead = " ".join([words[0], f"127.0.0.1:{lab.free_port()}", "F" * 40, *words[3:]])
        client = self.sidecar("late", self.onion(tier=1), {**self.listed(bridge.line), "tier": 2},
                              more=f'[[bridge]]\nline = "{dead}"\n')
        with client:
            events = client.events()
            events.until("list_adopted", version=1)
            self.assertEqual(events.until("list_adopted")["version"], 2)
            events.close()

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def through(self, name, scheme, log):
        """The onion route through an upstream proxy; what the proxy says of it, and that nothing goes past it."""
        port = lab.free_port()
        program = self.proxies(port, log)[name]
        with open(log, "ab") as out:
            proxy = subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            tor_network.until(lambda: self.listens(port), lambda: f"{name} does not listen", 10)
            client = self.sidecar(name, self.onion(), settings=f'upstream_proxy = "{scheme}://127.0.0.1:{port}"')
            self.assertIn('"tier":"A"', self.peers(client).replace(" ", ""))
        finally:
            proxy.terminate()
            proxy.wait(10)
        shutil.rmtree(self.folder / f"{name}/state")
        self.assertNotIn("100 %", self.peers(client, timeout=6, expect=1), "tor went past its proxy")
        return log.read_text(errors="replace")

    def proxies(self, port, log):
        configured = self.folder / "tinyproxy.conf"
        configured.write_text(f'Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 64\nLogLevel Connect\nLogFile "{log}"\n')
        return {"microsocks": ["microsocks", "-i", "127.0.0.1", "-p", str(port)], "tinyproxy": ["tinyproxy", "-d", "-c", str(configured)]}

    def test_through_a_socks_proxy(self):
        self.assertRegex(self.through("microsocks", "socks5", self.folder / "microsocks.log"), r"127\.0\.0\.1:70\d\d")

    def test_through_an_http_proxy(self):
        self.assertRegex(self.through("tinyproxy", "http", self.folder / "tinyproxy.log"), r"CONNECT 127\.0\.0\.1:70\d\d")

    def test_an_adopted_tor_loses_its_control_connection_and_no_stream_fails(self):
        key = self.folder / "us.key"
        key.write_text(f"{self.closed.split('.')[0]}:descriptor:x25519:{self.private_key}\n")
        key.chmod(0o600)
        client = self.net.client("adoptedtor")
        client.bootstrapped()
        relay = Relay(client.control_port)
        self.addCleanup(relay.close)
        route = {**self.onion(tor=f"control:127.0.0.1:{relay.port}", auth_key=str(key)), "url": f"http://{self.closed}/"}
        keys = lambda: len(client.control().ask("ONION_CLIENT_AUTH_VIEW")) - 2  # noqa: E731
        with self.sidecar("adopted", route) as sidecar:
            events = sidecar.events()
            ended = events.until("lane_ended", route="onion")
            self.assertEqual((ended["stage"], keys()), ("verify", 1), ended)  # a list, if not of today
            client.control().ask(f"ONION_CLIENT_AUTH_REMOVE {self.closed.split('.')[0]}")
            relay.cut()
            # Away now, and the stream does not need it; the key is in tor's cache of descriptors.
            self.assertEqual(sidecar.ask("/v1/refresh", "POST")[0], 202)
            ended = events.until("lane_ended", route="onion")
            self.assertEqual(ended["stage"], "verify", ended)
            events.close()
            tor_network.until(lambda: keys() == 1, lambda: "the key was not added again", 10)
            self.assertEqual(relay.accepted, 2)
        self.assertEqual(keys(), 0, "left as it was found")


if __name__ == "__main__":
    unittest.main(verbosity=2)
