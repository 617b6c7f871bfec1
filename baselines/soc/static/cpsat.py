"""Constraint programming: OR-Tools CP-SAT with one optional interval for each task and PE that can run it.

`plan` takes a planning request: a whole static graph, or the remaining tasks of several jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, run
from dispatchgym.baselines.result import Point, Status
from dispatchgym.baselines.soc.static.list_scheduling import schedule
from dispatchgym.baselines.soc.static.planning_request import Request
from dispatchgym.instances.soc.instance import StaticSchedule

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


@dataclass(frozen=True, eq=False)
class Plan:
    """An answer to a request."""

    schedule: StaticSchedule
    objective: int
    lower_bound: int  # proved
    status: Status  # "optimal" or "feasible": there is always a schedule, at least that of a heuristic
    seconds: float
    curve: tuple[Point, ...]


@dataclass(frozen=True)
class Model:
    """A model and its variables, [task] and [task][PE]."""

    cp: cp_model.CpModel
    start: list[cp_model.IntVar]
    runs: list[dict[int, cp_model.IntVar]]

    def schedule(self, solver: cp_model.CpSolver) -> StaticSchedule:
        """The solution that the solver holds."""
        pe = [next(p for p, x in row.items() if solver.boolean_value(x)) for row in self.runs]
        return StaticSchedule(np.array(pe, np.int64), np.array([solver.value(x) for x in self.start], np.int64))


def plan(
    request: Request,
    *,
    seconds: float = 10.0,
    workers: int = 1,
    seed: int = 0,
    hint: str | StaticSchedule = "heft",
    bound: int = 0,
    before: float = 0.0,
) -> Plan:
    """Plan within `seconds` of the clock, starting from a schedule, or from that of a heuristic.

    `before` of the seconds were spent on the schedule. `bound` is a known lower bound on the objective. An interrupt stops the
    solver and is raised.
    """
    limit = Limit(seconds, workers, before)
    best = schedule(request, hint) if isinstance(hint, str) else hint
    window = windows(request, request.objective(best), bound)
    curve = Curve(limit)
    spent = curve.record(request.objective(best), window.bound)
    if window.bound == request.objective(best):
        return Plan(best, window.bound, window.bound, "optimal", spent, tuple(curve.points))
    model = build_model(request, window, best)
    solver = quick_solver(limit, seed)
    outcome = run(
        solver,
        model.cp,
        limit,
        lambda solution: curve.record(objective=round(solution.objective_value)),
        lambda proved: curve.record(bound=max(window.bound, round(proved))),
    )
    bound = max(window.bound, round(solver.best_objective_bound))
    if outcome in SOLVED:
        best = min(model.schedule(solver), best, key=request.objective)
    objective = request.objective(best)
    spent = curve.record(objective, bound)
    status: Status = "optimal" if bound == objective else "feasible"
    return Plan(best, objective, bound, status, spent, tuple(curve.points))


@dataclass(frozen=True, eq=False)
class Windows:
    """Time windows of the tasks in all schedules that are not worse than a known one."""

    first: npt.NDArray[np.int64]  # (N, P) no start before
    last: npt.NDArray[np.int64]  # (N, P) no start after
    bound: int  # on the objective


def windows(request: Request, objective: int, known: int = 0) -> Windows:
    """Windows of the starts in schedules whose objective is at most `objective`; `known` is a lower bound."""
    never = 2**40
    duration = request.duration.astype(np.int64)
    first = np.where(request.allowed, request.begin, never)
    for i in request.order:
        for e, k in request.before[i]:
            arrive = (first[k] + duration[k])[:, None] + request.transfer[e]
            first[i] = np.maximum(first[i], arrive.min(axis=0))
    end = np.where(request.allowed, first + duration, never).min(axis=1)
    jobs = np.zeros(int(request.job.max()) + 1, np.int64)
    np.maximum.at(jobs, request.job, end)
    if request.weight.size:
        weight = request.weight[: len(jobs)].astype(np.int64)
        bound = int((jobs * weight).sum())
        # The earliest ends of the other jobs bound the end of a job.
        latest = np.where(weight > 0, jobs + (objective - bound) // np.maximum(weight, 1), never)
        # No schedule needs to be longer than all executions and transfers one after another.
        longest = request.transfer.max(axis=(1, 2)).sum() if len(request.edges) else 0
        total = int(request.begin[request.allowed].max() + duration.clip(0).max(axis=1).sum() + longest)
        latest = np.minimum(latest, total)
    else:
        work = int(np.where(request.allowed, duration, never).min(axis=1).sum())
        bound = max(int(jobs.max()), int(first.min()) + -(-work // duration.shape[1]))  # shared evenly, rounded up
        latest = np.full(len(jobs), objective)
    last = latest[request.job][:, None] - duration
    last = np.where(request.fixed_pe[:, None] >= 0, np.minimum(last, request.begin), last)
    for i in reversed(request.order):
        for e, j in request.after[i]:
            leave = np.where(request.allowed[j], last[j], -never)[None, :] - request.transfer[e]
            last[i] = np.minimum(last[i], leave.max(axis=1) - duration[i])
    return Windows(first, last, max(bound, known))


def build_model(request: Request, window: Windows, hint: StaticSchedule) -> Model:
    """The model of all schedules within the windows; `hint` must be one of them."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    tasks, pes = request.duration.shape
    groups = identical_pes(request)
    hint = relabelled(hint, groups, request.order)
    on_pe: list[list[cp_model.IntervalVar]] = [[] for _ in range(pes)]
    work: list[list[Any]] = [[] for _ in range(pes)]
    start: list[cp_model.IntVar] = []
    runs: list[dict[int, cp_model.IntVar]] = []
    end: list[Any] = []
    for i in range(tasks):
        open_pes = [p for p in range(pes) if request.allowed[i, p] and window.first[i, p] <= window.last[i, p]]
        low, high = (int(f(x[i, open_pes])) for f, x in ((min, window.first), (max, window.last)))
        start.append(model.new_int_var(low, high, f"start_{i}"))
        model.add_hint(start[i], int(hint.start[i]))
        row = {p: model.new_bool_var(f"runs_{i}_{p}") for p in open_pes}
        model.add_exactly_one(row.values())
        for p, literal in row.items():
            ticks = int(request.duration[i, p])
            model.add_hint(literal, int(hint.pe[i]) == p)
            if (window.first[i, p], window.last[i, p]) != (low, high):
                model.add_linear_constraint(start[i], int(window.first[i, p]), int(window.last[i, p])).only_enforce_if(literal)
            on_pe[p].append(model.new_optional_fixed_size_interval_var(start[i], ticks, literal, f"task_{i}_{p}"))
            work[p].append(ticks * literal)
        runs.append(row)
        end.append(start[i] + sum(int(request.duration[i, p]) * x for p, x in row.items()))
    for intervals in on_pe:
        model.add_no_overlap(intervals)
    for e, (a, b, _) in enumerate(request.edges.tolist()):
        _add_edge(model, request.transfer[e], start[b], end[a], runs[a], runs[b])
    _break_symmetry(model, groups, runs, request.order)
    _add_objective(model, request, window, hint, end, work)
    return Model(model, start, runs)


def _add_edge(
    model: cp_model.CpModel, transfer: Any, start: Any, end: Any, source: dict[int, Any], target: dict[int, Any]
) -> None:
    """start >= end + transfer between the two PEs: one literal for each value of the transfer but the smallest."""
    values = sorted({int(transfer[p, q]) for p in source for q in target})
    model.add(start >= end + values[0])
    longer: Any = None
    for value in values[1:]:
        literal = model.new_bool_var("")
        model.add(start >= end + value).only_enforce_if(literal)
        if longer is not None:
            model.add_implication(literal, longer)
        longer = literal
        # Each task is on exactly one PE, so "on no near PE" is equivalent to "on a far PE", which takes a single clause.
        for p, here in source.items():
            model.add_bool_or(~here, literal, *(x for q, x in target.items() if transfer[p, q] < value))
        for q, there in target.items():
            model.add_bool_or(~there, literal, *(x for p, x in source.items() if transfer[p, q] < value))


def _add_objective(
    model: cp_model.CpModel, request: Request, window: Windows, hint: StaticSchedule, end: list[Any], work: list[list[Any]]
) -> None:
    goal = request.objective(hint)
    if not request.weight.size:
        makespan = model.new_int_var(window.bound, goal, "makespan")
        for i, x in enumerate(end):
            if not request.after[i]:
                model.add(makespan >= x)
        for ticks in work:
            model.add(makespan >= sum(ticks) + int(window.first.min()))
        model.add_hint(makespan, goal)
        model.minimize(makespan)
        return
    ends = request.ends(hint)
    total: list[Any] = []
    for j in sorted(set(request.job.tolist())):
        own = np.flatnonzero(request.job == j).tolist()
        late = model.new_int_var(0, max(int((window.last[i] + request.duration[i]).max()) for i in own), f"end_{j}")
        for i in own:
            model.add(late >= end[i])
        model.add_hint(late, int(ends[own].max()))
        total.append(int(request.weight[j]) * late)
    model.add(sum(total) <= goal)
    model.minimize(sum(total))


def identical_pes(request: Request) -> list[list[int]]:
    """Groups of two or more interchangeable PEs."""
    fixed = set(request.fixed_pe[request.fixed_pe >= 0].tolist())
    groups: list[list[int]] = []
    for p in range(request.duration.shape[1]):
        mine = None if p in fixed else next((g for g in groups if _same(request, g[0], p)), None)
        if mine is not None:
            mine.append(p)
        elif p not in fixed:
            groups.append([p])
    return [g for g in groups if len(g) > 1]


def _same(request: Request, p: int, q: int) -> bool:
    exchanged = np.arange(request.duration.shape[1])
    exchanged[[p, q]] = q, p
    return bool(
        np.array_equal(request.allowed[:, p], request.allowed[:, q])
        and np.array_equal(request.duration[:, p], request.duration[:, q])
        and np.array_equal(request.begin[:, p], request.begin[:, q])
        and np.array_equal(request.transfer, request.transfer[:, exchanged][:, :, exchanged])
    )


def relabelled(schedule: StaticSchedule, groups: list[list[int]], order: list[int]) -> StaticSchedule:
    """The same schedule with the PEs of each group renamed: tasks in `order` use them in ascending order."""
    name = {p: p for p in range(int(schedule.pe.max()) + 1)}
    for group in groups:
        used = list(dict.fromkeys(int(schedule.pe[i]) for i in order if schedule.pe[i] in group))
        name.update(zip(used, group, strict=False))
    return StaticSchedule(np.array([name[int(p)] for p in schedule.pe], np.int64), schedule.start)


def _break_symmetry(
    model: cp_model.CpModel, groups: list[list[int]], runs: list[dict[int, cp_model.IntVar]], order: list[int]
) -> None:
    """A task uses a PE of a group only if one of the tasks before it in `order` uses the previous PE of the group."""
    for group in groups:
        for p, q in pairwise(group):
            used: Any = None  # whether PE p is used by now
            for i in order:
                if q in runs[i]:
                    model.add_implication(runs[i][q], used) if used is not None else model.add(runs[i][q] == 0)
                if p in runs[i]:
                    fresh = model.new_bool_var("")
                    model.add_bool_or(~fresh, runs[i][p], *([] if used is None else [used]))
                    used = fresh


def quick_solver(limit: Limit, seed: int) -> cp_model.CpSolver:
    """A solver with the parameters that suit these models."""
    solver = new_solver(limit, seed)
    # Linear relaxations only slow the search (random graphs of 30 to 60 tasks on 3 and 8 PEs, with one worker: proofs take a
    # tenth of the time without). From four workers on, CP-SAT's own portfolio holds some of either kind.
    if limit.workers < 4:
        solver.parameters.linearization_level = 0
    return solver
