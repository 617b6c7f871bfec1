"""Every baseline of streams of jobs behind one call: `solve(stream, "etf")`."""

from __future__ import annotations

from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.baselines.soc.streams.rules import DS3_RULES, RULES, TIES, dispatch
from dispatchgym.instances.soc.instance import Stream

METHODS: dict[str, str] = {
    **{name: f"rule: {meaning}" for name, meaning in RULES.items()},
    "rolling-heft": "HEFT plans whole jobs in the order of their arrival, again at every arrival",
    "rolling-cpsat": "CP-SAT plans all jobs in the system, again at every arrival [SECONDS of CPU time a plan (0.2s), workers=N]",
}


def check_method(text: Method | str) -> Method:
    """Parse a method text and check its options without solving anything.

    Raises InputError naming the method, the option and the valid ones.
    """
    method = parse_method(text)
    method.among(METHODS)
    if method.name == "rolling-cpsat":
        method.accept(seconds=True, keys=("workers",))
        method.needs("ortools")
        method.integer("workers", 1)
    else:
        if method.samples is not None:
            raise method.error("which of several runs is best is only known afterwards; a stream is met once")
        method.accept(keys=("tie",) if method.name in DS3_RULES else ())
        method.choice("tie", TIES)
    return method


def solve(stream: Stream, method: Method | str, *, seed: int = 0, workers: int = 1) -> Result:
    """Run one method, e.g. "etf", "rolling-cpsat:0.1s,workers=2". The objective is in nanoseconds.

    `workers` is the number of CP-SAT's threads unless the text says otherwise; all other methods use one. The same seed
    gives the same answer, unless CP-SAT has several workers. Raises InputError for a method or option that is not valid.
    """
    m = check_method(method)
    if m.name in RULES:
        return dispatch(stream, m.name, seed=seed, tie=m.choice("tie", TIES))
    from dispatchgym.baselines.soc.streams import rolling

    if m.name == "rolling-heft":
        return rolling.heft(stream)
    return rolling.cpsat(stream, m, seed=seed, workers=workers)
