"""Memory files: packings in MiniMalloc's CSV, programs in a JSON format of our own.

Packing: a header, then one buffer a line. Columns, in any order: `id` (also `buffer`, `buffer_id`); `lower` (also `start`,
`begin`), first time of life; `upper`, end of life, exclusive, or instead of it `end`, the last time of life, inclusive; `size`;
optionally `alignment`, `hint` (offset to try first; empty or -1 = none), `gaps` and `offset` (of a solution; passed over).
Buffers of 0 bytes or with lives of length 0 are left out, with a note.
Gaps are separated by spaces: `7-9` needs no memory at [7, 9), `7-9@2:5` only the addresses [2, 5) of its own; in a file with
`end` the second time is inclusive there too. The capacity stands in the file name: `A.1048576.csv`.

Program: a JSON object with `format`: "dispatchgym-memory-program", `version`: 1, and
  `name`, `capacity` (bytes), `alignment`, `slow_rate`, `fast_read_rate`, `fast_write_rate` (bytes per second);
  `instructions`: objects with `compute` (ticks of a picosecond) and optionally `label`, `scoped` (bytes);
  `buffers`: objects with `size` (bytes), `define` (instruction that writes it, -1 = an input of the program), `access`: a list of
    [instruction, bytes, "r" or "w"], and optionally `output` (true), `pin` ("fast", "slow"), `alias` (number of the buffer
    whose storage it reuses);
  optionally `lower_bound` and `best_known` (ticks).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.json_fields import Field, parse, shown
from dispatchgym.instances.json_shapes import Cells, Key, Object, OneOf, Rows, Text, Truth, Whole, optional
from dispatchgym.instances.memory.instance import (
    BUFFER,
    INPUT,
    INSTRUCTION,
    LIMIT,
    MAX_BUFFERS,
    MAX_BYTES,
    MAX_COMPUTE,
    MAX_RATE,
    PINS,
    WRITE,
    Gap,
    MemoryProgram,
    Packing,
    latency_bound,
)
from dispatchgym.instances.notes import note, when_accepted

FORMAT = "dispatchgym-memory-program"
VERSION = 1

_COLUMNS = {  # as files call them -> as we do
    **dict.fromkeys(("id", "buffer", "buffer_id"), "id"),
    **dict.fromkeys(("lower", "start", "begin"), "lower"),
    "upper": "upper",
    "end": "end",
    "size": "size",
    "alignment": "alignment",
    "hint": "hint",
    "gaps": "gaps",
    "offset": "offset",
}
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_GAP = re.compile(r"(-?[0-9]{1,19})-(-?[0-9]{1,19})(?:@([0-9]{1,19}):([0-9]{1,19}))?", re.ASCII)
_NAMED = re.compile(r"(.+)\.([0-9]+)\.csv", re.ASCII)


def read(path: str | Path) -> Packing | MemoryProgram:
    """What a file holds, by its content: a program if it is JSON, else a packing. Raises InputError as `parse_*` do."""
    file = Path(path)
    text = read_text(file)
    return parse_program(text, file.name) if text.lstrip().startswith("{") else parse_packing(text, file.name)


def read_packing(path: str | Path, capacity: int | None = None) -> Packing:
    """The packing in a CSV file; its capacity is `capacity`, else that in the file's name, else none.

    Raises InputError, naming file, line and value.
    """
    file = Path(path)
    return parse_packing(read_text(file), file.name, capacity)


def read_program(path: str | Path) -> MemoryProgram:
    """The program in a JSON file. Raises InputError, naming file, field and value."""
    file = Path(path)
    return parse_program(read_text(file), file.name)


@when_accepted()
def parse_packing(text: str, source: str, capacity: int | None = None) -> Packing:
    """The packing in the CSV `text` of the file `source`, which gives its name and, unless `capacity` does, its capacity."""
    name, named = _split(source)
    capacity = named if capacity is None else capacity
    if capacity is not None and not 0 < capacity <= MAX_BYTES:
        raise InputError(f"{source}: capacity {shown(capacity)} is not between 1 and {MAX_BYTES}")
    lines = [(i, line.split(",")) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise InputError(f"{source}: is empty")
    columns = _header(f"{source} line {lines[0][0]}", [cell.strip() for cell in lines[0][1]])
    if len(lines) == 1:
        raise InputError(f"{source}: has a header, but no buffers")
    rows = {i: _row(f"{source} line {i}", columns, cells) for i, cells in lines[1:]}
    first: dict[str, int] = {}
    for i, row in rows.items():
        if first.setdefault(row["id"], i) != i:
            raise InputError(f"{source} line {i}: id {shown(row['id'])} is given twice, first in line {first[row['id']]}")
    rows = _needed(source, rows)
    try:
        return _packing(list(rows.values()), name, capacity)
    except InputError as error:
        for i, row in rows.items():
            _packing([row], f"{source} line {i}", capacity)  # of the buffer that is at fault, this raises
        raise InputError(f"{source}: {error}") from None


def _needed(source: str, rows: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The rows without buffers of 0 bytes or with lives of length 0, which traces have and which need no memory."""
    kept = {i: row for i, row in rows.items() if row["size"] != 0 and row["lower"] != row["upper"]}
    gone = [row["id"] for i, row in rows.items() if i not in kept]
    if not kept:
        raise InputError(f"{source}: has only buffers of 0 bytes or with lives of length 0")
    if gone:
        are = "1 buffer" if len(gone) == 1 else f"{len(gone)} buffers"
        note(f"{source}: {are} of 0 bytes or with a life of length 0 left out, as {shown(gone[0])}")
    return kept


def _split(file: str) -> tuple[str, int | None]:
    """Name and capacity that the name of a file stands for."""
    found = _NAMED.fullmatch(file)
    return (found[1], int(found[2])) if found else (Path(file).stem, None)


def _header(where: str, cells: list[str]) -> list[str]:
    columns: list[str] = []
    for cell in cells:
        if cell not in _COLUMNS:
            raise InputError(f"{where}: unknown column {shown(cell)}; known are {', '.join(_COLUMNS)}")
        if _COLUMNS[cell] in columns:
            raise InputError(f"{where}: column {cell!r} is given twice")
        columns.append(_COLUMNS[cell])
    missing = [x for x in ("id", "lower", "upper", "size") if x not in columns and (x != "upper" or "end" not in columns)]
    if missing:
        raise InputError(f"{where}: column {missing[0]!r} is missing")
    if "upper" in columns and "end" in columns:
        raise InputError(f"{where}: has both 'upper' and 'end', which says the same inclusively")
    return columns


def _row(where: str, columns: list[str], cells: list[str]) -> dict[str, Any]:
    """Of one buffer, what each column of `Packing` says."""
    if len(cells) != len(columns):
        raise InputError(f"{where}: {len(cells)} fields, expected {len(columns)}")
    row: dict[str, Any] = {"alignment": 1, "hint": -1, "gaps": ()}
    for column, cell in zip(columns, cells, strict=True):
        value = cell.strip()
        if column == "id":
            if not 1 <= len(value) <= 200 or not value.isprintable():
                raise InputError(f"{where}: id {shown(value)} is not a text of 1 to 200 printable characters")
            row["id"] = value
        elif column == "gaps":
            row["gaps"] = tuple(_gap(where, gap, "end" in columns) for gap in value.split())
        elif value or column not in ("alignment", "hint", "offset"):
            row[column] = _whole(f"{where}: {column}", value)
    if "end" in row:
        row["upper"] = row["end"] + 1
    return row


def _gap(where: str, text: str, inclusive: bool) -> Gap:
    found = _GAP.fullmatch(text)
    if found is None:
        raise InputError(f"{where}: gap {shown(text)} is not of the form 7-9 or 7-9@2:5")
    lower, upper, low, high = (_whole(f"{where}: gap {text}", x or "0") for x in found.groups())
    return Gap(lower, upper + inclusive, low, high)


def _whole(where: str, text: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise InputError(f"{where} {shown(text)} is not a whole number")
    if len(text) > 20 or not -LIMIT < int(text) < LIMIT:
        raise InputError(f"{where} {text[:40]} is not between {-LIMIT} and {LIMIT}")
    return int(text)


def _packing(rows: list[dict[str, Any]], name: str, capacity: int | None) -> Packing:
    lower, upper, size, alignment, hint = (
        np.array([row[column] for row in rows], np.int64) for column in ("lower", "upper", "size", "alignment", "hint")
    )
    gaps, ids = tuple(row["gaps"] for row in rows), tuple(row["id"] for row in rows)
    return Packing(lower, upper, size, capacity, alignment, hint, gaps, ids, name)


def write_packing(packing: Packing, path: str | Path) -> None:
    """Write a packing as CSV, atomically, with the columns that it needs.

    Raises InputError if the file name does not say the packing's capacity (`NAME.CAPACITY.csv`; without one, `NAME.csv`), for ids
    that hold a comma, and if the file cannot be written.
    """
    file = Path(path)
    if _split(file.name)[1] != packing.capacity:
        wanted = f"NAME.{packing.capacity}.csv" if packing.capacity is not None else "NAME.csv"
        raise InputError(f"{file.name}: a packing of capacity {packing.capacity} belongs into a file called {wanted}")
    odd = next((x for x in packing.ids if x != x.strip() or "," in x or not 1 <= len(x) <= 200 or not x.isprintable()), None)
    if odd is not None:
        raise InputError(f"{file.name}: id {shown(odd)} has a comma, or is not 1 to 200 printable characters")
    columns: dict[str, list[Any]] = {"id": list(packing.ids)}
    columns |= {column: getattr(packing, column).tolist() for column in ("lower", "upper", "size")}
    if (packing.alignment != 1).any():
        columns["alignment"] = packing.alignment.tolist()
    if (packing.hint != -1).any():
        columns["hint"] = ["" if x < 0 else x for x in packing.hint.tolist()]
    if any(packing.gaps):
        columns["gaps"] = [" ".join(map(_gap_text, gaps)) for gaps in packing.gaps]
    rows = [columns, *zip(*columns.values(), strict=True)]
    write_text(file, "".join(",".join(map(str, row)) + "\n" for row in rows))


def _gap_text(gap: Gap) -> str:
    window = f"@{gap.low}:{gap.high}" if (gap.low, gap.high) != (0, 0) else ""
    return f"{gap.lower}-{gap.upper}{window}"


_RATES = ("slow_rate", "fast_read_rate", "fast_write_rate")
_HEAD = ("name", "capacity", "alignment", *_RATES)
_BOUNDS = ("lower_bound", "best_known")
_BYTES = Whole(0, MAX_BYTES + 1)


def program_shape(instructions: int = MAX_BUFFERS, buffers: int = MAX_BUFFERS) -> Object:
    """The form of a program with so many instructions and buffers."""
    instruction = {
        **optional(label=Text()),
        "compute": Key(Whole(0, MAX_COMPUTE + 1), "ticks of a picosecond"),
        **optional(scoped=_BYTES),
    }
    access = Cells({"an instruction": Whole(0, instructions), "bytes": _BYTES, "'r' or 'w'": OneOf(("r", "w"))})
    buffer = {
        "size": Key(Whole(1, MAX_BYTES + 1), "bytes"),
        "define": Key(Whole(INPUT, instructions), "the instruction that makes it; -1 = it is an input"),
        "access": Key(Rows(access), "by which instruction, how many bytes, read or written"),
        **optional(output=Truth(), pin=OneOf(PINS), alias=Whole(0, buffers)),
    }
    return Object(
        {
            "format": Key(OneOf((FORMAT,))),
            "version": Key(OneOf((VERSION,))),
            "name": Key(Text()),
            "capacity": Key(Whole(1, MAX_BYTES + 1), "bytes of the fast memory"),
            "alignment": Key(Whole(1, MAX_BYTES + 1), "of addresses in the fast memory"),
            **{key: Key(Whole(1, MAX_RATE + 1), "bytes per second") for key in _RATES},
            "instructions": Key(Rows(Object(instruction), 1)),
            "buffers": Key(Rows(Object(buffer), 1)),
            **{key: Key(Whole(0, LIMIT), "latency in ticks", required=False) for key in _BOUNDS},
        }
    )


def parse_program(text: str, source: str) -> MemoryProgram:
    """The program in the JSON `text`; `source` is the file name that errors show."""
    data = parse(text, source)
    data.only(tuple(program_shape().keys))
    if data["format"].value != FORMAT or data["version"].value != VERSION or type(data["version"].value) is not int:
        said = shown(f"{data['format'].value} {data['version'].value}")
        raise data.error(f"format and version {said} are not {FORMAT} {VERSION}")
    found = program_shape(*(len(data[key].rows(least=1)) for key in ("instructions", "buffers"))).read(data)
    instructions, buffers = found["instructions"], found["buffers"]
    access = [(n, *cells[:2], cells[2] == "w") for n, row in enumerate(buffers) for cells in row["access"]]
    try:
        return MemoryProgram(
            compute=np.array([x["compute"] for x in instructions], np.int64),
            size=np.array([x["size"] for x in buffers], np.int64),
            define=np.array([x["define"] for x in buffers], np.int64),
            access=np.array(access, np.int64),
            scoped=np.array([x.get("scoped", 0) for x in instructions], np.int64),
            output=np.array([x.get("output", False) for x in buffers], np.int64),
            pin=np.array([PINS.index(x.get("pin", PINS[0])) for x in buffers], np.int64),
            alias=np.array([x.get("alias", -1) for x in buffers], np.int64),
            labels=tuple(x.get("label", str(i)) for i, x in enumerate(instructions)),
            **{key: found[key] for key in (*_HEAD, *_BOUNDS) if key in found},
        )
    except InputError as error:
        raise data.error(str(error)) from None


def write_program(program: MemoryProgram, path: str | Path) -> None:
    """Write a program as JSON, atomically, one line for each instruction and buffer.

    Reading it back gives the same program, but accesses of one instruction are then in the order of the buffers.
    Raises InputError for a name or label that is not 1 to 200 printable characters, and if the file cannot be written.
    """
    for place, text in [("name", program.name)] + [(f"label of instruction {i}", x) for i, x in enumerate(program.labels)]:
        Field(text, Path(path).name, place=place).text()
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    head |= {key: getattr(program, key) for key in _HEAD}
    if program.lower_bound != latency_bound(program):
        head["lower_bound"] = program.lower_bound
    if program.best_known is not None:
        head["best_known"] = program.best_known
    lists = {"instructions": _instructions(program), "buffers": _buffers(program)}
    parts = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    parts += [f' "{key}": [\n  ' + ",\n  ".join(_compact(row) for row in rows) + "\n ]" for key, rows in lists.items()]
    write_text(Path(path), "{\n" + ",\n".join(parts) + "\n}\n")


def _compact(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"))


def _instructions(program: MemoryProgram) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for i, (label, compute, scoped) in enumerate(
        zip(program.labels, program.compute.tolist(), program.scoped.tolist(), strict=True)
    ):
        own = {"label": label} if label != str(i) else {}
        rows.append({**own, "compute": compute} | ({"scoped": scoped} if scoped else {}))
    return rows


def _buffers(program: MemoryProgram) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    access: list[list[list[Any]]] = [[] for _ in range(program.buffers)]
    for n, i, moved, write in program.access[:, [BUFFER, INSTRUCTION, 2, WRITE]].tolist():
        access[n].append([i, moved, "w" if write else "r"])
    for n in range(program.buffers):
        row: dict[str, Any] = {"size": int(program.size[n]), "define": int(program.define[n]), "access": access[n]}
        row |= {"output": True} if program.output[n] else {}
        row |= {"pin": PINS[program.pin[n]]} if program.pin[n] else {}
        rows.append(row | ({"alias": int(program.alias[n])} if program.alias[n] >= 0 else {}))
    return rows
