#!/usr/bin/env python3
"""What the sidecar costs while it waits: exec to ready, idle memory, and the time of GET /v1/peers from the cache; with
obfs4proxy and tor, the programs that stand in the same place elsewhere, started in turn in the same run.

Ready means: landfall sends READY=1 (sd_notify), obfs4proxy prints CMETHODS DONE, tor opens its control port (network
disabled, no GeoIP files: the least it can do)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "conformance"))
import documents  # noqa: E402  (the independent signer makes the list)
import measure  # noqa: E402

ROUNDS = 15
REQUESTS = 900  # the sidecar closes a connection after 1000


class Landfall:
    """A state folder with a fresh list in it, made by one fetch from landfall-server over TLS."""

    def __init__(self, build: Path, folder: Path) -> None:
        self.program, self.folder = build / "landfall", folder
        now = int(time.time())
        dates = {"issued": now - 60, "fresh_until": now + 86400, "expires": now + 14 * 86400}
        peers = [documents.peer(n, endpoints=[f"tcp://198.{51 + n}.100.1:443"], seen=now) for n in range(64)]
        docs = folder / "documents" / "v1" / documents.NETWORK
        (docs / "public-0").mkdir(parents=True)
        (docs / "root").mkdir()
        root = documents.text(documents.signed_root(issued=now - 86400, expires=now + 300 * 86400))
        (docs / "root" / "1").write_bytes(root)
        (docs / "public-0" / "list").write_bytes(documents.text(documents.signed_list(peers=peers, **dates)))
        (folder / "root.dsse.json").write_bytes(root)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        (folder / "secret").write_text("7f3a9c0d11e85b21\n")
        server = subprocess.Popen([build / "landfall-server", "--documents", folder / "documents", "--secret-file", folder / "secret",
                                   "--listen", "127.0.0.1:0", "--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem"],
                                  stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["listening"][0]
            port = int(address.rsplit(":", 1)[1])
            (folder / "landfall.toml").write_text(
                f'[network]\nid = "{documents.NETWORK}"\nroot = "root.dsse.json"\n'
                f'[sidecar]\nstate = "{folder}/state"\n'
                f'[[route]]\nkind = "https"\nurl = "https://localhost:{port}/7f3a9c0d11e85b21/"\nca = "{folder}/cert.pem"\n')
            subprocess.run([self.program, "peers", "-c", folder / "landfall.toml"], check=True, capture_output=True, env=self.environment())
        finally:
            measure.stop(server)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "LANDFALL_API": str(self.folder / "api" / "api.sock"), "NOTIFY_SOCKET": str(self.folder / "notify")}

    def start(self) -> tuple[subprocess.Popen[Any], float]:
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(path))
            ready.settimeout(10)
            begin = time.perf_counter()
            process = subprocess.Popen([self.program, "run", "-c", self.folder / "landfall.toml"], env=self.environment(),
                                       stderr=subprocess.DEVNULL)
            while b"READY=1" not in ready.recv(4096):
                pass
            return process, time.perf_counter() - begin

    def peers_ms(self) -> list[float]:
        """GET /v1/peers on one connection, by hand: the client should not be what is measured."""
        out = []
        request = b"GET /v1/peers?min=8&max=16 HTTP/1.1\r\nHost: landfall\r\n\r\n"
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.folder / "api" / "api.sock"))
            for _ in range(REQUESTS):
                begin = time.perf_counter()
                s.sendall(request)
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += s.recv(65536)
                head, body = answer.split(b"\r\n\r\n", 1)
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                while len(body) < length:
                    body += s.recv(65536)
                out.append((time.perf_counter() - begin) * 1000)
        assert head.startswith(b"HTTP/1.1 200") and len(json.loads(body)["peers"]) >= 8, head
        return out


def start_until(arguments: list[Any], sign: bytes, env: dict[str, str]) -> tuple[subprocess.Popen[Any], float]:
    begin = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    assert process.stdout is not None
    while sign not in (line := process.stdout.readline()):
        assert line, f"{arguments[0]} ended before it was ready"
    return process, time.perf_counter() - begin


def obfs4proxy(folder: Path) -> tuple[subprocess.Popen[Any], float]:
    env = {"TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_CLIENT_TRANSPORTS": "obfs4", "TOR_PT_STATE_LOCATION": str(folder / "pt"), "PATH": os.environ["PATH"]}
    return start_until(["obfs4proxy"], b"CMETHODS DONE", env)


def tor(folder: Path) -> tuple[subprocess.Popen[Any], float]:
    empty = folder / "empty"
    empty.touch()
    return start_until(["tor", "--ignore-missing-torrc", "-f", str(folder / "none"), "--DataDirectory", str(folder / "tor"), "--DisableNetwork", "1",
                        "--SocksPort", "0", "--ControlPort", "auto", "--GeoIPFile", str(empty), "--GeoIPv6File", str(empty), "--Log", "notice stdout"],
                       b"Opened Control listener", dict(os.environ))


def main() -> None:
    args = measure.arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = Landfall(args.build, folder)
        starters: dict[str, Callable[[], tuple[subprocess.Popen[Any], float]]] = {
            "landfall run": ours.start, "obfs4proxy": lambda: obfs4proxy(folder), "tor": lambda: tor(folder)}
        ready: dict[str, list[float]] = {n: [] for n in starters}
        memory: dict[str, list[dict[str, int]]] = {n: [] for n in starters}
        latency: list[float] = []
        for _ in range(ROUNDS):
            for program, start in starters.items():
                process, seconds = start()
                ready[program].append(seconds * 1000)
                memory[program].append(measure.memory_kb(process.pid))
                if program == "landfall run" and not latency:
                    latency = ours.peers_ms()
                    memory[program][-1] = measure.memory_kb(process.pid)
                measure.stop(process)
    rows = []
    data: dict[str, Any] = {}
    for program in starters:
        rss = [m["rss"] / 1024 for m in memory[program]]
        pss = [m["pss"] / 1024 for m in memory[program]]
        rows.append([program, measure.shown(ready[program]), measure.shown(rss), measure.shown(pss)])
        data[program] = {"ready_ms": measure.spread(ready[program]), "rss_mb": measure.spread(rss), "pss_mb": measure.spread(pss)}
    measure.table(f"exec to ready and idle memory; median (min–max) of {ROUNDS} starts in turn; goals: 10 ms, 15 MB",
                  ["program", "ready ms", "RSS MB", "PSS MB"], rows)
    latency.sort()
    p99 = latency[int(len(latency) * 0.99)]
    measure.table(f"GET /v1/peers from the cache, 16 peers, one connection, {REQUESTS} requests; goal: 0.5 ms",
                  ["what", "ms"], [["median", f"{latency[len(latency) // 2]:.3f}"], ["p99", f"{p99:.3f}"]])
    data["peers_ms"] = {**measure.spread(latency), "p99": p99}
    measure.save(args.out, data)


if __name__ == "__main__":
    main()
