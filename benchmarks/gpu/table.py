"""A result for people, in 80 columns."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from benchmarks.gpu.runner import FORMAT
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text

WIDTH = 80
FIELDS = {"entries": list, "header": dict, "tiny": bool, "simulated": bool}


def load(path: Path) -> dict[str, Any]:
    """A result; InputError if the file is none."""
    try:
        data = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{path}: not a result of python -m benchmarks.gpu in format {FORMAT}")
    for name, kind in FIELDS.items():
        if not isinstance(data.get(name), kind):
            raise InputError(f"{path}: {name} is missing, or no {kind.__name__}")
    for n, entry in enumerate(data["entries"]):
        strings = isinstance(entry, dict) and all(isinstance(entry.get(k), str) for k in ("part", "case", "status", "reason"))
        rows = entry.get("rows") if isinstance(entry, dict) else None
        if not strings or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{path}: entries[{n}] is not one of part, case, status, reason and rows")
    return data


def show(data: dict[str, Any]) -> str:
    """All entries, then what did not come out."""
    lines = []
    if data["simulated"]:
        lines.append("Made in numba's simulator: times say nothing of a GPU.")
    for entry in data["entries"]:
        lines += show_entry(entry)
    return "\n".join([*lines, "", *summary(data["entries"])])


def show_entry(entry: dict[str, Any]) -> list[str]:
    """The case, and a line for each row; more lines where they do not fit."""
    seconds = f" ({entry['seconds']:g} s)" if isinstance(entry.get("seconds"), (int, float)) else ""
    lines = [f"{entry['part']}: {entry['case']}{seconds}"]
    rows = entry["rows"]
    for row in rows[-1:] if entry["part"] == "environment" else rows:
        text = ", ".join(f"{name} {describe(value)}" for name, value in row.items() if value != "")
        lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
    if entry["status"] != "ok":
        said = f"{entry['status']}: {entry['reason']}"
        lines += textwrap.wrap(said, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return [line[:WIDTH] for line in lines]


def describe(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def summary(entries: list[dict[str, Any]]) -> list[str]:
    """How many entries there are of each status, and the cases that are not equal."""
    found: list[str] = []
    for status in ("failed", "late", "needs a device"):
        names = [f"{e['part']} {e['case']}" for e in entries if e["status"] == status]
        if names:
            found.append(f"{status}: {'; '.join(names)}")
    unequal = [f"{e['part']} {e['case']}" for e in entries if any(row.get("equal") is False for row in e["rows"])]
    done = sum(e["status"] == "ok" for e in entries)
    text = [f"{done} of {len(entries)} cases done.", *found, f"not equal: {'; '.join(unequal) or 'none'}"]
    return [line for part in text for line in textwrap.wrap(part, WIDTH, subsequent_indent="  ")]


def unequal(entries: list[dict[str, Any]]) -> bool:
    return any(row.get("equal") is False for entry in entries for row in entry["rows"])
