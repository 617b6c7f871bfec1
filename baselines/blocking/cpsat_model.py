"""The CP-SAT model of the blocking shop.

It is Mascis & Pacciarelli's alternative graph (EJOR 143, 2002): a literal for each pair of operations on a machine decides their
order. With swaps, times suffice. Without swaps, the moves at one instant are ranked, which excludes cycles. Down windows are
known in advance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.blocking.cpsat_start import Clock, Operation, Orders
from dispatchgym.baselines.clock import Limit

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

MAX_IMPLICATIONS = 1_000_000  # between two literals: they speed up the search but cost memory

Segment = tuple[int, int, int, int]  # (a, b, constant, slope 0 or 1): an entry in [a, b] ends at constant + slope * entry


class OutOfTime(Exception):
    """The limit passed while the model was built."""


@dataclass(frozen=True)
class Model:
    """A model and its variables, [job][operation]."""

    cp: cp_model.CpModel
    entry: list[list[cp_model.LinearExpr]]
    rank: list[list[cp_model.LinearExpr]]  # among the entries at one instant
    horizon: int

    def orders(self, clock: Clock, solver: cp_model.CpSolver) -> Orders:
        """The machine orders of the solution that the solver holds."""
        orders: list[list[tuple[int, int, int, list[Operation]]]] = [[] for _ in range(clock.machines)]
        for j in range(len(clock.route)):
            at = [solver.value(x) for x in self.entry[j]]
            for m, k, last in clock.stays[j]:
                # Of entries at the same tick, only the last may have a duration; without swaps, ranks order the others.
                leave = at[last + 1] if last + 1 < len(at) else clock.end(j, last, at[last])
                orders[m].append((at[k], solver.value(self.rank[j][k]), leave, [(j, x) for x in range(k, last + 1)]))
        return [[operation for *_, operations in sorted(order) for operation in operations] for order in orders]


def build_model(clock: Clock, bound: int, horizon: int, limit: Limit) -> Model | None:
    """The model of all schedules of `bound` to `horizon` ticks; None if there is clearly no such schedule.

    Raises OutOfTime when `limit` is over.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    makespan = model.new_int_var(bound, horizon, "makespan")
    model.minimize(makespan)
    if clock.variant == "nwt":
        return _without_waiting(clock, model, makespan, horizon, limit)
    entry: list[list[cp_model.LinearExpr]] = []
    leave: list[list[cp_model.LinearExpr]] = []  # when each operation's job leaves its machine
    on_machine: list[list[cp_model.IntervalVar]] = [[] for _ in range(clock.machines)]
    for j, route in enumerate(clock.route):
        _in_time(limit)
        segments = _segments_of_job(clock, j, horizon)
        if not all(segments):
            return None
        at: list[cp_model.LinearExpr] = [_variable(model, s, f"s_{j}_{k}") for k, s in enumerate(segments)]
        static = len(segments[-1]) == 1 and segments[-1][0][3] == 1
        if static:
            at.append(at[-1] + segments[-1][0][2])
        else:
            at.append(model.new_int_var(0, horizon, f"exit_{j}"))
        model.add(at[-1] <= makespan)
        for k in range(len(route)):
            _after_processing(model, at[k], at[k + 1], segments[k])
        for m, k, last in clock.stays[j]:
            fixed = static and k + 1 == len(route)
            size = at[-1] - at[-2] if fixed else model.new_int_var(sum(clock.duration[j][k : last + 1]), horizon, "")
            on_machine[m].append(model.new_interval_var(at[k], size, at[last + 1], f"stay_{j}_{k}"))
        entry.append(at[:-1])
        leave.append(at[1:])
    for intervals in on_machine:
        model.add_no_overlap(intervals)
    rank = _ranks(clock, model, entry, leave)
    _add_orders(clock, model, entry, leave, rank, limit)
    return Model(model, entry, rank, horizon)


def _in_time(limit: Limit) -> None:
    if limit.over():
        raise OutOfTime


def _variable(model: cp_model.CpModel, segments: list[Segment], name: str) -> cp_model.IntVar:
    from ortools.sat.python import cp_model

    return model.new_int_var_from_domain(cp_model.Domain.from_intervals([[a, b] for a, b, _, _ in segments]), name)


def _after_processing(
    model: cp_model.CpModel, entry: cp_model.LinearExpr, leave: cp_model.LinearExpr, segments: list[Segment]
) -> None:
    """leave >= the end of processing, which depends on the segment that the entry is in."""
    if len(segments) == 1:
        _, _, constant, slope = segments[0]
        model.add(leave >= constant + slope * entry)
        return
    here = [model.new_bool_var("") for _ in segments]
    model.add_exactly_one(here)
    for literal, (a, b, constant, slope) in zip(here, segments, strict=True):
        model.add_linear_constraint(entry, a, b).only_enforce_if(literal)
        model.add(leave >= constant + slope * entry).only_enforce_if(literal)


def _segments_of_job(clock: Clock, j: int, horizon: int) -> list[list[Segment]]:
    """The possible entries of each operation of job j, split where the formula of the end of processing changes."""
    earliest = clock.release[j]
    tail = sum(clock.duration[j])
    found: list[list[Segment]] = []
    for k in range(len(clock.route[j])):
        earliest = clock.enter(clock.route[j][k], earliest)
        found.append(_segments(clock, j, k, earliest, horizon - tail))
        earliest = clock.end(j, k, earliest)
        tail -= clock.duration[j][k]
    return found


def _segments(clock: Clock, j: int, k: int, low: int, high: int) -> list[Segment]:
    m, late, duration = clock.route[j][k], clock.breakdown[j][k], clock.duration[j][k]
    cuts = {low, high + 1}
    free = 0  # the end of the previous window
    for begin, end in zip(clock.down[m], clock.up[m], strict=True):
        cuts |= {begin, end, begin - late, end - late}
        last = begin - duration  # an operation that begins later is not done when the window begins
        if last < free and not clock.instance.interruptions.restart:
            last = _begin_to_end(clock, m, begin, duration)
        cuts.add(last + 1 - late)
        free = end
        if begin > high + late + duration:
            break
    found: list[Segment] = []
    for a, following in pairwise(sorted(x for x in cuts if low <= x <= high + 1)):
        if clock.enter(m, a) > a:
            continue
        end, b = clock.end(j, k, a), following - 1
        slope = int(b == a or clock.end(j, k, b) > end)
        constant = end - slope * a
        if found and found[-1][1] == a - 1 and found[-1][2:] == (constant, slope):
            found[-1] = (found[-1][0], b, constant, slope)
        else:
            found.append((a, b, constant, slope))
    return found


def _begin_to_end(clock: Clock, m: int, tick: int, duration: int) -> int:
    """The last tick at which `duration` ticks of work that resumes can begin on machine m to be done at `tick`."""
    for begin, end in zip(reversed(clock.down[m]), reversed(clock.up[m]), strict=True):
        if end <= tick:
            if tick - duration >= end:
                break
            duration -= tick - end
            tick = begin
    return tick - duration


def _ranks(
    clock: Clock, model: cp_model.CpModel, entry: list[list[cp_model.LinearExpr]], leave: list[list[cp_model.LinearExpr]]
) -> list[list[cp_model.LinearExpr]]:
    """Ranks of simultaneous moves in a shop without swaps, else 0. Only an operation of duration 0 lets its job move twice."""
    if clock.variant != "bns":
        return [[model.new_constant(0)] * len(row) for row in entry]
    count = _moves_at_once(clock)
    rank: list[list[cp_model.LinearExpr]] = []
    for j, row in enumerate(entry):
        rank.append([model.new_int_var(0, count - 1, f"rank_{j}_{k}") for k in range(len(row))])
        for k in range(len(row) - 1):
            if not clock.duration[j][k]:
                model.add(count * leave[j][k] + rank[j][k + 1] >= count * entry[j][k] + rank[j][k] + 1)
    return rank


def _moves_at_once(clock: Clock) -> int:
    """The maximal number of moves at one instant: one for each job, and one more for each operation of duration 0."""
    return sum(1 + row[: len(route)].count(0) for row, route in zip(clock.duration, clock.route, strict=True))


def _add_orders(
    clock: Clock,
    model: cp_model.CpModel,
    entry: list[list[cp_model.LinearExpr]],
    leave: list[list[cp_model.LinearExpr]],
    rank: list[list[cp_model.LinearExpr]],
    limit: Limit,
) -> None:
    """Add a literal for the order of each two stays on a machine, and the implications between the literals of two jobs."""
    count = _moves_at_once(clock)
    implications = 0

    def before(a: int, k: int, b: int, q: int, literal: cp_model.LiteralT) -> None:
        if clock.variant == "bws":
            model.add(leave[a][k] <= entry[b][q]).only_enforce_if(literal)
            return
        after: cp_model.LinearExpr | int
        if k + 1 < len(entry[a]):
            after = rank[a][k + 1] + 1
        else:  # an exit has no predecessor except the entry, and only if the operation has duration 0
            after = 0 if clock.duration[a][k] else rank[a][k] + 1
        model.add(count * leave[a][k] + after <= count * entry[b][q] + rank[b][q]).only_enforce_if(literal)

    for a, b in combinations(range(len(entry)), 2):
        _in_time(limit)
        pairs = [(*one[1:], *other[1:]) for one in clock.stays[a] for other in clock.stays[b] if one[0] == other[0]]
        if not pairs:
            continue
        first = [model.new_bool_var(f"first_{a}_{k}_{b}_{q}") for k, _, q, _ in pairs]
        for literal, (k, last_k, q, last_q) in zip(first, pairs, strict=True):
            before(a, last_k, b, q, literal)
            before(b, last_q, a, k, ~literal)
        if implications < MAX_IMPLICATIONS:
            for x, y in np.argwhere(_implied(clock, a, b, np.array(pairs))).tolist():
                model.add_implication(first[x], first[y])
                implications += 1


def _implied(clock: Clock, a: int, b: int, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(P, P) whether "job a is first" at pair x of stays implies the same at pair y.

    A pair is (first operation of a, last one, first operation of b, last one). If a leaves k before b enters q, a is first
    wherever its stay begins up to k + 1 and b's ends from q - 1 on: otherwise the jobs would wait for each other in a
    cycle. A cycle is impossible if it contains a positive duration, and always in a shop without swaps.
    """
    begins, k, q, ends = pairs.T
    done_a = np.concatenate(([0], np.cumsum(clock.duration[a])))
    done_b = np.concatenate(([0], np.cumsum(clock.duration[b])))
    found = (begins[None, :] <= k[:, None] + 1) & (ends[None, :] >= q[:, None] - 1) & ~np.eye(len(k), dtype=bool)
    if clock.variant == "bws":
        found &= done_a[k + 1][:, None] - done_a[begins][None, :] + done_b[ends + 1][None, :] - done_b[q][:, None] > 0
    return found


def _without_waiting(
    clock: Clock, model: cp_model.CpModel, makespan: cp_model.IntVar, horizon: int, limit: Limit
) -> Model | None:
    """The variables are the starts of the jobs; the difference of two starts must avoid certain open intervals."""
    head = [[0, *np.cumsum(row).tolist()] for row in clock.duration]
    start: list[cp_model.IntVar] = []
    for j, release in enumerate(clock.release):
        if release + head[j][-1] > horizon:
            return None
        start.append(model.new_int_var(release, horizon - head[j][-1], f"start_{j}"))
        model.add(start[j] + head[j][-1] <= makespan)
    for a, b in combinations(range(len(start)), 2):
        _in_time(limit)
        # start[b] - start[a] may not be inside (below, above)
        both = ((*one[1:], *other[1:]) for one in clock.stays[a] for other in clock.stays[b] if one[0] == other[0])
        closed = sorted((head[a][k] - head[b][last_q + 1], head[a][last_k + 1] - head[b][q]) for k, last_k, q, last_q in both)
        merged: list[tuple[int, int]] = []
        for below, above in closed:
            if merged and below < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(above, merged[-1][1]))
            else:
                merged.append((below, above))
        literals = [model.new_bool_var(f"after_{a}_{b}_{i}") for i in range(len(merged))]
        for literal, (below, above) in zip(literals, merged, strict=True):
            model.add(start[b] - start[a] >= above).only_enforce_if(literal)
            model.add(start[b] - start[a] <= below).only_enforce_if(~literal)
        for earlier, later in pairwise(literals):
            model.add_implication(later, earlier)
    entry: list[list[cp_model.LinearExpr]] = [
        [start[j] + head[j][k] for k in range(len(route))] for j, route in enumerate(clock.route)
    ]
    on_machine: list[list[cp_model.IntervalVar]] = [[] for _ in range(clock.machines)]
    for j, route in enumerate(clock.route):
        for k, m in enumerate(route):
            if duration := clock.duration[j][k]:
                on_machine[m].append(model.new_fixed_size_interval_var(entry[j][k], duration, f"op_{j}_{k}"))
    for intervals in on_machine:
        model.add_no_overlap(intervals)
    return Model(model, entry, _ranks(clock, model, entry, entry), horizon)
