"""Machine orders as a graph: heads and tails from an order of all operations, and their update after a move."""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.jobshop.improve.layout import Instances, JobData, Node, State, Task

MOVING = -2  # State.place of an operation that a move carries along, while it does


def lay_out(inst: Instances, s: State, b: int, i: int) -> None:
    """Write the nodes of an instance, none of which has a neighbour on its machine yet."""
    none = s.moved.shape[1]
    for j in range(inst.jobs[i]):
        clear_node(s, b, none + 1 + j, inst.job[i, j, JobData.RELEASE])
        for n in range(j * inst.width, j * inst.width + inst.job[i, j, JobData.LENGTH]):
            clear_node(s, b, n, 0)
            for c in range(s.moved.shape[2]):
                s.moved[b, n, c] = 0
    clear_node(s, b, none, 0)


def clear_node(s: State, b: int, n: int, end: int) -> None:
    node = s.node[b, n]
    node[Node.END] = end
    node[Node.TAIL] = 0
    node[Node.PREV] = s.moved.shape[1]
    node[Node.NEXT] = s.moved.shape[1]
    s.place[b, n] = -1


def evaluate(inst: Instances, s: State, b: int, i: int) -> None:
    """Make the schedule whose machines follow s.order, a topological order of all operations."""
    nodes = s.node[b]
    order = s.order[b]
    last = s.last[b]
    none = s.moved.shape[1]
    total = inst.total[i]
    for m in range(inst.machines[i]):
        last[m] = none
    for x in range(total):
        n = order[x]
        m = inst.task[i, n, Task.MACHINE]
        s.place[b, n] = x
        link(nodes, last[m], n)
        last[m] = n
    for m in range(inst.machines[i]):
        link(nodes, last[m], none)
    refresh_ends(inst, s, b, i, 0)
    refresh_tails(inst, s, b, i, total - 1)


def link(nodes: Array, a: int, c: int) -> None:
    nodes[a, Node.NEXT] = c
    nodes[c, Node.PREV] = a


def put_later(inst: Instances, s: State, b: int, i: int, u: int, v: int) -> None:
    """Move u right behind v, a later operation on its machine; `may_go_later` must hold."""
    nodes = s.node[b]
    order = s.order[b]
    place = s.place[b]
    carried = s.scratch[b]
    low = place[u]
    high = place[v]
    first = nodes[u, Node.PREV]
    last = nodes[v, Node.NEXT]
    link(nodes, first, nodes[u, Node.NEXT])
    link(nodes, v, u)
    link(nodes, u, last)
    kept = low
    count = 0
    # Within this window, u and its successors go behind the others.
    for x in range(low, high + 1):
        n = order[x]
        if n == u or place[inst.task[i, n, Task.BEFORE]] == MOVING or place[nodes[n, Node.PREV]] == MOVING:
            place[n] = MOVING
            carried[count] = n
            count += 1
        else:
            order[kept] = n
            place[n] = kept
            kept += 1
    for x in range(count):
        n = carried[x]
        order[kept + x] = n
        place[n] = kept + x
    refresh_ends(inst, s, b, i, low)
    refresh_tails(inst, s, b, i, high)


def put_earlier(inst: Instances, s: State, b: int, i: int, u: int, v: int) -> None:
    """Move v right ahead of u, an earlier operation on its machine; `may_go_earlier` must hold."""
    nodes = s.node[b]
    order = s.order[b]
    place = s.place[b]
    carried = s.scratch[b]
    low = place[u]
    high = place[v]
    first = nodes[u, Node.PREV]
    last = nodes[v, Node.NEXT]
    link(nodes, nodes[v, Node.PREV], last)
    link(nodes, v, u)
    link(nodes, first, v)
    kept = high
    count = 0
    # Within this window, v and its predecessors go ahead of the others.
    for x in range(high, low - 1, -1):
        n = order[x]
        if n == v or place[inst.task[i, n, Task.AFTER]] == MOVING or place[nodes[n, Node.NEXT]] == MOVING:
            place[n] = MOVING
            carried[count] = n
            count += 1
        else:
            order[kept] = n
            place[n] = kept
            kept -= 1
    for x in range(count):
        n = carried[x]
        order[kept - x] = n
        place[n] = kept - x
    refresh_ends(inst, s, b, i, low)
    refresh_tails(inst, s, b, i, high)


def refresh_ends(inst: Instances, s: State, b: int, i: int, low: int) -> None:
    """Recompute the ends from position `low` on, and the makespan.

    Where changes stop cannot be foretold: to look for it costs more than to go on.
    """
    nodes = s.node[b]
    order = s.order[b]
    for x in range(low, inst.total[i]):
        n = order[x]
        task = inst.task[i, n]
        nodes[n, Node.END] = max(nodes[task[Task.BEFORE], Node.END], nodes[nodes[n, Node.PREV], Node.END]) + task[Task.DURATION]
    latest = 0
    for j in range(inst.jobs[i]):
        latest = max(latest, nodes[inst.job[i, j, JobData.LAST], Node.END])
    s.makespan[b] = latest


def refresh_tails(inst: Instances, s: State, b: int, i: int, high: int) -> None:
    """Recompute the tails up to position `high`."""
    nodes = s.node[b]
    order = s.order[b]
    for x in range(high, -1, -1):
        n = order[x]
        task = inst.task[i, n]
        nodes[n, Node.TAIL] = max(nodes[task[Task.AFTER], Node.TAIL], nodes[nodes[n, Node.NEXT], Node.TAIL]) + task[Task.DURATION]
