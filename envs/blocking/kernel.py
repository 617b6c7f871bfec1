"""The blocking shop's rules, once: jobs that hold their machine until they enter the next one, with and without swaps.

Functions of the contract in `envs/core/contract.py`. Time runs from event to event: an operation is processed, a machine
fails or is repaired, a job is released. At each event processed jobs leave the shop, circles of jobs that wait for each
other are exchanged (bws), and then the agent is asked, move by move: choice j < J moves job j onto its next machine (or
into the shop), the last choice waits for the next event. Every left-shifted schedule is a sequence of such choices.

Without swaps (bns) a move is legal only if the jobs in the shop can still all get out: `safe` decides that by search.
Deciding it is NP-complete (Lawley & Reveliotis, Int. J. Flexible Manuf. Syst. 13, 2001), so the search has a budget.
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
LIMIT = 2**50  # states of a search without a budget
SAFE, UNSAFE, OPEN_QUESTION = 1, 0, 2


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


def legal(inst, s, b, mask):
    jobs = s.job.shape[1]
    for j in range(jobs):
        mask[j] = s.job[b, j, FREE_TO_GO]
    mask[jobs] = s.clock[b, PENDING]
    return s.clock[b, MOVES] + s.clock[b, PENDING]


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


# Deadlock without swaps


def safe(inst, s, b, i, mover, budget):
    """Whether all jobs in the shop can get out, one move at a time, after job `mover` has moved.

    False also when `budget` states were not enough to know. Time does not matter here, and neither do jobs outside.
    """
    job = s.job[b, mover]
    row = mover * inst.width + job[AT] + 1
    if inst.task[i, row, LAST] == 1:
        return True  # it leaves whatever happens
    n = 0
    others = 0
    for m in range(s.resource.shape[1]):
        j = s.resource[b, m, HOLDER]
        if j >= 0 and j != mover:
            s.crew[b, n] = j
            s.level[b, 0, n] = s.job[b, j, AT]
            others |= inst.future[i, j * inst.width + s.job[b, j, AT]]
            n += 1
    if others & bit(inst, i, mover, job[AT] + 1) == 0:
        return True  # nobody else ever needs that machine, and the state before was safe
    s.crew[b, n] = mover
    s.level[b, 0, n] = job[AT] + 1
    return search(inst, s, b, i, n + 1, budget) == SAFE


def search(inst, s, b, i, n, budget):
    """Depth first over single moves from level 0, whose n jobs are s.crew and their operations s.level[b, 0]."""
    depth = 0
    nodes = 0
    verdict = judge(inst, s, b, i, n, 0)
    while True:
        if verdict == SAFE:
            for d in range(depth):
                remember(s, b, int(s.key[b, d]), SAFE)
            return SAFE
        if verdict == OPEN_QUESTION:
            x = next_branch(inst, s, b, i, n, depth)
            if x >= 0:
                nodes += 1
                if nodes > budget:
                    return OPEN_QUESTION
                s.branch[b, depth] = x + 1
                for y in range(n):
                    s.level[b, depth + 1, y] = s.level[b, depth, y]
                s.level[b, depth + 1, x] += 1
                depth += 1
                verdict = judge(inst, s, b, i, n, depth)
                continue
            remember(s, b, int(s.key[b, depth]), UNSAFE)
        if depth == 0:
            return UNSAFE
        depth -= 1
        verdict = OPEN_QUESTION


def next_branch(inst, s, b, i, n, depth):
    """The next job from s.branch on whose next machine is empty at this level, or -1."""
    held = 0
    for x in range(n):
        k = s.level[b, depth, x]
        if k >= 0:
            held |= bit(inst, i, s.crew[b, x], k)
    for x in range(s.branch[b, depth], n):
        k = s.level[b, depth, x]
        if k >= 0 and held & bit(inst, i, s.crew[b, x], k + 1) == 0:
            return x
    return -1


def judge(inst, s, b, i, n, depth):
    """Simplify a level as far as possible; SAFE, UNSAFE, or an OPEN_QUESTION whose branches are then untried."""
    spot = s.level[b, depth]
    if reduce_level(inst, s, b, i, n, depth) == 0:
        return SAFE
    if has_circle(inst, s, b, i, n, depth):
        return UNSAFE
    key = 0
    for x in range(n):
        if spot[x] >= 0:
            key ^= stamp(int(s.crew[b, x]) * inst.width + int(spot[x]) + 1)
    s.key[b, depth] = key
    s.branch[b, depth] = 0
    return recall_verdict(s, b, key)


def reduce_level(inst, s, b, i, n, depth):
    """Advance jobs where that cannot hurt; the number still in the shop.

    A job may go, over empty machines, out of the shop or to a machine that no other job needs any more: it stands in
    nobody's way there, so the state before was safe exactly if the state after is. This contains the banker's test.
    """
    spot = s.level[b, depth]
    held = 0
    left = 0
    for x in range(n):
        if spot[x] >= 0:
            held |= bit(inst, i, s.crew[b, x], spot[x])
            left += 1
    moved = True
    while moved and left > 0:
        moved = False
        once = 0
        twice = 0
        for x in range(n):
            if spot[x] >= 0:
                need = inst.future[i, s.crew[b, x] * inst.width + spot[x]]
                twice |= once & need
                once |= need
        for x in range(n):
            k = spot[x]
            if k < 0:
                continue
            j = s.crew[b, x]
            base = j * inst.width
            needed = twice | (once & ~inst.future[i, base + k])
            here = bit(inst, i, j, k)
            goal = k
            at = k
            stays = True
            out = inst.task[i, base + at, LAST] == 1
            while not out:
                m = bit(inst, i, j, at + 1)
                if m != here and held & m != 0:
                    break
                at += 1
                # Staying on its machine for the next operation changes nothing for the others either.
                stays = stays and m == here
                if stays or needed & m == 0:
                    goal = at
                out = inst.task[i, base + at, LAST] == 1
            if out or goal > k:
                held &= ~here
                if out:
                    spot[x] = -1
                    left -= 1
                else:
                    spot[x] = goal
                    held |= bit(inst, i, j, goal)
                moved = True
                # `once` and `twice` are now too large, which only makes the rest of this pass careful.
    return left


def bit(inst, i, j, k):
    """The machine of operation k of job j as one bit of a set."""
    return 1 << int(inst.task[i, j * inst.width + k, MACHINE])


def has_circle(inst, s, b, i, n, depth):
    """Whether jobs of this level wait for each other in a circle, which no swap can open."""
    spot = s.level[b, depth]
    for m in range(s.resource.shape[1]):
        s.resource[b, m, MARK] = -1
    for x in range(n):
        if spot[x] >= 0:
            s.resource[b, inst.task[i, s.crew[b, x] * inst.width + spot[x], MACHINE], MARK] = x
    for first in range(n):
        x = first if spot[first] >= 0 else -1
        walked = 0
        while x >= 0 and walked <= n:
            x = s.resource[b, inst.task[i, s.crew[b, x] * inst.width + spot[x] + 1, MACHINE], MARK]
            walked += 1
        if x >= 0:
            return True
    return False


def stamp(x):
    """A number of 62 bits that stands for (job, operation) in the key of a state: splitmix64 (Steele, Lea & Flood 2014)."""
    z = (x * 0x1E3779B97F4A7C15) & 0x3FFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0x3F58476D1CE4E5B9) & 0x3FFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x14D049BB133111EB) & 0x3FFFFFFFFFFFFFFF
    return z ^ (z >> 31)


def remember(s, b, key, verdict):
    s.memo[b, key & (s.memo.shape[1] - 1)] = 2 * key + verdict


def recall_verdict(s, b, key):
    known = int(s.memo[b, key & (s.memo.shape[1] - 1)])
    return known & 1 if known != 0 and known >> 1 == key else OPEN_QUESTION


# What the agent sees


def task_of(inst, s, b, k):
    jobs = s.job.shape[1]
    return k * inst.width + s.job[b, k, AT] + 1 if k < jobs else jobs * inst.width


def resource_of(inst, s, b, k):
    jobs = s.job.shape[1]
    return s.job[b, k, WANTS] if k < jobs else s.resource.shape[1]


def offered_at(inst, s, b, k):
    """The tick of choice k: moves are made, and waiting begins, now."""
    return s.clock[b, NOW]


def ready_at(inst, s, b, k):
    """Since when the job of move k has been waiting."""
    return s.job[b, k, DUE]


def clip(x, limit):
    return min(max(x, -limit), limit)


def candidate(inst, s, b, k, out):
    """Features of choice k; time is in mean durations, or in shares of the open horizon."""
    for f in range(out.shape[0]):
        out[f] = 0.0
    if k < s.job.shape[1]:
        describe_move(inst, s, b, k, out)
    else:
        describe_wait(inst, s, b, out)


def describe_move(inst, s, b, j, out):
    i = s.row[b]
    now = s.clock[b, NOW]
    bound = s.bound[b]
    job = s.job[b, j]
    k = job[AT] + 1
    row = j * inst.width + k
    task = inst.task[i, row]
    m = job[WANTS]
    machine = s.resource[b, m]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    p = task[DURATION]
    here = job[HOLDS]

    # The machine after this one: when it is expected to be free, and until when the job would hold the target.
    last = task[LAST] == 1
    after = inst.task[i, row + 1, MACHINE] if not last else -1
    arrives = now + p
    opens = now
    if not last and after != here:
        opens = s.resource[b, after, OPENS]
    leaves = max(arrives, opens)

    # What the jobs in the shop want next, and what this move would do to them.
    rivals = machine[QUEUE] - (1 if k == 0 else 0)
    urgent = machine[URGENT]
    coming = 0
    arrival = NEVER
    freed = 0
    freed_later = 0
    freed_urgent = 0
    delayed = 0
    worst = 0
    latest = 0
    ahead_of_me = 0
    work_ahead = 0
    needing = 0
    opposing = 0
    in_the_way = 0
    soonest = NEVER
    blocked = 0
    for m2 in range(s.resource.shape[1]):
        j2 = s.resource[b, m2, HOLDER]
        if j2 < 0 or j2 == j or s.job[b, j2, WANTS] < 0:
            continue
        other = s.job[b, j2]
        wants = other[WANTS]
        row2 = j2 * inst.width + other[AT] + 1
        rest = inst.task[i, row2, REST]
        due = max(other[EXPECTED], now) if other[DONE] == 0 else now
        delay = 0
        # Further ahead: who comes to the target some day, whose machine this job needs, and both at once.
        met = inst.visit[i, j, m2] >= task[HEAD] + p
        in_the_way += met
        comes = inst.visit[i, j2, m] - inst.task[i, row2, HEAD]
        if comes >= 0:
            needing += 1
            opposing += met
            soonest = min(soonest, due + comes)
            blocked += max(leaves - due - comes, 0)
        if wants == m:
            if due > now:
                coming += 1
                arrival = min(arrival, due)
            else:
                rivals += 1
            urgent = max(urgent, rest)
            delay = leaves - due
        else:
            if wants == here:
                freed += due == now
                freed_later += due > now
                if due == now:
                    freed_urgent = max(freed_urgent, rest)
            if wants == after and due <= arrives:
                ahead_of_me += 1
                work_ahead += inst.task[i, row2, DURATION]
            if inst.task[i, row2, LAST] == 0 and inst.task[i, row2 + 1, MACHINE] == m:
                due = max(due, s.resource[b, wants, OPENS]) + inst.task[i, row2, DURATION]
                rest -= inst.task[i, row2, DURATION]
                delay = leaves - due
        if delay > 0:
            delayed += delay
            worst = max(worst, delay)
            latest = max(latest, leaves + rest)

    out[0] = p * rate
    out[1] = 1.0 if k == 0 else 0.0
    out[2] = clip((now - job[DUE]) * rate, 8.0) if k > 0 else 0.0
    out[3] = task[REST] * share
    out[4] = (bound - now - task[REST]) * share
    out[5] = (inst.job[i, j, LENGTH] - k) * inst.unit[i] * share
    out[6] = task[HEAD] / max(inst.job[i, j, WORK], 1)
    out[7] = machine[OPEN] * share
    out[8] = (bound - now - machine[OPEN]) * share
    out[9] = rivals / 4.0
    out[10] = coming / 4.0
    out[11] = clip((arrival - now) * rate, 8.0)
    out[12] = (urgent - task[REST]) * share
    out[13] = freed / 4.0
    out[14] = freed_later / 4.0
    out[15] = freed_urgent * share
    out[16] = s.resource[b, here, OPEN] * share if here >= 0 else 0.0
    out[17] = 1.0 if here >= 0 and s.resource[b, here, DOWN] == 1 else 0.0
    out[18] = 1.0 if last else 0.0

    # The way ahead: when the job would arrive, when the machine is expected to be free, as things stand.
    time = now + p
    waiting = 0
    held = 0
    total = 0
    ahead = row + 1
    at = k
    while at + 1 < inst.job[i, j, LENGTH]:
        following = inst.task[i, ahead, MACHINE]
        station = s.resource[b, following]
        # Its own old machine is empty after the move.
        free = station[OPENS] if following != here else now
        taken = station[HOLDER] >= 0 and following != here
        gap = free - time
        if at == k:
            out[19] = clip(gap * rate, 8.0)
            out[20] = station[OPEN] * share
            out[21] = 1.0 if taken else 0.0
            out[22] = float(station[DOWN])
            out[23] = chain(s, b, following, m, here) / 8.0
            out[24] = inst.task[i, ahead, DURATION] * rate
        elif at == k + 1:
            out[25] = clip(gap * rate, 8.0)
            out[26] = 1.0 if taken else 0.0
        if gap > 0 and at < k + 4:
            waiting += gap
            time += gap
        time += inst.task[i, ahead, DURATION]
        held += taken
        total += 1
        ahead += 1
        at += 1
    out[27] = clip(waiting * rate, 8.0)
    out[28] = held / max(total, 1)
    out[29] = (bound - time) * share
    out[30] = clip(delayed * rate, 8.0)
    out[31] = clip(worst * rate, 8.0)
    out[32] = (latest - bound) * share if latest > 0 else -1.0
    out[33] = ahead_of_me / 4.0
    out[34] = clip((opens + work_ahead - arrives) * rate, 8.0)
    out[35] = clip((leaves - now) * rate, 8.0)
    out[36] = s.resource[b, after, QUEUE] / 4.0 if not last else 0.0
    out[39] = needing / 4.0
    out[40] = opposing / 4.0
    out[41] = in_the_way / 4.0
    out[42] = clip((leaves - soonest) * rate, 8.0)
    out[43] = clip(blocked * rate, 8.0)


def chain(s, b, m, target, here):
    """How many jobs stand between machine m and an empty one, each waiting for the next; negative if they lead to `target`."""
    steps = 0
    while m >= 0 and steps < s.resource.shape[1]:
        if m == target:
            return -1.0 - steps
        j = s.resource[b, m, HOLDER]
        if j < 0 or m == here:
            return float(steps)
        m = s.job[b, j, WANTS]
        steps += 1
    return float(steps)


def describe_wait(inst, s, b, out):
    """The job that is expected to be done next, and what it would find; the columns mean what they mean for a move."""
    i = s.row[b]
    now = s.clock[b, NOW]
    bound = s.bound[b]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    next_job = -1
    first = NEVER
    for m in range(s.resource.shape[1]):
        j = s.resource[b, m, HOLDER]
        if j >= 0 and s.job[b, j, DONE] == 0 and s.job[b, j, WANTS] >= 0 and s.job[b, j, EXPECTED] < first:
            first = max(s.job[b, j, EXPECTED], now)
            next_job = j
    out[37] = 1.0
    out[38] = clip((s.clock[b, SOON] - now) * rate, 8.0)
    if next_job >= 0:
        job = s.job[b, next_job]
        task = inst.task[i, next_job * inst.width + job[AT] + 1]
        machine = s.resource[b, job[WANTS]]
        out[0] = task[DURATION] * rate
        out[2] = clip((first - now) * rate, 8.0)
        out[3] = task[REST] * share
        out[4] = (bound - first - task[REST]) * share
        out[7] = machine[OPEN] * share
        out[19] = clip((machine[OPENS] - first) * rate, 8.0)
        out[21] = 1.0 if machine[HOLDER] >= 0 else 0.0


def context(inst, s, b, out):
    """Features of the whole state: how far it is, how tight it is, how full and how broken the shop is."""
    i = s.row[b]
    clock = s.clock[b]
    now = clock[NOW]
    bound = s.bound[b]
    machines = inst.machines[i]
    open_jobs = clock[UNFINISHED]
    horizon = max(bound - now, 1)
    blocked = 0
    down = 0
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        down += machine[DOWN]
        j = machine[HOLDER]
        if j >= 0:
            blocked += s.job[b, j, DONE]
    out[0] = s.scheduled[b] / inst.total[i]
    out[1] = horizon / max(inst.bound[i], 1)
    out[2] = bound / max(inst.bound[i], 1) - 1.0
    out[3] = s.work[b] / (float(horizon) * machines)
    out[4] = clock[INSIDE] / machines
    out[5] = open_jobs / max(inst.jobs[i], 1)
    out[6] = clip(open_jobs / machines, 8.0) / 4.0
    out[7] = blocked / machines
    out[8] = down / machines
    out[9] = clock[MOVES] / 8.0
    out[10] = inst.share[i]
    out[11] = clip(open_jobs * inst.unit[i] / horizon, 8.0)


def graph(inst, s, b, o):
    """Task nodes are operations (job * K + index) and one for waiting, the last; so are resource nodes, machines and nowhere.

    A runs-on edge says whether the operation holds the machine and whether its job is done and waits for the machine.
    """
    i = s.row[b]
    unit = inst.unit[i]
    now = s.clock[b, NOW]
    horizon = max(s.bound[b] - now, 1)
    for n in range(o.tasks.shape[1]):
        for f in range(o.tasks.shape[2]):
            o.tasks[b, n, f] = 0.0
    for e in range(o.precedes.shape[1]):
        o.precedes[b, e, 0] = -1
        o.precedes[b, e, 1] = -1
    for e in range(o.runs_on.shape[1]):
        o.runs_on[b, e, 0] = -1
        o.runs_on[b, e, 1] = -1
        for f in range(o.runs_on_features.shape[2]):
            o.runs_on_features[b, e, f] = 0.0
    o.tasks[b, s.job.shape[1] * inst.width, 11] = 1.0
    precedence = 0
    link = 0
    for j in range(inst.jobs[i]):
        job = s.job[b, j]
        at = job[AT]
        length = inst.job[i, j, LENGTH]
        waits = job[WANTS] >= 0 and job[DONE] == 1 and job[DUE] <= now
        earliest = max(now, job[EXPECTED]) if at < length else 0
        done_work = inst.task[i, j * inst.width + at + 1, HEAD] if job[WANTS] >= 0 else inst.job[i, j, WORK]
        for k in range(length):
            n = j * inst.width + k
            task = inst.task[i, n]
            m = task[MACHINE]
            begin = s.start[b, j, k] if k <= at else earliest + task[HEAD] - done_work
            row = o.tasks[b, n]
            row[0] = 1.0
            row[1] = 1.0 if k < at else 0.0
            row[2] = 1.0 if k == at else 0.0
            row[3] = 1.0 if k == at and job[DONE] == 1 else 0.0
            row[4] = task[DURATION] / unit
            row[5] = (begin - now) / horizon
            row[6] = (task[REST] - task[DURATION]) / horizon
            row[7] = (s.bound[b] - begin - task[REST]) / horizon
            row[8] = (length - k - 1) * unit / horizon
            row[9] = task[HEAD] / max(inst.job[i, j, WORK], 1)
            row[10] = s.resource[b, m, OPEN] / horizon
            o.runs_on[b, link, 0] = n
            o.runs_on[b, link, 1] = m
            o.runs_on_features[b, link, 0] = task[DURATION] / unit
            o.runs_on_features[b, link, 1] = 1.0 if k == at else 0.0
            o.runs_on_features[b, link, 2] = 1.0 if waits and k == at + 1 else 0.0
            link += 1
            if k > 0:
                o.precedes[b, precedence, 0] = n - 1
                o.precedes[b, precedence, 1] = n
                precedence += 1
    for m in range(s.resource.shape[1]):
        row = o.resources[b, m]
        machine = s.resource[b, m]
        real = m < inst.machines[i]
        held = machine[HOLDER] >= 0
        row[0] = 1.0 if real else 0.0
        row[1] = machine[OPEN] / horizon if real else 0.0
        row[2] = clip((machine[OPENS] - now) / unit, 8.0) if real else 0.0
        row[3] = machine[LEFT] * unit / horizon if real else 0.0
        row[4] = 1.0 if held else 0.0
        row[5] = 1.0 if held and s.job[b, machine[HOLDER], DONE] == 1 else 0.0
        row[6] = 1.0 if machine[DOWN] == 1 else 0.0
        row[7] = clip((now - machine[SINCE]) / unit, 8.0) if machine[DOWN] == 1 else 0.0
        row[8] = 0.0
    for f in range(o.resources.shape[2]):
        o.resources[b, s.resource.shape[1], f] = 0.0
    o.resources[b, s.resource.shape[1], 8] = 1.0
