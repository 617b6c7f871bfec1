"""The blocking shop's rules, once: jobs that hold their machine until they enter the next one, with and without swaps.

Time runs from event to event: an operation is processed, a machine fails or is repaired, a job is released. At each event
processed jobs leave the shop and circles of jobs that wait for each other are exchanged (bws). Then the agent is asked, move
by move: choice j < J moves job j onto its next machine (or into the shop), the last choice waits for the next event. Every
left-shifted schedule is a sequence of such choices.

Without swaps (bns) a move is legal only if the jobs in the shop can still all get out: `safe` in deadlock.py.
"""

from __future__ import annotations

from dispatchgym.envs.blocking.deadlock import safe
from dispatchgym.envs.blocking.drain import forecast_drain
from dispatchgym.envs.blocking.interruptions import expected_repair, tick
from dispatchgym.envs.blocking.layout import (
    FORECAST_NOW,
    NEVER,
    NO_BUDGET,
    OUTLOOK,
    SWAP,
    Clock,
    Instances,
    Job,
    JobData,
    Machine,
    MachineData,
    State,
    Task,
    Window,
)
from dispatchgym.envs.core.contract import Array


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    clock = s.clock[b]
    clock[Clock.NOW] = 0
    clock[Clock.INSIDE] = 0
    work = 0
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        machine[Machine.HOLDER] = -1
        machine[Machine.DOWN] = 0
        machine[Machine.WINDOW] = 0
        machine[Machine.SINCE] = 0
        machine[Machine.OPEN] = inst.resource[i, m, MachineData.LOAD]
        machine[Machine.LEFT] = inst.resource[i, m, MachineData.VISITS]
        machine[Machine.OPENS] = 0
        machine[Machine.QUEUE] = 0
        machine[Machine.URGENT] = 0
        work += machine[Machine.OPEN]
    unfinished = 0
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        real = inst.job[i, j, JobData.LENGTH] > 0
        unfinished += real
        job[Job.AT] = -1
        job[Job.HOLDS] = -1
        job[Job.WANTS] = inst.task[i, j * inst.width, Task.MACHINE] if real else -1
        job[Job.BEGAN] = 0
        job[Job.DUE] = inst.job[i, j, JobData.RELEASE]
        job[Job.DONE] = 1
        job[Job.EXPECTED] = job[Job.DUE]
        for k in range(inst.width):
            s.start[b, j, k] = -1
    clock[Clock.UNFINISHED] = unfinished
    s.work[b] = work
    s.scheduled[b] = 0
    s.makespan[b] = 0
    s.bound[b] = inst.bound[i]
    s.rewarded[b] = inst.bound[i]
    for x in range(s.memo.shape[1]):
        s.memo[b, x] = 0
    tick(inst, s, b, i)
    settle(inst, s, b, i)


def finished(inst: Instances, s: State, b: int) -> bool:
    return s.clock[b, Clock.UNFINISHED] == 0


def objective(inst: Instances, s: State, b: int) -> int:
    return s.makespan[b]


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    jobs = s.job.shape[1]
    count = 0
    for j in range(jobs):
        choices[count] = j
        count += s.job[b, j, Job.FREE_TO_GO]
    if s.clock[b, Clock.PENDING] == 1:
        choices[count] = jobs
        count += 1
    return count


def step(inst: Instances, s: State, b: int, action: int) -> float:
    i = s.row[b]
    if action == s.job.shape[1]:
        advance_clock(inst, s, b, i)
    else:
        leave(s, b, action)
        enter(inst, s, b, i, action)
    settle(inst, s, b, i)
    gained = s.rewarded[b] - s.bound[b]
    s.rewarded[b] = s.bound[b]
    return gained / max(inst.bound[i], 1)


def settle(inst: Instances, s: State, b: int, i: int) -> None:
    """Everything that happens without a decision, until there is one to make or all jobs have left."""
    clock = s.clock[b]
    while True:
        complete(inst, s, b, i)
        while exchange(inst, s, b, i):
            complete(inst, s, b, i)
        if clock[Clock.UNFINISHED] == 0:
            s.bound[b] = s.makespan[b]
            return
        clock[Clock.PENDING] = pending(s, b)
        find_moves(inst, s, b, i)
        if clock[Clock.MOVES] > 0:
            break
        if clock[Clock.NOW] >= NEVER:
            # A deadlock, which is unreachable: end the episode with an infinite makespan so that a bug is visible.
            clock[Clock.UNFINISHED] = 0
            s.makespan[b] = NEVER
            s.bound[b] = NEVER
            return
        advance_clock(inst, s, b, i)
    foresee(inst, s, b, i)


def leave(s: State, b: int, j: int) -> None:
    """Job j releases its machine, if it has one."""
    m = s.job[b, j, Job.HOLDS]
    if m >= 0:
        s.resource[b, m, Machine.HOLDER] = -1


def enter(inst: Instances, s: State, b: int, i: int, j: int) -> None:
    """Job j enters its next machine now; the caller releases the machine it leaves."""
    job = s.job[b, j]
    k = job[Job.AT] + 1
    task = inst.task[i, j * inst.width + k]
    m = job[Job.WANTS]
    now = s.clock[b, Clock.NOW]
    s.clock[b, Clock.INSIDE] += k == 0
    job[Job.AT] = k
    job[Job.HOLDS] = m
    job[Job.WANTS] = -1 if task[Task.LAST] == 1 else inst.task[i, j * inst.width + k + 1, Task.MACHINE]
    job[Job.BEGAN] = now + task[Task.DELAY]
    job[Job.DUE] = now + task[Task.DELAY] + task[Task.DURATION]
    job[Job.DONE] = 0
    machine = s.resource[b, m]
    machine[Machine.HOLDER] = j
    machine[Machine.OPEN] -= task[Task.DURATION]
    machine[Machine.LEFT] -= 1
    s.start[b, j, k] = now
    s.work[b] -= task[Task.DURATION]
    s.scheduled[b] += 1


def complete(inst: Instances, s: State, b: int, i: int) -> None:
    """Operations that are processed by now are done; a job whose last operation is done leaves the shop."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        j = machine[Machine.HOLDER]
        if j >= 0 and machine[Machine.DOWN] == 0 and s.job[b, j, Job.DUE] <= now:
            job = s.job[b, j]
            x = machine[Machine.WINDOW]
            if job[Job.BEGAN] == now and x < inst.windows[i, m] and inst.down[i, m, x, Window.BEGIN] == now:
                continue  # it takes no time, but would only begin now, when the machine fails
            job[Job.DONE] = 1
            if job[Job.WANTS] < 0:
                s.makespan[b] = max(s.makespan[b], job[Job.DUE])
                job[Job.AT] += 1
                job[Job.HOLDS] = -1
                machine[Machine.HOLDER] = -1
                clock[Clock.UNFINISHED] -= 1
                clock[Clock.INSIDE] -= 1


def exchange(inst: Instances, s: State, b: int, i: int) -> bool:
    """Move the first circle of done jobs that wait for each other's machines, all up; whether there was one.

    A circle of one (the next operation is on the machine that the job holds) is legal in every variant. No other job can
    use these machines before the exchange, so an immediate exchange is never worse.
    """
    machines = s.resource.shape[1]
    for m in range(machines):
        s.resource[b, m, Machine.MARK] = 0
    for first in range(machines):
        m = first
        while m >= 0 and s.resource[b, m, Machine.MARK] == 0 and s.resource[b, m, Machine.DOWN] == 0:
            s.resource[b, m, Machine.MARK] = first + 1
            j = s.resource[b, m, Machine.HOLDER]
            m = s.job[b, j, Job.WANTS] if j >= 0 and s.job[b, j, Job.DONE] == 1 else -1
        if m < 0 or s.resource[b, m, Machine.MARK] != first + 1 or s.resource[b, m, Machine.DOWN] == 1:
            continue
        j = s.resource[b, m, Machine.HOLDER]
        if not SWAP and s.job[b, j, Job.WANTS] != m:
            continue
        while True:
            following = s.resource[b, s.job[b, j, Job.WANTS], Machine.HOLDER]
            circle_end = s.job[b, j, Job.WANTS] == m
            enter(inst, s, b, i, j)
            if circle_end:
                return True
            j = following
    return False


def pending(s: State, b: int) -> int:
    """1 if an event is to come that may make a move possible (processing, a repair, a release), else 0."""
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        j = machine[Machine.HOLDER]
        if j >= 0 and s.job[b, j, Job.DONE] == 0:
            return 1
        if machine[Machine.DOWN] == 1 and (j >= 0 or machine[Machine.LEFT] > 0):
            return 1
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        if job[Job.AT] < 0 and job[Job.WANTS] >= 0 and job[Job.DUE] > s.clock[b, Clock.NOW]:
            return 1
    return 0


def find_moves(inst: Instances, s: State, b: int, i: int) -> None:
    """Mark the jobs that may move now: done or not begun, the next machine up and empty, and the shop safe afterwards."""
    clock = s.clock[b]
    moves = 0
    for j in range(s.job.shape[1]):
        moves += movable(inst, s, b, i, j, inst.budget)
    # A budget may refuse every safe move. If no event is to come, it grows until a move is found.
    budget = inst.budget
    while moves == 0 and clock[Clock.PENDING] == 0 and budget < NO_BUDGET:
        budget *= 8
        for j in range(s.job.shape[1]):
            if moves == 0:
                moves += movable(inst, s, b, i, j, budget)
    clock[Clock.MOVES] = moves


def movable(inst: Instances, s: State, b: int, i: int, j: int, budget: int) -> int:
    """Mark whether job j may move now: 1 or 0. A search for deadlocks looks at `budget` states at most."""
    job = s.job[b, j]
    m = job[Job.WANTS]
    ok = m >= 0 and job[Job.DONE] == 1 and job[Job.DUE] <= s.clock[b, Clock.NOW]
    if ok:
        machine = s.resource[b, m]
        ok = machine[Machine.HOLDER] < 0 and machine[Machine.DOWN] == 0
        if ok and not SWAP:
            ok = safe(inst, s, b, i, j, budget)
    job[Job.FREE_TO_GO] = 1 if ok else 0
    return job[Job.FREE_TO_GO]


def advance_clock(inst: Instances, s: State, b: int, i: int) -> None:
    """Go to the next event and let it happen."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    soon = NEVER
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        j = machine[Machine.HOLDER]
        if machine[Machine.DOWN] == 1:
            soon = min(soon, inst.down[i, m, machine[Machine.WINDOW], Window.END])
        elif j >= 0 and s.job[b, j, Job.DONE] == 0:
            soon = min(soon, s.job[b, j, Job.DUE])
        # Failures of machines that no job will need are no events.
        if machine[Machine.DOWN] == 0 and machine[Machine.WINDOW] < inst.windows[i, m] and (j >= 0 or machine[Machine.LEFT] > 0):
            soon = min(soon, max(inst.down[i, m, machine[Machine.WINDOW], Window.BEGIN], now + 1))
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        if job[Job.AT] < 0 and job[Job.WANTS] >= 0 and job[Job.DUE] > now:
            soon = min(soon, job[Job.DUE])
    clock[Clock.NOW] = soon
    complete(inst, s, b, i)  # an operation that is processed in the tick of a failure was not interrupted
    tick(inst, s, b, i)


def foresee(inst: Instances, s: State, b: int, i: int) -> None:
    """Expected times of the jobs and machines, and the lower bound of this state."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    machines = s.resource.shape[1]
    bound = max(s.bound[b], s.makespan[b])
    soon = NEVER
    for m in range(machines):
        machine = s.resource[b, m]
        j = machine[Machine.HOLDER]
        repair = expected_repair(inst, s, b, i, m) if machine[Machine.DOWN] == 1 else 0
        at_least = now
        opens = now + repair
        if j >= 0:
            job = s.job[b, j]
            k = j * inst.width + job[Job.AT]
            if job[Job.DONE] == 0:
                p = inst.task[i, k, Task.DURATION]
                if now < job[Job.BEGAN]:  # broken since it entered
                    at_least = now + p
                    repair = max(repair, job[Job.BEGAN] - now if inst.repairs_known == 1 else inst.repair[i])
                elif machine[Machine.DOWN] == 0:
                    at_least = job[Job.DUE]
                elif inst.restart[i] == 1 and machine[Machine.SINCE] >= job[Job.BEGAN]:
                    at_least = now + p
                else:
                    at_least = job[Job.DUE] + now - max(machine[Machine.SINCE], job[Job.BEGAN])
                opens = at_least + repair
                soon = min(soon, opens)
                job[Job.EXPECTED] = opens
            rest = inst.task[i, k + 1, Task.REST] if job[Job.WANTS] >= 0 else 0
            bound = max(bound, at_least + rest)
        if machine[Machine.DOWN] == 1:
            soon = min(soon, now + repair)
        machine[Machine.OPENS] = opens
        machine[Machine.QUEUE] = 0
        machine[Machine.URGENT] = 0
        bound = max(bound, at_least + machine[Machine.OPEN])
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        if job[Job.AT] < 0 and job[Job.WANTS] >= 0:
            bound = max(bound, max(now, job[Job.DUE]) + inst.job[i, j, JobData.WORK])
            if job[Job.DUE] > now:
                soon = min(soon, job[Job.DUE])
            else:
                machine = s.resource[b, job[Job.WANTS]]
                machine[Machine.QUEUE] += 1
                machine[Machine.URGENT] = max(machine[Machine.URGENT], inst.job[i, j, JobData.WORK])
    s.bound[b] = bound
    clock[Clock.SOON] = soon
    # A holder cannot leave before the machine it goes to is free: follow the chains.
    changed = True
    while changed:
        changed = False
        for m in range(machines):
            j = s.resource[b, m, Machine.HOLDER]
            if j >= 0 and s.job[b, j, Job.WANTS] >= 0:
                later = s.resource[b, s.job[b, j, Job.WANTS], Machine.OPENS]
                if later > s.resource[b, m, Machine.OPENS]:
                    s.resource[b, m, Machine.OPENS] = later
                    changed = True
    if OUTLOOK:
        forecast_drain(inst, s, b, i, -1, FORECAST_NOW)


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    jobs = s.job.shape[1]
    return k * inst.width + s.job[b, k, Job.AT] + 1 if k < jobs else jobs * inst.width


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    return task_of(inst, s, b, k)


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    jobs = s.job.shape[1]
    return s.job[b, k, Job.WANTS] if k < jobs else s.resource.shape[1]


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The tick of choice k: moves are made, and waiting begins, now."""
    return s.clock[b, Clock.NOW]


def ready_at(inst: Instances, s: State, b: int, k: int) -> int:
    """Since when the job of move k has been waiting; dispatching rules use it."""
    return s.job[b, k, Job.DUE]
