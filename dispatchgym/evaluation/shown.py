"""What an evaluation shows beside its tables: pictures, and a report for a browser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dispatchgym.evaluation.report import Report
from dispatchgym.evaluation.results import Pair, Results, Row, key
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Shown:
    """The pairs that were asked for, and all rows of the folder: only what was asked for is drawn."""

    problem: Family
    pairs: Sequence[Pair]
    all_rows: Sequence[Row]
    results: Results
    console: Console

    @property
    def rows(self) -> list[Row]:
        asked = {pair.key for pair in self.pairs}
        return [row for row in self.all_rows if key(row) in asked]

    @property
    def instances(self) -> dict[str, Any]:
        return {pair.instance.name: pair.instance for pair in self.pairs}

    def plot(self) -> None:
        """Write OUT/plots. Raises InputError where it cannot be written."""
        from dispatchgym.evaluation import plots

        folder = self.results.out / "plots"
        try:
            self._say(folder, plots.draw_all(self.problem, self.rows, self.instances, self.results.read_schedule, folder))
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror or error}; the results are whole") from error

    def report(self, summary: Report, run: dict[str, Any]) -> None:
        """Write OUT/report.html. Raises InputError where it cannot be written."""
        from dispatchgym.report.evaluation import write_report

        path = self.results.out / "report.html"
        left_out = write_report(self.problem, self.rows, self.instances, self.results.read_schedule, summary, run, path)
        self._say(path, [*left_out, "open it in a browser"])

    def _say(self, where: object, lines: Iterable[str]) -> None:
        for line in lines:
            self.console.print(f"{where}: {line}", markup=False, highlight=False, soft_wrap=True)
