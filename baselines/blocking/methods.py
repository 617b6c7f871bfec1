"""Every baseline of the blocking job shop behind one call: `solve(instance, "sa:10s")`."""

from __future__ import annotations

from dispatchgym.baselines.jobshop.rules import RULES as JOB_SHOP_RULES
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.blocking.instance import BlockingShop

RULES = {name: rule for name, rule in JOB_SHOP_RULES.items() if rule.start == 0.0}  # est: all moves of an event start at once
METHODS: dict[str, str] = {
    **{name: f"rule: {rule.meaning} [xSAMPLES]" for name, rule in RULES.items()},
    "sa": "simulated annealing on sequences of moves; plans without interruptions [SECONDS (1s), iterations=N]",
    "rolling": "the same, replanned at every failure [SECONDS in all (1s), iterations=N]",
    "cpsat": "OR-Tools CP-SAT with all interruptions known in advance [SECONDS (10s), workers=N]",
}


def check_method(text: Method | str) -> Method:
    """Parse a method text and check its options without solving anything.

    Raises InputError naming the method, the option and the valid ones.
    """
    method = parse_method(text)
    method.among(METHODS)
    if method.name in RULES:
        method.accept(samples=True)
    elif method.name == "cpsat":
        method.accept(seconds=True, keys=("workers",))
        method.needs("ortools")
        method.integer("workers", 1)
    else:
        method.budget("iterations")
    return method


def solve(instance: BlockingShop, method: Method | str, *, seed: int = 0, workers: int = 1) -> Result:
    """Run one method, e.g. "spt", "mwkr:x128", "sa:10s", "rolling:1s", "cpsat:10s,workers=2".

    `workers` is the number of CP-SAT's threads unless the text says otherwise; all other methods use one. The same seed
    gives the same answer, unless a time limit ends the run or CP-SAT has several workers. Raises InputError for a method
    or option that is not valid.
    """
    m = check_method(method)
    if m.name in RULES:
        from dispatchgym.baselines.blocking.rules import dispatch

        return dispatch(instance, m.name, samples=m.samples or 1, seed=seed)
    if m.name == "cpsat":
        from dispatchgym.baselines.blocking import cpsat

        return cpsat.solve(instance, m, seed=seed, workers=workers)
    if m.name == "rolling":
        from dispatchgym.baselines.blocking import rolling

        return rolling.solve(instance, m, seed=seed, workers=workers)
    from dispatchgym.baselines.blocking import local_search

    return local_search.solve(instance, m, seed=seed, workers=workers)
