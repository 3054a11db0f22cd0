"""What stands between a sidecar and its server: a real nginx as a CDN's front, a filter that lets each connection bring so
many bytes, proxies from Debian. On loopback; stopped by pid."""
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import threading

import lab

INNER = "hidden.test"  # nobody resolves it: whoever looks it up fails
DIRECT = "direct.test"  # a site of the CDN's own that forwards as well
# By the name that a client names in its SNI: what the CDN makes of a request for INNER. "": it forwards.
REFUSALS = {"forbids.test": "return 403;", "misdirects.test": "return 421;", "knows-not.test": "return 530;",
            "redirects.test": "return 302 https://$ssl_server_name/next$request_uri;",
            "shows-itself.test": "return 200 '<html>our own page</html>';"}


class Front:
    """A CDN: TLS with certificates for its own names alone; requests for INNER go to the lab's nginx."""

    def __init__(self, folder, origin, names=("front-a.test", "front-b.test", DIRECT, *REFUSALS)):
        self.folder = os.path.join(folder, "front")
        os.mkdir(self.folder)
        self.port = lab.free_port()
        self._origin = origin
        self._pid = None
        key, csr, names_file = (os.path.join(self.folder, name) for name in ("key.pem", "csr.pem", "names"))
        self._certificate = os.path.join(self.folder, "tls.pem")
        lab.run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=CDN", "-keyout",
                key, "-out", csr)
        with open(names_file, "w", encoding="ascii") as file:
            file.write("subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
        lab.run("openssl", "x509", "-req", "-in", csr, "-CA", origin.ca, "-CAkey", os.path.join(origin.folder, "ca.key"), "-days",
                "2", "-set_serial", "3", "-extfile", names_file, "-out", self._certificate)

    def at(self, name):
        """The front as a route names it."""
        return f"{name}@127.0.0.1:{self.port}"

    def start(self):
        refusals = "".join(f"if ($ssl_server_name = {name}) {{ {what} }}\n" for name, what in REFUSALS.items())
        config = os.path.join(self.folder, "nginx.conf")
        tls = f"ssl_certificate {self._certificate}; ssl_certificate_key {self.folder}/key.pem;"
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 64; }}
http {{ default_type text/html; log_format seen '$ssl_server_name $host $server_protocol $status $request_uri';
access_log {self.folder}/access.log seen; client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
fastcgi_temp_path {self.folder}/fastcgi; uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;
server {{ listen 127.0.0.1:{self.port} ssl http2 default_server; {tls} return 421; }}
server {{ listen 127.0.0.1:{self.port} ssl http2; server_name {INNER} {DIRECT}; {tls}
{refusals} location / {{ proxy_pass https://127.0.0.1:{self._origin.port}; }} }} }}""")
        lab.run(lab.NGINX, "-p", self.folder, "-c", config)
        with open(os.path.join(self.folder, "pid"), encoding="ascii") as file:
            self._pid = int(file.read())

    def kill(self):
        pid, self._pid = self._pid, None
        if pid is None:
            return
        gone = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        lab.wait_readable(gone)
        os.close(gone)

    def requests(self):
        """(SNI, Host, protocol, status, path) of each."""
        try:
            with open(os.path.join(self.folder, "access.log"), encoding="utf-8") as file:
                return [tuple(line.split()) for line in file]
        except FileNotFoundError:
            return []


class Relay:
    """A wire to another port. What it does to it: `curtain` bytes come back per connection, then silence (0: no limit).
    Remembers what the client sent first and how much each connection was given."""

    def __init__(self, to, curtain=0):
        self._to, self._curtain = to, curtain
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.first_bytes, self.given, self.at_once, self._open = [], [], 0, 0
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._selector.register(self._listening, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self):
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._wake.close()

    def _run(self):
        while True:
            # Connections that ended before those that begin: the kernel gives no order between them.
            for key, _ in sorted(self._selector.select(), key=lambda ready: ready[0].fileobj is self._listening):
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listening:
                    self._accept()
                elif key.fileobj.fileno() >= 0:
                    self._move(key.fileobj, *key.data)

    def _accept(self):
        client, _ = self._listening.accept()
        server = socket.create_connection(("127.0.0.1", self._to))
        number = len(self.given)
        self.given.append(0)
        self.first_bytes.append(b"")
        self._open += 1
        self.at_once = max(self.at_once, self._open)
        self._selector.register(client, selectors.EVENT_READ, (server, number, False))
        self._selector.register(server, selectors.EVENT_READ, (client, number, True))

    def _move(self, source, other, number, back):
        """All that is there, so that an end behind some last bytes is seen before the connection that follows it."""
        while True:
            try:
                data = source.recv(4096, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._open -= 1
                for one in (source, other):
                    self._selector.unregister(one)
                    one.close()
                return
            self._pass_on(data, other, number, back)

    def _pass_on(self, data, other, number, back):
        if not back and len(self.first_bytes[number]) < 4096:
            self.first_bytes[number] += data
        if back:
            if self._curtain:
                data = data[:max(0, self._curtain - self.given[number])]  # what is over the limit is lost, not late
            self.given[number] += len(data)
        try:
            other.sendall(data)
        except OSError:
            pass


class Names:
    """A name server that knows nothing and counts who asks."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.asked = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            query, peer = self._socket.recvfrom(4096)
            if query == b"end":
                return
            self.asked.append(query)
            self._socket.sendto(query[:2] + struct.pack(">H", 0x8183) + query[4:], peer)  # NXDOMAIN

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"end", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


class Program:
    """A program that listens on a port of its own; ended by pid."""

    def __init__(self, port, command, log):
        self.port = port
        with open(log, "wb") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._wait_until_it_listens(log)

    def _wait_until_it_listens(self, log):
        with selectors.DefaultSelector() as pause:
            for _ in range(1000):
                try:
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                    return
                except OSError:
                    pause.select(0.01)
        with open(log, encoding="utf-8", errors="replace") as said:
            raise AssertionError("it does not listen: " + said.read())

    def close(self):
        self._process.terminate()
        self._process.wait(lab.PATIENCE)


class Proxy(Program):
    """A proxy from Debian. It alone knows `hosts`: they stand in an /etc/hosts of its own, in a mount namespace."""

    def __init__(self, folder, kind, hosts, user="", password=""):
        port = lab.free_port()
        login = f"{user}:{password}@" if user else ""
        at = lambda name: os.path.join(folder, name)
        with open(at("hosts"), "w", encoding="ascii") as file:
            file.write("".join(f"127.0.0.1 {name}\n" for name in hosts))
        if kind == "microsocks":
            self.url = f"socks5://{login}127.0.0.1:{port}"
            command = [shutil.which("microsocks"), "-i", "127.0.0.1", "-p", str(port)]
            command += ["-u", user, "-P", password] if user else []
        else:
            self.url = f"http://{login}127.0.0.1:{port}"
            with open(at("tinyproxy.conf"), "w", encoding="ascii") as file:
                file.write(f"Port {port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\nLogLevel Connect\n")
                file.write(f"BasicAuth {user} {password}\n" if user else "")
            command = [shutil.which("tinyproxy"), "-d", "-c", at("tinyproxy.conf")]
        alone = ["unshare", "-Urm", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', at("hosts"), *command]
        super().__init__(port, alone, at(kind + ".log"))


class OwnServer(Program):
    """landfall-server standing alone, with the lab's certificate and the documents of one of its sites."""

    def __init__(self, folder, origin, site):
        port = lab.free_port()
        super().__init__(port, [os.environ["LANDFALL_SERVER_BIN"], "--documents", os.path.join(origin.folder, "sites", site),
                                "--secret", f"{lab.SECRET}-{site}", "--listen", f"127.0.0.1:{port}", "--tls-cert",
                                os.path.join(origin.folder, "tls.pem"), "--tls-key", os.path.join(origin.folder, "tls.key")],
                         os.path.join(folder, "server.log"))
