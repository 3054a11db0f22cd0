"""`landfall peers` across a wire with a censor on it, scenario by scenario. Each row asserts on the censor's counters too: a
client that succeeds proves nothing where nobody interfered."""

import os
import random
import socket
import subprocess
import sys
import time
import unittest

import world as lab
from internet import PATIENCE, Censor, Sniffer
from world import DOH, FRONT, HOSTS, IN_THE_CLEAR, INNER, REFUSING_FRONT, SITE, World

SEED = int(os.environ.get("LANDFALL_TEST_SEED", random.randrange(1 << 32)))
BLOCKED, DIRECT, MIRROR = "blocked.example", "bootstrap.example.net", "mirror.example.net"
RTT = 60
REAL = None


def setUpModule():
    global REAL
    print(f"seed {SEED}", file=sys.stderr)
    REAL = World()
    unittest.addModuleCleanup(REAL.close)


class Wire(unittest.TestCase):
    def censor(self, profile, **options):
        options = {"rtt": RTT, "seed": SEED, **options}
        running = Censor(REAL.internet, profile, **options)
        self.addCleanup(running.close)
        return running

    def sniffer(self):
        watching = Sniffer()
        self.addCleanup(watching.close)
        return watching

    def peers(self, *routes, **options):
        return REAL.peers(REAL.client(*routes), **options)

    def acted(self, censor, rule, **least):
        """The rule's counters, each at least as given."""
        counters = censor.counters()
        row = counters["rules"][rule]
        for name, value in least.items():
            self.assertGreaterEqual(row[name], value, (rule, name, counters))
        self.assertEqual(counters["unsent"], 0)
        return row

    def idle(self, censor):
        counters = censor.counters()
        self.assertGreater(counters["seen"], 20, "the traffic went another way")
        self.assertEqual((counters["dropped"], counters["blocked"]), (0, 0), counters)
        self.assertEqual([name for name, row in counters["rules"].items() if row["triggered"]], [], counters)


class Harness(Wire):
    """What the rows rely on."""

    def curl(self, *words):
        ended = subprocess.run(["curl", "-sS", "--max-time", "10", "--cacert", REAL.nginx.ca, "-w", "%{http_code}", "-o", os.devnull,
                                *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
        return ended.returncode, ended.stdout

    def through(self, front, host):
        path = f"/{lab.lab.SECRET}-{SITE}/v1/{lab.lab.NETWORK}/public-0/list"
        return self.curl("--connect-to", f"{front}:443:{HOSTS[front]}:443", "-H", f"Host: {host}", f"https://{front}{path}")

    def test_the_path_has_its_round_trip_and_no_short_cut(self):
        with self.subTest("connected"), Censor(REAL.internet, "none", rtt=100):
            begun = time.monotonic()
            socket.create_connection((HOSTS[DIRECT], 443), PATIENCE).close()
            taken = time.monotonic() - begun
            self.assertGreaterEqual(taken, 0.1)  # one round trip
        with self.subTest("nobody forwards"):
            with self.assertRaises(OSError):
                socket.create_connection((HOSTS[DIRECT], 443), 0.2)

    def test_fronts(self):
        self.censor("none", rtt=0)
        self.assertEqual(self.through(FRONT, INNER), (0, "200"), "a Host of another customer is served")
        self.assertEqual(self.through(REFUSING_FRONT, INNER), (0, "421"))
        self.assertEqual(self.through(REFUSING_FRONT, REFUSING_FRONT), (0, "200"))

    def test_dns_over_https(self):
        self.censor("S05")
        self.assertEqual(self.curl("--doh-url", f"https://{DOH}/dns-query", f"https://{BLOCKED}/"), (0, "404"))

    def test_loss_is_as_much_as_was_asked_for(self):
        with Censor(REAL.internet, "none", rtt=0, seed=SEED, loss=0.3) as censor:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                for _ in range(300):
                    udp.sendto(b"x", (HOSTS[DIRECT], 9))
            lost = self.settled(censor)["lost_up"]
        self.assertGreater(lost, 45)  # 90 expected, standard deviation 8
        self.assertLess(lost, 135)

    def settled(self, censor):
        """Counters once all 300 datagrams have been seen. (Nothing answers: ICMP is no packet of the censor's.)"""
        deadline = time.monotonic() + PATIENCE
        while (counters := censor.counters())["seen"] < 300:
            self.assertLess(time.monotonic(), deadline, counters)
        return counters


class Direct(Wire):
    def test_none_nobody_interferes(self):
        censor = self.censor("none")
        lanes, _ = self.peers(REAL.route(DIRECT))
        self.assertEqual(lanes["bootstrap"], "won")
        self.idle(censor)

    def test_cn_2026_lets_what_it_does_not_know_pass(self):
        censor, wire = self.censor("CN-2026"), self.sniffer()
        lanes, _ = self.peers(REAL.route(DIRECT))
        self.assertEqual(lanes["bootstrap"], "won")
        self.idle(censor)
        self.assertEqual(wire.resets_seen(), [])

    def test_s02_a_name_is_reset_and_another_address_wins(self):
        censor, wire = self.censor("S02"), self.sniffer()
        lanes, _ = self.peers(REAL.route(BLOCKED), REAL.route(MIRROR))
        self.assertEqual((lanes["blocked"], lanes["mirror"]), ("reset_after_hello", "won"))
        self.acted(censor, "sni-reset", triggered=1, resets=1)
        ttls = set(wire.resets_seen())
        self.assertEqual(len(ttls), 1)
        self.assertNotIn(64, ttls, "injected, not the server's")

    def test_s02_the_residual_state_outlives_the_connection(self):
        censor = self.censor("S02")
        self.peers(REAL.route(BLOCKED), expect=1, timeout=3)
        before = self.acted(censor, "sni-reset", triggered=1)
        with self.assertRaises(ConnectionResetError):
            with socket.create_connection((HOSTS[BLOCKED], 443), PATIENCE) as innocent:
                innocent.sendall(b"x")
                innocent.recv(1)
                raise AssertionError("the three are not reset any more")
        after = self.acted(censor, "sni-reset", residual=before["residual"] + 1)
        self.assertEqual(after["triggered"], before["triggered"])

    def test_s14_silence_after_some_bytes(self):
        censor = self.censor("S14", define={"allowed": [MIRROR]})
        lanes, progress = self.peers(REAL.route(DIRECT), REAL.route(MIRROR))
        self.assertEqual(lanes["mirror"], "won")
        self.assertNotEqual(lanes["bootstrap"], "won", progress)
        self.acted(censor, "curtain", triggered=1, dropped=1)

    def test_s16_a_fingerprint_is_silenced_for_its_network(self):
        with Censor(REAL.internet, "none"), Sniffer() as wire:
            self.peers(REAL.route(DIRECT))
        ours = lab.ja4(wire.first_data()[0])
        censor = self.censor("S16", define={"fingerprints": [ours], "foreign": [HOSTS[DIRECT] + "/32"]})
        lanes, progress = self.peers(REAL.route(DIRECT), REAL.route(MIRROR))
        self.assertEqual(lanes["mirror"], "won")
        self.assertNotEqual(lanes["bootstrap"], "won", progress)
        self.acted(censor, "fingerprint", triggered=1, dropped=1)

    def test_s21_what_is_probed_falls_silent(self):
        censor = self.censor("S21")
        first = random.Random(SEED).randbytes(400)
        first = b"\x01" + first[1:]
        with socket.create_connection((HOSTS[DIRECT], 443), PATIENCE) as suspect:
            suspect.sendall(first)
            order = censor.wait_for("probe")
        self.assertEqual(order["server"], f"{HOSTS[DIRECT]}:443")
        self.assertEqual(bytes.fromhex(order["about"]), first)
        answer = self.probe(order)
        self.assertTrue(answer, "nginx answers what is no TLS, so the censor blocks it")
        censor.block(HOSTS[DIRECT])
        before = censor.counters()["blocked"]
        lanes, progress = self.peers(REAL.route(DIRECT), REAL.route(MIRROR))
        self.assertEqual(lanes["mirror"], "won")
        self.assertNotEqual(lanes["bootstrap"], "won", progress)
        self.assertGreater(censor.counters()["blocked"], before)

    def probe(self, order):
        """The prober: the same first segment, from another host beyond the wire."""
        replay = ("import socket,sys\ns=socket.create_connection((sys.argv[1],443),5)\ns.sendall(bytes.fromhex(sys.argv[2]))\n"
                  "sys.stdout.buffer.write(s.recv(4096))\n")
        host = order["server"].rsplit(":", 1)[0]
        return subprocess.run([*REAL.internet.servers.launcher, sys.executable, "-c", replay, host, order["about"]],
                              capture_output=True, timeout=PATIENCE, check=True).stdout


class SlowAndNarrow(Wire):
    def test_profiles_with_long_and_lossy_paths(self):
        for profile, rtt, loss in (("CN-2026", 150, 0.01), ("RU-2026", 300, 0.03)):
            with self.subTest(profile), Censor(REAL.internet, profile, rtt=rtt, loss=loss, seed=SEED,
                                               define={"allowed": ["example.net"], "suspects": ["203.0.113.0/24"]}) as censor:
                lanes, progress = self.peers(REAL.route(DIRECT), REAL.route(MIRROR), timeout=30)
                self.assertIn("won", (lanes["bootstrap"], lanes.get("mirror")), progress)
                self.assertEqual(censor.counters()["dropped"], 0)

    def test_s18_slow_is_not_dead(self):
        censor = self.censor("S18", define={"throttled": [DIRECT]})
        begun = time.monotonic()
        lanes, _ = self.peers(REAL.route(DIRECT))
        self.assertEqual(lanes["bootstrap"], "won")
        self.acted(censor, "throttle", triggered=1, delayed=5)
        self.assertGreater(time.monotonic() - begun, 1.0)  # 39 KB at 140 kbit/s after a burst of 15 KB: 1.4 s


class HiddenNames(Wire):
    def fronted(self, *fronts, others=()):
        return REAL.client(REAL.fronted(*[f"{front}@{HOSTS[front]}" for front in fronts]), *others)

    def test_s05_forged_answers_for_a_front_are_not_believed(self):
        censor, wire = self.censor("S05", define={"blocked": [FRONT]}), self.sniffer()
        lanes, progress = REAL.peers(REAL.client(REAL.fronted(FRONT), dns=IN_THE_CLEAR), expect=1, timeout=5)
        self.assertEqual(lanes["fronted"], "dns_poisoned", progress)
        self.acted(censor, "dns-injection", triggered=1, answers=2)
        self.assertEqual(set(wire.asked_names()), {FRONT})
        lanes, progress = REAL.peers(REAL.client(REAL.fronted(FRONT)))
        self.assertEqual(lanes["fronted"], "won", f"DNS over HTTPS knows better: {progress}")

    def test_s05b_a_false_address_that_takes_connections_is_not_connected_to_and_proves_nothing(self):
        listener = HOSTS[MIRROR]
        censor = self.censor("S05b", seed=1, define={"blocked": [FRONT], "pool": [listener]})  # SYNs are dropped by chance
        with self.subTest("told of it by a resolver"), Sniffer() as wire:
            lanes, progress = REAL.peers(REAL.client(REAL.fronted(FRONT), dns=IN_THE_CLEAR), expect=1, timeout=5)
            self.assertEqual(lanes["fronted"], "dns_poisoned", progress)
            self.assertEqual([packet for packet in wire.packets() if packet[3] == listener], [])
        self.acted(censor, "dns-injection", triggered=1, answers=2)
        with self.subTest("told to go there"):
            lanes, progress = REAL.peers(REAL.client(REAL.fronted(f"{FRONT}@{listener}")), expect=1, timeout=12)
            self.assertEqual(lanes["fronted"], "stalled_after_hello", progress)
        self.acted(censor, "fake-listener", triggered=1, dropped=1)

    def test_s05_dns_over_https_is_not_poisoned_and_asks_nothing_in_the_clear(self):
        censor, wire = self.censor("S05"), self.sniffer()
        lanes, progress = self.peers(REAL.route(BLOCKED))
        self.assertEqual(lanes["blocked"], "won", progress)
        self.assertEqual(wire.asked_names(), [])
        self.idle(censor)

    def test_s02_and_s05_a_front_wins_and_no_hidden_name_is_on_the_wire(self):
        client = self.fronted(FRONT, others=[REAL.route(BLOCKED, tier=1)])
        censor, wire = self.censor("CN-2026", define={"blocked": [BLOCKED, INNER]}), self.sniffer()
        lanes, progress = REAL.peers(client)
        self.assertEqual(lanes["fronted"], "won", progress)
        self.assertNotEqual(lanes.get("blocked"), "won", progress)
        self.assertFalse(wire.shows(INNER), "the inner host in the clear")
        self.assertNotIn(INNER, wire.asked_names())
        self.assertGreater(censor.counters()["seen"], 20)

    def test_s20_a_front_that_refuses_is_not_the_network(self):
        client = self.fronted(REFUSING_FRONT, FRONT)
        self.censor("S20")
        lanes, progress = REAL.peers(client)
        self.assertEqual(lanes["fronted"], "won", progress)
        only = self.fronted(REFUSING_FRONT)
        lanes, progress = REAL.peers(only, expect=1, timeout=10)
        self.assertEqual(lanes["fronted"], "front_refused", progress)

    def test_s14_a_front_behind_the_curtain_is_resumed(self):
        client = self.fronted(FRONT)
        censor = self.censor("S14")
        lanes, progress = REAL.peers(client, timeout=60)
        self.assertEqual(lanes["fronted"], "won", progress)
        self.acted(censor, "curtain", triggered=1)


class Bridges(Wire):
    """obfs4 to an address that nobody knows. The bridge is conspicuous, so the web goes first where it is in one tier with it."""

    def test_cn_2026_resets_what_it_knows_and_the_bridge_wins(self):
        censor = self.censor("CN-2026", define={"suspects": [HOSTS[MIRROR] + "/32"]})
        lanes, progress = self.peers(REAL.route(BLOCKED), REAL.route(MIRROR), REAL.bridge(tier=2))
        self.assertEqual((lanes["blocked"], lanes["bridge-443"]), ("reset_after_hello", "won"), progress)
        self.acted(censor, "sni-reset", triggered=1)

    def test_s16_our_fingerprint_is_silenced_and_a_bridge_has_none(self):
        with Censor(REAL.internet, "none"), Sniffer() as wire:
            self.peers(REAL.route(DIRECT))
        censor = self.censor("S16", define={"fingerprints": [lab.ja4(wire.first_data()[0])]})
        lanes, progress = self.peers(REAL.route(DIRECT), REAL.bridge(tier=2))
        self.assertEqual(lanes["bridge-443"], "won", progress)
        self.assertNotEqual(lanes["bootstrap"], "won", progress)
        self.acted(censor, "fingerprint", triggered=1, dropped=1)

    def test_s10_what_is_no_listed_protocol_is_dropped_at_the_ports_that_are_watched(self):
        censor = self.censor("S10")
        lanes, progress = self.peers(REAL.bridge(443), REAL.bridge(4443, tier=2))
        self.assertEqual(lanes["bridge-4443"], "won", progress)
        self.assertNotEqual(lanes["bridge-443"], "won", progress)
        self.acted(censor, "unlisted-protocol", triggered=1, dropped=1)

    def test_s01_what_looks_like_nothing_is_dropped_by_chance_and_the_web_wins_then(self):
        seen = {}
        for turn in range(40):
            with Censor(REAL.internet, "S01", rtt=RTT, seed=SEED + turn) as censor:
                lanes, progress = self.peers(REAL.bridge(), REAL.route(DIRECT, tier=2))
                dropped = censor.counters()["rules"]["fully-encrypted"]["triggered"] > 0
            winner = next(name for name, ended in lanes.items() if ended == "won")
            self.assertEqual(winner, "bootstrap" if dropped else "bridge-443", (SEED + turn, progress))
            seen[winner] = seen.get(winner, 0) + 1
            if len(seen) == 2:
                return
        raise AssertionError(f"one of four is dropped, and of 40 it was {seen}")


class Plain(Wire):
    def test_a_direct_route_shows_its_name_and_nothing_else(self):
        self.censor("none")
        wire = self.sniffer()
        self.peers(REAL.route(DIRECT))
        self.assertEqual(wire.asked_names(), [])
        self.assertTrue(wire.shows(DIRECT), "the SNI, which is declared")
        self.assertFalse(wire.shows(f"{lab.lab.SECRET}-{SITE}"), "the secret path in the clear")
        self.assertFalse(wire.shows(MIRROR))


if __name__ == "__main__":
    unittest.main(verbosity=2)
