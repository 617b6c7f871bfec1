"""What would happen in a blocking shop if nobody else entered: the jobs in the shop leave it, first come first served.

An outlook for the features of choices, not a rule of the problem: circles of jobs that wait for each other are exchanged and
counted, with and without swaps, and failures to come are unknown. Compiled together with rules.py, which names the columns of
the arrays; time is an integer number of ticks.
"""

# s.walker (B, M, 3): the jobs of an outlook, the operation whose machine each holds (-1 = out) and since when it is processed.
JOB, SPOT, READY = range(3)
# s.station (B, M, 3): index of the walker on each machine (-1 = none), when the machine is free, work still to come there.
USER, FREE, TO_COME = range(3)
# s.outlook (B, 2, 8), row 0 as things stand, row 1 after the choice in question: when the last job has left, ticks that jobs
# hold machines in vain, exchanges, the same for the job of the choice alone: when it leaves, ticks in vain, those on its next
# machine; the sum of the ticks at which the others leave, and when the busiest machine has done all its work.
CLEARED, VAIN, EXCHANGES, MY_EXIT, MY_VAIN, MY_FIRST, OTHERS, BUSIEST = range(8)


def outlook(inst, s, b, i, mover, which):
    """Let the shop drain after `mover` (-1 = nobody) has moved, into row `which` of s.outlook; row 0 also fills s.exit."""
    now = s.clock[b, NOW]
    total = s.outlook[b, which]
    for f in range(total.shape[0]):
        total[f] = 0
    total[MY_FIRST] = -1
    n = 0
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        station = s.station[b, m]
        station[USER] = -1
        station[FREE] = machine[OPENS]
        station[TO_COME] = machine[OPEN]
        j = machine[HOLDER]
        if j >= 0 and j == mover:
            station[FREE] = now
        elif j >= 0:
            job = s.job[b, j]
            ready = max(now, job[EXPECTED]) if job[DONE] == 0 else now
            n = join(s, b, n, j, job[AT], ready, m)
    mine = -1
    if mover >= 0:
        row = mover * inst.width + s.job[b, mover, AT] + 1
        m = inst.task[i, row, MACHINE]
        mine = n
        s.station[b, m, TO_COME] -= inst.task[i, row, DURATION]
        n = join(s, b, n, mover, s.job[b, mover, AT] + 1, now + inst.task[i, row, DURATION], m)
    left = n
    for x in range(n):
        left -= go_out(inst, s, b, i, x, x == mine, which)
    while left > 0:
        first = -1
        when = 0
        for x in range(n):
            walker = s.walker[b, x]
            if walker[SPOT] >= 0:
                row = walker[JOB] * inst.width + walker[SPOT]
                station = s.station[b, inst.task[i, row + 1, MACHINE]]
                if station[USER] < 0 or station[USER] == x:
                    at = max(walker[READY], station[FREE]) if station[USER] < 0 else walker[READY]
                    if first < 0 or at < when:
                        first = x
                        when = at
        if first >= 0:
            s.station[b, machine_of(inst, s, b, i, first), USER] = -1
            s.station[b, machine_of(inst, s, b, i, first), FREE] = when
            left -= walk_on(inst, s, b, i, first, when, first == mine, which)
            continue
        # Everybody waits for somebody: whoever is followed long enough stands in a circle.
        x = 0
        while s.walker[b, x, SPOT] < 0:
            x += 1
        for _ in range(n):
            x = follower(inst, s, b, i, x)
        first = x
        while True:
            when = max(when, s.walker[b, x, READY])
            x = follower(inst, s, b, i, x)
            if x == first:
                break
        total[EXCHANGES] += 1
        while True:
            following = follower(inst, s, b, i, x)
            left -= walk_on(inst, s, b, i, x, when, x == mine, which)
            x = following
            if x == first:
                break
    for m in range(s.resource.shape[1]):
        station = s.station[b, m]
        if station[TO_COME] > 0:
            total[BUSIEST] = max(total[BUSIEST], station[FREE] + station[TO_COME])
    total[BUSIEST] = max(total[BUSIEST], total[CLEARED])


def join(s, b, n, j, k, ready, m):
    """Walker n is job j with operation k on machine m; the number of walkers then."""
    walker = s.walker[b, n]
    walker[JOB] = j
    walker[SPOT] = k
    walker[READY] = ready
    s.station[b, m, USER] = n
    return n + 1


def machine_of(inst, s, b, i, x):
    return inst.task[i, s.walker[b, x, JOB] * inst.width + s.walker[b, x, SPOT], MACHINE]


def follower(inst, s, b, i, x):
    """The walker on the machine that walker x waits for."""
    return s.station[b, inst.task[i, s.walker[b, x, JOB] * inst.width + s.walker[b, x, SPOT] + 1, MACHINE], USER]


def walk_on(inst, s, b, i, x, when, mine, which):
    """Walker x enters its next machine at tick `when`; 1 if it is out of the shop by that."""
    walker = s.walker[b, x]
    total = s.outlook[b, which]
    vain = when - walker[READY]
    total[VAIN] += vain
    if mine:
        total[MY_VAIN] += vain
        if total[MY_FIRST] < 0:
            total[MY_FIRST] = vain
    walker[SPOT] += 1
    row = walker[JOB] * inst.width + walker[SPOT]
    station = s.station[b, inst.task[i, row, MACHINE]]
    walker[READY] = when + inst.task[i, row, DURATION]
    station[USER] = x
    station[TO_COME] -= inst.task[i, row, DURATION]
    return go_out(inst, s, b, i, x, mine, which)


def go_out(inst, s, b, i, x, mine, which):
    """Walker x leaves the shop if it is on its last machine; whether it does."""
    walker = s.walker[b, x]
    row = walker[JOB] * inst.width + walker[SPOT]
    if inst.task[i, row, LAST] == 0:
        return 0
    total = s.outlook[b, which]
    station = s.station[b, inst.task[i, row, MACHINE]]
    station[USER] = -1
    station[FREE] = walker[READY]
    walker[SPOT] = -1
    total[CLEARED] = max(total[CLEARED], walker[READY])
    if mine:
        total[MY_EXIT] = walker[READY]
    else:
        total[OTHERS] += walker[READY]
    if which == 0:
        s.exit[b, walker[JOB]] = walker[READY]
    return 1
