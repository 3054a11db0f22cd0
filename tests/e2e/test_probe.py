"""`landfall probe` against what routes meet: an nginx that serves well, forged and old lists, closed ports, silence, resets.
Every kind has its words. Traffic stays on loopback."""
import json
import os
import socket
import struct
import subprocess
import threading
import unittest

import lab
from lab import DAY, LANDFALL, PATIENCE


class Rude:
    """Takes connections at an address of its own and reads what comes first. Then: silence, or a reset."""

    def __init__(self, address, reset):
        self._listening = socket.create_server((address, 0))
        self.url = f"https://{address}:{self._listening.getsockname()[1]}/{lab.SECRET}/"
        self._reset, self._taken = reset, []
        self.accepted = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            client, _ = self._listening.accept()
            first = client.recv(4096)
            if first == b"end":
                client.close()
                return
            self.accepted += 1
            if self._reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            else:
                self._taken.append(client)

    def close(self):
        with socket.create_connection(self._listening.getsockname()) as last:
            last.sendall(b"end")
            self._thread.join()
        for one in (*self._taken, self._listening):
            one.close()


class Probe(lab.WithLab):
    def rude(self, address, reset):
        one = Rude(address, reset)
        self.addCleanup(one.close)
        return one

    @staticmethod
    def https(name, url, **more):
        return {"kind": "https", "name": name, "url": url, **more}

    def dead(self, name="dead"):
        return self.https(name, f"https://127.0.0.1:{lab.free_port()}/{lab.SECRET}/")

    def probe(self, sidecar, *flags, expect=0):
        """The object, and its routes by name."""
        out, error = sidecar.command("probe", "--json", *flags, expect=expect)
        self.assertEqual(out.count("\n"), 1)
        found = json.loads(out)
        return found, {route["route"]: route for route in found["routes"]}, error

    def test_each_failure_has_its_words(self):
        stranger = lab.Publisher(self.lab.folder, "stranger")
        self.serve(good=self.publisher.list(5), forged=stranger.list(9), replayed=self.publisher.list(3, age=4 * DAY))
        silent, reset = self.rude("127.0.0.2", False), self.rude("127.0.0.3", True)
        sidecar = self.lab.sidecar(
            "a", self.lab.route("good"), self.lab.route("forged"), self.lab.route("replayed", tier=2), self.dead(),
            self.https("silent", silent.url), self.https("reset", reset.url),
            self.https("stranger", f"https://localhost:{self.nginx.port}/{lab.SECRET}-good/", ca=self.nginx.ca),
            {"kind": "dns", "name": "zone", "zone": "peers.example.net"},
            settings="[fallback]\nattempt_delay_ms = 50\nmax_lanes_per_group = 4")
        found, routes, error = self.probe(sidecar)
        outcomes = {name: (route["outcome"], route["stage"], route["looks_like"]) for name, route in routes.items()}
        self.assertEqual(outcomes, {
            "good": ("won", "verify", None),
            "forged": ("below_threshold", "verify", "forged, or not ours"),
            "replayed": ("rolled_back", "verify", "old list replayed"),
            "dead": ("refused", "connect", "server down, or port blocked"),
            "silent": ("stalled_after_hello", "tls", "name or fingerprint dropped"),
            "reset": ("reset_after_hello", "tls", "name or fingerprint reset"),
            "stranger": ("tls_certificate", "tls", "someone in the middle"),
            "zone": (None, None, None)}, error)
        self.assertIn("off", routes["zone"]["skipped"])
        self.assertEqual((found["authentic"], found["kept"], found["verdict"]), (1, True, "open"))
        self.assertEqual(found["list"], {"epoch": 1, "version": 5, "tier": "A"})
        self.assertGreater(routes["good"]["bytes"], 5000)
        self.assertEqual((routes["dead"]["bytes"], routes["dead"]["observer"]["ja4"]), (0, None))
        for name, sni in (("good", "none"), ("silent", "none"), ("stranger", "own")):
            observer = routes[name]["observer"]
            self.assertRegex(observer["ja4"], "^t13" + ("d" if sni == "own" else "i") + r"\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$")
            self.assertEqual((observer["sni"], observer["dns"]), (sni, "none"))
        self.assertIn("reset: reset_after_hello", error, "progress is on stderr")

        # Once more: penalties hold, and what was kept is the list in hand.
        found, routes, _ = self.probe(sidecar)
        self.assertEqual(routes["good"]["outcome"], "verified_same")
        for name in ("forged", "silent", "reset", "stranger"):
            self.assertIsNone(routes[name]["outcome"], name)
            self.assertGreater(routes[name]["penalised_until"], 0)
            self.assertTrue(routes[name]["explain"])
        self.assertEqual((silent.accepted, reset.accepted), (1, 1))
        out, _ = sidecar.command("probe")
        self.assertIn("penalised until", out)
        self.assertIn("What an observer sees", out)
        self.assertEqual(len(sidecar.command("peers")[0].splitlines()), 12)

    def test_an_expired_list_is_authentic_and_nothing_at_all_is_1(self):
        self.serve(old=self.publisher.list(1, age=60 * DAY))
        sidecar = self.lab.sidecar("a", self.lab.route("old"))
        found, routes, _ = self.probe(sidecar)
        self.assertEqual((routes["old"]["outcome"], found["list"]["tier"]), ("expired", "C"))
        self.nginx.kill()
        found, routes, _ = self.probe(self.lab.sidecar("b", self.dead("one"), self.dead("two")), expect=1)
        self.assertEqual((found["authentic"], found["list"]), (0, None))
        self.assertEqual({route["outcome"] for route in routes.values()}, {"refused"})

    def test_usage(self):
        sidecar = self.lab.sidecar("a", self.dead())
        sidecar.command("probe", "--nonsense", expect=2)
        _, error = sidecar.command("probe", "-c", "/nonexistent/landfall.toml", expect=2)
        self.assertIn("/nonexistent/landfall.toml", error)

    def test_beside_a_sidecar_it_works_on_a_copy_and_keeps_nothing(self):
        self.serve(good=self.publisher.list(1))
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            sidecar.peers(freshness="fresh")
            self.nginx.put("good", self.publisher.list(2))
            scratch = os.path.join(self.lab.folder, "tmp")
            os.mkdir(scratch)
            sidecar.environment["TMPDIR"] = scratch
            found, routes, _ = self.probe(sidecar)
            self.assertEqual((routes["good"]["outcome"], found["list"]["version"], found["kept"]), ("won", 2, False))
            self.assertEqual(sidecar.status()["list"]["version"], 1)
            self.assertEqual(os.listdir(scratch), [], "the copy is gone")
            self.assertIn("a sidecar is running", sidecar.command("probe")[0])

    def test_ended_by_a_signal_it_says_what_it_has(self):
        self.serve(good=self.publisher.list(1))
        silent = self.rude("127.0.0.2", False)
        sidecar = self.lab.sidecar("a", self.lab.route("good"), self.https("silent", silent.url))
        probing = subprocess.Popen([LANDFALL, "probe", "--json"], env=sidecar.environment, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        awaited = {"good: won", "silent: trying"}
        for line in probing.stderr:
            awaited = {start for start in awaited if not line.startswith(start)}
            if not awaited:
                break
        probing.terminate()
        out, _ = probing.communicate(timeout=PATIENCE)
        self.assertEqual(probing.returncode, 0)
        self.assertEqual({r["route"]: r["outcome"] for r in json.loads(out)["routes"]}, {"good": "won", "silent": "cancelled"})


if __name__ == "__main__":
    unittest.main()
