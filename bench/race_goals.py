"""The arithmetic of the race bench: medians of samples in which some never arrive, and the goals of a cell. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Sequence

NEVER = math.inf
OPENS_AT_ONCE = "everything"
COLD, WARM, STAGGERED, SEQUENTIAL = "cold", "warm", "staggered", "sequential"


def times(values: Sequence[float]) -> list[float]:
    """Seconds; what brought no list took for ever."""
    return sorted(NEVER if value < 0 else value / 1000 for value in values)


def quantile(values: Sequence[float], part: float) -> float:
    """Of sorted values, between neighbours in proportion; for ever where either neighbour is."""
    at = part * (len(values) - 1)
    low, high = math.floor(at), math.ceil(at)
    if low == high or values[low] == values[high]:
        return values[low]
    return values[low] + (values[high] - values[low]) * (at - low)


def median(values: Sequence[float]) -> float:
    return quantile(sorted(values), 0.5)


@dataclass(frozen=True)
class Oracle:
    route: str
    seconds: float  # its median
    starts: float  # when the schedule would start it, if all others were silent: the median


def oracle(alone: dict[str, Any]) -> Oracle | None:
    """The route that is quickest alone; None where none is open."""
    found = [Oracle(name, median(times(run["ms"])), median(run["prescribed"]) / 1000) for name, run in alone.items()]
    best = min(found, key=lambda one: one.seconds)
    return best if best.seconds < NEVER else None


@dataclass(frozen=True)
class Goal:
    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def promised(dropped: int, seconds: float) -> float:
    """How many times faster than 5 s for each dropped route: at least."""
    return 0.8 * (5 * dropped + seconds) / (0.25 * dropped + seconds)


def goals(cell: dict[str, Any], dropped: int = 0) -> list[Goal]:
    """Of one scenario on one path; `dropped`: routes in front that are silent. Nothing where no route is open."""
    best = oracle(cell["alone"])
    if best is None:
        return []
    runs = cell["runs"]
    middle = {name: median(times(run["ms"])) for name, run in runs.items()}
    out = [
        Goal("cold", middle[COLD] / (best.seconds + best.starts), 1.25),
        Goal("warm", middle[WARM] / best.seconds, 1.10),
        Goal("stagger", middle[COLD] / middle[STAGGERED], 1.02),
        Goal("connections", median(runs[COLD]["connections"]) / median(runs[OPENS_AT_ONCE]["connections"]), 0.5),
    ]
    if dropped:
        out.append(Goal("sequential", middle[SEQUENTIAL] / middle[COLD], promised(dropped, best.seconds), at_least=True))
    return out
