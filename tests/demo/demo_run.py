"""A `landfall demo` under test: started as the leader of a session of its own, and what is left of it afterwards."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

LANDFALL = os.environ.get("LANDFALL_BIN", "")
PATIENCE = 60.0


def of_session(session: int) -> list[int]:
    """Processes of a session: the demo is the leader of one of its own, so its children are in it too."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(folder.name))
    return found


class DemoTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def start(self, *arguments: str, **changes: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "TMPDIR": str(self.scratch), **changes.pop("environment", {})}
        options: dict[str, Any] = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process: subprocess.Popen[str] = subprocess.Popen(
            [LANDFALL, "demo", *arguments], env=environment, start_new_session=True, text=True, **{**options, **changes})
        self.addCleanup(self.finish, process)
        return process

    @staticmethod
    def finish(process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            process.kill()
        process.communicate()

    def on_terminal(self, *arguments: str, patience: float = PATIENCE) -> tuple[int, str, str]:
        """To its end with a terminal as stderr: status, stdout, what the terminal was told."""
        ours, terminal = pty.openpty()
        process = self.start(*arguments, stderr=terminal, environment={"TERM": "xterm"})
        os.close(terminal)
        told = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # EIO: the other side has closed
                break
            if not piece:
                break
            told += piece
        os.close(ours)
        out, _ = process.communicate(timeout=patience)
        return process.returncode, out, told.decode()

    def assert_nothing_left(self, process: subprocess.Popen[str]) -> None:
        self.assertEqual(of_session(process.pid), [])
        self.assertEqual(list(self.scratch.iterdir()), [])

    @staticmethod
    def until(process: subprocess.Popen[str], pattern: str) -> str:
        """The first line on stderr that matches."""
        assert process.stderr
        told = ""
        for line in process.stderr:
            told += line
            if re.search(pattern, line):
                return line
        raise AssertionError(f"ended without {pattern!r}: {told}")
