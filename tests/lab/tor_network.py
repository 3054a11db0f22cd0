"""A private Tor network on loopback: three directory authorities, three relays that are exits too, and bridges whose transport is the
caller's. Real tor programs, in a network namespace with nothing but loopback (enter.py), so that nothing can leave; certificates are made for
each run. One network serves a whole test program; each part ends by its pid.

    with TorNetwork(folder) as net:         # about 20 s: certificates, the next turn of the vote, the first consensus
        bridge = net.bridge("bridge", "exec /usr/bin/obfs4proxy")
        client = net.client("client", "UseBridges 1", "ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy", f"Bridge {bridge.line}")
        client.bootstrapped()
        net.node("hs", "SocksPort 0", "HiddenServiceDir …", "HiddenServicePort 80 127.0.0.1:18080")    # an onion service is one more node

What is strange about it is explained where it stands; times were measured on two cores."""

import atexit
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AUTHORITIES, RELAYS = 3, 3
VOTE_EVERY = 10  # seconds; the first interval
LIMIT = 120.0  # until the network, or a client in it, is ready
PATIENCE = 10.0  # for a tor to end

COMMON = """TestingTorNetwork 1
RunAsDaemon 0
ShutdownWaitLength 0
AvoidDiskWrites 1
SafeLogging 0
LogTimeGranularity 1
CookieAuthentication 1
PathsNeededToBuildCircuits 0.25
Schedulers Vanilla
GeoIPFile {empty}
GeoIPv6File {empty}
Log notice file {folder}/log
DataDirectory {folder}
ControlPort 127.0.0.1:{control}
"""
# The intervals must divide 1800 s; delays are below half of them, and 2 s at least.
AUTHORITY = """Nickname auth{n}
Address 127.0.0.1
ORPort 127.0.0.1:{orport}
DirPort 127.0.0.1:{dirport}
SocksPort 0
DirCache 1
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo lab@example.invalid
AssumeReachable 1
ExitPolicy reject *:*
TestingV3AuthInitialVotingInterval 10
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 20
V3AuthVoteDelay 4
V3AuthDistDelay 4
V3AuthNIntervalsValid 3
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
TestingMinFastFlagThreshold 0
MinUptimeHidServDirectoryV2 0
"""
# Not `accept 127.0.0.0/8`: the summary of that policy says "no exit", and clients then wait for one for ever.
# Directories are authorities alone: a relay that is asked before it has fetched answers 404, and the client rests for 10 s.
RELAY = """Nickname relay{n}
Address 127.0.0.1
ORPort 127.0.0.1:{orport}
SocksPort 0
DirCache 0
AssumeReachable 1
ExitRelay 1
ExitPolicy accept *:*
ExitPolicyRejectPrivate 0
"""
BRIDGE = """Nickname {name}
BridgeRelay 1
Address 127.0.0.1
ORPort 127.0.0.1:{orport}
ExtORPort auto
SocksPort 0
AssumeReachable 1
PublishServerDescriptor 0
BridgeDistribution none
ExitPolicy reject *:*
ServerTransportPlugin obfs4 {plugin}
ServerTransportListenAddr obfs4 127.0.0.1:{listen}
"""

# A relay without a history has bandwidth 0 in the first votes; the one that first carried something is then the only one with a weight,
# and clients take it for the first hop and the last, in vain, until the next consensus.
STATE = "".join(f"BWHistory{way}Ends {{now}}\nBWHistory{way}Interval 86400\nBWHistory{way}Values 86400000000\nBWHistory{way}Maxima 1000000\n"
                for way in ("Read", "Write"))

# What a client of this network needs besides its authorities, where it is not one of our nodes.
CLIENT = ["TestingTorNetwork 1", "PathsNeededToBuildCircuits 0.25", "Schedulers Vanilla"]


def pause(seconds):
    """Between two looks at a program that tells nobody when it is done."""
    threading.Event().wait(seconds)


def until(what, describe, limit=LIMIT, every=0.1):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        pause(every)
    raise AssertionError(f"{describe()} within {limit:.0f} s")


class Control:
    """A control port, or its Unix socket: one command at a time. Events that come before an answer are kept in `events`."""

    def __init__(self, where, cookie):
        secret = cookie.read_bytes().hex()
        if isinstance(where, int):
            self._socket = socket.create_connection(("127.0.0.1", where), timeout=PATIENCE)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(PATIENCE)
            self._socket.connect(str(where))
        self.events = []
        self._lines = self._socket.makefile("r", encoding="utf-8", errors="replace", newline="\r\n")
        self.ask(f"AUTHENTICATE {secret}")

    def ask(self, command):
        """The lines of the answer, data included."""
        self._socket.sendall(command.encode() + b"\r\n")
        lines = []
        while True:
            line = self._lines.readline().rstrip("\r\n")
            if line.startswith("650 "):
                self.events.append(line[4:])
                continue
            assert re.match(r"2\d\d[ +-]", line), f"{command.split()[0]}: {line or 'the control port is gone'}"
            lines.append(line[4:])
            if line[3] == "+":
                for data in iter(lambda: self._lines.readline().rstrip("\r\n"), "."):
                    lines.append(data)
            if line[3] == " ":
                return lines

    def patience(self, seconds):
        self._socket.settimeout(seconds)

    def event(self):
        """The next event that SETEVENTS asked for."""
        if self.events:
            return self.events.pop(0)
        line = self._lines.readline().rstrip("\r\n")
        assert line.startswith("650"), f"no event: {line or 'the control port is gone'}"
        return line[4:]

    def close(self):
        self._lines.close()
        self._socket.close()


class Tor:
    """One tor process."""

    def __init__(self, folder, text, control):
        self.folder, self.control_port = Path(folder), control
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.torrc = self.folder / "torrc"
        self.torrc.write_text(text, encoding="utf-8")
        self._process = None
        self._control = None

    def start(self):
        self._process = subprocess.Popen(["tor", "--defaults-torrc", "/dev/null", "-f", str(self.torrc)], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        return ""

    def control(self):
        """Its control port, once it listens."""
        def connect():
            assert self._process.poll() is None, f"tor has ended: {self.log()[-2000:]}"
            with contextlib.suppress(OSError):
                return Control(self.control_port, self.folder / "control_auth_cookie")
            return None
        if self._control is None:
            self._control = until(connect, lambda: f"{self.folder.name} does not listen at its control port", 20)
        return self._control

    def bootstrapped(self, limit=LIMIT):
        """Until it can carry streams."""
        phase = [""]

        def done():
            phase[0] = self.control().ask("GETINFO status/bootstrap-phase")[0]
            return "PROGRESS=100" in phase[0]
        until(done, lambda: f"{self.folder.name} is not bootstrapped: {phase[0]}\n{self.log()[-3000:]}\nnot", limit)
        return self

    def stop(self):
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class TorNetwork:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._undo = contextlib.ExitStack()
        self._control = 7200
        (self.folder / "empty").touch()  # in place of the GeoIP files: 35 MB less in each process
        self.authorities = []  # lines for every torrc

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_):
        self._undo.close()

    def at_end(self, what, *arguments):
        """Something to be done before what was started until now ends."""
        self._undo.callback(what, *arguments)

    def _start(self):
        began = time.monotonic()
        relays = [self._prepare(f"relay{n}", RELAY.format(n=n, orport=7020 + n)) for n in range(RELAYS)]
        authorities = [self._prepare(f"auth{n}", AUTHORITY.format(n=n, orport=7000 + n, dirport=7100 + n)) for n in range(AUTHORITIES)]
        with ThreadPoolExecutor(AUTHORITIES) as at_once:
            self.authorities = list(at_once.map(self._directory_line, range(AUTHORITIES), authorities))
        print(f"keys after {time.monotonic() - began:.1f} s", file=sys.stderr)
        for node in authorities + relays:
            self._name_authorities(node)
            (node.folder / "state").write_text(STATE.format(now=time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())))
        # Else the first consensus may hold the authorities alone, and the next comes two intervals later.
        pause(VOTE_EVERY - time.time() % VOTE_EVERY)
        for node in authorities + relays:
            self._undo.callback(node.stop)
            node.start()
        print(f"started after {time.monotonic() - began:.1f} s", file=sys.stderr)
        expected = AUTHORITIES + RELAYS
        until(lambda: sum(line.startswith("r ") for line in authorities[0].control().ask("GETINFO ns/all")) >= expected,
              lambda: f"no consensus with {expected} relays: {authorities[0].log()[-3000:]}\nnot")

    def _prepare(self, name, text):
        self._control += 1
        folder = self.folder / name
        return Tor(folder, COMMON.format(folder=folder, control=self._control, empty=self.folder / "empty") + text, self._control)

    def _name_authorities(self, node):
        with node.torrc.open("a", encoding="utf-8") as torrc:
            torrc.write("".join(line + "\n" for line in self.authorities))

    def _directory_line(self, n, node):
        """Makes the authority's keys; the line by which the others know it."""
        keys = node.folder / "keys"
        keys.mkdir(mode=0o700)
        read, write = os.pipe()
        os.write(write, b"passphrase\n")
        os.close(write)
        subprocess.run(["tor-gencert", "--create-identity-key", "--passphrase-fd", str(read), "-m", "12", "-a", f"127.0.0.1:{7100 + n}",
                        "-i", keys / "authority_identity_key", "-s", keys / "authority_signing_key", "-c", keys / "authority_certificate"],
                       check=True, capture_output=True, pass_fds=[read], timeout=LIMIT)
        os.close(read)
        identity = re.search(r"^fingerprint (\w{40})$", (keys / "authority_certificate").read_text(), re.M).group(1)
        listed = subprocess.run(["tor", "--list-fingerprint", "--defaults-torrc", "/dev/null", "--ignore-missing-torrc", "-f", "NONE", "--DataDirectory",
                                 str(node.folder), "--ORPort", str(7000 + n), "--Nickname", f"auth{n}", "--DirAuthority",
                                 "x no-v3 127.0.0.1:1 " + "F" * 40], check=True, capture_output=True, text=True, timeout=60).stdout
        fingerprint = listed.strip().splitlines()[-1].split(" ", 1)[1].replace(" ", "")
        return f"DirAuthority auth{n} orport={7000 + n} no-v2 v3ident={identity} 127.0.0.1:{7100 + n} {fingerprint}"

    def node(self, name, *lines):
        """One more tor, started; its torrc is `lines`. Only once there is a consensus: else it would sit out a pause of 8 s."""
        node = self._prepare(name, "".join(line + "\n" for line in lines))
        self._name_authorities(node)
        self._undo.callback(node.stop)
        return node.start()

    @staticmethod
    def uploaded(service, services):
        """Until the descriptors of a node's onion services have reached two directories each: who asks before waits 20 s for his next
        try. Call it right after the node was started."""
        service.control()
        events = Control(service.control_port, service.folder / "control_auth_cookie")
        events.ask("SETEVENTS HS_DESC")
        events.patience(LIMIT)
        seen = {}
        while len(seen) < services or min(seen.values()) < 2:
            words = events.event().split()
            if words[:2] == ["HS_DESC", "UPLOADED"]:
                seen[words[2]] = seen.get(words[2], 0) + 1
        events.close()

    def client(self, name, *lines):
        """A node with a SOCKS port: `socks_port`."""
        port = self._control + 200
        node = self.node(name, f"SocksPort 127.0.0.1:{port}", *lines)
        node.socks_port = port
        return node

    def bridge(self, name, plugin):
        """A bridge whose ServerTransportPlugin is `plugin` ("exec PROGRAM ARGS"); `line` is what clients write behind "Bridge"."""
        listen = self._control + 300
        node = self.node(name, BRIDGE.format(name=name, orport=self._control + 100, plugin=plugin, listen=listen))
        arguments = until(lambda: self._bridge_arguments(node), lambda: f"{name} does not offer obfs4: {node.log()[-3000:]}\nnot", 30)
        fingerprint = until(lambda: self._fingerprint(node), lambda: f"{name} has no fingerprint", 10)
        node.line = f"obfs4 127.0.0.1:{listen} {fingerprint} {arguments}"
        until(lambda: "Registered server transport 'obfs4'" in node.log(), lambda: f"{name}: tor did not take its transport: {node.log()[-3000:]}\nnot", 30)
        return node

    @staticmethod
    def _bridge_arguments(node):
        with contextlib.suppress(OSError):
            found = re.search(r"cert=\S+ iat-mode=\d", (node.folder / "pt_state/obfs4_bridgeline.txt").read_text())
            return found and found.group(0)
        return None

    @staticmethod
    def _fingerprint(node):
        with contextlib.suppress(OSError):
            return (node.folder / "fingerprint").read_text().split()[1]
        return None


_SHARED = None


def shared():
    """The one network of a test program: started when it is first asked for, ended with the program."""
    global _SHARED
    if _SHARED is None:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        folder = tempfile.TemporaryDirectory(prefix="landfall-tor-")
        atexit.register(folder.cleanup)
        began = time.monotonic()
        _SHARED = TorNetwork(folder.name + "/net").__enter__()
        atexit.register(_SHARED.__exit__)
        print(f"the network was ready after {time.monotonic() - began:.1f} s", file=sys.stderr)
    return _SHARED
