#!/usr/bin/env python3
"""How much the verification of a list costs over the signatures themselves. Goal: at most 1.4 times."""

import json
import subprocess
import sys

import measure

args = measure.arguments()
data = json.loads(subprocess.run([args.build / "bench" / "bench_trust"], check=True, capture_output=True, text=True).stdout)
ratios = [v / b for v, b in zip(data["verify_us"], data["bare_us"])]
measure.table(
    f"verification of a 256-peer list, 2 signatures, {data['bytes']} bytes; µs, median (min–max) of {len(ratios)} interleaved rounds",
    ["what", "µs", "ratio"],
    [
        ["bare OpenSSL: 2 ML-DSA-65 + 2 Ed25519", measure.shown(data["bare_us"]), "1 (the limit)"],
        ["trust::verify_list", measure.shown(data["verify_us"]), measure.shown(ratios, 2)],
    ],
)
measure.save(args.out, {**{k: measure.spread(data[k]) for k in ("bare_us", "verify_us")}, "ratio": measure.spread(ratios), "goal": 1.4})
sys.exit(0)
