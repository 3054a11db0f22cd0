#!/usr/bin/env python3
"""A pair of obfs4 halves beside obfs4proxy's pair: bulk, processor time, handshakes, idle connections; interleaved rounds.

Goals: 2 x obfs4proxy's MB/s at 0.55 x its CPU s/GB; 1.5 x its handshakes/s; an idle connection at most 40 KiB in each half."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import threading
import time
from pathlib import Path

import measure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))
from obfs4_rig import Echo, Pair, read_exactly  # noqa: E402

ROUNDS, BULK, SESSIONS, WORKERS, IDLE = 5, 192 << 20, 400, 16, 200
TICK = os.sysconf("SC_CLK_TCK")


def sink(ready: "multiprocessing.connection.Connection") -> None:
    """Reads to the end of each connection, then says how much came."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    ready.send(listener.getsockname()[1])
    room = bytearray(1 << 20)
    while True:
        connection, _ = listener.accept()
        total = 0
        while total < BULK and (got := connection.recv_into(room)):
            total += got
        connection.sendall(total.to_bytes(8, "big"))
        connection.close()


def cpu(pair: Pair) -> float:
    total = 0
    for pid in pair.pids.values():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def bulk(pair: Pair) -> tuple[float, float]:
    """MB/s and CPU s/GB of both halves together."""
    block = bytes(1 << 20)
    with pair.connect() as connection:
        used, began = cpu(pair), time.monotonic()
        for _ in range(BULK >> 20):
            connection.sendall(block)
        assert int.from_bytes(read_exactly(connection, 8), "big") == BULK
        took = time.monotonic() - began
        return BULK / took / 1e6, (cpu(pair) - used) / (BULK / 1e9)


def handshakes(pair: Pair) -> tuple[float, float]:
    """Sessions a second, and milliseconds of both halves' processor time for each."""
    def work() -> None:
        for _ in range(SESSIONS // WORKERS):
            with pair.connect() as connection:
                connection.sendall(b"x")
                read_exactly(connection, 1)

    used, began = cpu(pair), time.monotonic()
    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - began
    return SESSIONS / took, (cpu(pair) - used) * 1000 / SESSIONS


def idle(pair: Pair) -> float:
    """KiB that one established, silent connection takes in one half."""
    before = sum(measure.memory_kb(pid)["rss"] for pid in pair.pids.values())
    held = []
    for _ in range(IDLE):
        held.append(pair.connect())
        held[-1].sendall(b"x")
        read_exactly(held[-1], 1)
    after = sum(measure.memory_kb(pid)["rss"] for pid in pair.pids.values())
    for connection in held:
        connection.close()
    return (after - before) / IDLE / len(pair.pids)


def main() -> None:
    args = measure.arguments()
    program = str(args.build / "tests" / "e2e" / "obfs4_pair")
    near, far = multiprocessing.Pipe()
    target = multiprocessing.Process(target=sink, args=(far,), daemon=True)
    target.start()
    sink_port, echo = near.recv(), Echo()
    names = {"landfall": "ours", "obfs4proxy": "theirs"}
    data: dict[str, dict[str, list[float]]] = {name: {k: [] for k in ("mb_s", "cpu_s_gb", "hs_s", "hs_cpu_ms", "idle_kib")} for name in names}
    for _ in range(ROUNDS):
        for name, side in names.items():
            into = data[name]
            for kind, port in ((bulk, sink_port), (handshakes, echo.port), (idle, echo.port)):
                pair = Pair(side, side, port, pair=program)
                try:
                    got = kind(pair)
                finally:
                    pair.close()
                if kind is bulk:
                    into["mb_s"].append(got[0]), into["cpu_s_gb"].append(got[1])
                elif kind is handshakes:
                    into["hs_s"].append(got[0]), into["hs_cpu_ms"].append(got[1])
                else:
                    into["idle_kib"].append(got)
    target.terminate()
    echo.close()
    report(args.out, data)


def report(out: Path, data: dict[str, dict[str, list[float]]]) -> None:
    def ratio(key: str) -> list[float]:
        return [a / b for a, b in zip(data["landfall"][key], data["obfs4proxy"][key])]

    rows = []
    for key, what, goal in (
        ("mb_s", "bulk, MB/s", ">= 2"), ("cpu_s_gb", "CPU s/GB, both halves", "<= 0.55"), ("hs_s", "handshakes/s", ">= 1.5"),
        ("hs_cpu_ms", "CPU ms/handshake, both halves", ""), ("idle_kib", "KiB per idle connection and half", "<= 40 KiB"),
    ):  # fmt: skip
        rows.append([what, *(measure.shown(data[name][key], 2) for name in data), measure.shown(ratio(key), 2), goal])
    measure.table(f"obfs4, client and server on loopback; median (min–max) of {ROUNDS} interleaved rounds",
                  ["what", "landfall", "obfs4proxy", "ratio", "goal"], rows)  # fmt: skip
    measure.save(out, {name: {k: measure.spread(v) for k, v in values.items()} for name, values in data.items()}
                 | {"ratio": {k: measure.spread(ratio(k)) for k in data["landfall"]},
                    "goals": {"mb_s": 2.0, "cpu_s_gb": 0.55, "hs_s": 1.5, "idle_kib": 40}})  # fmt: skip


if __name__ == "__main__":
    main()
