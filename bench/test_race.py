"""The race bench's own arithmetic: medians with races that brought nothing, the goals, and what stands in a row."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import race_goals as goals  # noqa: E402
import race_report as report  # noqa: E402


def run(*ms: int, connections: int = 1) -> dict:
    return {"ms": list(ms), "kb": [1.0] * len(ms), "connections": [connections] * len(ms), "names": [1] * len(ms), "addresses": [1] * len(ms)}


def cell(cold: int, warm: int, staggered: int, everything: int, sequential: int, **more: int) -> dict:
    return {"scenario": "a", "rtt": 150, "loss": 0.01, "contacts": 9, "held_back": 1, "violations": 0, **more,
            "runs": {"cold": run(cold, cold, connections=3), "warm": run(warm, warm), "staggered": run(staggered, staggered),
                     "everything": run(everything, everything, connections=6), "sequential": run(sequential, sequential)},
            "alone": {"far": {**run(900, 900), "prescribed": [0, 0]}, "near": {**run(400, 400), "prescribed": [600, 600]},
                      "shut": {**run(-1, -1), "prescribed": [0, 0]}}}


class Quantiles(unittest.TestCase):
    def test_between_neighbours(self):
        for part, wanted in ((0, 1), (0.5, 2.5), (1, 4), (0.25, 1.75)):
            with self.subTest(part):
                self.assertEqual(goals.quantile([1, 2, 3, 4], part), wanted)

    def test_what_brought_nothing_took_for_ever(self):
        self.assertEqual(goals.times([2000, -1, 1000]), [1, 2, goals.NEVER])
        self.assertEqual(goals.median(goals.times([1000, 1000, -1])), 1)
        self.assertEqual(goals.median(goals.times([1000, -1])), goals.NEVER, "half of them is no median")
        self.assertEqual(goals.median(goals.times([-1, -1])), goals.NEVER)


class Goals(unittest.TestCase):
    def met(self, at: dict, dropped: int = 0) -> dict:
        return {goal.name: goal.met for goal in goals.goals(at, dropped)}

    def test_the_oracle_is_the_quickest_route_with_its_own_start(self):
        self.assertEqual(goals.oracle(cell(1, 1, 1, 1, 1)["alone"]), goals.Oracle("near", 0.4, 0.6))
        shut = {"shut": {**run(-1, -1), "prescribed": [0, 0]}}
        self.assertIsNone(goals.oracle(shut))

    def test_limits_hold_on_both_sides(self):
        self.assertEqual(self.met(cell(1250, 440, 1226, 400, 9)), {"cold": True, "warm": True, "stagger": True, "connections": True})
        self.assertEqual(self.met(cell(1251, 441, 1226, 400, 9)), {"cold": False, "warm": False, "stagger": False, "connections": True})
        self.assertFalse(self.met(cell(-1, 440, 1226, 400, 9))["cold"], "no list is no success")

    def test_connections_are_compared_with_everything_at_once(self):
        at = cell(1000, 400, 1000, 400, 9)
        at["runs"]["cold"] = run(1000, 1000, connections=4)
        self.assertFalse(self.met(at)["connections"])

    def test_sequential(self):
        self.assertAlmostEqual(goals.promised(2, 0.4), 0.8 * 10.4 / 0.9)
        least = goals.promised(2, 0.4) * 1000
        self.assertTrue(self.met(cell(1000, 400, 1000, 400, round(least) + 1), 2)["sequential"])
        self.assertFalse(self.met(cell(1000, 400, 1000, 400, round(least) - 1), 2)["sequential"])


class Report(unittest.TestCase):
    def test_a_missed_goal_says_where_it_is_worst(self):
        found = [((60, 0.0), goals.Goal("x", 1.0, 1.1)), ((150, 0.01), goals.Goal("x", 1.3, 1.1)), ((300, 0.0), goals.Goal("x", 1.2, 1.1))]
        self.assertEqual(report.goal_cell(found), "**missed 2/3**: 1.30 at 150 ms, 1%")
        self.assertEqual(report.goal_cell(found[:1]), "met 1/1")
        least = [((60, 0.0), goals.Goal("x", 3, 4, at_least=True)), ((150, 0.0), goals.Goal("x", 1, 4, at_least=True))]
        self.assertEqual(report.goal_cell(least), "**missed 2/2**: 1.00 at 150 ms, 0%")

    def test_a_contact_inside_a_penalty_ends_the_bench(self):
        with self.assertRaises(AssertionError):
            report.penalty_text([cell(1, 1, 1, 1, 1, violations=1)])
        with self.assertRaises(AssertionError):
            report.penalty_text([cell(1, 1, 1, 1, 1, held_back=0)])

    def test_wire_and_model(self):
        wire = {"rtt": 150, "loss": 0.01, "rows": [{"scenario": "a", "cold": [1200, 1100, 1000], "route": "near", "alone": [400, 470], "acted": 3}]}
        self.assertIn("| a | 1.10 | 1.00 | +10% | 0.43 | 0.40 | +9% | +0% | 50% / 100% | near | 3 |", report.wire_table(wire, [cell(1000, 1, 1, 1, 1)]))
        wire["rows"][0]["cold"] = [1200]
        self.assertIn("**+20%**", report.wire_table(wire, [cell(1000, 1, 1, 1, 1)]))

    def test_another_class_stands_out(self):
        rows = report.confusion_table({"rows": [{"done": "x", "by": "S", "wanted": "refused", "said": {"refused": 2}},
                                                {"done": "y", "by": "S", "wanted": "refused", "said": {"refused": 1, "won": 1}}]})
        self.assertIn("| refused | refused 2 |", rows)
        self.assertIn("| **refused 1, won 1** |", rows)


if __name__ == "__main__":
    unittest.main()
