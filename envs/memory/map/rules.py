"""The rules of memory mapping, once: every access of every buffer, in the order of the program, is served from somewhere.

The choices for an access:

0      drop: from slow memory. A buffer that is in fast memory alone is written back first.
1      stay: the buffer is in fast memory and stays there up to this access.
2-10   bring: for a definition, the buffer is born in fast memory, at one of three offsets (2, 3, 4). Else it is fetched, to
       one of three offsets, from one of three starts (2 + 3 * start + offset).

Offsets: the smallest gap that leaves alone what other buffers want to keep, the smallest gap of all, the lowest one. Starts:
the latest one from which the channel, as it is now, has twice the time for the copy; the latest one from which it has the
time; the slot before the access. What would repeat another choice is left out, and an access that can only be dropped is no
decision.

The reward is what the decision saves of the exact latency of the plan so far, with everything undecided in slow memory, as a
share of all-slow latency. When a buffer must get a slow copy and there is no room to write it back, or when the buffers of a
storage cannot share an offset, the decisions that led there are taken back, with their savings: all of it is served from
slow memory (drop-backup).
"""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.memory.map.layout import (
    BEST,
    BRING,
    CHOICES,
    DROP,
    FREE,
    IMPOSSIBLE,
    LOWEST,
    NEVER,
    NONE,
    OPEN,
    SLOWED,
    STAY,
    UNDECIDED,
    Access,
    Instances,
    Item,
    Option,
    State,
    Stay,
)
from dispatchgym.envs.memory.map.simulator import latency_now, make_fast, simulate
from dispatchgym.envs.memory.map.space import add_stay, begin_plan, find_gap, free_until, is_free, remove_stay, slow_down, taken


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    begin_plan(inst, s, b)
    for j in range(inst.buffers[i]):
        item = s.item[b, j]
        item[Item.CURRENT] = -1
        item[Item.VALID] = 0 if inst.define[i, j] < 0 else NEVER
        item[Item.BORN] = -1
        item[Item.STAYS] = 0
        item[Item.SPENT] = 0
        s.place[b, j] = SLOWED if inst.pin[i, j] != FREE or inst.size[i, j] > inst.capacity[i] else OPEN
    for j in range(inst.buffers[i]):
        if inst.entry[i, j] < 0:
            # No access can bring this buffer in, so no other buffer of its storage may be in fast memory.
            s.place[b, inst.storage[i, j]] = SLOWED
    s.backups[b] = 0
    proceed(inst, s, b, 0, UNDECIDED)


def finished(inst: Instances, s: State, b: int) -> bool:
    return s.cursor[b] >= inst.accesses[s.row[b]]


def objective(inst: Instances, s: State, b: int) -> int:
    return s.latency[b]


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    count = 0
    for k in range(choices.shape[0]):
        choices[count] = k
        count += s.option[b, k, Option.LEGAL]
    return count


def step(inst: Instances, s: State, b: int, action: int) -> float:
    before = s.latency[b]
    proceed(inst, s, b, s.cursor[b], action)
    return (before - s.latency[b]) * inst.gain[s.row[b]]


def proceed(inst: Instances, s: State, b: int, a: int, choice: int) -> None:
    """Play `choice` for access a, then every access that has only one, up to one that has more."""
    i = s.row[b]
    moved = True
    while True:
        if choice != UNDECIDED:
            serve(inst, s, b, a, choice)
            a += 1
        while a < inst.accesses[i] and inst.pin[i, inst.access[i, a, Access.BUFFER]] != FREE:
            a += 1
        if moved:
            s.latency[b] = latency_now(inst, s, b)
        if a == inst.accesses[i] or explore(inst, s, b, a) > 1:
            break
        j = inst.access[i, a, Access.BUFFER]
        moved = s.item[b, j, Item.CURRENT] >= 0 or inst.members[i, inst.storage[i, j]] > 1
        choice = DROP
    s.cursor[b] = a


def explore(inst: Instances, s: State, b: int, a: int) -> int:
    """Fill s.option for access a; returns the number of legal choices."""
    i = s.row[b]
    for k in range(CHOICES):
        s.option[b, k, Option.LEGAL] = 0
    option = s.option[b, DROP]
    option[Option.LEGAL] = 1
    option[Option.OFFSET] = -1
    option[Option.BEGIN] = -1
    option[Option.WRITES_BY] = NONE
    option[Option.LATENCY] = s.latency[b]
    option[Option.LOST] = 0
    j = inst.access[i, a, Access.BUFFER]
    root = inst.storage[i, j]
    place = s.place[b, root]
    if place == SLOWED:
        return 1
    slot = inst.access[i, a, Access.SLOT]
    item = s.item[b, j]
    count = 1
    if inst.access[i, a, Access.WRITES] == 1:
        if inst.output[i, j] == 0 or slot + 1 < inst.slots[i]:
            count += explore_offsets(inst, s, b, a, j, slot, NONE, BRING)
    else:
        if item[Item.CURRENT] >= 0:
            stay = s.stay[b, item[Item.CURRENT]]
            if is_free(inst, s, b, root, stay[Stay.END], slot + 1, stay[Stay.OFFSET], stay[Stay.TOP]):
                count += note_choice(s, b, STAY, stay[Stay.OFFSET], stay[Stay.END], NONE)
            if item[Item.VALID] == NEVER:
                option[Option.WRITES_BY] = write_back_by(inst, s, b, j, slot)
        if count == 1:
            count += explore_starts(inst, s, b, a, j, slot)
    if count > 1:
        evaluate_choices(inst, s, b, a, j, root, slot)
    return count


def explore_starts(inst: Instances, s: State, b: int, a: int, j: int, slot: int) -> int:
    """Fetches of buffer j for access a: from three starts, to three offsets each."""
    i = s.row[b]
    item = s.item[b, j]
    first = item[Item.VALID]
    written = NONE
    if first == NEVER:
        written = write_back_by(inst, s, b, j, slot - 1)
        if written < 0:
            return 0
        first = written
    first = max(first, item[Item.SPENT])
    if item[Item.CURRENT] >= 0:
        first = max(first, s.stay[b, item[Item.CURRENT], Stay.END])
    if first >= slot:
        return 0
    demand = inst.demand[i, j]
    count = 0
    begin = slot
    supply = 0
    for start in range(2, -1, -1):
        before = begin
        while begin > first and (begin == slot or supply < demand * (2 - start)):
            begin -= 1
            supply += s.spare[b, begin]
        if begin < before:
            count += explore_offsets(inst, s, b, a, j, begin, written, BRING + 3 * start)
    return count


def explore_offsets(inst: Instances, s: State, b: int, a: int, j: int, begin: int, written: int, k: int) -> int:
    """Bring buffer j in from slot `begin` on, at three offsets as choices k to k + 2; returns how many there are."""
    i = s.row[b]
    root = inst.storage[i, j]
    slot = inst.access[i, a, Access.SLOT]
    size = inst.size[i, j]
    place = s.place[b, root]
    if place >= 0:
        free = is_free(inst, s, b, root, begin, slot + 1, place, place + size)
        return note_choice(s, b, k, place, begin, written) if free else 0
    follows = inst.access[i, a, Access.FOLLOWS]
    until = inst.access[i, follows, Access.SLOT] + 1 if follows >= 0 else slot + 1
    unwanted = find_gap(inst, s, b, taken(inst, s, b, root, begin, until, 1), size, BEST)
    room = taken(inst, s, b, root, begin, slot + 1, 0)
    best = find_gap(inst, s, b, room, size, BEST)
    lowest = find_gap(inst, s, b, room, size, LOWEST)
    count = 0
    if unwanted >= 0:
        count += note_choice(s, b, k, unwanted, begin, written)
    if best >= 0 and best != unwanted:
        count += note_choice(s, b, k + 1, best, begin, written)
    if lowest >= 0 and lowest != unwanted and lowest != best:
        count += note_choice(s, b, k + 2, lowest, begin, written)
    return count


def note_choice(s: State, b: int, k: int, offset: int, begin: int, written: int) -> int:
    """Fill in choice k as far as it is known; returns 1, the number of choices."""
    option = s.option[b, k]
    option[Option.LEGAL] = 1
    option[Option.OFFSET] = offset
    option[Option.BEGIN] = begin
    option[Option.WRITES_BY] = written
    return 1


def evaluate_choices(inst: Instances, s: State, b: int, a: int, j: int, root: int, slot: int) -> None:
    """Fill in the latency after each choice, and the ticks that other buffers could no longer save."""
    i = s.row[b]
    access = inst.access[i, a]
    demand = inst.demand[i, j]
    for k in range(CHOICES):
        option = s.option[b, k]
        if option[Option.LEGAL] == 0:
            continue
        fast = k != DROP
        issued = option[Option.BEGIN] if k >= BRING and access[Access.WRITES] == 0 else -1
        leaves = inst.define[i, j] + 1 if option[Option.WRITES_BY] >= 0 else -1
        option[Option.LATENCY] = s.latency[b]
        option[Option.LOST] = 0
        if fast or leaves >= 0:
            more = -access[Access.SLOW] if fast else 0
            less = access[Access.FAST] if fast else 0
            option[Option.LATENCY] = simulate(
                inst, s, b, slot, more, less, issued, slot, demand, leaves, option[Option.WRITES_BY], demand, 0
            )
        if fast:
            option[Option.LOST] = lost_by_others(
                inst, s, b, root, slot, option[Option.OFFSET], option[Option.OFFSET] + inst.size[i, j]
            )


def lost_by_others(inst: Instances, s: State, b: int, storage: int, slot: int, low: int, high: int) -> int:
    """Ticks that the next uses of other buffers would save, of stays that want addresses in [low, high) beyond `slot`."""
    i = s.row[b]
    lost = 0
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        if stay[Stay.WANTED_UNTIL] > slot and stay[Stay.END] <= slot and stay[Stay.OFFSET] < high and low < stay[Stay.TOP]:
            if inst.storage[i, stay[Stay.OF]] != storage:
                lost += s.next_worth[b, n]
    return lost


def write_back_by(inst: Instances, s: State, b: int, j: int, limit: int) -> int:
    """The first slot, up to `limit`, before which the channel as it is now has time to write buffer j back.

    If there is none: the last slot until which the buffer can stay, or IMPOSSIBLE if it cannot stay long enough for any copy.
    """
    i = s.row[b]
    stay = s.stay[b, s.item[b, j, Item.BORN]]
    begin = inst.define[i, j] + 1
    least = max(begin + 1, stay[Stay.END])
    if limit > stay[Stay.END]:
        limit = min(limit, free_until(inst, s, b, inst.storage[i, j], stay[Stay.END], limit, stay[Stay.OFFSET], stay[Stay.TOP]))
    if limit < least:
        return IMPOSSIBLE
    supply = 0
    for t in range(begin, least):
        supply += s.spare[b, t]
    end = least
    while end < limit and supply < inst.demand[i, j]:
        supply += s.spare[b, end]
        end += 1
    return end


def serve(inst: Instances, s: State, b: int, a: int, k: int) -> None:
    """Play choice k for access a."""
    i = s.row[b]
    access = inst.access[i, a]
    j = access[Access.BUFFER]
    slot = access[Access.SLOT]
    item = s.item[b, j]
    root = inst.storage[i, j]
    option = s.option[b, k]
    kept = True
    if k == DROP:
        kept = drop(inst, s, b, a, j, slot)
    elif k == STAY:
        stay = s.stay[b, item[Item.CURRENT]]
        stay[Stay.END] = slot + 1
        make_fast(inst, s, b, a)
    else:
        if option[Option.WRITES_BY] >= 0:
            write_back(s, b, item, option[Option.WRITES_BY])
        if item[Item.CURRENT] >= 0:
            end_stay(s, b, item)
        n = add_stay(inst, s, b, j, option[Option.BEGIN], slot + 1, option[Option.OFFSET], slot)
        item[Item.CURRENT] = n
        item[Item.STAYS] += 1
        if access[Access.WRITES] == 1:
            item[Item.BORN] = n
        if inst.members[i, root] > 1:
            s.place[b, root] = option[Option.OFFSET]
        make_fast(inst, s, b, a)
    if s.place[b, root] != SLOWED:
        kept = kept and end_access(inst, s, b, a, j, root)
    if not kept:
        back_up(inst, s, b, root)


def drop(inst: Instances, s: State, b: int, a: int, j: int, slot: int) -> bool:
    """Serve access a of buffer j from slow memory and end its stay; returns whether that can be done."""
    item = s.item[b, j]
    if inst.access[s.row[b], a, Access.WRITES] == 1:
        item[Item.VALID] = slot + 1
    elif item[Item.CURRENT] >= 0:
        if item[Item.VALID] == NEVER:
            written = s.option[b, DROP, Option.WRITES_BY]
            if written < 0:
                return False
            write_back(s, b, item, written)
        end_stay(s, b, item)
    return True


def write_back(s: State, b: int, item: Array, written: int) -> None:
    """The born stay of a buffer is written back before slot `written`, and lasts until then."""
    stay = s.stay[b, item[Item.BORN]]
    stay[Stay.WRITTEN] = written
    stay[Stay.END] = max(stay[Stay.END], written)
    stay[Stay.WANTED_UNTIL] = max(stay[Stay.WANTED_UNTIL], stay[Stay.END])
    item[Item.VALID] = written


def end_stay(s: State, b: int, item: Array) -> None:
    """The current stay of a buffer ends at its last slot so far."""
    stay = s.stay[b, item[Item.CURRENT]]
    stay[Stay.WANTED_UNTIL] = stay[Stay.END]
    item[Item.SPENT] = stay[Stay.END]
    item[Item.CURRENT] = -1


def end_access(inst: Instances, s: State, b: int, a: int, j: int, root: int) -> bool:
    """Extend the stay to the next access, or end it with the buffer; returns whether it could end.

    The extension is only a wish (Stay.WANTED_UNTIL): other buffers can take the addresses.
    """
    i = s.row[b]
    item = s.item[b, j]
    follows = inst.access[i, a, Access.FOLLOWS]
    if follows >= 0:
        if item[Item.CURRENT] >= 0:
            stay = s.stay[b, item[Item.CURRENT]]
            stay[Stay.WANTED_UNTIL] = max(stay[Stay.END], inst.access[i, follows, Access.SLOT] + 1)
            s.next_worth[b, item[Item.CURRENT]] = inst.worth[i, follows]
        return True
    if inst.output[i, j] == 1 and item[Item.VALID] == NEVER:
        written = write_back_by(inst, s, b, j, inst.slots[i])
        if written < 0:
            return False
        write_back(s, b, item, written)
    if item[Item.CURRENT] >= 0:
        end_stay(s, b, item)
    return inst.members[i, root] == 1 or item[Item.STAYS] > 0


def back_up(inst: Instances, s: State, b: int, root: int) -> None:
    """Take back all stays of a storage. If it has several buffers, it stays in slow memory from now on."""
    i = s.row[b]
    removed = 0
    for n in range(s.stays[b]):
        j = s.stay[b, n, Stay.OF]
        if j >= 0 and inst.storage[i, j] == root:
            remove_stay(s, b, n)
            removed = 1
    for j in range(inst.buffers[i]):
        if inst.storage[i, j] == root:
            slow_down(inst, s, b, j)
            item = s.item[b, j]
            item[Item.CURRENT] = -1
            item[Item.BORN] = -1
            item[Item.STAYS] = 0
            item[Item.VALID] = inst.define[i, j] + 1
    s.backups[b] += removed
    s.place[b, root] = SLOWED if inst.members[i, root] > 1 else OPEN
