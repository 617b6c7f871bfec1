"""Machine orders as a graph: heads and tails from an order of all operations, and their update after a move."""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.jobshop.improve.layout import Instances, JobData, Node, State, Task

MOVING = -2  # Node.PLACE of an operation that a move carries along, while it does


def lay_out(inst: Instances, s: State, b: int, i: int) -> None:
    """Write what does not change in an episode: the operations with their neighbours in the jobs, and the releases."""
    none = s.moved.shape[1]
    for j in range(inst.jobs[i]):
        write_node(s.node[b, none + 1 + j], inst.job[i, j, JobData.RELEASE], none)
        for n in range(j * inst.width, j * inst.width + inst.job[i, j, JobData.LENGTH]):
            task = inst.task[i, n]
            node = s.node[b, n]
            write_node(node, 0, none)
            node[Node.DURATION] = task[Task.DURATION]
            node[Node.BEFORE] = task[Task.BEFORE]
            node[Node.AFTER] = task[Task.AFTER]
            for c in range(s.moved.shape[2]):
                s.moved[b, n, c] = 0
    write_node(s.node[b, none], 0, none)


def write_node(node: Array, end: int, none: int) -> None:
    """A node without neighbours."""
    node[Node.END] = end
    node[Node.TAIL] = 0
    node[Node.PREV] = none
    node[Node.NEXT] = none
    node[Node.PLACE] = -1
    node[Node.DURATION] = 0
    node[Node.BEFORE] = none
    node[Node.AFTER] = none


def evaluate(inst: Instances, s: State, b: int, i: int) -> None:
    """Make the schedule whose machines follow s.order, a topological order of all operations."""
    nodes = s.node[b]
    order = s.order[b]
    last = s.last[b]
    none = s.moved.shape[1]
    for m in range(inst.machines[i]):
        last[m] = none
    for x in range(inst.total[i]):
        n = order[x]
        m = inst.task[i, n, Task.MACHINE]
        node = nodes[n]
        p = last[m]
        node[Node.PLACE] = x
        node[Node.PREV] = p
        node[Node.END] = max(nodes[node[Node.BEFORE], Node.END], nodes[p, Node.END]) + node[Node.DURATION]
        nodes[p, Node.NEXT] = n
        last[m] = n
    for m in range(inst.machines[i]):
        nodes[last[m], Node.NEXT] = none
    nodes[none, Node.NEXT] = none
    for x in range(inst.total[i] - 1, -1, -1):
        node = nodes[order[x]]
        node[Node.TAIL] = max(nodes[node[Node.AFTER], Node.TAIL], nodes[node[Node.NEXT], Node.TAIL]) + node[Node.DURATION]
    s.makespan[b] = latest_end(inst, s, b, i)


def latest_end(inst: Instances, s: State, b: int, i: int) -> int:
    """The makespan."""
    latest = 0
    for j in range(inst.jobs[i]):
        latest = max(latest, s.node[b, inst.job[i, j, JobData.LAST], Node.END])
    return latest


def link(nodes: Array, a: int, c: int) -> None:
    nodes[a, Node.NEXT] = c
    nodes[c, Node.PREV] = a


def put_later(s: State, b: int, u: int, v: int) -> None:
    """Move u right behind v, a later operation on its machine; `may_go_later` must hold."""
    nodes = s.node[b]
    order = s.order[b]
    carried = s.scratch[b]
    low = nodes[u, Node.PLACE]
    high = nodes[v, Node.PLACE]
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
        node = nodes[n]
        if n == u or nodes[node[Node.BEFORE], Node.PLACE] == MOVING or nodes[node[Node.PREV], Node.PLACE] == MOVING:
            node[Node.PLACE] = MOVING
            carried[count] = n
            count += 1
        else:
            order[kept] = n
            node[Node.PLACE] = kept
            kept += 1
    for x in range(count):
        n = carried[x]
        order[kept + x] = n
        nodes[n, Node.PLACE] = kept + x
    refresh(s, b, low, high, first, last)


def put_earlier(s: State, b: int, u: int, v: int) -> None:
    """Move v right ahead of u, an earlier operation on its machine; `may_go_earlier` must hold."""
    nodes = s.node[b]
    order = s.order[b]
    carried = s.scratch[b]
    low = nodes[u, Node.PLACE]
    high = nodes[v, Node.PLACE]
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
        node = nodes[n]
        if n == v or nodes[node[Node.AFTER], Node.PLACE] == MOVING or nodes[node[Node.NEXT], Node.PLACE] == MOVING:
            node[Node.PLACE] = MOVING
            carried[count] = n
            count += 1
        else:
            order[kept] = n
            node[Node.PLACE] = kept
            kept -= 1
    for x in range(count):
        n = carried[x]
        order[kept - x] = n
        nodes[n, Node.PLACE] = kept - x
    refresh(s, b, low, high, first, last)


def refresh(s: State, b: int, low: int, high: int, first: int, last: int) -> None:
    """Recompute ends and tails between positions `low` and `high`, and beyond them as far as values change.

    `first` and `last` are the operations that now come just before and after those moved on their machine, or none: they
    have new neighbours though they may lie outside.
    """
    nodes = s.node[b]
    order = s.order[b]
    x = low
    reach = max(high, nodes[last, Node.PLACE])
    # Which values change cannot be foretold, so nothing here is a branch.
    while x <= reach:
        node = nodes[order[x]]
        end = max(nodes[node[Node.BEFORE], Node.END], nodes[node[Node.PREV], Node.END]) + node[Node.DURATION]
        far = max(nodes[node[Node.AFTER], Node.PLACE], nodes[node[Node.NEXT], Node.PLACE])
        reach = max(reach, far if end != node[Node.END] else x)
        node[Node.END] = end
        x += 1
    x = high
    reach = min(low, place_or(nodes[first, Node.PLACE], low))
    while x >= reach:
        node = nodes[order[x]]
        tail = max(nodes[node[Node.AFTER], Node.TAIL], nodes[node[Node.NEXT], Node.TAIL]) + node[Node.DURATION]
        far = min(place_or(nodes[node[Node.BEFORE], Node.PLACE], x), place_or(nodes[node[Node.PREV], Node.PLACE], x))
        reach = min(reach, far if tail != node[Node.TAIL] else x)
        node[Node.TAIL] = tail
        x -= 1


def place_or(place: int, other: int) -> int:
    """The place of an operation, or the other number for a node that has none."""
    return place if place >= 0 else other
