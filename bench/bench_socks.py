#!/usr/bin/env python3
"""The local SOCKS5 proxy beside dante, microsocks and HAProxy (which has no SOCKS step: it shows what is possible), taken
in turn in one run: one bulk stream with the proxy's CPU time, connections that carry a byte and go, and the memory of
connections that wait. Load and origin are a C++ program (bench/socks_load.cpp) on the same cores."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "conformance"))
import documents  # noqa: E402
import measure  # noqa: E402

ROUNDS = 5
MEGABYTES = 2000
# Five rounds of these and the held ones stay below the 28 000 local ports: each keeps one for a minute after its end.
CONNECTIONS, AT_ONCE = 4000, 50
HELD = 5000
HELD_FEW = 300  # of peers that take a process or a thread for each
TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """The process and all that it started."""
    out = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            out += family(int(child))
    return out


def cpu_seconds(pid: int) -> float:
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += sum(int(fields[i]) for i in (11, 12, 13, 14))  # with children that ended
    return total / TICK


def memory(pid: int) -> int:
    return sum(measure.memory_kb(one)["pss"] for one in family(pid)) * 1024


class Proxy:
    """A proxy program on a port; `host` is the origin's address for it, so that each has ports of its own."""

    def __init__(self, name: str, host: str, socks: bool = True) -> None:
        self.name, self.host, self.socks, self.port = name, host, socks, free_port()
        self.process: Any = None

    def start(self, command: list[Any], **how: Any) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > until or self.process.poll() is not None:
                    measure.stop(self.process)
                    raise RuntimeError(f"{self.name} does not listen") from None


def landfall(build: Path, folder: Path) -> Proxy:
    proxy = Proxy("landfall run", "127.0.0.2")
    now = int(time.time())
    (folder / "root.dsse.json").write_bytes(documents.text(documents.signed_root(issued=now - 86400, expires=now + 300 * 86400)))
    (folder / "landfall.toml").write_text(
        f'[network]\nid = "{documents.NETWORK}"\nroot = "root.dsse.json"\nlab = true\n[sidecar]\nstate = "{folder}/state"\n'
        f'socks = "127.0.0.1:{proxy.port}"\nsocks_open = true\nsocks_any = true\n')
    proxy.start([build / "landfall", "run", "-c", folder / "landfall.toml"],
                env={**os.environ, "LANDFALL_API": str(folder / "api" / "api.sock")})
    return proxy


def dante(folder: Path) -> Proxy:
    proxy = Proxy("dante", "127.0.0.3")
    (folder / "danted.conf").write_text(
        f"logoutput: stderr\ninternal: 127.0.0.1 port = {proxy.port}\nexternal: lo\nsocksmethod: none\nclientmethod: none\n"
        "client pass { from: 0/0 to: 0/0 }\nsocks pass { from: 0/0 to: 0/0 }\n")
    proxy.start([shutil.which("danted") or "/usr/sbin/danted", "-f", folder / "danted.conf"])
    return proxy


def microsocks() -> Proxy:
    proxy = Proxy("microsocks", "127.0.0.4")
    proxy.start(["microsocks", "-i", "127.0.0.1", "-p", str(proxy.port)])
    return proxy


def haproxy(folder: Path, origin: int) -> Proxy:
    proxy = Proxy("HAProxy, no SOCKS", "127.0.0.5", socks=False)
    (folder / "haproxy.cfg").write_text(
        "global\n maxconn 6000\n nbthread 1\ndefaults\n mode tcp\n option splice-auto\n timeout connect 5s\n timeout client 600s\n"
        f" timeout server 600s\nfrontend f\n bind 127.0.0.1:{proxy.port}\n default_backend b\nbackend b\n server s {proxy.host}:{origin}\n")
    proxy.start([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", folder / "haproxy.cfg"])
    return proxy


class Load:
    def __init__(self, build: Path) -> None:
        self.program = build / "bench" / "socks_load"
        self.process = subprocess.Popen([self.program, "origin"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def command(self, what: str, to: Proxy | None, *numbers: int) -> list[str]:
        if to is None or not to.socks:
            where = ["0", "127.0.0.1", str(to.port if to else self.port)]
        else:
            where = [str(to.port), to.host, str(self.port)]
        return [str(self.program), what, *where, *map(str, numbers)]

    def seconds(self, what: str, to: Proxy | None, *numbers: int) -> float:
        return float(subprocess.run(self.command(what, to, *numbers), check=True, capture_output=True, text=True).stdout)

    def held_bytes(self, to: Proxy) -> float:
        """Of memory, for each connection that waits; the first hundred are the start's."""
        count = HELD if to.name.startswith(("landfall", "HAProxy")) else HELD_FEW
        with subprocess.Popen(self.command("hold", to, 100), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as few:
            assert few.stdout is not None and few.stdout.readline() == "held\n"
            before = memory(to.process.pid)
            with subprocess.Popen(self.command("hold", to, count), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as many:
                assert many.stdout is not None and many.stdout.readline() == "held\n", f"{to.name} did not hold {count}"
                return (memory(to.process.pid) - before) / count


def main() -> None:
    args = measure.arguments()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load = Load(args.build)
        proxies: list[Proxy] = []
        speed: dict[str, list[float]] = defaultdict(list)
        cost: dict[str, list[float]] = defaultdict(list)
        rate: dict[str, list[float]] = defaultdict(list)
        direct: list[float] = []
        try:
            for start in (lambda: landfall(args.build, folder), lambda: dante(folder), microsocks, lambda: haproxy(folder, load.port)):
                proxies.append(start())
            held = {p.name: load.held_bytes(p) for p in proxies}
            for _ in range(ROUNDS):
                direct.append(MEGABYTES / load.seconds("bulk", None, MEGABYTES))
                for p in proxies:
                    before = cpu_seconds(p.process.pid)
                    speed[p.name].append(MEGABYTES / load.seconds("bulk", p, MEGABYTES))
                    cost[p.name].append((cpu_seconds(p.process.pid) - before) / (MEGABYTES / 1000))
            # After all of the bulk: a burst of connections leaves dante refusing others for a while.
            for _ in range(ROUNDS):
                for p in proxies:
                    with contextlib.suppress(subprocess.CalledProcessError):  # dante closes some on a quiet machine: no figure of that round
                        rate[p.name].append(CONNECTIONS / load.seconds("churn", p, CONNECTIONS, AT_ONCE))
        finally:
            for p in proxies:
                measure.stop(p.process)
            measure.stop(load.process)
    report(args.out, proxies, speed, cost, rate, held, direct)


def report(out: Path, proxies: list[Proxy], speed: Any, cost: Any, rate: Any, held: Any, direct: list[float]) -> None:
    rows = [["no proxy", measure.shown(direct, 0), "", "", ""]]
    rows += [[p.name, measure.shown(speed[p.name], 0), measure.shown(cost[p.name], 2), measure.shown(rate[p.name], 0) if rate[p.name] else "–",
              f"{held[p.name] / 1024:.1f}"] for p in proxies]
    measure.table(f"SOCKS5; median (min–max) of {ROUNDS} rounds in turn; {MEGABYTES} MB a stream; {CONNECTIONS} connections, "
                  f"{AT_ONCE} at once; {HELD} held ({HELD_FEW} of dante and microsocks)",
                  ["program", "MB/s", "CPU s/GB", "connections/s", "KiB a held one"], rows)

    def middle(of: Any, name: str) -> float:
        return measure.spread(of[name])["median"]

    ours = proxies[0].name
    goals = [("bulk MB/s, times dante's", middle(speed, ours) / middle(speed, "dante"), 1.5, True),
             ("CPU s/GB, times dante's", middle(cost, ours) / middle(cost, "dante"), 0.4, False),
             ("connections/s, times microsocks'", middle(rate, ours) / middle(rate, "microsocks"), 0.8, True),
             ("KiB a held connection", held[ours] / 1024, 8.0, False)]
    measure.table("goals", ["what", "is", "goal", ""],
                  [[what, f"{value:.2f}", f"{'≥' if more else '≤'} {goal}", "met" if (value >= goal) == more else "MISSED"]
                   for what, value, goal, more in goals])
    measure.save(out, {"direct_mb_s": measure.spread(direct), "goals": {what: {"is": value, "goal": goal} for what, value, goal, _ in goals},
                       **{p.name: {"mb_s": measure.spread(speed[p.name]), "cpu_s_per_gb": measure.spread(cost[p.name]),
                                   "connections_s": measure.spread(rate[p.name]) if rate[p.name] else None, "held_bytes": held[p.name]} for p in proxies}})


if __name__ == "__main__":
    main()
