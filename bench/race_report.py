"""docs/RESULTS.md from what the race bench measured. Pure: data in, text out."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Sequence

import race_goals as arithmetic
from race_goals import NEVER, Goal

WAYS = [("cold", "(a) cold"), ("warm", "(b) warm"), ("oracle", "(c) oracle"), ("sequential", "(d) one by one"),
        ("staggered", "(e) staggered"), ("everything", "(f) at once")]
REFERENCE = (150, 0.01)
WITHIN = 0.15

HEAD = """# Results

Written by the programs of `script/bench race`; all figures of a table come from one run. Times are seconds to the first verified list of
tier A, median / 95th percentile; `–`: no list. What is compared is the order and the timing of attempts: all ways to race run
the same lanes (the same look-ups, fronts, resumed bodies and deadlines) against the same censor.

| way | |
|---|---|
| (a) cold | Landfall's schedule, ranking, penalties; nothing remembered |
| (b) warm | the same an hour later, with the network memory of that one race |
| (c) oracle | the route that is quickest alone, tried alone |
| (d) one by one | strictly in order, 5 s for each |
| (e) staggered | the next after 250 ms or as soon as one failed; our caps and our tier gap; no classes, no memory |
| (f) at once | every host and every front in the same moment |

The route set of all rows:

| route | tier | looked up | reached | name in the clear |
|---|---|---|---|---|
| direct-a, direct-b | 1 | by DNS over HTTPS, one connection to each resolver for all look-ups of a race; the next of three after 500 ms, 1.5 s where it answers the SYN | two hosts, port 443 | its own |
| front-a, front-b | 1 | no: fixed addresses | three fronts each, one after the other | the front's |
| mirror | 2 | no: an address | port 8443 in another network | none |

Bridges and onion routes are in no row of the races; DNS and DHT routes do not exist in this version. The rules of each scenario
are in `tests/censor/scenarios/`, what their lists name in `bench/race_model.cpp` and `bench/race_wire.py`.
"""

CAUSES = {
    "cold": "see the rows",
    "warm": "RU-2026: routes that stalled less than 1.5 s ago serve for the comparison, so that the mirror is not timed; with 3 % loss: the one time "
            "that is remembered of a route may be a lost packet's",
    "stagger": "see the rows",
    "connections": "S03: all but the mirror are refused at once, and every way to race has to find that out; S04, CN-2026: three fronts of a route are "
                   "reset one after the other before the open one is tried, and none runs that could be compared; S20: each front refuses, in the race "
                   "and in the comparison; no resolver: three are asked in the time of the first list; RU-2026: the mirror is compared; others, at 300 ms "
                   "and 3 %: the race outlasts what counts as a burst, and one more is compared",
    "sequential": "see the rows",
}


def shown(seconds: float) -> str:
    return "–" if seconds == NEVER else f"{seconds:.2f}"


def pair(run: dict[str, Any]) -> str:
    values = arithmetic.times(run["ms"])
    middle = arithmetic.median(values)
    return "–" if middle == NEVER else f"{middle:.2f} / {shown(arithmetic.quantile(values, 0.95))}"


def row_of(header: Iterable[str]) -> str:
    return "| " + " | ".join(header) + " |"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([row_of(header), "|" + "---|" * len(header), *(row_of(row) for row in rows)]) + "\n"


def dropped(scenario: str) -> int:
    found = re.match(r"(\d) dropped", scenario)
    return int(found[1]) if found else 0


def path_of(cell: dict[str, Any]) -> tuple[int, float]:
    return cell["rtt"], cell["loss"]


def run_of(cell: dict[str, Any], way: str) -> dict[str, Any] | None:
    """The oracle's is that of the best route alone."""
    if way != "oracle":
        return cell["runs"][way]
    best = arithmetic.oracle(cell["alone"])
    return cell["alone"][best.route] if best else None


def time_table(cells: Sequence[dict[str, Any]]) -> str:
    rows = []
    for cell in cells:
        best = arithmetic.oracle(cell["alone"])
        runs = [run_of(cell, way) for way, _ in WAYS]
        rows.append([cell["scenario"], best.route if best else "none", *(pair(run) if run else "–" for run in runs)])
    return table(["scenario", "best route", *(title for _, title in WAYS)], rows)


def cost_table(cells: Sequence[dict[str, Any]]) -> str:
    def cost(run: dict[str, Any] | None) -> str:
        if run is None:
            return "–"
        return " · ".join(f"{arithmetic.median(run[what]):.0f}" for what in ("kb", "connections", "names", "addresses"))

    return table(["scenario", *(title for _, title in WAYS)], [[cell["scenario"], *(cost(run_of(cell, way)) for way, _ in WAYS)] for cell in cells])


def goal_cell(found: Sequence[tuple[tuple[int, float], Goal]]) -> str:
    if not found:
        return ""
    missed = [(path, goal) for path, goal in found if not goal.met]
    if not missed:
        return f"met {len(found)}/{len(found)}"
    worst: Callable[[tuple[tuple[int, float], Goal]], float] = lambda one: one[1].value / one[1].limit * (-1 if one[1].at_least else 1)
    (rtt, loss), goal = max(missed, key=worst)
    return f"**missed {len(missed)}/{len(found)}**: {goal.value:.2f} at {rtt} ms, {loss:.0%}"


def goal_tables(cells: Sequence[dict[str, Any]]) -> str:
    by: dict[str, dict[str, list[tuple[tuple[int, float], Goal]]]] = {}
    for cell in cells:
        goals = by.setdefault(cell["scenario"], {})
        for goal in arithmetic.goals(cell, dropped(cell["scenario"])):
            goals.setdefault(goal.name, []).append((path_of(cell), goal))
    names = ["cold", "warm", "stagger", "connections", "sequential"]
    said = {"cold": "(a) ≤ 1.25 × ((c) + the start that the schedule prescribes for that route)", "warm": "(b) ≤ 1.10 × (c)", "stagger": "(a) ≤ 1.02 × (e)",
            "connections": "connections of (a) ≤ 0.5 × (f)'s", "sequential": "(d) ÷ (a) ≥ 0.8 (5k + o) / (0.25k + o), k dropped in front"}
    whole = []
    for name in names:
        found = [one for goals in by.values() for one in goals.get(name, [])]
        met = sum(goal.met for _, goal in found)
        whole.append([said[name], f"{met} of {len(found)}", CAUSES[name] if met < len(found) else ""])
    rows = [[scenario, *(goal_cell(goals.get(name, [])) for name in names)] for scenario, goals in by.items()]
    return table(["goal, medians", "met in cells", "where it is missed: the cause"], whole) + "\n" + table(["scenario", *names], rows)


def penalty_text(cells: Sequence[dict[str, Any]]) -> str:
    total = {key: sum(cell[key] for cell in cells) for key in ("contacts", "held_back", "violations")}
    assert total["violations"] == 0, f"{total['violations']} contacts inside a penalty"
    assert total["held_back"] > 0, "nothing ever waited: the check checks nothing"
    return (f"Retries: each cold race is followed by one half a minute later and one an hour later. Of {total['contacts']} contacts none fell inside a\n"
            f"penalty of design §8, kept by an account of its own, the fronts that were given up on the way included; {total['held_back']} times a route or a\n"
            "place was passed over for one.\n")


def undisturbed(values: Sequence[float]) -> float:
    """The part of the runs that no lost packet made slower by more than a tenth than the quickest."""
    quickest = min(values)
    return sum(value <= 1.1 * quickest for value in values) / len(values)


def wire_table(wire: dict[str, Any], cells: Sequence[dict[str, Any]]) -> str:
    at = {cell["scenario"]: cell for cell in cells if path_of(cell) == (wire["rtt"], wire["loss"])}
    rows = []
    for one in wire["rows"]:
        cell = at[one["scenario"]]
        out = [one["scenario"]]
        ways = [(arithmetic.times(measured), arithmetic.times(modelled["ms"]))
                for measured, modelled in ((one["cold"], cell["runs"]["cold"]), (one["alone"], cell["alone"][one["route"]]))]
        for on_wire, in_model in ways:
            differs = arithmetic.median(on_wire) / arithmetic.median(in_model) - 1
            out += [shown(arithmetic.median(on_wire)), shown(arithmetic.median(in_model)), f"{differs:+.0%}" if abs(differs) <= WITHIN else f"**{differs:+.0%}**"]
        on_wire, in_model = ways[1]
        rows.append([*out, f"{min(on_wire) / min(in_model) - 1:+.0%}", f"{undisturbed(on_wire):.0%} / {undisturbed(in_model):.0%}", one["route"], str(one["acted"])])
    return table(["scenario", "(a) wire", "(a) model", "differs", "(c) wire", "(c) model", "differs", "quickest (c) differs", "undisturbed (c), wire / model", "(c) is",
                  "rules acted"], rows)


def confusion_table(confusion: dict[str, Any]) -> str:
    rows = []
    for one in confusion["rows"]:
        said = ", ".join(f"{name} {times}" for name, times in sorted(one["said"].items()))
        right = set(one["said"]) <= set(one["wanted"].split(" or "))
        rows.append([one["done"], one["by"], one["wanted"], said if right else f"**{said}**"])
    return table(["what was done to the route", "by", "class", "said, times"], rows)


def results(model: dict[str, Any], wire: dict[str, Any] | str, confusion: dict[str, Any] | str) -> str:
    """`wire` and `confusion`: data, or why they were not measured."""
    cells = model["cells"]
    reference = [cell for cell in cells if path_of(cell) == REFERENCE]
    paths = sorted({path_of(cell) for cell in cells})
    out = [HEAD, f"## The race in virtual time\n\n{model['seeds']} seeds a cell, {len(cells)} cells. At {REFERENCE[0]} ms and {REFERENCE[1]:.0%} loss:\n",
           time_table(reference), "The same cells: kilobytes · connections · names in the clear · addresses contacted, medians:\n", cost_table(reference),
           f"## Goals\n\nOver all {len(paths)} paths; rows without an open route have none.\n", goal_tables(cells), penalty_text(cells),
           "## On the wire\n\nNetwork namespaces, nginx and the programs of this repository, " + (wire if isinstance(wire, str) else wire_text(wire, cells)),
           "## Confusion\n\nWhat was done to a route, and the class that Landfall gave it. In bold: another class than the one that it is.\n"
           "Not in it: `cancelled`, `not_modified` (polls alone) and `local_error`, which no network does to a lane.\n",
           confusion if isinstance(confusion, str) else confusion_table(confusion),
           "## Full matrix\n"]
    for path in paths:
        out += [f"### {path[0]} ms, {path[1]:.0%} loss\n", time_table([cell for cell in cells if path_of(cell) == path])]
    return "\n".join(out)


def wire_text(wire: dict[str, Any], cells: Sequence[dict[str, Any]]) -> str:
    runs = len(wire["rows"][0]["cold"])
    return (f"{wire['rtt']} ms and {wire['loss']:.0%} loss, medians of {runs} runs each.\nBold: more than {WITHIN:.0%} from the model. "
            "No name of a direct route or an inner host was in a plaintext query (asserted on a capture of each race).\n"
            "Undisturbed: runs in which no lost packet cost more than a tenth. Where the quickest runs of wire and model agree and the medians do not, packets\n"
            "were lost in more than half of the runs of that row: about four of ten are disturbed in the model, and of a few runs that many are by chance. A lane\n"
            "that is reset ends about 11 ms after its hello on the wire, and 1 ms after it in the model. Why the quickest runs differ by a few per cent was not established.\n"
            "The kernel's memory of its peers (net.ipv4.tcp_no_metrics_save) is off, so that no run has a part in the next one.\n\n" + wire_table(wire, cells))
