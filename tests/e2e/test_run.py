"""`landfall run`, `peers` and `status` as users run them: against a real nginx with TLS, with caches, with bad starts, to
their ends. Traffic stays on loopback."""
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
import unittest

import lab
from lab import DAY, LANDFALL, NETWORK, PATIENCE, run

SECOND = 1.0  # within which everything has to end


class WithLab(unittest.TestCase):
    """One network and nginx for each test, gone after it."""

    def setUp(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.nginx, self.publisher = self.lab.nginx, self.lab.publisher

    def serve(self, **sites):
        for site, document in sites.items():
            self.nginx.put(site, document)
        self.nginx.start()

    def dead_route(self, name="dead"):
        """A port at which nobody listens."""
        return {"kind": "https", "name": name, "url": f"https://127.0.0.1:{lab.free_port()}/{lab.SECRET}/"}

    def silent_route(self, name="silent"):
        """A server that takes connections and never says a word."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        return {"kind": "https", "name": name, "url": f"https://127.0.0.1:{listening.getsockname()[1]}/{lab.SECRET}/"}


class Peers(WithLab):
    def test_from_nginx_to_the_api(self):
        self.serve(good=self.publisher.list(1))
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            answer = sidecar.peers(min=8, max=10)
            self.assertEqual(len(answer["peers"]), 10)
            self.assertFalse(answer["short"])
            self.assertRegex(answer["socks"]["address"], r"^127\.0\.0\.1:\d+$")
            for peer in answer["peers"]:
                self.assertEqual((peer["tier"], peer["source"], peer["list_version"]), ("A", "list", 1))
                self.assertTrue(peer["endpoints"][0].startswith("tcp://10."))
            status = sidecar.status()
            self.assertTrue(status["ready"])
            self.assertEqual(status["network"], NETWORK)
            self.assertEqual((status["list"]["version"], status["list"]["tier"]), (1, "A"))
            self.assertEqual([(r["name"], r["kind"], r["state"], r["last"]) for r in status["routes"]],
                             [("good", "https", "idle", "won")])
            explained = sidecar.ask("/v1/explain")[1]
            self.assertEqual((explained["won"], explained["lanes"][0]["outcome"]), ("good", "won"))

    def test_the_command_asks_the_sidecar_that_runs(self):
        self.serve(good=self.publisher.list(1))
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            out, _ = sidecar.command("peers", "-n", "5")
            self.assertEqual(len(out.splitlines()), 5)
            self.assertIn("tcp://10.", out)
            answer = json.loads(sidecar.command("peers", "--json")[0])
            self.assertEqual(len(answer["peers"]), 12)
            without = {**sidecar.environment, "HOME": "/nonexistent", "LANDFALL_CONFIG": "", "XDG_CONFIG_HOME": "/nonexistent"}
            out, _ = run(LANDFALL, "peers", "-n", "5", env=without)
            self.assertEqual(len(out.splitlines()), 5, "no configuration is needed then")
            self.assertEqual(len(self.nginx.requests()), 1, "all from one fetch")

    def test_one_shot_races_once_then_needs_no_network(self):
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        out, progress = sidecar.command("peers", "-n", "8")
        self.assertEqual(len(out.splitlines()), 8)
        self.assertIn("good: won", progress)
        self.nginx.kill()
        out, progress = sidecar.command("peers", "--json")
        self.assertEqual(len(json.loads(out)["peers"]), 12)
        self.assertNotIn("good:", progress, "no race without need")
        self.assertNotIn("fewer than asked for", progress)
        self.assertIn("landfall: 12 peers, fewer than asked for", sidecar.command("peers", "-n", "13")[1])

    def test_status_for_people_and_machines(self):
        self.serve(good=self.publisher.list(7))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        _, error = sidecar.command("status", expect=2)
        self.assertIn("no sidecar is running", error)
        with sidecar:
            sidecar.peers()
            out, _ = sidecar.command("status")
            self.assertIn("version 7 of epoch 1, tier A", out)
            self.assertIn("good", out)
            self.assertEqual(json.loads(sidecar.command("status", "--json")[0])["list"]["version"], 7)

    def test_watch_tells_events_until_the_sidecar_ends(self):
        self.serve(good=self.publisher.list(1))
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            sidecar.peers()
            watching = subprocess.Popen([LANDFALL, "status", "--watch", "--json"], env=sidecar.environment, text=True,
                                        stdout=subprocess.PIPE)
            events = sidecar.events()
            while "race_ended" not in (line := self.refreshed_line(sidecar, watching)):
                self.assertIn("event", json.loads(line))
            events.close()
            sidecar.stop()
            self.assertEqual(watching.wait(PATIENCE), 0)
            watching.stdout.close()

    def refreshed_line(self, sidecar, watching):
        sidecar.ask("/v1/refresh", "POST")
        return watching.stdout.readline()

    def test_a_peer_by_hand_and_how_peers_fared(self):
        with self.lab.sidecar("a", self.dead_route()) as sidecar:
            out, _ = sidecar.command("peers", "add", "tcp://198.51.100.7:443")
            added = out.strip()
            self.assertTrue(added.startswith("~"))
            answer = sidecar.peers(min=1, wait=0)
            self.assertEqual([(p["id"], p["source"]) for p in answer["peers"]], [(added, "manual")])
            outcome = {"endpoint": "tcp://198.51.100.7:443", "ok": True, "rtt_ms": 41}
            self.assertEqual(sidecar.ask(f"/v1/peers/{added}/outcome", "POST", outcome), (204, ""))
            stranger = "~" + "A" * 43
            self.assertEqual(sidecar.ask(f"/v1/peers/{stranger}/outcome", "POST", outcome)[0], 404)
        with sidecar:
            self.assertEqual(len(sidecar.peers(min=1, wait=0)["peers"]), 1, "kept over a restart")

    def test_when_all_peers_failed_there_is_a_race_in_spite_of_a_fresh_list(self):
        self.serve(good=self.publisher.list(1))
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            peers = sidecar.peers(min=3, max=3)["peers"]
            events = sidecar.events()
            self.nginx.put("good", self.publisher.list(2))
            for peer in peers:
                self.assertEqual(sidecar.ask(f"/v1/peers/{peer['id']}/outcome", "POST", {"ok": False})[0], 204)
            self.assertEqual(events.until("list_adopted")["version"], 2)
            events.close()

    def test_metrics_and_health(self):
        self.serve(good=self.publisher.list(1))
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            sidecar.peers()
            self.assertEqual(sidecar.ask("/healthz"), (200, {"ok": True}))
            status, text = sidecar.ask("/metrics")
            self.assertEqual(status, 200)
            self.assertIn('landfall_lanes_total{kind="https",outcome="won"} 1\n', text)
            self.assertIn("landfall_list_version 1\n", text)


class Trouble(WithLab):
    def test_nginx_killed_in_the_middle(self):
        self.nginx.put("good", self.publisher.list(1))
        self.nginx.start(rate=2000)
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            events = sidecar.events()
            race = sidecar.status()["race"]
            if not race or [lane["stage"] for lane in race["lanes"]] != ["body"]:
                events.until("lane_progress", stage="body")
            self.nginx.kill()
            self.assertNotEqual(events.until("lane_ended")["outcome"], "won")
            self.nginx.start()
            self.assertEqual(len(sidecar.peers(min=8, wait=60)["peers"]), 12)
            events.close()

    def test_an_old_list_does_not_end_a_race(self):
        self.serve(old=self.publisher.list(3, age=3 * DAY), good=self.publisher.list(6))
        routes = [self.lab.route("old"), self.lab.route("good", tier=2)]
        with self.lab.sidecar("a", *routes, settings="[fallback]\ntier_gap_ms = 100") as sidecar:
            sidecar.peers(freshness="fresh")
            explained = sidecar.ask("/v1/explain")[1]
            self.assertEqual(explained["won"], "good")
            self.assertEqual(sidecar.status()["list"]["version"], 6)

    def test_a_replayed_list_ends_nothing_and_is_not_taken(self):
        self.serve(site=self.publisher.list(5, age=2 * DAY))
        sidecar = self.lab.sidecar("a", self.lab.route("site"))
        with sidecar:
            self.assertEqual({p["tier"] for p in sidecar.peers()["peers"]}, {"A-"})
        self.nginx.put("site", self.publisher.list(3, age=4 * DAY))
        with sidecar:
            self.assertEqual({p["list_version"] for p in sidecar.peers()["peers"]}, {5})
            events = sidecar.events()
            number = sidecar.ask("/v1/refresh", "POST")[1]["race"]
            self.assertIsNone(events.until("race_ended", race=number)["won"])
            status = sidecar.status()
            self.assertEqual((status["list"]["version"], status["list"]["tier"]), (5, "A-"))
            self.assertEqual(status["routes"][0]["last"], "rolled_back")
            events.close()

    def test_all_routes_down_with_a_cache(self):
        self.serve(good=self.publisher.list(1, age=2 * DAY))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        with sidecar:
            self.assertEqual({p["tier"] for p in sidecar.peers()["peers"]}, {"A-"})
        self.nginx.kill()
        with sidecar:
            begun = time.monotonic()
            answer = sidecar.peers()
            self.assertLess(time.monotonic() - begun, SECOND, "what is in hand is handed over at once")
            self.assertEqual({p["tier"] for p in answer["peers"]}, {"A-"})
            short = sidecar.peers(freshness="fresh", wait=1, expect=503)
            self.assertEqual(short["error"], "no_peers")

    def test_nothing_at_all_is_explained_route_by_route(self):
        sidecar = self.lab.sidecar("a", self.dead_route("one"), self.dead_route("two"),
                                   {"kind": "dns", "name": "zone", "zone": "peers.example.net"})
        with sidecar:
            answer = sidecar.peers(wait=2, expect=503)
            self.assertEqual(answer["error"], "no_peers")
            lanes = {lane["route"]: lane for lane in answer["lanes"]}
            self.assertEqual({"one", "two", "zone"}, set(lanes))
            self.assertEqual((lanes["one"]["outcome"], lanes["one"]["stage"]), ("refused", "connect"))
            self.assertIn("off", lanes["zone"]["error"])
            for lane in lanes.values():
                self.assertTrue(lane["error"] and lane["explain"], lane)
            states = {r["name"]: r["state"] for r in sidecar.status()["routes"]}
            self.assertEqual(states["zone"], "off")
        out, error = sidecar.command("peers", "--timeout", "5", expect=1)
        self.assertEqual(out, "")
        for route in ("one", "two", "zone"):
            self.assertIn(f"  {route}", error)

    def test_a_forged_list_is_a_trust_failure(self):
        stranger = lab.Publisher(self.lab.folder, "stranger")
        self.serve(forged=stranger.list(9))
        sidecar = self.lab.sidecar("a", self.lab.route("forged"))
        _, error = sidecar.command("peers", "--timeout", "5", expect=3)
        self.assertIn("below_threshold", error)
        _, error = sidecar.command("peers", "--timeout", "5", expect=3)
        self.assertIn("penalised until", error)
        self.assertEqual(len(self.nginx.requests()), 2, "the list and a look for the next root, once")

    def test_a_clock_in_2015(self):
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        sidecar.start(environment={"LD_PRELOAD": os.environ["LANDFALL_OLD_CLOCK"]})
        with sidecar_running(sidecar):
            self.assertEqual({p["tier"] for p in sidecar.peers()["peers"]}, {"A"})
            self.assertTrue(any("clock_behind" in warning for warning in sidecar.status()["warnings"]),
                            sidecar.status()["warnings"])

    def test_a_full_disk(self):
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        os.makedirs(sidecar.state, mode=0o700)
        with open(os.path.join(sidecar.state, "lock"), "w", encoding="ascii"):
            pass

        def nothing_can_be_written():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        sidecar.start(preexec_fn=nothing_can_be_written)
        with sidecar_running(sidecar):
            self.assertEqual(len(sidecar.peers()["peers"]), 12)
            self.assertTrue(any("cannot save" in warning for warning in sidecar.status()["warnings"]))

    def test_damaged_files_are_set_aside(self):
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        with sidecar:
            sidecar.peers()
        kept = [name for name in os.listdir(sidecar.state) if name.endswith(".json")]
        self.assertGreaterEqual(len(kept), 3, kept)
        for name in kept:
            with open(os.path.join(sidecar.state, name), "w", encoding="ascii") as file:
                file.write("{")
        with sidecar:
            self.assertEqual(len(sidecar.peers()["peers"]), 12)
            self.assertTrue(any("set aside" in warning for warning in sidecar.status()["warnings"]))


class sidecar_running:
    """A sidecar that was started by hand, stopped at the end."""

    def __init__(self, sidecar):
        self._sidecar = sidecar

    def __enter__(self):
        return self._sidecar

    def __exit__(self, *_):
        self._sidecar.__exit__()


class Memory(WithLab):
    def test_what_worked_here_goes_first_after_a_restart_and_nothing_readable_is_kept(self):
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.dead_route("broken-one"), self.lab.route("good", tier=3),
                                   settings="[fallback]\ntier_gap_ms = 100")
        with sidecar:
            sidecar.peers(freshness="fresh")
            explained = sidecar.ask("/v1/explain")[1]
            self.assertEqual([(r["route"], r["why"]) for r in explained["order"]],
                             [("good", "proven"), ("broken-one", "doubted")])
        for name in ("memory.json", "memory.key"):
            path = os.path.join(sidecar.state, name)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with open(path, "rb") as file:
                kept = file.read()
            for word in (b"good", b"broken", b"127.0.0.1", b"https", lab.NETWORK.encode()):
                self.assertNotIn(word, kept)
        with sidecar:
            events = sidecar.events()
            number = sidecar.ask("/v1/refresh", "POST")[1]["race"]
            self.assertEqual(events.until("lane_started", race=number)["route"], "good")
            self.assertEqual(events.until("race_ended", race=number)["won"], "good")
            events.close()

    def test_killed_in_the_middle_of_a_race(self):
        sidecar = self.lab.sidecar("a", self.dead_route("dead"), self.silent_route())
        with sidecar:
            events = sidecar.events()
            events.until("lane_ended", route="dead")
            with open(os.path.join(sidecar.state, "memory.key"), "rb") as file:
                key = file.read()
            sidecar.stop(signal.SIGKILL)
        with sidecar:
            self.assertEqual([w for w in sidecar.status()["warnings"] if "set aside" in w], [])
            with open(os.path.join(sidecar.state, "memory.key"), "rb") as file:
                self.assertEqual(file.read(), key)
            sidecar.stop(signal.SIGKILL)


class Ends(WithLab):
    def test_sigterm_during_a_race_with_a_waiting_client_and_a_watcher(self):
        with self.lab.sidecar("a", self.silent_route()) as sidecar:
            events = sidecar.events()
            waiting = lab.Connection(sidecar.socket)
            waiting.request("GET", "/v1/peers?min=8&wait=60")
            while not sidecar.status()["race"]:
                events.until("lane_started")
            self.assertLess(sidecar.stop(), SECOND)
            self.assertEqual(sidecar.process.returncode, 0)
            answer = waiting.getresponse()
            self.assertEqual(answer.status, 503)
            self.assertEqual(json.loads(answer.read())["error"], "no_peers")
            for _ in events:
                pass
            self.assertFalse(os.path.exists(sidecar.socket))
            waiting.close()
            events.close()

    def test_well_when_asked_to_once_more_while_it_ends(self):
        sidecar = self.lab.sidecar("a", self.dead_route())
        sidecar.start(environment={"LD_PRELOAD": os.environ["LANDFALL_LATE_SIGNAL"], "ASAN_OPTIONS": "verify_asan_link_order=0"})
        with sidecar_running(sidecar):
            sidecar.stop()
            self.assertEqual(sidecar.process.returncode, 0)

    def test_with_its_parent(self):
        sidecar = self.lab.sidecar("a", self.dead_route())
        parent = subprocess.Popen(
            [sys.executable, "-c", "import subprocess, sys, os\n"
             "child = subprocess.Popen([*sys.argv[1:], '--parent', str(os.getpid())], stderr=subprocess.PIPE, text=True)\n"
             "while 'ready' not in child.stderr.readline(): pass\n"
             "print(child.pid, flush=True)\n"
             "child.wait()", LANDFALL, "run", "--exit-with-parent"],
            env=sidecar.environment, stdout=subprocess.PIPE, text=True)
        ended = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        parent.wait(PATIENCE)
        lab.wait_readable(ended, SECOND * 5)
        self.assertFalse(os.path.exists(sidecar.socket))
        os.close(ended)
        parent.stdout.close()

    def test_at_once_when_the_parent_is_another_by_now(self):
        sidecar = self.lab.sidecar("a", self.dead_route())
        sidecar.command("run", "--exit-with-parent", "--parent", "1")

    def test_with_the_end_of_stdin(self):
        sidecar = self.lab.sidecar("a", self.dead_route())
        sidecar.start("--exit-on-stdin-close", stdin=subprocess.PIPE)
        with sidecar_running(sidecar):
            sidecar.process.stdin.close()
            self.assertEqual(sidecar.process.wait(PATIENCE), 0)
        sidecar.command("run", "--exit-on-stdin-close")  # its stdin is /dev/null, which has ended already

    def test_killed_and_started_again_over_its_stale_socket(self):
        sidecar = self.lab.sidecar("a", self.dead_route())
        with sidecar:
            sidecar.stop(signal.SIGKILL)
        self.assertTrue(stat.S_ISSOCK(os.stat(sidecar.socket).st_mode))
        with sidecar:
            self.assertEqual(sidecar.ask("/healthz")[0], 200)


class Starts(WithLab):
    def test_a_second_one_is_refused_and_the_first_goes_on(self):
        with self.lab.sidecar("a", self.dead_route()) as sidecar:
            _, error = sidecar.command("run", expect=2)
            self.assertIn("another landfall", error)
            _, error = run(LANDFALL, "run", expect=2,
                           env={**sidecar.environment, "LANDFALL_STATE": os.path.join(self.lab.folder, "other")})
            self.assertIn("another landfall is listening", error)
            self.assertEqual(sidecar.ask("/healthz")[0], 200)

    def test_the_service_manager_is_told(self):
        path = os.path.join(self.lab.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(PATIENCE)
            sidecar = self.lab.sidecar("a", self.dead_route())
            sidecar.start(environment={"NOTIFY_SOCKET": path})
            with sidecar_running(sidecar):
                self.assertEqual(manager.recv(100), b"READY=1")
                sidecar.stop()
                self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_what_is_wrong_is_said_with_its_place(self):
        root = self.publisher.root
        with open(os.path.join(self.lab.folder, "garbage"), "w", encoding="ascii") as file:
            file.write("garbage")
        os.mkdir(os.path.join(self.lab.folder, "open"))
        os.chmod(os.path.join(self.lab.folder, "open"), 0o777)
        network = '[network]\nid = "{}"\nroot = "{}"\n'
        table = [
            ("an unknown key", network.format(NETWORK, root) + "[sidecar]\nsock = 1\n", {}, 2, ["landfall.toml:5", "sock"]),
            ("no root", network.format(NETWORK, "/nonexistent/root.json"), {}, 3, ["/nonexistent/root.json"]),
            ("a root that is garbage", network.format(NETWORK, self.lab.folder + "/garbage"), {}, 3, ["network.root"]),
            ("another network's root", network.format("other-net", root), {}, 3, ["network"]),
            ("the demo's network", network.format("demo", root), {}, 3, ["public", "landfall demo"]),
            ("a socket path that is too long", network.format(NETWORK, root), {"LANDFALL_API": "/tmp/" + "x" * 120}, 2, ["107"]),
            ("a socket in a folder that others can write", network.format(NETWORK, root),
             {"LANDFALL_API": self.lab.folder + "/open/api.sock"}, 2, ["others can write"]),
            ("a state folder that others can write", network.format(NETWORK, root),
             {"LANDFALL_STATE": self.lab.folder + "/open"}, 2, ["others can write"]),
        ]
        for name, text, environment, status, said in table:
            with self.subTest(name):
                sidecar = self.lab.sidecar("a", self.dead_route())
                with open(sidecar.configuration, "w", encoding="ascii") as file:
                    file.write(text)
                sidecar.environment.update({"LANDFALL_STATE": sidecar.state, **environment})
                _, error = sidecar.command("run", expect=status)
                for word in said:
                    self.assertIn(word, error)


if __name__ == "__main__":
    unittest.main()
