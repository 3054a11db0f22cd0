#!/usr/bin/env python3
"""Builds the reference ML-DSA-65 as a shared library and prints its path; does nothing when it is there.

The C sources (public domain, PQClean) come from the npm package `pqclean`, one fixed version with a fixed hash, and are
compiled by the system's `cc` together with seeded_random.c. The result lies in $XDG_CACHE_HOME/landfall/pqclean.
"""
import fcntl
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "0.8.1"
TARBALL_SHA256 = "0ba5483b34b8d8dce03d569c8a8962049ff94723c26184fa84a0bc6b2b0f4a36"
HERE = Path(__file__).resolve().parent
SOURCES = "package/deps/PQClean/crypto_sign/ml-dsa-65/clean/"
COMMON = "package/deps/PQClean/common/"


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "landfall" / "pqclean"


def library_path() -> Path:
    # Named after what it is made of, so that a change of either makes a new one.
    shim = hashlib.sha256((HERE / "seeded_random.c").read_bytes()).hexdigest()[:12]
    return cache_folder() / f"mldsa65-{VERSION}-{shim}.so"


def run(command: list, folder: str) -> None:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"build_mldsa: {' '.join(command[:3])} failed: {done.stderr.strip()[-2000:]}")


def unpack(tarball: Path, folder: str) -> None:
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != TARBALL_SHA256:
        sys.exit(f"build_mldsa: pqclean {VERSION} has the SHA-256 {digest}, not the expected {TARBALL_SHA256}")
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            wanted = member.name.startswith(SOURCES) or member.name.startswith(COMMON)
            if member.isfile() and wanted and ".." not in member.name:
                archive.extract(member, folder)


def build(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        tarball = target.parent / f"pqclean-{VERSION}.tgz"
        if not tarball.exists():
            run(["npm", "pack", "--silent", "--ignore-scripts", f"pqclean@{VERSION}", "--pack-destination", str(target.parent)], folder)
        unpack(tarball, folder)
        sources = sorted(str(p) for p in (Path(folder) / SOURCES).glob("*.c"))
        sources += [str(Path(folder) / COMMON / "fips202.c"), str(HERE / "seeded_random.c")]
        output = os.path.join(folder, "mldsa65.so")
        run(["cc", "-O2", "-std=c99", "-fPIC", "-shared", f"-I{Path(folder) / COMMON}", f"-I{Path(folder) / SOURCES}",
             "-o", output, *sources], folder)
        os.replace(output, target)


def ensure() -> Path:
    """The library's path, built first when it is not there."""
    target = library_path()
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target.parent / "lock", "w") as lock:  # two test runs may start at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                build(target)
    return target


if __name__ == "__main__":
    print(ensure())
