"""`landfall demo --profile`: for each profile who gets through, and that the censor did what it is said to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

LANDFALL = os.environ.get("LANDFALL_BIN", "")
PATIENCE = 90.0

# profile: who can win (of several that are open the first in order does, where this machine answers within 250 ms), and the rule
# that keeps the others out. "": nothing was done.
PROFILES: dict[str, tuple[set[str], str]] = {
    "CN-2023": ({"unnamed", "front"}, "sni-reset"),
    "CN-2026": ({"bridge"}, "first-data"),
    "RU-2026": ({"front"}, "curtain"),
    "IR-2022": ({"front"}, "unresolved"),
    "IR-2026": ({"front"}, "unlisted-name"),
    "IR-2026-shutdown": (set(), "shutdown"),
    "TM": ({"front"}, "blackhole"),
    "none": ({"direct", "unnamed", "front"}, ""),
}


class Profiles(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def demo(self, *arguments: str) -> tuple[int, str, str]:
        ended = subprocess.run([LANDFALL, "demo", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=PATIENCE, env={**os.environ, "TMPDIR": str(self.scratch)})
        self.assertEqual(list(self.scratch.iterdir()), [])
        return ended.returncode, ended.stdout, ended.stderr

    def test_who_gets_through(self) -> None:
        for profile, (winners, rule) in PROFILES.items():
            with self.subTest(profile):
                status, out, err = self.demo("--profile", profile, "--seed", "7", "--once", "--json")
                self.assertEqual(status, 0 if winners else 1, err)
                said = json.loads(out)
                self.assertIn(said["won"], winners or {None}, err)
                self.assertEqual((said["profile"], said["seed"]), (profile, 7), err)
                self.assert_peers(said, fresh=bool(winners))
                rules = said["censor"]["rules"]
                acted = {name for name, row in rules.items() if row["triggered"]}
                self.assertGreater(said["censor"]["seen"], 0)
                if rule:
                    self.assertIn(rule, acted, rules)
                else:
                    self.assertEqual(acted, set())
                self.assertIn(f"{profile} (seed 7)", err)

    def assert_peers(self, said: dict[str, Any], fresh: bool) -> None:
        """Without a route there are those that came with the program, and the list says how old they are."""
        self.assertGreaterEqual(len(said["peers"]), 8)
        tiers = {peer["tier"] for peer in said["peers"]}
        self.assertEqual(tiers == {"A"}, fresh, tiers)
        self.assertEqual(said["list"]["tier"] == "A", fresh)

    def test_every_profile_is_in_the_help_and_here(self) -> None:
        status, out, _ = self.demo("--help")
        self.assertEqual(status, 0)
        listed = re.findall(r"(?m)^  ([\w-]+) +\S", out.split("Profiles of the censor")[1])
        self.assertEqual(sorted(listed), sorted([*PROFILES, "onion"]))  # that one: test_onion.py

    def test_without_a_seed_one_is_made_and_told(self) -> None:
        seeds = set()
        for _ in range(2):
            status, out, err = self.demo("--profile", "none", "--once", "--json")
            self.assertEqual(status, 0, err)
            seed = json.loads(out)["seed"]
            self.assertIn(f"none (seed {seed})", err)
            seeds.add(seed)
        self.assertEqual(len(seeds), 2)

    def test_people_are_told_what_the_censor_did(self) -> None:
        status, out, err = self.demo("--profile", "CN-2026", "--once")
        self.assertEqual(status, 0, err)
        self.assertIn("won by bridge", err)
        self.assertRegex(err, r"What the censor did, by rule:\n(.*\n)*  sni-reset: triggered [0-9]+")
        self.assertIn("discovery.py has", out)

    def test_a_seed_needs_a_profile(self) -> None:
        self.assertEqual(self.demo("--seed", "7")[0], 2)


if __name__ == "__main__":
    unittest.main()
