"""Constraint programming: OR-Tools CP-SAT with offsets, stays and the traffic of slow memory, exact to the tick."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, run
from dispatchgym.baselines.memory.map.cpsat_model import Model, build_model
from dispatchgym.baselines.result import Point, Status
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.instance import BEGIN, BUFFER, END, OF, OFFSET, PINS, SERVES, WRITTEN, MemoryPlan, MemoryProgram

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

EXACT = 2**50  # ticks: above it, CP-SAT's doubles cannot represent every bound, so times are rounded down
SMALL = 1000  # the first model leaves out small buffers whose traffic is below 1/SMALL of the latency
FIRST_SHARE = 0.6  # of the time limit, for the first model
FIRST_CUT = 0.1  # of the buffers must be small, else there is no first model
LARGE = 8000  # variables: in larger models a single worker searches neighbourhoods

Moved = dict[tuple[int, int, int], int]  # ticks by buffer, slot that the copy serves (of a write-back -1), and slot


@dataclass(frozen=True, eq=False)
class Answer:
    """The result of `plan`."""

    plan: MemoryPlan | None  # None only if buffers are pinned to fast memory and no plan was given
    objective: int | None
    lower_bound: int  # proved
    status: Status
    seconds: float
    curve: tuple[Point, ...]


def plan(
    program: MemoryProgram,
    *,
    seconds: float = 10.0,
    workers: int = 1,
    seed: int = 0,
    hint: MemoryPlan | None = None,
    smallest: int = 0,
    tick: int = 1,
) -> Answer:
    """Minimise the latency within `seconds` of the clock, starting from `hint`, a valid plan.

    Without a hint, the search starts from slow memory alone if no buffer is pinned to fast memory. Free buffers of fewer than
    `smallest` bytes stay in slow memory, and times are rounded down to multiples of `tick`; the bound accounts for both. If many
    buffers are negligibly small, a model without them is solved first. The status is "infeasible" if the buffers pinned to fast
    memory have no plan, and "timeout" if no plan is known.

    An interrupt stops the solver and is raised.
    """
    if hint is None and not (program.pin == PINS.index("fast")).any():
        hint = MemoryPlan()
    search = _Search(program, hint, Limit(seconds, workers))
    first = small_buffers(program, search.objective or search.bound)
    limits = [(first, FIRST_SHARE)] if first > smallest else []
    for leave_out, share in [*limits, (smallest, 1.0)]:
        if search.objective != search.bound and not search.infeasible:
            search.run(
                leave_out, search.limit.part(share * search.limit.left()), seed, max(tick, (search.objective or 0) // EXACT + 1)
            )
    return search.answer()


class _Search:
    """The best plan and bound of the models solved so far."""

    def __init__(self, program: MemoryProgram, best: MemoryPlan | None, limit: Limit) -> None:
        self.program, self.best, self.limit = program, best, limit
        self.objective = None if best is None else execute(program, best)[0]
        self.bound = program.lower_bound or 0
        self.infeasible = False
        self.curve = Curve(limit)
        self.record()

    def record(self) -> float:
        return self.curve.record(self.objective, self.bound)

    def answer(self) -> Answer:
        status: Status = "optimal" if self.objective == self.bound else "feasible"
        if self.objective is None:
            status = "infeasible" if self.infeasible else "timeout"
        spent = self.record()
        return Answer(self.best, self.objective, self.bound, status, spent, tuple(self.curve.points))

    def run(self, smallest: int, limit: Limit, seed: int, tick: int) -> None:
        """Solve the model of one size."""
        lost = unseen(self.program, smallest)
        most = None if self.objective is None else self.objective + lost
        model = build_model(self.program, smallest=smallest, tick=tick, most=most)
        if self.best is not None:
            add_hint(model, self.best)

        def prove(value: float) -> None:
            bound = math.ceil(value - 1e-6) * tick - lost
            self.bound = max(self.bound, bound if self.objective is None else min(bound, self.objective))
            self.record()

        def offer(solver: Any) -> None:
            found = model.plan(solver.value)
            latency = execute(self.program, found)[0]
            if self.objective is None or latency < self.objective:
                self.best, self.objective = found, latency
            self.record()

        solver = _solver(limit, seed, len(model.cp.proto.variables))
        outcome = run(solver, model.cp, limit, offer, prove)
        assert outcome != "error", model.cp.validate()
        if outcome == "infeasible" and self.objective is not None:
            raise InputError(f"{self.program.name}: the initial plan breaks a rule")
        self.infeasible = outcome == "infeasible"
        if outcome in SOLVED:
            prove(solver.best_objective_bound)


def small_buffers(program: MemoryProgram, latency: int) -> int:
    """The size in bytes below which free buffers are negligible for a latency; 0 if few are."""
    free = np.flatnonzero(program.pin == PINS.index("free"))
    sizes = np.unique(program.size[free])
    hardly = [int(x) for x in sizes if unseen(program, int(x)) * SMALL <= latency]
    return hardly[-1] if hardly and (program.size[free] < hardly[-1]).mean() >= FIRST_CUT else 0


def unseen(program: MemoryProgram, smallest: int) -> int:
    """Ticks that fast memory can save at most in all accesses of free buffers of fewer than `smallest` bytes.

    Removing their stays from a plan lengthens a slot by at most its slow accesses; the other stays remain valid.
    """
    left = (program.pin == PINS.index("free")) & (program.size < smallest)
    return int(program.slow_ticks[left[program.access[:, BUFFER]]].sum())


def execute(program: MemoryProgram, plan: MemoryPlan) -> tuple[int, Moved, list[int]]:
    """The latency of a plan, the ticks of each copy in each slot, and the ticks of each slot.

    Copies use the time of slow memory that accesses leave free, the earliest deadline first. The remainder of a copy lengthens
    the last slot of its window.
    """
    rows: list[list[int]] = plan.stay.tolist()
    serves: dict[int, list[tuple[int, int]]] = {}
    issued: list[list[tuple[int, int, int]]] = [[] for _ in range(program.instructions)]  # (end, buffer, slot that it serves)
    for row in rows:
        serves.setdefault(row[OF], []).append((row[SERVES], row[END]))
        if row[SERVES] > row[BEGIN]:
            issued[row[BEGIN]].append((row[SERVES], row[OF], row[SERVES]))
        elif row[WRITTEN] >= 0:
            issued[int(program.define[row[OF]]) + 1].append((row[WRITTEN], row[OF], -1))
    slow, quick = [0] * program.instructions, [0] * program.instructions
    for (n, i, _, _), slow_ticks, fast_ticks in zip(
        program.access.tolist(), program.slow_ticks.tolist(), program.fast_ticks.tolist(), strict=True
    ):
        if any(begin <= i < end for begin, end in serves.get(n, ())):
            quick[i] += fast_ticks
        else:
            slow[i] += slow_ticks
    moved: Moved = {}
    spent: list[int] = []
    open_copies: list[list[int]] = []  # (end, buffer, slot that it serves, ticks left), a heap
    for i, compute in enumerate(program.compute.tolist()):
        for end, n, serve in issued[i]:
            heapq.heappush(open_copies, [end, n, serve, int(program.copy_ticks[n])])
        elapsed = max(compute, slow[i] + quick[i])
        idle = elapsed - slow[i]
        while open_copies and (idle > 0 or open_copies[0][0] == i + 1):
            copy = open_copies[0]
            given = copy[3] if copy[0] == i + 1 else min(idle, copy[3])
            elapsed += max(given - idle, 0)
            idle = max(idle - given, 0)
            copy[3] -= given
            moved[copy[1], copy[2], i] = given
            if copy[3] == 0:
                heapq.heappop(open_copies)
        spent.append(elapsed)
    return sum(spent), moved, spent


def add_hint(model: Model, plan: MemoryPlan) -> None:
    """Hint the parts of a plan that the model represents."""
    known = [tensor.number for tensor in model.tensors]
    plan = MemoryPlan(plan.stay[np.isin(plan.stay[:, OF], known)])
    rows: list[list[int]] = plan.stay.tolist()
    values: dict[int, tuple[Any, int]] = {}  # by index of the variable: buffers of one storage share their offset

    def begin_with(variable: Any, value: int) -> None:
        values[variable.index] = variable, int(value)

    for tensor in model.tensors:
        mine = [row for row in rows if row[OF] == tensor.number]
        within = [next((r for r in mine if r[SERVES] <= i < r[END]), None) for i in tensor.slots]
        for literal, row in zip(tensor.fast, within, strict=True):
            begin_with(literal, row is not None)
        for literal, row, after in zip(tensor.keep, within, within[1:], strict=False):
            begin_with(literal, row is not None and row is after)
        for i, lead, row in zip(tensor.slots, tensor.lead, within, strict=True):
            for t, literal in lead.items():
                begin_with(literal, row is not None and row[SERVES] == i and row[BEGIN] <= t)
        written = max((row[WRITTEN] for row in mine), default=-1)
        for t, literal in tensor.leaves.items():
            begin_with(literal, t < written)
        for offset, row in zip(tensor.offset, within or mine, strict=True):
            if row or offset.index not in values:
                begin_with(offset, row[OFFSET] // model.unit if row else 0)
    for variable, value in model.follows:
        begin_with(variable, value(lambda x: values[x.index][1]))
    if model.tick == 1:
        _, moved, elapsed = execute(model.program, plan)
        for key, variable in model.moved.items():
            begin_with(variable, moved.get(key, 0))
        for variable, ticks in zip(model.elapsed, elapsed, strict=True):
            begin_with(variable, ticks)
    for variable, ticks in values.values():
        model.cp.add_hint(variable, ticks)


def _solver(limit: Limit, seed: int, variables: int) -> cp_model.CpSolver:
    solver, workers = new_solver(limit, seed), limit.workers
    # The traffic of slow memory is a linear program (a residual network of 56 instructions, two workers: 0.04 % from the bound
    # after 30 s of computing time, without 9 %). From four workers on, CP-SAT's own portfolio holds some of either kind.
    if workers < 4:
        solver.parameters.linearization_level = 2
    # Otherwise a single worker never searches neighbourhoods. Small models are solved sooner without, large ones hardly improve.
    solver.parameters.interleave_search = workers == 1 and variables > LARGE
    # Probing takes longer than many a proof (a transformer of 136 instructions: 20 s of computing time before the search).
    solver.parameters.cp_model_probing_level = 0
    return solver
