"""The job shop's rules, once: starting operations as early as their job and machine allow.

Functions of the contract in `envs/core/contract.py`. A choice is a job, and means its next operation. Three action sets
limit the choices (`inst.action_set`):

0  semi-active: every unfinished job.
1  active: the conflict set of Giffler & Thompson (Operations Research 8, 1960): with C the smallest possible completion
   of any next operation, and m its machine, the next operations on m that can start before C. Every active schedule,
   hence an optimal one, can be reached (with operations of duration 0, which wait for their machine here, nearly so).
2  non-delay: the next operations that can start at the earliest start of all. The optimum may be lost.

A step of a large batch costs what it moves through memory, so numbers that are used together are one row of an array,
with the columns named here.
"""

# inst.task (N, J * K, 6): the operations, k of job j in row j * K + k; work of the job before, after, and from it on.
MACHINE, DURATION, HEAD, TAIL, REST, JOB = range(6)
# inst.job (N, J, 3): number of operations (0 = no such job), release, work.
LENGTH, RELEASE, WORK = range(3)
# inst.resource (N, M, 3): work, number of operations, position of the first in inst.visitor.
LOAD, VISITS, FIRST = range(3)
# s.job (B, J, 7): index of the next operation; when the job can go on; the next operation's possible start, machine
# (-1 = finished), duration and work from it on; and its possible start less its head.
NEXT, FREE, READY, WANTS, NEEDS, REMAINS, ORIGIN = range(7)
# s.resource (B, M, 4): when the machine is free, work and operations not yet started, work of next operations for it.
IDLE, OPEN, LEFT, QUEUE = range(4)

NEVER = 2**30  # when a finished job is ready: above every time in a schedule


def reset(inst, s, b):
    i = s.row[b]
    busiest = 0
    work = 0
    for m in range(s.resource.shape[1]):
        load = inst.resource[i, m, LOAD]
        machine = s.resource[b, m]
        machine[IDLE] = 0
        machine[OPEN] = load
        machine[LEFT] = inst.resource[i, m, VISITS]
        machine[QUEUE] = 0
        work += load
        busiest = max(busiest, load)
    s.unfinished[b] = s.job.shape[1]
    for j in range(s.job.shape[1]):
        s.job[b, j, FREE] = inst.job[i, j, RELEASE]
        enter(inst, s, b, i, j, 0)
        for k in range(inst.width):
            s.start[b, j, k] = -1
    for x in range(inst.total[i]):
        s.waiting[b, x] = inst.visitor[i, x]
    s.bound[b] = inst.bound[i]
    s.makespan[b] = 0
    s.scheduled[b] = 0
    s.work[b] = work
    s.busiest[b] = busiest


def enter(inst, s, b, i, j, k):
    """Operation k becomes the next one of job j."""
    job = s.job[b, j]
    job[NEXT] = k
    if k < inst.job[i, j, LENGTH]:
        task = inst.task[i, j * inst.width + k]
        machine = s.resource[b, task[MACHINE]]
        ready = max(job[FREE], machine[IDLE])
        machine[QUEUE] += task[DURATION]
        job[READY] = ready
        job[WANTS] = task[MACHINE]
        job[NEEDS] = task[DURATION]
        job[REMAINS] = task[REST]
        job[ORIGIN] = ready - task[HEAD]
    else:
        job[READY] = NEVER
        job[WANTS] = -1
        job[NEEDS] = 0
        s.unfinished[b] -= 1


def finished(inst, s, b):
    return s.unfinished[b] == 0


def objective(inst, s, b):
    return s.makespan[b]


def legal(inst, s, b, choices):
    jobs = s.job[b]
    first_end = NEVER
    first_start = NEVER
    leader = 0
    for j in range(choices.shape[0]):
        begin = jobs[j, READY]
        end = begin + jobs[j, NEEDS]
        first_start = min(first_start, begin)
        leader = j if end < first_end else leader
        first_end = min(first_end, end)
    bottleneck = jobs[leader, WANTS]
    s.first_end[b] = first_end
    s.first_start[b] = first_start
    count = 0
    for j in range(choices.shape[0]):
        if inst.action_set == 1:
            ok = (jobs[j, WANTS] == bottleneck) & ((jobs[j, READY] < first_end) | (j == leader))
        elif inst.action_set == 2:
            ok = jobs[j, READY] == first_start
        else:
            ok = jobs[j, WANTS] >= 0
        choices[count] = j
        count += ok
    return count


def step(inst, s, b, action):
    i = s.row[b]
    job = s.job[b, action]
    k = job[NEXT]
    m = job[WANTS]
    p = job[NEEDS]
    begin = job[READY]
    end = begin + p
    machine = s.resource[b, m]
    load = machine[OPEN] - p
    s.start[b, action, k] = begin
    job[FREE] = end
    machine[IDLE] = end
    machine[OPEN] = load
    machine[QUEUE] -= p
    leave(inst, s, b, i, m, action * inst.width + k)
    s.scheduled[b] += 1
    s.work[b] -= p
    s.busiest[b] = max(s.busiest[b], end + load)
    s.makespan[b] = max(s.makespan[b], end)
    # The lower bound after the move: this job's rest, the machine's rest, and the jobs that now wait for the machine.
    before = s.bound[b]
    bound = max(before, begin + job[REMAINS], end + load)
    enter(inst, s, b, i, action, k + 1)
    for j in range(s.job.shape[1]):
        other = s.job[b, j]
        if other[WANTS] == m:
            ready = max(end, other[FREE])
            other[ORIGIN] += ready - other[READY]
            other[READY] = ready
            bound = max(bound, ready + other[REMAINS])
    s.bound[b] = bound
    return (before - bound) / max(inst.bound[i], 1)


def leave(inst, s, b, i, m, n):
    """Operation n has passed machine m: the last operation of the machine's list takes its place."""
    waiting = s.waiting[b]
    first = inst.resource[i, m, FIRST]
    left = s.resource[b, m, LEFT] - 1
    place = first
    for x in range(first, first + left):
        place = x + 1 if waiting[x] != n and place == x else place
    waiting[place] = waiting[first + left]
    s.resource[b, m, LEFT] = left


def task_of(inst, s, b, k):
    return k * inst.width + s.job[b, k, NEXT]


def deed_of(inst, s, b, k):
    return task_of(inst, s, b, k)


def resource_of(inst, s, b, k):
    return s.job[b, k, WANTS]


def offered_at(inst, s, b, k):
    """The tick at which choice k would start."""
    return s.job[b, k, READY]


def clip(x, limit):
    return min(max(x, -limit), limit)


def candidate(inst, s, b, k, out):
    """Features of starting job k's next operation now; time is in mean durations, or in shares of the open horizon."""
    i = s.row[b]
    job = s.job[b, k]
    row = k * inst.width + job[NEXT]
    task = inst.task[i, row]
    m = job[WANTS]
    machine = s.resource[b, m]
    p = job[NEEDS]
    tail = task[TAIL]
    end = job[READY] + p
    left = inst.job[i, k, LENGTH] - job[NEXT] - 1
    now = s.first_start[b]
    bound = s.bound[b]
    unit = inst.rate[i]
    share = 1.0 / max(bound - now, 1)

    # What choosing k does to the other operations that still have to pass machine m.
    latest = 0
    earliest = 0
    delayed = 0.0
    rivals = 0
    longest = 0
    arrival = NEVER
    first = inst.resource[i, m, FIRST]
    for x in range(first, first + machine[LEFT]):
        other = inst.task[i, s.waiting[b, x]]
        j = other[JOB]
        # An operation of job k itself is neutral in all that follows.
        head = s.job[b, j, ORIGIN] + other[HEAD] if j != k else NEVER
        rest = other[REST] if j != k else -NEVER
        earliest = max(earliest, head + rest)
        latest = max(latest, max(head, end) + rest)
        delayed += max(end - head, 0)
        rivals += head < end
        longest = max(longest, rest if head < end else 0)
        arrival = min(arrival, head if head >= end else NEVER)

    out[0] = p * unit
    out[1] = clip((job[READY] - now) * unit, 8.0)
    out[2] = clip((end - s.first_end[b]) * unit, 8.0)
    out[3] = clip((job[FREE] - machine[IDLE]) * unit, 8.0)
    out[4] = tail * share
    out[5] = (bound - end - tail) * share
    out[6] = left * inst.unit[i] * share
    out[7] = (task[HEAD] + p) / max(inst.job[i, k, WORK], 1)
    out[8] = machine[OPEN] * share
    out[9] = (bound - max(machine[IDLE], now) - machine[OPEN]) * share
    out[10] = clip((latest - bound) * unit, 8.0)
    out[11] = clip((latest - earliest) * unit, 8.0)
    out[12] = clip(delayed * unit / max(rivals, 1), 8.0)
    out[13] = rivals / 8.0
    out[14] = clip((tail + p - longest) * share, 4.0)
    out[15] = clip((arrival - end) * unit, 4.0)
    if left > 0:
        following = inst.task[i, row + 1]
        machine = s.resource[b, following[MACHINE]]
        out[16] = following[DURATION] * unit
        out[17] = clip((machine[IDLE] - end) * unit, 8.0)
        out[18] = machine[OPEN] * share
        out[19] = clip(machine[QUEUE] * unit, 8.0)
    else:
        for f in range(16, 20):
            out[f] = 0.0


def context(inst, s, b, out):
    """Features of the whole state: how far it is, how tight it is, its shape."""
    i = s.row[b]
    jobs = s.unfinished[b]
    bound = s.bound[b]
    start = s.first_start[b] if jobs > 0 else s.makespan[b]
    horizon = max(bound - start, 1)
    out[0] = s.scheduled[b] / inst.total[i]
    out[1] = (bound - start) / max(inst.bound[i], 1)
    out[2] = bound / max(inst.bound[i], 1) - 1.0
    out[3] = s.work[b] / (float(horizon) * inst.machines[i])
    out[4] = clip((bound - s.busiest[b]) / horizon, 4.0)
    out[5] = jobs / max(inst.jobs[i], 1)
    out[6] = clip(jobs / inst.machines[i], 8.0) / 4.0
    out[7] = jobs * inst.unit[i] / horizon


def graph(inst, s, b, o):
    """Task nodes are operations (job * K + index), resource nodes machines; scheduled operations stay, marked."""
    i = s.row[b]
    unit = inst.unit[i]
    now = s.first_start[b] if s.unfinished[b] > 0 else s.makespan[b]
    horizon = max(s.bound[b] - now, 1)
    chain = 0
    link = 0
    for j in range(inst.jobs[i]):
        job = s.job[b, j]
        first = job[NEXT]
        length = inst.job[i, j, LENGTH]
        origin = job[FREE] - inst.task[i, j * inst.width + first, HEAD] if first < length else 0
        for k in range(length):
            n = j * inst.width + k
            task = inst.task[i, n]
            m = task[MACHINE]
            begin = s.start[b, j, k] if k < first else origin + task[HEAD]
            row = o.tasks[b, n]
            row[0] = 1.0
            row[1] = 1.0 if k < first else 0.0
            row[2] = 1.0 if k == first else 0.0
            row[3] = task[DURATION] / unit
            row[4] = (begin - now) / horizon
            row[5] = task[TAIL] / horizon
            row[6] = (s.bound[b] - begin - task[REST]) / horizon
            row[7] = (length - k - 1) * unit / horizon
            row[8] = task[HEAD] / max(inst.job[i, j, WORK], 1)
            row[9] = s.resource[b, m, OPEN] / horizon
            o.runs_on[b, link, 0] = n
            o.runs_on[b, link, 1] = m
            o.runs_on_features[b, link, 0] = task[DURATION] / unit
            link += 1
            if k > 0:
                o.precedes[b, chain, 0] = n - 1
                o.precedes[b, chain, 1] = n
                chain += 1
    for m in range(inst.machines[i]):
        row = o.resources[b, m]
        machine = s.resource[b, m]
        row[0] = 1.0
        row[1] = machine[OPEN] / horizon
        row[2] = clip((machine[IDLE] - now) / unit, 8.0)
        row[3] = machine[LEFT] * unit / horizon
        row[4] = (s.bound[b] - max(machine[IDLE], now) - machine[OPEN]) / horizon
