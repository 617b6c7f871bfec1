"""Task graphs in DOT and in the text of the Standard Task Graph Set as static graphs.

DOT: a node's time is its attribute `duration`, `runtime`, `time`, `cost` or `weight`, an edge's volume `volume`, `data`, `size`,
`communication`, `cost` or `weight` (without any of them it is 0). STG (Tobita & Kasahara, Journal of Scheduling 5, 2002): the
number of tasks without the first and the last one, which are empty, then of each task its number, its time, and how many
predecessors it has and which; in files with communication, each predecessor is followed by the volume. Lines with # are remarks.

Times are whole ticks on a PE of speed 1. PEs are those of workflows; a transfer takes a tick for each unit of volume.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.soc import dot
from dispatchgym.instances.soc.instance import MAX_TASKS, MAX_TIME, StaticDag
from dispatchgym.instances.soc.workflow import SPEEDS

TIMES = ("duration", "runtime", "time", "cost", "weight")
VOLUMES = ("volume", "data", "size", "communication", "cost", "weight")
MAX_TEXT = 2**23  # characters
_WHOLE = re.compile(r"([0-9]{1,10})(?:\.0*)?", re.ASCII)

Edge = tuple[int, int, int]  # predecessor, successor, volume


def read(text: str, source: str) -> StaticDag | None:
    """The graph in a DOT or STG file, None if `text` is neither. Raises InputError."""
    reader = from_dot if dot.is_dot(text) else from_stg if is_stg(text) else None
    if reader is not None and len(text) > MAX_TEXT:
        raise InputError(f"{source}: is larger than {MAX_TEXT} characters")
    return None if reader is None else reader(text, source)


def is_stg(text: str) -> bool:
    """Whether `text` begins with a number, as STG files do."""
    first = next((line.split() for line in text[:10_000].splitlines() if line.strip() and not line.lstrip().startswith("#")), [])
    return bool(first) and all(re.fullmatch("[0-9]+", word, re.ASCII) for word in first)


def from_dot(text: str, source: str) -> StaticDag:
    """The graph in a DOT file. Raises InputError, naming file, node or edge, and value."""
    graph = dot.parse(text, source)
    if not graph.nodes:
        raise InputError(f"{source}: has no nodes")
    position = {name: i for i, name in enumerate(graph.nodes)}
    times = []
    for name, given in graph.nodes.items():
        key = next((key for key in TIMES if key in given), None)
        if key is None:
            raise InputError(f"{source}: node {shown(name)} has none of {', '.join(TIMES)}: how long does it take?")
        times.append(_whole(f"{source}: node {shown(name)}: {key}", given[key]))
    edges = [(position[a], position[b], _volume(source, a, b, given)) for (a, b), given in graph.edges.items()]
    return _static(source, times, edges, [name if name.isprintable() and 0 < len(name) <= 200 else "" for name in position])


def _volume(source: str, a: str, b: str, given: Mapping[str, str]) -> int:
    key = next((key for key in VOLUMES if key in given), None)
    return 0 if key is None else _whole(f"{source}: edge {shown(a)} -> {shown(b)}: {key}", given[key])


def from_stg(text: str, source: str) -> StaticDag:
    """The graph in an STG file. Raises InputError, naming file and line."""
    lines = [(i, line.split("#")[0].split()) for i, line in enumerate(text.splitlines(), 1)]
    words = [(i, word) for i, parts in lines for word in parts]
    numbers = [(i, _whole(f"{source} line {i}:", word)) for i, word in words]
    count = numbers[0][1]
    if count + 2 > MAX_TASKS:
        raise InputError(f"{source} line {numbers[0][0]}: {count} tasks are more than {MAX_TASKS}")
    for step in (1, 2):  # without communication, with it
        rows = _stg_rows([value for _, value in numbers[1:]], step)
        if rows is not None and len(rows) in (count, count + 2):
            return _from_rows(source, rows, step)
    raise InputError(f"{source}: its numbers are not {count} or {count + 2} tasks, each with as many predecessors as it says")


def _stg_rows(values: Sequence[int], step: int) -> list[Sequence[int]] | None:
    """The numbers of each task, with `step` numbers for a predecessor; None if they do not come out even."""
    rows, at = [], 0
    while at + 3 <= len(values):
        end = at + 3 + step * values[at + 2]
        rows.append(values[at:end])
        at = end
    return rows if at == len(values) else None


def _from_rows(source: str, rows: Sequence[Sequence[int]], step: int) -> StaticDag:
    position = {row[0]: i for i, row in enumerate(rows)}
    if len(position) < len(rows):
        twice = next(row[0] for i, row in enumerate(rows) if position[row[0]] != i)
        raise InputError(f"{source}: task {twice} is given twice")
    edges = []
    for i, row in enumerate(rows):
        for at in range(3, len(row), step):
            if row[at] not in position:
                raise InputError(f"{source}: task {row[0]}: predecessor {row[at]} is not a task")
            edges.append((position[row[at]], i, row[at + 1] if step == 2 else 0))
    return _static(source, [row[1] for row in rows], edges, [str(row[0]) for row in rows])


def _static(source: str, times: Sequence[int], edges: Sequence[Edge], names: Sequence[str]) -> StaticDag:
    ticks = np.ceil(np.array(times, np.float64)[:, None] / np.asarray(SPEEDS))
    if (ticks >= MAX_TIME).any():
        raise InputError(f"{source}: task {shown(names[int(ticks.max(axis=1).argmax())])} takes 2**30 ticks or more")
    kept = tuple(names) if all(names) else ()
    try:
        return StaticDag(ticks.astype(np.int32), np.array(edges, np.int32).reshape(-1, 3), tasks=kept, name=Path(source).stem)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _whole(where: str, text: str) -> int:
    found = _WHOLE.fullmatch(text)
    if found is None or int(found[1]) >= MAX_TIME:
        raise InputError(f"{where} {shown(text)} is not a whole number of ticks below 2**30")
    return int(found[1])
