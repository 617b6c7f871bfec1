"""What the agent sees of a blocking shop: the features of choices and of the state, and the graph.

Functions of the contract in `envs/core/contract.py`, compiled together with rules.py, which names the columns of the arrays.
"""


def task_of(inst, s, b, k):
    jobs = s.job.shape[1]
    return k * inst.width + s.job[b, k, AT] + 1 if k < jobs else jobs * inst.width


def deed_of(inst, s, b, k):
    return task_of(inst, s, b, k)


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
    if inst.outlook == 1:
        describe_outlook(inst, s, b, k, out)


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


def describe_outlook(inst, s, b, k, out):
    """How the shop would drain after choice k, and what k changes in that."""
    i = s.row[b]
    now = s.clock[b, NOW]
    bound = s.bound[b]
    rate = inst.rate[i]
    share = 1.0 / max(bound - now, 1)
    before = s.outlook[b, 0]
    after = before
    if k < s.job.shape[1]:
        outlook(inst, s, b, i, k, 1)
        after = s.outlook[b, 1]
        others = before[OTHERS] - (s.exit[b, k] if s.job[b, k, AT] >= 0 else 0)
        out[44] = clip(after[MY_VAIN] * rate, 8.0)
        out[45] = clip(max(after[MY_FIRST], 0) * rate, 8.0)
        out[46] = clip((after[OTHERS] - others) * rate, 8.0)
        out[47] = clip((after[VAIN] - before[VAIN]) * rate, 8.0)
        out[48] = clip((after[BUSIEST] - before[BUSIEST]) * rate, 8.0)
        out[49] = (bound - after[MY_EXIT]) * share
    out[50] = (bound - after[CLEARED]) * share
    out[51] = clip(after[VAIN] * rate, 32.0) / 4.0
    out[52] = after[EXCHANGES] / 4.0
    out[53] = (after[BUSIEST] - bound) * share


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
    for m in range(inst.machines[i]):
        row = o.resources[b, m]
        machine = s.resource[b, m]
        held = machine[HOLDER] >= 0
        row[0] = 1.0
        row[1] = machine[OPEN] / horizon
        row[2] = clip((machine[OPENS] - now) / unit, 8.0)
        row[3] = machine[LEFT] * unit / horizon
        row[4] = 1.0 if held else 0.0
        row[5] = 1.0 if held and s.job[b, machine[HOLDER], DONE] == 1 else 0.0
        row[6] = 1.0 if machine[DOWN] == 1 else 0.0
        row[7] = clip((now - machine[SINCE]) / unit, 8.0) if machine[DOWN] == 1 else 0.0
    o.resources[b, s.resource.shape[1], 8] = 1.0
