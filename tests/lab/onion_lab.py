"""What the tests of onion routes stand on, made once in a private Tor network: a publisher, its signed list on an onion service (plain, and
with client authorisation) and on a landfall-server with TLS; clients with a configuration and state of their own; one race of theirs, told
line by line."""

import atexit
import base64
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "server")]

import harness  # noqa: E402
import lab  # noqa: E402
import tor_network  # noqa: E402

LANDFALL = os.environ["LANDFALL_BIN"]
HELD_PORTS = 8  # of the plain onion service, besides 80: each for one server of a test's own
DOCUMENT = f"v1/{lab.NETWORK}/public-0/list"
PATIENCE = 110.0  # more than an onion lane has


def x25519_pair():
    """An x25519 key pair in base32, as tor's files have them: private, public."""
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-outform", "DER"], check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=made, check=True, capture_output=True).stdout
    return tuple(base64.b32encode(key[-32:]).decode().rstrip("=") for key in (made, public))


class OnionLab:
    def __init__(self, net):
        self.net = net
        self.folder = net.folder / "onion"
        self.folder.mkdir(mode=0o700)
        self.publisher = lab.Publisher(str(self.folder))
        self.document = self.publisher.list(1)
        self.nginx = lab.Nginx(str(self.folder))
        self.nginx.put("open", self.document)
        self.plain = lab.free_port()
        servers = self.nginx.servers
        self.nginx.servers = lambda: servers() + f"server {{ listen 127.0.0.1:{self.plain}; root {self.nginx.folder}/sites/open; }}\n"
        self.nginx.start()
        atexit.register(self.nginx.kill)
        self._start_server()
        self._start_services()
        self.torrc = self.folder / "lab-torrc"
        self.torrc.write_text("".join(line + "\n" for line in tor_network.CLIENT + net.authorities))
        self._count, self._counting = 0, threading.Lock()

    def _start_server(self):
        """landfall-server: the other route of every race."""
        documents = self.folder / "documents"
        harness.replace(documents / DOCUMENT, self.document)
        secret = self.folder / "secret"
        secret.write_text(f"{lab.SECRET}\n", encoding="ascii")
        at = self.nginx.folder
        server = subprocess.Popen([harness.BINARY, "--documents", str(documents), "--secret-file", str(secret), "--listen", "127.0.0.1:0",
                                   "--tls-cert", f"{at}/tls.pem", "--tls-key", f"{at}/tls.key"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        atexit.register(self._stop, server)
        self.server = json.loads(server.stdout.readline())["listening"][0]

    @staticmethod
    def _stop(server):
        server.terminate()
        server.wait(tor_network.PATIENCE)
        server.stdout.close()

    def _start_services(self):
        self.private_key, public = x25519_pair()
        open_dir, closed_dir = self.folder / "hs-open", self.folder / "hs-closed"
        for made in (open_dir, closed_dir, closed_dir / "authorized_clients"):
            made.mkdir(mode=0o700)
        (closed_dir / "authorized_clients" / "us.auth").write_text(f"descriptor:x25519:{public}\n")
        self._held = queue.Queue()
        held = [(81 + n, lab.free_port()) for n in range(HELD_PORTS)]
        for pair in held:
            self._held.put(pair)
        self.service = self.net.node("hs", "SocksPort 0",
                                     f"HiddenServiceDir {open_dir}", f"HiddenServicePort 80 127.0.0.1:{self.plain}",
                                     *(f"HiddenServicePort {virtual} 127.0.0.1:{real}" for virtual, real in held),
                                     f"HiddenServiceDir {closed_dir}", f"HiddenServicePort 80 127.0.0.1:{self.plain}")
        self.net.uploaded(self.service, 2)
        self.open = (open_dir / "hostname").read_text().strip()
        self.closed = (closed_dir / "hostname").read_text().strip()

    def held_server(self):
        """A server of the caller's own behind the open service; its port is given back when it is closed."""
        return HeldServer(self.document, self._held)

    def configured(self, *routes, bridges="", tor="", torrc=None, fallback="", sidecar=""):
        """A configuration and its state folder of their own; routes as TOML."""
        with self._counting:
            self._count += 1
            folder = self.folder / f"client{self._count}"
        folder.mkdir(mode=0o700)
        file = folder / "landfall.toml"
        file.write_text(f"""[network]
id = "{lab.NETWORK}"
root = "{self.publisher.root}"
lab = true
[sidecar]
state = "{folder}/state"
{sidecar}
[fallback]
{fallback}
[tor]
torrc = "{torrc or self.torrc}"
{tor}
{bridges}
""" + "".join(f"[[route]]\n{route}\n" for route in routes))
        return folder, file

    def environment(self, folder):
        return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANDFALL_API": f"{folder}/api.sock"}

    @staticmethod
    def onion(host, *more):
        return "\n".join(['kind = "onion"', f'url = "http://{host}/"', *more])

    def https(self, *more):
        """The route to landfall-server."""
        return "\n".join(['kind = "https"', f'url = "https://{self.server}/{lab.SECRET}/"', f'ca = "{self.nginx.ca}"', *more])


class HeldServer:
    """Behind the onion service: takes one request, and answers when it is told to. `asked` is set once the request, and the part of the
    answer that `first` allows, are out."""

    def __init__(self, document, ports):
        self._ports, self._pair = ports, ports.get(timeout=PATIENCE)
        self.virtual_port = self._pair[0]
        self.asked, self.released = threading.Event(), threading.Event()
        self.first = 0  # bytes of the document that are sent at once, after the head
        self.hangs_up = False  # in place of an answer

        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if outer.hangs_up:
                    return
                if outer.first:
                    self.head()
                    self.wfile.write(document[:outer.first])
                    self.wfile.flush()
                outer.asked.set()
                outer.released.wait(PATIENCE)
                if not outer.first:
                    self.head()
                self.wfile.write(document[outer.first:])

            def head(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except OSError:  # whom it answers may be gone: that is what the tests do
                    pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self._pair[1]), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._ports.put(self._pair)


class Race:
    """`landfall peers`: one race, its progress line by line."""

    def __init__(self, real, folder, file, timeout=100, launcher=()):
        self.lines, self._news = [], threading.Condition()
        self._ended = False
        self.process = subprocess.Popen([*launcher, LANDFALL, "peers", "-c", str(file), "--timeout", str(timeout), "--json"], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=real.environment(folder))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, pattern):
        """Until a line matches: it. AssertionError when the race has ended without."""
        def found():
            return next((line for line in self.lines if re.search(pattern, line)), None) or self._ended
        with self._news:
            got = self._news.wait_for(found, PATIENCE)
        assert isinstance(got, str), f"no line like {pattern!r}: {self.lines}"
        return got

    def tor(self):
        """The pid of the tor that it has started."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(children) == 1, f"children of landfall: {children}"
        return int(children[0])

    def end(self):
        """Its status, and the JSON it ends with."""
        try:
            status = self.process.wait(PATIENCE + 30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join()
        out = self.process.stdout.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return status, json.loads(out) if out else {}

    def lane(self, route):
        """How it ended: its class, and the words behind it."""
        for line in self.lines:
            found = re.match(rf"{route}: ([a-z_]+) after [^:]+(?:: (.*))?$", line)
            if found:
                return found[1], found[2] or ""
        return "no end", ""

    def line_of(self, pattern):
        """The place of the first line that matches, behind all others where none does."""
        return next((n for n, line in enumerate(self.lines) if re.search(pattern, line)), len(self.lines))


_SHARED = None
_MAKING = threading.Lock()


def shared():
    """The one of a test program."""
    global _SHARED
    with _MAKING:
        if _SHARED is None:
            net = tor_network.shared()
            began = time.monotonic()
            _SHARED = OnionLab(net)
            print(f"the onion services were there after {time.monotonic() - began:.1f} s more", file=sys.stderr)
    return _SHARED
