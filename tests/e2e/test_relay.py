"""A landfall-server as a whole bridge: the local proxy of `landfall run` reaches a peer of the list by obfs4 and HTTP CONNECT behind it."""

import json
import os
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lab  # noqa: E402
from test_bridge import SERVER, Bridge  # noqa: E402

ANSWER = os.urandom(1 << 20) * 8


class Relay(lab.WithLab):
    pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
