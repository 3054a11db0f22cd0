"""Every way in which an onion route ends, made on purpose in a private Tor network: what is done, the class that it is, and the words that a
user reads. Rows for test_onion_failures.py, which also asks that another route wins, and for bench/tor_confusion.py, which counts."""

import base64
import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import threading

import onion_lab
import tor_network
from onion_lab import lab

NOBODY = ("DirAuthority nobody orport=1 no-v2 v3ident=0123456789ABCDEF0123456789ABCDEF01234567 127.0.0.1:1 "
          "0123456789ABCDEF0123456789ABCDEF01234567\n")
# tor's own time for a bootstrap is 75 s, and no race waits so long: that is asserted, and the class comes from a race without other routes.
AT_ONCE = 5  # rows: most of their time they wait
GAP = "tier_gap_ms = 60000"


class Relay:
    """A TCP relay on loopback that can be cut: connections that stand end, and nobody listens any more."""

    def __init__(self, port):
        self._to, self._pairs, self._lock = port, [], threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            other = socket.create_connection(("127.0.0.1", self._to))
            with self._lock:
                self._pairs += [one, other]
                for ends in ((one, other), (other, one)):
                    self._threads.append(threading.Thread(target=self._pump, args=ends))
                    self._threads[-1].start()

    @staticmethod
    def _pump(source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        for end in (self._listener, *self._pairs):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._pairs):
            end.close()


class Scene:
    """One row set up: the onion route's own lines, what else the configuration holds, and what is done while the race runs."""

    def __init__(self, *route, during=None, **configuration):
        self.route, self.during, self.configuration = route, during, configuration


class Failures:
    """The rows, and what some of them share: made once, when the first of them asks."""

    def __init__(self, real):
        self.real, self._made, self._making = real, {}, threading.Lock()

    def once(self, name, make):
        with self._making:
            if name not in self._made:
                self._made[name] = make(name)
            return self._made[name]

    # What is there.
    def service(self, name):
        """An onion service of its own, with a descriptor; its tor, its address."""
        folder = self.real.folder / name
        folder.mkdir(mode=0o700)
        node = self.real.net.node(name, "SocksPort 0", f"HiddenServiceDir {folder}", f"HiddenServicePort 80 127.0.0.1:{self.real.plain}")
        self.real.net.uploaded(node, 1)
        return node, (folder / "hostname").read_text().strip()

    def stopped_service(self, name):
        node, host = self.service(name)
        node.stop()
        return host

    def silent_service(self, name):
        node, host = self.service(name)
        os.kill(node.pid, signal.SIGSTOP)
        self.real.net.at_end(os.kill, node.pid, signal.SIGCONT)
        return host

    def stopped_bridge(self, name):
        bridge = self.real.net.bridge(name, f"exec {onion_lab.LANDFALL} run")
        bridge.stop()
        return bridge.line

    def stuck_tor(self, name):
        """A tor of the system's that has begun, and gets no further."""
        node = self.real.net.node(name, "SocksPort auto", "UseBridges 1", "Bridge 127.0.0.1:1")
        node.control()
        return node

    def forgetful_tor(self, name):
        """Its cookie file has another cookie than it has."""
        node = self.stuck_tor(name)
        (node.folder / "control_auth_cookie").write_bytes(os.urandom(32))
        return node

    def ready_tor(self, name):
        return self.real.net.client(name).bootstrapped()

    # What is done.
    def onion(self, host, *more, **scene):
        return Scene(self.real.onion(host, *more), **scene)

    def nothing(self, _):
        return self.onion(self.real.open)

    def stopped(self, _):
        return self.onion(self.once("stoppedservice", self.stopped_service))

    def silent(self, _):
        return self.onion(self.once("silentservice", self.silent_service))

    def never_published(self, _):
        return self.onion(nobodys_address())

    def no_key(self, _):
        return self.onion(self.real.closed)

    def another_key(self, _):
        file = self.real.folder / "another.key"
        file.write_text(onion_lab.x25519_pair()[0] + "\n")
        file.chmod(0o600)
        return self.onion(self.real.closed, f'auth_key = "{file}"')

    def bridge_stopped(self, _):
        line = self.once("stoppedbridge", self.stopped_bridge)
        return self.onion(self.real.open, bridges=f'[[bridge]]\nline = "{line}"\n')

    def nobody_there(self, _):
        torrc = self.real.folder / "nobody-torrc"
        torrc.write_text("".join(line + "\n" for line in tor_network.CLIENT) + NOBODY)
        return self.onion(self.real.open, torrc=torrc)

    def killed(self, undo, after=0):
        server = self.real.held_server()
        undo.callback(server.close)
        server.first = after

        def kill(race):
            assert server.asked.wait(onion_lab.PATIENCE), f"nothing was asked for: {race.lines}"
            os.kill(race.tor(), signal.SIGKILL)
        return self.onion(f"{self.real.open}:{server.virtual_port}", during=kill)

    def hangs_up(self, undo):
        server = self.real.held_server()
        undo.callback(server.close)
        server.hangs_up = True
        return self.onion(f"{self.real.open}:{server.virtual_port}")

    def killed_in_the_body(self, undo):
        return self.killed(undo, after=2000)

    def killed_in_bootstrap(self, _):
        def kill(race):
            race.wait_for(r"^tor: \d+ %")
            os.kill(race.tor(), signal.SIGKILL)
        return self.onion(self.real.open, during=kill)

    def no_such_program(self, _):
        return self.onion(self.real.open, tor='exec = "no-such-tor"')

    def program_ends(self, _):
        return self.onion(self.real.open, tor='exec = "/bin/false"')

    def adopted(self, port, host="", **scene):
        return self.onion(host or self.real.open, f'tor = "control:127.0.0.1:{port}"', **scene)

    def control_closes_in_bootstrap(self, undo):
        relay = Relay(self.once("stuck", self.stuck_tor).control_port)
        undo.callback(relay.close)

        def cut(race):
            race.wait_for(r"^tor: \d+ %")
            relay.cut()
        return self.adopted(relay.port, during=cut)

    def control_closes_in_fetch(self, undo):
        relay, server = Relay(self.once("ready", self.ready_tor).control_port), self.real.held_server()
        undo.callback(server.close)
        undo.callback(relay.close)

        def cut(race):
            assert server.asked.wait(onion_lab.PATIENCE), f"nothing was asked for: {race.lines}"
            relay.cut()
            server.released.set()
        return self.adopted(relay.port, f"{self.real.open}:{server.virtual_port}", during=cut)

    def wrong_cookie(self, _):
        return self.adopted(self.once("forgetful", self.forgetful_tor).control_port)

    def no_control_port(self, _):
        return self.adopted(lab.free_port())

    def no_socks_port(self, _):
        return self.onion(self.real.open, f'tor = "socks:127.0.0.1:{lab.free_port()}"')

    # done; the class; the words; how it is made; whether it takes as long as a bootstrap may
    ROWS = [
        ("nothing, to an onion route", "won", r"^$", nothing, False),
        ("the onion service has ended; its descriptor is there", "unreachable", r"introduced to|rendezvous", stopped, False),
        ("the onion service takes no more introductions; its descriptor is there", "timed_out", r"none of its circuits", silent, False),
        ("the onion address was never published", "unreachable", r"descriptor was not found", never_published, False),
        ("a private onion service, and no key", "proxy_failed", r"wants a client authorisation key", no_key, False),
        ("a private onion service, and another key", "proxy_failed", r"refuses this client authorisation key", another_key, False),
        ("tor's only bridge has ended", "tor_bootstrap", r"its transport runs, and no bridge answers", bridge_stopped, True),
        ("nobody of the network answers", "tor_bootstrap", r"tor is at \d+ % \(conn.*no relay, or bridge, answers", nobody_there, True),
        ("the server behind the onion service hangs up", "unreachable", r"cut the stream", hangs_up, False),
        ("tor is killed while it bootstraps", "tor_bootstrap", r"tor has ended", killed_in_bootstrap, False),
        ("tor is killed between the request and the answer", "proxy_failed", r"tor has ended", killed, False),
        ("tor is killed in the middle of the answer", "proxy_failed", r"tor has ended", killed_in_the_body, False),
        ("there is no program of that name", "tor_bootstrap", r"cannot start tor", no_such_program, False),
        ("the program ends at once", "tor_bootstrap", r"ended with status 1", program_ends, False),
        ("tor's control port closes while tor bootstraps", "tor_bootstrap", r"closed its control port", control_closes_in_bootstrap, False),
        ("tor's control port closes between the request and the answer", "won", r"^$", control_closes_in_fetch, False),
        ("the cookie file has another cookie than tor has", "proxy_failed", r"does not know the cookie", wrong_cookie, False),
        ("nobody listens at tor's control port", "refused", r"control port", no_control_port, False),
        ("nobody listens at tor's SOCKS port", "tor_bootstrap", r"nothing answers at tor's SOCKS port", no_socks_port, False),
    ]

    def race(self, row, beaten=False):
        """One race of a new client: it, its status, its JSON. A route to landfall-server stands in the next tier: its turn comes when the
        onion route has failed; `beaten`: after the usual tier gap. Rows that take long have none, unless `beaten`."""
        make, slow = row[3], row[4]
        with contextlib.ExitStack() as undo:
            scene = make(self, undo)
            routes = ["\n".join([*scene.route, 'name = "onion"', "tier = 1"])]
            if beaten or not slow:
                routes.append(self.real.https('name = "later"', "tier = 2"))
            folder, file = self.real.configured(*routes, fallback="" if beaten else GAP, **scene.configuration)
            race = onion_lab.Race(self.real, folder, file)
            try:
                if scene.during:
                    scene.during(race)
            finally:
                status, out = race.end()
            return race, status, out


def nobodys_address():
    """A right v3 onion address that no service ever had: rend-spec-v3 §6."""
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519"], check=True, capture_output=True).stdout
    key = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=made, check=True, capture_output=True).stdout[-32:]
    checksum = hashlib.sha3_256(b".onion checksum" + key + b"\x03").digest()[:2]
    return base64.b32encode(key + checksum + b"\x03").decode().lower() + ".onion"
