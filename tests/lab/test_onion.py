"""The onion route in a private Tor network: a signed list from an onion service, and every way in which that can fail."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]

import lab  # noqa: E402
import tor_network  # noqa: E402

LANDFALL = os.environ["LANDFALL_BIN"]


def x25519_pair():
    """An x25519 key pair in base32, as tor's files have them: private, public."""
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-outform", "DER"], check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=made, check=True, capture_output=True).stdout
    return tuple(base64.b32encode(key[-32:]).decode().rstrip("=") for key in (made, public))


class Onion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = tor_network.shared()
        cls.folder = cls.net.folder / "onion"
        cls.folder.mkdir(mode=0o700)
        cls.publisher = lab.Publisher(str(cls.folder))
        cls.nginx = lab.Nginx(str(cls.folder))
        cls.nginx.put("open", cls.publisher.list(1))
        cls.plain = lab.free_port()
        servers = cls.nginx.servers
        cls.nginx.servers = lambda: servers() + f"server {{ listen 127.0.0.1:{cls.plain}; root {cls.nginx.folder}/sites/open; }}\n"
        cls.nginx.start()
        cls.addClassCleanup(cls.nginx.kill)
        cls.private_key, public = x25519_pair()
        open_dir, closed_dir = cls.folder / "hs-open", cls.folder / "hs-closed"
        for made in (open_dir, closed_dir, closed_dir / "authorized_clients"):
            made.mkdir(mode=0o700)
        (closed_dir / "authorized_clients" / "us.auth").write_text(f"descriptor:x25519:{public}\n")
        cls.service = cls.net.node("hs", "SocksPort 0", *(line for folder in (open_dir, closed_dir) for line in
                                                         (f"HiddenServiceDir {folder}", f"HiddenServicePort 80 127.0.0.1:{cls.plain}")))
        cls.net.uploaded(cls.service, 2)
        cls.open = (open_dir / "hostname").read_text().strip()
        cls.closed = (closed_dir / "hostname").read_text().strip()
        cls.torrc = cls.folder / "lab-torrc"
        cls.torrc.write_text("".join(line + "\n" for line in tor_network.CLIENT + cls.net.authorities))

    def configured(self, *routes, bridges="", tor=""):
        """A configuration and its state folder of their own; routes as TOML."""
        self.count = getattr(Onion, "made", 0)
        Onion.made = self.count + 1
        folder = self.folder / f"client{self.count}"
        folder.mkdir(mode=0o700)
        file = folder / "landfall.toml"
        file.write_text(f"""[network]
id = "{lab.NETWORK}"
root = "{self.publisher.root}"
lab = true
[sidecar]
state = "{folder}/state"
[tor]
torrc = "{self.torrc}"
{tor}
{bridges}
""" + "".join(f"[[route]]\n{route}\n" for route in routes))
        return folder, file

    def peers(self, folder, file, timeout=90, expect=0):
        """`landfall peers` and what it says."""
        began = time.monotonic()
        ended = subprocess.run([LANDFALL, "peers", "-c", str(file), "--timeout", str(timeout), "--json"], text=True, timeout=timeout + 30,
                               stdin=subprocess.DEVNULL, capture_output=True, env=self.environment(folder))
        print(f"{self._testMethodName}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.assertEqual(ended.returncode, expect, ended.stdout + ended.stderr)
        return json.loads(ended.stdout) if ended.stdout else {}, ended.stderr

    def environment(self, folder):
        return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANDFALL_API": f"{folder}/api.sock"}

    def onion(self, host, *more):
        return "\n".join(['kind = "onion"', f'url = "http://{host}/"', *more])

    def test_a_list_comes_from_an_onion_service(self):
        folder, file = self.configured(self.onion(self.open))
        out, told = self.peers(folder, file)
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertTrue(all(peer["tier"] == "A" for peer in out["peers"]))

    def test_with_client_authorisation(self):
        folder, file = self.configured(self.onion(self.closed, f'auth_key = "{self.folder}/us.key"'))
        key = self.folder / "us.key"
        key.write_text(f"{self.closed.split('.')[0]}:descriptor:x25519:{self.private_key}\n")
        key.chmod(0o600)
        out, told = self.peers(folder, file)
        self.assertEqual(len(out["peers"]), 12, told)

    def test_through_a_bridge_that_our_own_transport_speaks(self):
        bridge = self.net.bridge("onionbridge", f"exec {LANDFALL} run")
        folder, file = self.configured(self.onion(self.open), bridges=f'[[bridge]]\nline = "{bridge.line}"\n')
        out, told = self.peers(folder, file)
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertIn("conn_pt", told, "the phase of a pluggable transport")
        bridge.stop()
        folder, file = self.configured(self.onion(self.open), bridges=f'[[bridge]]\nline = "{bridge.line}"\n')
        _, told = self.peers(folder, file, timeout=8, expect=1)
        self.assertNotIn("100 %", told, "tor went past its bridge")

    def test_tor_keeps_its_state_for_the_next_start(self):
        folder, file = self.configured(self.onion(self.open))
        self.peers(folder, file)
        self.assertTrue((folder / "state/tor/data/cached-microdesc-consensus").exists())

    def test_a_mistyped_address_is_refused_when_the_configuration_is_read(self):
        _, file = self.configured(self.onion(("b" if self.open[0] != "b" else "c") + self.open[1:]))
        ended = subprocess.run([LANDFALL, "check", "-c", str(file)], text=True, capture_output=True, env=self.environment(file.parent), check=False)
        self.assertEqual(ended.returncode, 2, ended.stdout + ended.stderr)
        self.assertIn("checksum", ended.stdout + ended.stderr)

    def test_tor_is_not_started_where_an_earlier_tier_wins(self):
        folder, file = self.configured(f'kind = "https"\nurl = "{self.nginx.url("open")}"\nca = "{self.nginx.ca}"', self.onion(self.open))
        out, told = self.peers(folder, file)
        self.assertEqual(len(out["peers"]), 12, told)
        self.assertFalse((folder / "state/tor").exists(), "tor was started")


if __name__ == "__main__":
    unittest.main(verbosity=2)
