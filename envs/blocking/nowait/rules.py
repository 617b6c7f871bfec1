"""The no-wait shop's rules, once: a job is placed as a whole, at one of the starts where it touches what stands already.

Functions of the contract in `envs/core/contract.py`. Choice j < J places job j at its first possible start from the cursor on;
the last choice moves the cursor past the first of all these starts. After a placement the cursor is at 0 again.

Only starts are offered at which the job is released, or one of its operations begins when another one on the machine
ends. Some optimal schedule can be built so: in a left-shifted schedule every job is either at its release or follows
such a job without a gap, so it can be placed after that one (a tree of longest paths, read from the root).
"""

# inst.task (N, J * K, 4): the operations, k of job j in row j * K + k; work of the job before and from it on. Operations in a
# row on one machine are one stay: the first has the duration of all of them.
MACHINE, DURATION, HEAD, REST = range(4)
# inst.job (N, J, 3): number of operations (0 = no such job), release, work.
LENGTH, RELEASE, WORK = range(3)
# s.job (B, J, 3): start (-1 = not placed), first possible start from the cursor on (NEVER = none), a later one exists.
BEGIN, OFFER, MORE = range(3)
# s.resource (B, M, 3): number of operations placed on it, their work, work not placed.
COUNT, PLACED, OPEN = range(3)

NEVER = 2**30  # above every time in a schedule


def reset(inst, s, b):
    i = s.row[b]
    s.left[b] = 0
    s.work[b] = 0
    s.makespan[b] = 0
    s.bound[b] = inst.bound[i]
    for m in range(s.resource.shape[1]):
        s.resource[b, m, COUNT] = 0
        s.resource[b, m, PLACED] = 0
        s.resource[b, m, OPEN] = inst.load[i, m]
    for j in range(s.job.shape[1]):
        s.job[b, j, BEGIN] = -1
        s.left[b] += inst.job[i, j, LENGTH] > 0
        s.work[b] += inst.job[i, j, WORK]
        for k in range(inst.width):
            s.start[b, j, k] = -1
    s.cursor[b] = 0
    offer(inst, s, b, i)


def finished(inst, s, b):
    return s.left[b] == 0


def objective(inst, s, b):
    return s.makespan[b]


def legal(inst, s, b, choices):
    jobs = s.job.shape[1]
    count = 0
    more = 0
    first = NEVER
    later = 0
    for j in range(jobs):
        job = s.job[b, j]
        choices[count] = j
        count += 1 if job[OFFER] < NEVER else 0
        if job[OFFER] < first:
            later |= first < NEVER  # the former first stays on offer
            first = job[OFFER]
            more = job[MORE]
        elif job[OFFER] > first and job[OFFER] < NEVER:
            later = 1
        elif job[OFFER] < NEVER:
            more |= job[MORE]
    if more == 1 or later == 1:
        choices[count] = jobs
        count += 1
    return count


def step(inst, s, b, action):
    i = s.row[b]
    before = s.bound[b]
    if action == s.job.shape[1]:
        first = NEVER
        for j in range(s.job.shape[1]):
            first = min(first, s.job[b, j, OFFER])
        s.cursor[b] = first + 1
    else:
        put(inst, s, b, i, action)
        s.cursor[b] = 0
    offer(inst, s, b, i)
    return (before - s.bound[b]) / max(inst.bound[i], 1)


def put(inst, s, b, i, j):
    """Place job j at its offered start."""
    begin = s.job[b, j, OFFER]
    s.job[b, j, BEGIN] = begin
    for k in range(inst.job[i, j, LENGTH]):
        row = j * inst.width + k
        task = inst.task[i, row]
        machine = s.resource[b, task[MACHINE]]
        s.start[b, j, k] = begin + task[HEAD]
        s.placed[b, inst.first[i, task[MACHINE]] + machine[COUNT]] = row
        machine[COUNT] += 1
        machine[PLACED] += task[DURATION]
        machine[OPEN] -= task[DURATION]
    s.left[b] -= 1
    s.work[b] -= inst.job[i, j, WORK]
    s.makespan[b] = max(s.makespan[b], begin + inst.job[i, j, WORK])
    s.bound[b] = max(s.bound[b], s.makespan[b])


def offer(inst, s, b, i):
    """The first start of every job from the cursor on, and whether it has another."""
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        job[OFFER] = NEVER
        job[MORE] = 0
        if inst.job[i, j, LENGTH] > 0 and job[BEGIN] < 0:
            found = first_start(inst, s, b, i, j, s.cursor[b])
            job[OFFER] = found
            if found < NEVER:
                job[MORE] = 1 if first_start(inst, s, b, i, j, found + 1) < NEVER else 0


def first_start(inst, s, b, i, j, low):
    """The smallest start of job j, not before `low`, at which it touches something and overlaps nothing."""
    release = inst.job[i, j, RELEASE]
    begin = release if release >= low else next_touch(inst, s, b, i, j, low)
    while begin < NEVER and overlaps(inst, s, b, i, j, begin):
        begin = next_touch(inst, s, b, i, j, begin + 1)
    return begin


def next_touch(inst, s, b, i, j, low):
    """The smallest start from `low` on (and the release) at which an operation begins when one placed on its machine ends."""
    low = max(low, inst.job[i, j, RELEASE])
    found = NEVER
    for k in range(inst.job[i, j, LENGTH]):
        task = inst.task[i, j * inst.width + k]
        first = inst.first[i, task[MACHINE]]
        for x in range(first, first + s.resource[b, task[MACHINE], COUNT]):
            n = s.placed[b, x]
            begin = s.start[b, n // inst.width, n % inst.width] + inst.task[i, n, DURATION] - task[HEAD]
            if begin >= low:
                found = min(found, begin)
    return found


def overlaps(inst, s, b, i, j, begin):
    """Whether job j, begun then, would share a machine with a placed job."""
    for k in range(inst.job[i, j, LENGTH]):
        task = inst.task[i, j * inst.width + k]
        low = begin + task[HEAD]
        high = low + task[DURATION]
        first = inst.first[i, task[MACHINE]]
        for x in range(first, first + s.resource[b, task[MACHINE], COUNT]):
            n = s.placed[b, x]
            other = s.start[b, n // inst.width, n % inst.width]
            if low < other + inst.task[i, n, DURATION] and other < high:
                return True
    return False


def task_of(inst, s, b, k):
    return k * inst.width


def deed_of(inst, s, b, k):
    return task_of(inst, s, b, k)


def resource_of(inst, s, b, k):
    jobs = s.job.shape[1]
    return inst.task[s.row[b], k * inst.width, MACHINE] if k < jobs else s.resource.shape[1]


def offered_at(inst, s, b, k):
    """The tick at which choice k would place its job; waiting skips the first of these."""
    if k == s.job.shape[1]:
        first = NEVER
        for j in range(k):
            first = min(first, s.job[b, j, OFFER])
        return first
    return s.job[b, k, OFFER]


def ready_at(inst, s, b, k):
    """Since when the job of move k has been waiting."""
    return inst.job[s.row[b], k, RELEASE]


def clip(x, limit):
    return min(max(x, -limit), limit)


def candidate(inst, s, b, k, out):
    """Features of placing job k, or of waiting; time is in mean durations, or in shares of the horizon."""
    for f in range(out.shape[0]):
        out[f] = 0.0
    i = s.row[b]
    jobs = s.job.shape[1]
    rate = inst.rate[i]
    share = 1.0 / max(s.bound[b], 1)
    first = NEVER
    for j in range(jobs):
        first = min(first, s.job[b, j, OFFER])
    if k == jobs:
        out[0] = 1.0
        out[1] = first * share
        return
    begin = s.job[b, k, OFFER]
    work = inst.job[i, k, WORK]
    out[1] = begin * share
    out[2] = clip((begin - first) * rate, 8.0)
    out[3] = work * share
    out[4] = (begin + work) * share
    out[5] = (begin + work - s.makespan[b]) * share
    out[6] = max(begin + work - s.makespan[b], 0) * share
    out[7] = s.job[b, k, MORE]
    # How much of its machines' work is still open, and how tightly it fits between what stands there.
    crowded = 0
    joined = 0
    for x in range(inst.job[i, k, LENGTH]):
        task = inst.task[i, k * inst.width + x]
        machine = s.resource[b, task[MACHINE]]
        crowded = max(crowded, machine[OPEN])
        low = begin + task[HEAD]
        at = inst.first[i, task[MACHINE]]
        for y in range(at, at + machine[COUNT]):
            n = s.placed[b, y]
            other = s.start[b, n // inst.width, n % inst.width]
            joined += other + inst.task[i, n, DURATION] == low
            joined += other == low + task[DURATION]
    out[8] = crowded * share
    out[9] = joined / (2.0 * inst.job[i, k, LENGTH])


def context(inst, s, b, out):
    """Features of the whole state: how far it is and how full."""
    i = s.row[b]
    bound = max(s.bound[b], 1)
    out[0] = s.left[b] / max(inst.jobs[i], 1)
    out[1] = s.makespan[b] / bound
    out[2] = bound / max(inst.bound[i], 1) - 1.0
    out[3] = s.work[b] / (float(bound) * inst.machines[i])
    out[4] = clip(inst.jobs[i] / inst.machines[i], 8.0) / 4.0
    out[5] = s.cursor[b] / bound


def graph(inst, s, b, o):
    """Task nodes are operations (job * K + index) and one for waiting, the last; so are resource nodes, machines and nowhere."""
    i = s.row[b]
    unit = inst.unit[i]
    bound = max(s.bound[b], 1)
    o.tasks[b, s.job.shape[1] * inst.width, 6] = 1.0
    precedence = 0
    link = 0
    for j in range(inst.jobs[i]):
        for k in range(inst.job[i, j, LENGTH]):
            n = j * inst.width + k
            task = inst.task[i, n]
            row = o.tasks[b, n]
            row[0] = 1.0
            row[1] = 1.0 if s.start[b, j, k] >= 0 else 0.0
            row[2] = max(s.start[b, j, k], 0) / bound
            row[3] = task[DURATION] / unit
            row[4] = task[HEAD] / bound
            row[5] = task[REST] / bound
            o.runs_on[b, link, 0] = n
            o.runs_on[b, link, 1] = task[MACHINE]
            o.runs_on_features[b, link, 0] = task[DURATION] / unit
            link += 1
            if k > 0:
                o.precedes[b, precedence, 0] = n - 1
                o.precedes[b, precedence, 1] = n
                precedence += 1
    for m in range(inst.machines[i]):
        o.resources[b, m, 0] = 1.0
        o.resources[b, m, 1] = s.resource[b, m, OPEN] / bound
        o.resources[b, m, 2] = s.resource[b, m, PLACED] / bound
    o.resources[b, s.resource.shape[1], 3] = 1.0
