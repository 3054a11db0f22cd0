"""`landfall status --watch` on a terminal of its own: what is drawn, when it changes, resizes and ends. And elsewhere."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

import lab
from lab import LANDFALL, PATIENCE

ENTER, LEAVE, TOP = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H"


class Terminal:
    """A command on a pty, with what it wrote so far."""

    def __init__(self, arguments, environment, rows=24, columns=100):
        self._ours, theirs = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen([LANDFALL, *arguments], env={**environment, "TERM": "xterm"}, stdin=theirs, stdout=theirs,
                                        stderr=theirs, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.told = ""

    def resize(self, rows, columns):
        """As a terminal does it: the kernel sends SIGWINCH."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, key):
        os.write(self._ours, key)

    def until(self, done):
        """Reads until `done(picture)` holds for the newest picture, and returns it."""
        end = time.monotonic() + PATIENCE
        while not done(self.picture()):
            if not select.select([self._ours], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"never drawn: {self.told!r}")
            try:
                piece = os.read(self._ours, 65536)
            except OSError:  # EIO: it has ended
                piece = b""
            if not piece:
                raise AssertionError(f"ended first: {self.told!r}")
            self.told += piece.decode()
        return self.picture()

    def rest(self):
        while True:
            try:
                piece = os.read(self._ours, 65536)
            except OSError:
                return self.told
            if not piece:
                return self.told
            self.told += piece.decode()

    def picture(self):
        """The lines of the last picture that is complete."""
        whole = [part for part in self.told.split(TOP)[1:] if "\x1b[J" in part]
        return [line.replace("\x1b[2K", "") for line in whole[-1].split("\x1b[J")[0].split("\r\n")[:-1]] if whole else []

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._ours)


class Watch(lab.WithLab):
    def setUp(self):
        super().setUp()
        self.serve(good=self.publisher.list(1))

    def watch(self, sidecar, **size):
        terminal = Terminal(["status", "--watch"], sidecar.environment, **size)
        self.addCleanup(terminal.close)
        return terminal

    def test_shows_the_race_and_trust_as_they_change_until_ctrl_c(self):
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            sidecar.peers(freshness="fresh")
            terminal = self.watch(sidecar)
            terminal.until(lambda lines: any("version 1 of epoch 1, tier A" in line for line in lines))
            self.assertIn(ENTER, terminal.told)
            self.lab.nginx.put("good", self.lab.publisher.list(2))
            sidecar.ask("/v1/refresh", "POST")
            terminal.until(lambda lines: any("version 2 of epoch 1, tier A" in line for line in lines))
            terminal.press(b"\x03")
            self.assertEqual(terminal.process.wait(PATIENCE), 0)
            after = terminal.rest().split(LEAVE)
            self.assertEqual(len(after), 2, "the screen is given back, once")
            self.assertIn("version 2 of epoch 1", after[1])
            self.assertNotIn("has ended", after[1])

    def test_shows_how_far_each_lane_is(self):
        silent = lab.socket.create_server(("127.0.0.2", 0))
        self.addCleanup(silent.close)
        route = {"kind": "https", "name": "silent", "url": f"https://127.0.0.2:{silent.getsockname()[1]}/x/"}
        with self.lab.sidecar("a", route) as sidecar:
            terminal = self.watch(sidecar)
            terminal.until(lambda lines: any(re.search(r"silent .* trying", line) for line in lines))
            terminal.until(lambda lines: any("stalled_after_hello" in line for line in lines))

    def test_fits_its_terminal_after_a_resize_too(self):
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            sidecar.peers(freshness="fresh")
            terminal = self.watch(sidecar, rows=24, columns=100)
            wide = terminal.until(lambda lines: any("version 1" in line for line in lines))
            self.assertGreater(max(map(len, wide)), 30)
            terminal.resize(4, 30)
            small = terminal.until(lambda lines: len(lines) == 3)
            self.assertLessEqual(max(map(len, small)), 30)

    def test_ends_with_the_sidecar_and_says_so(self):
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            sidecar.peers(freshness="fresh")
            terminal = self.watch(sidecar)
            terminal.until(lambda lines: any("version 1" in line for line in lines))
            sidecar.stop()
            self.assertEqual(terminal.process.wait(PATIENCE), 0)
            self.assertIn("the sidecar has ended", terminal.rest().split(LEAVE)[1])

    def test_without_a_sidecar_there_is_no_screen(self):
        sidecar = self.lab.sidecar("a", self.lab.route("good"))
        terminal = self.watch(sidecar)
        self.assertEqual(terminal.process.wait(PATIENCE), 2)
        told = terminal.rest()
        self.assertIn("no sidecar is running", told)
        self.assertNotIn(ENTER, told)

    def test_elsewhere_it_is_plain_lines(self):
        with self.lab.sidecar("a", self.lab.route("good")) as sidecar:
            sidecar.peers(freshness="fresh")
            watching = subprocess.Popen([LANDFALL, "status", "--watch"], env=sidecar.environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(watching.stdout.close)
            self.addCleanup(watching.stderr.close)
            events = sidecar.events()
            lines = iter(watching.stdout.readline, "")
            for line in lines:
                if "good" in line:
                    break
            number = sidecar.ask("/v1/refresh", "POST")[1]["race"]
            events.until("race_ended", race=number)
            events.close()
            told = next(line for line in lines if line.startswith("race") or line.startswith("good"))
            self.assertNotIn("\x1b", told)
            watching.send_signal(signal.SIGTERM)
            self.assertEqual(watching.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
