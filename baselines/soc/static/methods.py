"""The baselines of static task graphs, called by name: `solve(dag, "heft")`."""

from __future__ import annotations

import time
from typing import Any

from dispatchgym.baselines.first import Play, first_schedule, policies
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.baselines.soc.static.planning_request import whole
from dispatchgym.instances.soc.instance import StaticDag, lower_bound

METHODS: dict[str, str] = {
    "heft": "list scheduling by upward rank, insertion (Topcuoglu et al. 2002) [xSAMPLES]",
    "cpop": "the critical path on one PE, the rest by HEFT's rule (Topcuoglu et al. 2002) [xSAMPLES]",
    "peft": "list scheduling by optimistic costs (Arabnejad & Barbosa 2014) [xSAMPLES]",
    "lookahead": "HEFT that tries each PE on the children (Bittencourt et al. 2010) [xSAMPLES]",
    "min-min": "the task and PE with the earliest finish next (Ibarra & Kim 1977)",
    "max-min": "of all tasks' earliest finishes the latest next (Ibarra & Kim 1977)",
    "etf": "earliest finish next, of the tasks whose predecessors have ended by then (DS3)",
    "met": "every task on its fastest PE",
    "random": "any ready task on any PE [xSAMPLES]",
    "cpsat": "OR-Tools CP-SAT [SECONDS (10s), workers=N, hint=METHOD]",
}
SAMPLED = ("heft", "cpop", "peft", "lookahead", "random")
HINTS = tuple(name for name in METHODS if name != "cpsat")


def check_method(text: Method | str) -> Method:
    """Parse a method text and check its options without solving anything.

    Raises InputError naming the method, the option and the valid ones.
    """
    method = parse_method(text)
    method.among(METHODS)
    if method.name == "cpsat":
        method.accept(seconds=True, keys=("workers", "hint"))
        method.needs("ortools")
        method.integer("workers", 1)
        if not policies(method):
            method.choice("hint", HINTS)
    else:
        method.accept(samples=method.name in SAMPLED)
    return method


def solve(dag: StaticDag, method: Method | str, *, seed: int = 0, workers: int = 1, play: Play | None = None) -> Result:
    """Run one method, e.g. "heft", "heft:x128", "cpsat:20s,workers=2,hint=lookahead".

    `workers` is the number of CP-SAT's threads unless the text says otherwise; all other methods use one. `play` plays the
    policy that a hint may name. The same seed gives the same answer, unless a time limit ends the run or CP-SAT has several
    workers. Raises InputError for a method or option that is not valid.
    """
    m = check_method(method)
    began = time.perf_counter()
    request = whole(dag)
    if m.name != "cpsat":
        from dispatchgym.baselines.soc.static.list_scheduling import schedule

        found = schedule(request, m.name, samples=m.samples or 1, seed=seed)
        spent = time.perf_counter() - began
        return Result(request.objective(found), found, "feasible", spent, notes={"samples": m.samples} if m.samples else {})
    from dispatchgym.baselines.soc.static.cpsat import plan

    workers, hint = m.integer("workers", workers), m.options.get("hint", HINTS[0])
    first, before = hint, 0.0  # a heuristic's plan is made within the limit
    if policies(m):
        played = first_schedule(m, hint, lambda own: solve(dag, own, seed=seed), play)
        first, before = played.schedule, played.seconds
    limits: dict[str, Any] = {"seconds": m.seconds or 10.0, "before": before, "bound": lower_bound(dag)}
    answer = plan(request, hint=first, workers=workers, seed=seed, **limits)
    notes: dict[str, Any] = {"workers": workers, "hint": hint}
    return Result(answer.objective, answer.schedule, answer.status, answer.seconds, answer.lower_bound, answer.curve, notes)
