#!/usr/bin/env python3
"""The rules of CONTRIBUTING.md that a program can check: layers, sizes, words. Prints file:line: rule; ends with 1 at any."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    "base": 0, "crypto": 0,
    "wire": 1, "config": 1,
    "trust": 2, "net": 2,
    "http": 3,
    "fronting": 4, "ptclient": 4, "onion": 4, "seeds": 4,
    "peers": 5, "fallback": 5,
    "sidecar": 6, "server": 6,
}  # fmt: skip
SERVER_MAY_INCLUDE = {"base", "crypto", "wire", "config", "trust", "server"}
PURE = {"base", "crypto", "wire", "config", "trust", "seeds", "peers", "server"}  # no Asio
# The demo's censor is the tests' own (docs/adr/0007): the one folder of tests that a program may include.
SIMULATOR = "tests/censor/"
SIMULATOR_WITH_IO = ("tests/censor/relay", "tests/censor/unit/", "tests/censor/wire/main.cpp")
MAX_LINES = {".cpp": 500, ".hpp": 500, ".py": 500}
MAX_HEADER = 200
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
FORBIDDEN = [
    (re.compile(r"asio::detached|\bdetached\b\)"), "every child is joined: asio::detached is banned"),
    (re.compile(r"using namespace std;"), "no using namespace std"),
    (re.compile(r"\b(TODO|FIXME|XXX)\b"), "a left-over: make it an issue"),
]
SLEEPS = re.compile(r"time\.sleep\(|\busleep\(|this_thread::sleep")


CONDITION = re.compile(r"\b(?:if|while|switch)\s*(?:constexpr\s*)?\(")


def awaits_in_condition(line: str) -> bool:
    """g++ 12 lays out the coroutine's frame wrongly then: a wild jump at run time, with and without optimisation."""
    for match in CONDITION.finditer(line.split("//")[0]):
        depth, end = 1, match.end()
        while end < len(line) and depth > 0:
            depth += {"(": 1, ")": -1}.get(line[end], 0)
            end += 1
        if "co_await" in line[match.end():end]:
            return True
    return False


def tracked() -> list[str]:
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [line for line in out.splitlines() if (ROOT / line).is_file()]


def check_include(name: str, number: int, quoted: str | None, angled: str | None) -> str | None:
    folder = name.split("/")[0]
    if name.startswith(SIMULATOR) and not name.startswith(SIMULATOR_WITH_IO):
        if (angled and angled.startswith("boost/asio")) or (quoted and quoted.split("/")[0] not in ("base", "crypto", "tests")):
            return "the simulator is pure but for its relays: no Asio, and of ours only base/ and crypto/"
    if folder not in LAYERS:
        return None
    if angled and folder in PURE and (angled.startswith("boost/asio") or angled.startswith("boost/beast")):
        return f"{folder}/ is pure: no Asio"
    if angled and angled.startswith("curl/") and folder != "http":
        return "only http/ knows curl"
    if angled and angled.startswith("ares") and folder != "http":
        return "only http/ knows c-ares"
    if angled and angled.startswith("event2/") and folder != "server":
        return "only server/ knows libevent"
    if not quoted:
        return None
    target = quoted.split("/")[0]
    if target == folder:
        return None
    if folder == "sidecar" and quoted.startswith(SIMULATOR):
        return None
    if target not in LAYERS:
        return f'"{quoted}": includes are relative to the root'
    if LAYERS[target] >= LAYERS[folder]:
        return f"{folder}/ (layer {LAYERS[folder]}) must not include {target}/ (layer {LAYERS[target]})"
    if folder == "server" and target not in SERVER_MAY_INCLUDE:
        return f"server/ must not include {target}/"
    return None


def check_file(name: str) -> list[str]:
    path = ROOT / name
    found: list[str] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    limit = MAX_LINES.get(path.suffix)
    if limit and len(lines) > limit:
        found.append(f"{name}:1: {len(lines)} lines; at most {limit}")
    if path.suffix == ".hpp" and name.split("/")[0] in LAYERS and len(lines) > MAX_HEADER:
        found.append(f"{name}:1: a header of {len(lines)} lines; at most {MAX_HEADER}")
    for number, line in enumerate(lines, 1):
        for pattern, rule in FORBIDDEN:
            if pattern.search(line):
                found.append(f"{name}:{number}: {rule}")
        if awaits_in_condition(line):
            found.append(f"{name}:{number}: no co_await inside a condition: bind its value to a name first")
        if SLEEPS.search(line):
            found.append(f"{name}:{number}: wait for the event, not for time")
        match = INCLUDE.match(line)
        if match:
            wrong = check_include(name, number, match.group(1), match.group(2))
            if wrong:
                found.append(f"{name}:{number}: {wrong}")
    return found


def main() -> int:
    found: list[str] = []
    for name in tracked():
        if Path(name).suffix in (".cpp", ".hpp", ".py") and name != "script/house_rules.py":
            found += check_file(name)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
