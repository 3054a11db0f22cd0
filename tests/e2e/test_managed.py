"""`landfall run` as somebody's managed proxy: what it says to its parent, when it ends, and what it carries, against Debian's obfs4proxy,
microsocks, and sockets with bytes made by hand. Traffic stays on loopback."""
import hashlib
import hmac
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import lab
from lab import LANDFALL, PATIENCE

OBFS4PROXY = "/usr/bin/obfs4proxy"
UNKNOWN_CERT = "cert=" + "A" * 70


class Program:
    """A managed proxy with an environment made from nothing."""

    def __init__(self, test, *command, **variables):
        self.state = tempfile.mkdtemp(prefix="landfall-pt-", dir=test.folder)
        environment = {"TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_STATE_LOCATION": self.state,
                       **{f"TOR_PT_{name}": value for name, value in variables.items() if value is not None}}
        self.process = subprocess.Popen(command, env={name: value for name, value in environment.items() if value is not None},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        test.addCleanup(self.close)

    def until(self, last):
        """Its lines up to the one that is or begins with `last`."""
        lines = []
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and select.select([self.process.stdout], [], [], end - time.monotonic())[0]:
            line = self.process.stdout.readline()
            if not line:
                break
            lines.append(line.decode("ascii").rstrip("\n"))
            if lines[-1].startswith(last):
                return lines
        raise AssertionError(f"no {last}: {lines}")

    def rest(self):
        """What else it says until it ends, and its status."""
        said = self.process.stdout.read().decode("ascii").splitlines()
        return said, self.process.wait(PATIENCE)

    def port(self):
        """Of a client that was asked for obfs4 alone."""
        return int(next(line for line in self.until("CMETHODS DONE") if line.startswith("CMETHOD obfs4 ")).rsplit(":", 1)[1])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


class Echo:
    """Says back what it hears."""

    def __init__(self, test):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.clients = 0
        threading.Thread(target=self._serve, daemon=True).start()
        test.addCleanup(self.listener.close)

    def _serve(self):
        try:
            while True:
                client = self.listener.accept()[0]
                self.clients += 1
                threading.Thread(target=self._echo, args=(client,), daemon=True).start()
        except OSError:
            pass

    @staticmethod
    def _echo(client):
        with client:
            try:
                while True:
                    data = client.recv(65536)
                    if not data:
                        break
                    client.sendall(data)
            except OSError:
                pass


def wait_for_port(port):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except OSError:
            threading.Event().wait(0.01)  # it tells nobody when it listens
    raise AssertionError(f"nobody listens at {port}")


def socks(port, target, arguments):
    """A SOCKS5 request by hand, with a transport's arguments; (reply code, socket)."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    user, password = arguments[:255].encode(), arguments[255:].encode() or b"\0"
    client.sendall(b"\x05\x01\x02")
    assert client.recv(2) == b"\x05\x02"
    client.sendall(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
    assert client.recv(2) == b"\x01\x00"
    client.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(target[0]) + target[1].to_bytes(2, "big"))
    return client.recv(10)[1], client


class Managed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="landfall-managed-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def ours(self, *flags, **variables):
        return Program(self, LANDFALL, "run", *flags, **variables)

    def carry(self, client, size=300_000):
        """So many bytes there and back."""
        data = os.urandom(size)
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        back = b""
        while len(back) < size:
            got = client.recv(65536)
            self.assertTrue(got, f"ended after {len(back)} bytes")
            back += got
        sender.join()
        self.assertEqual(back, data)


class Words(Managed):
    """What a parent hears: exactly what was asked, once, in order, nothing else."""

    def assert_says(self, expected, **variables):
        program = self.ours(**variables)
        program.process.stdin.close()
        said, _ = program.rest()
        self.assertEqual([re.sub(r":\d+$", ":PORT", line) for line in said], expected)

    def test_client(self):
        method = "CMETHOD {} socks5 127.0.0.1:PORT".format
        end = {"EXIT_ON_STDIN_CLOSE": "1"}
        for asked, methods in (("obfs4", ["obfs4"]), ("webtunnel,obfs4", ["webtunnel", "obfs4"]), ("obfs4,obfs4", ["obfs4"]),
                               ("scramblesuit,obfs4,landfall", ["obfs4"]), ("nothing", [])):
            with self.subTest(asked):
                self.assert_says(["VERSION 1", *map(method, methods), "CMETHODS DONE"], CLIENT_TRANSPORTS=asked, **end)
        self.assert_says(["VERSION 1", "PROXY DONE", method("obfs4"), "CMETHODS DONE"], CLIENT_TRANSPORTS="obfs4",
                         PROXY="socks5://u:p@127.0.0.1:1", **end)

    def test_refusals(self):
        for expected, variables in (
                (["VERSION-ERROR no-version"], {"MANAGED_TRANSPORT_VER": "2", "CLIENT_TRANSPORTS": "obfs4"}),
                (["VERSION 1", "PROXY-ERROR "], {"CLIENT_TRANSPORTS": "obfs4", "PROXY": "gopher://127.0.0.1:1"}),
                (["VERSION 1", "ENV-ERROR "], {"CLIENT_TRANSPORTS": "obfs4", "SERVER_TRANSPORTS": "obfs4"}),
                (["VERSION 1", "ENV-ERROR "], {"CLIENT_TRANSPORTS": "obfs4", "STATE_LOCATION": "relative"}),
                (["VERSION 1", "ENV-ERROR "], {"SERVER_TRANSPORTS": "obfs4"})):
            with self.subTest(expected[-1]):
                said, _ = self.ours(**variables).rest()  # by itself: stdin stays open
                self.assertEqual(len(said), len(expected))
                for line, begins in zip(said, expected):
                    self.assertTrue(line.startswith(begins), line)

    def test_server(self):
        program = self.ours(SERVER_TRANSPORTS="obfs4,other", ORPORT="127.0.0.1:1", SERVER_BINDADDR="obfs4-127.0.0.1:0",
                            SERVER_TRANSPORT_OPTIONS="obfs4:iat-mode=2")
        said = program.until("SMETHODS DONE")
        self.assertEqual(said[0], "VERSION 1")
        self.assertRegex(said[1], r"^SMETHOD obfs4 127\.0\.0\.1:\d+ ARGS:cert=[A-Za-z0-9+/]{70},iat-mode=2$")
        self.assertEqual(len(said), 3)
        arguments = said[1].split("ARGS:")[1]
        again = self.ours(SERVER_TRANSPORTS="obfs4", ORPORT="127.0.0.1:1", STATE_LOCATION=program.state)
        self.assertIn(arguments.split(",")[0], again.until("SMETHODS DONE")[1])  # the same bridge after a restart
        self.assertEqual(os.stat(os.path.join(program.state, "obfs4_state.json")).st_mode & 0o777, 0o600)


class Ends(Managed):
    def test_stdin(self):
        program = self.ours(CLIENT_TRANSPORTS="obfs4", EXIT_ON_STDIN_CLOSE="1")
        program.until("CMETHODS DONE")
        program.process.stdin.close()
        self.assertEqual(program.rest(), ([], 0))

    def test_stdin_means_nothing_unasked_and_sigterm_ends(self):
        program = self.ours(CLIENT_TRANSPORTS="obfs4")
        port = program.port()
        program.process.stdin.close()
        socks(port, ("127.0.0.1", 1), UNKNOWN_CERT + ";iat-mode=0")[1].close()  # it still answers
        program.process.send_signal(signal.SIGTERM)
        self.assertEqual(program.rest(), ([], 0))

    def test_parents_death(self):
        starter = ("import subprocess,sys,os\np = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
                   "os.read(0, 1)\nos._exit(0)\n")
        for variables in ({}, {"EXIT_ON_STDIN_CLOSE": "0"}):
            program = Program(self, sys.executable, "-c", starter, LANDFALL, "run", CLIENT_TRANSPORTS="obfs4", **variables)
            program.until("CMETHODS DONE")
            program.process.send_signal(signal.SIGKILL)
            said, _ = program.rest()  # its stdout is at its end: nobody holds it any more
            self.assertEqual(said, [])


class Carries(Managed):
    def bridge(self, command, echo, **more):
        port = lab.free_port()
        program = Program(self, *command, SERVER_TRANSPORTS="obfs4", SERVER_BINDADDR=f"obfs4-127.0.0.1:{port}",
                          ORPORT=f"127.0.0.1:{echo.port}", **more)
        said = program.until("SMETHODS DONE")
        arguments = next(line for line in said if line.startswith("SMETHOD ")).split("ARGS:")[1]
        return port, arguments.replace(",", ";")

    def test_our_client_and_theirs_with_our_bridge_and_theirs(self):
        programs = {"ours": [LANDFALL, "run"], "theirs": [OBFS4PROXY]}
        for client_of in programs:
            for bridge_of in programs:
                if client_of == bridge_of == "theirs":
                    continue
                with self.subTest(client=client_of, bridge=bridge_of):
                    echo = Echo(self)
                    port, arguments = self.bridge(programs[bridge_of], echo)
                    client = Program(self, *programs[client_of], CLIENT_TRANSPORTS="obfs4")
                    code, stream = socks(client.port(), ("127.0.0.1", port), arguments)
                    with stream:
                        self.assertEqual(code, 0)
                        self.carry(stream)

    def test_wrong_arguments_have_replies(self):
        client = self.ours(CLIENT_TRANSPORTS="obfs4,webtunnel")
        lines = client.until("CMETHODS DONE")
        ports = {line.split()[1]: int(line.rsplit(":", 1)[1]) for line in lines if line.startswith("CMETHOD ")}
        closed = lab.free_port()
        for name, arguments, expected in (("obfs4", "iat-mode=0", 1), ("obfs4", "cert=short;iat-mode=0", 1), ("obfs4", UNKNOWN_CERT + ";", 1),
                                          ("webtunnel", "ver=0.0.1", 1), ("webtunnel", f"url=https://127.0.0.1:{closed}/x", 5)):
            with self.subTest(name=name, arguments=arguments):
                code, stream = socks(ports[name], ("127.0.0.1", closed), arguments)
                stream.close()
                self.assertEqual(code, expected)

    def test_the_parents_proxy_or_nothing(self):
        echo = Echo(self)
        port, arguments = self.bridge([OBFS4PROXY], echo)
        proxy = lab.free_port()
        client = self.ours(CLIENT_TRANSPORTS="obfs4", PROXY=f"socks5://user:pass%20word@127.0.0.1:{proxy}")
        listening = client.port()
        code, stream = socks(listening, ("127.0.0.1", port), arguments)
        stream.close()
        self.assertNotEqual(code, 0)
        self.assertEqual(echo.clients, 0)
        microsocks = subprocess.Popen(["microsocks", "-i", "127.0.0.1", "-p", str(proxy), "-u", "user", "-P", "pass word"],
                                      stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(microsocks.stderr.close)
        self.addCleanup(microsocks.wait)
        self.addCleanup(microsocks.terminate)
        wait_for_port(proxy)
        code, stream = socks(listening, ("127.0.0.1", port), arguments)
        with stream:
            self.assertEqual(code, 0)
            self.carry(stream)

    def test_the_extended_or_port(self):
        """tor's side by hand: who comes, and by which transport."""
        cookie, nonce = os.urandom(32), os.urandom(32)
        path = os.path.join(self.folder, "cookie")
        with open(path, "wb") as file:
            file.write(b"! Extended ORPort Auth Cookie !\n" + cookie)
        heard = {}
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def exactly(peer, size):
            data = b""
            while len(data) < size:
                got = peer.recv(size - len(data))
                if not got:
                    raise EOFError
                data += got
            return data

        def tor():
            peer = listener.accept()[0]
            with peer:
                peer.sendall(b"\x01\x00")
                theirs = exactly(peer, 33)
                label = b"ExtORPort authentication %s hash"
                peer.sendall(hmac.new(cookie, label % b"server-to-client" + theirs[1:] + nonce, hashlib.sha256).digest() + nonce)
                expected = hmac.new(cookie, label % b"client-to-server" + theirs[1:] + nonce, hashlib.sha256).digest()
                heard["authentic"] = exactly(peer, 32) == expected
                peer.sendall(b"\x01")
                while True:
                    command, size = int.from_bytes(exactly(peer, 2), "big"), int.from_bytes(exactly(peer, 2), "big")
                    heard[command] = exactly(peer, size)
                    if command == 0:
                        break
                peer.sendall(b"\x10\x00\x00\x00")
                Echo._echo(peer)

        threading.Thread(target=tor, daemon=True).start()
        echo = Echo(self)  # of the plain OR port: nobody may come there
        port, arguments = self.bridge([LANDFALL, "run"], echo, EXTENDED_SERVER_PORT=f"127.0.0.1:{listener.getsockname()[1]}", AUTH_COOKIE_FILE=path)
        client = Program(self, OBFS4PROXY, CLIENT_TRANSPORTS="obfs4")
        code, stream = socks(client.port(), ("127.0.0.1", port), arguments)
        with stream:
            self.assertEqual(code, 0)
            self.carry(stream)
        self.assertTrue(heard["authentic"])
        self.assertRegex(heard[1].decode(), r"^127\.0\.0\.1:\d+$")
        self.assertEqual(heard[2], b"obfs4")
        self.assertEqual(echo.clients, 0)


class WithConfiguration(unittest.TestCase):
    def test_the_api_is_served_too(self):
        world = lab.Lab()
        self.addCleanup(world.close)
        world.nginx.put("good", world.publisher.list(1))
        world.nginx.start()
        sidecar = world.sidecar("a", world.route("good"))
        sidecar.start("-c", sidecar.configuration, stdin=subprocess.PIPE, stdout=subprocess.PIPE, environment={
            "TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_STATE_LOCATION": os.path.join(sidecar.home, "pt"),
            "TOR_PT_CLIENT_TRANSPORTS": "landfall,obfs4", "TOR_PT_EXIT_ON_STDIN_CLOSE": "1"})
        process = sidecar.process
        try:
            lines = [process.stdout.readline().rstrip("\n") for _ in range(4)]
            self.assertEqual([re.sub(r"\d+$", "PORT", line) for line in lines],
                             ["VERSION PORT", "CMETHOD landfall socks5 127.0.0.1:PORT", "CMETHOD obfs4 socks5 127.0.0.1:PORT", "CMETHODS DONE"])
            # The best tunnel leads to peers, named by the VPN or by the list, and nowhere else.
            echo = Echo(self)
            tunnel, to = int(lines[1].rsplit(":", 1)[1]), ("127.0.0.1", echo.port)
            code, stream = socks(tunnel, to, "any=token")
            stream.close()
            self.assertNotEqual(code, 0)
            self.assertEqual(sidecar.ask("/v1/peers", "POST", {"endpoints": [f"tcp://127.0.0.1:{echo.port}"]})[0], 201)
            code, stream = socks(tunnel, to, "any=token")
            with stream:
                self.assertEqual(code, 0)
                stream.sendall(b"hello")
                self.assertEqual(stream.recv(5), b"hello")
            self.assertGreaterEqual(len(sidecar.peers()["peers"]), 8)
            process.stdin.close()
            self.assertEqual(process.wait(PATIENCE), 0)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()


if __name__ == "__main__":
    unittest.main()
