#!/usr/bin/env python3
"""How long the sidecar's loop is held by the start and the end of a tor of its own, beside the same time without one. Goal: no turn of the
loop longer than 10 ms."""

from __future__ import annotations

import json
import subprocess
import tempfile

import measure

STARTS = 20
GOAL_MS = 10.0


def main() -> None:
    args = measure.arguments()
    # On a disk, where the state folder is: there a sync takes its time.
    with tempfile.TemporaryDirectory(dir=args.build) as folder:
        said = subprocess.run([args.build / "bench" / "loop_hold", str(STARTS), folder], check=True, capture_output=True, text=True).stdout
    held = json.loads(said)
    rows = [[what, measure.shown(held[key]["longest"], 2), measure.shown(held[key]["undisturbed"], 2), measure.shown(held[key]["worked"], 2)]
            for key, what in (("starts", "tor is started, bootstraps, ends"), ("nothing", "nothing is done"))]
    measure.table(f"Longest turn of the loop in ms, median (min–max) of {STARTS}", ["", "all turns", "those in which nobody else got the processor", "processor time"], rows)
    worst = max(held["starts"]["undisturbed"])
    print(f"goal: ≤ {GOAL_MS:.0f} ms: {'met' if worst <= GOAL_MS else 'missed'}: {worst:.2f} ms")
    measure.save(args.out, held)


if __name__ == "__main__":
    main()
