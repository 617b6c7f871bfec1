"""The first schedule of a search or solver, which option `hint` or `start` names: by a baseline of the family, or by a policy.

Baselines know no policies. Who runs them passes a function that plays one, and its time is counted like that of any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from dispatchgym.baselines.clock import now
from dispatchgym.baselines.method import FIRST, POLICY, Method, parse_method
from dispatchgym.baselines.result import Result

Play = Callable[[str], Result]  # the text of a policy method -> its answer to the instance


def by_policy(text: str) -> bool:
    """Whether a policy makes the first schedule."""
    return parse_method(text).name == POLICY


def policies(method: Method) -> list[str]:
    """The policy methods that the options of `method` name."""
    return [method.options[key] for key in FIRST if key in method.options and by_policy(method.options[key])]


def check_first(method: Method, check: Callable[[str], Method], solvers: Collection[str]) -> None:
    """Check what makes the first schedule, by `check`; InputError also for one of `solvers`. Who plays policies checks theirs."""
    for key in FIRST:
        text = method.options.get(key)
        if text is not None and not by_policy(text) and check(text).name in solvers:
            raise method.error(f"option {key}={text} is not a heuristic")


def first_schedule(method: Method, text: str, own: Play, play: Play | None) -> Result:
    """The answer of `text`, by `own` if it names a baseline. Its seconds are those of the clock.

    Compiling at the first call in a process is not counted. InputError for a policy if there is no `play`.
    """
    policy = by_policy(text)
    if policy and play is None:
        raise method.error(f"'{text}' is played by evaluate.py and Family.solve alone")
    before, began = now(), time.perf_counter()
    found = play(text) if policy and play is not None else own(text)
    return replace(found, seconds=min(found.seconds, now() - before, time.perf_counter() - began))
