"""Which way packets leave, seen on the wire: past a VPN's own tunnel where `interface` or `fwmark` is set, through the upstream proxy
alone where there is one, and over another network when the one that we were on is gone."""

import base64
import hashlib
import itertools
import re
import sys
import unittest

import outside
import world
from internet import Censor, Internet, Sniffer, command
from outside import GATEWAY, PROXY, Proxy, Tun
from world import FRONT, HOSTS, INNER

lab = world.lab
DIRECT = "bootstrap.example.net"
MARK = 51820
REAL = None
NUMBERS = itertools.count(1)


def setUpModule():
    global REAL
    REAL = outside.the_internet()
    unittest.addModuleCleanup(REAL.close)
    wire = Censor(REAL.internet, "none", rtt=20)
    unittest.addModuleCleanup(wire.close)


class WaysOut(unittest.TestCase):
    def sidecar(self, *routes, settings=""):
        return lab.Sidecar(REAL.folder, f"out{next(NUMBERS)}", REAL.publisher.root, routes, settings=f"{settings}\n{outside.dns()}")

    def routes(self):
        """Names that are looked up over HTTPS, and one that is in plaintext too."""
        return [REAL.route(DIRECT), REAL.fronted(FRONT, tier=2)]

    def lanes(self, sidecar, expect=0, timeout=10):
        _, told = sidecar.command("peers", "--json", "--timeout", str(timeout), expect=expect)
        return dict(re.findall(r"(\S+): ([a-z_]+)", told)), told

    def one_by_one(self, settings, expect=0, timeout=10):
        """A race of each route alone: how they ended."""
        found = {}
        for route in self.routes():
            found.update(self.lanes(self.sidecar(route, settings=settings), expect, timeout)[0])
        return {name: found[name] for name in ("bootstrap", "fronted")}

    def by_the_wire(self, *words):
        command("ip", "route", "add", "default", "via", GATEWAY, "dev", "c0", *words)
        self.addCleanup(command, "ip", "route", "del", "default", "via", GATEWAY, "dev", "c0", *words)


@unittest.skipIf(Tun.why_not(), f"no tun device: {Tun.why_not()}")
class Tunnel(WaysOut):
    """The default route leads into a tun device, as the VPN sets it that this sidecar serves."""

    @classmethod
    def setUpClass(cls):
        # For all tests: the kernel still answers late packets of closed connections by their mark.
        command("ip", "rule", "add", "fwmark", str(MARK), "table", "100")
        cls.addClassCleanup(command, "ip", "rule", "del", "fwmark", str(MARK), "table", "100")
        by_mark = ("default", "via", GATEWAY, "dev", "c0", "table", "100")
        command("ip", "route", "add", *by_mark)
        cls.addClassCleanup(command, "ip", "route", "del", *by_mark)

    def setUp(self):
        self.by_the_wire("metric", "600")
        self.tun = Tun()
        self.addCleanup(self.tun.close)

    @staticmethod
    def of_programs(packets):
        return [packet for packet in packets if packet[0] >> 4 == 4 and packet[9] in (6, 17)]

    def test_with_neither_set_packets_enter_the_tunnel(self):
        self.lanes(self.sidecar(*self.routes()), expect=1, timeout=4)
        self.assertTrue(self.of_programs(self.tun.drain()), "else the tests below prove nothing")

    def test_with_an_interface_none_does(self):
        self.assertEqual(self.one_by_one('interface = "c0"'), {"bootstrap": "won", "fronted": "won"})
        self.assertEqual(self.of_programs(self.tun.drain()), [])

    def test_with_a_mark_none_does(self):
        self.assertEqual(self.one_by_one(f"fwmark = {MARK}"), {"bootstrap": "won", "fronted": "won"})
        self.assertEqual(self.of_programs(self.tun.drain()), [])

    def test_nor_do_packets_of_a_transports_program(self):
        """Debian's obfs4proxy, which makes its sockets itself where it is not told to go through ours."""
        program = '[[transport]]\nnames = ["obfs4"]\nexec = ["obfs4proxy"]\nnative = false\n'
        ended, _ = self.lanes(self.sidecar(REAL.bridge(), settings=program), expect=1, timeout=4)
        self.assertNotEqual(ended["bridge-443"], "won")
        self.assertTrue(self.of_programs(self.tun.drain()), "else this proves nothing")
        for way in ('interface = "c0"', f"fwmark = {MARK}"):
            with self.subTest(way):
                ended, told = self.lanes(self.sidecar(REAL.bridge(), settings=f"{way}\n{program}"))
                self.assertEqual(ended["bridge-443"], "won", told)
                self.assertIn("obfs4: ready", told)
                self.assertEqual(self.of_programs(self.tun.drain()), [])

    def test_nor_do_packets_of_tor_and_its_transport(self):
        """A tor of ours, which starts landfall as its transport: both have to go through our proxy, and so to the bridge."""
        key = bytes(32)
        checksum = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
        name = base64.b32encode(key + checksum + b"\3").decode().lower()
        route = {"kind": "onion", "url": f"http://{name}.onion/", "tor": "managed", "tier": 1}
        bridge = f'[[bridge]]\nfar_end = "tor"\nline = "{REAL.bridges[443]}"\n'
        for way in ('interface = "c0"', f"fwmark = {MARK}", ""):
            with self.subTest(way), Sniffer() as wire:
                _, told = self.lanes(self.sidecar(route, settings=f"{way}\n{bridge}"), expect=1, timeout=12)
                reached = [packet for packet in wire.packets() if packet[3:5] == (world.BRIDGE, 443)]
                self.assertEqual(bool(reached), bool(way), told)
                self.assertEqual(bool(self.of_programs(self.tun.drain())), not way, told)


class Upstream(WaysOut):
    """Everything goes through the proxy, though there is another way: names too, and nothing when it is down."""

    def setUp(self):
        self.by_the_wire()

    def elsewhere(self, wire, port):
        """Packets of the client's to anybody but the proxy."""
        return [(packet[3], packet[4]) for packet in wire.packets() if packet[1] == Internet.CLIENT and packet[3:5] != (PROXY, port)]

    def test_without_a_proxy_packets_go_elsewhere(self):
        with Sniffer() as wire:
            self.assertEqual(self.one_by_one(""), {"bootstrap": "won", "fronted": "won"})
        went = set(self.elsewhere(wire, 1080))
        self.assertLessEqual({(HOSTS[DIRECT], 443), (HOSTS[FRONT], 443), (world.DOH, 443), (world.RESOLVER, 53)}, went)

    def test_nothing_passes_the_proxy(self):
        for kind in ("microsocks", "tinyproxy"):
            with self.subTest(kind):
                proxy = Proxy(REAL, kind)
                try:
                    with Sniffer() as wire:
                        ended = self.one_by_one(f'upstream_proxy = "{proxy.url}"')
                finally:
                    proxy.close()
                self.assertEqual(ended, {"bootstrap": "won", "fronted": "won"})
                self.assertEqual(self.elsewhere(wire, proxy.port), [])
                self.assertEqual(wire.asked_names(), [])
                self.assertFalse(wire.shows(INNER), "the proxy is told the inner host")

    def test_nothing_leaves_when_it_is_down(self):
        for scheme, port in (("socks5", 1080), ("http", 8888)):
            with self.subTest(scheme), Sniffer() as wire:
                ended = self.one_by_one(f'upstream_proxy = "{scheme}://{PROXY}:{port}"', expect=1, timeout=3)
                self.assertEqual(ended, {"bootstrap": "proxy_failed", "fronted": "proxy_failed"})
                self.assertEqual(self.elsewhere(wire, port), [])
                self.assertTrue([packet for packet in wire.packets() if packet[3:5] == (PROXY, port)], "it was tried")


class AnotherNetwork(WaysOut):
    def test_a_change_in_the_middle_of_a_race(self):
        """The gateway swallows everything; then there is another one. Peers are handed over by the same process."""
        nowhere = ("via", "10.6.0.254", "dev", "d0")
        command("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")
        self.addCleanup(command, "ip", "link", "del", "d0")
        command("ip", "addr", "add", "10.6.0.1/24", "dev", "d0")
        for end in ("d0", "d1"):
            command("ip", "link", "set", end, "addrgenmode", "none", "up")
        command("ip", "neigh", "add", "10.6.0.254", "lladdr", "02:00:00:00:00:01", "dev", "d0")
        command("ip", "route", "add", "default", *nowhere)
        route = REAL.fronted(f"{FRONT}@{HOSTS[FRONT]}")
        with self.sidecar(route) as sidecar:
            events = sidecar.events()
            while not sidecar.status()["race"]:
                events.until("lane_started")
            command("ip", "route", "del", "default", *nowhere)
            self.by_the_wire()
            events.until("network_changed")
            events.until("list_adopted")
            events.close()
            answer = sidecar.peers(freshness="fresh")
            self.assertEqual({peer["tier"] for peer in answer["peers"]}, {"A"})
            self.assertEqual([route["state"] for route in sidecar.status()["routes"]], ["idle"])

    def test_no_network_at_all_and_then_one(self):
        route = REAL.fronted(f"{FRONT}@{HOSTS[FRONT]}")
        with self.sidecar(route) as sidecar:
            events = sidecar.events()
            sidecar.peers(expect=503, wait=1)
            self.by_the_wire()
            events.until("list_adopted")
            events.close()
            self.assertEqual({peer["tier"] for peer in sidecar.peers(freshness="fresh")["peers"]}, {"A"})


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    for _, reason in result.skipped:
        print(f"SKIPPED: {reason}", file=sys.stderr)
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
