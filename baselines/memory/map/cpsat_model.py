"""The CP-SAT model of a memory program: which accesses are fast, where stays lie, and when slow memory carries which copy.

Stays are divided into optional pieces: the slot of a birth, a fetch from its issue to the access it serves, from one
access to the next one, and what a write-back needs beyond the last access. A stay that ends later, or that lets an access of
its buffer be slow, is never better.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatchgym.instances.memory.instance import INPUT, PINS, MemoryPlan, MemoryProgram

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

Value = Callable[[Any], int]  # of a variable or literal


@dataclass
class Tensor:
    """A buffer that may be in fast memory, and its variables; literals are 0 or 1."""

    number: int
    slots: list[int]  # of its accesses
    rows: list[int]  # of them in MemoryProgram.access
    fast: list[Any]  # whether each is served from fast memory
    keep: list[Any] = field(default_factory=list)  # whether a stay lasts from each access to the next one
    lead: list[dict[int, Any]] = field(default_factory=list)  # of each access: whether its fetch is under way in a slot
    leaves: dict[int, Any] = field(default_factory=dict)  # whether the window of the write-back reaches a slot
    offset: list[Any] = field(default_factory=list)  # of the stay that each access is in, in units


@dataclass
class Model:
    """A model, the variables of each buffer, and the ticks of slow memory that each copy uses in each slot."""

    cp: cp_model.CpModel
    program: MemoryProgram
    unit: int  # bytes
    tick: int  # ticks of the program in one of the model
    tensors: list[Tensor]
    moved: dict[tuple[int, int, int], Any]  # by buffer, slot that it serves (of a write-back -1), and slot
    elapsed: list[Any]  # of each slot
    follows: list[tuple[Any, Callable[[Value], int]]]  # derived variables, and their values as functions of earlier ones

    def plan(self, value: Value) -> MemoryPlan:
        """The plan of a solution."""
        rows: list[list[int]] = []
        for tensor in self.tensors:
            rows += _stays(self, tensor, value)
        return MemoryPlan(np.array(rows, np.int64).reshape(-1, 6))


def build_model(program: MemoryProgram, *, smallest: int = 0, tick: int = 1, most: int | None = None) -> Model:
    """The model of all plans whose latency is at most `most`, with times rounded down to multiples of `tick`.

    Free buffers of fewer than `smallest` bytes stay in slow memory.
    """
    from ortools.sat.python import cp_model

    cp = cp_model.CpModel()
    unit, capacity = _units(program)
    model = Model(cp, program, unit, tick, [], {}, [], [])
    pinned = program.pin == PINS.index("fast")
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for a, n in enumerate(program.access[:, 0].tolist()):
        rows[n].append(a)
    for n in range(program.buffers):
        if pinned[n]:
            model.tensors.append(_pinned(model, n, rows[n]))
        elif PINS[program.pin[n]] == "free" and smallest <= program.size[n] <= program.capacity and rows[n]:
            model.tensors.append(_free(model, n, rows[n]))
    _unite(model)
    _add_places(model, capacity)
    _add_times(model, most)
    return model


def _units(program: MemoryProgram) -> tuple[int, int]:
    """A unit in bytes of which all sizes and offsets can be multiples without loss, and the capacity in units, rounded up.

    Stays can be moved down until each lies on another one or on scoped bytes, so offsets are sums of sizes.
    """
    sizes = [-(-x // program.alignment) for x in [*program.size.tolist(), *program.scoped.tolist()]]
    unit = program.alignment * math.gcd(*sizes)
    return unit, -(-program.capacity // unit)


def _pinned(model: Model, n: int, rows: list[int]) -> Tensor:
    cp, program = model.cp, model.program
    one = cp.new_constant(1)
    slots = program.access[rows, 1].tolist()
    tensor = Tensor(n, slots, rows, [one] * len(rows), [one] * (len(rows) - 1), [{} for _ in rows])
    if program.output[n] and program.define[n] != INPUT:
        _add_write_back(model, tensor, int(program.define[n]) + 1, program.instructions)
        cp.add_bool_or(list(tensor.leaves.values())[:1])
    tensor.offset = [_offset(model, n)] * max(len(rows), 1)
    return tensor


def _free(model: Model, n: int, rows: list[int]) -> Tensor:
    """Fetches need a slot between the definition and the access; births a definition in the program."""
    cp, program = model.cp, model.program
    define, slots = int(program.define[n]), program.access[rows, 1].tolist()
    tensor = Tensor(n, slots, rows, [cp.new_bool_var(f"fast_{n}_{i}") for i in slots])
    tensor.keep = [cp.new_bool_var(f"keep_{n}_{i}") for i in slots[:-1]]
    for j, (i, fast) in enumerate(zip(slots, tensor.fast, strict=True)):
        lead = {t: cp.new_bool_var(f"lead_{n}_{i}_{t}") for t in range(define + 1, i)}
        for t in range(define + 1, i - 1):
            cp.add_implication(lead[t], lead[t + 1])
        for earlier, other in zip(slots[:j], tensor.fast, strict=False):
            if earlier in lead:
                cp.add_implication(lead[earlier], ~other)
        tensor.lead.append(lead)
        ways = [lead[i - 1]] if lead else []
        ways += [tensor.keep[j - 1]] if j else []
        if i != define:
            cp.add(sum(ways) == fast)
    for keep, fast in zip(tensor.keep, tensor.fast, strict=False):
        cp.add_implication(keep, fast)
    if define != INPUT:
        _add_birth(model, tensor)
    tensor.offset = [_offset(model, n) for _ in slots]
    for keep, here, there in zip(tensor.keep, tensor.offset, tensor.offset[1:], strict=False):
        cp.add(here == there).only_enforce_if(keep)
    return tensor


def _add_birth(model: Model, tensor: Tensor) -> None:
    """A buffer born in fast memory is written back if and only if slow memory needs it later."""
    cp, program = model.cp, model.program
    born, define, output = tensor.fast[0], tensor.slots[0], bool(program.output[tensor.number])
    _add_write_back(model, tensor, define + 1, program.instructions if output else tensor.slots[-1])
    written: Any = tensor.leaves.get(define + 1)
    needs = [~fast for fast in tensor.fast[1:]] + [lead[i - 1] for i, lead in zip(tensor.slots, tensor.lead, strict=True) if lead]
    if output:
        cp.add(written == born) if written is not None else cp.add(born == 0)
    elif written is None:
        for need in needs:
            cp.add_implication(born, ~need)
    else:
        cp.add_implication(written, born)
        cp.add_bool_or(~written, *needs)
        for need in needs:
            cp.add_bool_or(~born, ~need, written)
    for j, i in enumerate(tensor.slots):
        if j and i in tensor.leaves:
            cp.add_implication(tensor.leaves[i], tensor.keep[j - 1])
    for lead in tensor.lead:
        for t in lead.keys() & tensor.leaves.keys():
            cp.add_implication(lead[t], ~tensor.leaves[t])


def _add_write_back(model: Model, tensor: Tensor, first: int, end: int) -> None:
    """Its window is [first, w) with w at most `end`."""
    tensor.leaves = {t: model.cp.new_bool_var(f"leaves_{tensor.number}_{t}") for t in range(first, end)}
    for t in range(first, end - 1):
        model.cp.add_implication(tensor.leaves[t + 1], tensor.leaves[t])


def _offset(model: Model, n: int) -> Any:
    most = (model.program.capacity - int(model.program.size[n])) // model.unit
    return model.cp.new_int_var(0, most, f"offset_{n}")


def _unite(model: Model) -> None:
    """All or none of a storage's buffers stay in fast memory at some time, all at one offset."""
    cp, storage = model.cp, model.program.storage
    members = np.bincount(storage, minlength=len(storage))
    groups: defaultdict[int, list[Tensor]] = defaultdict(list)
    for tensor in model.tensors:
        if members[storage[tensor.number]] > 1:
            groups[int(storage[tensor.number])].append(tensor)
    for root, group in groups.items():
        used = cp.new_bool_var(f"used_{root}")
        for tensor in group:
            for fast in tensor.fast:
                cp.add_implication(fast, used)
            cp.add_bool_or(~used, *tensor.fast) if tensor.fast else None
            tensor.offset = [group[0].offset[0]] * len(tensor.offset)
        if len(group) < members[root]:  # one of them has no access
            cp.add(used == 0)
        model.follows.append((used, _any([fast for tensor in group for fast in tensor.fast])))


def _add_places(model: Model, capacity: int) -> None:
    """No two stays share a slot and an address."""
    cp, program = model.cp, model.program
    across: list[Any] = []
    along: list[Any] = []
    demand: list[int] = []

    def place(slots: Any, offset: Any, size: int, literal: Any) -> None:
        across.append(slots)
        along.append(cp.new_optional_fixed_size_interval_var(offset, size, literal, ""))
        demand.append(size)

    one = cp.new_constant(1)
    for i, need in enumerate(program.scoped.tolist()):
        if need:
            place(cp.new_fixed_size_interval_var(i, 1, ""), 0, -(-need // model.unit), one)
    groups: defaultdict[int, list[Tensor]] = defaultdict(list)
    for tensor in model.tensors:
        groups[int(program.storage[tensor.number])].append(tensor)
    for group in groups.values():
        size = -(-int(program.size[group[0].number]) // model.unit)
        pieces = _pieces(model, group[0]) if len(group) == 1 else _single_slots(model, group)
        for slots, offset, literal in pieces:
            place(slots, offset, size, literal)
    cp.add_no_overlap_2d(across, along)
    cp.add_cumulative(across, demand, capacity)


def _pieces(model: Model, tensor: Tensor) -> list[tuple[Any, Any, Any]]:
    """The pieces of a buffer's stays: slots, offset, presence literal."""
    cp, program, n = model.cp, model.program, tensor.number
    found: list[tuple[Any, Any, Any]] = []

    def fixed(begin: int, end: int, offset: Any, literal: Any) -> None:
        found.append((cp.new_optional_fixed_size_interval_var(begin, end - begin, literal, ""), offset, literal))

    if PINS[program.pin[n]] == "fast":
        fixed(max(int(program.define[n]), 0), int(program.last[n]), tensor.offset[0], cp.new_constant(1))
        return found
    last = len(tensor.slots) - 1
    for j, (i, offset, lead) in enumerate(zip(tensor.slots, tensor.offset, tensor.lead, strict=True)):
        if i == program.define[n]:
            fixed(i, i + 1, offset, tensor.fast[0])
        if lead:
            begin, size = cp.new_int_var(min(lead), i, ""), cp.new_int_var(1, i + 1 - min(lead), "")
            cp.add(begin == i - sum(lead.values()))
            cp.add(size == 1 + sum(lead.values()))
            model.follows += [(begin, _count(i, -1, lead.values())), (size, _count(1, 1, lead.values()))]
            found.append((cp.new_optional_interval_var(begin, size, i + 1, lead[i - 1], ""), offset, lead[i - 1]))
        if j < last:
            fixed(i + 1, tensor.slots[j + 1] + 1, offset, tensor.keep[j])
        until = tensor.slots[j + 1] if j < last else program.instructions
        rest = [tensor.leaves[t] for t in range(i + 1, until) if t in tensor.leaves]
        if rest:
            literal = rest[0]
            if j < last:
                literal = cp.new_bool_var(f"rest_{n}_{i}")
                cp.add_bool_or(~rest[0], tensor.keep[j], literal)
                cp.add_implication(literal, rest[0])
                cp.add_implication(literal, ~tensor.keep[j])
                model.follows.append((literal, _unless(rest[0], tensor.keep[j])))
            size = cp.new_int_var(0, len(rest), "")
            cp.add(size == sum(rest))
            end = cp.new_int_var(i + 1, i + 1 + len(rest), "")
            cp.add(end == i + 1 + size)
            model.follows += [(size, _count(0, 1, rest)), (end, _count(i + 1, 1, rest))]
            found.append((cp.new_optional_interval_var(i + 1, size, end, literal, ""), offset, literal))
    return found


def _count(constant: int, sign: int, literals: Iterable[Any]) -> Callable[[Value], int]:
    return lambda value: constant + sign * sum(map(value, literals))


def _any(literals: Iterable[Any]) -> Callable[[Value], int]:
    return lambda value: int(any(map(value, literals)))


def _unless(literal: Any, other: Any) -> Callable[[Value], int]:
    return lambda value: int(value(literal) and not value(other))


def _single_slots(model: Model, group: list[Tensor]) -> list[tuple[Any, Any, Any]]:
    """The slots that the buffers of one storage occupy together; these buffers may overlap."""
    cp, program = model.cp, model.program
    inside: defaultdict[int, list[Any]] = defaultdict(list)
    for tensor in group:
        n = tensor.number
        if PINS[program.pin[n]] == "fast":
            for t in range(max(int(program.define[n]), 0), int(program.last[n])):
                inside[t].append(cp.new_constant(1))
            continue
        for i, fast in zip(tensor.slots, tensor.fast, strict=True):
            inside[i].append(fast)
        for i, following, keep in zip(tensor.slots, tensor.slots[1:], tensor.keep, strict=False):
            for t in range(i + 1, following):
                inside[t].append(keep)
        for part in (*tensor.lead, tensor.leaves):
            for t, literal in part.items():
                inside[t].append(literal)
    found: list[tuple[Any, Any, Any]] = []
    for t, literals in inside.items():
        taken = cp.new_bool_var(f"taken_{group[0].number}_{t}")
        for literal in literals:
            cp.add_implication(literal, taken)
        model.follows.append((taken, _any(literals)))
        found.append((cp.new_optional_fixed_size_interval_var(t, 1, taken, ""), group[0].offset[0], taken))
    return found


def _add_times(model: Model, most: int | None) -> None:
    """A slot is at least as long as its computation, as its accesses, and as its traffic of slow memory."""
    cp, program, tick = model.cp, model.program, model.tick
    slow, quick, compute = (x // tick for x in (program.slow_ticks, program.fast_ticks, program.compute))
    fast: dict[int, Any] = {a: y for tensor in model.tensors for a, y in zip(tensor.rows, tensor.fast, strict=True)}
    most_copied = 0
    channel: list[list[Any]] = [[] for _ in range(program.instructions)]
    accesses: list[list[Any]] = [[] for _ in channel]
    for a, i in enumerate(program.access[:, 1].tolist()):
        served = fast.get(a, 0)
        channel[i].append(int(slow[a]) * (1 - served))
        accesses[i].append(int(slow[a]) * (1 - served) + int(quick[a]) * served)
    for tensor in model.tensors:
        copies = [(i, lead, lead[i - 1]) for i, lead in zip(tensor.slots, tensor.lead, strict=True) if lead]
        copies += [(-1, tensor.leaves, next(iter(tensor.leaves.values())))] if tensor.leaves else []
        whole = int(program.copy_ticks[tensor.number]) // tick
        most_copied += whole * len(copies)
        for serves, window, made in copies:
            for t, literal in window.items():
                moved = cp.new_int_var(0, whole, f"moved_{tensor.number}_{serves}_{t}")
                cp.add(moved <= whole * literal)
                model.moved[tensor.number, serves, t] = moved
                channel[t].append(moved)
            cp.add(sum(model.moved[tensor.number, serves, t] for t in window) == whole * made)
    longest = int(compute.sum() + slow.sum() + quick.sum()) + most_copied
    longest = longest if most is None else min(longest, most // tick)
    for i, ticks in enumerate(compute.tolist()):
        elapsed = cp.new_int_var(ticks, max(longest, ticks), f"elapsed_{i}")
        cp.add(elapsed >= sum(accesses[i]))
        cp.add(elapsed >= sum(channel[i]))
        model.elapsed.append(elapsed)
    if most is not None:
        cp.add(sum(model.elapsed) <= most // tick)
    cp.minimize(sum(model.elapsed))


def _stays(model: Model, tensor: Tensor, value: Value) -> list[list[int]]:
    program, n = model.program, tensor.number
    define, offset = int(program.define[n]), [value(x) * model.unit for x in tensor.offset]
    leaves = sum(map(value, tensor.leaves.values()))
    written = define + 1 + leaves if leaves else -1
    if PINS[program.pin[n]] == "fast":
        return [[n, max(define, 0), int(program.last[n]), offset[0], max(define, 0), written]]
    rows: list[list[int]] = []
    for j, (i, fast, lead) in enumerate(zip(tensor.slots, tensor.fast, tensor.lead, strict=True)):
        if not value(fast):
            continue
        if i == define:
            rows.append([n, i, max(i + 1, written), offset[j], i, written])
        elif lead and value(lead[i - 1]):
            rows.append([n, i - sum(map(value, lead.values())), i + 1, offset[j], i, -1])
        else:
            rows[-1][2] = max(rows[-1][2], i + 1)
    return rows
