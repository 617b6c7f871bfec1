"""Plan again at every arrival: all that is left of the jobs in the system, with what is known then.

Every PE runs its tasks in the planned order, each as soon as its data is there, so a task may be deferred for the sake of
another one. A plan expects mean execution times, and of a running task that is overdue that it ends within the next tick. It
knows nothing of later arrivals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Result
from dispatchgym.baselines.soc.static.list_scheduling import Graph
from dispatchgym.baselines.soc.static.planning_request import Request
from dispatchgym.baselines.soc.static.ranks import upward_rank
from dispatchgym.baselines.soc.streams.player_kernel import PLAN
from dispatchgym.baselines.soc.streams.stream_player import Player, compiled
from dispatchgym.envs.soc.layout import DONE, RUNNING, Clock, Live, Slot
from dispatchgym.instances.soc.instance import StaticSchedule, Stream, transfer_times

Ints = npt.NDArray[np.int64]
SECONDS = 0.2  # for each plan of CP-SAT


class Moment(NamedTuple):
    """What there is to plan."""

    request: Request  # its jobs by arrival; running tasks are fixed; the sum of the jobs' ends is minimised
    name: Ints  # (N,) job * T + task, as in the player's queues


class Rest(NamedTuple):
    """What is left of one job, as in a Request."""

    duration: Ints  # (n, P)
    edges: Ints  # (e, 3)
    transfer: Ints  # (e, P, P)
    earliest: Ints  # (n, P)
    fixed_pe: Ints  # (n,)
    fixed_start: Ints  # (n,)
    task: Ints  # (n,) its number in the job


def heft(instance: Stream) -> Result:
    """Every job as a whole by HEFT (Topcuoglu et al. 2002), behind and between the tasks of the jobs that came before it."""
    return roll(instance, lambda moment: in_order_of_arrival(moment.request))


def cpsat(instance: Stream, method: Method, *, seed: int = 0, workers: int = 1) -> Result:
    """Minimise the sum of the ends of the jobs in the system, at every arrival in `method.seconds` (0.2 unless given).

    The seconds are CPU-seconds of a worker, by CP-SAT's own clock, see `cpsat_rolling`. The solver begins with the better one of
    HEFT's plan and the last plan, to which HEFT's rule adds the new jobs.
    """
    from dispatchgym.baselines.soc.streams.cpsat import improve

    seconds, workers = method.seconds or SECONDS, method.integer("workers", workers)
    last: dict[int, tuple[int, int]] = {}
    proofs = []

    def plan(moment: Moment) -> StaticSchedule:
        request = moment.request
        best = min(in_order_of_arrival(request), continued(moment, last), key=request.objective)
        best, optimal = improve(request, best, seconds=seconds, workers=workers, seed=seed)
        proofs.append(optimal)
        last.clear()
        last.update(
            {name: (p, start) for name, p, start in zip(*(x.tolist() for x in (moment.name, best.pe, best.start)), strict=True)}
        )
        return best

    result = roll(instance, plan)
    result.notes.update(optimal_plans=sum(proofs), workers=workers)
    return result


def roll(instance: Stream, planner: Callable[[Moment], StaticSchedule]) -> Result:
    """Play a stream by the plans of `planner`. Compiling is not counted in the seconds."""
    compiled()
    began = time.perf_counter()
    player = Player(instance, "start", PLAN)
    plans = 0
    player.play(1)
    while not player.state.clock[0, Clock.OVER]:
        moment = present(player)
        follow(player, moment, planner(moment))
        plans += 1
        player.play(1)
    objective = int(player.record.objective[0])
    seconds = time.perf_counter() - began
    return Result(objective, player.log(0), "feasible", seconds, curve=((seconds, objective, None),), notes={"plans": plans})


def present(player: Player) -> Moment:
    """The jobs in the system."""
    width = player.packed.width
    slots = sorted((int(row[Slot.JOB]), x) for x, row in enumerate(player.state.slot[0]) if row[Slot.JOB] >= 0)
    rests = [rest_of(player, job, slot) for job, slot in slots]
    count = [len(rest.task) for rest in rests]
    shift = np.repeat(np.cumsum([0, *count[:-1]]), [len(rest.edges) for rest in rests])
    edges = np.concatenate([rest.edges for rest in rests])
    edges[:, :2] += shift[:, None]
    request = Request(
        edges=edges,
        job=np.repeat(np.arange(len(rests)), count),
        weight=np.ones(len(rests), np.int64),
        **{
            name: np.concatenate([getattr(rest, name) for rest in rests])
            for name in ("duration", "transfer", "earliest", "fixed_pe", "fixed_start")
        },
    )
    return Moment(request, np.concatenate([job * width + rest.task for (job, _), rest in zip(slots, rests, strict=True)]))


def rest_of(player: Player, job: int, slot: int) -> Rest:
    """The tasks of a job that are not done, with their numbers closed up."""
    state, workload, width = player.state, player.instance.workload, player.packed.width
    now = int(state.clock[0, Clock.NOW])
    application = workload.applications[state.slot[0, slot, Slot.APPLICATION]]
    tasks = len(application.tasks)
    live = state.live[0, slot * width : slot * width + tasks].astype(np.int64)
    duration = application.durations(workload.platform).astype(np.int64)
    running = live[:, Live.STATUS] == RUNNING
    place, since = (np.where(running, x, -1) for x in (live[:, Live.PLACE], state.start[0, job, :tasks]))
    for i in np.flatnonzero(running).tolist():
        duration[i, place[i]] = max(duration[i, place[i]], now + 1 - since[i])
    edges = application.edges.astype(np.int64)
    transfer = transfer_times(application.edges, workload.platform.bandwidth).astype(np.int64)
    done = live[:, Live.STATUS] == DONE
    earliest = np.full(duration.shape, now)
    for e in np.flatnonzero(done[edges[:, 0]]).tolist():
        before, i = live[edges[e, 0]], edges[e, 1]
        earliest[i] = np.maximum(earliest[i], before[Live.TICK] + transfer[e, before[Live.PLACE]])
    kept, left = ~done[edges[:, 0]], np.flatnonzero(~done)
    edges[:, :2] = (np.cumsum(~done) - 1)[edges[:, :2]]
    return Rest(duration[left], edges[kept], transfer[kept], earliest[left], place[left], since[left], left)


def follow(player: Player, moment: Moment, plan: StaticSchedule) -> None:
    """Have the plan carried out up to the next arrival."""
    request, record = moment.request, player.record
    # Tasks that take no time may start together, also on one PE.
    order = np.lexsort((np.argsort(request.order), request.ends(plan), plan.start))
    order = order[request.fixed_pe[order] < 0]
    record.queue[:] = -1
    record.head[:] = 0
    for p in range(request.duration.shape[1]):
        names = moment.name[order[plan.pe[order] == p]]
        record.queue[0, p, : len(names)] = names
    record.jobs[0] = player.state.clock[0, Clock.LET_IN]


def in_order_of_arrival(request: Request) -> StaticSchedule:
    """One job after the other by HEFT."""
    rank = upward_rank(request)
    return Graph.of(request).by_rank(rank - request.job * (1.0 + rank.max()))


def continued(moment: Moment, last: dict[int, tuple[int, int]]) -> StaticSchedule:
    """The last plan, {name: (PE, start)}, of tasks that are in it and have not begun; the other tasks by HEFT after them."""
    request = moment.request
    known = [last.get(x, (-1, -1)) for x in moment.name.tolist()]
    pin, start = (np.array(column, np.int64) for column in zip(*known, strict=True))
    rank = upward_rank(request)
    place = np.empty(len(start))
    place[np.lexsort((np.argsort(request.order), start))] = np.arange(len(start), 0, -1)
    return Graph.of(request).by_rank(np.where(pin >= 0, rank.max() + place, rank), pin=pin)
