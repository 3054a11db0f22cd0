"""What was done to an onion route in a private Tor network, and which class Landfall says it was. Start it by tests/lab/enter.py. Prints one
JSON object as race_confusion.py does. Argument: how often each. The rows, and that each class is the one that it is, are lab.tor's."""

from __future__ import annotations

import collections
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "lab"))
import onion_failures  # noqa: E402
import onion_lab  # noqa: E402


def main() -> None:
    repeats = int(sys.argv[1])
    failures = onion_failures.Failures(onion_lab.shared())

    def said(row: Any) -> str:
        race, _, _ = failures.race(row)
        outcome: str = race.lane("onion")[0]
        return outcome

    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(onion_failures.AT_ONCE) as at_once:
        running = [(row, [at_once.submit(said, row) for _ in range(repeats)]) for row in failures.ROWS]
    for row, ended in running:
        rows.append({"done": row[0], "by": "private Tor network", "wanted": row[1], "said": collections.Counter(one.result() for one in ended)})
        print(rows[-1], file=sys.stderr)
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
