"""Every failure of an onion route: its class, the words that a user reads, and that another route wins the race."""

import os
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import onion_failures  # noqa: E402
import onion_lab  # noqa: E402

TIMES = 1  # bench/tor_confusion.py says how often
ONLY = os.environ.get("LANDFALL_ONLY", "")


class OnionFailures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.failures = onion_failures.Failures(onion_lab.shared())

    def of_each(self, rows, race):
        """(row, its race) of all of them, several at once."""
        with ThreadPoolExecutor(onion_failures.AT_ONCE) as at_once:
            running = [at_once.submit(race, row) for row in rows]
        return zip(rows, running)

    def test_each_has_its_class_and_words_and_another_route_wins(self):
        rows = [row for row in self.failures.ROWS if ONLY in row[0]] * TIMES
        for row, ended in self.of_each(rows, self.failures.race):
            done, wanted, words, _, slow = row
            with self.subTest(done):
                race, status, out = ended.result()
                said, text = race.lane("onion")
                print(f"{done}: {said}: {text}", file=sys.stderr)
                told = "\n".join(race.lines)
                self.assertEqual(said, wanted, told)
                self.assertRegex(text, words, told)
                if slow:
                    self.assertEqual(status, 1, told)
                    continue
                self.assertEqual(status, 0, told)
                self.assertEqual(len(out["peers"]), 12, told)
                winner = "onion" if wanted == "won" else "later"
                self.assertLess(race.line_of(f"^race 1: won by {winner}$"), len(race.lines), told)

    def test_what_takes_long_is_beaten_before_it_has_failed(self):
        rows = [row for row in self.failures.ROWS if row[4] and ONLY in row[0]]
        for row, ended in self.of_each(rows, lambda row: self.failures.race(row, beaten=True)):
            with self.subTest(row[0]):
                race, status, out = ended.result()
                told = "\n".join(race.lines)
                self.assertEqual(status, 0, told)
                self.assertEqual(len(out["peers"]), 12, told)
                self.assertLess(race.line_of("^race 1: won by later$"), len(race.lines), told)
                # By events: the time that an onion lane has was not waited for.
                self.assertLess(race.line_of("^later: won"), race.line_of("^onion: [a-z_]+ after"), told)
                self.assertEqual(race.lane("onion")[0], "cancelled", told)


if __name__ == "__main__":
    unittest.main(verbosity=2)
