"""One clock for the limits of all methods: by CPU time other work on the machine costs nothing, by wall time it does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from dispatchgym import families
from dispatchgym.baselines import clock
from dispatchgym.baselines.budget import Budget
from dispatchgym.baselines.result import Result
from dispatchgym.instances.errors import InputError

HARD = {  # family -> an instance that none of these methods finishes in the limit
    "jobshop": ("ta41", "cpsat:0.6s"),
    "blocking": ("ta01/bws", "cpsat:0.6s"),
    "static-dag": ("topcuoglu/v100/ccr1/s0", "cpsat:0.6s"),
    "memory-pack": ("D", "cpsat:0.6s,goal=height"),
}


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    before = clock.chosen()
    yield
    clock.choose(before)


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Other processes that want every core."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    yield
    for hog in hogs:
        hog.kill()
        hog.wait()


def solve(family: str) -> tuple[Result, float]:
    """The answer and the CPU-seconds that it took."""
    card = families.load(family)
    instance = card.load(HARD[family][0])
    cpu = time.process_time()
    return card.solve(instance, HARD[family][1]), time.process_time() - cpu


@pytest.mark.parametrize("family", HARD)
def test_cpsat_uses_its_cpu_time_and_not_much_more(family: str) -> None:
    clock.choose("cpu")
    solve(family)  # imports and compiles
    result, cpu = solve(family)
    assert result.status == "feasible"
    assert 0.55 < cpu < 1.2
    assert max(point[0] for point in result.curve) < 1.2


def test_on_a_busy_machine_cpu_time_gives_the_same_work_and_wall_time_less(busy_machine: None) -> None:
    clock.choose("cpu")
    solve("jobshop")
    result, by_cpu = solve("jobshop")
    clock.choose("wall")
    hurried, by_wall = solve("jobshop")
    assert by_cpu > 0.55
    assert result.seconds > 1.3 * by_cpu  # it waited, and that did not count
    assert by_wall < 0.8 * by_cpu
    assert hurried.seconds < result.seconds


def test_a_budget_counts_by_the_clock() -> None:
    for kind, spent in (("cpu", 0.0), ("wall", 0.2)):
        clock.choose(kind)
        budget, limit = Budget(0.1), clock.Limit(0.1)
        time.sleep(0.2)  # takes no processor
        assert budget.spent_seconds() == pytest.approx(spent, abs=0.09)
        assert limit.over() == (kind == "wall")
        assert (budget.used() >= 1.0) == (kind == "wall")


def test_a_limit_of_several_workers_is_on_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = iter([10.0, 12.0, 12.0, 12.0])
    monkeypatch.setattr(time, "process_time", lambda: next(passed))
    limit = clock.Limit(1.0, workers=4, before=0.25)
    assert limit.spent() == 0.25 + 2.0 / 4
    assert limit.left() == 0.25
    assert not limit.over()


def test_an_unknown_clock_is_refused() -> None:
    with pytest.raises(InputError, match="'sun' is not one of cpu, wall"):
        clock.choose("sun")
