"""The moves within the blocks of a critical path, and their estimates.

A block is a longest run of operations of the path on one machine. Only a move that puts an operation ahead of a block's first
one, or behind its last one, can shorten the path; not ahead of a block at tick 0, and not behind the path's last one.

N5  swaps the first two and the last two operations of a block (Nowicki & Smutnicki, Management Science 42, 1996).
N6  puts any operation of a block ahead of its first or behind its last one (Balas & Vazacopoulos, Management Science 44, 1998).
N7  also puts the first or the last one between others of the block (Zhang, Li, Guan & Rao, Computers & Operations Research 34,
    2007).
"""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
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
    opens = path[low]
    closes = path[high]
    front = low > s.begin[b] or s.node[b, opens, Node.END] > inst.task[i, opens, Task.DURATION]
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
                u = opens if kind == AHEAD_OF_FIRST or kind == FIRST_INWARDS else path[x]
                v = closes if kind == BEHIND_LAST or kind == LAST_INWARDS else path[x]
                offer(inst, s, b, i, u, v, later, high - low + 1, opens, closes)


def offer(inst: Instances, s: State, b: int, i: int, u: int, v: int, later: bool, block: int, opens: int, closes: int) -> None:
    """List a move unless it could close a cycle."""
    if not (may_go_later(inst, s, b, i, u, v) if later else may_go_earlier(inst, s, b, i, u, v)):
        return
    s.found[b] += 1
    estimate = estimate_later(inst, s, b, i, u, v) if later else estimate_earlier(inst, s, b, i, u, v)
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
    move[Move.PASSED] = between(s.node[b], u, v)
    move[Move.BLOCK] = block
    move[Move.AT_START] = 1 if u == opens else 0
    move[Move.AT_END] = 1 if v == closes else 0


def between(nodes: Array, u: int, v: int) -> int:
    """How many operations follow u on its machine up to v."""
    count = 0
    while u != v:
        u = nodes[u, Node.NEXT]
        count += 1
    return count


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


def estimate_later(inst: Instances, s: State, b: int, i: int, u: int, v: int) -> int:
    """Longest path through the moved operations if u goes right behind v, heads and tails elsewhere as they are.

    Balas & Vazacopoulos (1998), section 2; for two neighbours it is Taillard's (ORSA Journal on Computing 6, 1994).
    """
    nodes = s.node[b]
    tasks = inst.task[i]
    ends = s.scratch[b]
    free = nodes[nodes[u, Node.PREV], Node.END]
    count = 0
    x = u
    while x != v:
        x = nodes[x, Node.NEXT]
        free = max(nodes[tasks[x, Task.BEFORE], Node.END], free) + tasks[x, Task.DURATION]
        ends[count] = free
        count += 1
    rest = max(nodes[tasks[u, Task.AFTER], Node.TAIL], nodes[nodes[v, Node.NEXT], Node.TAIL]) + tasks[u, Task.DURATION]
    longest = max(nodes[tasks[u, Task.BEFORE], Node.END], free) + rest
    while count > 0:
        count -= 1
        rest = max(nodes[tasks[x, Task.AFTER], Node.TAIL], rest)
        longest = max(longest, ends[count] + rest)
        rest += tasks[x, Task.DURATION]
        x = nodes[x, Node.PREV]
    return longest


def estimate_earlier(inst: Instances, s: State, b: int, i: int, u: int, v: int) -> int:
    """The mirror image: longest path through the moved operations if v goes right ahead of u."""
    nodes = s.node[b]
    tasks = inst.task[i]
    tails = s.scratch[b]
    rest = nodes[nodes[v, Node.NEXT], Node.TAIL]
    count = 0
    x = v
    while x != u:
        x = nodes[x, Node.PREV]
        rest = max(nodes[tasks[x, Task.AFTER], Node.TAIL], rest) + tasks[x, Task.DURATION]
        tails[count] = rest
        count += 1
    free = max(nodes[tasks[v, Task.BEFORE], Node.END], nodes[nodes[u, Node.PREV], Node.END]) + tasks[v, Task.DURATION]
    longest = free + max(nodes[tasks[v, Task.AFTER], Node.TAIL], rest)
    while count > 0:
        count -= 1
        free = max(nodes[tasks[x, Task.BEFORE], Node.END], free)
        longest = max(longest, free + tails[count])
        free += tasks[x, Task.DURATION]
        x = nodes[x, Node.NEXT]
    return longest
