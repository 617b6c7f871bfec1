"""The blocking shop without swaps: whether the jobs in the shop can still all get out, by depth-first search.

Deciding it is NP-complete (Lawley & Reveliotis, Int. J. Flexible Manuf. Syst. 13, 2001), so the search has a budget.
"""

from __future__ import annotations

from dispatchgym.envs.blocking.layout import SAFE, UNDECIDED, UNSAFE, Instances, Job, Machine, State, Task


def safe(inst: Instances, s: State, b: int, i: int, mover: int, budget: int) -> bool:
    """Whether all jobs in the shop can get out, one move at a time, after job `mover` has moved.

    Also False if `budget` states were too few to decide it. Time and the jobs outside play no part.
    """
    job = s.job[b, mover]
    row = mover * inst.width + job[Job.AT] + 1
    if inst.task[i, row, Task.LAST] == 1:
        return True  # it leaves from there without a further move
    n = 0
    others = 0
    for m in range(s.resource.shape[1]):
        j = s.resource[b, m, Machine.HOLDER]
        if j >= 0 and j != mover:
            s.search_jobs[b, n] = j
            s.level[b, 0, n] = s.job[b, j, Job.AT]
            others |= inst.future[i, j * inst.width + s.job[b, j, Job.AT]]
            n += 1
    if others & bit(inst, i, mover, job[Job.AT] + 1) == 0:
        return True  # no other job in the shop needs that machine again, and the state before was safe
    s.search_jobs[b, n] = mover
    s.level[b, 0, n] = job[Job.AT] + 1
    return search(inst, s, b, i, n + 1, budget) == SAFE


def search(inst: Instances, s: State, b: int, i: int, n: int, budget: int) -> int:
    """Search depth first over single moves; SAFE, UNSAFE, or UNDECIDED if `budget` states were too few.

    The n jobs of the search are s.search_jobs[b], and they are on operations s.level[b, 0].
    """
    depth = 0
    nodes = 0
    verdict = judge(inst, s, b, i, n, 0)
    while True:
        if verdict == SAFE:
            for d in range(depth):
                remember(s, b, int(s.key[b, d]), SAFE)
            return SAFE
        if verdict == UNDECIDED:
            x = next_branch(inst, s, b, i, n, depth)
            if x >= 0:
                nodes += 1
                if nodes > budget:
                    return UNDECIDED
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
        verdict = UNDECIDED


def next_branch(inst: Instances, s: State, b: int, i: int, n: int, depth: int) -> int:
    """The first job, from index s.branch on, whose next machine is empty at this level; -1 = none."""
    held = 0
    for x in range(n):
        k = s.level[b, depth, x]
        if k >= 0:
            held |= bit(inst, i, s.search_jobs[b, x], k)
    for x in range(s.branch[b, depth], n):
        k = s.level[b, depth, x]
        if k >= 0 and held & bit(inst, i, s.search_jobs[b, x], k + 1) == 0:
            return x
    return -1


def judge(inst: Instances, s: State, b: int, i: int, n: int, depth: int) -> int:
    """Simplify a level as far as possible; SAFE, UNSAFE, or UNDECIDED; s.branch is then 0, as no branch is tried."""
    spot = s.level[b, depth]
    if reduce_level(inst, s, b, i, n, depth) == 0:
        return SAFE
    if has_circle(inst, s, b, i, n, depth):
        return UNSAFE
    key = 0
    for x in range(n):
        if spot[x] >= 0:
            key ^= stamp(int(s.search_jobs[b, x]) * inst.width + int(spot[x]) + 1)
    s.key[b, depth] = key
    s.branch[b, depth] = 0
    return recall_verdict(s, b, key)


def reduce_level(inst: Instances, s: State, b: int, i: int, n: int, depth: int) -> int:
    """Advance jobs where that cannot make the state unsafe; the number of jobs still in the shop.

    A job may go, over empty machines, out of the shop or to a machine that no other job needs any more. There it delays no
    other job, so the state before was safe exactly if the state after is. This contains the banker's test.
    """
    spot = s.level[b, depth]
    held = 0
    left = 0
    for x in range(n):
        if spot[x] >= 0:
            held |= bit(inst, i, s.search_jobs[b, x], spot[x])
            left += 1
    moved = True
    while moved and left > 0:
        moved = False
        once = 0
        twice = 0
        for x in range(n):
            if spot[x] >= 0:
                need = inst.future[i, s.search_jobs[b, x] * inst.width + spot[x]]
                twice |= once & need
                once |= need
        for x in range(n):
            k = spot[x]
            if k < 0:
                continue
            j = s.search_jobs[b, x]
            base = j * inst.width
            needed = twice | (once & ~inst.future[i, base + k])
            here = bit(inst, i, j, k)
            goal = k
            at = k
            stays = True
            out = inst.task[i, base + at, Task.LAST] == 1
            while not out:
                m = bit(inst, i, j, at + 1)
                if m != here and held & m != 0:
                    break
                at += 1
                # Staying on its machine for the next operation changes nothing for the other jobs.
                stays = stays and m == here
                if stays or needed & m == 0:
                    goal = at
                out = inst.task[i, base + at, Task.LAST] == 1
            if out or goal > k:
                held &= ~here
                if out:
                    spot[x] = -1
                    left -= 1
                else:
                    spot[x] = goal
                    held |= bit(inst, i, j, goal)
                moved = True
                # `once` and `twice` are now too large: the rest of this pass may advance fewer jobs, never too many.
    return left


def bit(inst: Instances, i: int, j: int, k: int) -> int:
    """The machine of operation k of job j as one bit of a set."""
    return 1 << int(inst.task[i, j * inst.width + k, Task.MACHINE])


def has_circle(inst: Instances, s: State, b: int, i: int, n: int, depth: int) -> bool:
    """Whether jobs of this level wait for each other in a circle, which no swap can open."""
    spot = s.level[b, depth]
    for m in range(s.resource.shape[1]):
        s.resource[b, m, Machine.MARK] = -1
    for x in range(n):
        if spot[x] >= 0:
            s.resource[b, inst.task[i, s.search_jobs[b, x] * inst.width + spot[x], Task.MACHINE], Machine.MARK] = x
    for first in range(n):
        x = first if spot[first] >= 0 else -1
        walked = 0
        while x >= 0 and walked <= n:
            x = s.resource[b, inst.task[i, s.search_jobs[b, x] * inst.width + spot[x] + 1, Task.MACHINE], Machine.MARK]
            walked += 1
        if x >= 0:
            return True
    return False


def stamp(x: int) -> int:
    """A number of 62 bits that stands for (job, operation) in the key of a state: splitmix64 (Steele, Lea & Flood 2014)."""
    z = (x * 0x1E3779B97F4A7C15) & 0x3FFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0x3F58476D1CE4E5B9) & 0x3FFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x14D049BB133111EB) & 0x3FFFFFFFFFFFFFFF
    return z ^ (z >> 31)


def remember(s: State, b: int, key: int, verdict: int) -> None:
    """Store the verdict on the state `key`; it may replace that on another state."""
    s.memo[b, key & (s.memo.shape[1] - 1)] = 2 * key + verdict


def recall_verdict(s: State, b: int, key: int) -> int:
    """The stored verdict on the state `key`; UNDECIDED if there is none."""
    known = int(s.memo[b, key & (s.memo.shape[1] - 1)])
    return known & 1 if known != 0 and known >> 1 == key else UNDECIDED
