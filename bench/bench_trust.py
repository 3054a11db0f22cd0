#!/usr/bin/env python3
"""How much the verification of a list costs over its signatures alone. Goal: at most 1.4 times the composite verifications."""

import json
import subprocess

import measure

args = measure.arguments()
data = json.loads(subprocess.run([args.build / "bench" / "bench_trust"], check=True, capture_output=True, text=True).stdout)
def ratio(to: str) -> list[float]:
    return [v / b for v, b in zip(data["verify_us"], data[to])]


measure.table(
    f"verification of a 256-peer list, 2 signatures, {data['bytes']} bytes; median (min–max) of {len(data['verify_us'])} interleaved rounds",
    ["what", "µs", "trust::verify_list is … times that"],
    [
        ["OpenSSL, the bare halves: 2 ML-DSA-65 + 2 Ed25519", measure.shown(data["halves_us"]), measure.shown(ratio("halves_us"), 2)],
        ["OpenSSL, 2 composite signatures: the same + SHA-512 of the message for each", measure.shown(data["composite_us"]),
         measure.shown(ratio("composite_us"), 2) + "   goal 1.4"],
        ["trust::verify_list", measure.shown(data["verify_us"]), ""],
    ],
)
measure.save(args.out, {**{k: measure.spread(data[k]) for k in ("halves_us", "composite_us", "verify_us")},
                        "ratio_to_halves": measure.spread(ratio("halves_us")), "ratio_to_composite": measure.spread(ratio("composite_us")), "goal": 1.4})
