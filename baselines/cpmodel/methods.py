"""The baselines of scheduling models, called by name: `solve(instance, "lft:x100")`."""

from __future__ import annotations

from dataclasses import replace

from dispatchgym.baselines.cpmodel.dispatch import BUILDERS, dispatch, justify
from dispatchgym.baselines.cpmodel.priorities import RULES
from dispatchgym.baselines.cpmodel.shop_graph import refuse
from dispatchgym.baselines.first import Play, check_first, first_schedule
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.cpmodel.instance import CPInstance

METHODS: dict[str, str] = {
    **{
        name: f"rule: {rule.meaning}; the mode that ends first [xSAMPLES, builder={'|'.join(BUILDERS)}]"
        for name, rule in RULES.items()
    },
    "regret": "tasks drawn by regret (Drexl 1991) [xSAMPLES (100), rule=RULE, builder=parallel|serial]",
    "justify": "the same, then forward-backward improvement (Valls et al. 2005) [xSAMPLES (20), rule=RULE]",
    "tabu": "tabu search on critical paths, for flexible shops [SECONDS (1s), moves=N, start=METHOD]",
    "sa": "simulated annealing over activity lists [SECONDS (1s), moves=N, start=METHOD]",
    "cpsat": "OR-Tools CP-SAT, on the original model where there is one [SECONDS (10s), workers=N, hint=METHOD]",
}
DRAWN = tuple(name for name in RULES if name != "random")  # rules of sampling; the first is not the default
DEFAULT = "lft"
SEARCHES = {"tabu": "mwkr:builder=serial", "sa": "regret:x20"}  # and what they start from


def check_method(text: Method | str) -> Method:
    """Parse a method text and check its options, those of its hint or start too, without solving anything.

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
    elif method.name in SEARCHES:
        method.budget("moves", "start")
    else:
        method.accept(samples=True, keys=("rule", "builder") if method.name == "regret" else ("rule",))
        method.choice("rule", (DEFAULT, *DRAWN))
        method.choice("builder", BUILDERS)
    check_first(method, check_method, ("cpsat",))
    return method


def solve(instance: CPInstance, method: Method | str, *, seed: int = 0, workers: int = 1, play: Play | None = None) -> Result:
    """Run one method, e.g. "mwkr", "lft:x100,builder=serial", "justify:x50", "tabu:1s", "cpsat:10s,workers=2,hint=lft".

    `workers` is the number of CP-SAT's threads unless the text says otherwise; all other methods use one. `play` plays the
    policy that a hint or a start may name. The same seed gives the same answer, unless a time limit ends the run or CP-SAT has
    several workers. A rule that leaves a task without a mode, by deadlines or links, finds no schedule. Raises InputError for a
    method or option that is not valid.
    """
    m = check_method(method)
    if m.name in RULES:
        return dispatch(instance, m.name, samples=m.samples or 1, builder=m.choice("builder", BUILDERS), seed=seed)

    def first(text: str) -> Result:
        return first_schedule(m, text, lambda own: solve(instance, own, seed=seed), play)

    if m.name == "cpsat":
        from dispatchgym.baselines.cpmodel.cpsat import cpsat

        hint = first(m.options["hint"]) if "hint" in m.options else None
        if hint is not None and hint.schedule is None:
            hint = None
        result = cpsat(instance, seconds=m.seconds or 10.0, workers=m.integer("workers", workers), seed=seed, hint=hint)
        return replace(result, notes={**result.notes, "hint": m.options["hint"]}) if hint else result
    if m.name in SEARCHES:
        from dispatchgym.baselines.cpmodel.local_search import search

        begin = m.options.get("start", SEARCHES[m.name])
        if m.name == "tabu":
            refuse(instance, "tabu search")
        result = search(instance, first(begin), m.name, seconds=m.seconds or 1.0, moves=m.budget("moves", "start"), seed=seed)
        return replace(result, notes={**result.notes, "start": begin})
    rule = m.choice("rule", (DEFAULT, *DRAWN))
    if m.name == "regret":
        builder = m.choice("builder", BUILDERS)
        return dispatch(instance, rule, samples=m.samples or 100, builder=builder, seed=seed, greed=1.0)
    return justify(instance, rule, samples=m.samples or 20, seed=seed)
