"""A network of its own for a test: keys, roots, lists, a real nginx with TLS, and `landfall run` children; all of it on
loopback and in one temporary folder. The program's path comes from LANDFALL_BIN."""
import base64
import hashlib
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

LANDFALL = os.environ["LANDFALL_BIN"]
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
NETWORK = "test-net"
SECRET = "7f3a9c5e21d04b68aa41"
PATIENCE = 20.0
DAY = 86400
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def run(*command, expect=0, **how):
    """Runs a program to its end: (stdout, stderr). Its status must be `expect`."""
    how.setdefault("timeout", PATIENCE)
    ended = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
    if ended.returncode != expect:
        raise AssertionError(f"{' '.join(command)}: status {ended.returncode}, not {expect}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout, ended.stderr


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Publisher:
    """Keys, root and lists by `landfall root` and `landfall list`, as a publisher makes them; a test CA."""

    def __init__(self, folder, name="publisher"):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        passphrase = self.path("passphrase")
        with open(passphrase, "w", encoding="ascii") as file:
            file.write("test\n")
        self._unlock = ["--passphrase-file", passphrase]
        for key in ("root", "list"):
            run(LANDFALL, "list", "keygen", "--out", self.path(key), *self._unlock)
        self.root = self.path("root.dsse.json")
        run(LANDFALL, "root", "init", "--network", NETWORK, "--out", self.root, "--root-key", self.path("root.pub"),
            "--root-threshold", "1", "--list-key", self.path("list.pub"), "--list-threshold", "1")
        run(LANDFALL, "root", "sign", self.root, "--key", self.path("root.pem"), *self._unlock)

    def path(self, name):
        return os.path.join(self.folder, name)

    def list(self, version, age=0, peers=12, fresh="1d", life="14d", endpoints=None, routes=(), extra=()):
        """A signed list as bytes: `peers` peers in as many networks, or one with `endpoints`, and `routes`; issued `age` seconds ago. `extra`:
        flags of `list build`."""
        described = [{"id": base64.urlsafe_b64encode(hashlib.sha256(b"peer %d" % n).digest()).decode().rstrip("="),
                      "endpoints": [f"tcp://10.{n}.0.1:443"], "asn": 64496 + n, "cc": "DEFRSENL"[2 * (n % 4):2 * (n % 4) + 2]}
                     for n in range(1 if endpoints else peers)]
        if endpoints:
            described[0]["endpoints"] = endpoints
        source, made = self.path("list.json"), self.path("list.dsse.json")
        with open(source, "w", encoding="ascii") as file:
            json.dump({"peers": described, "routes": list(routes)}, file)
        run(LANDFALL, "list", "build", "--from", source, "--root", self.root, "--version", str(version), "--lab", "--issued",
            str(int(time.time()) - age), "--fresh", fresh, "--life", life, "--out", made, "--force", *extra)
        run(LANDFALL, "list", "sign", made, "--key", self.path("list.pem"), *self._unlock)
        with open(made, "rb") as file:
            return file.read()


class Nginx:
    """Debian's nginx with TLS by a test CA. Every site is a folder under its own secret path."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "nginx")
        os.makedirs(os.path.join(self.folder, "sites"))
        self.port = free_port()
        self.ca = os.path.join(self.folder, "ca.pem")
        self._pid = None
        run("openssl", "req", "-x509", *NEW_KEY, "-days", "3", "-subj", "/CN=test CA", "-addext",
            "basicConstraints=critical,CA:TRUE", "-keyout", self._at("ca.key"), "-out", self.ca)
        self.make_certificate("tls", "IP:127.0.0.1,DNS:hidden.example.net")

    def _at(self, name):
        return os.path.join(self.folder, name)

    def make_certificate(self, file, names, days=2):
        """FILE.pem and FILE.key by the test CA; names as openssl writes them: "DNS:a.example,IP:127.0.0.1". Days below 0: it has
        expired."""
        at = self._at
        run("openssl", "req", *NEW_KEY, "-subj", "/CN=test server", "-keyout", at(file + ".key"), "-out", at(file + ".csr"))
        with open(at("names"), "w", encoding="ascii") as out:
            out.write(f"subjectAltName={names}\n")
        run("openssl", "x509", "-req", "-in", at(file + ".csr"), "-CA", self.ca, "-CAkey", at("ca.key"), "-days", str(days),
            "-set_serial", "2", "-extfile", at("names"), "-out", at(file + ".pem"))

    def put(self, site, document, name=f"{NETWORK}/public-0/list"):
        path = os.path.join(self.folder, "sites", site, "v1", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as file:
            file.write(document)
        os.replace(path + ".new", path)

    def url(self, site):
        return f"https://127.0.0.1:{self.port}/{SECRET}-{site}/"

    def locations(self):
        """One for each site."""
        sites = os.listdir(os.path.join(self.folder, "sites"))
        return "".join(f"location /{SECRET}-{site}/ {{ alias {self.folder}/sites/{site}/; }}\n" for site in sites)

    def servers(self):
        """The server blocks of its configuration."""
        return f"""server {{ listen 127.0.0.1:{self.port} ssl; ssl_certificate {self.folder}/tls.pem;
ssl_certificate_key {self.folder}/tls.key; location / {{ return 404; }} {self.locations()} }}"""

    def start(self, rate=0, launcher=()):
        """Returns when it listens: nginx binds before it goes to the background. `rate`: bytes a second, 0 for no limit.
        `launcher`: the words before nginx's own, to start it elsewhere."""
        limit = f"limit_rate {rate}; postpone_output 0; sendfile off;" if rate else ""
        config = self._at("nginx.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""{"user root;" if os.geteuid() == 0 else ""} master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 64; }}
http {{ access_log {self.folder}/access.log; client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
fastcgi_temp_path {self.folder}/fastcgi; uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;
default_type application/json; {limit}
{self.servers()} }}""")
        run(*launcher, NGINX, "-p", self.folder, "-c", config)
        with open(os.path.join(self.folder, "pid"), encoding="ascii") as file:
            self._pid = int(file.read())

    def kill(self):
        """As a crash or a censor's raid would: at once."""
        pid, self._pid = self._pid, None
        if pid is None:
            return
        gone = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        wait_readable(gone)
        os.close(gone)

    def pause(self):
        """Connections are taken, by the kernel, and nothing is answered until `resume`."""
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self._pid, signal.SIGCONT)

    def requests(self):
        """The paths that were asked for, in order."""
        try:
            with open(os.path.join(self.folder, "access.log"), encoding="utf-8") as file:
                return [line.split('"')[1].split()[1] for line in file]
        except FileNotFoundError:
            return []


def wait_readable(descriptor, patience=PATIENCE):
    ready, _, _ = select.select([descriptor], [], [], patience)
    assert ready, "nothing happened within the patience of a test"


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=PATIENCE):
        super().__init__("landfall", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Events:
    """GET /v1/events as an iterator of (name, data)."""

    def __init__(self, path):
        self._connection = Connection(path)
        self._connection.request("GET", "/v1/events")
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        assert self._answer.readline() == b": landfall\n"

    def __iter__(self):
        name, end = None, time.monotonic() + 3 * PATIENCE  # beats of the stream are no events
        for line in self._answer:
            if time.monotonic() > end:
                raise AssertionError("no event within the patience of a test")
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                yield name, json.loads(line[6:])
                end = time.monotonic() + 3 * PATIENCE

    def until(self, wanted, **members):
        for name, data in self:
            if name == wanted and all(data.get(key) == value for key, value in members.items()):
                return data
        raise AssertionError(f"the events ended before {wanted}")

    def close(self):
        self._answer.close()
        self._connection.close()


class Sidecar:
    """`landfall run` with a state folder of its own; runs while it is entered."""

    def __init__(self, folder, name, root, routes, settings=""):
        self.home = os.path.join(folder, name)
        os.makedirs(self.home, mode=0o700, exist_ok=True)
        self.socket = os.path.join(self.home, "api.sock")
        self.state = os.path.join(self.home, "state")
        self.configuration = os.path.join(self.home, "landfall.toml")
        text = f'[network]\nid = "{NETWORK}"\nroot = "{root}"\nlab = true\n[sidecar]\nstate = "{self.state}"\n{settings}\n'
        for route in routes:
            text += "[[route]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in route.items())
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(text)
        self.environment = {**os.environ, "LANDFALL_API": self.socket, "LANDFALL_CONFIG": self.configuration}
        self.process = None
        self.told = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stderr.close()

    def start(self, *flags, environment=None, launcher=(), **how):
        """`launcher`: the words before the program's own, to start it in other surroundings."""
        how.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen([*launcher, LANDFALL, "run", *flags], env={**self.environment, **(environment or {})}, text=True,
                                        stderr=subprocess.PIPE, **how)
        for line in self.process.stderr:
            self.told.append(line)
            if "ready: " in line:
                return
        self.process.stderr.close()
        raise AssertionError(f"not ready: status {self.process.wait(PATIENCE)}: {self.told}")

    def stop(self, how=signal.SIGTERM):
        """Sends the signal; the seconds until the end."""
        begun = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(PATIENCE)
        return time.monotonic() - begun

    def ask(self, target, method="GET", body=None):
        """(status, JSON or text)"""
        connection = Connection(self.socket)
        try:
            connection.request(method, target, body=None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text and "json" in answer.headers["Content-Type"] else text
        finally:
            connection.close()

    def events(self):
        return Events(self.socket)

    def peers(self, expect=200, **parameters):
        parameters = {"min": 8, "wait": 20, **parameters}
        status, answer = self.ask("/v1/peers?" + "&".join(f"{key}={value}" for key, value in parameters.items()))
        assert status == expect, (status, answer)
        return answer

    def status(self):
        return self.ask("/v1/status")[1]

    def command(self, *arguments, expect=0):
        """Another landfall command with this sidecar's configuration and socket."""
        return run(LANDFALL, *arguments, expect=expect, env=self.environment, timeout=60)


class Lab:
    """Publisher, nginx and a folder for sidecars."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="landfall-e2e-")
        self.publisher = Publisher(self.folder)
        self.nginx = Nginx(self.folder)

    def route(self, site, **more):
        return {"kind": "https", "name": site, "url": self.nginx.url(site), "ca": self.nginx.ca, **more}

    def sidecar(self, name, *routes, **more):
        return Sidecar(self.folder, name, self.publisher.root, routes, **more)

    def close(self):
        self.nginx.kill()
        shutil.rmtree(self.folder)


class WithLab(unittest.TestCase):
    """A network and an nginx for each test, gone after it."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.nginx, self.publisher = self.lab.nginx, self.lab.publisher

    def serve(self, **sites):
        for site, document in sites.items():
            self.nginx.put(site, document)
        self.nginx.start()
