"""What was done to a route on the wire, and which class Landfall says it was. Start it by tests/lab/enter.py. Prints one JSON
object: {"rows": [{"done", "by", "wanted", "said": {class: times}}]}."""

from __future__ import annotations

import collections
import json
import os
import re
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
                           "foreign": self.foreign()}
        for site, document in documents.items():
            real.nginx.put(site, document)

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

    def without_a_link(self, repeats: int) -> collections.Counter[str]:
        command("ip", "link", "set", "c0", "down")
        return collections.Counter(self.said(self.real.client(self.direct(), dns=self.doh), "direct-a") for _ in range(repeats))

    def said(self, client: Any, route: str) -> str:
        """How the lane of a race ended: its class."""
        _, told = race_wire.raced(client)
        found = re.findall(rf"^{route}: ([a-z_]+) after", told, re.MULTILINE)
        return found[-1] if found else "nothing: " + told.strip().splitlines()[-1]


def on(address: str, *does: str) -> str:
    """A rule file of its own for one address."""
    return "\n".join(["rule it", f"  to {address}", *(f"  {line}" for line in does)]) + "\n"


Row = tuple[str, str, str, dict[str, list[str]], Callable[[Bench], tuple[dict[str, Any], str]]]


def front_of(name: str = FRONT, fixed: bool = True) -> Callable[[Bench], tuple[dict[str, Any], str]]:
    shown = f"{name}@{ADDRESS[name]}" if fixed else name
    return lambda bench: (bench.front(shown), bench.doh if fixed else bench.plain)


def direct_to(site: str = world.SITE, **more: Any) -> Callable[[Bench], tuple[dict[str, Any], str]]:
    return lambda bench: (bench.direct(site, **more), bench.doh)


# what is done; its name in the censor's rules, or the text of some; the class that it is; what the rules' lists name; the route
ROWS: list[Row] = [
    ("nothing", "none", "won", {}, direct_to()),
    ("packets to the address vanish", "S26", "timed_out", {"shipped": [ADDRESS[NAME]]}, direct_to()),
    ("RST on SYN", "S03", "refused", {}, front_of()),
    ("RST on the SYN/ACK's answer", "S02", "reset_before_hello", {"blocked": [NAME]}, direct_to()),
    ("RST on the name", "S02", "reset_after_hello", {"blocked": [NAME]}, direct_to()),
    ("RST on the first data", "S04", "reset_after_hello", {"suspects": [ADDRESS[FRONT] + "/32"]}, front_of()),
    ("silence after the name", on(ADDRESS[NAME], "over tcp", f"sni {NAME}", "do drop both"), "stalled_after_hello", {}, direct_to()),
    ("silence from 15 to 20 KB on, ranges get through", "S14", "won", {}, direct_to()),
    ("silence after 4 to 6 KB, then of the server: resumed twice in vain", "S11", "stalled_after_hello", {"cdn": [ADDRESS[NAME] + "/32"]}, direct_to()),
    ("140 kbit/s", "S18", "won", {"throttled": [NAME]}, direct_to()),
    ("forged answers beside the true one", "S05", "dns_poisoned", {"blocked": [FRONT]}, front_of(fixed=False)),
    ("the name does not exist", "none", "unreachable", {}, direct_to(host="nobody.example.net")),
    ("the front refuses", "none", "front_refused", {}, lambda bench: (bench.front(f"{race_wire.REFUSING}@{race_wire.REFUSING_AT}"), bench.doh)),
    ("a login page", "none", "captive_portal", {}, direct_to(host=race_wire.PORTAL)),
    ("404", "none", "http_status", {}, direct_to("nothing-here")),
    ("another certificate", "none", "tls_certificate", {}, lambda bench: (bench.direct(ca=bench.other_ca), bench.doh)),
    ("another key in the certificate", "none", "tls_certificate", {}, direct_to(pins=["sha256/" + "A" * 43 + "="])),
    ("one byte of the list changed", "none", "below_threshold", {}, direct_to("forged")),
    ("half a JSON text", "none", "malformed", {}, direct_to("garbage")),
    ("200 KB", "none", "too_large", {}, direct_to("endless")),
    ("a list that has expired", "none", "expired", {}, direct_to("expired")),
    ("the list of another network", "none", "wrong_network", {}, direct_to("foreign")),
]
# The same with a list in hand that is no longer fresh.
HELD = [("an older list, past its time", "rolled_back", "old"), ("an older list, still fresh", "verified_but_older", "lagging"),
        ("the list in hand", "verified_same", "held"), ("the same version with other bytes", "equivocation", "other")]


def main() -> None:
    repeats = int(sys.argv[1])
    real = race_wire.the_internet()
    rows: list[dict[str, Any]] = []
    try:
        bench = Bench(real)
        with tempfile.TemporaryDirectory() as folder:
            for done, rules, wanted, define, make in ROWS:
                profile = rules
                if "\n" in rules:
                    profile = os.path.join(folder, "own.rules")
                    with open(profile, "w", encoding="ascii") as file:
                        file.write(rules)
                route, dns = make(bench)
                said: collections.Counter[str] = collections.Counter()
                for seed in range(1, repeats + 1):
                    with Censor(real.internet, profile, seed=seed, rtt=60, define=define):
                        client = real.client(route, dns=dns)
                        if wanted == "reset_before_hello":  # the residual state of a connection before
                            bench.said(client, route["name"])
                            client = real.client(route, dns=dns)
                        said[bench.said(client, route["name"])] += 1
                rows.append({"done": done, "by": rules.split("\n")[0] if "\n" not in rules else "a rule of its own", "wanted": wanted, "said": said})
                print(rows[-1], file=sys.stderr)
        with Censor(real.internet, "none", seed=1, rtt=60):
            for done, wanted, site in HELD:
                said = collections.Counter()
                for _ in range(repeats):
                    client = real.client(bench.direct("held"), dns=bench.doh)
                    bench.said(client, "direct-a")
                    configuration = Path(client.configuration)
                    configuration.write_text(configuration.read_text("ascii").replace(f"{lab.SECRET}-held", f"{lab.SECRET}-{site}"), "ascii")
                    said[bench.said(client, "direct-a")] += 1
                rows.append({"done": done, "by": "a server", "wanted": wanted, "said": said})
                print(rows[-1], file=sys.stderr)
        rows.append({"done": "the link is down", "by": "ip link", "wanted": "offline", "said": bench.without_a_link(repeats)})
    finally:
        real.close()
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
