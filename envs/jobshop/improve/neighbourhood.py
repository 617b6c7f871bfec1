"""The moves within the blocks of a critical path, and their estimates.

A block is a longest run of operations of the path on one machine. Only a move that puts an operation ahead of a block's first
one, or behind its last one, can shorten the path; not ahead of a block at tick 0, and not behind the path's last one.

N5  swaps the first two and the last two operations of a block (Nowicki & Smutnicki, Management Science 42, 1996).
N6  puts any operation of a block ahead of its first or behind its last one (Balas & Vazacopoulos, Management Science 44, 1998).
N7  also puts the first or the last one between others of the block (Zhang, Li, Guan & Rao, Computers & Operations Research 34,
    2007).
"""

from __future__ import annotations

from dispatchgym.envs.core.random import draw
from dispatchgym.envs.jobshop.improve.layout import N5, N7, Instances, JobData, Move, Node, State, Task

BEHIND_LAST, AHEAD_OF_FIRST, FIRST_INWARDS, LAST_INWARDS = range(4)  # kinds of moves


def survey(inst: Instances, s: State, b: int, i: int) -> None:
    """List the moves of the present schedule in s.move.

    If there are more than it holds, those with the smallest estimates are kept.
    """
    s.count[b] = 0
    s.found[b] = 0
    find_path(inst, s, b, i)
    path = s.path[b]
    end = inst.total[i]
    low = s.begin[b]
    while low < end:
        m = inst.task[i, path[low], Task.MACHINE]
        high = low
        while high + 1 < end and inst.task[i, path[high + 1], Task.MACHINE] == m:
            high += 1
        if high > low:
            list_block(inst, s, b, i, low, high)
        low = high + 1


def find_path(inst: Instances, s: State, b: int, i: int) -> None:
    """Write a critical path into s.path from s.begin on.

    Ties are drawn by the number of moves made, so that a schedule that is met again may show other moves.
    """
    nodes = s.node[b]
    path = s.path[b]
    none = s.moved.shape[1]
    x = none
    ties = 0
    for j in range(inst.jobs[i]):
        n = inst.job[i, j, JobData.LAST]
        if n < none and nodes[n, Node.END] == s.makespan[b]:
            ties += 1
            if ties == 1 or draw(s.made[b], n) % ties == 0:
                x = n
    at = inst.total[i]
    while x < none:
        at -= 1
        path[at] = x
        task = inst.task[i, x]
        start = nodes[x, Node.END] - task[Task.DURATION]
        before = task[Task.BEFORE]
        prev = nodes[x, Node.PREV]
        by_job = before < none and nodes[before, Node.END] == start
        by_machine = prev < none and nodes[prev, Node.END] == start
        if by_machine and (not by_job or draw(s.made[b], x) % 2 == 0):
            x = prev
        else:
            x = before if by_job else none
    s.begin[b] = at


def list_block(inst: Instances, s: State, b: int, i: int, low: int, high: int) -> None:
    """Offer the moves of the block path[low] ... path[high]."""
    path = s.path[b]
    front = low > s.begin[b] or s.node[b, path[low], Node.END] > inst.task[i, path[low], Task.DURATION]
    back = high < inst.total[i] - 1
    last_kind = LAST_INWARDS if inst.neighbourhood == N7 else AHEAD_OF_FIRST
    for kind in range(last_kind + 1):
        later = kind == BEHIND_LAST or kind == FIRST_INWARDS
        if (back if kind == BEHIND_LAST or kind == LAST_INWARDS else front) and (
            kind != AHEAD_OF_FIRST or high > low + 1 or not back  # two operations can be swapped in one way
        ):
            # Next to the end of a block, a move inwards is one of the first two kinds.
            begin = low + 2 if kind == FIRST_INWARDS else low if kind == BEHIND_LAST else low + 1
            end = high - 2 if kind == LAST_INWARDS else high if kind == AHEAD_OF_FIRST else high - 1
            if inst.neighbourhood == N5:
                begin = max(begin, high - 1) if later else begin
                end = end if later else min(end, low + 1)
            for x in range(begin, end + 1):
                first = low if kind == AHEAD_OF_FIRST or kind == FIRST_INWARDS else x
                last = high if kind == BEHIND_LAST or kind == LAST_INWARDS else x
                offer(inst, s, b, i, first, last, later, low, high)


def offer(inst: Instances, s: State, b: int, i: int, first: int, last: int, later: bool, low: int, high: int) -> None:
    """List the move of path[first] and path[last] within the block path[low] ... path[high], unless it could close a cycle."""
    u = s.path[b, first]
    v = s.path[b, last]
    if not (may_go_later(inst, s, b, i, u, v) if later else may_go_earlier(inst, s, b, i, u, v)):
        return
    s.found[b] += 1
    estimate = estimate_later(inst, s, b, i, first, last) if later else estimate_earlier(inst, s, b, i, first, last)
    count = s.count[b]
    place = count
    if count == s.move.shape[1]:
        place = 0
        for c in range(1, count):
            place = c if s.move[b, c, Move.ESTIMATE] >= s.move[b, place, Move.ESTIMATE] else place
        if estimate >= s.move[b, place, Move.ESTIMATE]:
            return
    else:
        s.count[b] = count + 1
    move = s.move[b, place]
    move[Move.FROM] = u
    move[Move.TO] = v
    move[Move.LATER] = 1 if later else 0
    move[Move.ESTIMATE] = estimate
    move[Move.PASSED] = last - first
    move[Move.BLOCK] = high - low + 1
    move[Move.AT_START] = 1 if first == low else 0
    move[Move.AT_END] = 1 if last == high else 0


def may_go_later(inst: Instances, s: State, b: int, i: int, u: int, v: int) -> bool:
    """Whether u may go right behind v without a cycle: no path leads from u's job successor to v.

    Such a path would make the successor's tail at least its duration longer than v's. Balas & Vazacopoulos (1998),
    proposition 2.2, compare without the duration, and so reject more moves.
    """
    nodes = s.node[b]
    tasks = inst.task[i]
    n = tasks[u, Task.AFTER]
    return n != v and nodes[n, Node.TAIL] < tasks[n, Task.DURATION] + nodes[v, Node.TAIL]


def may_go_earlier(inst: Instances, s: State, b: int, i: int, u: int, v: int) -> bool:
    """Whether v may go right ahead of u without a cycle: no path leads from u to v's job predecessor."""
    nodes = s.node[b]
    tasks = inst.task[i]
    n = tasks[v, Task.BEFORE]
    return n != u and nodes[n, Node.END] < tasks[n, Task.DURATION] + nodes[u, Node.END]


def estimate_later(inst: Instances, s: State, b: int, i: int, first: int, last: int) -> int:
    """Longest path through the moved operations if path[first] goes right behind path[last], all else as it is.

    Balas & Vazacopoulos (1998), section 2; for two neighbours it is Taillard's (ORSA Journal on Computing 6, 1994).
    """
    nodes = s.node[b]
    tasks = inst.task[i]
    path = s.path[b]
    ends = s.scratch[b]
    u = path[first]
    v = path[last]
    free = nodes[nodes[u, Node.PREV], Node.END]
    for x in range(first + 1, last + 1):
        free = max(nodes[tasks[path[x], Task.BEFORE], Node.END], free) + tasks[path[x], Task.DURATION]
        ends[x] = free
    rest = max(nodes[tasks[u, Task.AFTER], Node.TAIL], nodes[nodes[v, Node.NEXT], Node.TAIL]) + tasks[u, Task.DURATION]
    longest = max(nodes[tasks[u, Task.BEFORE], Node.END], free) + rest
    for x in range(last, first, -1):
        rest = max(nodes[tasks[path[x], Task.AFTER], Node.TAIL], rest)
        longest = max(longest, ends[x] + rest)
        rest += tasks[path[x], Task.DURATION]
    return longest


def estimate_earlier(inst: Instances, s: State, b: int, i: int, first: int, last: int) -> int:
    """The mirror image: longest path through the moved operations if path[last] goes right ahead of path[first]."""
    nodes = s.node[b]
    tasks = inst.task[i]
    path = s.path[b]
    tails = s.scratch[b]
    u = path[first]
    v = path[last]
    rest = nodes[nodes[v, Node.NEXT], Node.TAIL]
    for x in range(last - 1, first - 1, -1):
        rest = max(nodes[tasks[path[x], Task.AFTER], Node.TAIL], rest) + tasks[path[x], Task.DURATION]
        tails[x] = rest
    free = max(nodes[tasks[v, Task.BEFORE], Node.END], nodes[nodes[u, Node.PREV], Node.END]) + tasks[v, Task.DURATION]
    longest = free + max(nodes[tasks[v, Task.AFTER], Node.TAIL], rest)
    for x in range(first, last):
        free = max(nodes[tasks[path[x], Task.BEFORE], Node.END], free)
        longest = max(longest, free + tails[x])
        free += tasks[path[x], Task.DURATION]
    return longest
