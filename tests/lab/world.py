"""What stands in the small internet: a real nginx with several addresses and names, two fronts among them, landfall-server
behind it, dnsmasq; and what a client does there. Reuses the e2e tests' publisher, nginx and sidecar."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "server"), os.path.join(HERE, "..", "censor", "vectors")]

import capture  # noqa: E402
import harness  # noqa: E402
import lab  # noqa: E402
from internet import Internet, command  # noqa: E402

RESOLVER, DOH = "10.9.0.53", "10.9.0.54"
BRIDGE = "10.9.0.40"  # obfs4, at port 443 and at 4443
DOH_NAME = "doh.example.net"
BY_HTTPS = f'doh = ["https://{DOH_NAME}/dns-query@{DOH}"]'
IN_THE_CLEAR = f'resolvers = ["{RESOLVER}"]'
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"  # what programs trust that are not told otherwise
# name: address. The fronts: what they do with a Host that is not their own.
HOSTS = {"bootstrap.example.net": "10.9.0.10", "blocked.example": "10.9.0.12", "mirror.example.net": "10.9.0.11",
         "hidden.example.org": "10.9.0.20", "cdn-a.example.com": "10.9.0.30", "cdn-b.example.com": "10.9.0.31"}
INNER, FRONT, REFUSING_FRONT = "hidden.example.org", "cdn-a.example.com", "cdn-b.example.com"
SITE = "list"


class Servers(lab.Nginx):
    """One nginx for all of them. Documents come from its own files, or from landfall-server through its Unix socket."""

    def __init__(self, folder, launcher):
        super().__init__(folder)
        self._launcher = launcher
        self.backend = os.path.join(folder, "landfall-server.sock")
        fronts = (FRONT, REFUSING_FRONT)
        self.make_certificate("tls", ",".join(f"DNS:{name}" for name in HOSTS if name not in fronts))
        self.make_certificate("front", ",".join(f"DNS:{name}" for name in fronts))

    def _server(self, listen, names, certificate, body):
        # nginx of Debian 12 offers TLS 1.2 alone unless told, and there the certificate's names are in the clear.
        return (f"server {{ listen {listen} ssl; server_name {names}; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {self.folder}/{certificate}.pem;\n"
                f"ssl_certificate_key {self.folder}/{certificate}.key; {body} }}\n")

    def servers(self):
        files = f"location / {{ return 404; }} {self.locations()}"
        origin = (f"location /{lab.SECRET}-{SITE}/ {{ proxy_pass http://unix:{self.backend}:/{lab.SECRET}-{SITE}/;\n"
                  "proxy_set_header Host $host; } location / { return 404; }")
        own_site = 'location / { return 200 "a shop\\n"; }'
        out = "".join(self._server(f"{HOSTS[name]}:443", name, "tls", files)
                      for name in ("bootstrap.example.net", "blocked.example", "mirror.example.net"))
        out += self._server(f"{HOSTS[INNER]}:443", INNER, "tls", origin)
        # A front serves every customer by the Host header, whatever the SNI said; one that refuses compares them.
        out += self._server(f"{HOSTS[FRONT]}:443 default_server", FRONT, "front", own_site)
        out += self._server(f"{HOSTS[FRONT]}:443", INNER, "front", origin)
        out += self._server(f"{HOSTS[REFUSING_FRONT]}:443 default_server", REFUSING_FRONT, "front",
                            "if ($ssl_server_name != $host) { return 421; } " + own_site)
        return out

    def start(self, **how):
        super().start(launcher=self._launcher, **how)


class Resolver:
    """Debian's dnsmasq with the names above and no others."""

    def __init__(self, launcher):
        records = [f"--host-record={name},{address}" for name, address in HOSTS.items()]
        self._process = subprocess.Popen(
            [*launcher, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=", "--group=", "--no-resolv",
             "--no-hosts", f"--listen-address={RESOLVER}", "--bind-interfaces", "--log-facility=-", *records],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        told = ""
        for line in self._process.stderr:
            told += line
            if "started" in line:
                return
        raise AssertionError(f"dnsmasq did not start: {told}")

    def close(self):
        self._process.terminate()
        self._process.wait(lab.PATIENCE)
        self._process.stderr.close()


class DohServer:
    """The resolver's answers by HTTPS."""

    def __init__(self, launcher, nginx):
        nginx.make_certificate("doh", f"DNS:{DOH_NAME},IP:{DOH}")
        self._process = subprocess.Popen(
            [*launcher, sys.executable, "-B", os.path.join(HERE, "doh_server.py"), DOH, RESOLVER, f"{nginx.folder}/doh.pem",
             f"{nginx.folder}/doh.key"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n", "the DoH server did not start"

    def close(self):
        self._process.terminate()
        self._process.wait(lab.PATIENCE)
        self._process.stdout.close()


class Bridge:
    """landfall-server with obfs4 in front, for `documents`; `line` is what its users are given."""

    def __init__(self, launcher, port, documents, state):
        self._process = subprocess.Popen([*launcher, harness.BINARY, "--obfs4", f"{BRIDGE}:{port}", "--documents", documents, "--obfs4-state", state],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        told = self._process.stdout.readline()
        assert told, "the bridge did not start"
        self.line = json.loads(told)["bridge"]

    def close(self):
        self._process.terminate()
        self._process.wait(lab.PATIENCE)
        self._process.stdout.close()


class World:
    def __init__(self, peers=160):
        self.folder = tempfile.mkdtemp(prefix="landfall-wire-")
        with contextlib.ExitStack() as undo:  # what was started ends, also when the rest does not start
            undo.callback(shutil.rmtree, self.folder)
            self._start(undo, peers)
            self._undo = undo.pop_all()

    def _start(self, undo, peers):
        self.internet = Internet([*HOSTS.values(), RESOLVER, DOH, BRIDGE])
        undo.callback(self.internet.close)
        self.publisher = lab.Publisher(self.folder)
        self.document = self.publisher.list(1, peers=peers)
        self.nginx = Servers(self.folder, self.internet.servers.launcher)
        self.nginx.put(SITE, self.document)
        undo.callback(self._start_origin().stop)
        self.nginx.start()
        undo.callback(self.nginx.kill)
        undo.callback(Resolver(self.internet.servers.launcher).close)
        undo.callback(DohServer(self.internet.servers.launcher, self.nginx).close)
        command("mount", "--bind", self.nginx.ca, TRUSTED)  # in a mount namespace that ends with this process
        undo.callback(command, "umount", TRUSTED)
        self.bridges = {}  # port: line
        for port in (443, 4443):
            bridge = Bridge(self.internet.servers.launcher, port, os.path.join(self.folder, "documents"), os.path.join(self.folder, "bridge.json"))
            undo.callback(bridge.close)
            self.bridges[port] = bridge.line
        self._clients = 0

    def _start_origin(self):
        documents = Path(self.folder, "documents")
        harness.replace(documents / f"v1/{lab.NETWORK}/public-0/list", self.document)
        secret = Path(self.folder, "secret")
        secret.write_text(f"{lab.SECRET}-{SITE}\n", encoding="ascii")
        return harness.Server("--documents", str(documents), "--secret-file", str(secret), "--listen",
                              f"unix:{self.nginx.backend}")

    def close(self):
        self._undo.close()

    def route(self, host, **more):
        return {"kind": "https", "name": host.split(".")[0], "url": f"https://{host}/{lab.SECRET}-{SITE}/", "ca": self.nginx.ca, **more}

    def fronted(self, *fronts, **more):
        return {"kind": "fronted", "name": "fronted", "url": f"https://{INNER}/{lab.SECRET}-{SITE}/", "fronts": list(fronts),
                "ca": self.nginx.ca, **more}

    def bridge(self, port=443, **more):
        return {"kind": "bridge", "name": f"bridge-{port}", "lines": [self.bridges[port]], "tier": 1, **more}

    def client(self, *routes, dns=f'{BY_HTTPS}\n{IN_THE_CLEAR}', sidecar=""):
        """A sidecar's configuration and state of its own, as after an installation."""
        self._clients += 1
        return lab.Sidecar(self.folder, f"client{self._clients}", self.publisher.root, routes, settings=f"{sidecar}\n[dns]\n{dns}\n")

    def peers(self, client, expect=0, timeout=20):
        """`landfall peers`, one race: {route: how its lane ended}."""
        _, progress = client.command("peers", "--json", "--timeout", str(timeout), expect=expect)
        return dict(re.findall(r"(\S+): ([a-z_]+)", progress)), progress


ja4 = capture.ja4
