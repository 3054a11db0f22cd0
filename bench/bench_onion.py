#!/usr/bin/env python3
"""Time to the first list over an onion service, beside plain tor with curl, in one private Tor network; and the memory of both.

Ours is `landfall peers` from its start to its end, which is a verified list. Theirs is what a script does: start Debian's tor with the same
options, wait for 100 % at its control port (told by events, not looked for), then `curl --socks5-hostname`, anew every 4 s as our own
circuits are, until it has the document. Cold: an empty folder; warm: tor's folder kept, and nothing else.

Goals: cold at most 1.15 x theirs; warm below theirs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import measure

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "tests" / "lab"
INSIDE = "LANDFALL_BENCH_INSIDE"  # set in the namespace
ROUNDS, LIMIT, CIRCUIT = 10, 90.0, 4
SIDES = ("landfall", "tor + curl")


class Network:
    """The private network, an onion service that serves a list, and what both sides are told of it."""

    def __init__(self, folder: Path) -> None:
        sys.path[:0] = [str(LAB), str(ROOT / "tests" / "e2e")]
        import lab
        import tor_network

        self.folder, self.undo = folder, contextlib.ExitStack()
        net = self.undo.enter_context(tor_network.TorNetwork(folder / "net"))
        publisher, nginx = lab.Publisher(str(folder)), lab.Nginx(str(folder))
        self.document = publisher.list(1)
        nginx.put("list", self.document)
        plain, servers = lab.free_port(), nginx.servers
        nginx.servers = lambda: servers() + f"server {{ listen 127.0.0.1:{plain}; root {nginx.folder}/sites/list; }}\n"
        nginx.start()
        self.undo.callback(nginx.kill)
        service = folder / "service"
        service.mkdir(mode=0o700)
        net.uploaded(net.node("hs", "SocksPort 0", f"HiddenServiceDir {service}", f"HiddenServicePort 80 127.0.0.1:{plain}"), 1)
        self.host = (service / "hostname").read_text().strip()
        self.path = f"/v1/{lab.NETWORK}/public-0/list"
        self.lines = tor_network.CLIENT + net.authorities
        self.root, self.name, self.free_port = publisher.root, lab.NETWORK, lab.free_port
        self.control, self.until = tor_network.Control, tor_network.until


class Ours:
    def __init__(self, net: Network) -> None:
        self.net, self.folder = net, net.folder / "ours"
        self.folder.mkdir(mode=0o700)
        self.state, self.program = self.folder / "state", os.environ["LANDFALL_BIN"]
        torrc = self.folder / "lab-torrc"
        torrc.write_text("".join(line + "\n" for line in net.lines))
        self.configuration = self.folder / "landfall.toml"
        self.configuration.write_text(f"""[network]
id = "{net.name}"
root = "{net.root}"
lab = true
[sidecar]
state = "{self.state}"
[tor]
torrc = "{torrc}"
[[route]]
kind = "onion"
url = "http://{net.host}/"
""")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANDFALL_API": f"{self.folder}/api.sock"}

    def forget(self, kept_tor: bool) -> None:
        for entry in self.state.iterdir() if self.state.exists() else ():
            if entry.is_dir() and (entry.name != "tor" or not kept_tor):
                shutil.rmtree(entry)
            elif not entry.is_dir():
                entry.unlink()

    def time(self, cold: bool) -> float:
        self.forget(kept_tor=not cold)
        began = time.monotonic()
        ended = subprocess.run([self.program, "peers", "-c", self.configuration, "--timeout", str(int(LIMIT)), "--json"], env=self.environment,
                               stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=2 * LIMIT)  # fmt: skip
        took = time.monotonic() - began
        assert ended.returncode == 0, ended.stderr.decode()
        return took

    def memory(self) -> dict[str, dict[str, int]]:
        """Of `landfall run` and its tor, once it has the list."""
        self.forget(kept_tor=True)
        told = self.folder / "told"
        with told.open("w") as out:
            sidecar = subprocess.Popen([self.program, "run", "-c", self.configuration], env=self.environment, stdin=subprocess.DEVNULL, stderr=out)
        try:
            # Before, `landfall peers` would find the list by itself.
            self.net.until(lambda: "ready: " in told.read_text(), lambda: f"not ready: {told.read_text()}", LIMIT, 0.01)
            subprocess.run([self.program, "peers", "-c", self.configuration, "--timeout", "90"], env=self.environment, capture_output=True, check=True)
            (child,) = Path(f"/proc/{sidecar.pid}/task/{sidecar.pid}/children").read_text().split()
            return {"landfall": measure.memory_kb(sidecar.pid), "its tor": measure.memory_kb(int(child))}
        finally:
            measure.stop(sidecar)


class Theirs:
    def __init__(self, net: Network) -> None:
        self.net, self.folder = net, net.folder / "theirs"
        self.folder.mkdir(mode=0o700)
        self.data, self.serial, self.curl_kb = self.folder / "data", 0, 0
        (self.folder / "empty").touch()

    @contextlib.contextmanager
    def tor(self) -> Any:
        """Started; its process, its control port and its SOCKS port."""
        socks, port = self.net.free_port(), self.net.free_port()
        torrc = self.folder / "torrc"
        torrc.write_text(f"""ClientOnly 1
DataDirectory {self.data}
SocksPort 127.0.0.1:{socks} IsolateSOCKSAuth
ControlPort 127.0.0.1:{port}
CookieAuthentication 1
CookieAuthFile {self.folder}/cookie
GeoIPFile {self.folder}/empty
GeoIPv6File {self.folder}/empty
Log notice stdout
""" + "".join(line + "\n" for line in self.net.lines))
        (self.folder / "cookie").unlink(missing_ok=True)
        process = subprocess.Popen(["tor", "-f", str(torrc), "--defaults-torrc", "/dev/null"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            yield process, port, socks
        finally:
            measure.stop(process)

    def bootstrapped(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        def connect() -> Any:
            assert process.poll() is None, "tor has ended"
            with contextlib.suppress(OSError):
                return self.net.control(port, self.folder / "cookie")
            return None

        control = self.net.until(connect, lambda: "no control port", LIMIT, 0.01)
        control.patience(LIMIT)
        control.ask("SETEVENTS STATUS_CLIENT")
        at = control.ask("GETINFO status/bootstrap-phase")[0]
        while "PROGRESS=100" not in at:
            at = control.event()
        control.close()

    def fetch(self, socks: int) -> None:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            self.serial += 1
            curl = subprocess.Popen(["curl", "-sS", "--fail", "--max-time", str(CIRCUIT), "--socks5-hostname", f"127.0.0.1:{socks}", "--proxy-user",
                                     f"u{self.serial}:p", f"http://{self.net.host}{self.net.path}"], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
            assert curl.stdout
            with curl.stdout:
                got = curl.stdout.read()
            _, status, usage = os.wait4(curl.pid, 0)
            curl.returncode = os.waitstatus_to_exitcode(status)
            if got == self.net.document:
                self.curl_kb = usage.ru_maxrss
                return
        raise AssertionError("no document")

    def time(self, cold: bool) -> float:
        if cold:
            shutil.rmtree(self.data, ignore_errors=True)
        began = time.monotonic()
        with self.tor() as (process, port, socks):
            self.bootstrapped(process, port)
            self.fetch(socks)
            return time.monotonic() - began

    def memory(self) -> dict[str, dict[str, int]]:
        with self.tor() as (process, port, socks):
            self.bootstrapped(process, port)
            self.fetch(socks)
            return {"tor": measure.memory_kb(process.pid), "curl, at its end": {"rss": self.curl_kb}}


def rounds(net: Network) -> tuple[dict[str, dict[str, list[float]]], dict[str, dict[str, list[float]]]]:
    sides = dict(zip(SIDES, (Ours(net), Theirs(net))))
    took: dict[str, dict[str, list[float]]] = {name: {"cold": [], "warm": []} for name in SIDES}
    held: dict[str, dict[str, list[float]]] = {}
    for n in range(ROUNDS):
        for state in ("cold", "warm"):
            for name in SIDES if n % 2 == 0 else SIDES[::-1]:
                took[name][state].append(sides[name].time(cold=state == "cold"))
                print(f"round {n + 1}, {state}, {name}: {took[name][state][-1]:.2f} s", file=sys.stderr)
        if n % 2 == 0:
            for side in sides.values():
                for program, memory in side.memory().items():
                    for what, kb in memory.items():
                        held.setdefault(program, {}).setdefault(what, []).append(kb / 1024)
    return took, held


def report(out: Path, took: dict[str, dict[str, list[float]]], held: dict[str, dict[str, list[float]]]) -> None:
    def ratio(state: str) -> float:
        ours, theirs = (measure.spread(took[name][state])["median"] for name in SIDES)
        return ours / theirs

    rows = [[f"first list, {state}, s", *(measure.shown(took[name][state], 2) for name in SIDES), f"{ratio(state):.2f}", goal]
            for state, goal in (("cold", "<= 1.15"), ("warm", "< 1"))]  # fmt: skip
    measure.table(f"the onion route in a private Tor network; median (min–max) of {ROUNDS} interleaved rounds",
                  ["what", *SIDES, "ratio of medians", "goal"], rows)  # fmt: skip
    measure.table("memory once the list is there, MiB", ["program", "RSS", "PSS"],
                  [[name, measure.shown(kb["rss"]), measure.shown(kb["pss"]) if "pss" in kb else ""] for name, kb in held.items()])  # fmt: skip
    measure.save(out, {"seconds": {name: {k: measure.spread(v) for k, v in by.items()} for name, by in took.items()},
                       "ratio": {state: ratio(state) for state in ("cold", "warm")},
                       "memory_mib": {name: {k: measure.spread(v) for k, v in kb.items()} for name, kb in held.items()},
                       "goals": {"cold": 1.15, "warm": 1.0}})  # fmt: skip


def main() -> int:
    args = measure.arguments()
    if INSIDE not in os.environ:
        environment = {**os.environ, INSIDE: "1", "LANDFALL_BIN": str(args.build / "landfall")}
        return subprocess.run([sys.executable, str(LAB / "enter.py"), __file__, *sys.argv[1:]], env=environment, check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as folder:
        net = Network(Path(folder))
        with net.undo:
            took, held = rounds(net)
    report(args.out, took, held)
    return 0


if __name__ == "__main__":
    sys.exit(main())
