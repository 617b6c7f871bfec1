"""Memory mapping by priorities: a choice is the storage that the allocator of `allocator.py` serves next.

The reward is what the storage saves of the latency, as a share of all-slow latency. The choices are the first few storages, by
XLA's priority, of those that are left: the others can wait, and a program has hundreds. Storages that could save nothing, or
that are pinned, are never choices.

State.cursor counts decisions, State.undecided the storages that are left to decide.
"""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.memory.map.allocator import serve_storage
from dispatchgym.envs.memory.map.layout import WINDOW, Instances, State
from dispatchgym.envs.memory.map.simulator import latency_now
from dispatchgym.envs.memory.map.space import begin_plan


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    begin_plan(inst, s, b)
    s.undecided[b] = 0
    for j in range(inst.buffers[i]):
        s.open[b, j] = 0
    for x in range(inst.buffers[i]):
        if inst.ranking[i, x] >= 0:
            s.open[b, inst.ranking[i, x]] = 1
            s.undecided[b] += 1
    s.cursor[b] = 0
    s.backups[b] = 0
    s.latency[b] = latency_now(inst, s, b)


def finished(inst: Instances, s: State, b: int) -> bool:
    return s.undecided[b] == 0


def objective(inst: Instances, s: State, b: int) -> int:
    return s.latency[b]


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    i = s.row[b]
    count = 0
    for x in range(inst.buffers[i]):
        j = inst.ranking[i, x]
        if j >= 0 and s.open[b, j] == 1:
            n = count
            while n > 0 and choices[n - 1] > j:
                choices[n] = choices[n - 1]
                n -= 1
            choices[n] = j
            count += 1
            if count == WINDOW:
                break
    return count


def step(inst: Instances, s: State, b: int, action: int) -> float:
    before = s.latency[b]
    s.open[b, action] = 0
    s.undecided[b] -= 1
    s.cursor[b] += 1
    serve_storage(inst, s, b, action)
    return (before - s.latency[b]) * inst.gain[s.row[b]]
