"""What the agent sees of an improvement: features of moves and of the state, and the graph of the present schedule."""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array, Observation
from dispatchgym.envs.jobshop.improve.layout import (
    Candidate,
    Context,
    Instances,
    JobData,
    Move,
    Moved,
    Node,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)


def since(s: State, b: int, when: int) -> float:
    """1 / (moves since the move after which `when` were made), at most 1; 0 if `when` is 0."""
    return 1.0 / (s.made[b] - when + 1) if when > 0 else 0.0


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of choice k; time is in mean durations, or in shares of the present makespan."""
    i = s.row[b]
    unit = inst.rate[i]
    makespan = s.makespan[b]
    if k == s.move.shape[1]:
        for f in range(out.shape[0]):
            out[f] = 0.0
        out[Candidate.RESTART] = 1.0
        out[Candidate.CHANGE] = clip((s.best[b] - makespan) * unit, 8.0)
        return
    nodes = s.node[b]
    move = s.move[b, k]
    a = move[Move.FROM]
    c = move[Move.TO]
    u = nodes[a]
    v = nodes[c]
    p = inst.task[i, a, Task.DURATION]
    q = inst.task[i, c, Task.DURATION]
    moved = u if move[Move.LATER] == 1 else v
    duration = p if move[Move.LATER] == 1 else q
    estimate = move[Move.ESTIMATE]
    share = 1.0 / max(makespan, 1)
    passed = v[Node.END] - u[Node.END]
    if move[Move.LATER] == 0:
        passed += p - q
    out[Candidate.RESTART] = 0.0
    out[Candidate.CHANGE] = clip((estimate - makespan) * unit, 8.0)
    out[Candidate.ABOVE_BEST] = clip((estimate - s.best[b]) * unit, 8.0)
    out[Candidate.LATER] = move[Move.LATER]
    out[Candidate.PASSED] = move[Move.PASSED] / 8.0
    out[Candidate.PASSED_WORK] = clip(passed * unit, 8.0)
    out[Candidate.DURATION] = duration * unit
    out[Candidate.START] = (moved[Node.END] - duration) * share
    out[Candidate.TAIL] = moved[Node.TAIL] * share
    out[Candidate.DELAY_SLACK] = clip((makespan - u[Node.END] - nodes[inst.task[i, a, Task.AFTER], Node.TAIL]) * unit, 8.0)
    out[Candidate.ADVANCE_SLACK] = clip((makespan - nodes[inst.task[i, c, Task.BEFORE], Node.END] - v[Node.TAIL]) * unit, 8.0)
    out[Candidate.BLOCK] = move[Move.BLOCK] / 8.0
    out[Candidate.AT_START] = move[Move.AT_START]
    out[Candidate.AT_END] = move[Move.AT_END]
    undone = max(s.moved[b, a, Moved.EARLIER], s.moved[b, c, Moved.LATER])
    out[Candidate.RECENT] = since(s, b, undone)


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state: how far it is, how good it is, its shape."""
    i = s.row[b]
    bound = max(inst.bound[i], 1)
    jobs = inst.jobs[i]
    machines = inst.machines[i]
    out[Context.PROGRESS] = s.made[b] / inst.moves
    out[Context.LOSS] = s.best[b] / bound - 1.0
    out[Context.GAIN] = (s.first[b] - s.best[b]) / bound
    out[Context.ABOVE_BEST] = clip((s.makespan[b] - s.best[b]) * inst.rate[i], 8.0)
    out[Context.IS_BEST] = s.is_best[b]
    out[Context.STALE] = clip((s.made[b] - s.best_at[b]) / 100.0, 4.0)
    out[Context.CHOICES] = s.found[b] / 32.0
    out[Context.PATH] = (inst.total[i] - s.begin[b]) / (jobs + machines)
    out[Context.SHAPE] = clip(jobs / machines, 8.0) / 4.0
    out[Context.OPERATION_TIME] = jobs * inst.unit[i] / max(s.makespan[b], 1)


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are operations (job * K + index) and the restart's, resource nodes machines and the restart's.

    First in `precedes` come the arcs of the jobs, then those of the machines.
    """
    i = s.row[b]
    restart = s.moved.shape[1]
    for m in range(inst.machines[i]):
        row = o.resources[b, m]
        row[ResourceNode.EXISTS] = 1.0
        row[ResourceNode.IS_RESTART] = 0.0
        row[ResourceNode.LOAD] = inst.load[i, m] / max(s.makespan[b], 1)
        row[ResourceNode.ON_PATH] = 0.0
    o.resources[b, s.last.shape[1], ResourceNode.IS_RESTART] = 1.0
    o.tasks[b, restart, TaskNode.IS_RESTART] = 1.0
    chain = 0
    for j in range(inst.jobs[i]):
        for k in range(inst.job[i, j, JobData.LENGTH]):
            n = j * inst.width + k
            show_task(inst, s, b, i, n, o.tasks[b, n])
            if k > 0:
                o.precedes[b, chain, 0] = n - 1
                o.precedes[b, chain, 1] = n
                chain += 1
    show_path(inst, s, b, i, o)
    show_machines(inst, s, b, i, o, chain)


def show_task(inst: Instances, s: State, b: int, i: int, n: int, row: Array) -> None:
    """Features of operation n; one of duration 0 starts when its job is ready, and what follows it in its job is its tail."""
    nodes = s.node[b]
    node = nodes[n]
    makespan = max(s.makespan[b], 1)
    duration = inst.task[i, n, Task.DURATION]
    ready = nodes[inst.task[i, n, Task.BEFORE], Node.END]
    end = node[Node.END] if duration > 0 else ready
    tail = node[Node.TAIL] if duration > 0 else nodes[inst.task[i, n, Task.AFTER], Node.TAIL]
    free = nodes[node[Node.PREV], Node.END] if duration > 0 else ready
    start = end - duration
    row[TaskNode.EXISTS] = 1.0
    row[TaskNode.IS_RESTART] = 0.0
    row[TaskNode.DURATION] = duration / inst.unit[i]
    row[TaskNode.START] = start / makespan
    row[TaskNode.TAIL] = tail / makespan
    row[TaskNode.SLACK] = (s.makespan[b] - start - tail) / makespan
    row[TaskNode.ON_PATH] = 0.0
    row[TaskNode.JOB_WAIT] = clip((start - ready) / inst.unit[i], 8.0)
    row[TaskNode.MACHINE_WAIT] = clip((start - free) / inst.unit[i], 8.0)
    row[TaskNode.RECENT] = since(s, b, max(s.moved[b, n, Moved.LATER], s.moved[b, n, Moved.EARLIER]))


def show_path(inst: Instances, s: State, b: int, i: int, o: Observation) -> None:
    for x in range(s.begin[b], inst.total[i]):
        n = s.path[b, x]
        o.tasks[b, n, TaskNode.ON_PATH] = 1.0
        share = inst.task[i, n, Task.DURATION] / max(s.makespan[b], 1)
        o.resources[b, inst.task[i, n, Task.MACHINE], ResourceNode.ON_PATH] += share


def show_machines(inst: Instances, s: State, b: int, i: int, o: Observation, chain: int) -> None:
    """The edges to machines, and behind the first `chain` arcs those from each operation to the next on its machine."""
    nodes = s.node[b]
    none = s.moved.shape[1]
    edge = 0
    for j in range(inst.jobs[i]):
        for k in range(inst.job[i, j, JobData.LENGTH]):
            n = j * inst.width + k
            work = 0
            if inst.task[i, n, Task.DURATION] == 0:
                show_edge(inst, s, b, i, o, edge, n, 0)
                edge += 1
            elif nodes[n, Node.PREV] == none:
                while n < none:
                    show_edge(inst, s, b, i, o, edge, n, work)
                    edge += 1
                    work += inst.task[i, n, Task.DURATION]
                    after = nodes[n, Node.NEXT]
                    if after < none:
                        o.precedes[b, chain, 0] = n
                        o.precedes[b, chain, 1] = after
                        chain += 1
                    n = after


def show_edge(inst: Instances, s: State, b: int, i: int, o: Observation, edge: int, n: int, work: int) -> None:
    m = inst.task[i, n, Task.MACHINE]
    o.runs_on[b, edge, 0] = n
    o.runs_on[b, edge, 1] = m
    o.runs_on_features[b, edge, RunsOn.DURATION] = inst.task[i, n, Task.DURATION] / inst.unit[i]
    o.runs_on_features[b, edge, RunsOn.POSITION] = work / max(inst.load[i, m], 1)
