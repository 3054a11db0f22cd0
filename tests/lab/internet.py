"""A small internet in network namespaces, with the censor on its only wire.

    client (this process)  c0 ──── ca  censor  cb ──── i0  servers
    10.9.0.1                       censorsim               10.9.0.10 .. 10.9.0.53

All of it is one /24, so nothing is routed and the censor is not a hop. The process that uses this must be alone in a network
namespace of its own: start it by enter.py. Programs of the server's side are started through `internet.servers.launcher`.
"""

import array
import fcntl
import json
import os
import queue
import select
import socket
import struct
import subprocess
import sys
import threading

PATIENCE = 20.0
CENSORSIM = os.environ.get("LANDFALL_CENSORSIM_BIN", "")
ETH_P_ALL = 3


def command(*words):
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {ended.stdout.decode()}")


def no_offloads(interface):
    """Packets as they are on a wire: no 64 KB segments, whole checksums. ethtool -K, which is not everywhere."""
    siocethtool = 0x8946
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for setting in (0x17, 0x1F, 0x24, 0x2C):  # ETHTOOL_STXCSUM, STSO, SGSO, SGRO
            value = array.array("B", struct.pack("II", setting, 0))
            request = struct.pack("16sP16x", interface.encode(), value.buffer_info()[0])
            fcntl.ioctl(any_socket, siocethtool, request)


class Namespace:
    """A network namespace, alive while its holder is."""

    def __init__(self):
        self._holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._holder.stdin.write(b"here\n")
        self._holder.stdin.flush()
        assert self._holder.stdout.readline() == b"here\n", "unshare -n failed"
        self.pid = str(self._holder.pid)
        self.launcher = ("nsenter", "-t", self.pid, "-n", "--")

    def run(self, *words):
        command(*self.launcher, *words)

    def close(self):
        self._holder.stdin.close()
        self._holder.wait(PATIENCE)
        self._holder.stdout.close()


class Internet:
    CLIENT = "10.9.0.1"

    def __init__(self, addresses):
        self.middle, self.servers = Namespace(), Namespace()
        command("ip", "link", "add", "c0", "type", "veth", "peer", "name", "ca", "netns", self.middle.pid)
        self.middle.run("ip", "link", "add", "cb", "type", "veth", "peer", "name", "i0", "netns", self.servers.pid)
        near, far = (lambda *words: command("ip", *words)), (lambda *words: self.servers.run("ip", *words))
        near("addr", "add", f"{self.CLIENT}/24", "dev", "c0")
        for address in addresses:
            far("addr", "add", f"{address}/24", "dev", "i0")
        for name in ("ca", "cb"):
            self.middle.run("ip", "link", "set", name, "addrgenmode", "none", "up")
        for end, interface in ((near, "c0"), (far, "i0")):
            end("link", "set", interface, "addrgenmode", "none", "up")
            end("link", "set", "lo", "up")
        no_offloads("c0")
        self.servers.run(sys.executable, "-B", os.path.abspath(__file__), "i0")

    def close(self):
        self.servers.close()
        self.middle.close()


class Censor:
    """censorsim on the wire. What it did: `events` so far, `counters()`."""

    def __init__(self, internet, profile, seed=1, **options):
        words = ["--seed", str(seed)]
        for name, value in options.items():
            if name == "define":
                for key, values in value.items():
                    words += ["--define", f"{key}={','.join(values)}"]
            else:
                words += ["--" + name, str(value)]
        self.events, self._answers = [], queue.Queue()
        self._process = subprocess.Popen([*internet.middle.launcher, CENSORSIM, "packet", "ca", "cb", profile, *words],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self._process.stdout.readline()
        assert ready == '{"ready":true}\n', f"the censor did not start: {ready}"
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                self.events.append(said["event"])
            self._answers.put(said)

    def _say(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait_for(self, what):
        """The next event of this sort."""
        while True:
            said = self._answers.get(timeout=PATIENCE)
            if said.get("event", {}).get("what") == what:
                return said["event"]

    def counters(self):
        self._say("counters")
        while True:
            said = self._answers.get(timeout=PATIENCE)
            if "counters" in said:
                return said["counters"]

    def block(self, address):
        """As after a probe that was answered. Holds once counters() has returned."""
        self._say(f"block {address}")

    def close(self):
        self._process.stdin.close()
        status = self._process.wait(PATIENCE)
        self._reader.join()
        self._process.stdout.close()
        assert status == 0, f"the censor ended with {status}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sniffer:
    """Every frame on the client's wire, seen independently of the censor."""

    def __init__(self, interface="c0"):
        self.frames = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((interface, 0))
        self._stop, stopped = os.pipe()
        self._stopped = stopped
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            ready, _, _ = select.select([self._socket, self._stop], [], [])
            if self._socket in ready:
                self.frames.append(self._socket.recv(65536))
            elif ready:
                return

    def close(self):
        os.write(self._stopped, b".")
        self._thread.join()
        self._socket.close()
        os.close(self._stop)
        os.close(self._stopped)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def packets(self):
        """(protocol, source, source port, destination, destination port, TCP's flags, payload) of IPv4 TCP and UDP."""
        for frame in self.frames:
            if frame[12:14] != b"\x08\x00" or frame[23] not in (6, 17):
                continue
            at = 14 + 4 * (frame[14] & 15)
            end = 14 + struct.unpack(">H", frame[16:18])[0]
            ports = struct.unpack(">HH", frame[at:at + 4])
            udp = frame[23] == 17
            payload = frame[at + (8 if udp else 4 * (frame[at + 12] >> 4)):end]
            yield (frame[23], socket.inet_ntoa(frame[26:30]), ports[0], socket.inet_ntoa(frame[30:34]), ports[1],
                   0 if udp else frame[at + 13], payload)

    def asked_names(self):
        """Names of plaintext DNS queries, over UDP and TCP."""
        out = []
        for protocol, _, _, _, port, _, payload in self.packets():
            message = payload if protocol == 17 else payload[2:]
            if port != 53 or len(message) < 13:
                continue
            at, labels = 12, []
            while message[at]:
                labels.append(message[at + 1:at + 1 + message[at]].decode())
                at += 1 + message[at]
            out.append(".".join(labels))
        return out

    def shows(self, name):
        """True when the name is anywhere on the wire in the clear, as text or as DNS writes it."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        return any(name.encode() in frame or labels in frame for frame in self.frames)

    def first_data(self, port=443):
        """What clients sent on each connection to the port whose SYN was seen, in order of their beginning."""
        streams = {}
        for protocol, source, from_port, destination, to_port, flags, payload in self.packets():
            key = (source, from_port, destination)
            if protocol == 6 and to_port == port and flags & 2:
                streams[key] = []
            elif to_port == port and payload and key in streams:  # what began earlier is somebody else's
                streams[key].append(payload)
        return [b"".join(pieces) for pieces in streams.values()]

    def resets_seen(self):
        """TTLs of the RSTs that reached the client."""
        return [frame[22] for frame in self.frames if frame[12:14] == b"\x08\x00" and frame[23] == 6 and
                socket.inet_ntoa(frame[30:34]) == Internet.CLIENT and frame[14 + 4 * (frame[14] & 15) + 13] & 4]


if __name__ == "__main__":
    no_offloads(sys.argv[1])
