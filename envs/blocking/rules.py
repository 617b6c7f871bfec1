"""The blocking shop's rules, once: jobs that hold their machine until they enter the next one, with and without swaps.

Functions of the contract in `envs/core/contract.py`; the agent's view is in features.py. Time runs from event to event:
an operation is processed, a machine fails or is repaired, a job is released. At each event processed jobs leave the shop,
circles of jobs that wait for each other are exchanged (bws), and then the agent is asked, move by move: choice j < J moves
job j onto its next machine (or into the shop), the last choice waits for the next event. Every left-shifted schedule is a
sequence of such choices.

Without swaps (bns) a move is legal only if the jobs in the shop can still all get out: `safe` in deadlock.py.
"""

# inst.task (N, J * K, 6): the operations, k of job j in row j * K + k; work of the job before and from it on.
MACHINE, DURATION, HEAD, REST, DELAY, LAST = range(6)
# inst.job (N, J, 3): number of operations (0 = no such job), release, work.
LENGTH, RELEASE, WORK = range(3)
# s.job (B, J, 8): index of the operation whose machine it holds (-1 = not in the shop yet, LENGTH = has left), that machine,
# the next operation's machine (-1 = none), when processing began and will be done unless the machine fails, whether it is
# done, whether the job may move now, and when processing is expected to be done by what is known.
AT, HOLDS, WANTS, BEGAN, DUE, DONE, FREE_TO_GO, EXPECTED = range(8)
# s.resource (B, M, 10): job on it (-1 = none), down now, index of the next (or present) down window, since when it is down, work
# and operations that have not entered, when it is expected to be free, a mark for walking circles, how many released jobs
# outside begin here, and the most work that one of them has.
HOLDER, DOWN, WINDOW, SINCE, OPEN, LEFT, OPENS, MARK, QUEUE, URGENT = range(10)
# s.clock (B, 6): now, jobs not gone, how many choices are moves, whether waiting is one, next expected event, jobs inside.
NOW, UNFINISHED, MOVES, PENDING, SOON, INSIDE = range(6)

NEVER = 2**30  # above every time in a schedule
LIMIT = 2**50  # states of a search for deadlocks without a budget


def reset(inst, s, b):
    i = s.row[b]
    clock = s.clock[b]
    clock[NOW] = 0
    clock[INSIDE] = 0
    work = 0
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        machine[HOLDER] = -1
        machine[DOWN] = 0
        machine[WINDOW] = 0
        machine[SINCE] = 0
        machine[OPEN] = inst.resource[i, m, 0]
        machine[LEFT] = inst.resource[i, m, 1]
        machine[OPENS] = 0
        machine[QUEUE] = 0
        machine[URGENT] = 0
        work += machine[OPEN]
    unfinished = 0
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        real = inst.job[i, j, LENGTH] > 0
        unfinished += real
        job[AT] = -1
        job[HOLDS] = -1
        job[WANTS] = inst.task[i, j * inst.width, MACHINE] if real else -1
        job[BEGAN] = 0
        job[DUE] = inst.job[i, j, RELEASE]
        job[DONE] = 1
        job[EXPECTED] = job[DUE]
        for k in range(inst.width):
            s.start[b, j, k] = -1
    clock[UNFINISHED] = unfinished
    s.work[b] = work
    s.scheduled[b] = 0
    s.makespan[b] = 0
    s.bound[b] = inst.bound[i]
    s.rewarded[b] = inst.bound[i]
    for x in range(s.memo.shape[1]):
        s.memo[b, x] = 0
    tick(inst, s, b, i)
    settle(inst, s, b, i)


def finished(inst, s, b):
    return s.clock[b, UNFINISHED] == 0


def objective(inst, s, b):
    return s.makespan[b]


def legal(inst, s, b, choices):
    jobs = s.job.shape[1]
    count = 0
    for j in range(jobs):
        choices[count] = j
        count += s.job[b, j, FREE_TO_GO]
    if s.clock[b, PENDING] == 1:
        choices[count] = jobs
        count += 1
    return count


def step(inst, s, b, action):
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


def settle(inst, s, b, i):
    """Everything that happens without a decision, until there is one to make or all jobs have left."""
    clock = s.clock[b]
    while True:
        complete(inst, s, b, i)
        while exchange(inst, s, b, i):
            complete(inst, s, b, i)
        if clock[UNFINISHED] == 0:
            s.bound[b] = s.makespan[b]
            return
        clock[PENDING] = pending(s, b)
        find_moves(inst, s, b, i)
        if clock[MOVES] > 0:
            break
        if clock[NOW] >= NEVER:  # a deadlock: impossible, and if it happened nobody should overlook it
            clock[UNFINISHED] = 0
            s.makespan[b] = NEVER
            s.bound[b] = NEVER
            return
        advance_clock(inst, s, b, i)
    foresee(inst, s, b, i)


def leave(s, b, j):
    """Job j gives its machine back, if it has one."""
    m = s.job[b, j, HOLDS]
    if m >= 0:
        s.resource[b, m, HOLDER] = -1


def enter(inst, s, b, i, j):
    """Job j enters its next machine now; the machine it leaves is the caller's affair."""
    job = s.job[b, j]
    k = job[AT] + 1
    task = inst.task[i, j * inst.width + k]
    m = job[WANTS]
    now = s.clock[b, NOW]
    s.clock[b, INSIDE] += k == 0
    job[AT] = k
    job[HOLDS] = m
    job[WANTS] = -1 if task[LAST] == 1 else inst.task[i, j * inst.width + k + 1, MACHINE]
    job[BEGAN] = now + task[DELAY]
    job[DUE] = now + task[DELAY] + task[DURATION]
    job[DONE] = 0
    machine = s.resource[b, m]
    machine[HOLDER] = j
    machine[OPEN] -= task[DURATION]
    machine[LEFT] -= 1
    s.start[b, j, k] = now
    s.work[b] -= task[DURATION]
    s.scheduled[b] += 1


def complete(inst, s, b, i):
    """Operations that are processed by now are done; a job whose last operation is done leaves the shop."""
    clock = s.clock[b]
    now = clock[NOW]
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        j = machine[HOLDER]
        if j >= 0 and machine[DOWN] == 0 and s.job[b, j, DUE] <= now:
            job = s.job[b, j]
            x = machine[WINDOW]
            if job[BEGAN] == now and x < inst.windows[i, m] and inst.down[i, m, x, 0] == now:
                continue  # it takes no time, but would only begin now, when the machine fails
            job[DONE] = 1
            if job[WANTS] < 0:
                s.makespan[b] = max(s.makespan[b], job[DUE])
                job[AT] += 1
                job[HOLDS] = -1
                machine[HOLDER] = -1
                clock[UNFINISHED] -= 1
                clock[INSIDE] -= 1


def exchange(inst, s, b, i):
    """Move the first circle of done jobs that wait for each other's machines, all up; whether there was one.

    A circle of one (the next operation is on the machine that the job holds) is legal in every variant. Nobody else can
    use these machines before the exchange, so it is never wrong to make it at once.
    """
    machines = s.resource.shape[1]
    for m in range(machines):
        s.resource[b, m, MARK] = 0
    for first in range(machines):
        m = first
        while m >= 0 and s.resource[b, m, MARK] == 0 and s.resource[b, m, DOWN] == 0:
            s.resource[b, m, MARK] = first + 1
            j = s.resource[b, m, HOLDER]
            m = s.job[b, j, WANTS] if j >= 0 and s.job[b, j, DONE] == 1 else -1
        if m < 0 or s.resource[b, m, MARK] != first + 1 or s.resource[b, m, DOWN] == 1:
            continue
        j = s.resource[b, m, HOLDER]
        if inst.swap == 0 and s.job[b, j, WANTS] != m:
            continue
        while True:
            following = s.resource[b, s.job[b, j, WANTS], HOLDER]
            circle_end = s.job[b, j, WANTS] == m
            enter(inst, s, b, i, j)
            if circle_end:
                return True
            j = following
    return False


def pending(s, b):
    """Whether something is under way that may change what is possible: processing, a repair, a release."""
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        j = machine[HOLDER]
        if j >= 0 and s.job[b, j, DONE] == 0:
            return 1
        if machine[DOWN] == 1 and (j >= 0 or machine[LEFT] > 0):
            return 1
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        if job[AT] < 0 and job[WANTS] >= 0 and job[DUE] > s.clock[b, NOW]:
            return 1
    return 0


def find_moves(inst, s, b, i):
    """Mark the jobs that may move now: done or not begun, the next machine up and empty, and the shop safe afterwards."""
    clock = s.clock[b]
    moves = 0
    for j in range(s.job.shape[1]):
        moves += movable(inst, s, b, i, j, inst.budget)
    # A budget may refuse every safe move; somebody has to move if nothing else will happen.
    budget = inst.budget
    while moves == 0 and clock[PENDING] == 0 and budget < LIMIT:
        budget *= 8
        for j in range(s.job.shape[1]):
            if moves == 0:
                moves += movable(inst, s, b, i, j, budget)
    clock[MOVES] = moves


def movable(inst, s, b, i, j, budget):
    job = s.job[b, j]
    m = job[WANTS]
    ok = m >= 0 and job[DONE] == 1 and job[DUE] <= s.clock[b, NOW]
    if ok:
        machine = s.resource[b, m]
        ok = machine[HOLDER] < 0 and machine[DOWN] == 0
        if ok and inst.swap == 0:
            ok = safe(inst, s, b, i, j, budget)
    job[FREE_TO_GO] = 1 if ok else 0
    return job[FREE_TO_GO]


def advance_clock(inst, s, b, i):
    """Go to the next event and let it happen."""
    clock = s.clock[b]
    now = clock[NOW]
    soon = NEVER
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        j = machine[HOLDER]
        if machine[DOWN] == 1:
            soon = min(soon, inst.down[i, m, machine[WINDOW], 1])
        elif j >= 0 and s.job[b, j, DONE] == 0:
            soon = min(soon, s.job[b, j, DUE])
        # Failures of machines that nobody will need are no events.
        if machine[DOWN] == 0 and machine[WINDOW] < inst.windows[i, m] and (j >= 0 or machine[LEFT] > 0):
            soon = min(soon, max(inst.down[i, m, machine[WINDOW], 0], now + 1))
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        if job[AT] < 0 and job[WANTS] >= 0 and job[DUE] > now:
            soon = min(soon, job[DUE])
    clock[NOW] = soon
    complete(inst, s, b, i)  # what is processed when a machine fails was not interrupted
    tick(inst, s, b, i)


def tick(inst, s, b, i):
    """Repairs and failures that are due."""
    now = s.clock[b, NOW]
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        while machine[WINDOW] < inst.windows[i, m]:
            window = inst.down[i, m, machine[WINDOW]]
            if machine[DOWN] == 1 and window[1] <= now:
                machine[DOWN] = 0
                machine[WINDOW] += 1
                repaired(inst, s, b, i, machine[HOLDER], window[0], window[1])
            elif machine[DOWN] == 0 and window[1] <= now:
                machine[WINDOW] += 1  # passed unseen while nobody needed the machine
            elif machine[DOWN] == 0 and window[0] <= now:
                machine[DOWN] = 1
                machine[SINCE] = window[0]
            else:
                break


def repaired(inst, s, b, i, j, failed, now):
    """Job j, if there is one at work, resumes or begins anew."""
    if j < 0 or s.job[b, j, DONE] == 1:
        return
    job = s.job[b, j]
    if now <= job[BEGAN]:
        return
    if failed < job[BEGAN]:
        job[DUE] += now - job[BEGAN]
        job[BEGAN] = now
    elif inst.restart[i] == 1:
        job[DUE] = now + inst.task[i, j * inst.width + job[AT], DURATION]
        job[BEGAN] = now
    else:
        job[DUE] += now - failed


def expected_repair(inst, s, b, i, m):
    """Ticks until machine m, which is down, is expected to be up: the law has no memory, so its age says nothing."""
    if inst.repairs_known == 1:
        return inst.down[i, m, s.resource[b, m, WINDOW], 1] - s.clock[b, NOW]
    return inst.repair[i]


def foresee(inst, s, b, i):
    """Expected times of the jobs and machines, and the lower bound of this state."""
    clock = s.clock[b]
    now = clock[NOW]
    machines = s.resource.shape[1]
    bound = max(s.bound[b], s.makespan[b])
    soon = NEVER
    for m in range(machines):
        machine = s.resource[b, m]
        j = machine[HOLDER]
        repair = expected_repair(inst, s, b, i, m) if machine[DOWN] == 1 else 0
        at_least = now
        opens = now + repair
        if j >= 0:
            job = s.job[b, j]
            k = j * inst.width + job[AT]
            if job[DONE] == 0:
                p = inst.task[i, k, DURATION]
                if now < job[BEGAN]:  # broken since it entered
                    at_least = now + p
                    repair = max(repair, job[BEGAN] - now if inst.repairs_known == 1 else inst.repair[i])
                elif machine[DOWN] == 0:
                    at_least = job[DUE]
                elif inst.restart[i] == 1 and machine[SINCE] >= job[BEGAN]:
                    at_least = now + p
                else:
                    at_least = job[DUE] + now - max(machine[SINCE], job[BEGAN])
                opens = at_least + repair
                soon = min(soon, opens)
                job[EXPECTED] = opens
            rest = inst.task[i, k + 1, REST] if job[WANTS] >= 0 else 0
            bound = max(bound, at_least + rest)
        if machine[DOWN] == 1:
            soon = min(soon, now + repair)
        machine[OPENS] = opens
        machine[QUEUE] = 0
        machine[URGENT] = 0
        bound = max(bound, at_least + machine[OPEN])
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        if job[AT] < 0 and job[WANTS] >= 0:
            bound = max(bound, max(now, job[DUE]) + inst.job[i, j, WORK])
            if job[DUE] > now:
                soon = min(soon, job[DUE])
            else:
                machine = s.resource[b, job[WANTS]]
                machine[QUEUE] += 1
                machine[URGENT] = max(machine[URGENT], inst.job[i, j, WORK])
    s.bound[b] = bound
    clock[SOON] = soon
    # A holder cannot leave before the machine it goes to is free: follow the chains.
    changed = True
    while changed:
        changed = False
        for m in range(machines):
            j = s.resource[b, m, HOLDER]
            if j >= 0 and s.job[b, j, WANTS] >= 0:
                later = s.resource[b, s.job[b, j, WANTS], OPENS]
                if later > s.resource[b, m, OPENS]:
                    s.resource[b, m, OPENS] = later
                    changed = True
    if inst.outlook == 1:
        outlook(inst, s, b, i, -1, 0)
