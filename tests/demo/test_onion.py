"""`landfall demo --profile onion`: a private Tor network from nothing, won by the onion route, and nothing left however it ends. Its programs
listen on an address of loopback that it draws, so it may run beside others and beside itself."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import select
import signal
import sys
import time
import unittest

from demo_run import DemoTest, of_session

LIMIT = 120.0  # from nothing to the peers; mostly 30
TORS = 7  # three authorities, three relays, the one that publishes the service


class Onion(DemoTest):
    def start_onion(self, *arguments: str, **changes: object):
        return self.start("--profile", "onion", *arguments, **changes)

    def test_is_won_by_the_onion_route(self) -> None:
        """Two of them at a time, since nothing of it is fixed."""
        began = time.monotonic()
        processes = [self.start_onion("--once", "--json") for _ in range(2)]
        for process in processes:
            out, err = process.communicate(timeout=2 * LIMIT)
            print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)
            self.assertLess(time.monotonic() - began, LIMIT)
            self.assertEqual(process.returncode, 0, err)
            self.assertEqual(out.count("\n"), 1)
            self.assert_told(json.loads(out), err)
            self.assertEqual(of_session(process.pid), [])
        self.assertEqual(list(self.scratch.iterdir()), [])

    def assert_told(self, said: dict, err: str) -> None:
        self.assertEqual((said["won"], said["profile"]), ("onion", "onion"), err)
        self.assertGreaterEqual(len(said["peers"]), 8)
        self.assertEqual({(peer["tier"], peer["source"]) for peer in said["peers"]}, {("A", "list")})
        lanes = {lane["route"]: (lane["kind"], lane["outcome"]) for lane in said["lanes"]}
        self.assertEqual(lanes["onion"], ("onion", "won"))
        self.assertEqual(lanes["front"], ("fronted", "reset_after_hello"))
        self.assertIn(lanes["direct"][1], {"stalled_after_hello", "timed_out", "cancelled"})
        self.assertEqual(set(said["network_ms"]), {"keys", "wait", "consensus", "service", "publish"})
        phases = said["bootstrap"]
        self.assertEqual({tuple(sorted(phase)) for phase in phases}, {("ms", "phase", "progress")})
        self.assertGreaterEqual(len(phases), 3, phases)
        self.assertEqual((phases[-1]["progress"], phases[-1]["phase"]), (100, "done"))
        for before, after in itertools.pairwise(phases):
            self.assertLess(before["progress"], after["progress"], phases)
            self.assertLessEqual(before["ms"], after["ms"], phases)
        self.assertLessEqual(phases[-1]["ms"], said["elapsed_ms"])
        # Who waits is told how it goes on, from the first second: line by line where there is no terminal.
        self.assertRegex(err, r"(?m)^ +0\.0 s  keys and certificates")
        self.assertRegex(err, r"(?m)^ +[0-9]+\.[0-9] s  the onion service's descriptor")
        self.assertEqual(re.findall(r"(?m)^tor: ([0-9]+) % ", err), [str(phase["progress"]) for phase in phases])

    def test_shows_it_live_on_a_terminal(self) -> None:
        status, out, told = self.on_terminal("--profile", "onion", "--once", patience=LIMIT)
        self.assertEqual(status, 0, told)
        counted = set(re.findall(r"([0-9]+)   s +authorities and three relays", told))
        self.assertGreaterEqual(len(counted), 4, "its seconds are counted")
        shown = {int(percent) for percent in re.findall(r"onion +onion +tor: ([0-9]+) % [a-z_]+", told)}
        self.assertGreaterEqual(len(shown), 2, told[-4000:])
        self.assertRegex(told, r"onion +onion +won ")
        self.assertIn("won by onion", told)
        self.assertRegex(out, r"discovery\.py has [0-9]+ peers")

    def test_may_be_ended_at_any_moment(self) -> None:
        for moment in ("keys and certificates", "waiting for the next turn", "publish their consensus", "^tor: [1-9]"):
            with self.subTest(moment):
                process = self.start_onion()
                self.until(process, moment)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=LIMIT)
                self.assertEqual(process.returncode, 1)
                self.assert_nothing_left(process)

    def test_killed_it_leaves_no_tor(self) -> None:
        process = self.start_onion()
        self.until(process, "^tor: [1-9]")  # the sidecar's own tor runs too
        children = [os.pidfd_open(pid) for pid in of_session(process.pid) if pid != process.pid]
        for child in children:
            self.addCleanup(self.end, child)
        self.assertEqual(len(children), TORS + 1 + 3)  # and three landfall-servers
        process.kill()
        for child in children:
            self.assertTrue(select.select([child], [], [], LIMIT)[0])

    @staticmethod
    def end(child: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)
        os.close(child)

    def test_says_which_package_is_missing(self) -> None:
        process = self.start_onion("--once", environment={"PATH": "/nonexistent"})
        out, err = process.communicate(timeout=LIMIT)
        self.assertEqual((process.returncode, out), (2, ""))
        self.assertIn("install the package 'tor'", err)
        self.assert_nothing_left(process)

    def test_has_no_seed(self) -> None:
        process = self.start_onion("--seed", "7")
        _, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 2)
        self.assertIn("--seed", err)


if __name__ == "__main__":
    unittest.main()
