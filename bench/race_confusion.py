"""What was done to a route on the wire, and which class Landfall says it was. Start it by tests/lab/enter.py. Prints one JSON
object: {"rows": [{"done", "by", "wanted", "said": {class: times}}]}. Arguments: how often each; "strict" ends with 1 where another
class was said than is wanted."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable

import race_wire
from internet import command
from race_wire import ADDRESS, DIRECT, FRONTS, Censor, lab, world

DAY = 86400
NAME = DIRECT["direct-a"]
FRONT = FRONTS["front-a"][0]
OTHER = "other-net"
VERDICT = "the race"
E2E = Path(__file__).resolve().parent.parent / "tests" / "e2e"
IMPOSTOR = 445


class Bench:
    def __init__(self, real: world.World) -> None:
        self.real = real
        self.every = race_wire.routes(real)
        self.publisher = real.publisher
        self.doh = f'doh = ["https://{world.DOH_NAME}/dns-query@{world.DOH}"]\nresolvers = ["{world.RESOLVER}"]'
        self.plain = f'doh = []\nresolvers = ["{world.RESOLVER}"]'
        self.other_ca = self.publisher.path("other-ca.pem")
        lab.run("openssl", "req", "-x509", *lab.NEW_KEY, "-days", "3", "-subj", "/CN=other CA", "-keyout", os.devnull, "-out", self.other_ca)
        fine = real.document
        documents = {"forged": self.forged(fine), "garbage": b'{"payloadType":', "endless": b'{"payload":"' + b"A" * 200_000,
                           "expired": self.publisher.list(1, age=60 * DAY),
                           "old": self.publisher.list(2, age=3 * DAY), "held": self.publisher.list(3, age=2 * DAY),
                           "lagging": self.publisher.list(2, age=2 * DAY, fresh="3d"), "other": self.publisher.list(3, age=2 * DAY, peers=13),
                           "foreign": self.foreign(), "page": b"<html><body>Log in here</body></html>",
                           "narrow": self.publisher.list(3, extra=("--channel", "small-0")),
                           "ahead": self.publisher.list(3, extra=("--root-version", "2")),
                           "usurped": self.publisher.list(3, extra=("--root-version", "2"))}
        for site, document in documents.items():
            real.nginx.put(site, document)
        real.nginx.put("usurped", self.usurper(), f"{lab.NETWORK}/root/2")
        self.impostor = self.start_impostor()

    def start_impostor(self) -> subprocess.Popen[str]:
        """At another port of the bridge's: whoever has its line, and not its key."""
        words = ("import sys; sys.path.insert(0, sys.argv[1]); import obfs4_rig; "
                 "print(obfs4_rig.Impostor(sys.argv[2], sys.argv[3], int(sys.argv[4])).port, flush=True)")
        out = subprocess.Popen([*self.real.internet.servers.launcher, sys.executable, "-B", "-c", words, str(E2E), self.real.bridges[443],
                                world.BRIDGE, str(IMPOSTOR)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert out.stdout is not None and out.stdout.readline(), "the impostor did not start"
        return out

    def close(self) -> None:
        self.impostor.terminate()
        self.impostor.wait(lab.PATIENCE)
        assert self.impostor.stdout is not None
        self.impostor.stdout.close()

    def usurper(self) -> bytes:
        """Root 2, signed by keys of its own alone."""
        stranger = lab.Publisher(self.real.folder, "stranger")
        made = stranger.path("usurper.dsse.json")
        lab.run(lab.LANDFALL, "root", "rotate", self.publisher.root, "--root-key", stranger.path("root.pub"), "--root-threshold", "1",
                "--list-key", stranger.path("list.pub"), "--list-threshold", "1", "--out", made)
        lab.run(lab.LANDFALL, "root", "sign", made, "--key", stranger.path("root.pem"), "--passphrase-file", stranger.path("passphrase"))
        return Path(made).read_bytes()

    @staticmethod
    def forged(document: bytes) -> bytes:
        """One byte of what is signed is another."""
        parsed = json.loads(document)
        payload = parsed["payload"]
        parsed["payload"] = payload[:200] + ("B" if payload[200] != "B" else "C") + payload[201:]
        return json.dumps(parsed).encode()

    def foreign(self) -> bytes:
        """The same keys' list for another network."""
        root = self.publisher.root
        self.publisher.root = self.publisher.path("other.dsse.json")
        lab.run(lab.LANDFALL, "root", "init", "--network", OTHER, "--out", self.publisher.root, "--root-key", self.publisher.path("root.pub"),
                "--root-threshold", "1", "--list-key", self.publisher.path("list.pub"), "--list-threshold", "1")
        lab.run(lab.LANDFALL, "root", "sign", self.publisher.root, "--key", self.publisher.path("root.pem"), "--passphrase-file",
                self.publisher.path("passphrase"))
        try:
            return self.publisher.list(3)
        finally:
            self.publisher.root = root

    def direct(self, site: str = world.SITE, host: str = NAME, **more: Any) -> dict[str, Any]:
        return {**self.every["direct-a"], "url": f"https://{host}/{lab.SECRET}-{site}/", **more}

    def front(self, *fronts: str, **more: Any) -> dict[str, Any]:
        return {**self.every["front-a"], "fronts": list(fronts), **more}

    def to(self, host: str) -> dict[str, Any]:
        """A direct route of that host's own."""
        return {**self.direct(host=host), "name": host.split(".")[0]}

    def without_a_link(self, repeats: int) -> collections.Counter[str]:
        command("ip", "link", "set", "c0", "down")
        routes = [self.front(f"{FRONT}@{ADDRESS[FRONT]}"), self.every["mirror"]]
        return collections.Counter(self.said(self.real.client(*routes, dns=self.doh), VERDICT) for _ in range(repeats))

    def said(self, client: Any, route: str) -> str:
        """How the lane of a race ended: its class. VERDICT: what the race made of all lanes together."""
        _, told = race_wire.raced(client)
        pattern = r"^landfall: warning: (offline|captive_portal):" if route == VERDICT else rf"^{route}: ([a-z_]+) after"
        found = re.findall(pattern, told, re.MULTILINE)
        return found[-1] if found else "nothing: " + told.strip().splitlines()[-1]


def on(address: str, *does: str) -> str:
    """A rule file of its own for one address."""
    return "\n".join(["rule it", f"  to {address}", *(f"  {line}" for line in does)]) + "\n"


# The routes; [dns]; whose class it is, of the last route where it is nobody's; lines of [sidecar].
Made = tuple[list[dict[str, Any]], str, str, str]
Make = Callable[[Bench], Made]
Row = tuple[str, str, str, dict[str, list[str]], Make]


def front_of(name: str = FRONT, at: str = "", fixed: bool = True) -> Make:
    shown = f"{name}@{at or ADDRESS[name]}" if fixed else name
    return lambda bench: ([bench.front(shown)], bench.doh if fixed else bench.plain, "", "")


def direct_to(site: str = world.SITE, sidecar: str = "", **more: Any) -> Make:
    return lambda bench: ([bench.direct(site, **more)], bench.doh, "", sidecar)


def of_another_ca(bench: Bench) -> Made:
    return [bench.direct(ca=bench.other_ca)], bench.doh, "", ""


def bridge(change: Callable[[str], str] = str) -> Make:
    """The bridge that the internet has, by its line or by a changed one."""
    return lambda bench: ([{"kind": "bridge", "name": "bridge", "lines": [change(bench.real.bridges[443])], "tier": 1}], bench.doh, "", "")


def by_a_program(*words: str) -> Make:
    """The same, by a program instead of our own obfs4."""
    program = f'[[transport]]\nnames = ["obfs4"]\nexec = {json.dumps(words)}\nnative = false\n'
    return lambda bench: (*bridge()(bench)[:3], program)


def webtunnel(path: str) -> Make:
    line = f"webtunnel 192.0.2.3:443 url=https://{NAME}/{path}"
    return lambda bench: ([{"kind": "bridge", "name": "bridge", "lines": [line], "tier": 1}], bench.doh, "", "")


def another_key(line: str) -> str:
    return re.sub(r"cert=\S+", "cert=" + "C" * 69 + "A", line)


def another_port(line: str, port: int = 444) -> str:
    return line.replace(f"{world.BRIDGE}:443", f"{world.BRIDGE}:{port}")


def the_impostor(line: str) -> str:
    return another_port(line, IMPOSTOR)


def hosts(*names: str, of: str = "") -> Make:
    return lambda bench: ([bench.to(name) for name in names], bench.doh, of, "")


# what is done; its name in the censor's rules, or the text of some; the class that it is; what the rules' lists name; the route
ROWS: list[Row] = [
    ("nothing", "none", "won", {}, direct_to()),
    ("packets to the address vanish", "S26", "timed_out", {"shipped": [ADDRESS[NAME]]}, direct_to()),
    ("RST on SYN", "S03", "refused", {}, front_of()),
    ("RST on the SYN/ACK, as fast as our hello", "S02", "reset_before_hello or reset_after_hello", {"blocked": [NAME]}, direct_to()),
    ("RST on the name", "S02", "reset_after_hello", {"blocked": [NAME]}, direct_to()),
    ("RST on the first data", "S04", "reset_after_hello", {"suspects": [ADDRESS[FRONT] + "/32"]}, front_of()),
    ("silence after the name", on(ADDRESS[NAME], "over tcp", f"sni {NAME}", "do drop both"), "stalled_after_hello", {}, direct_to()),
    ("silence after the handshake", on(ADDRESS[NAME], "over tcp", "after-bytes 1000", "do drop down"), "timed_out", {}, direct_to()),
    ("silence from 15 to 20 KB on, ranges get through", "S14", "won", {}, direct_to()),
    ("30 bytes a second, of a server that answers no ranges", "none", "stalled_after_bytes", {}, hosts(race_wire.WHOLE)),
    ("silence after 4 to 6 KB, then of the server: resumed twice in vain", "S11", "stalled_after_hello", {"cdn": [ADDRESS[NAME] + "/32"]}, direct_to()),
    ("140 kbit/s", "S18", "won", {"throttled": [NAME]}, direct_to()),
    ("forged answers beside the true one", "S05", "dns_poisoned", {"blocked": [FRONT]}, front_of(fixed=False)),
    ("the name does not exist", "none", "unreachable", {}, direct_to(host="nobody.example.net")),
    ("the front refuses", "none", "front_refused", {}, front_of(race_wire.REFUSING, race_wire.REFUSING_AT)),
    ("a login page instead of TLS", "none", "captive_portal", {}, direct_to(host=race_wire.PORTAL)),
    ("one host answers 400 in plain HTTP instead of TLS", "none", "malformed", {}, hosts(*list(race_wire.PLAIN)[:1])),
    ("two hosts answer 400 in plain HTTP instead of TLS: what the race says", "none", "captive_portal", {}, hosts(*race_wire.PLAIN, of=VERDICT)),
    ("a page with status 200 by the right server", "none", "malformed", {}, direct_to("page")),
    ("404", "none", "http_status", {}, direct_to("nothing-here")),
    ("the upstream proxy is down", "none", "proxy_failed", {}, direct_to(sidecar=f'upstream_proxy = "socks5://{race_wire.REFUSING_AT}:1080"')),
    ("another certificate", "none", "tls_certificate", {}, of_another_ca),
    ("another key in the certificate", "none", "tls_certificate", {}, direct_to(pins=["sha256/" + "A" * 43 + "="])),
    ("the certificate has expired: the one lane that goes on without dates", "none", "won", {}, hosts(*list(race_wire.STALE)[:1])),
    ("the same beside a lane that goes on without dates", "S18", "clock_suspect", {"throttled": list(race_wire.STALE)[:1]}, hosts(*race_wire.STALE)),
    ("one byte of the list changed", "none", "below_threshold", {}, direct_to("forged")),
    ("half a JSON text", "none", "malformed", {}, direct_to("garbage")),
    ("200 KB", "none", "too_large", {}, direct_to("endless")),
    ("a list that has expired", "none", "expired", {}, direct_to("expired")),
    ("the list of another network", "none", "wrong_network", {}, direct_to("foreign")),
    ("the list of another channel", "none", "wrong_channel", {}, direct_to("narrow")),
    ("a list that needs root 2, which is nowhere", "none", "root_needed", {}, direct_to("ahead")),
    ("root 2 signed by a stranger", "none", "bad_root", {}, direct_to("usurped")),
    ("nothing, to an obfs4 bridge", "none", "won", {}, bridge()),
    ("what looks like nothing is dropped, of an obfs4 bridge", on(world.BRIDGE, "over tcp", "fully-encrypted", "do drop up"), "bridge_silent", {}, bridge()),
    ("another key in the bridge's line", "none", "bridge_silent", {}, bridge(another_key)),
    ("somebody answers in the bridge's place who has its line and not its key", "none", "bridge_bad_auth", {}, bridge(the_impostor)),
    ("the bridge's port is closed", "none", "refused", {}, bridge(another_port)),
    ("a program instead of our own obfs4, and it is Debian's", "none", "won", {}, by_a_program("obfs4proxy")),
    ("a program that ends at once", "none", "proxy_failed", {}, by_a_program("false")),
    ("a web page where the webtunnel should be", "none", "http_status", {}, webtunnel("nothing-here")),
    ("packets to the bridge vanish", "S26", "timed_out", {"shipped": [world.BRIDGE]}, bridge()),
    ("RST on the bridge's first data", "S04", "reset_after_hello", {"suspects": [world.BRIDGE + "/32"]}, bridge()),
]
# The same with a list in hand that is no longer fresh.
HELD = [("an older list, past its time", "rolled_back", "old"), ("an older list, still fresh", "verified_but_older", "lagging"),
        ("the list in hand", "verified_same", "held"), ("the same version with other bytes", "equivocation", "other")]


def seen(real: world.World, bench: Bench, row: Row, folder: str, repeats: int) -> collections.Counter[str]:
    """What was said of one row, each time by a new installation with another seed of the censor's."""
    _, rules, wanted, define, make = row
    profile = rules
    if "\n" in rules:
        profile = os.path.join(folder, "own.rules")
        with open(profile, "w", encoding="ascii") as file:
            file.write(rules)
    routes, dns, of, sidecar = make(bench)
    of = of or routes[-1]["name"]
    said: collections.Counter[str] = collections.Counter()
    for seed in range(1, repeats + 1):
        with Censor(real.internet, profile, seed=seed, rtt=60, define=define):
            if "before_hello" in wanted:  # by the residual state of a connection before
                bench.said(real.client(*routes, dns=dns), of)
            said[bench.said(real.client(*routes, dns=dns, sidecar=sidecar), of)] += 1
    return said


def with_a_list_in_hand(real: world.World, bench: Bench, site: str, repeats: int) -> collections.Counter[str]:
    said: collections.Counter[str] = collections.Counter()
    for _ in range(repeats):
        client = real.client(bench.direct("held"), dns=bench.doh)
        bench.said(client, "direct-a")
        configuration = Path(client.configuration)
        configuration.write_text(configuration.read_text("ascii").replace(f"{lab.SECRET}-held", f"{lab.SECRET}-{site}"), "ascii")
        said[bench.said(client, "direct-a")] += 1
    return said


def main() -> None:
    repeats = int(sys.argv[1])
    real = race_wire.the_internet()
    undo = contextlib.ExitStack()
    undo.callback(real.close)
    rows: list[dict[str, Any]] = []

    def found(done: str, by: str, wanted: str, said: collections.Counter[str]) -> None:
        rows.append({"done": done, "by": by, "wanted": wanted, "said": said})
        print(rows[-1], file=sys.stderr)

    try:
        bench = Bench(real)
        undo.callback(bench.close)
        with tempfile.TemporaryDirectory() as folder:
            for row in ROWS:
                found(row[0], "a rule of its own" if "\n" in row[1] else row[1], row[2], seen(real, bench, row, folder, repeats))
        with Censor(real.internet, "none", seed=1, rtt=60):
            for done, wanted, site in HELD:
                found(done, "a server", wanted, with_a_list_in_hand(real, bench, site, repeats))
        found("the link is down: what the race says", "ip link", "offline", bench.without_a_link(repeats))
    finally:
        undo.close()
    print(json.dumps({"rows": rows}))
    wrong = [row["done"] for row in rows if not set(row["said"]) <= set(row["wanted"].split(" or "))]
    if "strict" in sys.argv[2:] and wrong:
        sys.exit(f"another class than the one that it is: {wrong}")


if __name__ == "__main__":
    main()
