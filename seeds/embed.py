#!/usr/bin/env python3
"""Writes the C++ source that carries a folder of seeds (see seeds/README.md). Run by cmake/seeds.cmake.

It checks what a mistake of a packager would break, so that the mistake ends the build and not a user's start: names,
JSON, one network, consecutive roots. Signatures are checked by the program itself, as those of any document.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import sys
import time

MAX_ENVELOPE = 128 * 1024
ROOT = re.compile(r"root(\.[0-9]+)?\.dsse\.json")
LIST = "list.dsse.json"


def fail(path: str, message: str) -> None:
    sys.exit(f"{path}: {message}")


def read(path: str, kind: str):
    """The file's bytes and its payload as an object."""
    with open(path, "rb") as file:
        content = file.read()
    if len(content) > MAX_ENVELOPE:
        fail(path, f"larger than {MAX_ENVELOPE} bytes")
    try:
        payload = json.loads(base64.b64decode(json.loads(content)["payload"], validate=True))
        if payload["type"] != kind:
            fail(path, f"its type is {payload['type']!r}; {kind!r} is wanted")
        if not isinstance(payload["network"], str) or not isinstance(payload["version"], int):
            fail(path, "no network and version in its payload")
    except (ValueError, KeyError, TypeError) as error:
        fail(path, f"not a signed document: {error!r}")
    return content, payload


def literal(content: bytes) -> str:
    lines = (content[i : i + 32] for i in range(0, len(content), 32))
    return "\n".join('    "' + "".join(f"\\x{b:02x}" for b in line) + '"' for line in lines) or '    ""'


def source(network: str, roots: list, listed: bytes, origin: str, built: int) -> str:
    digest = hashlib.sha256(b"".join(roots) + listed).hexdigest() if roots else ""
    lines = ['#include "seeds/compiled.hpp"', "", "namespace landfall::seeds {", "", "namespace {"]
    for number, content in enumerate(roots):
        lines.append(f"constexpr char root_{number}[] =\n{literal(content)};")
    lines.append(f"constexpr char list[] =\n{literal(listed)};")
    names = ", ".join(f"{{root_{n}, sizeof root_{n} - 1}}" for n in range(len(roots)))
    lines += [
        "} // namespace",
        "",
        "const compiled_seeds& compiled() noexcept {",
        f"  static const compiled_seeds seeds{{{json.dumps(network)}, {{{names}}}, {{list, sizeof list - 1}},",
        f"                                    {json.dumps(origin)}, {json.dumps(digest)}, {built}}};",
        "  return seeds;",
        "}",
        "",
        "} // namespace landfall::seeds",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--origin", required=True)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()

    roots, listed, networks = [], b"", set()
    for path in arguments.files:
        name = os.path.basename(path)
        if name == LIST:
            listed, payload = read(path, "peerlist")
        elif ROOT.fullmatch(name):
            content, payload = read(path, "root")
            roots.append((payload["version"], path, content))
        else:
            fail(path, f"neither root.dsse.json, root.N.dsse.json nor {LIST}")
        networks.add(payload["network"])
    roots.sort()
    for (before, _, _), (after, path, _) in zip(roots, roots[1:]):
        if after != before + 1:
            fail(path, f"root version {after} does not follow {before}")
    if len(networks) > 1:
        fail(arguments.origin, f"documents of several networks: {', '.join(sorted(networks))}")
    if listed and not roots:
        fail(arguments.origin, f"{LIST} without root.dsse.json")
    network = networks.pop() if networks else ""
    if network and not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", network):
        fail(arguments.origin, f"not the name of a network: {network!r}")
    # https://reproducible-builds.org/specs/source-date-epoch/
    built = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    with open(arguments.out, "w", encoding="ascii") as file:
        file.write(source(network, [content for _, _, content in roots], listed, arguments.origin, built))


if __name__ == "__main__":
    main()
