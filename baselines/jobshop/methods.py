"""The baselines of the job shop, called by name: `solve(instance, "tabu:1s")`."""

from __future__ import annotations

from dataclasses import replace

from dispatchgym.baselines.first import Play, check_first, first_schedule
from dispatchgym.baselines.jobshop.rules import RULES
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.jobshop.instance import JobShop

BUILDERS = ("non-delay", "active", "semi-active")
METHODS: dict[str, str] = {
    **{name: f"rule: {rule.meaning} [xSAMPLES, builder={'|'.join(BUILDERS)}]" for name, rule in RULES.items()},
    "tabu": "tabu search on critical blocks [SECONDS (1s), moves=N, start=METHOD]",
    "sa": "simulated annealing on the same moves [SECONDS (1s), moves=N, start=METHOD]",
    "lns": "large-neighbourhood search: CP-SAT repairs a freed part [SECONDS (10s), start=METHOD]",
    "cpsat": "OR-Tools CP-SAT [SECONDS (10s), workers=N, hint=METHOD]",
}
SOLVERS = ("lns", "cpsat")
START = "fdd-mwkr"


def check_method(text: Method | str) -> Method:
    """Parse a method text and check its options, those of its start or hint too, without solving anything.

    Raises InputError naming the method, the option and the valid ones.
    """
    method = parse_method(text)
    method.among(METHODS)
    if method.name in RULES:
        method.accept(samples=True, keys=("builder",))
        method.choice("builder", BUILDERS)
    elif method.name in SOLVERS:
        method.accept(seconds=True, keys=("workers", "hint") if method.name == "cpsat" else ("start",))
        method.needs("ortools")
        method.integer("workers", 1)
    else:
        method.budget("moves", "start")
    check_first(method, check_method, SOLVERS)
    return method


def solve(instance: JobShop, method: Method | str, *, seed: int = 0, workers: int = 1, play: Play | None = None) -> Result:
    """Run one method, e.g. "spt", "mwkr:x128", "tabu:1s", "sa:moves=100000", "lns:10s", "cpsat:10s,workers=2,hint=tabu".

    `workers` is the number of CP-SAT's threads unless the text says otherwise; all other methods use one. `play` plays the
    policy that a hint or a start may name. The same seed gives the same answer, unless a time limit ends the run or CP-SAT has
    several workers. Raises InputError for a method or option that is not valid.
    """
    m = check_method(method)
    if m.name in RULES:
        from dispatchgym.baselines.jobshop.dispatch import dispatch

        return dispatch(instance, m.name, samples=m.samples or 1, builder=m.choice("builder", BUILDERS), seed=seed)

    def first(text: str) -> Result:
        return first_schedule(m, text, lambda own: solve(instance, own, seed=seed), play)

    if m.name == "cpsat":
        from dispatchgym.baselines.jobshop.cpsat import cpsat

        hint = first(m.options["hint"]) if "hint" in m.options else None
        workers = m.integer("workers", workers)
        result = cpsat(instance, seconds=m.seconds or 10.0, workers=workers, seed=seed, hint=hint)
        return replace(result, notes={**result.notes, "hint": m.options["hint"]}) if hint else result
    start = first(m.options.get("start", START))
    if m.name == "lns":
        from dispatchgym.baselines.jobshop.lns import lns

        result = lns(instance, start, seconds=m.seconds or 10.0, seed=seed)
    else:
        from dispatchgym.baselines.jobshop.local_search import search

        result = search(instance, start, m.name, seconds=m.seconds or 1.0, moves=m.budget("moves", "start"), seed=seed)
    return replace(result, notes={**result.notes, "start": m.options.get("start", START)})
