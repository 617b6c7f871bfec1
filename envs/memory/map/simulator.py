"""How long a program takes under a plan: one channel of slow memory, copies served by earliest deadline in its idle time.

Instruction t keeps the channel busy for s.sigma[t] ticks and fast memory for s.phi[t]. What a copy still needs when its window
ends delays the program. Serving the earliest deadline first makes the sum of all delays as small as any division of the channel
can: a delay that comes as late as possible lies in the most windows.
"""

# inst.access (N, A, 6) by instruction: buffer, instruction, ticks if slow, ticks if fast, 1 = write, next access of the buffer.
BUFFER, SLOT, SLOW, FAST, WRITES, FOLLOWS = range(6)
# s.stay (B, S, 8): buffer (SCOPED, REMOVED), slots [BEGIN, END), offset, first slot it serves, end of the write-back (-1 = none),
# top address, and the slot until which it would like to go on. A plan's stays, and the bytes that instructions need themselves.
OF, BEGIN, END, OFFSET, SERVES, WRITTEN, TOP, HOPE = range(8)
SCOPED, REMOVED = -1, -2
# s.copy (B, 2 S, 3): demand in ticks, deadline, next copy that is issued before the same slot.
DEMAND, DEADLINE, BEHIND = range(3)


def list_copies(inst, s, b):
    """Note the copies of all stays by the slot before which they are issued."""
    i = s.row[b]
    head = s.head[b]
    for t in range(inst.slots[i] + 1):
        head[t] = -1
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        j = stay[OF]
        if j < 0:
            continue
        if stay[SERVES] > stay[BEGIN]:
            note_copy(s, b, 2 * n, stay[BEGIN], stay[SERVES], inst.demand[i, j])
        if stay[WRITTEN] >= 0:
            note_copy(s, b, 2 * n + 1, inst.define[i, j] + 1, stay[WRITTEN], inst.demand[i, j])


def note_copy(s, b, n, begin, deadline, demand):
    copy = s.copy[b, n]
    copy[DEMAND] = demand
    copy[DEADLINE] = deadline
    copy[BEHIND] = s.head[b, begin]
    s.head[b, begin] = n


def issue(s, b, t, pending, earliest):
    """Make the copies that are listed for slot t due; returns the ticks `pending` and the `earliest` deadline after that."""
    due = s.due[b]
    n = s.head[b, t]
    while n >= 0:
        copy = s.copy[b, n]
        due[copy[DEADLINE]] += copy[DEMAND]
        pending += copy[DEMAND]
        earliest = min(earliest, copy[DEADLINE])
        n = copy[BEHIND]
    return pending, earliest


def transfer(s, b, pending, earliest, idle):
    """Serve what is due within `idle` ticks of the channel; returns `pending`, `earliest`, `idle` after it."""
    due = s.due[b]
    while idle > 0 and pending > 0:
        served = min(due[earliest], idle)
        due[earliest] -= served
        pending -= served
        idle -= served
        if due[earliest] == 0 and pending > 0:
            earliest += 1
    return pending, earliest, idle


def simulate(inst, s, b, slot, slow, fast, begin, deadline, demand, begin2, deadline2, demand2, keep):
    """Ticks of the listed plan, if `slot` had so much more slow and fast traffic, and up to two more copies were made.

    Slots of -1 change nothing. With `keep` what is left of the channel in each slot goes to s.spare.
    """
    i = s.row[b]
    due = s.due[b]
    sigma = s.sigma[b]
    phi = s.phi[b]
    slots = inst.slots[i]
    for t in range(slots + 1):
        due[t] = 0
    total = 0
    pending = 0
    earliest = slots
    for t in range(slots):
        late = due[t]
        total += late
        pending -= late
        due[t] = 0
        pending, earliest = issue(s, b, t, pending, earliest)
        if t == begin:
            due[deadline] += demand
            pending += demand
            earliest = min(earliest, deadline)
        if t == begin2:
            due[deadline2] += demand2
            pending += demand2
            earliest = min(earliest, deadline2)
        busy = sigma[t]
        quick = phi[t]
        if t == slot:
            busy += slow
            quick += fast
        elapsed = max(inst.compute[i, t], busy + quick)
        total += elapsed
        idle = elapsed - busy
        if pending > 0:
            pending, earliest, idle = transfer(s, b, pending, max(earliest, t + 1), idle)
        if keep == 1:
            s.spare[b, t] = idle
    return total + pending


def latency_now(inst, s, b):
    """Ticks of the plan as it stands; fills s.spare."""
    list_copies(inst, s, b)
    return simulate(inst, s, b, -1, 0, 0, -1, 0, 0, -1, 0, 0, 1)


def in_time(inst, s, b, begin, deadline, demand):
    """Whether the listed copies and one more all end in their windows by XLA's ledger.

    It lets copies have the whole time that each instruction takes with all its data in slow memory.
    """
    i = s.row[b]
    due = s.due[b]
    slots = inst.slots[i]
    for t in range(slots + 1):
        due[t] = 0
    pending = 0
    earliest = slots
    for t in range(slots):
        if due[t] > 0:
            return False
        pending, earliest = issue(s, b, t, pending, earliest)
        if t == begin:
            due[deadline] += demand
            pending += demand
            earliest = min(earliest, deadline)
        if pending > 0:
            pending, earliest, _ = transfer(s, b, pending, max(earliest, t + 1), inst.elapsed[i, t])
    return pending == 0


def make_fast(inst, s, b, a):
    """Access a is served from fast memory."""
    access = inst.access[s.row[b], a]
    s.sigma[b, access[SLOT]] -= access[SLOW]
    s.phi[b, access[SLOT]] += access[FAST]
    s.fast[b, a] = 1


def make_slow(inst, s, b, a):
    access = inst.access[s.row[b], a]
    s.sigma[b, access[SLOT]] += access[SLOW]
    s.phi[b, access[SLOT]] -= access[FAST]
    s.fast[b, a] = 0
