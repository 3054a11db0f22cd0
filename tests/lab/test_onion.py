"""The onion route in a private Tor network: a signed list from an onion service, and every way in which that can fail."""

import json
import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import onion_lab  # noqa: E402
import tor_network  # noqa: E402

LANDFALL = onion_lab.LANDFALL


class Onion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.real = onion_lab.shared()
        cls.net, cls.folder, cls.nginx = cls.real.net, cls.real.folder, cls.real.nginx
        cls.open, cls.closed, cls.private_key = cls.real.open, cls.real.closed, cls.real.private_key

    def configured(self, *routes, **more):
        return self.real.configured(*routes, **more)

    def environment(self, folder):
        return self.real.environment(folder)

    def onion(self, host, *more):
        return self.real.onion(host, *more)

    def peers(self, folder, file, timeout=90, expect=0):
        """`landfall peers` and what it says."""
        began = time.monotonic()
        ended = subprocess.run([LANDFALL, "peers", "-c", str(file), "--timeout", str(timeout), "--json"], text=True, timeout=timeout + 30,
                               stdin=subprocess.DEVNULL, capture_output=True, env=self.environment(folder))
        print(f"{self._testMethodName}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.assertEqual(ended.returncode, expect, ended.stdout + ended.stderr)
        return json.loads(ended.stdout) if ended.stdout else {}, ended.stderr

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
        # A letter of the checksum: one of the key would go unnoticed once in 65536 times.
        mistyped = self.open[:52] + ("b" if self.open[52] != "b" else "c") + self.open[53:]
        _, file = self.configured(self.onion(mistyped))
        ended = subprocess.run([LANDFALL, "check", "-c", str(file)], text=True, capture_output=True, env=self.environment(file.parent), check=False)
        self.assertEqual(ended.returncode, 2, ended.stdout + ended.stderr)
        self.assertIn("checksum", ended.stdout + ended.stderr)

    def raced(self, name, exposure, site):
        """What a sidecar's first race was won by, once it is over, the comparison with a second route too; and whether there is a tor."""
        routes = [{"kind": "https", "name": "earlier", "url": self.nginx.url(site), "ca": self.nginx.ca, "tier": 1},
                  {"kind": "onion", "name": "onion", "url": f"http://{self.open}/", "tier": 2}]
        settings = f'[fallback]\nexposure = "{exposure}"\n[tor]\ntorrc = "{self.real.torrc}"\n'
        with onion_lab.lab.Sidecar(str(self.folder), name, self.real.publisher.root, routes, settings=settings) as sidecar:
            sidecar.peers(wait=90, freshness="fresh")
            tor_network.until(lambda: all(route["state"] != "running" for route in sidecar.status()["routes"]), lambda: "lanes run", 20)
            _, metrics = sidecar.ask("/metrics")
            won = re.findall(r'landfall_lanes_total\{kind="(\w+)",outcome="(\w+)"\} [1-9]', metrics)
            pid = sidecar.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return won, bool(children), Path(sidecar.state, "tor").exists()

    def test_tor_is_not_started_where_an_earlier_tier_wins(self):
        for exposure in ("quiet", "balanced", "fast"):
            with self.subTest(exposure):
                won, running, folder = self.raced(f"earlier-{exposure}", exposure, "open")
                self.assertEqual(won, [("https", "won")])
                self.assertFalse(running or folder, "tor was started")
        won, running, folder = self.raced("later", "balanced", "nothing-here")
        self.assertEqual(won, [("https", "http_status"), ("onion", "won")])
        self.assertTrue(running and folder, "it would not have been noticed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
