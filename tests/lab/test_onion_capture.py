"""What an onion route puts on the wire, from the sidecar's own network namespace: with a tor of ours not one packet, with one that runs already
packets to its SOCKS port alone; no name is looked up. And what tor makes of it: circuits of three hops and more, the stream on one of them."""

import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import internet  # noqa: E402
import onion_lab  # noqa: E402
import tor_network  # noqa: E402

# The sidecar's namespace and that of the Tor network, one link between them: whatever the sidecar wants to reach is on the other side.
NEAR, FAR = "10.11.0.1", "10.11.0.2"
HOPS = 3
# In the place of the program "tor", in the sandbox that tor gets: it asks for a tor in the network's namespace, and lives as long as that one does.
STAND_IN = """#!/usr/bin/python3
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    door.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    status = door.recv(16)
os._exit(int(status or b"1"))
"""


class Elsewhere:
    """Starts tor where this process is, for the stand-in at the other side."""

    def __init__(self, folder):
        self.program, door = folder / "tor-elsewhere", folder / "door"
        self.program.write_text(STAND_IN.format(door=str(door)))
        self.program.chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(door))
        self._listener.listen()
        self.started = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                asked, _ = self._listener.accept()
            except OSError:
                return
            with asked:
                words = json.loads(asked.makefile().readline())
                self.started += 1
                # Its controller owns it: it ends when that one has gone.
                ended = subprocess.run(["tor", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                with contextlib.suppress(OSError):  # the stand-in may have been ended before
                    asked.sendall(str(ended.returncode & 127).encode())

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


class Captures:
    """Every frame on every interface of a namespace, loopback too. Runs in there: a packet socket belongs to the namespace of its maker."""

    PROGRAM = """
import socket, sys
seen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
seen.settimeout(60)
print("ready", flush=True)
while True:
    frame, where = seen.recvfrom(65536)
    if b"the last frame" in frame:
        break
    print(where[0], where[2], frame.hex(), flush=True)
"""

    def __init__(self, namespace):
        self._namespace = namespace
        self._process = subprocess.Popen([*namespace.launcher, sys.executable, "-B", "-c", self.PROGRAM], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n", "no capture"

    def end(self):
        """(interface, what, source, destination) of all frames until now: IPv4 with ports, others by their EtherType."""
        last = f"import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'the last frame', ('127.0.0.1', 9))"
        subprocess.run([*self._namespace.launcher, sys.executable, "-c", last], check=True)
        out, _ = self._process.communicate(timeout=tor_network.PATIENCE)
        return [self._read(*line.split()) for line in out.splitlines()]

    @staticmethod
    def _read(interface, _, frame):
        frame = bytes.fromhex(frame)
        kind = frame[12:14].hex()
        if kind != "0800":
            return interface, kind, "", ""
        at = 14 + 4 * (frame[14] & 15)
        ports = struct.unpack(">HH", frame[at:at + 4]) if frame[23] in (6, 17) else (0, 0)
        return (interface, {6: "tcp", 17: "udp"}.get(frame[23], str(frame[23])), f"{socket.inet_ntoa(frame[26:30])}:{ports[0]}",
                f"{socket.inet_ntoa(frame[30:34])}:{ports[1]}")


class Capture(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.real = onion_lab.shared()
        cls.there = internet.Namespace()
        cls.addClassCleanup(cls.there.close)
        internet.command("ip", "link", "add", "far0", "type", "veth", "peer", "name", "near0", "netns", cls.there.pid)
        internet.command("ip", "addr", "add", f"{FAR}/24", "dev", "far0")
        internet.command("ip", "link", "set", "far0", "addrgenmode", "none", "up")
        for words in (("addr", "add", f"{NEAR}/24", "dev", "near0"), ("link", "set", "lo", "up"),
                      ("link", "set", "near0", "addrgenmode", "none", "up"), ("route", "add", "default", "via", FAR)):
            cls.there.run("ip", *words)

    def seen_in(self, folder, file, expect=0):
        """One race in the sidecar's namespace: what was on its interfaces."""
        capture = Captures(self.there)
        race = onion_lab.Race(self.real, folder, file, launcher=self.there.launcher)
        status, out = race.end()
        frames = capture.end()
        self.assertEqual(status, expect, race.lines)
        return frames, out

    def managed(self, elsewhere, *routes, **more):
        return self.real.configured(self.real.onion(self.real.open), *routes, tor=f'exec = "{elsewhere.program}"', **more)

    def elsewhere(self):
        folder = self.real.folder / self.id().rsplit(".", 1)[1][:20]
        folder.mkdir(mode=0o700)
        out = Elsewhere(folder)
        self.addCleanup(out.close)
        return out

    def test_with_a_tor_of_our_own_the_sidecar_sends_not_one_packet(self):
        elsewhere = self.elsewhere()
        frames, out = self.seen_in(*self.managed(elsewhere))
        self.assertEqual(len(out["peers"]), 12)
        self.assertEqual(elsewhere.started, 1)
        self.assertEqual(frames, [], "something went by other ways than tor's sockets")

    def test_this_capture_sees_a_direct_connection_and_a_look_up(self):
        """That the tests here can fail: the same with a second route, by an address and by a name."""
        elsewhere = self.elsewhere()
        fronted = 'kind = "fronted"\nurl = "https://hidden.example.org/a/"\nfronts = ["cdn.example.com"]'
        rows = (("tcp", f"{FAR}:9", f'kind = "https"\nurl = "https://{FAR}:9/a/"', ""), ("udp", f"{FAR}:53", fronted, f'[dns]\nresolvers = ["{FAR}"]\n'))
        for kind, to, route, dns in rows:
            with self.subTest(kind):
                frames, _ = self.seen_in(*self.managed(elsewhere, route, bridges=dns))
                self.assertIn((kind, to), [(one[1], one[3]) for one in frames])

    def test_with_a_socks_port_packets_go_there_alone(self):
        port = onion_lab.lab.free_port()
        self.real.net.node("farsocks", f"SocksPort {FAR}:{port} IsolateSOCKSAuth ExtendedErrors").bootstrapped()
        frames, out = self.seen_in(*self.real.configured(self.real.onion(self.real.open, f'tor = "socks:{FAR}:{port}"')))
        self.assertEqual(len(out["peers"]), 12)
        self.assertTrue(frames)
        at_tor = f"{FAR}:{port}"
        others = [one for one in frames if one[1] != "0806" and at_tor not in one[2:]]  # ARP asks for FAR
        self.assertEqual(others, [])

    def test_circuits_have_three_hops_and_the_stream_is_on_one_of_them(self):
        server = self.real.held_server()
        self.addCleanup(server.close)
        folder, file = self.real.configured(self.real.onion(f"{self.real.open}:{server.virtual_port}"))
        race = onion_lab.Race(self.real, folder, file)
        try:
            race.wait_for(r"^tor: \d+ %")
            control = tor_network.Control(folder / "state/tor/control", folder / "state/tor/cookie")
            control.ask("SETEVENTS CIRC STREAM")
            self.assertTrue(server.asked.wait(onion_lab.PATIENCE), race.lines)
            streams = control.ask("GETINFO stream-status")
            circuits = circuits_in(control.ask("GETINFO circuit-status"))
            events = control.events
            control.close()
        finally:
            server.released.set()
            status, out = race.end()
        self.assertEqual((status, len(out["peers"])), (0, 12), race.lines)
        ours = [line.split() for line in "\n".join(streams).split("stream-status=")[-1].splitlines() if self.real.open in line]
        self.assertEqual([words[1] for words in ours], ["SUCCEEDED"], streams)
        carrying = circuits[ours[0][2]]
        self.assertEqual(carrying["PURPOSE"], "HS_CLIENT_REND", carrying)
        self.assertEqual(carrying["HS_STATE"], "HSCR_JOINED", carrying)  # the service's own three hops begin behind the rendezvous
        self.assert_hops(carrying)
        # Whatever else was ever built, of which a stream of ours could have been attached to.
        built = [one for one in circuits_in(events).values() if one["state"] == "BUILT"] + [one for one in circuits.values() if one["state"] == "BUILT"]
        for one in built:
            if "ONEHOP_TUNNEL" not in one.get("BUILD_FLAGS", ""):  # tor's own: the directory, from its guard
                self.assert_hops(one)
        attached = [event.split() for event in events if re.match(rf"STREAM \d+ (SENTCONNECT|SUCCEEDED) \d+ {self.real.open}", event)]
        self.assertTrue(attached, events)
        for words in attached:
            self.assertGreaterEqual(len(circuits_in(events).get(words[3], carrying)["path"]), HOPS, words)

    def assert_hops(self, circuit):
        self.assertGreaterEqual(len(circuit["path"]), HOPS, circuit)
        # The first three are different relays. A fourth is what an onion circuit was extended to, such as the directory of a descriptor;
        # of the six relays of this network that may be the first one again.
        self.assertEqual(len(set(circuit["path"][:HOPS])), HOPS, circuit)


def circuits_in(lines):
    """What circuit-status or CIRC events say, the last word of each circuit's: {id: {"state", "path", KEY: value}}."""
    out = {}
    for line in lines:
        found = re.match(r"(?:CIRC |circuit-status=)?(\d+) ([A-Z]+) ((?:\$\S+)?)(.*)$", line)
        if not found:
            continue
        number, state, path, rest = found.groups()
        out[number] = {"state": state, "path": [hop[1:41] for hop in path.split(",") if hop], **dict(re.findall(r"(\w+)=(\S+)", rest))}
    return out


if __name__ == "__main__":
    unittest.main(verbosity=2)
