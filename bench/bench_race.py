#!/usr/bin/env python3
"""How fast and how quietly the first list comes, beside other ways to race; in virtual time, and on a wire where the machine lets
us make network namespaces. Writes docs/RESULTS.md; the goals are in race_goals.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import measure
import race_report

ROOT = Path(__file__).resolve().parent.parent
SEEDS = 100  # the median of a start's jitter is known to a hundredth of a second then
WIRE_RUNS = 11
CONFUSION_RUNS = 2
NOT_RUN = 77  # tests/lab/enter.py


def on_the_wire(build: Path, script: str, runs: int) -> dict[str, Any] | str:
    """What the script measured; or why it was not run."""
    env = {**os.environ, "LANDFALL_BIN": str(build / "landfall"), "LANDFALL_SERVER_BIN": str(build / "landfall-server"),
           "LANDFALL_CENSORSIM_BIN": str(build / "tests" / "censor" / "censorsim")}
    ended = subprocess.run([sys.executable, "-B", ROOT / "tests" / "lab" / "enter.py", ROOT / "bench" / script, str(runs)], env=env,
                           stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode == NOT_RUN:
        return "not measured: this machine gives no network namespaces.\n"
    ended.check_returncode()
    measured: dict[str, Any] = json.loads(ended.stdout)
    return measured


def main() -> None:
    args = measure.arguments()
    said = subprocess.run([args.build / "bench" / "race_model", str(SEEDS)], check=True, capture_output=True, text=True).stdout
    model = json.loads(said)
    wire = on_the_wire(args.build, "race_wire.py", WIRE_RUNS)
    confusion = on_the_wire(args.build, "race_confusion.py", CONFUSION_RUNS)
    tor = on_the_wire(args.build, "tor_confusion.py", CONFUSION_RUNS)
    if not isinstance(confusion, str) and not isinstance(tor, str):
        confusion["rows"] += tor["rows"]
    text = race_report.results(model, wire, confusion)
    (ROOT / "docs" / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text[:text.index("## Full matrix")])
    measure.save(args.out, {"model": model, "wire": wire, "confusion": confusion})


if __name__ == "__main__":
    main()
