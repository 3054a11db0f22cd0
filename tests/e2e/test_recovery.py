"""What may happen to a machine, and that it comes back by itself: killed in a race, a disk that is full or cannot be written, a
clock ten years off, sleep. Each time peers are handed over in the end, by the program as users run it. On loopback."""
import mmap
import os
import signal
import struct
import subprocess
import sys
import unittest

import lab
from lab import DAY

YEARS = 10 * 365 * DAY
HOUR = 3600
# In a user namespace of its own, where that is allowed, a program may be given other mounts; else root may do it at once.
APART = [["unshare", "-Urm", "--"], ["unshare", "-m", "--"]]


def apart():
    """Words that start a program with mounts of its own; None: this machine allows none."""
    for way in APART:
        probe = [*way, "mount", "-t", "tmpfs", "none", "/mnt"]
        if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return way
    return None


class Clocks:
    """The clocks of a program that it is preloaded into (moved_clock.cpp)."""

    def __init__(self, folder):
        path = os.path.join(folder, "clocks")
        with open(path, "wb") as file:
            file.write(bytes(16))
        self._file = open(path, "r+b")
        self._shared = mmap.mmap(self._file.fileno(), 16)
        self.environment = {"LD_PRELOAD": os.environ["LANDFALL_MOVED_CLOCK"], "LANDFALL_TEST_CLOCK": path}

    def ahead(self, seconds):
        self._shared[:8] = struct.pack("=q", seconds)

    def sleep(self, seconds):
        self._shared[8:] = struct.pack("=q", seconds)

    def close(self):
        self._shared.close()
        self._file.close()


class Recovery(lab.WithLab):
    def clocks(self):
        clocks = Clocks(self.lab.folder)
        self.addCleanup(clocks.close)
        return clocks

    def start(self, sidecar, **how):
        sidecar.start(**how)
        self.addCleanup(self.end, sidecar)

    @staticmethod
    def end(sidecar):
        if sidecar.process.poll() is None:
            sidecar.stop()
        sidecar.process.stderr.close()

    @staticmethod
    def tiers(sidecar, **how):
        return {peer["tier"] for peer in sidecar.peers(**how)["peers"]}

    def warned(self, sidecar, what):
        return any(what in warning for warning in sidecar.status()["warnings"])

    def test_killed_in_the_middle_of_a_race(self):
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        for _ in range(3):
            self.nginx.pause()
            with sidecar:
                events = sidecar.events()
                while not sidecar.status()["race"]:
                    events.until("lane_started")
                sidecar.stop(signal.SIGKILL)
                events.close()
            self.nginx.resume()
        with sidecar:
            self.assertEqual(self.tiers(sidecar), {"A"})
            self.assertFalse(self.warned(sidecar, "set aside"), sidecar.status()["warnings"])

    def test_killed_where_it_may_be_writing(self):
        """At the moment in which a list is adopted: what is on disk is the old or the new, never half of one."""
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        for version in range(2, 6):
            with sidecar:
                sidecar.peers()
                self.nginx.put("good", self.publisher.list(version))
                events = sidecar.events()
                sidecar.ask("/v1/refresh", "POST")
                events.until("list_adopted", version=version)
                sidecar.stop(signal.SIGKILL)
                events.close()
        with sidecar:
            self.assertEqual(self.tiers(sidecar), {"A"})
            self.assertFalse(self.warned(sidecar, "set aside"), sidecar.status()["warnings"])
            self.assertGreaterEqual(sidecar.status()["list"]["version"], 4)

    def test_a_disk_that_is_full_and_then_is_not(self):
        way = apart() or self.skipTest("no mount namespace can be made here")
        self.serve(good=self.publisher.list(1))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        os.makedirs(sidecar.state, mode=0o700)
        full = ('mount -t tmpfs -o size=256k,mode=700 none "$0" && touch "$0/lock" && chmod 600 "$0/lock" &&'
                ' { dd if=/dev/zero of="$0/ballast" bs=4k 2>/dev/null; exec "$@"; }')
        self.start(sidecar, launcher=[*way, "sh", "-c", full, sidecar.state])
        self.assertEqual(self.tiers(sidecar), {"A"})
        self.assertTrue(self.warned(sidecar, "cannot save"), sidecar.status()["warnings"])
        inside = f"/proc/{sidecar.process.pid}/root{sidecar.state}"
        self.assertEqual([name for name in os.listdir(inside) if name.startswith("trust-") and os.path.getsize(f"{inside}/{name}")], [])
        os.unlink(f"{inside}/ballast")
        self.nginx.put("good", self.publisher.list(2))
        events = sidecar.events()
        number = sidecar.ask("/v1/refresh", "POST")[1]["race"]
        events.until("race_ended", race=number)
        events.close()
        self.assertEqual(sidecar.status()["list"]["version"], 2)
        self.assertFalse(self.warned(sidecar, "cannot save the trust"), sidecar.status()["warnings"])
        self.assertTrue([name for name in os.listdir(inside) if name.startswith("trust-")])

    def test_a_state_folder_that_cannot_be_written(self):
        way = apart() or self.skipTest("no mount namespace can be made here")
        self.serve(good=self.publisher.list(1, age=2 * DAY))
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        with sidecar:
            self.assertEqual(self.tiers(sidecar), {"A-"})
        before = sorted(os.listdir(sidecar.state))
        self.nginx.put("good", self.publisher.list(2))
        frozen = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        self.start(sidecar, launcher=[*way, "sh", "-c", frozen, sidecar.state])
        self.assertEqual(self.tiers(sidecar, freshness="fresh"), {"A"})
        self.assertTrue(self.warned(sidecar, "nothing can be kept"), sidecar.status()["warnings"])
        self.end(sidecar)
        self.assertEqual(sorted(os.listdir(sidecar.state)), before)
        with sidecar:
            self.assertEqual(self.tiers(sidecar, freshness="fresh"), {"A"})
            self.assertFalse(self.warned(sidecar, "kept"), sidecar.status()["warnings"])

    def test_a_clock_ten_years_behind(self):
        self.serve(good=self.publisher.list(1))
        clocks = self.clocks()
        clocks.ahead(-YEARS)
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        self.start(sidecar, environment=clocks.environment)
        self.assertEqual(self.tiers(sidecar), {"A"})
        self.assertTrue(self.warned(sidecar, "clock_behind"), sidecar.status()["warnings"])
        self.set_right(sidecar, clocks)

    def test_a_clock_ten_years_ahead(self):
        """Every certificate and every list has expired then: peers are handed over all the same, marked."""
        self.serve(good=self.publisher.list(1))
        clocks = self.clocks()
        clocks.ahead(YEARS)
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        self.start(sidecar, environment=clocks.environment)
        self.assertEqual(self.tiers(sidecar), {"C"})
        self.set_right(sidecar, clocks)

    def set_right(self, sidecar, clocks):
        """Somebody sets the clock: a newer list comes within a minute, whatever waited by the other clock; so does it after a restart."""
        clocks.ahead(0)
        self.nginx.put("good", self.publisher.list(2))
        events = sidecar.events()
        while sidecar.status()["list"]["version"] != 2:
            sidecar.ask("/v1/refresh", "POST")
            events.until("race_ended")
        events.close()
        self.assertEqual(self.tiers(sidecar), {"A"})
        self.assertFalse(self.warned(sidecar, "clock_behind"), sidecar.status()["warnings"])
        self.end(sidecar)
        with sidecar:
            self.assertEqual(self.tiers(sidecar), {"A"})

    def test_sleep_in_the_middle_of_a_race(self):
        self.serve(good=self.publisher.list(1))
        self.nginx.pause()
        clocks = self.clocks()
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        self.start(sidecar, environment=clocks.environment)
        events = sidecar.events()
        while not sidecar.status()["race"]:
            events.until("lane_started")
        clocks.sleep(8 * HOUR)
        cut = events.until("lane_ended", route="good")
        self.assertEqual((cut["outcome"], cut["error"]), ("cancelled", "the network changed, or this computer slept"))
        self.nginx.resume()
        events.until("list_adopted")
        events.close()
        self.assertEqual(self.tiers(sidecar), {"A"})

    def test_sleep_over_the_end_of_a_list(self):
        """It wakes with a list that is no longer fresh: what is in hand is handed over, and a newer one fetched."""
        self.serve(good=self.publisher.list(1))
        clocks = self.clocks()
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        self.start(sidecar, environment=clocks.environment)
        self.assertEqual(self.tiers(sidecar), {"A"})
        events = sidecar.events()
        clocks.sleep(2 * DAY)
        clocks.ahead(2 * DAY)
        self.nginx.put("good", self.publisher.list(2, age=-2 * DAY))
        self.assertEqual(len(sidecar.peers(freshness="fresh", wait=60)["peers"]), 12)
        events.until("list_adopted", version=2)
        events.close()


def main():
    ended = unittest.main(exit=False, verbosity=2).result
    for _, reason in ended.skipped:
        print(f"SKIPPED: {reason}", file=sys.stderr)
    return 1 if not ended.wasSuccessful() else 77 if ended.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
