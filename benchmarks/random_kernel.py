"""Random legal play as kernel functions, around the functions of a problem."""

from __future__ import annotations

from dispatchgym.envs.core.random import draw
from dispatchgym.envs.core.records import Episodes
from dispatchgym.envs.core.rules import Instances, State, finished, legal, objective, reset, step

WAITS = 32
MOST_STEPS = 65536  # of an episode


def episode(b: int, inst: Instances, s: State, e: Episodes) -> None:
    """One whole episode of copy `b` without observations: the bare rules."""
    s.row[b] = b % inst.pool
    reset(inst, s, b)
    choices = e.choices[b]
    t = 0
    while not finished(inst, s, b):
        count = legal(inst, s, b, choices)
        step(inst, s, b, choices[draw(e.seed[b], t) % int(count)])
        t += 1
    e.final_objective[b] = objective(inst, s, b)
    e.final_length[b] = t


def pick(b: int, e: Episodes, t: int) -> None:
    """A random legal action of copy `b` into e.action."""
    e.action[b] = e.choices[b, draw(e.seed[b] + 1, t) % e.count[b]]


def venture(b: int, e: Episodes, t: int) -> None:
    """As `pick`, but the last choice, to wait, only if it is the only one, or once in WAITS times."""
    last = e.legal.shape[1] - 1
    wait = e.legal[b, last]
    moves = e.count[b] - wait
    bits = draw(e.seed[b] + 1, t)
    if moves == 0 or (wait == 1 and bits % WAITS == 0):
        e.action[b] = last
    else:
        e.action[b] = e.choices[b, bits // WAITS % moves]


def choose(b: int, e: Episodes) -> None:
    """As `pick`, by what copy `b` has played so far: a launch that is the same at every step, as CUDA graphs need."""
    if e.count[b] > 0:
        e.action[b] = e.choices[b, draw(e.seed[b] + 1, e.episode[b] * MOST_STEPS + e.length[b]) % e.count[b]]
