"""The report of a training: what `train.py --report` writes to OUT/report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatchgym.instances import json_fields
from dispatchgym.instances.files import read_text
from dispatchgym.report.page import Page, write
from dispatchgym.report.scene import Chart, Line
from dispatchgym.report.summary import Cell, Table

MOST = 64 * 2**20  # bytes of a log
COUNTS = ("iteration", "episodes", "seconds", "validation")
RULE = "rule."


def write_report(title: str, out: Path, command: str) -> Path:
    """Write OUT/report.html on the run in `out` and return its path.

    Raises InputError where the log or the metadata cannot be read, a package is missing, or the file cannot be written.
    """
    lines = _lines(out / "log.jsonl")
    about = json_fields.parse(read_text(out / "policy.json", MOST, follow=False), str(out / "policy.json")).value
    path = out / "report.html"
    config = about.get("config", {})
    known = [(name, str(value)) for name, value in about.items() if name != "config" and not isinstance(value, dict | list)]
    write(
        Page(
            title=f"Training: {title}",
            head=[_said(lines)],
            command=command,
            facts=[*known, *((f"setting {name}", str(value)) for name, value in config.items())],
            tables=[_last(lines)] if lines else [],
            charts=charts(lines),
        ),
        path,
    )
    return path


def _lines(path: Path) -> list[dict[str, Any]]:
    text = read_text(path, MOST, follow=False) if path.exists() else ""
    return [json_fields.parse(line, f"{path} line {i}").value for i, line in enumerate(text.splitlines(), 1)]


def _said(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return "no validation has been logged yet"
    best = min(lines, key=lambda line: line["validation"])
    rules = _rules(lines)
    compared = f"; the best rule, {min(rules, key=lambda name: rules[name])}: {min(rules.values()):.2f} %" if rules else ""
    after = f"after {best['seconds'] / 60:.1f} minutes, {best['episodes']} episodes"
    return f"best validation {best['validation']:.2f} % above the lower bound, {after}{compared}"


def _rules(lines: list[dict[str, Any]]) -> dict[str, float]:
    return {name.removeprefix(RULE): value for name, value in lines[-1].items() if name.startswith(RULE)}


def charts(lines: list[dict[str, Any]]) -> list[Chart]:
    """The validation with the family's rules over time, then every other number of the log."""
    if not lines:
        return []
    minutes = [line["seconds"] / 60 for line in lines]
    text = [f"iteration {line['iteration']}, {line['episodes']} episodes" for line in lines]
    shown = [Line("policy, greedy", minutes, [line["validation"] for line in lines], text=text, colour=0)]
    rules = _rules(lines)
    best = min(rules, key=lambda name: rules[name]) if rules else ""
    ends = [min(minutes), max(minutes)]
    for i, name in enumerate(sorted(rules, key=lambda name: rules[name])):
        label = f"{'best rule: ' if name == best else ''}{name} {rules[name]:.2f} %"
        shown.append(Line(label, ends, [rules[name]] * 2, style="dashes", colour=None if name == best else i + 1))
    note = "Mean over the validation instances. It compares with runs on the same ones only, and 0 cannot be reached."
    found = [Chart("Validation", "minutes of training", "above the lower bound (%)", shown, note=note)]
    others = [name for name in lines[-1] if name not in COUNTS and not name.startswith(RULE)]
    for name in others:
        values = [line.get(name) for line in lines]
        found.append(Chart(name.replace("_", " "), "minutes of training", name, [Line(name, minutes, values, colour=0)]))
    return found


def _last(lines: list[dict[str, Any]]) -> Table:
    """The lines of the log, the last one first, at most so many that the table can be read."""
    every = max(1, len(lines) // 50)
    kept = lines[::-1][::every]
    names = [name for name in lines[-1] if not name.startswith(RULE)]
    rows = [[Cell(f"{line.get(name, ''):g}" if name in line else "-", line.get(name)) for name in names] for line in kept]
    return Table("Log", names, rows, (f"Every {every}. line of log.jsonl, the last one first.",) if every > 1 else ())
