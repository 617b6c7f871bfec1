"""Small random programs for tests of memory, and random plans that keep all rules."""

import itertools

import numpy as np

from dispatchgym.instances.memory.instance import INPUT, MemoryPlan, MemoryProgram


def small_program(rng: np.random.Generator, slots: int = 6, buffers: int = 7, *, pins: bool = True) -> MemoryProgram:
    """Inputs and tensors of a few bytes, some of them aliases, outputs or pinned; one byte takes 1000 ticks in slow memory."""
    define = rng.integers(-1, slots, buffers)
    size = rng.integers(1, 5, buffers)
    pin = rng.choice(3, buffers, p=[0.9, 0.04, 0.06]) if pins else np.zeros(buffers, np.int64)
    pin[(pin == 1) & (size > 2)] = 0  # few bytes, so that there mostly is a plan
    alias = np.full(buffers, -1)
    order = np.argsort(define, kind="stable").tolist()
    for a, b in itertools.pairwise(order):
        if define[a] < define[b] and rng.random() < 0.2:
            alias[b], size[b], pin[b] = a, size[a], pin[a]
    access = []
    for n in range(buffers):
        reads = [i for i in range(max(define[n] + 1, 0), slots) if rng.random() < 0.4]
        access += [(n, define[n], rng.integers(1, size[n] + 1), 1)] if define[n] != INPUT else []
        access += [(n, i, rng.integers(1, size[n] + 1), 0) for i in reads]
    return MemoryProgram(
        compute=1000 * rng.integers(0, 5, slots),
        size=size,
        define=define,
        access=np.array(access, np.int64).reshape(-1, 4),
        capacity=int(rng.integers(5, 11)),
        slow_rate=10**9,
        fast_read_rate=10**10,
        fast_write_rate=5 * 10**9,
        scoped=rng.integers(0, 3, slots) * (rng.random(slots) < 0.3),
        output=(rng.random(buffers) < 0.3).astype(int),
        pin=pin,
        alias=alias,
        alignment=int(rng.choice([1, 1, 2])),
    )


def random_plan(rng: np.random.Generator, program: MemoryProgram) -> MemoryPlan | None:
    """A plan that keeps all rules; None if those pinned to fast memory found no room, or no time for a write-back."""
    stay: list[tuple[int, ...]] = []
    storage = program.storage
    groups = [np.flatnonzero(storage == root).tolist() for root in set(storage.tolist())]
    pinned = [g for g in groups if program.pin[g[0]] == 1]
    free = [g for g in groups if program.pin[g[0]] == 0]
    for group in [*pinned, *(free[k] for k in rng.permutation(len(free)))]:
        wanted = [_times(rng, program, n) for n in group]
        if not all(wanted) and program.pin[group[0]] == 1:
            return None
        if not all(wanted) or (program.pin[group[0]] == 0 and rng.random() < 0.2):
            continue
        rows = [(n, *times) for n, mine in zip(group, wanted, strict=True) for times in mine]
        places = range(0, program.capacity - int(program.size[group[0]]) + 1, program.alignment)
        together = [rows] if len(group) > 1 else [[row] for row in rows]
        chosen: list[tuple[int, ...]] = []
        for part in together:
            room = [x for x in rng.permutation(list(places)).tolist() if all(fits(program, stay, row, x) for row in part)]
            if not room:
                break
            chosen += [(n, begin, end, room[0], serves, written) for n, begin, end, serves, written in part]
        else:
            stay += chosen
            continue
        if program.pin[group[0]] == 1:
            return None
    return MemoryPlan(np.array(stay, np.int64).reshape(-1, 6))


def fits(program: MemoryProgram, stay: list[tuple[int, ...]], row: tuple[int, ...], low: int) -> bool:
    """Whether a stay (buffer, begin, end, ...) at offset `low` is apart from those in `stay` and from scoped bytes."""
    n, begin, end = row[:3]
    high = low + program.size[n]
    taken = [(b, e, o, o + program.size[m]) for m, b, e, o, _, _ in stay]
    taken += [(i, i + 1, 0, need) for i, need in enumerate(program.scoped.tolist())]
    return not any(b < end and begin < e and o < high and low < top for b, e, o, top in taken)


def _times(rng: np.random.Generator, program: MemoryProgram, n: int) -> list[tuple[int, int, int, int]]:
    """Stays (begin, end, serves, written) of a buffer that heed its slow accesses; none is possible too."""
    slots, define, out = program.instructions, int(program.define[n]), bool(program.output[n])
    used = sorted(program.access[program.access[:, 0] == n, 1].tolist())
    if program.pin[n] == 1:
        first, end = max(define, 0), int(program.last[n])
        need = out and define != INPUT
        write = [w for w in range(define + 2, end + 1) if need or rng.random() < 0.1]
        return [(first, end, first, int(rng.choice(write)) if write else -1)] if write or not need else []
    found: list[tuple[int, int, int, int]] = []
    reached = define + 1
    if define != INPUT and rng.random() < 0.8:
        end = int(rng.integers(define + 1, slots + 1))
        written = list(range(define + 2, end + 1))
        if written:
            reached = end
            found.append((define, end, define, int(rng.choice(written))))
        elif not out and all(i < end for i in used):
            return [(define, end, define, -1)]
    while reached < slots and rng.random() < 0.8:
        begin = int(rng.integers(reached, slots))
        serves = [i for i in used if i > begin]
        if not serves:
            break
        first = int(rng.choice(serves))
        reached = int(rng.integers(first + 1, slots + 1))
        found.append((begin, reached, first, -1))
    return found
