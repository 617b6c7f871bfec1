"""Improvement of a complete schedule, once: a choice is a move within a block of a critical path, or a restart.

The start is the non-delay schedule of a dispatching rule. A restart, the last choice, goes back to the best schedule so far, as
the back jumps of Nowicki & Smutnicki (Management Science 42, 1996) do. It perturbs nothing: the moves that follow do that,
and so an episode has no random part. The reward is what the best makespan gained.

An episode ends after inst.moves choices, at the lower bound, or when neither a move nor a restart is left, which only happens
where jobs come back to a machine.
"""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.jobshop.improve.layout import Instances, JobData, Move, Moved, Node, State, Task
from dispatchgym.envs.jobshop.improve.neighbourhood import survey
from dispatchgym.envs.jobshop.improve.orders import evaluate, lay_out, put_earlier, put_later
from dispatchgym.envs.jobshop.layout import NEVER


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    lay_out(inst, s, b, i)
    dispatch(inst, s, b, i)
    evaluate(inst, s, b, i)
    s.made[b] = 0
    s.first[b] = s.makespan[b]
    keep(inst, s, b, i)
    survey(inst, s, b, i)


def dispatch(inst: Instances, s: State, b: int, i: int) -> None:
    """Write the start into s.order: of the operations that can start first of all, the one with the smallest score."""
    nodes = s.node[b]
    following = s.next[b]
    last = s.last[b]
    none = s.moved.shape[1]
    for j in range(inst.jobs[i]):
        following[j] = inst.job[i, j, JobData.FIRST]
    for m in range(inst.machines[i]):
        last[m] = none
    for x in range(inst.total[i]):
        first = NEVER
        chosen = none
        best = 0.0
        for j in range(inst.jobs[i]):
            n = following[j]
            if n < none:
                task = inst.task[i, n]
                start = max(nodes[task[Task.BEFORE], Node.END], nodes[last[task[Task.MACHINE]], Node.END])
                score = inst.score[i, n]
                if start < first or (start == first and score < best):
                    first = start
                    chosen = n
                    best = score
        s.order[b, x] = chosen
        task = inst.task[i, chosen]
        nodes[chosen, Node.END] = first + task[Task.DURATION]
        last[task[Task.MACHINE]] = chosen
        following[chosen // inst.width] = task[Task.AFTER]


def keep(inst: Instances, s: State, b: int, i: int) -> None:
    """The present schedule is the best one."""
    for x in range(inst.total[i]):
        s.best_order[b, x] = s.order[b, x]
    s.best[b] = s.makespan[b]
    s.best_at[b] = s.made[b]
    s.is_best[b] = 1


def finished(inst: Instances, s: State, b: int) -> bool:
    stuck = s.count[b] == 0 and s.is_best[b] == 1
    return s.made[b] >= inst.moves or s.best[b] <= inst.bound[s.row[b]] or stuck


def objective(inst: Instances, s: State, b: int) -> int:
    return s.best[b]


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    count = s.count[b]
    for k in range(count):
        choices[k] = k
    if s.is_best[b] == 0:
        choices[count] = s.move.shape[1]
        count += 1
    return count


def step(inst: Instances, s: State, b: int, action: int) -> float:
    i = s.row[b]
    before = s.best[b]
    fetch(s, b)
    s.made[b] += 1
    if action == s.move.shape[1]:
        for x in range(inst.total[i]):
            s.order[b, x] = s.best_order[b, x]
        evaluate(inst, s, b, i)
        s.is_best[b] = 1
    else:
        play_move(inst, s, b, i, s.move[b, action])
        s.is_best[b] = 0
        if s.makespan[b] < before:
            keep(inst, s, b, i)
    survey(inst, s, b, i)
    return (before - s.best[b]) / max(inst.bound[i], 1)


def fetch(s: State, b: int) -> None:
    """Read the nodes as they lie in memory, four to a cache line.

    A move reads them in the order of the graph, which processors cannot foresee. With hundreds of copies, whose states are not in
    the cache, a step takes some 0.8 of the time.
    """
    seen = 0
    for n in range(0, s.node.shape[1], 4):
        seen ^= s.node[b, n, Node.END]
    s.scratch[b, 0] = seen  # so that it is not left out


def play_move(inst: Instances, s: State, b: int, i: int, move: Array) -> None:
    u = move[Move.FROM]
    v = move[Move.TO]
    if move[Move.LATER] == 1:
        put_later(inst, s, b, i, u, v)
    else:
        put_earlier(inst, s, b, i, u, v)
    s.moved[b, u, Moved.LATER] = s.made[b]
    s.moved[b, v, Moved.EARLIER] = s.made[b]


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The moved operation; of the restart a node of its own, behind the operations."""
    if k == s.move.shape[1]:
        return s.moved.shape[1]
    move = s.move[b, k]
    return move[Move.FROM] if move[Move.LATER] == 1 else move[Move.TO]


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    return task_of(inst, s, b, k)


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The machine of the move; of the restart a node of its own, behind the machines."""
    if k == s.move.shape[1]:
        return s.last.shape[1]
    return inst.task[s.row[b], s.move[b, k, Move.FROM], Task.MACHINE]


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The tick at which the moved operation starts now; 0 for the restart."""
    if k == s.move.shape[1]:
        return 0
    n = task_of(inst, s, b, k)
    return s.node[b, n, Node.END] - inst.task[s.row[b], n, Task.DURATION]
