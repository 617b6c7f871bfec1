"""What the agent sees of a blocking shop: the features of choices and of the state."""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.blocking.drain import forecast_drain
from dispatchgym.envs.blocking.layout import (
    FORECAST_AFTER,
    FORECAST_NOW,
    NEVER,
    OUTLOOK,
    Candidate,
    Clock,
    Context,
    Forecast,
    Instances,
    Job,
    JobData,
    Machine,
    State,
    Task,
)
from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array


class OtherJobs(NamedTuple):
    """What a move of job j onto its target means for other jobs. All but `rivals` and `urgent` count jobs in the shop only."""

    rivals: int  # jobs that wait for the target
    urgent: int  # the most work of a job that wants the target next
    coming: int  # jobs that want the target next and are not processed yet
    arrival: int  # when the first of these is expected to be processed
    freed: int  # jobs that wait for the machine that job j leaves
    freed_later: int  # jobs that want it next and are not processed yet
    freed_urgent: int  # the most work of a job that waits for it
    delayed: int  # sum of the delays of jobs whose next or next but one operation is on the target
    worst: int  # the longest of these delays
    latest: int  # latest end of a delayed job, if it never waits again
    ahead: int  # jobs that will wait for the machine after the target before job j arrives there
    work_ahead: int  # their work on it
    comers: int  # jobs that come to the target later on their routes
    opposing: int  # of these, jobs on whose machine job j comes later
    in_the_way: int  # jobs on whose machine job j comes later
    soonest: int  # when the first of `comers` could be at the target
    overlap: int  # sum of the ticks by which `comers` could be there before job j leaves


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of choice k; time is in mean durations, or in shares of the open horizon."""
    for f in range(out.shape[0]):
        out[f] = 0.0
    if k < s.job.shape[1]:
        describe_move(inst, s, b, k, out)
    else:
        describe_wait(inst, s, b, out)
    if OUTLOOK:
        describe_forecast(inst, s, b, k, out)


def describe_move(inst: Instances, s: State, b: int, j: int, out: Array) -> None:
    """Features of moving job j onto its next machine, the target."""
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    job = s.job[b, j]
    row = j * inst.width + job[Job.AT] + 1
    last = inst.task[i, row, Task.LAST] == 1
    after = inst.task[i, row + 1, Task.MACHINE] if not last else -1
    arrives = now + inst.task[i, row, Task.DURATION]
    # When the machine after the target is expected to be free. The job's old machine is empty after the move.
    opens = now
    if not last and after != job[Job.HOLDS]:
        opens = s.resource[b, after, Machine.OPENS]
    # Until when the job would hold the target.
    leaves = max(arrives, opens)
    describe_target(inst, s, b, j, leaves, out)
    others = other_jobs(inst, s, b, j, after, arrives, leaves)
    describe_other_jobs(inst, s, b, j, others, opens, arrives, leaves, out)
    describe_route(inst, s, b, j, out)
    out[Candidate.NEXT_ENTRANTS] = s.resource[b, after, Machine.QUEUE] / 4.0 if not last else 0.0


def describe_target(inst: Instances, s: State, b: int, j: int, leaves: int, out: Array) -> None:
    """The job, the target, which the job leaves at tick `leaves`, and the machine that it holds now."""
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    bound = s.bound[b]
    job = s.job[b, j]
    k = job[Job.AT] + 1
    task = inst.task[i, j * inst.width + k]
    machine = s.resource[b, job[Job.WANTS]]
    here = job[Job.HOLDS]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    out[Candidate.DURATION] = task[Task.DURATION] * rate
    out[Candidate.ENTERS_SHOP] = 1.0 if k == 0 else 0.0
    out[Candidate.BLOCKED_FOR] = clip((now - job[Job.DUE]) * rate, 8.0) if k > 0 else 0.0
    out[Candidate.REST] = task[Task.REST] * share
    out[Candidate.JOB_SLACK] = (bound - now - task[Task.REST]) * share
    out[Candidate.OPERATIONS_LEFT] = (inst.job[i, j, JobData.LENGTH] - k) * inst.unit[i] * share
    out[Candidate.JOB_PROGRESS] = task[Task.HEAD] / max(inst.job[i, j, JobData.WORK], 1)
    out[Candidate.MACHINE_LOAD] = machine[Machine.OPEN] * share
    out[Candidate.MACHINE_SLACK] = (bound - now - machine[Machine.OPEN]) * share
    out[Candidate.OLD_LOAD] = s.resource[b, here, Machine.OPEN] * share if here >= 0 else 0.0
    out[Candidate.OLD_DOWN] = 1.0 if here >= 0 and s.resource[b, here, Machine.DOWN] == 1 else 0.0
    out[Candidate.IS_LAST] = 1.0 if task[Task.LAST] == 1 else 0.0
    out[Candidate.HOLDS_FOR] = clip((leaves - now) * rate, 8.0)


def other_jobs(inst: Instances, s: State, b: int, j: int, after: int, arrives: int, leaves: int) -> OtherJobs:
    """What the jobs in the shop want next, and what the move of job j onto the target would do to them, in one pass.

    Job j leaves the target at tick `leaves`; machine `after` follows on its route (-1 = none), and it arrives there at `arrives`.
    """
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    job = s.job[b, j]
    m = job[Job.WANTS]
    task = inst.task[i, j * inst.width + job[Job.AT] + 1]
    # The target's queue counts job j itself if it is outside.
    rivals = s.resource[b, m, Machine.QUEUE] - (1 if job[Job.AT] < 0 else 0)
    urgent = s.resource[b, m, Machine.URGENT]
    coming = freed = freed_later = freed_urgent = 0
    delayed = worst = latest = ahead = work_ahead = 0
    comers = opposing = in_the_way = overlap = 0
    arrival = soonest = NEVER
    for place in range(s.resource.shape[1]):
        k = s.resource[b, place, Machine.HOLDER]
        if k < 0 or k == j or s.job[b, k, Job.WANTS] < 0:
            continue
        other = s.job[b, k]
        wants = other[Job.WANTS]
        row = k * inst.width + other[Job.AT] + 1
        rest = inst.task[i, row, Task.REST]
        due = max(other[Job.EXPECTED], now) if other[Job.DONE] == 0 else now
        met = inst.visit[i, j, place] >= task[Task.HEAD] + task[Task.DURATION]
        in_the_way += met
        comes = inst.visit[i, k, m] - inst.task[i, row, Task.HEAD]
        if comes >= 0:
            comers += 1
            opposing += met
            soonest = min(soonest, due + comes)
            overlap += max(leaves - due - comes, 0)
        if wants == m:
            coming += due > now
            rivals += due == now
            arrival = min(arrival, due if due > now else NEVER)
            urgent = max(urgent, rest)
        else:
            if wants == job[Job.HOLDS]:
                freed += due == now
                freed_later += due > now
                freed_urgent = max(freed_urgent, rest if due == now else 0)
            if wants == after and due <= arrives:
                ahead += 1
                work_ahead += inst.task[i, row, Task.DURATION]
            due = second_visit(inst, s, b, i, row, m, due)
            rest -= inst.task[i, row, Task.DURATION]
        if due < leaves:
            delayed += leaves - due
            worst = max(worst, leaves - due)
            latest = max(latest, leaves + rest)
    # fmt: off
    return OtherJobs(
        rivals, urgent, coming, arrival, freed, freed_later, freed_urgent, delayed, worst, latest, ahead, work_ahead,
        comers, opposing, in_the_way, soonest, overlap,
    )
    # fmt: on


def second_visit(inst: Instances, s: State, b: int, i: int, row: int, m: int, due: int) -> int:
    """When a job that is processed at tick `due` could be at machine m, for the operation after its next one.

    The next one is in row `row` of inst.task. NEVER if the operation after it is not on machine m.
    """
    task = inst.task[i, row]
    if task[Task.LAST] == 1 or inst.task[i, row + 1, Task.MACHINE] != m:
        return NEVER
    return max(due, s.resource[b, task[Task.MACHINE], Machine.OPENS]) + task[Task.DURATION]


def describe_other_jobs(
    inst: Instances, s: State, b: int, j: int, others: OtherJobs, opens: int, arrives: int, leaves: int, out: Array
) -> None:
    """The other jobs, as features. The machine after the target opens at tick `opens`; for the other ticks see `other_jobs`."""
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    bound = s.bound[b]
    rest = inst.task[i, j * inst.width + s.job[b, j, Job.AT] + 1, Task.REST]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    out[Candidate.RIVALS_READY] = others.rivals / 4.0
    out[Candidate.RIVALS_COMING] = others.coming / 4.0
    out[Candidate.NEXT_RIVAL] = clip((others.arrival - now) * rate, 8.0)
    out[Candidate.RIVAL_LEAD] = (others.urgent - rest) * share
    out[Candidate.OLD_WANTED] = others.freed / 4.0
    out[Candidate.OLD_WANTED_LATER] = others.freed_later / 4.0
    out[Candidate.OLD_URGENCY] = others.freed_urgent * share
    out[Candidate.DELAYS] = clip(others.delayed * rate, 8.0)
    out[Candidate.LONGEST_DELAY] = clip(others.worst * rate, 8.0)
    out[Candidate.DELAYED_SLACK] = (others.latest - bound) * share if others.latest > 0 else -1.0
    out[Candidate.NEXT_QUEUE] = others.ahead / 4.0
    out[Candidate.NEXT_WAIT_IN_QUEUE] = clip((opens + others.work_ahead - arrives) * rate, 8.0)
    out[Candidate.COMERS] = others.comers / 4.0
    out[Candidate.OPPOSING] = others.opposing / 4.0
    out[Candidate.IN_THE_WAY] = others.in_the_way / 4.0
    out[Candidate.COMER_OVERLAP] = clip((leaves - others.soonest) * rate, 8.0)
    out[Candidate.COMERS_OVERLAP] = clip(others.overlap * rate, 8.0)


def describe_route(inst: Instances, s: State, b: int, j: int, out: Array) -> None:
    """The machines after the target: when the job would arrive, and when they are expected to be free, as things stand."""
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    bound = s.bound[b]
    job = s.job[b, j]
    k = job[Job.AT] + 1
    m = job[Job.WANTS]
    here = job[Job.HOLDS]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    time = now + inst.task[i, j * inst.width + k, Task.DURATION]
    waiting = 0
    held = 0
    total = 0
    ahead = j * inst.width + k + 1
    at = k
    while at + 1 < inst.job[i, j, JobData.LENGTH]:
        following = inst.task[i, ahead, Task.MACHINE]
        station = s.resource[b, following]
        # Its own old machine is empty after the move.
        free = station[Machine.OPENS] if following != here else now
        taken = station[Machine.HOLDER] >= 0 and following != here
        gap = free - time
        if at == k:
            out[Candidate.NEXT_WAIT] = clip(gap * rate, 8.0)
            out[Candidate.NEXT_LOAD] = station[Machine.OPEN] * share
            out[Candidate.NEXT_HELD] = 1.0 if taken else 0.0
            out[Candidate.NEXT_DOWN] = float(station[Machine.DOWN])
            out[Candidate.NEXT_CHAIN] = chain(s, b, following, m, here) / 8.0
            out[Candidate.NEXT_DURATION] = inst.task[i, ahead, Task.DURATION] * rate
        elif at == k + 1:
            out[Candidate.SECOND_WAIT] = clip(gap * rate, 8.0)
            out[Candidate.SECOND_HELD] = 1.0 if taken else 0.0
        if gap > 0 and at < k + 4:
            waiting += gap
            time += gap
        time += inst.task[i, ahead, Task.DURATION]
        held += taken
        total += 1
        ahead += 1
        at += 1
    out[Candidate.ROUTE_WAIT] = clip(waiting * rate, 8.0)
    out[Candidate.ROUTE_HELD] = held / max(total, 1)
    out[Candidate.ROUTE_SLACK] = (bound - time) * share


def describe_forecast(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """How the shop would drain after choice k, and what k changes in that."""
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    bound = s.bound[b]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    before = s.forecast[b, FORECAST_NOW]
    after = before
    if k < s.job.shape[1]:
        forecast_drain(inst, s, b, i, k, FORECAST_AFTER)
        after = s.forecast[b, FORECAST_AFTER]
        others = before[Forecast.OTHER_EXITS] - (s.exit[b, k] if s.job[b, k, Job.AT] >= 0 else 0)
        out[Candidate.DRAIN_MY_BLOCKED] = clip(after[Forecast.MY_BLOCKED_TICKS] * rate, 8.0)
        out[Candidate.DRAIN_MY_FIRST_BLOCKED] = clip(max(after[Forecast.MY_FIRST_BLOCKED_TICKS], 0) * rate, 8.0)
        out[Candidate.DRAIN_OTHERS_LATER] = clip((after[Forecast.OTHER_EXITS] - others) * rate, 8.0)
        out[Candidate.DRAIN_BLOCKED_CHANGE] = clip((after[Forecast.BLOCKED_TICKS] - before[Forecast.BLOCKED_TICKS]) * rate, 8.0)
        out[Candidate.DRAIN_BUSIEST_CHANGE] = clip((after[Forecast.BUSIEST] - before[Forecast.BUSIEST]) * rate, 8.0)
        out[Candidate.DRAIN_MY_SLACK] = (bound - after[Forecast.MY_EXIT]) * share
    out[Candidate.DRAIN_SLACK] = (bound - after[Forecast.CLEARED]) * share
    out[Candidate.DRAIN_BLOCKED] = clip(after[Forecast.BLOCKED_TICKS] * rate, 32.0) / 4.0
    out[Candidate.DRAIN_EXCHANGES] = after[Forecast.EXCHANGES] / 4.0
    out[Candidate.DRAIN_BUSIEST] = (after[Forecast.BUSIEST] - bound) * share


def chain(s: State, b: int, m: int, target: int, here: int) -> float:
    """How many jobs stand between machine m and an empty one, each waiting for the next; negative if they lead to `target`."""
    steps = 0
    while m >= 0 and steps < s.resource.shape[1]:
        if m == target:
            return -1.0 - steps
        j = s.resource[b, m, Machine.HOLDER]
        if j < 0 or m == here:
            return float(steps)
        m = s.job[b, j, Job.WANTS]
        steps += 1
    return float(steps)


def describe_wait(inst: Instances, s: State, b: int, out: Array) -> None:
    """The job that is expected to be done next, and what it would find. The features mean the same as for a move."""
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    bound = s.bound[b]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    next_job = -1
    first = NEVER
    for m in range(s.resource.shape[1]):
        j = s.resource[b, m, Machine.HOLDER]
        if j >= 0 and s.job[b, j, Job.DONE] == 0 and s.job[b, j, Job.WANTS] >= 0 and s.job[b, j, Job.EXPECTED] < first:
            first = max(s.job[b, j, Job.EXPECTED], now)
            next_job = j
    out[Candidate.IS_WAIT] = 1.0
    out[Candidate.NEXT_EVENT] = clip((s.clock[b, Clock.SOON] - now) * rate, 8.0)
    if next_job >= 0:
        job = s.job[b, next_job]
        task = inst.task[i, next_job * inst.width + job[Job.AT] + 1]
        machine = s.resource[b, job[Job.WANTS]]
        out[Candidate.DURATION] = task[Task.DURATION] * rate
        out[Candidate.BLOCKED_FOR] = clip((first - now) * rate, 8.0)
        out[Candidate.REST] = task[Task.REST] * share
        out[Candidate.JOB_SLACK] = (bound - first - task[Task.REST]) * share
        out[Candidate.MACHINE_LOAD] = machine[Machine.OPEN] * share
        out[Candidate.NEXT_WAIT] = clip((machine[Machine.OPENS] - first) * rate, 8.0)
        out[Candidate.NEXT_HELD] = 1.0 if machine[Machine.HOLDER] >= 0 else 0.0


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state: how far it is, how tight it is, how full and how broken the shop is."""
    i = s.row[b]
    clock = s.clock[b]
    now = clock[Clock.NOW]
    bound = s.bound[b]
    machines = inst.machines[i]
    open_jobs = clock[Clock.UNFINISHED]
    horizon = max(bound - now, 1)
    blocked = 0
    down = 0
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        down += machine[Machine.DOWN]
        j = machine[Machine.HOLDER]
        if j >= 0:
            blocked += s.job[b, j, Job.DONE]
    out[Context.PROGRESS] = s.scheduled[b] / inst.total[i]
    out[Context.HORIZON] = horizon / max(inst.bound[i], 1)
    out[Context.LOSS] = bound / max(inst.bound[i], 1) - 1.0
    out[Context.UTILISATION] = s.work[b] / (float(horizon) * machines)
    out[Context.FILL] = clock[Clock.INSIDE] / machines
    out[Context.UNFINISHED_JOBS] = open_jobs / max(inst.jobs[i], 1)
    out[Context.JOBS_PER_MACHINE] = clip(open_jobs / machines, 8.0) / 4.0
    out[Context.BLOCKING] = blocked / machines
    out[Context.DOWN] = down / machines
    out[Context.MOVES] = clock[Clock.MOVES] / 8.0
    out[Context.DOWN_SHARE] = inst.share[i]
    out[Context.OPERATION_TIME] = clip(open_jobs * inst.unit[i] / horizon, 8.0)
