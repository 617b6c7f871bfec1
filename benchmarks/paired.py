"""Speed of this checkout against another one: the same figures, timed in turns.

On a shared machine the same loop can run at half its speed a minute later, so two results, or the best of two runs, do not tell
a few percent. Here a process of each checkout lives on, and after each timing of some milliseconds it is the other's turn, in the
order here, other, other, here. The ratio of a figure is the mean of the middle half of the ratios of such rounds. Its 95 %
interval is the bootstrap's, as in the tables of evaluations.

Processes are started again for every pass, as where a process happens to lie in memory changes its speed too. Figures below the
floor are measured in further passes before they are called low.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from benchmarks import trees
from benchmarks.results_file import Figure, Grid
from benchmarks.workloads import describe
from dispatchgym.instances.errors import InputError
from dispatchgym.statistics import bootstrap

WORKER = Path(__file__).with_name("paired_worker.py")
HERE, OTHER = "here", "other"
SECONDS = 0.012  # of a timing: with fewer and longer ones the ratios of equal checkouts spread more
TIMINGS = 60  # of a figure in a pass
PATIENCE, AT_LEAST = 2.0, 8  # seconds of a figure in a pass after which fewer timings are enough, and how many
PASSES, FURTHER = 3, 3
CUT = 0.25  # share of the rounds left out at either end

Rates = list[float]
Tell = Callable[[str], None]


@dataclass
class Pair:
    """A figure of both checkouts with all its timings; those of one number were neighbours."""

    figures: dict[str, Figure] = field(default_factory=dict)  # by side, the best of all passes
    rates: dict[str, Rates] = field(default_factory=lambda: {HERE: [], OTHER: []})
    rounds: Rates = field(default_factory=list)

    def add(self, figures: dict[str, Figure], rates: dict[str, Rates]) -> None:
        """What a pass has found."""
        for side, figure in figures.items():
            self.figures[side] = max(self.figures.get(side, figure), figure, key=lambda f: f.value or 0)
            self.rates[side] += rates[side]
        self.rounds += rounds(rates[HERE], rates[OTHER])

    def ratio(self) -> float | None:
        """Speed here over speed there (of bytes: the reverse); None if it was not measured in both."""
        if self.rounds:
            return middle(self.rounds)
        values = [self.figures[side].value for side in (HERE, OTHER) if side in self.figures]
        if len(values) < 2 or not values[0] or not values[1]:
            return None
        return values[1] / values[0] if self.figures[HERE].unit == "bytes" else values[0] / values[1]

    def interval(self) -> str:
        """The 95 % interval of the ratio as a cell has it; empty without several rounds or without SciPy."""
        found = bootstrap([math.log(ratio) for ratio in self.rounds], cut=CUT)
        return "" if found is None else f"{math.exp(found[0]):.3f} to {math.exp(found[1]):.3f}"

    def shown(self, side: str) -> str:
        figure = self.figures[side]
        if figure.unit == "bytes":
            return f"{int(figure.value or 0):,}"
        return describe(median(self.rates[side]) if self.rates[side] else figure.value)


def rounds(here: Rates, other: Rates) -> Rates:
    """Ratios of two timings here to two there: of the same operations, so times are what adds up."""
    pairs = list(zip(here, other, strict=False))
    whole = [pairs[n : n + 2] for n in range(0, len(pairs) - 1, 2)] or ([pairs] if pairs else [])
    return [sum(1 / b for _, b in some) / sum(1 / a for a, _ in some) for some in whole]


def middle(ratios: Sequence[float]) -> float:
    """The geometric mean of the middle half."""
    cut = int(len(ratios) * CUT)
    return geometric_mean(sorted(ratios)[cut : len(ratios) - cut])


class Worker:
    """The process of one checkout, which runs only during `advance`."""

    def __init__(self, side: str, tree: Path, arguments: Sequence[str]) -> None:
        self.side, self.tree, self.number = side, tree, 0  # number of figures that are done
        self.rates: Rates = []
        self.spent = 0.0
        self.process = trees.start(tree, WORKER.read_text(), [json.dumps(list(arguments))])
        self.event = self._read()

    @property
    def over(self) -> bool:
        return "end" in self.event

    def advance(self, answer: str) -> None:
        """Answer the last event and run to the next one."""
        assert self.process.stdin is not None
        if "rate" not in self.event:
            self.rates, self.spent = [], 0.0
        try:
            self.process.stdin.write(answer + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # reading tells why
        self.event = self._read()
        self.number += "figure" in self.event
        if "rate" in self.event:
            self.rates.append(self.event["rate"])
            self.spent += self.event["spent"]

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise InputError(f"{self.tree}: its measurement ended with status {self.process.wait()}")
        return dict(json.loads(line))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def measure(other: Path, arguments: Sequence[str], passes: int, floor: float, tell: Tell) -> dict[str, Pair]:
    """The pairs of all figures of `throughput.py ARGUMENTS`, by their keys. Low ones have up to FURTHER passes of their own."""
    trees.interpreter(other)
    pairs: dict[str, Pair] = {}
    for number in range(passes + FURTHER):
        low = {key for key, pair in pairs.items() if pair.rounds and middle(pair.rounds) < floor}
        if number >= passes and not low:
            break
        wanted = None if number < passes else {n for n, key in enumerate(pairs) if key in low}
        for figures, rates in one_pass(other, arguments, number, wanted):
            key = next(iter(figures.values())).key
            pair = pairs.setdefault(key, Pair())
            pair.add(figures, rates)
            ratio = pair.ratio()
            tell(f"pass {number + 1}: {key}: {'-' if ratio is None else f'{ratio:.3f}'}")
    return pairs


def one_pass(
    other: Path, arguments: Sequence[str], number: int, wanted: set[int] | None
) -> Iterator[tuple[dict[str, Figure], dict[str, Rates]]]:
    """Each figure of both checkouts with its timings, but for the one that warms up; of the `wanted` positions (None: all)."""
    workers: list[Worker] = []
    found: dict[str, dict[str, tuple[Figure, Rates]]] = {}
    try:
        for side, tree in ((HERE, trees.HERE), (OTHER, other)):
            workers.append(Worker(side, tree, arguments))
        order = workers[:: -1 if number % 2 else 1]
        while not all(worker.over for worker in workers):
            answers = [answer(worker, workers, wanted) for worker in order]
            for worker, text in zip(order, answers, strict=True):
                if not worker.over:
                    worker.advance(text)
                    if "figure" in worker.event:
                        figure = Figure(**worker.event["figure"])
                        found.setdefault(figure.key, {})[worker.side] = (figure, worker.rates[1:])
            order = order[::-1]
            for key in [key for key, sides in found.items() if len(sides) == 2]:
                sides = found.pop(key)
                if sides[HERE][0].value != 0:  # 0 = skipped
                    yield {s: f for s, (f, _) in sides.items()}, {s: r for s, (_, r) in sides.items()}
    finally:
        for worker in workers:
            worker.close()


def answer(worker: Worker, workers: Sequence[Worker], wanted: set[int] | None) -> str:
    """What to tell a worker at its turn; both are judged by the slower one, so that they have equally many timings."""
    if "rate" not in worker.event:
        return "go" if wanted is None or worker.number in wanted else "skip"
    count, spent = len(worker.rates) - 1, max(w.spent for w in workers)
    return "enough" if count >= TIMINGS or (spent > PATIENCE and count >= AT_LEAST) else "go"


def table(pairs: dict[str, Pair], floor: float) -> tuple[Grid, list[str]]:
    """All ratios, the least one in the last line; and the figures that are below `floor`."""
    ratios = {key: ratio for key, pair in pairs.items() if (ratio := pair.ratio()) is not None}
    if not ratios:
        raise InputError("the two checkouts have no figure in common")
    low = [key for key, ratio in ratios.items() if ratio < floor]
    body = [
        (key, pairs[key].shown(HERE), pairs[key].shown(OTHER), f"{ratio:.3f}", pairs[key].interval(), "low" if key in low else "")
        for key, ratio in ratios.items()
    ]
    least = min(ratios, key=lambda key: ratios[key])
    body.append((f"least: {least}", "", "", f"{ratios[least]:.3f}", pairs[least].interval(), ""))
    columns = ("figure", HERE, OTHER, "here / other", "95 % interval", "")
    return Grid("This checkout against the other (above 1 is better)", columns, tuple(body)), low
