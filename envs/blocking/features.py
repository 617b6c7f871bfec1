"""What the agent sees of a blocking shop: the features of choices and of the state, and the graph."""

from __future__ import annotations

from dispatchgym.envs.blocking.drain import forecast_drain
from dispatchgym.envs.blocking.layout import (
    FORECAST_AFTER,
    FORECAST_NOW,
    NEVER,
    Candidate,
    Clock,
    Context,
    Forecast,
    Instances,
    Job,
    JobData,
    Machine,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)
from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array, Observation


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of choice k; time is in mean durations, or in shares of the open horizon."""
    for f in range(out.shape[0]):
        out[f] = 0.0
    if k < s.job.shape[1]:
        describe_move(inst, s, b, k, out)
    else:
        describe_wait(inst, s, b, out)
    if inst.forecast == 1:
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
    describe_rivals(inst, s, b, j, out)
    describe_delays(inst, s, b, j, after, opens, out)
    describe_later_visits(inst, s, b, j, leaves, out)
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


def moving_on(s: State, b: int, m: int, j: int) -> int:
    """The job on machine m if it is not job j and has a next operation, else -1."""
    other = s.resource[b, m, Machine.HOLDER]
    return other if other >= 0 and other != j and s.job[b, other, Job.WANTS] >= 0 else -1


def done_by(s: State, b: int, j: int) -> int:
    """When job j in the shop is expected to be processed where it is; now, if it is."""
    now = s.clock[b, Clock.NOW]
    return max(s.job[b, j, Job.EXPECTED], now) if s.job[b, j, Job.DONE] == 0 else now


def describe_rivals(inst: Instances, s: State, b: int, j: int, out: Array) -> None:
    """Other jobs that want the target next, and those in the shop that want the machine that job j would leave."""
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    job = s.job[b, j]
    k = job[Job.AT] + 1
    m = job[Job.WANTS]
    here = job[Job.HOLDS]
    rate = inst.rate[i]
    share = 1.0 / max(s.bound[b] - now, 1)
    # The target's queue counts job j itself if it is outside.
    rivals = s.resource[b, m, Machine.QUEUE] - (1 if k == 0 else 0)
    urgent = s.resource[b, m, Machine.URGENT]
    coming = 0
    arrival = NEVER
    freed = 0
    freed_later = 0
    freed_urgent = 0
    for place in range(s.resource.shape[1]):
        other = moving_on(s, b, place, j)
        if other < 0:
            continue
        wants = s.job[b, other, Job.WANTS]
        rest = inst.task[i, other * inst.width + s.job[b, other, Job.AT] + 1, Task.REST]
        due = done_by(s, b, other)
        if wants == m:
            if due > now:
                coming += 1
                arrival = min(arrival, due)
            else:
                rivals += 1
            urgent = max(urgent, rest)
        elif wants == here:
            freed += due == now
            freed_later += due > now
            if due == now:
                freed_urgent = max(freed_urgent, rest)
    out[Candidate.RIVALS_READY] = rivals / 4.0
    out[Candidate.RIVALS_COMING] = coming / 4.0
    out[Candidate.NEXT_RIVAL] = clip((arrival - now) * rate, 8.0)
    out[Candidate.RIVAL_LEAD] = (urgent - inst.task[i, j * inst.width + k, Task.REST]) * share
    out[Candidate.OLD_WANTED] = freed / 4.0
    out[Candidate.OLD_WANTED_LATER] = freed_later / 4.0
    out[Candidate.OLD_URGENCY] = freed_urgent * share


def describe_delays(inst: Instances, s: State, b: int, j: int, after: int, opens: int, out: Array) -> None:
    """Jobs in the shop that wait while job j holds the target, and those that are on machine `after` before job j.

    Machine `after` follows the target on the route of job j (-1 = none), and is expected to be free at tick `opens`.
    """
    i = s.row[b]
    now = s.clock[b, Clock.NOW]
    bound = s.bound[b]
    m = s.job[b, j, Job.WANTS]
    arrives = now + inst.task[i, j * inst.width + s.job[b, j, Job.AT] + 1, Task.DURATION]
    leaves = max(arrives, opens)
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    delayed = 0
    worst = 0
    latest = 0
    ahead_of_me = 0
    work_ahead = 0
    for place in range(s.resource.shape[1]):
        other = moving_on(s, b, place, j)
        if other < 0:
            continue
        wants = s.job[b, other, Job.WANTS]
        row = other * inst.width + s.job[b, other, Job.AT] + 1
        rest = inst.task[i, row, Task.REST]
        due = done_by(s, b, other)
        delay = 0
        if wants == m:
            delay = leaves - due
        else:
            if wants == after and due <= arrives:
                ahead_of_me += 1
                work_ahead += inst.task[i, row, Task.DURATION]
            if inst.task[i, row, Task.LAST] == 0 and inst.task[i, row + 1, Task.MACHINE] == m:
                due = max(due, s.resource[b, wants, Machine.OPENS]) + inst.task[i, row, Task.DURATION]
                rest -= inst.task[i, row, Task.DURATION]
                delay = leaves - due
        if delay > 0:
            delayed += delay
            worst = max(worst, delay)
            latest = max(latest, leaves + rest)
    out[Candidate.DELAYS] = clip(delayed * rate, 8.0)
    out[Candidate.LONGEST_DELAY] = clip(worst * rate, 8.0)
    out[Candidate.DELAYED_SLACK] = (latest - bound) * share if latest > 0 else -1.0
    out[Candidate.NEXT_QUEUE] = ahead_of_me / 4.0
    out[Candidate.NEXT_WAIT_IN_QUEUE] = clip((opens + work_ahead - arrives) * rate, 8.0)


def describe_later_visits(inst: Instances, s: State, b: int, j: int, leaves: int, out: Array) -> None:
    """Jobs in the shop that come to the target later on their routes, and jobs on whose machine job j comes later."""
    i = s.row[b]
    m = s.job[b, j, Job.WANTS]
    task = inst.task[i, j * inst.width + s.job[b, j, Job.AT] + 1]
    head = task[Task.HEAD] + task[Task.DURATION]
    rate = inst.rate[i]
    needing = 0
    opposing = 0
    in_the_way = 0
    soonest = NEVER
    overlap = 0
    for place in range(s.resource.shape[1]):
        other = moving_on(s, b, place, j)
        if other < 0:
            continue
        met = inst.visit[i, j, place] >= head
        in_the_way += met
        row = other * inst.width + s.job[b, other, Job.AT] + 1
        comes = inst.visit[i, other, m] - inst.task[i, row, Task.HEAD]
        if comes >= 0:
            due = done_by(s, b, other)
            needing += 1
            opposing += met
            soonest = min(soonest, due + comes)
            overlap += max(leaves - due - comes, 0)
    out[Candidate.COMERS] = needing / 4.0
    out[Candidate.OPPOSING] = opposing / 4.0
    out[Candidate.IN_THE_WAY] = in_the_way / 4.0
    out[Candidate.COMER_OVERLAP] = clip((leaves - soonest) * rate, 8.0)
    out[Candidate.COMERS_OVERLAP] = clip(overlap * rate, 8.0)


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


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are operations (job * K + index) and a last one for waiting; resource nodes are machines and one for waiting.

    A runs-on edge says whether the operation holds the machine and whether its job is done and waits for the machine.
    """
    i = s.row[b]
    unit = inst.unit[i]
    now = s.clock[b, Clock.NOW]
    horizon = max(s.bound[b] - now, 1)
    o.tasks[b, s.job.shape[1] * inst.width, TaskNode.IS_WAIT] = 1.0
    precedence = 0
    link = 0
    for j in range(inst.jobs[i]):
        job = s.job[b, j]
        at = job[Job.AT]
        length = inst.job[i, j, JobData.LENGTH]
        waits = job[Job.WANTS] >= 0 and job[Job.DONE] == 1 and job[Job.DUE] <= now
        earliest = max(now, job[Job.EXPECTED]) if at < length else 0
        done_work = inst.task[i, j * inst.width + at + 1, Task.HEAD] if job[Job.WANTS] >= 0 else inst.job[i, j, JobData.WORK]
        for k in range(length):
            n = j * inst.width + k
            task = inst.task[i, n]
            m = task[Task.MACHINE]
            begin = s.start[b, j, k] if k <= at else earliest + task[Task.HEAD] - done_work
            row = o.tasks[b, n]
            row[TaskNode.EXISTS] = 1.0
            row[TaskNode.LEFT] = 1.0 if k < at else 0.0
            row[TaskNode.HELD] = 1.0 if k == at else 0.0
            row[TaskNode.PROCESSED] = 1.0 if k == at and job[Job.DONE] == 1 else 0.0
            row[TaskNode.DURATION] = task[Task.DURATION] / unit
            row[TaskNode.START] = (begin - now) / horizon
            row[TaskNode.TAIL] = (task[Task.REST] - task[Task.DURATION]) / horizon
            row[TaskNode.SLACK] = (s.bound[b] - begin - task[Task.REST]) / horizon
            row[TaskNode.OPERATIONS_LEFT] = (length - k - 1) * unit / horizon
            row[TaskNode.JOB_PROGRESS] = task[Task.HEAD] / max(inst.job[i, j, JobData.WORK], 1)
            row[TaskNode.MACHINE_LOAD] = s.resource[b, m, Machine.OPEN] / horizon
            o.runs_on[b, link, 0] = n
            o.runs_on[b, link, 1] = m
            o.runs_on_features[b, link, RunsOn.DURATION] = task[Task.DURATION] / unit
            o.runs_on_features[b, link, RunsOn.HELD] = 1.0 if k == at else 0.0
            o.runs_on_features[b, link, RunsOn.WAITS] = 1.0 if waits and k == at + 1 else 0.0
            link += 1
            if k > 0:
                o.precedes[b, precedence, 0] = n - 1
                o.precedes[b, precedence, 1] = n
                precedence += 1
    for m in range(inst.machines[i]):
        row = o.resources[b, m]
        machine = s.resource[b, m]
        held = machine[Machine.HOLDER] >= 0
        row[ResourceNode.EXISTS] = 1.0
        row[ResourceNode.LOAD] = machine[Machine.OPEN] / horizon
        row[ResourceNode.OPENS] = clip((machine[Machine.OPENS] - now) / unit, 8.0)
        row[ResourceNode.OPERATIONS_LEFT] = machine[Machine.LEFT] * unit / horizon
        row[ResourceNode.HELD] = 1.0 if held else 0.0
        row[ResourceNode.BLOCKED] = 1.0 if held and s.job[b, machine[Machine.HOLDER], Job.DONE] == 1 else 0.0
        row[ResourceNode.DOWN] = 1.0 if machine[Machine.DOWN] == 1 else 0.0
        row[ResourceNode.DOWN_FOR] = clip((now - machine[Machine.SINCE]) / unit, 8.0) if machine[Machine.DOWN] == 1 else 0.0
    o.resources[b, s.resource.shape[1], ResourceNode.IS_WAIT] = 1.0
