"""The race bench on a wire: `landfall peers` in network namespaces with the censor between it and real servers. Start it by
tests/lab/enter.py. Prints one JSON object: {"rows": [{"scenario", "cold": [ms …], "alone": {route: [ms …]}}]}.

The route set is race_lane.hpp's, on addresses of one /24. What the censor's lists name is the same as in race_model.cpp."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lab"))
import world  # noqa: E402
from internet import Censor, Sniffer  # noqa: E402

lab = world.lab

RTT, LOSS = 150, 0.01
MIRROR, MIRROR_PORT = "10.9.0.50", 8443
DIRECT = {"direct-a": "a.example.net", "direct-b": "b.example.net"}
FRONTS = {"front-a": [f"a{n}.example.com" for n in (1, 2, 3)], "front-b": [f"b{n}.example.org" for n in (1, 2, 3)]}
INNER = {"front-a": "hidden-a.example.info", "front-b": "hidden-b.example.info"}
ADDRESS = {"a.example.net": "10.9.0.10", "b.example.net": "10.9.0.11",
           "a1.example.com": "10.9.0.32", "a2.example.com": "10.9.0.33", "a3.example.com": "10.9.0.34",
           "b1.example.org": "10.9.0.48", "b2.example.org": "10.9.0.49", "b3.example.org": "10.9.0.51"}
REFUSING, REFUSING_AT = "c1.example.com", "10.9.0.60"  # a front that serves nobody else's Host
PORTAL, PORTAL_AT = "portal.example.net", "10.9.0.61"  # sends everybody to its login page, in plain HTTP
PLAIN = {"plain-a.example.net": "10.9.0.62", "plain-b.example.net": "10.9.0.63"}  # speak HTTP at port 443: 400 to a ClientHello
STALE = {"stale-a.example.net": "10.9.0.64", "stale-b.example.net": "10.9.0.65"}  # whose certificates have expired
WHOLE, WHOLE_AT = "whole.example.net", "10.9.0.66"  # sends 30 bytes a second, and answers no ranges
UNBOUND, UNBOUND_AT = "resolver.example", "10.9.0.55"  # a resolver over HTTP/2, as the public ones are; the lab's own speaks HTTP/1.1
# Of race_confusion.py.
SITES = ("forged", "garbage", "page", "endless", "expired", "old", "held", "lagging", "other", "foreign", "narrow", "ahead", "usurped")
DIRECTS, FRONT_A = ["10.9.0.10/31"], ["10.9.0.32/30"]
CURTAIN = DIRECTS + FRONT_A
# scenario: profile, what its lists name, the route that is quickest alone
ROWS: dict[str, tuple[str, dict[str, list[str]], str]] = {
    "open": ("none", {}, "front-a"),
    "S02 names reset": ("S02", {"blocked": list(DIRECT.values())}, "front-a"),
    "S04 data reset": ("S04", {"suspects": CURTAIN}, "front-b"),
    "S05 false answers": ("S05", {"blocked": list(DIRECT.values())}, "front-a"),
    "S11 names allowed": ("S11", {"allowed": ["example.org"], "cdn": [*CURTAIN, MIRROR]}, "front-b"),
    "S14 some networks": ("S14", {"foreign": CURTAIN}, "front-b"),
    "S18 slow": ("S18", {"throttled": list(DIRECT.values())}, "front-a"),
    "S26 list found out": ("S26", {"shipped": [*CURTAIN, MIRROR]}, "front-b"),
    "1 dropped": ("S26", {"shipped": ["10.9.0.10"]}, "front-a"),
    "2 dropped": ("S26", {"shipped": DIRECTS}, "front-a"),
    "3 dropped": ("S26", {"shipped": CURTAIN}, "front-b"),
    "CN-2026": ("CN-2026", {"blocked": list(DIRECT.values()), "suspects": FRONT_A}, "front-b"),
}


class Servers(world.Servers):
    """Two direct hosts, six fronts that serve any Host, and a mirror that is reached by its address."""

    def __init__(self, folder: str, launcher: Any) -> None:
        lab.Nginx.__init__(self, folder)
        self._launcher = launcher
        self.backend = os.path.join(folder, "landfall-server.sock")
        for site in SITES:
            os.makedirs(os.path.join(self.folder, "sites", site))
        names = [f"DNS:{name}" for name in (*ADDRESS, REFUSING, WHOLE)] + [f"IP:{MIRROR}"]
        self.make_certificate("tls", ",".join(names))
        self.make_certificate("stale", ",".join(f"DNS:{name}" for name in STALE), days=-1)

    def start(self, **how: Any) -> None:
        # The model's TCP sends a window at once; BBR, where it is the machine's own choice, spreads it over a round trip. And no
        # run must have a part in the next one: the kernel remembers round trips and windows of each peer.
        for setting in ("tcp_congestion_control=reno", "tcp_no_metrics_save=1"):
            subprocess.run([*self._launcher, "sysctl", "-qw", f"net.ipv4.{setting}"], check=True)
        super().start(**how)
        self._resolver = self._start_resolver()

    def kill(self) -> None:
        self._resolver.terminate()
        self._resolver.wait(lab.PATIENCE)
        assert self._resolver.stderr is not None
        self._resolver.stderr.close()
        super().kill()

    def _start_resolver(self) -> subprocess.Popen[bytes]:
        self.make_certificate("unbound", f"DNS:{UNBOUND}")
        names = "".join(f"local-data: '{name}. 60 IN A {address}'\n" for name, address in ADDRESS.items())
        folder = Path(self.folder)
        (folder / "unbound.conf").write_text(
            f"server:\ninterface: {UNBOUND_AT}@443\nhttps-port: 443\nhttp-endpoint: /dns-query\naccess-control: 0.0.0.0/0 allow\n"
            f"tls-service-pem: {folder}/unbound.pem\ntls-service-key: {folder}/unbound.key\nmodule-config: iterator\nusername: ''\n"
            f"chroot: ''\npidfile: ''\nuse-syslog: no\ndo-ip6: no\nlocal-zone: . static\n{names}remote-control:\ncontrol-enable: no\n",
            encoding="ascii")
        out = subprocess.Popen([*self._launcher, "unbound", "-d", "-c", str(folder / "unbound.conf")], stdin=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
        assert out.stderr is not None
        told = b""
        while b"start of service" not in told:
            line = out.stderr.readline()
            assert line, f"unbound did not start: {told.decode()}"
            told += line
        return out

    def servers(self) -> str:
        files = f"location / {{ return 404; }} {self.locations()}"
        out = "".join(self._server(f"{ADDRESS[name]}:443", name, "tls", files) for name in DIRECT.values())
        out += self._server(f"{MIRROR}:{MIRROR_PORT}", MIRROR, "tls", files)
        out += self._server(f"{REFUSING_AT}:443", REFUSING, "tls", "if ($ssl_server_name != $host) { return 421; } return 200 ok;")
        out += f"server {{ listen {PORTAL_AT}:443; error_page 400 =302 http://login.example/; return 302 http://login.example/; }}\n"
        out += self._server(f"{WHOLE_AT}:443", WHOLE, "tls", f"max_ranges 0; limit_rate 30; postpone_output 0; sendfile off; {files}")
        out += "".join(f"server {{ listen {address}:443; }}\n" for address in PLAIN.values())
        out += "".join(self._server(f"{address}:443", name, "stale", files) for name, address in STALE.items())
        for route, fronts in FRONTS.items():
            for name in fronts:
                out += self._server(f"{ADDRESS[name]}:443 default_server", name, "tls", 'return 200 "a shop\\n";')
                out += self._server(f"{ADDRESS[name]}:443", INNER[route], "tls", files)
        return out


def the_internet() -> world.World:
    world.HOSTS.clear()
    world.HOSTS.update({**ADDRESS, "mirror.example": MIRROR, REFUSING: REFUSING_AT, PORTAL: PORTAL_AT, WHOLE: WHOLE_AT, UNBOUND: UNBOUND_AT,
                         **PLAIN, **STALE})
    world.Servers = Servers
    subprocess.run(["sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"], check=True)
    return world.World()


def routes(real: world.World) -> dict[str, dict[str, Any]]:
    path = f"/{lab.SECRET}-{world.SITE}/"
    more = {"ca": real.nginx.ca}
    out: dict[str, dict[str, Any]] = {name: {"kind": "https", "name": name, "url": f"https://{host}{path}", **more}
                                      for name, host in DIRECT.items()}
    for name, fronts in FRONTS.items():
        out[name] = {"kind": "fronted", "name": name, "url": f"https://{INNER[name]}{path}",
                     "fronts": [f"{front}@{ADDRESS[front]}" for front in fronts], **more}
    out["mirror"] = {"kind": "https", "name": "mirror", "url": f"https://{MIRROR}:{MIRROR_PORT}{path}", "tier": 2, **more}
    return out


def raced(client: Any, patience: float = 40) -> tuple[int, str]:
    """One race of a new installation: ms from its first lane to the win, or -1, as its progress lines tell; and those."""
    process = subprocess.Popen([lab.LANDFALL, "peers", "--json", "--timeout", str(int(patience))], env=client.environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    begun, won, told = None, -1, ""
    for line in process.stderr:
        now = time.monotonic()
        told += line
        if begun is None and line.rstrip().endswith(": trying"):
            begun = now
        if won < 0 and begun is not None and ": won after" in line:
            won = round((now - begun) * 1000)
    process.wait(patience)
    process.stderr.close()
    return won, told


def main() -> None:
    runs = int(sys.argv[1])
    wanted = sys.argv[2:] or list(ROWS)
    real = the_internet()
    rows = []
    try:
        every = routes(real)
        dns = f'doh = ["https://{UNBOUND}/dns-query@{UNBOUND_AT}"]\nresolvers = ["{world.RESOLVER}"]'
        for scenario in wanted:
            profile, define, best = ROWS[scenario]
            cold, alone, acted = [], [], 0
            for seed in range(1, runs + 1):
                for found, chosen in ((cold, list(every.values())), (alone, [every[best]])):
                    with Censor(real.internet, profile, seed=seed, rtt=RTT, loss=LOSS, define=define) as censor, Sniffer() as wire:
                        ms, told = raced(real.client(*chosen, dns=dns))
                        found.append(ms)
                        if len(chosen) > 1:
                            acted += sum(rule["triggered"] for rule in censor.counters()["rules"].values())
                        hidden = [name for name in (*DIRECT.values(), *INNER.values()) if name in wire.asked_names()]
                        assert not hidden, f"in plaintext queries: {hidden}"
                        if os.environ.get("LANDFALL_BENCH_TELL"):
                            print(scenario, seed, ms, told, file=sys.stderr)
            rows.append({"scenario": scenario, "cold": cold, "route": best, "alone": alone, "acted": acted})
            print(rows[-1], file=sys.stderr)
    finally:
        real.close()
    print(json.dumps({"rtt": RTT, "loss": LOSS, "rows": rows}))


if __name__ == "__main__":
    main()
