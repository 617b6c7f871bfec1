"""The engine's own kernel functions: one reset or step of copy `b`, around the functions of the problem."""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array, Observation
from dispatchgym.envs.core.random import draw
from dispatchgym.envs.core.records import Episodes, Options
from dispatchgym.envs.core.rules import (
    Instances,
    State,
    candidate,
    context,
    finished,
    graph,
    legal,
    objective,
    reset,
    resource_of,
    step,
    task_of,
)

GRAPH = True  # setting: observations have the graph
KEEPS_ROWS = False  # setting: Kernel.graph_keeps is "rows" or "everything"
KEEPS_ALL = False  # setting: it is "everything"


def observe(b: int, inst: Instances, s: State, e: Episodes, o: Observation) -> None:
    """Write mask, features and (if its arrays have rows) the graph of copy `b`.

    Only rows of choices that were or are legal are touched: a step costs what it shows, not what it could. All rows are
    cleared first if they are dirty.
    """
    legal_now = e.legal[b]
    choices = e.choices[b]
    shown = e.shown[b]
    mask = o.mask[b]
    rows = o.candidates[b]
    if e.dirty[b] == 1:
        e.dirty[b] = 0
        for k in range(rows.shape[0]):
            mask[k] = 0
            for f in range(rows.shape[1]):
                rows[k, f] = 0.0
    before = e.count[b]
    for n in range(before):
        k = choices[n]
        shown[n] = k
        legal_now[k] = 0
        mask[k] = 0
    count = 0 if finished(inst, s, b) else legal(inst, s, b, choices)
    e.count[b] = count
    context(inst, s, b, o.context[b])
    for n in range(count):
        k = choices[n]
        legal_now[k] = 1
        mask[k] = 1
        candidate(inst, s, b, k, rows[k])
    for n in range(before):
        k = shown[n]
        if legal_now[k] == 0:
            for f in range(rows.shape[1]):
                rows[k, f] = 0.0
    if GRAPH:
        show_graph(b, inst, s, o, not KEEPS_ROWS or e.graph_row[b] != s.row[b])
        e.graph_row[b] = s.row[b]


def show_graph(b: int, inst: Instances, s: State, o: Observation, clear: bool) -> None:
    """Write the graph of copy `b`, and which nodes its legal choices name; with `clear` its arrays may hold anything."""
    mask = o.mask[b]
    for k in range(mask.shape[0]):
        o.candidate_task[b, k] = task_of(inst, s, b, k) if mask[k] == 1 else -1
        o.candidate_resource[b, k] = resource_of(inst, s, b, k) if mask[k] == 1 else -1
    if clear:
        blank(b, o)
    if clear or not KEEPS_ALL:
        graph(inst, s, b, o)


def blank(b: int, o: Observation) -> None:
    """Clear the graph of copy `b`: features 0, edges -1."""
    fill(o.tasks[b], 0)
    fill(o.resources[b], 0)
    fill(o.precedes[b], -1)
    fill(o.runs_on[b], -1)
    fill(o.runs_on_features[b], 0)


def fill(array: Array, value: int) -> None:
    for x in range(array.size):
        array.flat[x] = value


def begin(b: int, inst: Instances, s: State, e: Episodes) -> None:
    """Start the next episode of copy `b`: draw its instance, reset."""
    if e.fixed[b] >= 0:
        s.row[b] = e.fixed[b]
    else:
        s.row[b] = draw(e.seed[b], e.episode[b]) % inst.pool
    e.episode[b] += 1
    e.length[b] = 0
    e.total[b] = 0.0
    reset(inst, s, b)


STEP = -1  # a turn that plays e.action[b]
EVERY = 0  # turns that start new episodes: in every copy
ENDED = 1  # in copies whose last step ended their episode; the others keep what they show
ENDED_SHOW = 2  # the same, and every copy shows its state


def turn(b: int, inst: Instances, s: State, e: Episodes, o: Observation, options: Options, what: int) -> None:
    """Play or restart copy `b`, as `what` says, and observe.

    One function does both: each function of the problem is inlined once, which halves the time to compile.
    """
    if what == STEP:
        fresh = advance(b, inst, s, e, options) and options.autoreset == 1
    else:
        fresh = what == EVERY or e.terminated[b] == 1 or e.truncated[b] == 1
        if what == ENDED and not fresh:
            return
    if fresh:
        begin(b, inst, s, e)
    observe(b, inst, s, e, o)


def advance(b: int, inst: Instances, s: State, e: Episodes, options: Options) -> bool:
    """One step of copy `b` with e.action[b]; returns whether its episode ended."""
    action = e.action[b]
    ok = action >= 0 and action < e.legal.shape[1] and e.legal[b, action] == 1
    gained = step(inst, s, b, action) if ok else 0.0
    total = e.total[b] + gained
    length = e.length[b] + 1
    over = finished(inst, s, b)
    cut = length >= options.max_steps and not over
    if options.terminal_reward == 1:
        gained = total if over else 0.0
    # Where there is nothing to decide, no action is wrong, and the episode ends with the first.
    fine = ok or (over and length == 1)
    e.reward[b] = gained if fine else options.penalty
    e.total[b] = total
    e.length[b] = length
    e.illegal[b] = 0 if fine else 1
    e.terminated[b] = 1 if over else 0
    e.truncated[b] = 1 if cut else 0
    ended = over or cut
    if ended:
        e.final_objective[b] = objective(inst, s, b) if over else -1
        e.final_return[b] = total
        e.final_length[b] = length
    return ended
