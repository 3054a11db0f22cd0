"""landfall-server as an onion service in a private Tor network: published through the control port of Debian's tor, kept published, and
read by curl and by landfall over a tor of its own."""

import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "server")]

import harness  # noqa: E402
import lab  # noqa: E402
import tor_network  # noqa: E402

LANDFALL, SERVER = os.environ["LANDFALL_BIN"], os.environ["LANDFALL_SERVER_BIN"]
SEED = {"LANDFALL_SERVER_SEED": "5a" * 32}
LIST = f"v1/{lab.NETWORK}/public-0/list"


class Publish(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = tor_network.shared()
        cls.folder = cls.net.folder / "publish"
        cls.folder.mkdir(mode=0o700)
        cls.publisher = lab.Publisher(str(cls.folder))
        cls.list = cls.publisher.list(3)
        harness.replace(cls.folder / "documents" / LIST, cls.list)
        cls.tor = cls.net.node("publisher", "SocksPort 0", f"ControlSocket {cls.folder}/control").bootstrapped()
        cls.rend_log = cls.folder / "reader-log"
        cls.reader = cls.net.client("reader", f"Log [rend]debug file {cls.rend_log}").bootstrapped()

    def serve(self, *more, control=None, environment=None):
        where = control or f"127.0.0.1:{self.tor.control_port}"
        server = harness.Server("--documents", str(self.folder / "documents"), "--onion", where, *more, environment=environment)
        self.addCleanup(server.stop)
        return server

    def refused(self, *arguments):
        ended = subprocess.run([SERVER, "--documents", str(self.folder / "documents"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=30, check=False)
        self.assertEqual(ended.stdout, "")
        return ended.returncode, ended.stderr

    def descriptors(self):
        """Events about descriptors, of the publishing tor from now on."""
        self.tor.control()
        events = tor_network.Control(self.tor.control_port, self.tor.folder / "control_auth_cookie")
        self.addCleanup(events.close)
        events.ask("SETEVENTS HS_DESC")
        events.patience(tor_network.LIMIT)
        return events

    @staticmethod
    def uploaded(events, url):
        """Until two directories have the descriptor: who asks before waits 20 s for the next try."""
        name = url.split("//")[1].split(".")[0]
        missing = 2
        while missing > 0:
            missing -= events.event().split()[:3] == ["HS_DESC", "UPLOADED", name]

    def read(self, url, *more):
        self.reader.control().ask("SIGNAL NEWNYM")  # forgets descriptors, those of an earlier start among them
        return subprocess.run(["curl", "-sS", "--fail", "--max-time", "90", "--retry", "3", "--retry-all-errors", "--socks5-hostname",
                               f"127.0.0.1:{self.reader.socks_port}", *more, url + LIST], capture_output=True, timeout=300, check=False)

    def test_the_list_comes_over_the_service_that_the_server_publishes(self):
        events = self.descriptors()
        server = self.serve("--onion-listen", f"unix:{self.folder}/onion.sock", control=f"unix:{self.folder}/control", environment=SEED)
        url = server.ready["onion"]
        self.uploaded(events, url)
        got = self.read(url)
        self.assertEqual(got.stdout, self.list, got.stderr)
        self.assertIn("PoW params present in descriptor", self.rend_log.read_text(errors="replace"))
        self.assertEqual(self.landfall_reads(url), 12)

    def landfall_reads(self, url):
        """How many peers `landfall peers` gets from there, over a tor of its own."""
        torrc, file = self.folder / "lab-torrc", self.folder / "landfall.toml"
        torrc.write_text("".join(line + "\n" for line in tor_network.CLIENT + self.net.authorities))
        file.write_text(f'[network]\nid = "{lab.NETWORK}"\nroot = "{self.publisher.root}"\nlab = true\n[sidecar]\nstate = "{self.folder}/state"\n'
                        f'[tor]\ntorrc = "{torrc}"\n[[route]]\nkind = "onion"\nurl = "{url}"\n')
        ended = subprocess.run([LANDFALL, "peers", "-c", str(file), "--timeout", "90"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=120, env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANDFALL_API": f"{self.folder}/api.sock"}, check=False)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return len(ended.stdout.splitlines())

    def test_a_tor_that_was_restarted_publishes_again(self):
        events = self.descriptors()
        server = self.serve("--onion-key", str(self.folder / "restart.key"))
        url = server.ready["onion"]
        self.uploaded(events, url)
        self.tor.stop()
        server.wait_for("onion service: down: .*is tor running")
        self.tor.start()
        events = self.descriptors()
        server.wait_for("onion service: published")
        self.uploaded(events, url)
        got = self.read(url)
        self.assertEqual(got.stdout, self.list, got.stderr)

    def test_the_address_stays_across_restarts(self):
        for name, arguments, environment in (("seed", [], SEED), ("key file", ["--onion-key", str(self.folder / "stays.key")], None)):
            with self.subTest(name):
                first = self.serve(*arguments, environment=environment)
                again = first.ready["onion"]
                self.assertEqual(first.stop(), 0)
                self.assertEqual(self.serve(*arguments, environment=environment).ready["onion"], again)
        self.assertEqual((self.folder / "stays.key").stat().st_mode & 0o777, 0o600)

    def test_two_servers_do_not_share_an_address(self):
        key = ["--onion-key", str(self.folder / "shared.key")]
        self.serve(*key)
        status, told = self.refused("--onion", f"127.0.0.1:{self.tor.control_port}", *key)
        self.assertEqual(status, 1, told)
        self.assertIn("does another server use the same key", told)

    def test_a_wrong_cookie_ends_the_start_with_the_reason(self):
        self.tor.control()
        cookie = self.tor.folder / "control_auth_cookie"
        right = cookie.read_bytes()
        self.addCleanup(cookie.write_bytes, right)
        cookie.write_bytes(bytes(32))
        status, told = self.refused("--onion", f"127.0.0.1:{self.tor.control_port}", "--onion-key", str(self.folder / "unused.key"))
        self.assertEqual(status, 1, told)
        self.assertIn("does not know the cookie", told)
        self.assertNotIn(right.hex(), told)


if __name__ == "__main__":
    unittest.main(verbosity=2)
