"""Dispatching by a rule, as a kernel function around the functions of a blocking problem.

The legal choices are the environment's. Without swaps a rule needs them, because hardly any schedule ends without that mask.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.core.random import draw
from dispatchgym.envs.core.rules import (
    Instances,
    NotLinked,
    State,
    finished,
    legal,
    objective,
    reset,
    start_if_chosen,
    step,
    task_of,
)


class Rule(NamedTuple):
    """What `dispatch` needs; one row a copy where there is a B."""

    score: Array  # (J * K + 1,) float64
    factor: Array  # (B, J * K + 1) float64
    arrival: float
    random: int
    seed: Array  # (B,) int64
    objective: Array  # (B,) int32
    choices: Array  # (B, J + 1) int64 scratch


def ready_at(inst: Instances, s: State, b: int, k: int) -> int:
    """Since when the job of move k has been waiting: a stub, which the problem's function of that name replaces."""
    raise NotLinked("ready_at")


def dispatch(b: int, inst: Instances, s: State, r: Rule) -> None:
    """One episode of copy `b` on instance 0: the earliest move, of equal ones the one with the smallest score; no idle waiting.

    The score of a move is r.factor[b, task] * (r.score[task] + r.arrival * tick since when it waits). With r.random = 1 it is
    a random number.
    """
    reset(inst, s, b)
    choices = r.choices[b]
    wait = choices.shape[0] - 1
    counter = 0
    while not finished(inst, s, b):
        count = legal(inst, s, b, choices)
        best = wait
        first = 0
        lowest = 0.0
        for n in range(count):
            k = choices[n]
            if k != wait:
                tick = start_if_chosen(inst, s, b, k)
                task = task_of(inst, s, b, k)
                score = r.factor[b, task] * (r.score[task] + r.arrival * ready_at(inst, s, b, k))
                if r.random == 1:
                    score = float(draw(r.seed[b], counter))
                    counter += 1
                if best == wait or tick < first or (tick == first and score < lowest):
                    best = k
                    first = tick
                    lowest = score
        step(inst, s, b, best)
    r.objective[b] = objective(inst, s, b)
