"""`landfall demo` as a user runs it: what it prints, and that nothing of it is left behind however it ends."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import unittest
from pathlib import Path

from demo_run import PATIENCE, DemoTest, of_session


class Demo(DemoTest):
    def test_prints_one_object_with_peers_of_eight_networks(self) -> None:
        process = self.start("--once", "--json")
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(out.count("\n"), 1)
        said = json.loads(out)
        self.assertGreaterEqual(len(said["peers"]), 8)
        groups = {".".join(re.findall(r"\d+", peer["endpoints"][0])[:2]) for peer in said["peers"]}
        self.assertGreaterEqual(len(groups), 8)
        self.assertEqual({(peer["tier"], peer["source"]) for peer in said["peers"]}, {("A", "list")})
        self.assertEqual(set(said["peers"][0]), {"id", "endpoints", "roles", "source", "tier", "list_version",
                                                 "first_seen", "proxy"})
        self.assertEqual(said["list"], {"epoch": 2, "version": 1, "tier": "A"})
        self.assertEqual(said["won"], "open")
        lanes = {lane["route"]: lane for lane in said["lanes"]}
        self.assertEqual({name: lane["outcome"] for name, lane in lanes.items()},
                         {"silenced": "cancelled", "reset": "reset_after_hello", "open": "won"})
        self.assertLessEqual({"route", "kind", "outcome", "stage", "error", "ms"}, set(lanes["open"]))
        self.assertGreater(said["elapsed_ms"], 0)
        self.assert_nothing_left(process)

    def test_tells_the_story_on_a_terminal(self) -> None:
        status, out, told = self.on_terminal("--once")
        self.assertEqual(status, 0, told)
        self.assertIn("won by open", told)
        self.assertIn("\x1b[", told)  # the table is drawn in place
        self.assertRegex(out, r"discovery\.py has [0-9]+ peers")
        self.assertGreaterEqual(len(re.findall(r"tcp://(10|198)\.", out)), 8)

    def test_stays_up_until_it_is_told_to_end(self) -> None:
        for how in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(how.name):
                process = self.start()
                line = self.until(process, "stays up until Ctrl-C")
                socket = Path(re.findall(r"socket is (\S+);", line)[0])
                self.assertTrue(socket.is_socket())
                self.assertEqual(socket.parent.stat().st_mode & 0o777, 0o700)
                self.assertEqual(len(of_session(process.pid)), 3)  # itself and two servers
                process.send_signal(how)
                _, err = process.communicate(timeout=PATIENCE)
                self.assertEqual(process.returncode, 0, err)
                self.assert_nothing_left(process)

    def test_may_be_ended_at_any_moment(self) -> None:
        for moment in ("small internet", "silenced: trying", "reset: reset_after_hello", "race 1: won"):
            with self.subTest(moment):
                process = self.start()
                self.until(process, moment)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=PATIENCE)
                self.assertIn(process.returncode, (0, 1))
                self.assert_nothing_left(process)

    def test_killed_it_leaves_no_servers(self) -> None:
        process = self.start()
        self.until(process, "stays up until Ctrl-C")
        servers = [os.pidfd_open(pid) for pid in of_session(process.pid) if pid != process.pid]
        for server in servers:
            self.addCleanup(os.close, server)
        self.assertEqual(len(servers), 2)
        process.kill()
        for server in servers:
            self.assertTrue(select.select([server], [], [], PATIENCE)[0])

    def test_says_what_is_missing(self) -> None:
        cases: list[tuple[str, list[str], dict[str, str], str]] = [
            ("no such profile", ["--profile", "mars"], {}, "there is no profile 'mars'.*there are CN-2023"),
            ("no python3", ["--once"], {"PATH": "/nonexistent"}, "python3 cannot be started"),
            ("no temporary folder", ["--once"], {"TMPDIR": "/nonexistent"}, "no temporary folder"),
        ]
        for name, arguments, environment, expected in cases:
            with self.subTest(name):
                process = self.start(*arguments, environment=environment)
                out, err = process.communicate(timeout=PATIENCE)
                self.assertEqual((process.returncode, out), (2, ""))
                self.assertRegex(err, expected)
                self.assert_nothing_left(process)


if __name__ == "__main__":
    unittest.main()
