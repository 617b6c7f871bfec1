"""The drain forecast: how the jobs in a blocking shop would leave it if no other job entered, first come, first served.

It serves the features of choices and is no rule of the problem. Circles of jobs that wait for each other are exchanged and
counted, with and without swaps. Future failures are unknown. Time is an integer number of ticks.
"""

from __future__ import annotations

from dispatchgym.envs.blocking.layout import (
    FORECAST_NOW,
    Clock,
    DrainingJob,
    Forecast,
    Instances,
    Job,
    Machine,
    State,
    Station,
    Task,
)


def forecast_drain(inst: Instances, s: State, b: int, i: int, mover: int, which: int) -> None:
    """Let the shop drain after job `mover` (-1 = none) has moved, and write row `which` of s.forecast.

    Row FORECAST_NOW also fills s.exit.
    """
    total = s.forecast[b, which]
    for f in range(total.shape[0]):
        total[f] = 0
    total[Forecast.MY_FIRST_BLOCKED_TICKS] = -1
    n = place_jobs(s, b, mover)
    mine = -1
    if mover >= 0:
        mine = n
        n = place_mover(inst, s, b, i, n, mover)
    left = n
    for x in range(n):
        left -= go_out(inst, s, b, i, x, x == mine, which)
    while left > 0:
        x, when = first_able(inst, s, b, i, n)
        if x >= 0:
            station = s.station[b, machine_of(inst, s, b, i, x)]
            station[Station.USER] = -1
            station[Station.FREE] = when
            left -= move_on(inst, s, b, i, x, when, x == mine, which)
        else:
            left -= exchange_circle(inst, s, b, i, n, mine, which)
    for m in range(s.resource.shape[1]):
        station = s.station[b, m]
        if station[Station.TO_COME] > 0:
            total[Forecast.BUSIEST] = max(total[Forecast.BUSIEST], station[Station.FREE] + station[Station.TO_COME])
    total[Forecast.BUSIEST] = max(total[Forecast.BUSIEST], total[Forecast.CLEARED])


def place_jobs(s: State, b: int, mover: int) -> int:
    """Set up the stations, and the draining jobs but for `mover`; the number of draining jobs."""
    now = s.clock[b, Clock.NOW]
    n = 0
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        station = s.station[b, m]
        station[Station.USER] = -1
        station[Station.FREE] = machine[Machine.OPENS]
        station[Station.TO_COME] = machine[Machine.OPEN]
        j = machine[Machine.HOLDER]
        if j >= 0 and j == mover:
            station[Station.FREE] = now
        elif j >= 0:
            job = s.job[b, j]
            ready = max(now, job[Job.EXPECTED]) if job[Job.DONE] == 0 else now
            n = join(s, b, n, j, job[Job.AT], ready, m)
    return n


def place_mover(inst: Instances, s: State, b: int, i: int, n: int, mover: int) -> int:
    """Draining job n is job `mover`, which enters its next machine now; the number of draining jobs then."""
    k = s.job[b, mover, Job.AT] + 1
    task = inst.task[i, mover * inst.width + k]
    m = task[Task.MACHINE]
    s.station[b, m, Station.TO_COME] -= task[Task.DURATION]
    return join(s, b, n, mover, k, s.clock[b, Clock.NOW] + task[Task.DURATION], m)


def join(s: State, b: int, n: int, j: int, k: int, ready: int, m: int) -> int:
    """Draining job n is job j with operation k on machine m; the number of draining jobs then."""
    job = s.draining_job[b, n]
    job[DrainingJob.JOB] = j
    job[DrainingJob.AT] = k
    job[DrainingJob.READY] = ready
    s.station[b, m, Station.USER] = n
    return n + 1


def first_able(inst: Instances, s: State, b: int, i: int, n: int) -> tuple[int, int]:
    """The draining job that can enter its next machine first, and when; (-1, 0) if every job waits for another."""
    first = -1
    when = 0
    for x in range(n):
        job = s.draining_job[b, x]
        if job[DrainingJob.AT] >= 0:
            row = job[DrainingJob.JOB] * inst.width + job[DrainingJob.AT]
            station = s.station[b, inst.task[i, row + 1, Task.MACHINE]]
            if station[Station.USER] < 0 or station[Station.USER] == x:
                ready = job[DrainingJob.READY]
                at = max(ready, station[Station.FREE]) if station[Station.USER] < 0 else ready
                if first < 0 or at < when:
                    first = x
                    when = at
    return first, when


def exchange_circle(inst: Instances, s: State, b: int, i: int, n: int, mine: int, which: int) -> int:
    """Every draining job waits for another: move one circle of them at once; how many of it leave the shop."""
    x = 0
    while s.draining_job[b, x, DrainingJob.AT] < 0:
        x += 1
    # After n steps from any job the walk is in a circle.
    for _ in range(n):
        x = follower(inst, s, b, i, x)
    first = x
    when = 0
    while True:
        when = max(when, s.draining_job[b, x, DrainingJob.READY])
        x = follower(inst, s, b, i, x)
        if x == first:
            break
    s.forecast[b, which, Forecast.EXCHANGES] += 1
    gone = 0
    while True:
        following = follower(inst, s, b, i, x)
        gone += move_on(inst, s, b, i, x, when, x == mine, which)
        x = following
        if x == first:
            return gone


def machine_of(inst: Instances, s: State, b: int, i: int, x: int) -> int:
    """The machine that draining job x holds."""
    job = s.draining_job[b, x]
    return inst.task[i, job[DrainingJob.JOB] * inst.width + job[DrainingJob.AT], Task.MACHINE]


def follower(inst: Instances, s: State, b: int, i: int, x: int) -> int:
    """The draining job on the machine that draining job x waits for."""
    job = s.draining_job[b, x]
    return s.station[b, inst.task[i, job[DrainingJob.JOB] * inst.width + job[DrainingJob.AT] + 1, Task.MACHINE], Station.USER]


def move_on(inst: Instances, s: State, b: int, i: int, x: int, when: int, mine: bool, which: int) -> int:
    """Draining job x enters its next machine at tick `when`; 1 if it then leaves the shop from there, else 0."""
    job = s.draining_job[b, x]
    total = s.forecast[b, which]
    blocked = when - job[DrainingJob.READY]
    total[Forecast.BLOCKED_TICKS] += blocked
    if mine:
        total[Forecast.MY_BLOCKED_TICKS] += blocked
        if total[Forecast.MY_FIRST_BLOCKED_TICKS] < 0:
            total[Forecast.MY_FIRST_BLOCKED_TICKS] = blocked
    job[DrainingJob.AT] += 1
    task = inst.task[i, job[DrainingJob.JOB] * inst.width + job[DrainingJob.AT]]
    station = s.station[b, task[Task.MACHINE]]
    job[DrainingJob.READY] = when + task[Task.DURATION]
    station[Station.USER] = x
    station[Station.TO_COME] -= task[Task.DURATION]
    return go_out(inst, s, b, i, x, mine, which)


def go_out(inst: Instances, s: State, b: int, i: int, x: int, mine: bool, which: int) -> int:
    """Draining job x leaves the shop if it is on its last machine; 1 if it does, else 0."""
    job = s.draining_job[b, x]
    task = inst.task[i, job[DrainingJob.JOB] * inst.width + job[DrainingJob.AT]]
    if task[Task.LAST] == 0:
        return 0
    ready = job[DrainingJob.READY]
    total = s.forecast[b, which]
    station = s.station[b, task[Task.MACHINE]]
    station[Station.USER] = -1
    station[Station.FREE] = ready
    job[DrainingJob.AT] = -1
    total[Forecast.CLEARED] = max(total[Forecast.CLEARED], ready)
    if mine:
        total[Forecast.MY_EXIT] = ready
    else:
        total[Forecast.OTHER_EXITS] += ready
    if which == FORECAST_NOW:
        s.exit[b, job[DrainingJob.JOB]] = ready
    return 1
