"""The baselines of the job shop, called by name: `solve(instance, "tabu:1s")`."""

from __future__ import annotations

from dataclasses import replace

from dispatchgym.baselines.jobshop.rules import RULES
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.jobshop.instance import JobShop

BUILDERS = ("non-delay", "active", "semi-active")
METHODS: dict[str, str] = {
    **{name: f"rule: {rule.meaning} [xSAMPLES, builder={'|'.join(BUILDERS)}]" for name, rule in RULES.items()},
    "tabu": "tabu search on critical blocks [SECONDS (1s), moves=N, start=METHOD]",
    "sa": "simulated annealing on the same moves [SECONDS (1s), moves=N, start=METHOD]",
    "cpsat": "OR-Tools CP-SAT [SECONDS (10s), workers=N, hint=METHOD]",
}
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
    elif method.name == "cpsat":
        method.accept(seconds=True, keys=("workers", "hint"))
        method.needs("ortools")
        method.integer("workers", 1)
    else:
        method.budget("moves", "start")
    for key in {"hint", "start"} & set(method.options):
        if check_method(method.options[key]).name == "cpsat":
            raise method.error(f"option {key}=cpsat is not a heuristic")
    return method


def solve(instance: JobShop, method: Method | str, *, seed: int = 0, workers: int = 1) -> Result:
    """Run one method, e.g. "spt", "mwkr:x128", "tabu:1s", "sa:moves=100000", "cpsat:10s,workers=2,hint=tabu".

    `workers` is the number of CP-SAT's threads unless the text says otherwise; all other methods use one. The same seed
    gives the same answer, unless a time limit ends the run or CP-SAT has several workers. Raises InputError for a method
    or option that is not valid.
    """
    m = check_method(method)
    if m.name in RULES:
        from dispatchgym.baselines.jobshop.dispatch import dispatch

        return dispatch(instance, m.name, samples=m.samples or 1, builder=m.choice("builder", BUILDERS), seed=seed)
    if m.name == "cpsat":
        from dispatchgym.baselines.jobshop.cpsat import cpsat

        hint = solve(instance, m.options["hint"], seed=seed) if "hint" in m.options else None
        workers = m.integer("workers", workers)
        result = cpsat(instance, seconds=m.seconds or 10.0, workers=workers, seed=seed, hint=hint)
        return replace(result, notes={**result.notes, "hint": m.options["hint"]}) if hint else result
    from dispatchgym.baselines.jobshop.local_search import search

    start = solve(instance, m.options.get("start", START), seed=seed)
    result = search(instance, start, m.name, seconds=m.seconds or 1.0, moves=m.budget("moves", "start"), seed=seed)
    return replace(result, notes={**result.notes, "start": m.options.get("start", START)})
