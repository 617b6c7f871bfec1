"""How long a program takes under a plan: one channel of slow memory, copies served by earliest deadline in its idle time.

Instruction t keeps the channel busy for s.sigma[t] ticks and fast memory for s.phi[t]. What a copy still needs when its window
ends delays the program. Serving the earliest deadline first makes the sum of all delays as small as any division of the channel
can: a delay that comes as late as possible lies in the most windows.
"""

from __future__ import annotations

from dispatchgym.envs.memory.map.layout import Access, Copy, Instances, State, Stay


def list_copies(inst: Instances, s: State, b: int) -> None:
    """Note the copies of all stays by the slot before which they are issued."""
    i = s.row[b]
    head = s.head[b]
    for t in range(inst.slots[i] + 1):
        head[t] = -1
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        j = stay[Stay.OF]
        if j < 0:
            continue
        if stay[Stay.SERVES] > stay[Stay.BEGIN]:
            note_copy(s, b, 2 * n, stay[Stay.BEGIN], stay[Stay.SERVES], inst.demand[i, j])
        if stay[Stay.WRITTEN] >= 0:
            note_copy(s, b, 2 * n + 1, inst.define[i, j] + 1, stay[Stay.WRITTEN], inst.demand[i, j])


def note_copy(s: State, b: int, n: int, begin: int, deadline: int, demand: int) -> None:
    """Copy n is issued before slot `begin`: put it in front of the list of that slot."""
    copy = s.copy[b, n]
    copy[Copy.DEMAND] = demand
    copy[Copy.DEADLINE] = deadline
    copy[Copy.BEHIND] = s.head[b, begin]
    s.head[b, begin] = n


def issue(s: State, b: int, t: int, pending: int, earliest: int) -> tuple[int, int]:
    """Make the copies that are listed for slot t due; returns the ticks `pending` and the `earliest` deadline after that."""
    due = s.due[b]
    n = s.head[b, t]
    while n >= 0:
        copy = s.copy[b, n]
        due[copy[Copy.DEADLINE]] += copy[Copy.DEMAND]
        pending += copy[Copy.DEMAND]
        earliest = min(earliest, copy[Copy.DEADLINE])
        n = copy[Copy.BEHIND]
    return pending, earliest


def transfer(s: State, b: int, pending: int, earliest: int, idle: int) -> tuple[int, int, int]:
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


def simulate(
    inst: Instances,
    s: State,
    b: int,
    slot: int,
    slow: int,
    fast: int,
    begin: int,
    deadline: int,
    demand: int,
    begin2: int,
    deadline2: int,
    demand2: int,
    keep: int,
) -> int:
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


def latency_now(inst: Instances, s: State, b: int) -> int:
    """Ticks of the plan as it stands; fills s.spare."""
    list_copies(inst, s, b)
    return simulate(inst, s, b, -1, 0, 0, -1, 0, 0, -1, 0, 0, 1)


def in_time(inst: Instances, s: State, b: int, begin: int, deadline: int, demand: int) -> bool:
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


def make_fast(inst: Instances, s: State, b: int, a: int) -> None:
    """Access a is served from fast memory."""
    access = inst.access[s.row[b], a]
    s.sigma[b, access[Access.SLOT]] -= access[Access.SLOW]
    s.phi[b, access[Access.SLOT]] += access[Access.FAST]
    s.fast[b, a] = 1


def make_slow(inst: Instances, s: State, b: int, a: int) -> None:
    """Access a is served from slow memory."""
    access = inst.access[s.row[b], a]
    s.sigma[b, access[Access.SLOT]] += access[Access.SLOW]
    s.phi[b, access[Access.SLOT]] -= access[Access.FAST]
    s.fast[b, a] = 0
