"""The blocking shop without swaps: whether the jobs in the shop can still all get out, by depth-first search.

Deciding it is NP-complete (Lawley & Reveliotis, Int. J. Flexible Manuf. Syst. 13, 2001), so the search has a budget. Compiled
together with rules.py, which names the columns of the arrays.
"""

SAFE, UNSAFE, OPEN_QUESTION = 1, 0, 2


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
