#!/usr/bin/env python3
"""In a private Tor network: Debian's tor with landfall as its transport, at both ends of an obfs4 bridge."""

import http.server
import os
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tor_network  # noqa: E402

LANDFALL = os.environ["LANDFALL_BIN"]
NET = None
FETCHED = b"over three relays\n" * 4096


def setUpModule():
    global NET
    NET = tor_network.shared()


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(FETCHED)))
        self.end_headers()
        self.wfile.write(FETCHED)

    def log_message(self, *_):
        pass


class Bridges(unittest.TestCase):
    def setUp(self):
        self.origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
        threading.Thread(target=self.origin.serve_forever).start()
        self.addCleanup(self.origin.server_close)
        self.addCleanup(self.origin.shutdown)

    def fetch(self, client):
        url = f"http://127.0.0.1:{self.origin.server_address[1]}/"
        got = subprocess.run(["curl", "-sS", "--max-time", "30", "--socks5-hostname", f"127.0.0.1:{client.socks_port}", url],
                             capture_output=True, check=False)
        self.assertEqual(got.stdout, FETCHED, got.stderr)

    def test_tor_bootstraps_over_our_transport_at_both_ends(self):
        bridge = NET.bridge("ours", f"exec {LANDFALL} run")
        began = time.monotonic()
        client = NET.client("client", "UseBridges 1", f"ClientTransportPlugin obfs4 exec {LANDFALL} run", f"Bridge {bridge.line}")
        client.bootstrapped()
        print(f"the client was ready after {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.fetch(client)
        # It came over the bridge, and tor was told so through the extended OR port.
        guards = "\n".join(client.control().ask("GETINFO entry-guards"))
        self.assertIn(bridge.line.split()[2], guards)
        self.assertEqual(guards.count(" up") + guards.count("never-connected"), 1, guards)
        self.assertNotIn("[warn]", "\n".join(line for line in bridge.log().splitlines() if "proxy" in line.lower()))

    def test_debians_obfs4proxy_reaches_our_bridge(self):
        bridge = NET.bridge("ours2", f"exec {LANDFALL} run")
        client = NET.client("theirs", "UseBridges 1", "ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy", f"Bridge {bridge.line}")
        client.bootstrapped()
        self.fetch(client)


# The same network: starting one takes 20 s.
from test_onion import Onion  # noqa: E402, F401
from test_onion_capture import Capture  # noqa: E402, F401
from test_onion_failures import OnionFailures  # noqa: E402, F401
from test_onion_ways import Ways  # noqa: E402, F401

if __name__ == "__main__":
    unittest.main(verbosity=2)
